//! Faults: what the harness does to the site, and when.
//!
//! A fault is one file here and one line in [`Strike`].

pub mod clock;
pub mod crash;
pub mod cut;
pub mod impair;

use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fault of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// When it strikes.
    #[serde(with = "serde_yaml::with::singleton_map")]
    #[schemars(with = "Trigger")]
    pub when: Trigger,
    /// What it does, and to whom.
    #[serde(with = "serde_yaml::with::singleton_map")]
    #[schemars(with = "Strike")]
    pub strike: Strike,
    /// How long it lasts; without it, until the run ends.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Nanos>,
}

/// When a fault strikes. Times are virtual and count from the begin of the workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// At a time.
    At(Nanos),
    /// When a critical section has been entered.
    Entered(Entered),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entered {
    /// The how-manieth critical section, counted from 1 over the whole run (or over `client`).
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Count only this client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Strike this long after it was entered.
    #[serde(default)]
    pub after: Nanos,
}

/// What a fault does: one variant a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strike {
    /// Cut a node off the network.
    Cut(cut::Cut),
    /// Cut a node's power; at the end of `for` it is switched on again.
    Crash(crash::Crash),
    /// Step a node's wall clock, or let it drift.
    Clock(clock::Clock),
    /// Lose, duplicate or delay a share of a node's frames.
    Impair(impair::Impair),
}

impl Strike {
    /// The kind's name, as in the scenario file.
    pub fn kind(&self) -> &'static str {
        match self {
            Strike::Cut(_) => "cut",
            Strike::Crash(_) => "crash",
            Strike::Clock(_) => "clock",
            Strike::Impair(_) => "impair",
        }
    }

    /// The node it is aimed at: `server`, `c1` ..., or `owner`: the client that is in its
    /// critical section when the fault strikes.
    pub fn target(&self) -> &str {
        match self {
            Strike::Cut(fault) => &fault.node,
            Strike::Crash(fault) => &fault.node,
            Strike::Clock(fault) => &fault.node,
            Strike::Impair(fault) => &fault.node,
        }
    }
}
