//! Faults: what the harness does to the site, and when.
//!
//! A fault is one file here and one line in each match of [`Strike`]. It says what it does as
//! data, a list of [`Act`]s; the nemesis of the run carries them out, takes them back and looks
//! whether they had any effect.

pub mod clock;
pub mod crash;
pub mod cut;
pub mod impair;

use crate::history::Consequence;
use crate::site::NodeId;
use crate::site::wire::Rule;
use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The target that stands for whoever is in its critical section when a fault strikes.
pub const OWNER: &str = "owner";

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
    Entered(Section),
    /// When a critical section has been left, and its lock is about to be released.
    Left(Section),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The how-manieth critical section, counted from 1 over the whole run (or over `client`).
    #[schemars(range(min = 1))]
    pub count: u32,
    /// Count only this client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Strike this long after that.
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

/// One thing that is done to a node.
pub enum Act {
    /// Lay a rule over the wire. It is lifted when the fault ends.
    Lay(Box<dyn Rule>),
    /// Cut the power. Of a server's unflushed sectors this share lasts, drawn sector by sector.
    PowerOff {
        keep: f64,
    },
    PowerOn,
    /// Step the wall clock and set its rate.
    SetClock {
        step_ns: i64,
        drift_ppm: i64,
    },
}

/// What every fault tells of itself.
pub trait Fault {
    /// The node it is aimed at: `server`, `c1` ..., or [`OWNER`].
    fn target(&self) -> &str;
    /// What is done when it strikes.
    fn begin(&self, node: NodeId) -> Vec<Act>;
    /// What is done when it ends, beside lifting the rules it laid.
    fn end(&self) -> Vec<Act>;
    /// What it may do to the site while it is in force, where `node` is the one that it hits.
    fn consequences(&self, node: &str) -> Vec<Consequence>;
    /// What it does, in words that follow the node's name.
    fn describe(&self) -> String;
}

impl Strike {
    /// The fault's name in YAML and in the history.
    pub fn kind(&self) -> &'static str {
        match self {
            Strike::Cut(_) => "cut",
            Strike::Crash(_) => "crash",
            Strike::Clock(_) => "clock",
            Strike::Impair(_) => "impair",
        }
    }

    pub fn fault(&self) -> &dyn Fault {
        match self {
            Strike::Cut(fault) => fault,
            Strike::Crash(fault) => fault,
            Strike::Clock(fault) => fault,
            Strike::Impair(fault) => fault,
        }
    }

    /// The node it is aimed at: `server`, `c1` ..., or [`OWNER`].
    pub fn target(&self) -> &str {
        self.fault().target()
    }
}
