//! The history: the ordered events of a run, with the harness's clock.
//!
//! One writer, one clock. An event is a line of JSON in `history.jsonl`; the hash of those
//! lines is the run's history hash.

pub mod consequence;
mod fault_id;
pub mod reader;
#[cfg(test)]
pub(crate) mod tests;
pub mod writer;

pub use consequence::Consequence;
pub use fault_id::FaultId;

use crate::lock::adapter::Answer;
use crate::units::Nanos;
use lockstorm_agent::SystemCall;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One event: a line of history.jsonl, in the order in which things happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Virtual time in nanoseconds, from when the site was switched on.
    pub at_ns: u64,
    // A line of history.jsonl is one flat object, and its hash is that of its bytes: the time is no
    // part of any kind, and beside the kind it would be another format.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened, and to whom. Clients and nodes go by their names in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// A node's kernel was switched on (again).
    NodeBooted { node: String },
    /// The server serves, or the client has mounted the export; `options` are those in force.
    NodeReady { node: String, options: String },
    /// A kernel ended: `by_plan` when a fault of the plan did it.
    NodeDied { node: String, by_plan: bool, cause: String },
    /// The adapter has loaded its library, which says its own version.
    AdapterReady { client: String, library: String, version: String },
    /// The adapter broke its protocol, or ended by itself.
    AdapterFailed { client: String, cause: String },

    /// A fault has let a system call of the client's process fail, on a path of the mount.
    CallFailed {
        client: String,
        fault: FaultId,
        #[schemars(with = "String")]
        call: SystemCall,
        path: String,
    },

    /// A fault of the plan has killed the adapter; its node goes on.
    AdapterKilled { client: String },

    /// The times of a scenario count from here on.
    WorkloadBegan,
    /// A call of a client's lock, numbered within the run.
    Called { client: String, call: u64, operation: Operation },
    /// The answer to the call of this number has come.
    Answered { client: String, call: u64, answer: Answer },
    /// The witness: acquire has returned, and the client is in its critical section.
    Entered { client: String },
    /// The witness: the client is about to call release. Written before the call is made.
    Left { client: String },

    /// The client begins to increment the counter file on the mount: it reads it.
    CountBegan { client: String },
    /// It wrote nothing and never will: it was told that its lock is lost, or could not read.
    CountDropped { client: String, why: String },
    /// It had read `read`, and has written `read + 1`.
    Counted { client: String, read: u64 },
    /// It could not write; what it had to write may still come.
    CountFailed { client: String, error: String },
    /// The counter as the server has it at the end of the run.
    CounterRead { value: u64 },

    /// What there is on the export at the end of the run, besides the counter and what stays of the
    /// lock by its profile: names, and locks on files (proc_locks(5)).
    LeftBehind {
        names: Vec<String>,
        /// How many names there are besides.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: u64,
        locks: u64,
    },

    /// How many descriptors the client's adapter has open, between two rounds.
    Descriptors { client: String, open: u64 },

    /// A fault of the plan begins to act; `node` is who it hit, `fault` its index in the plan.
    /// The steps of a script are counted on after the plan's faults.
    FaultStruck {
        fault: FaultId,
        kind: String,
        node: String,
        detail: String,
        /// What it may do while it is in force.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        consequences: Vec<Consequence>,
    },
    /// The fault no longer acts; `effect` is what it did.
    FaultEnded { fault: FaultId, effect: String },
    /// The fault never struck, or did nothing: the run cannot be valid.
    FaultMissed { fault: FaultId, why: String },
    /// A node's wall clock now stands `offset_ns` from the harness's clock.
    ClockSet { node: String, offset_ns: i64, drift_ppm: i64 },

    /// A script step's outcome.
    StepDone { step: usize, text: String, met: bool, saw: String },
    /// The workload is over; if it is not `completed`, the run proves nothing.
    WorkloadEnded { completed: bool, why: String },
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What is asked of a lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// Without a timeout it waits for ever, with 0 not at all.
    Acquire {
        timeout: Option<Nanos>,
    },
    Release,
    Refresh {
        lifetime: Nanos,
    },
    IsHeld,
}

/// Somebody who watches a run while it goes on: the progress display.
pub trait Observer {
    /// An event has been written to the history.
    fn event(&mut self, event: &Event);
    /// Virtual time has come to `now_ns`; called often, whatever happens.
    fn tick(&mut self, now_ns: u64);
}

impl Operation {
    /// The name that the adapter protocol gives it.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Acquire { .. } => "acquire",
            Operation::Release => "release",
            Operation::Refresh { .. } => "refresh",
            Operation::IsHeld => "is_held",
        }
    }
}

impl From<&Operation> for crate::lock::adapter::Request {
    fn from(operation: &Operation) -> Self {
        use crate::lock::adapter::Request;
        match operation {
            Operation::Acquire { timeout } => {
                Request::Acquire { timeout: timeout.map(Nanos::as_secs_f64) }
            }
            Operation::Release => Request::Release,
            Operation::Refresh { lifetime } => {
                Request::Refresh { lifetime: lifetime.as_secs_f64() }
            }
            Operation::IsHeld => Request::IsHeld,
        }
    }
}
