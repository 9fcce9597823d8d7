//! When faults strike.

use super::FaultId;
use super::{Exists, NodeState, Passes, Reaches};
use crate::history::Operation;
use crate::units::{Nanos, NanosRange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a fault strikes. Times are virtual and count from the begin of the workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// At a time.
    At(Nanos),
    /// Again and again, at times that the seed decides on.
    Every(Every),
    /// When a critical section has been entered.
    Entered(Section),
    /// When a critical section has been left, and its lock is about to be released.
    Left(Section),
    /// When a client calls its lock.
    Calls(Calls),
    /// As soon as clients are in a situation.
    Situation(Situation),
    /// When a call of NFS, or its reply, passes the switch, before it is delivered.
    Rpc(Passes),
    /// When a client, or the server, comes into a state.
    State(Reaches),
    /// When a file of a name comes to exist on the server.
    Exists(Exists),
    /// When another fault has struck.
    Struck(Other),
    /// When another fault has ended.
    Ended(Other),
}

impl Trigger {
    /// Whether there is a client that has triggered it.
    pub fn has_caller(&self) -> bool {
        match self {
            Trigger::Rpc(_) | Trigger::Calls(_) | Trigger::Exists(_) => true,
            Trigger::State(reaches) => reaches.is != NodeState::InGrace,
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The nth critical section, counted from 1 over the whole run (or over `client`).
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Count only this client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Strike this long after that.
    #[serde(default)]
    pub after: Nanos,
}

/// Strikes one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Every {
    /// How long from one to the next, and to the first.
    pub gap: NanosRange,
    /// The first gap begins then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub from: Nanos,
    /// At most so many; without it, until the workload's time is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub times: Option<u32>,
}

/// One fault strikes no more often.
pub const STRIKES_MAX: u32 = 200;

/// A call that a client makes of its lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    pub op: Asked,
    /// The nth such call, counted from 1 over the whole run (or over `client`).
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Count only this client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Strike this long after that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: Nanos,
}

/// What a client asks of its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    Acquire,
    Release,
    Refresh,
    IsHeld,
}

impl Asked {
    pub fn is(self, operation: &Operation) -> bool {
        matches!(
            (self, operation),
            (Asked::Acquire, Operation::Acquire { .. })
                | (Asked::Release, Operation::Release)
                | (Asked::Refresh, Operation::Refresh { .. })
                | (Asked::IsHeld, Operation::IsHeld)
        )
    }
}

/// What clients are about, all of it at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Situation {
    /// These are in their critical section: `c1`, `any` client, or `other`: any but the one that
    /// the fault hits, of a fault that lasts until then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<String>,
    /// These wait for the answer to an acquire: `c1`, `any` client, or `other`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
    /// Strike, or end, this long after that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: Nanos,
}

/// Stands for any client in a [`Situation`].
pub const ANY: &str = "any";

/// Stands for any client but the one that the fault hits, in the [`Situation`] until which it
/// lasts.
pub const OTHER: &str = "other";

/// Another fault of the scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// The nth fault of the list, counted from 1.
    #[schemars(range(min = 1))]
    pub fault: u32,
    /// Strike this long after that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: Nanos,
}

impl Other {
    /// Which fault that is; faults are counted from 1.
    pub fn id(&self) -> Option<FaultId> {
        FaultId::numbered(self.fault as usize)
    }
}

fn is_zero(span: &Nanos) -> bool {
    *span == Nanos::ZERO
}
