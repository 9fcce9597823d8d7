//! A result set: many runs, a line each.
//!
//! A set is a directory. `set.json` is its [`Header`]; `results.jsonl` has one [`RunSummary`] a
//! line, appended as the runs end, so that a job that is killed keeps what it had. A run has one
//! summary: one that could not be made, and was made later, counts as made. Each run's own files
//! (report.json among them) are below the same directory.

pub mod gate;
mod read;
mod table;
#[cfg(test)]
mod tests;

pub use gate::{GATE_FILE, Gate, LeftOut};
pub use read::{ReadError, parse, read};
pub use table::{Cell, Counts, Outcome, Row, Table};

use crate::text::{quoted, scenario_command};
use crate::{Class, Invariant, Report, Status, Verdict, Waiting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the set's format. Old versions stay readable.
pub const FORMAT: u32 = 1;
/// The name of the header's file.
pub const HEADER_FILE: &str = "set.json";
/// The name of the runs' file.
pub const RESULTS_FILE: &str = "results.jsonl";

/// A finding's explanation is cut after so many characters; its report has it whole.
const HEADLINE_CHARS_MAX: usize = 300;
/// Headlines and reasons a run: enough to know it by.
const TOLD_MAX: usize = 5;

/// What all runs of a set have in common, and what is known about their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// What it is, for people: `flufl.lock 10.0.0, standard suite`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The version of lockstorm that ran it.
    pub lockstorm: String,
    /// The command that makes it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// How many runs the command wants, those of all its parts together; absent where that is not
    /// known beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
    /// The scenarios in the order in which they are shown; others follow by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Entry>,
    /// The locks, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<Entry>,
    /// What does not apply, and is not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

impl Header {
    /// The header as set.json holds it.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// A scenario or a lock of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    pub name: String,
    /// What it is, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
}

/// A run in one line of results.jsonl.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    pub lock: String,
    pub scenario: String,
    pub seed: u64,
    /// The directory with the run's files, relative to the set's; absent when they were not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    // Lines of results.jsonl are flat, for `jq` and spreadsheets; of an end, each outcome has
    // fields of its own.
    #[serde(flatten)]
    pub end: End,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum End {
    /// The run was made and judged.
    Judged(Box<Judged>),
    /// The run could not be made at all.
    NotMade {
        cause: Cause,
        message: String,
        /// The command that tries to make it; empty: none is known.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reproduce: String,
    },
}

/// Why a run could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The lock and the scenario do not go together, or one of them is wrong.
    Input,
    /// The lock is not in the node image, or another part of the set-up is missing.
    SetUpMissing,
    /// The host refused.
    Host,
    /// An error in lockstorm itself.
    Internal,
}

/// What is worth keeping of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_version: Option<String>,
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    pub as_expected: bool,
    pub invariants: Vec<InvariantSummary>,
    /// The first finding of each invariant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headlines: Vec<Headline>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet_steps: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_because: Vec<String>,
    pub critical_sections: u64,
    /// How many of its faults struck.
    #[serde(default)]
    pub struck: u64,
    /// The waiting times of all clients together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    pub virtual_ns: u64,
    /// Differs from run to run, as nothing else here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// How long processors worked for it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processors_ms: Option<u64>,
    /// Of the nodes' kernel; of each role's, with its name, if they differ.
    pub kernel_key: String,
    pub image_key: String,
    pub history_sha256: String,
    /// What the run is known by; absent in sets that are older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_sha256: Option<String>,
    /// The command that makes the run again; empty: `lockstorm replay` with its directory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reproduce: String,
}

/// What became of one invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvariantSummary {
    pub invariant: Invariant,
    pub status: Status,
    /// How many violations there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub violations: u64,
    /// The gravest class among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
}

/// A finding in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Headline {
    pub invariant: Invariant,
    pub class: Class,
    pub at_ns: u64,
    pub text: String,
    /// Of the finding.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub situation: String,
    /// Which of the lock's assumptions did not hold, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beyond: Vec<String>,
}

/// The lock that a label is of, whatever tree or release of it: `mylock` of `mylock+fix` and of
/// `mylock@2.0`.
pub fn lock_of(label: &str) -> &str {
    label.split(['@', '+']).next().unwrap_or(label)
}

/// The runs of a set, with its header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultSet {
    // The header stands alone in a file of its own, and at the top of this one.
    #[serde(flatten)]
    pub header: Header,
    /// By lock, scenario and seed, whatever order they ended in.
    pub runs: Vec<RunSummary>,
    /// The job was killed while it wrote a line; the line is not among the runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_short: bool,
    /// What a gate made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

impl ResultSet {
    /// How many of the runs that were wanted are not there.
    pub fn missing(&self) -> u64 {
        self.header.wanted.unwrap_or(0).saturating_sub(self.runs.len() as u64)
    }
}

impl RunSummary {
    /// The summary of a judged run; `directory` is relative to the set's.
    pub fn of(report: &Report, directory: Option<&str>) -> RunSummary {
        RunSummary {
            lock: report.lock.name.clone(),
            scenario: report.scenario.name.clone(),
            seed: report.scenario.seed,
            directory: directory.map(str::to_owned),
            end: End::Judged(Box::new(Judged::of(report))),
        }
    }

    /// The line of results.jsonl, with its line feed.
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    /// What is known of it, if it was made.
    pub fn judged(&self) -> Option<&Judged> {
        match &self.end {
            End::Judged(judged) => Some(judged),
            End::NotMade { .. } => None,
        }
    }

    /// It was made, however it ended.
    pub fn is_made(&self) -> bool {
        self.judged().is_some()
    }

    /// What a run that is none of the others is told apart by, and sorted by.
    pub fn key(&self) -> (&str, &str, u64) {
        (&self.lock, &self.scenario, self.seed)
    }

    /// What it counts as in a table.
    pub fn outcome(&self) -> Outcome {
        let Some(judged) = self.judged() else {
            return Outcome::Failed;
        };
        match (judged.verdict, judged.class) {
            (Verdict::Valid, _) => Outcome::Valid,
            (Verdict::Unknown, _) => Outcome::Unknown,
            (Verdict::Violated, Some(Class::ScriptExpectation)) => Outcome::ScriptExpectation,
            (Verdict::Violated, Some(Class::BeyondAssumptions)) => Outcome::BeyondAssumptions,
            (Verdict::Violated, _) => Outcome::BrokenPromise,
        }
    }

    /// Whether it ended as its scenario says; a run that was not made did not.
    pub fn as_expected(&self) -> bool {
        self.judged().is_some_and(|judged| judged.as_expected)
    }

    /// Why it ended as it did, in a sentence; empty for a valid run.
    pub fn reason(&self) -> String {
        let judged = match &self.end {
            End::NotMade { message, .. } => return message.clone(),
            End::Judged(judged) => judged,
        };
        let gravest = judged.headlines.iter().min_by_key(|headline| headline.class);
        match (judged.verdict, gravest) {
            (Verdict::Violated, Some(headline)) => headline.words(),
            (Verdict::Violated, None) => judged.unmet_steps.first().cloned().unwrap_or_default(),
            (Verdict::Unknown, _) => judged.unknown_because.first().cloned().unwrap_or_default(),
            (Verdict::Valid, _) => String::new(),
        }
    }

    /// The command that makes it again, given where the set's directory has this name; without one,
    /// given in there.
    pub fn reproduce_from(&self, set: Option<&str>) -> String {
        let told = match &self.end {
            End::Judged(judged) => &judged.reproduce,
            End::NotMade { reproduce, .. } => reproduce,
        };
        match (self.judged(), &self.directory) {
            _ if !told.is_empty() => told.clone(),
            (Some(_), Some(directory)) => {
                let path = set.map_or(directory.clone(), |set| format!("{set}/{directory}"));
                format!("lockstorm replay {}", quoted(&path))
            }
            _ => scenario_command(&self.scenario, &self.lock, self.seed),
        }
    }
}

impl Headline {
    /// In words, with the assumption that did not hold.
    pub fn words(&self) -> String {
        let beyond = match self.beyond.first() {
            Some(first) => format!(" (beyond the assumptions: {first})"),
            None => String::new(),
        };
        format!("{}: {}{beyond}", self.invariant.words(), self.text)
    }
}

impl Judged {
    fn of(report: &Report) -> Judged {
        let class = |invariant| {
            let mine = report.findings.iter().filter(|found| found.invariant == invariant);
            mine.map(|found| found.class).min()
        };
        let invariants = report.invariants.iter().map(|result| InvariantSummary {
            invariant: result.invariant,
            status: result.status,
            violations: result.violations,
            class: class(result.invariant),
        });
        let steps = report.unmet_steps.iter().map(|step| {
            short(&format!("step {}: {}: saw {}", step.step.saturating_add(1), step.text, step.saw))
        });
        let because = report.unknown_because.iter().map(|why| short(why));
        Judged {
            lock_version: report.lock.version.clone(),
            verdict: report.verdict,
            class: report.class,
            as_expected: report.as_expected,
            invariants: invariants.collect(),
            headlines: headlines(report),
            unmet_steps: steps.take(TOLD_MAX).collect(),
            unknown_because: because.take(TOLD_MAX).collect(),
            critical_sections: report.statistics.critical_sections,
            struck: report.faults.iter().filter(|fault| fault.struck_ns.is_some()).count() as u64,
            waiting: report.statistics.waiting,
            virtual_ns: report.statistics.virtual_ns,
            wall_ms: report.wall.as_ref().map(|wall| wall.milliseconds),
            processors_ms: report.wall.as_ref().and_then(|wall| wall.processors_milliseconds),
            kernel_key: report.provenance.kernel_keys(),
            image_key: report.provenance.image_key.clone(),
            history_sha256: report.provenance.history_sha256.clone(),
            plan_sha256: report.provenance.plan_sha256.clone(),
            reproduce: report.reproduce.clone(),
        }
    }
}

/// The first finding of each invariant: findings stand in the order of their gravity.
fn headlines(report: &Report) -> Vec<Headline> {
    let firsts = report.invariants.iter().filter_map(|result| {
        report.findings.iter().find(|found| found.invariant == result.invariant)
    });
    let headlines = firsts.map(|found| Headline {
        invariant: found.invariant,
        class: found.class,
        at_ns: found.at_ns,
        text: short(&found.explanation),
        situation: found.situation.clone(),
        beyond: found.beyond.iter().map(|why| short(why)).collect(),
    });
    headlines.collect()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(HEADLINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
