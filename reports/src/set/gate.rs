//! What a gate made of a set: its verdict, and what it rests on.

use super::ReadError;
use crate::Invariant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The version of the file's format.
pub const GATE_FORMAT: u32 = 1;
/// The name of its file, in the directory of the set.
pub const GATE_FILE: &str = "gate.json";

/// What a gate made of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// [`GATE_FORMAT`].
    pub format: u32,
    pub verdict: GateVerdict,
    /// The file with the violations that are accepted, as the gate was given it; absent without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Violations beyond the lock's assumptions count, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// How many runs it judged.
    pub runs: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<AcceptedViolation>,
    /// What else it says, a sentence each: acceptances whose day has passed or that are needless,
    /// runs that came to no verdict, or that there was no time for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// Whether a lock may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    Passed,
    /// Nothing is refused, but runs came to no verdict.
    PassedAsFarAsKnown,
    Refused,
    /// Nothing was run.
    Unknown,
}

impl GateVerdict {
    pub fn words(self) -> &'static str {
        match self {
            GateVerdict::Passed => "passed",
            GateVerdict::PassedAsFarAsKnown => "passed, as far as is known",
            GateVerdict::Refused => "refused",
            GateVerdict::Unknown => "unknown: nothing was run",
        }
    }
}

/// A violation that nobody accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    #[serde(flatten)]
    pub what: Broken,
    /// In how many runs.
    pub runs: u64,
    /// The commands that make one of them again, and that explain it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// A violation that the baseline accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedViolation {
    #[serde(flatten)]
    pub what: Broken,
    pub runs: u64,
    /// Why, as the baseline says.
    pub reason: String,
}

/// What was broken, by whom and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Broken {
    pub lock: String,
    pub scenario: String,
    /// Absent: an answer that the script does not expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invariant: Option<Invariant>,
}

impl Broken {
    /// What, without lock and scenario.
    pub fn words(&self) -> &'static str {
        self.invariant.map_or("an answer that the script does not expect", Invariant::words)
    }
}

impl Gate {
    /// As gate.json holds it.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// What a gate said of the set in a directory; `None` where none has judged it.
pub fn read_gate(directory: &Path) -> Result<Option<Gate>, ReadError> {
    let path = directory.join(GATE_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read(&path).map_err(|source| ReadError::Io { path: path.clone(), source })?;
    let told = |problem: String| ReadError::Content(format!("{}: {problem}", path.display()));
    let gate: Gate = serde_json::from_slice(&text).map_err(|error| told(error.to_string()))?;
    match gate.format {
        GATE_FORMAT => Ok(Some(gate)),
        other => Err(told(format!(
            "format {other} is not known to this lockstorm, which reads format {GATE_FORMAT}"
        ))),
    }
}
