//! A site of real kernels: lets time pass at it.
//!
//! **Lookahead.** A node that runs may let its own time pass up to the next event of the calendar,
//! the next request of another node, or one lookahead, whichever comes first. No device answers
//! sooner than that: the lookahead is the least of the link's, the disk's and the control
//! channel's latency. So what a node does within its slice can reach nobody, not even itself,
//! before the slice has ended, and it is enough to look into its rings then. Everything that a
//! node sends within a slice counts as sent at the slice's begin.

use super::blueprint::{Blueprint, NodeBlueprint, Role};
use super::clock::{Calendar, Clock};
use super::disk::blk;
use super::disk::image::Image;
use super::disk::store::Store;
use super::disk::trouble::{Trouble, TroubleId};
use super::exchange::Failure;
use super::launch::core::{self, Core};
use super::launch::{Images, Launch, Launcher, Programs};
use super::node::console::Console;
use super::node::log::Log;
use super::node::machine::Patience;
use super::node::slot::Slot;
use super::node::{Machine, Slice};
use super::traffic::misuse;
use super::wire::capture::Capture;
use super::wire::{Frame, Rule, RuleId, Switch};
use super::{Happening, NodeId, Site, SiteError, Statistics};
use crate::rpc::{Decoder, Listener};
use crate::units::{MICROSECOND, MILLISECOND, SECOND};
use lockstorm_agent::{Command, Numbered};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a site is made from, beside its blueprint.
pub struct Resources<'a> {
    pub kernels: &'a Programs,
    /// Where the kernels run.
    pub launch: Launch,
    pub image: &'a Path,
    /// A second image, for the clients alone.
    pub supplement: Option<&'a Path>,
    /// An existing directory for console logs, the capture, and what a run adds to them.
    pub artefacts: &'a Path,
    /// A slice of more wall time than this is stuck.
    pub patience: Duration,
    /// Asked now and then whether the user wants to stop.
    pub interrupted: &'a dyn Fn() -> bool,
}

/// Events are for one incarnation of a node, its `life`: what was on the way to a machine that
/// has lost its power is lost.
pub(super) enum Event {
    Frame {
        frame: Frame,
        life: u32,
    },
    DiskDone {
        node: NodeId,
        life: u32,
        slot: Slot,
        done: Vec<blk::Done>,
    },
    Control {
        node: NodeId,
        life: u32,
        bytes: Vec<u8>,
    },
    Timer(u64),
    /// A rule of the wire has something to send by itself.
    Wire,
}

impl Event {
    /// The node that must run because of it.
    pub(super) fn node(&self) -> Option<(NodeId, u32)> {
        match self {
            Event::Frame { frame, life } => Some((frame.to, *life)),
            Event::DiskDone { node, life, .. } | Event::Control { node, life, .. } => {
                Some((*node, *life))
            }
            Event::Timer(_) | Event::Wire => None,
        }
    }
}

pub(super) struct Node {
    pub(super) machine: Option<Machine>,
    pub(super) console: Console,
    log: Log,
    pub(super) life: u32,
    /// The agent has said hello. Before that a driver may wait for a device in a busy loop that
    /// counts nanoseconds, so slices are kept short.
    pub(super) greeted: bool,
    /// What has been kept for it since it was suspended.
    pub(super) pause: Option<Pause>,
    commands: u64,
}

impl Node {
    /// One that is switched off.
    fn new(log: Log) -> Node {
        Node {
            machine: None,
            console: Console::default(),
            log,
            life: 0,
            greeted: false,
            pause: None,
            commands: 0,
        }
    }
}

/// A node's time of standing still.
pub(super) struct Pause {
    since: u64,
    /// What its disks and its control channel have for it.
    pub(super) kept: Vec<Event>,
}

/// A site of real kernels.
pub struct KernelSite<'a> {
    pub(super) now: u64,
    pub(super) blueprint: &'a Blueprint,
    pub(super) resources: Resources<'a>,
    pub(super) calendar: Calendar<Event>,
    pub(super) nodes: Vec<Node>,
    pub(super) wire: Switch,
    /// When the wire's rules are asked next.
    pub(super) wire_due: Option<u64>,
    pub(super) capture: Capture,
    pub(super) disk: Store,
    pub(super) image: Image,
    pub(super) supplement: Option<Image>,
    launcher: Launcher,
    /// When the site was built, if it lives by the host's clock.
    pub(super) begun: Option<Instant>,
    pub(super) lateness: u64,
    lookahead: u64,
    pub(super) happenings: VecDeque<Happening>,
    pub(super) statistics: Statistics,
    progress: Progress,
    /// Kernels that take turns share a core; those that run side by side want them all.
    _core: Option<Core>,
}

/// A mark on both clocks, to tell whether virtual time gets on at all.
struct Progress {
    wall: Instant,
    now: u64,
}

/// How often, in slices, the wall clock is looked at.
const PROGRESS_EVERY: u64 = 4096;
/// Virtual time that must pass before the patience of [`Resources`] is at an end (ns). An adapter
/// that asks for the time in a loop makes it pass, at 256 ns a question.
const PROGRESS_LEAST: u64 = MILLISECOND;

const WRITING_CAPTURE: &str = "writing wire.pcapng";
/// The control channel's own latency (ns).
pub(super) const CONTROL_LATENCY: u64 = 50 * MICROSECOND;
/// The node image answers as fast as a good local disk (ns).
pub(super) const IMAGE_LATENCY: u64 = 50 * MICROSECOND;
/// Slices of a node that has not greeted yet (ns).
const BOOT_LOOKAHEAD: u64 = MICROSECOND;

impl<'a> KernelSite<'a> {
    /// Builds the site; no node has power yet.
    pub fn new(
        blueprint: &'a Blueprint,
        resources: Resources<'a>,
    ) -> Result<KernelSite<'a>, SiteError> {
        let image =
            Image::open(resources.image).map_err(SiteError::host("opening the node image"))?;
        let supplement = resources.supplement.map(Image::open).transpose();
        let supplement =
            supplement.map_err(SiteError::host("opening the clients' second image"))?;
        let core = match blueprint.clock {
            Clock::Virtual => Some(core::claim().map_err(SiteError::host("choosing a core"))?),
            Clock::Real => None,
        };
        let images = Images {
            root: resources.image.to_owned(),
            supplement: resources.supplement.map(Path::to_owned),
        };
        let launcher = Launcher::new(
            resources.launch,
            resources.kernels.clone(),
            images,
            &resources.artefacts.join("console"),
            core.as_ref().map(|core| core.number),
        )
        .map_err(SiteError::host(format!(
            "preparing the nodes' sockets in {} (TMPDIR names another place) and their logs",
            std::env::temp_dir().display()
        )))?;
        let begun = (blueprint.clock == Clock::Real).then(Instant::now);
        let capture = Capture::create(
            &resources.artefacts.join("wire.pcapng"),
            blueprint.wall_start_s,
            &blueprint.nodes,
        )
        .map_err(SiteError::host("creating wire.pcapng"))?;
        let wire = &blueprint.wire;
        let consoles = resources.artefacts.join("console");
        let log = |node: &NodeBlueprint| Log::new(consoles.join(format!("{}.log", node.name)));
        let nodes = blueprint.nodes.iter().map(|node| Node::new(log(node)));
        let latencies = [wire.latency.least.0, blueprint.disk.latency.0, blueprint.disk.flush.0];
        Ok(KernelSite {
            now: 0,
            nodes: nodes.collect(),
            calendar: Calendar::default(),
            wire: Switch::new(blueprint.nodes.len(), wire),
            wire_due: None,
            capture,
            disk: Store::new(blueprint.disk.size_mib),
            image,
            supplement,
            launcher,
            begun,
            lateness: 0,
            lookahead: latencies
                .into_iter()
                .chain([CONTROL_LATENCY, IMAGE_LATENCY])
                .min()
                .unwrap_or(0),
            happenings: VecDeque::new(),
            statistics: Statistics::default(),
            progress: Progress { wall: Instant::now(), now: 0 },
            _core: core,
            blueprint,
            resources,
        })
    }
}

impl<'a> KernelSite<'a> {
    pub fn blueprint(&self) -> &'a Blueprint {
        self.blueprint
    }
}

impl Site for KernelSite<'_> {
    fn now(&self) -> u64 {
        self.now
    }

    fn lateness(&self) -> u64 {
        self.lateness
    }

    fn forget_lateness(&mut self) {
        self.lateness = 0;
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }

    fn has_power(&self, node: NodeId) -> bool {
        self.nodes[node.index()].machine.is_some()
    }

    fn lay(&mut self, rule: Box<dyn Rule>) -> RuleId {
        let id = self.wire.lay(rule);
        self.await_rules();
        id
    }

    fn reseed(&mut self, seed: u64) {
        self.wire.reseed(seed);
    }

    fn lift(&mut self, id: RuleId) -> u64 {
        let (hits, let_go) = self.wire.lift(id, self.now);
        for sent in let_go {
            self.sent_by_rule(sent);
        }
        hits
    }

    fn listener(&self) -> Box<dyn Listener> {
        Box::new(Decoder::new())
    }

    fn set_timer(&mut self, at: u64, token: u64) {
        self.calendar.enter(at.max(self.now), Event::Timer(token));
    }

    fn send(&mut self, node: NodeId, command: Command) -> u64 {
        self.nodes[node.index()].commands += 1;
        let id = self.nodes[node.index()].commands;
        let mut bytes =
            serde_json::to_vec(&Numbered { id, command }).expect("a command is always JSON");
        bytes.push(b'\n');
        let life = self.nodes[node.index()].life;
        self.calendar.enter(self.now + CONTROL_LATENCY, Event::Control { node, life, bytes });
        id
    }

    fn power_on(&mut self, node: NodeId) -> Result<(), SiteError> {
        let blueprint = self.blueprint.node(node);
        let endpoints = self.endpoints(node);
        let slots: Vec<Slot> = endpoints.iter().map(|(slot, _)| *slot).collect();
        let doing = || format!("starting the kernel of {}", blueprint.name);
        let (kernel, listeners) = self
            .launcher
            .start(blueprint, self.blueprint.clock, &slots)
            .map_err(SiteError::host(doing()))?;
        let wall_start = self.blueprint.wall_start_s * SECOND;
        let patience = patience(&self.resources);
        let state = &mut self.nodes[node.index()];
        state.life += 1;
        state.greeted = false;
        state.pause = None;
        state.console = Console::default();
        match Machine::power_on(kernel, listeners, endpoints, self.now, wall_start, &patience) {
            Ok(Some(machine)) => match state.machine.insert(machine).run_on(&patience) {
                Ok(slice) => self.after_slice(node, slice),
                Err(failure) => self.exchange_failed(node, failure),
            },
            Ok(None) => {
                let log = self.resources.artefacts.join("console");
                let log = log.join(format!("{}.log", blueprint.name));
                let silent = format!("it did not begin to run; see {}", log.display());
                Err(SiteError::host(doing())(io::Error::other(silent)))
            }
            Err(Failure::Misuse(error)) => {
                let cause = misuse(&error.to_string());
                self.happenings.push_back(Happening::Died { node, cause });
                Ok(())
            }
            Err(Failure::Host(error)) => Err(SiteError::host(doing())(error)),
            Err(failure) => self.exchange_failed(node, failure),
        }
    }

    fn power_off(
        &mut self,
        node: NodeId,
        keep: &mut dyn FnMut(u64) -> bool,
    ) -> Result<usize, SiteError> {
        let blueprint = self.blueprint.node(node);
        self.nodes[node.index()].pause = None;
        if let Some(machine) = self.nodes[node.index()].machine.take() {
            self.statistics.processor_ns += machine.processor_ns();
            let doing = || format!("cutting the power of {}", blueprint.name);
            machine.power_off().map_err(SiteError::host(doing()))?;
        }
        Ok(match blueprint.role {
            Role::Server => self.disk.lose_power(keep),
            Role::Client => 0,
        })
    }

    fn lay_trouble(&mut self, trouble: Trouble, seed: u64) -> TroubleId {
        self.disk.troubles.lay(trouble, seed)
    }

    fn lift_trouble(&mut self, id: TroubleId) -> u64 {
        self.disk.troubles.lift(id)
    }

    fn pause(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.machine.is_some() {
            state.pause.get_or_insert(Pause { since: self.now, kept: Vec::new() });
        }
    }

    fn resume(&mut self, node: NodeId) -> u64 {
        let state = &mut self.nodes[node.index()];
        let Some(Pause { since, kept }) = state.pause.take() else {
            return 0;
        };
        let stood = self.now - since;
        if let Some(machine) = &mut state.machine {
            // In its last slice its own time may have passed by as much as a lookahead, and not
            // beyond what it asked for then.
            let asked = machine.request().map_or(u64::MAX, |at| at.saturating_sub(since));
            machine.stood_still(stood.saturating_sub(self.lookahead.min(asked)));
        }
        for event in kept {
            self.calendar.enter(self.now, event);
        }
        stood
    }

    fn advance(&mut self) -> Result<Happening, SiteError> {
        loop {
            if let Some(happening) = self.happenings.pop_front() {
                return Ok(happening);
            }
            if (self.resources.interrupted)() {
                return Err(SiteError::Interrupted);
            }
            if let Some(error) = self.capture.failure() {
                return Err(SiteError::host(WRITING_CAPTURE)(error));
            }
            let more = match self.begun {
                None => self.step()?,
                Some(begun) => self.step_with_the_host(begun)?,
            };
            if !more {
                return Ok(Happening::Idle);
            }
        }
    }

    fn finish(&mut self) -> Result<(), SiteError> {
        let machines = self.nodes.iter().filter_map(|node| node.machine.as_ref());
        self.statistics.processor_ns += machines.map(Machine::processor_ns).sum::<u64>();
        self.part_from_the_host()?;
        for node in &mut self.nodes {
            node.log.stamp().map_err(SiteError::host("writing the times of a console log"))?;
        }
        self.capture.finish().map_err(SiteError::host(WRITING_CAPTURE))
    }
}

impl KernelSite<'_> {
    /// The next thing happens: of an event and a slice at the same instant, the event. False when
    /// there is none.
    fn step(&mut self) -> Result<bool, SiteError> {
        let event_at = self.calendar.next_at();
        let request = self.requests().min();
        match (event_at, request) {
            (Some(at), slice) if slice.is_none_or(|(wanted, _)| at <= wanted) => self.take_event(),
            (_, Some((wanted, node))) => {
                // A request in the past can only come from a kernel that misbehaves.
                self.now = self.now.max(wanted);
                self.run(node)
            }
            _ => return Ok(false),
        }?;
        Ok(true)
    }

    fn requests(&self) -> impl Iterator<Item = (u64, NodeId)> {
        let machines = NodeId::all(self.nodes.len())
            .zip(&self.nodes)
            .filter(|(_, node)| node.pause.is_none())
            .filter_map(|(id, node)| Some((id, node.machine.as_ref()?)));
        machines.filter_map(|(id, machine)| Some((machine.request()?, id)))
    }

    pub(super) fn take_event(&mut self) -> Result<(), SiteError> {
        let Some((at, event)) = self.calendar.pop() else {
            return Ok(());
        };
        self.now = self.now.max(at);
        let Some((node, _)) = event.node() else {
            match event {
                Event::Timer(token) => self.happenings.push_back(Happening::Timer(token)),
                _ => self.rules_are_due(),
            }
            return Ok(());
        };
        let mut wake = self.deliver(event)?;
        // What reaches the same node at the same instant costs it one slice, not several.
        while self.calendar.peek().is_some_and(|(next, event)| {
            next == at && event.node().is_some_and(|(to, _)| to == node)
        }) {
            if let Some((_, event)) = self.calendar.pop() {
                wake |= self.deliver(event)?;
            }
        }
        if wake { self.run(node) } else { Ok(()) }
    }

    fn run(&mut self, node: NodeId) -> Result<(), SiteError> {
        let lookahead =
            if self.nodes[node.index()].greeted { self.lookahead } else { BOOT_LOOKAHEAD };
        let others = self.requests().filter(|(_, id)| *id != node).map(|(wanted, _)| wanted);
        let horizon = self.now + lookahead;
        let free_until =
            others.chain(self.calendar.next_at()).chain([horizon]).min().unwrap_or(horizon);
        let patience = patience(&self.resources);
        let Some(machine) = self.nodes[node.index()].machine.as_mut() else {
            return Ok(());
        };
        self.statistics.slices += 1;
        match machine.run(self.now, free_until, &patience) {
            Ok(slice) => self.after_slice(node, slice)?,
            Err(failure) => self.exchange_failed(node, failure)?,
        }
        if self.statistics.slices.is_multiple_of(PROGRESS_EVERY) {
            return self.check_progress(node);
        }
        Ok(())
    }

    /// Nodes may pause as often as they like and yet get nowhere.
    fn check_progress(&mut self, node: NodeId) -> Result<(), SiteError> {
        if (self.resources.interrupted)() {
            return Err(SiteError::Interrupted);
        }
        if self.now >= self.progress.now + PROGRESS_LEAST {
            self.progress = Progress { wall: Instant::now(), now: self.now };
        } else if self.progress.wall.elapsed() >= self.resources.patience {
            return Err(self.stuck(node));
        }
        Ok(())
    }

    pub(super) fn stuck(&self, node: NodeId) -> SiteError {
        let seconds = self.resources.patience.as_secs();
        SiteError::Stuck { node: self.blueprint.node(node).name.clone(), seconds }
    }

    /// Looks into the rings of a node whose slice has ended.
    pub(super) fn after_slice(&mut self, node: NodeId, slice: Slice) -> Result<(), SiteError> {
        match slice {
            Slice::Waits => {}
            Slice::Ended => {
                self.nodes[node.index()].log.look(self.now);
                let cause = self.nodes[node.index()]
                    .machine
                    .take()
                    .map(Machine::epitaph)
                    .unwrap_or_default();
                self.happenings.push_back(Happening::Died { node, cause });
                return Ok(());
            }
        }
        self.collect(node);
        Ok(())
    }

    /// Takes what a node has put into its rings.
    pub(super) fn collect(&mut self, node: NodeId) {
        self.nodes[node.index()].log.look(self.now);
        let served = self
            .collect_messages(node)
            .and_then(|()| self.collect_frames(node))
            .and_then(|()| self.collect_disk(node, Slot::Root))
            .and_then(|()| self.collect_disk(node, Slot::Disk))
            .and_then(|()| self.collect_disk(node, Slot::Supplement));
        if let Err(error) = served {
            self.device_failed(node, &error.to_string());
        }
    }
}

pub(super) fn patience<'p>(resources: &'p Resources) -> Patience<'p> {
    Patience { limit: resources.patience, interrupted: resources.interrupted }
}
