//! The bench: one node, and adapters that are started, asked, killed.

use crate::lock::adapter::{Answer, Reply, Request};
use crate::lock::profile::Profile;
use crate::lock::start::{Settings, Start, start};
use crate::plan::NODE_MEMORY_MIB;
use crate::site::blueprint::{
    Blueprint, DiskBlueprint, MountBlueprint, NodeBlueprint, Role, ServerBlueprint, WireBlueprint,
};
use crate::site::clock::Clock;
use crate::site::{Happening, KernelSite, NodeId, Resources, Site, SiteError};
use crate::units::{MICROSECOND, Nanos};
use lockstorm_agent::{Command, Message, Outcome};
use std::collections::VecDeque;

/// The node of the bench.
const NODE: NodeId = NodeId::at(0);
/// Time for an adapter to get ready, and for the node to boot.
const START: Nanos = Nanos::from_secs(60);
/// Time for an answer that waits for nothing.
pub const PROMPT: Nanos = Nanos::from_secs(20);

/// Why a chapter ends early.
pub enum Stop {
    /// The adapter did what it should not.
    Complaint(String),
    Site(SiteError),
}

impl From<SiteError> for Stop {
    fn from(error: SiteError) -> Stop {
        Stop::Site(error)
    }
}

pub type Step<T> = Result<T, Stop>;

pub fn complain<T>(what: impl Into<String>) -> Step<T> {
    Err(Stop::Complaint(what.into()))
}

/// Who is asked: two processes at most compete.
pub type Holder = u8;

#[derive(Debug)]
enum Heard {
    Line { holder: Holder, line: String },
    Ended { holder: Holder, cause: String },
    Done { id: u64, outcome: Outcome },
    Hello,
}

pub struct Bench<'a> {
    site: KernelSite<'a>,
    profile: &'a Profile,
    brought: bool,
    heard: VecDeque<Heard>,
    running: Vec<Holder>,
    /// An adapter has ended on this lock, and may have left it held.
    ended: bool,
    requests: u64,
    /// How many paths of a lock were used up.
    locks: u32,
    timers: u64,
    version: Option<String>,
    booted: bool,
    dead: bool,
}

/// A site of one client, with memory for two adapters.
pub fn blueprint(profile: &Profile) -> Blueprint {
    let memory_mib = profile.memory.map_or(NODE_MEMORY_MIB, |memory| memory.0) * 2;
    let latency = Nanos(100 * MICROSECOND);
    Blueprint {
        clock: Clock::Virtual,
        wall_start_s: crate::plan::WALL_START_S,
        wire: WireBlueprint::even(latency, 1),
        disk: DiskBlueprint { size_mib: 16, latency, flush: latency },
        server: ServerBlueprint::new(30, 30, 1),
        mount: MountBlueprint::plain("4.2"),
        nodes: vec![NodeBlueprint {
            name: "bench".into(),
            role: Role::Client,
            mac: "02:00:00:00:00:01".into(),
            ip: [10, 0, 0, 1].into(),
            seed: 1,
            memory_mib,
            power_on: Nanos::ZERO,
            settings: Default::default(),
            pids_used: 0,
        }],
    }
}

impl<'a> Bench<'a> {
    pub fn new(
        profile: &'a Profile,
        brought: bool,
        blueprint: &'a Blueprint,
        resources: Resources<'a>,
    ) -> Result<Bench<'a>, SiteError> {
        Ok(Bench {
            site: KernelSite::new(blueprint, resources)?,
            profile,
            brought,
            heard: VecDeque::new(),
            running: Vec::new(),
            ended: false,
            requests: 0,
            locks: 0,
            timers: 0,
            version: None,
            booted: false,
            dead: false,
        })
    }

    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// What the lock said of itself when it was last ready.
    pub fn version(&self) -> Option<String> {
        self.version.clone()
    }

    /// The node is gone: nothing more can be tried.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    pub fn now(&self) -> Nanos {
        Nanos(self.site.now())
    }

    pub fn finish(mut self) -> Result<(), SiteError> {
        self.site.finish()
    }

    /// Begins a chapter. The adapters of one that went `well` and that all live go on, with nothing
    /// held, since most of the time goes into starting processes; any other is left behind with
    /// its adapters and its lock.
    pub fn begin(&mut self, well: bool) -> Step<()> {
        if !self.booted {
            self.boot()?;
        }
        if !well || self.ended || !self.let_go() {
            for holder in std::mem::take(&mut self.running) {
                self.site.send(NODE, Command::KillAdapter { holder });
                self.end_of(holder, PROMPT)?;
            }
            self.locks += 1;
            self.ended = false;
        }
        self.heard.clear();
        Ok(())
    }

    /// Has every adapter release; whether all of them live to say so.
    fn let_go(&mut self) -> bool {
        let running = self.running.clone();
        running.into_iter().all(|holder| self.ask(holder, &Request::Release).is_ok())
    }

    fn boot(&mut self) -> Step<()> {
        self.site.power_on(NODE)?;
        match self.wait_for(START, |heard| matches!(heard, Heard::Hello))? {
            Some(_) => {}
            None => return complain("the node did not boot"),
        }
        let hostname = "bench".to_owned();
        let address = "10.0.0.1/24".to_owned();
        let (pids_used, identity, nsm) = (0, None, None);
        self.done(Command::Configure { hostname, address, pids_used, identity, nsm })?;
        if self.brought {
            self.done(Command::MountSupplement)?;
        }
        self.booted = true;
        Ok(())
    }

    /// Sends a command that should succeed.
    fn done(&mut self, command: Command) -> Step<()> {
        let sent = self.site.send(NODE, command);
        match self
            .wait_for(START, |heard| matches!(heard, Heard::Done { id, .. } if *id == sent))?
        {
            Some(Heard::Done { outcome: Outcome::Failed { message, .. }, .. }) => complain(message),
            Some(_) => Ok(()),
            None => complain("the node does not answer"),
        }
    }

    /// Has an adapter that is ready and holds nothing: it runs, or is started.
    pub fn ready(&mut self, holder: Holder) -> Step<()> {
        match self.running.contains(&holder) {
            true => Ok(()),
            false => self.start(holder),
        }
    }

    /// Starts an adapter and hears it say that it is ready.
    pub fn start(&mut self, holder: Holder) -> Step<()> {
        let Start { dir, argv, env } = start(
            self.profile,
            &Settings {
                path: &format!("/tmp/lock-{}", self.locks),
                lifetime: self.profile.lifetime.map(|lifetime| lifetime.default),
                options: &self.profile.options,
                brought: self.brought,
            },
        );
        let (watched, pid_namespace) = (Vec::new(), false);
        self.done(Command::StartAdapter { holder, dir, argv, env, watched, pid_namespace })?;
        self.running.push(holder);
        let Some(line) = self.line_of(holder, START)? else {
            return complain(format!("did not say that it is ready within {START}"));
        };
        match Reply::parse(&line) {
            Ok(Reply::Ready { version, .. }) => {
                self.version = Some(version);
                Ok(())
            }
            Ok(Reply::Answer { .. }) => {
                complain(format!("did not begin with `ready`, but with {line}"))
            }
            Err(what) => complain(what),
        }
    }

    /// Asks, and hears the answer within [`PROMPT`].
    pub fn ask(&mut self, holder: Holder, request: &Request) -> Step<Answer> {
        let id = self.tell(holder, request);
        match self.answer(holder, id, PROMPT)? {
            Some(answer) => Ok(answer),
            None => complain(format!("did not answer {} within {PROMPT}", request.numbered(id))),
        }
    }

    /// Asks, and answers the request's number.
    pub fn tell(&mut self, holder: Holder, request: &Request) -> u64 {
        self.requests += 1;
        self.tell_line(holder, request.numbered(self.requests));
        self.requests
    }

    /// Sends a line that may make no sense.
    pub fn tell_line(&mut self, holder: Holder, line: String) {
        self.site.send(NODE, Command::Adapter { holder, line });
    }

    /// The answer to a request; `None`: none came in time.
    pub fn answer(&mut self, holder: Holder, id: u64, within: Nanos) -> Step<Option<Answer>> {
        let Some(line) = self.line_of(holder, within)? else {
            return Ok(None);
        };
        match Reply::parse(&line) {
            Ok(Reply::Answer { id: answered, answer }) if answered == id => Ok(Some(answer)),
            Ok(_) => complain(format!("answered request {id} with {line}")),
            Err(what) => complain(what),
        }
    }

    /// The next line of an adapter; `None`: none came in time. One that ended has no more lines.
    pub fn line_of(&mut self, holder: Holder, within: Nanos) -> Step<Option<String>> {
        let its_own = |heard: &Heard| match heard {
            Heard::Line { holder: who, .. } | Heard::Ended { holder: who, .. } => *who == holder,
            _ => false,
        };
        match self.wait_for(within, its_own)? {
            Some(Heard::Line { line, .. }) => Ok(Some(line)),
            Some(Heard::Ended { cause, .. }) => {
                self.running.retain(|running| *running != holder);
                complain(format!("{cause} where it should have answered"))
            }
            _ => Ok(None),
        }
    }

    /// Ends the input of an adapter.
    pub fn close(&mut self, holder: Holder) -> Step<()> {
        self.done(Command::CloseAdapter { holder })
    }

    /// Kills an adapter and waits for its end.
    pub fn kill(&mut self, holder: Holder) -> Step<()> {
        self.done(Command::KillAdapter { holder })?;
        self.end_of(holder, PROMPT).map(drop)
    }

    /// How an adapter ended; what it still says before that is passed over.
    pub fn end_of(&mut self, holder: Holder, within: Nanos) -> Step<Option<String>> {
        let ended =
            |heard: &Heard| matches!(heard, Heard::Ended { holder: who, .. } if *who == holder);
        self.running.retain(|running| *running != holder);
        self.ended = true;
        let Some(Heard::Ended { cause, .. }) = self.wait_for(within, ended)? else {
            return Ok(None);
        };
        self.heard
            .retain(|heard| !matches!(heard, Heard::Line { holder: who, .. } if *who == holder));
        Ok(Some(cause))
    }

    /// Lets time pass, for as long as nothing is said that is waited for.
    pub fn pause(&mut self, time: Nanos) -> Step<()> {
        self.wait_for(time, |_| false).map(drop)
    }

    /// Waits for something to be heard; everything else is kept for later.
    fn wait_for(&mut self, within: Nanos, wanted: impl Fn(&Heard) -> bool) -> Step<Option<Heard>> {
        if let Some(index) = self.heard.iter().position(&wanted) {
            return Ok(self.heard.remove(index));
        }
        self.timers += 1;
        let timer = self.timers;
        self.site.set_timer(self.site.now() + within.0, timer);
        loop {
            let happening = match self.site.advance() {
                Err(stuck @ SiteError::Stuck { .. }) => {
                    self.dead = true;
                    return complain(stuck.to_string());
                }
                advanced => advanced?,
            };
            let heard = match happening {
                Happening::Timer(token) if token == timer => return Ok(None),
                Happening::Idle => return Ok(None),
                Happening::Timer(_) | Happening::Signal(_) => continue,
                Happening::Died { cause, .. } | Happening::Garbled { cause, .. } => {
                    self.dead = true;
                    return complain(format!("its node ended: {cause}"));
                }
                Happening::Message { message, .. } => match message {
                    Message::Hello => Heard::Hello,
                    Message::Done { id, outcome } => Heard::Done { id, outcome },
                    Message::AdapterLine { holder, line } => Heard::Line { holder, line },
                    Message::AdapterEnded { holder, cause } => Heard::Ended { holder, cause },
                    // No call is watched here.
                    Message::CallFailed { .. } => continue,
                },
            };
            match wanted(&heard) {
                true => return Ok(Some(heard)),
                false => self.heard.push_back(heard),
            }
        }
    }
}
