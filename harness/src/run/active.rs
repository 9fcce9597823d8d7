//! A fault in force, and what it has done.

use super::interpreter::Interpreter;
use super::task::Task;
use crate::fault::pause::AfterPause;
use crate::fault::{FaultId, Situation};
use crate::history::EventKind;
use crate::site::NodeId;
use crate::site::disk::trouble::TroubleId;
use crate::site::wire::RuleId;
use crate::units::Nanos;
use lockstorm_agent::{Command, Failing};

/// What a fault does to a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    Kills,
    Stops,
}

/// A fault in force.
pub struct Active {
    pub node: NodeId,
    pub rules: Vec<RuleId>,
    pub has_power_effect: bool,
    /// It keeps its node from running, and what becomes of the clock afterwards.
    pub pauses: Option<AfterPause>,
    /// What it does to its client's process.
    pub process: Option<Hit>,
    /// Its client's process does not run.
    pub stands: bool,
    /// How long the process runs in turns, and stands.
    pub turns: Option<(Nanos, Nanos)>,
    /// What it does to the server's disk.
    pub troubles: Vec<TroubleId>,
    pub fills_disk: bool,
    pub stops_service: bool,
    /// The system calls that it lets fail, and how many it has.
    pub failing: Option<(Failing, u64)>,
    /// It ends as soon as clients are in this situation.
    pub until: Option<Situation>,
    /// What it did, beside the frames that its rules hit.
    pub did: Vec<String>,
    /// Why it could do nothing, if the node said so.
    pub hindrance: Option<String>,
}

impl Active {
    pub fn new(node: NodeId) -> Active {
        Active {
            node,
            rules: Vec::new(),
            has_power_effect: false,
            pauses: None,
            process: None,
            stands: false,
            turns: None,
            troubles: Vec::new(),
            fills_disk: false,
            stops_service: false,
            failing: None,
            until: None,
            did: Vec::new(),
            hindrance: None,
        }
    }

    pub fn hit_process(&mut self, hit: Hit, there: bool) {
        self.process = Some(hit);
        match there {
            true => self.did.push(if hit == Hit::Kills { "killed" } else { "stopped" }.into()),
            false => self.hindrance = Some("no process of a lock ran there".into()),
        }
    }

    pub fn lift_troubles(&mut self, run: &mut Interpreter) {
        if self.troubles.is_empty() {
            return;
        }
        match self.troubles.drain(..).map(|id| run.site().lift_trouble(id)).sum::<u64>() {
            0 => self.hindrance = self.hindrance.take().or(Some("no request came its way".into())),
            requests => self.did.push(format!("{requests} requests of the disk hit")),
        }
    }

    pub fn let_calls_through(&mut self, run: &mut Interpreter) {
        let Some((failing, failed)) = self.failing.take() else {
            return;
        };
        if run.is_ready(self.node) {
            let fault = failing.fault;
            run.command(self.node, Command::LetCalls { fault }, Task::FailCalls);
        }
        match failed {
            0 => {
                let why = format!("the process made no such {}", failing.call.name());
                self.hindrance = self.hindrance.take().or(Some(why));
            }
            1 => self.did.push("1 call failed".into()),
            _ => self.did.push(format!("{failed} calls failed")),
        }
    }

    /// Without it the node would have been switched on.
    pub fn keeps_off(&mut self) {
        if self.did.is_empty() {
            self.did.push("kept off".into());
        }
    }

    pub fn lift_rules(&mut self, run: &mut Interpreter) {
        if self.rules.is_empty() {
            return;
        }
        let frames: u64 = self.rules.drain(..).map(|rule| run.site().lift(rule)).sum();
        match frames {
            0 => self.hindrance = self.hindrance.take().or(Some("no frame came its way".into())),
            1 => self.did.push("1 frame hit".into()),
            _ => self.did.push(format!("{frames} frames hit")),
        }
    }

    /// What becomes of it in the history.
    pub fn told(self, id: FaultId) -> EventKind {
        let fault = id;
        match self.did.is_empty() {
            false => EventKind::FaultEnded { fault, effect: self.did.join(", ") },
            true => {
                let otherwise = "it changed nothing: the node was without power already";
                let why = match self.has_power_effect {
                    true => otherwise.into(),
                    false => self.hindrance.unwrap_or_else(|| otherwise.into()),
                };
                EventKind::FaultMissed { fault, why }
            }
        }
    }
}
