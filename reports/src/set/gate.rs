//! What a gate made of a set: kept in `gate.json` beside it, so that every report knows.

use super::{Outcome, ResultSet, RunSummary};
use crate::compare::statistics::rate_of_unseen;
use crate::text::counted;
use crate::{Class, Invariant, Status, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The name of its file.
pub const GATE_FILE: &str = "gate.json";
/// The confidence of the bound.
const CONFIDENCE: f64 = 0.95;

/// A gate's decision about a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// [`super::FORMAT`].
    pub format: u32,
    pub verdict: GateVerdict,
    /// The verdict in a sentence: `PASSED: 15 runs`.
    pub words: String,
    /// The file with what is accepted, as the user named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Violations beyond the lock's assumptions count, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
    /// Acceptances whose day has passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<String>,
    /// Acceptances of what did not happen, though it was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needless: Vec<String>,
    /// Runs that came to no verdict.
    #[serde(default)]
    pub unknown: u64,
    /// What a gate would run and this one did not, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    pub tried: Tried,
}

/// What becomes of what is gated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    Passed,
    Refused,
    /// Nothing was run, or something was never tried.
    Unknown,
}

/// A violation that nobody accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    pub what: Violation,
    pub runs: u64,
    /// The commands that make one of the runs again, and that explain it.
    pub commands: Vec<String>,
}

/// A violation that somebody accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    pub what: Violation,
    pub runs: u64,
    pub reason: String,
}

/// One thing that was wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Violation {
    pub lock: String,
    pub scenario: String,
    /// Absent: an answer that a script did not expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invariant: Option<Invariant>,
}

/// A lock in a scenario of which runs are not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    pub lock: String,
    pub scenario: String,
    /// How many; absent: it does not apply to the lock at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u64>,
    pub why: String,
}

/// What was put to the test, and what it is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// Runs that came to a verdict.
    pub runs: u64,
    /// The promises that were put to the test in any of them.
    pub promises: Vec<Invariant>,
    /// Those that are promised and were not.
    pub untried: Vec<Invariant>,
    pub scenarios: u64,
    /// How many runs of a lock in a scenario there are, at least and at most.
    pub seeds: (u64, u64),
    /// How many faults struck, and in how many runs.
    pub faults: u64,
    pub runs_with_faults: u64,
}

impl Violation {
    /// What a run broke; with what lies beyond its lock's assumptions, or without.
    pub fn of(run: &RunSummary, beyond_too: bool) -> Vec<Violation> {
        let Some(judged) = run.judged() else {
            return Vec::new();
        };
        let counts = |class: Class| beyond_too || class != Class::BeyondAssumptions;
        let broken = judged.invariants.iter().filter(|found| found.class.is_some_and(counts));
        let broken = broken.map(|found| Some(found.invariant));
        let unmet = (!judged.unmet_steps.is_empty()).then_some(None);
        let (lock, scenario) = (&run.lock, &run.scenario);
        let violation =
            |invariant| Violation { lock: lock.clone(), scenario: scenario.clone(), invariant };
        broken.chain(unmet).map(violation).collect()
    }

    /// What was wrong, without lock and scenario.
    pub fn what(&self) -> &'static str {
        self.invariant.map_or("an answer that the script does not expect", Invariant::words)
    }

    /// In words: `flufl.lock in calm: mutual exclusion`.
    pub fn words(&self) -> String {
        format!("{} in {}: {}", self.lock, self.scenario, self.what())
    }
}

impl Tried {
    pub fn of(set: &ResultSet) -> Tried {
        let mut tried = Tried::default();
        let mut statuses: BTreeMap<Invariant, BTreeSet<Status>> = BTreeMap::new();
        let mut cells: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for run in &set.runs {
            let Some(judged) = run.judged().filter(|found| found.verdict != Verdict::Unknown)
            else {
                continue;
            };
            tried.runs += 1;
            tried.faults = tried.faults.saturating_add(judged.struck);
            tried.runs_with_faults += u64::from(judged.struck > 0);
            *cells.entry((&run.lock, &run.scenario)).or_default() += 1;
            for found in &judged.invariants {
                statuses.entry(found.invariant).or_default().insert(found.status);
            }
        }
        for (invariant, seen) in statuses {
            if seen.contains(&Status::Kept) || seen.contains(&Status::Violated) {
                tried.promises.push(invariant);
            } else if seen.contains(&Status::Vacuous) || seen.contains(&Status::Unknown) {
                tried.untried.push(invariant);
            }
        }
        let scenarios: BTreeSet<&str> = cells.keys().map(|(_, scenario)| *scenario).collect();
        tried.scenarios = scenarios.len() as u64;
        let least = cells.values().min().copied().unwrap_or(0);
        tried.seeds = (least, cells.values().max().copied().unwrap_or(0));
        tried
    }

    /// In sentences, each with what it is about.
    fn lines(&self, refused: bool) -> Vec<(&'static str, String)> {
        let names = |all: &[Invariant]| {
            all.iter().map(|invariant| invariant.words()).collect::<Vec<_>>().join(", ")
        };
        let seeds = match self.seeds {
            (least, most) if least == most => format!("{} each", counted(least, "seed")),
            (least, most) => format!("{least} to {most} seeds each"),
        };
        let (promises, scenarios) = (self.promises.len() as u64, self.scenarios);
        let mut lines = vec![
            ("tried", format!("{}: {}", counted(promises, "promise"), names(&self.promises))),
            (
                "tried",
                format!(
                    "{}, {seeds}; {} struck, in {} of {}",
                    counted(scenarios, "scenario"),
                    counted(self.faults, "fault"),
                    self.runs_with_faults,
                    counted(self.runs, "run"),
                ),
            ),
        ];
        if !self.untried.is_empty() {
            lines.push(("not tried", format!("{}: promised", names(&self.untried))));
        }
        if !refused {
            let most = |runs| rate_of_unseen(runs, CONFIDENCE) * 100.0;
            lines.push((
                "bound",
                format!(
                    "0 of {} refused: at most {:.1} % of such runs would be, with {:.0} % \
                     confidence; of those of one scenario, at most {:.1} %",
                    counted(self.runs, "run"),
                    most(self.runs),
                    CONFIDENCE * 100.0,
                    most(self.seeds.0),
                ),
            ));
        }
        lines
    }
}

/// A line of what a gate says.
pub struct GateLine {
    /// What it is about: `refused`, `accepted`, `tried`.
    pub label: &'static str,
    pub text: String,
    /// Commands to be pasted.
    pub commands: Vec<String>,
}

impl Gate {
    /// All but the verdict, the gravest first.
    pub fn lines(&self) -> Vec<GateLine> {
        let plain = |label, text| GateLine { label, text, commands: Vec::new() };
        let mut lines = Vec::new();
        for Refused { what, runs, commands } in &self.refused {
            let text = format!("{}, in {}", what.words(), counted(*runs, "run"));
            lines.push(GateLine { label: "refused", text, commands: commands.clone() });
        }
        for Accepted { what, runs, reason } in &self.accepted {
            let text = format!("{}, in {}: {reason}", what.words(), counted(*runs, "run"));
            lines.push(plain("accepted", text));
        }
        for words in &self.expired {
            let text = format!("{words}: the day until which it was accepted has passed");
            lines.push(plain("expired", text));
        }
        for words in &self.needless {
            let text = format!("{words}: it did not happen; take it out of the baseline");
            lines.push(plain("needless", text));
        }
        if self.unknown > 0 {
            lines.push(plain("unknown", counted(self.unknown, "run")));
        }
        lines.extend(self.left_out.iter().map(|left| plain("left out", left.words())));
        if self.tried.runs > 0 {
            let tried = self.tried.lines(!self.refused.is_empty());
            lines.extend(tried.into_iter().map(|(label, text)| plain(label, text)));
        }
        lines
    }

    /// Why a run that breaks something is no trouble: what is accepted of all that it broke.
    pub fn accepts(&self, run: &RunSummary) -> Option<&str> {
        let broken = Violation::of(run, self.strict);
        let by = |what: &Violation| self.accepted.iter().find(|accepted| accepted.what == *what);
        let mut by = broken.iter().map(by).collect::<Option<Vec<&Accepted>>>()?.into_iter();
        let is_broken =
            matches!(run.outcome(), Outcome::BrokenPromise | Outcome::ScriptExpectation);
        by.next().filter(|_| is_broken).map(|first| first.reason.as_str())
    }
}

impl LeftOut {
    /// In words: `3 runs of fcntl in crash: there was no time for them`.
    pub fn words(&self) -> String {
        let LeftOut { lock, scenario, runs, why } = self;
        match runs {
            Some(runs @ 1..) => format!("{} of {lock} in {scenario}: {why}", counted(*runs, "run")),
            _ => format!("{lock} in {scenario}: {why}"),
        }
    }
}
