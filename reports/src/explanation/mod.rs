//! What a violation depends on: the same scenario with one thing changed at a time, and what each
//! change made of the violation.

mod markdown;
mod text;

pub use markdown::markdown;
pub use text::text;

use crate::Class;
use serde::{Deserialize, Serialize};

/// The version of [`Explanation`].
pub const FORMAT: u32 = 1;

/// All that was found out about one violation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of lockstorm that made the runs.
    pub lockstorm: String,
    pub lock: String,
    pub scenario: String,
    /// The broken promise, in words.
    pub invariant: String,
    pub class: Class,
    /// What happened, in a sentence.
    pub violation: String,
    /// In which situation.
    pub situation: String,
    /// The scenario as it is.
    pub unchanged: Tally,
    pub rows: Vec<Row>,
    /// What was not tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What it depends on and what not, a sentence each.
    pub conclusion: Vec<String>,
}

/// How often a violation was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    pub seen: u64,
    /// Of so many runs that would have shown it.
    pub of: u64,
    /// Runs beside these that prove nothing.
    pub unknown: u64,
}

impl Tally {
    pub fn words(&self) -> String {
        match (self.of, self.unknown) {
            (0, unknown) => format!("{unknown} unknown"),
            (of, 0) => format!("{} of {of}", self.seen),
            (of, unknown) => format!("{} of {of}, {unknown} unknown", self.seen),
        }
    }
}

/// One thing that was changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub factor: Factor,
    /// What of it, where there are several: `fault 1 (cut)`, `the mount option soft`.
    pub what: String,
    /// In words: `without fault 1`.
    pub change: String,
    pub tally: Tally,
    pub effect: Effect,
    /// Why its runs prove nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// The directory of its first run, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    Fault,
    ClientCache,
    MountOption,
    Delegation,
    Version,
    Server,
    ServerKernel,
    ClientKernel,
    Clock,
    Network,
    Disk,
    Machine,
}

impl Factor {
    /// In a sentence, if it is spoken of as a whole.
    pub fn words(self) -> &'static str {
        match self {
            Factor::Fault => "faults",
            Factor::ClientCache => "the client's cache",
            Factor::MountOption => "mount options",
            Factor::Delegation => "delegations",
            Factor::Version => "the NFS version",
            Factor::Server => "the server",
            Factor::ServerKernel => "the server's kernel",
            Factor::ClientKernel => "the clients' kernel",
            Factor::Clock => "clocks",
            Factor::Network => "the network's speed",
            Factor::Disk => "the disk's speed",
            Factor::Machine => "settings of machines",
        }
    }
}

/// What a change made of the violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is not seen any more.
    Gone,
    /// It is seen, and surely less often.
    Rarer,
    /// It is seen as before.
    None,
    /// Too few runs could have shown it.
    Unknown,
}

impl Effect {
    pub fn words(self) -> &'static str {
        match self {
            Effect::Gone => "takes it away",
            Effect::Rarer => "makes it rarer",
            Effect::None => "-",
            Effect::Unknown => "not known",
        }
    }
}

/// What could not be changed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub what: String,
    pub why: String,
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub fn explanation() -> Explanation {
        let row = |factor, what: &str, change: &str, seen, unknown, effect| Row {
            factor,
            what: what.into(),
            change: change.into(),
            tally: Tally { seen, of: 3 - unknown, unknown },
            effect,
            because: if unknown > 0 { "fault 1 (lose) never struck".into() } else { String::new() },
            run: (seen > 0).then(|| "runs/flufl.lock/explain-1/1".into()),
        };
        let left_out = LeftOut {
            what: "another kernel".into(),
            why: "none is built; `ci/setup --kernels 7.2` builds one".into(),
        };
        Explanation {
            format: FORMAT,
            lockstorm: "0.1.0".into(),
            lock: "flufl.lock".into(),
            scenario: "partition".into(),
            invariant: "owner-only release".into(),
            class: Class::BrokenPromise,
            violation: "c2's release took the lock of c1 | away.".into(),
            situation: "holds; releases (late, hit by cut)".into(),
            unchanged: Tally { seen: 3, of: 3, unknown: 0 },
            rows: vec![
                row(Factor::Fault, "fault 1 (cut)", "without fault 1 (cut)", 0, 0, Effect::Gone),
                row(Factor::ClientCache, "the client's cache", "noac", 3, 0, Effect::None),
                row(Factor::Version, "NFS 4.2", "NFS 3", 0, 3, Effect::Unknown),
                row(
                    Factor::Network,
                    "the network's speed",
                    "latency of a LAN",
                    1,
                    0,
                    Effect::Rarer,
                ),
            ],
            left_out: vec![left_out],
            conclusion: vec![
                "It depends on fault 1 (cut).".into(),
                "It does not depend on the client's cache.".into(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_comes_out_of_json_as_it_went_in() {
        let explanation = samples::explanation();
        let json = serde_json::to_string(&explanation).unwrap();
        assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), explanation);
    }

    #[test]
    fn runs_that_prove_nothing_are_told_beside_the_others() {
        let words = |seen, of, unknown| Tally { seen, of, unknown }.words();
        assert_eq!(words(2, 3, 0), "2 of 3");
        assert_eq!(words(1, 2, 1), "1 of 2, 1 unknown");
        assert_eq!(words(0, 0, 3), "3 unknown");
    }
}
