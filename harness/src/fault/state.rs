//! The triggers that wait for a state: of a client, of the server, or of a file on it.

use super::passes::ordinal;
use crate::rpc::{Kind, Message};
use crate::units::Nanos;
use lockstorm_agent::glob;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node comes into a state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reaches {
    pub is: NodeState,
    /// Only this client; without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The nth time, counted from 1 from the begin of the workload on.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    #[schemars(range(min = 1))]
    pub nth: u32,
    /// Strike this long after that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: Nanos,
}

/// A state that a client or the server comes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// The client has booted again, has mounted the export, and its lock's process is ready.
    Mounted,
    /// The server serves again after a restart: its grace time begins.
    InGrace,
    /// The client claims what it had before the server's restart.
    Reclaiming,
    /// The client has been given a delegation: of a file, or of a directory.
    Delegated,
    /// The server asks for a delegation back.
    Recalled,
    /// For the time of a lease, nothing that the client called has passed on its way to the server.
    LeaseExpired,
}

impl NodeState {
    /// Whether it is told by what passes the switch.
    pub fn is_of_wire(self) -> bool {
        !matches!(self, NodeState::Mounted | NodeState::InGrace)
    }

    /// What a client does that comes into it.
    fn words(self) -> &'static str {
        match self {
            NodeState::Mounted => "has mounted again",
            NodeState::InGrace => "is in its grace time",
            NodeState::Reclaiming => "reclaims",
            NodeState::Delegated => "has a delegation",
            NodeState::Recalled => "is asked for a delegation",
            NodeState::LeaseExpired => "has let its lease expire",
        }
    }
}

impl Reaches {
    /// Whether a client is meant.
    pub fn is_about(&self, client: &str) -> bool {
        self.client.as_deref().is_none_or(|name| name == client)
    }

    /// Whether a message of this client says that it comes into the state.
    pub fn is_met_by(&self, message: &Message, client: &str) -> bool {
        if !self.is_about(client) {
            return false;
        }
        let mut operations = message.operations.iter();
        match (self.is, message.kind) {
            (NodeState::Reclaiming, Kind::Call) => operations.any(|one| one.reclaims()),
            (NodeState::Delegated, Kind::Reply) => operations.any(|one| one.delegates().is_some()),
            (NodeState::Recalled, Kind::Call) => operations.any(|one| one.name == "CB_RECALL"),
            _ => false,
        }
    }

    /// What is waited for, in words.
    pub fn describe(&self) -> String {
        let who = match (self.is, &self.client) {
            (NodeState::InGrace, _) => "the server",
            (_, Some(client)) => client,
            (_, None) => "a client",
        };
        format!("the {} time that {who} {}", ordinal(self.nth), self.is.words())
    }
}

/// A file of a name comes to exist on the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exists {
    /// The name: `*.lck`, or a path from the root of the export, `/locks/*`.
    pub path: String,
    /// The nth time, counted from 1 from the begin of the workload on.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    #[schemars(range(min = 1))]
    pub nth: u32,
    /// Strike this long after that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: Nanos,
}

impl Exists {
    /// Whether a reply says so: of what makes a name, or opens it.
    pub fn is_met_by(&self, message: &Message) -> bool {
        let is_it = |path: &str| glob::matches(&self.path, path);
        message.kind == Kind::Reply
            && message.operations.iter().any(|operation| {
                operation.makes_its_path() && operation.path.as_deref().is_some_and(is_it)
            })
    }

    /// What is waited for, in words.
    pub fn describe(&self) -> String {
        format!("the {} reply by which {} exists", ordinal(self.nth), self.path)
    }
}

fn first() -> u32 {
    1
}

fn is_first(nth: &u32) -> bool {
    *nth == 1
}

fn is_zero(span: &Nanos) -> bool {
    *span == Nanos::ZERO
}
