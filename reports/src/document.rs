//! The report document, version 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the document's format. Old versions stay readable.
pub const FORMAT: u32 = 1;

/// What a lock promises, and a checker checks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    MutualExclusion,
    NoEarlyBreak,
    BreakAfterLifetime,
    OwnerOnlyRelease,
    NoLostUpdate,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Valid,
    Violated,
    Unknown,
}

/// Whose fault a violation is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Within everything that the lock assumes.
    BrokenPromise,
    /// The run left the lock's stated assumptions.
    BeyondAssumptions,
}

/// A violation, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub invariant: Invariant,
    pub class: Class,
    /// When it showed, in nanoseconds of the harness's clock.
    pub at_ns: u64,
    /// What happened, in one or two sentences.
    pub explanation: String,
    /// Who held, or believed to hold, and when.
    pub holds: Vec<Hold>,
    /// The faults in force at that time, in words.
    pub faults: Vec<String>,
}

/// One client's stay in its critical section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    pub client: String,
    pub from_ns: u64,
    /// `None`: it never left.
    pub until_ns: Option<u64>,
    /// When its claim ended, by the lock's lifetime; after that it overstayed.
    pub claim_until_ns: Option<u64>,
}
