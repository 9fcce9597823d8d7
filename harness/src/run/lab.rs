//! A site on which system calls are tried, one at a time and by whom one wants, while faults strike
//! and end when one wants: no lock, no workload.

use super::event::{Event, Timer};
use super::interpreter::Interpreter;
use super::nemesis::Nemesis;
use super::task::Task;
use super::{RunError, prober};
use crate::fault::{FaultId, Passes, Strike};
use crate::history::writer::Writer;
use crate::plan::Plan;
use crate::site::blueprint::Role;
use crate::site::{KernelSite, NodeId, Resources, Site};
use crate::units::{Nanos, SECOND};
use lockstorm_agent::probe::{Answer, Answered, Asked, Call};
use lockstorm_agent::{Command, EXPORT, MOUNT_POINT};
use std::collections::{BTreeMap, BTreeSet};

/// A call that waits for nobody is answered within this time, or hangs.
const PROMPT: Nanos = Nanos::from_secs(200);
/// For a node to come back.
const BACK_WITHIN: Nanos = Nanos::from_secs(300);
/// For one process of many to be up.
const PROCESSES: &str = "p";

/// Who makes calls: a process on a node, or one of its threads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hand {
    pub node: NodeId,
    pub name: String,
}

/// A call that was made, and may be answered some day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// A fault that is in force.
#[derive(Clone, Copy, Debug)]
pub struct InForce(FaultId);

/// A call and its answer, for the record. Times in virtual nanoseconds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Told {
    pub at_ns: u64,
    pub node: String,
    pub by: String,
    pub call: Call,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// Why a call has no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// Not within [`PROMPT`], which is given.
    Hung(Nanos),
    /// The site cannot go on, and why.
    Failed(String),
    Host(RunError),
}

impl<E: Into<RunError>> From<E> for NoAnswer {
    fn from(error: E) -> NoAnswer {
        NoAnswer::Host(error.into())
    }
}

type Step<T> = Result<T, NoAnswer>;

pub struct Lab<'a> {
    run: Interpreter<'a>,
    nemesis: Nemesis<'a>,
    calls: u64,
    faults: usize,
    hands: u64,
    timers: usize,
    /// Calls by their numbers, with their places in `told`.
    open: BTreeMap<u64, usize>,
    told: Vec<Told>,
    /// The directory of the probe that runs, beneath the export.
    directory: String,
    is_server_probed: bool,
    /// Where processes are.
    nodes: BTreeSet<NodeId>,
}

impl<'a> Lab<'a> {
    /// Switches a site on whose clients have probers for adapters (see [`prober::profile`]), and
    /// waits until they are ready.
    pub fn new(plan: &'a Plan, resources: Resources<'a>) -> Step<Lab<'a>> {
        let artefacts = resources.artefacts;
        let history = Writer::create(&artefacts.join("history.jsonl")).map_err(RunError::from)?;
        let site = KernelSite::new(&plan.blueprint, resources)?;
        let site: Box<dyn Site + 'a> = Box::new(site);
        let mut run = Interpreter::new(plan, site, history, artefacts);
        run.power_on_all()?;
        let mut lab = Lab {
            run,
            nemesis: Nemesis::new(plan),
            calls: 0,
            faults: 0,
            hands: 0,
            timers: 0,
            open: BTreeMap::new(),
            told: Vec::new(),
            directory: String::new(),
            is_server_probed: false,
            nodes: BTreeSet::new(),
        };
        while !lab.run.has_begun() {
            lab.happen()?;
        }
        Ok(lab)
    }

    pub fn now(&self) -> Nanos {
        Nanos(self.run.now())
    }

    pub fn plan(&self) -> &'a Plan {
        self.run.plan()
    }

    /// From now on, paths are beneath this directory of the export, which must be there. Answers
    /// what was told since the last one.
    pub fn move_to(&mut self, directory: &str) -> Vec<Told> {
        self.directory = directory.to_owned();
        self.open.clear();
        std::mem::take(&mut self.told)
    }

    /// A new process on a node.
    pub fn hand(&mut self, node: NodeId) -> Step<Hand> {
        if node == NodeId::SERVER && !self.is_server_probed {
            self.is_server_probed = true;
            let start = prober::start();
            self.run.command(node, start, Task::StartAdapter);
        }
        self.hands += 1;
        let hand = Hand { node, name: format!("{PROCESSES}{}", self.hands) };
        let first = Hand { node, name: lockstorm_agent::probe::FIRST.into() };
        let start = Call::Start { name: hand.name.clone() };
        self.call(&first, start)?;
        self.nodes.insert(node);
        Ok(hand)
    }

    /// Ends all processes that there are, on every node, whatever they are at.
    pub fn end_hands(&mut self) -> Step<()> {
        for node in std::mem::take(&mut self.nodes) {
            let first = Hand { node, name: lockstorm_agent::probe::FIRST.into() };
            self.call(&first, Call::EndAll)?;
        }
        Ok(())
    }

    /// A child of a process (fork(2)), or another thread of it.
    pub fn another(&mut self, of: &Hand, call: impl FnOnce(String) -> Call) -> Step<Hand> {
        self.hands += 1;
        let hand = Hand { node: of.node, name: format!("{PROCESSES}{}", self.hands) };
        self.call(of, call(hand.name.clone()))?;
        Ok(hand)
    }

    /// Makes a call, and waits for its answer.
    pub fn call(&mut self, by: &Hand, call: Call) -> Step<Answer> {
        let ticket = self.begin(by, call)?;
        match self.answer(ticket, PROMPT)? {
            Some(answer) => Ok(answer),
            None => Err(NoAnswer::Hung(PROMPT)),
        }
    }

    /// Makes a call that may wait.
    pub fn begin(&mut self, by: &Hand, mut call: Call) -> Step<Ticket> {
        let root = match self.run.plan().blueprint.node(by.node).role {
            Role::Server => EXPORT,
            Role::Client => MOUNT_POINT,
        };
        let directory = format!("{root}/{}", self.directory);
        call.each_path(|path| {
            if !path.starts_with('/') {
                *path = format!("{directory}/{path}");
            }
        });
        self.calls += 1;
        let asked = Asked { probe: self.calls, by: by.name.clone(), call: call.clone() };
        let line =
            serde_json::to_string(&asked).map_err(|error| NoAnswer::Failed(error.to_string()))?;
        self.open.insert(self.calls, self.told.len());
        self.told.push(Told {
            at_ns: self.run.now(),
            node: self.run.node_name(by.node).to_owned(),
            by: by.name.clone(),
            call,
            answered_ns: None,
            answer: None,
        });
        self.run.command(by.node, Command::Adapter { holder: 0, line }, Task::Probe);
        Ok(Ticket(self.calls))
    }

    /// The answer to a call; `None`: it did not come in time.
    pub fn answer(&mut self, ticket: Ticket, within: Nanos) -> Step<Option<Answer>> {
        let Some(place) = self.open.get(&ticket.0).copied() else {
            return Ok(None);
        };
        let is_there = |lab: &Lab| lab.told[place].answer.is_some();
        self.until(within, is_there)?;
        Ok(self.told[place].answer.clone())
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Nanos) -> Step<()> {
        self.until(time, |_| false)
    }

    /// Has a fault strike.
    pub fn strike(&mut self, strike: &Strike) -> Step<InForce> {
        let node = self.run.node(strike.target());
        let node = node.ok_or_else(|| NoAnswer::Failed(format!("no node {}", strike.target())))?;
        if node == NodeId::SERVER && strike.kind() == "crash" {
            self.is_server_probed = false;
        }
        let id = FaultId::at(self.faults);
        self.faults += 1;
        self.nemesis.strike(id, strike, node, &mut self.run)?;
        Ok(InForce(id))
    }

    /// Has a fault strike at the first message like this, before that is delivered.
    pub fn strike_at(&mut self, passes: &Passes, strike: &Strike) {
        let id = FaultId::at(self.faults);
        self.faults += 1;
        self.nemesis.strike_at(id, passes, strike, &mut self.run);
    }

    /// Waits until the last such fault has struck: whether it has within this time.
    pub fn has_struck(&mut self, within: Nanos) -> Step<bool> {
        self.until(within, |lab| lab.nemesis.has_struck())?;
        Ok(self.nemesis.has_struck())
    }

    /// Ends a fault, and waits until its node is ready again.
    pub fn end(&mut self, fault: InForce) -> Step<()> {
        let Some(node) = self.nemesis.end(fault.0, &mut self.run)? else {
            return Ok(());
        };
        let is_back = move |lab: &Lab| lab.run.is_ready(node);
        self.until(BACK_WITHIN, is_back)?;
        match is_back(self) {
            true => Ok(()),
            false => {
                let name = self.run.node_name(node);
                Err(NoAnswer::Failed(format!("{name} was not back within {BACK_WITHIN}")))
            }
        }
    }

    /// Ends all faults, and the site.
    pub fn finish(mut self) -> Step<()> {
        self.nemesis.finish(&mut self.run)?;
        self.run.finish()?;
        Ok(())
    }

    /// Lets things happen until something is so, or this time has passed.
    fn until(&mut self, within: Nanos, is_so: impl Fn(&Lab) -> bool) -> Step<()> {
        let due = self.run.now().saturating_add(within.0);
        self.timers += 1;
        let timer = Timer::Step(self.timers);
        self.run.set_timer(due, timer);
        while !is_so(self) && self.run.now() < due {
            self.happen()?;
        }
        self.run.clear_timers(|known| *known == timer);
        Ok(())
    }

    fn happen(&mut self) -> Step<()> {
        let Some(event) = self.run.next_event()? else {
            let why = self.run.failure().unwrap_or("nothing happens any more");
            return Err(NoAnswer::Failed(why.to_owned()));
        };
        self.nemesis.on(&event, &mut self.run)?;
        match &event {
            Event::Said(line) => self.take(line),
            // A site that is up for long is none that hangs.
            Event::Overdue => self.run.set_timer_in(Nanos(3_600 * SECOND), Timer::Overdue),
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, line: &str) {
        if let Ok(Answered { probe, answer }) = serde_json::from_str(line)
            && let Some(place) = self.open.get(&probe)
        {
            let told = &mut self.told[*place];
            told.answered_ns = Some(self.run.now());
            told.answer = Some(answer);
        }
    }
}
