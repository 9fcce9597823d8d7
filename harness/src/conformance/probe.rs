//! What a probe is, and what came of it.

use super::bench::Bench;
use crate::run::lab::NoAnswer;
use crate::units::Nanos;

/// A rule of the file system, and how it is tried.
pub struct Probe {
    /// In words with hyphens; no two have the same.
    pub name: &'static str,
    /// What must be so, as one sentence.
    pub rule: &'static str,
    /// Where that is written: `RFC 8881, section 18.9`; `open(2), O_EXCL`; `POSIX, rename`.
    pub source: &'static str,
    /// It has a site of its own, since it disturbs others: it crashes or cuts nodes, or waits for a
    /// lease to end.
    pub alone: bool,
    /// What it needs beside a mount.
    pub needs: Needs,
    pub run: fn(&mut Bench) -> Seen,
}

/// Where a probe means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anywhere, also where there is no network.
    Nothing,
    /// Two machines, and a server.
    Network,
    /// NFSv4, which has leases.
    Leases,
    /// NFSv3, whose locks are another protocol's.
    LockManager,
}

/// What was seen, in a few words: the rule is kept.
pub type Seen = Result<String, Stop>;

/// Why a probe ends early.
#[derive(Debug)]
pub enum Stop {
    /// The rule is broken: what was seen, in words.
    Broken(String),
    /// What the probe needs first could not be had: it says nothing of the rule.
    Unfit(String),
    /// A call that should come to an end did not within this time.
    Hung(String, Nanos),
    Site(NoAnswer),
}

impl From<NoAnswer> for Stop {
    fn from(none: NoAnswer) -> Stop {
        match none {
            NoAnswer::Hung(after) => Stop::Hung("a call".into(), after),
            other => Stop::Site(other),
        }
    }
}

/// The rule is kept, and this was seen. (Where two answers are right, the table shows which.)
pub fn seen(what: impl Into<String>) -> Seen {
    Ok(what.into())
}

/// The rule is broken.
pub fn broken<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Broken(what.into()))
}
