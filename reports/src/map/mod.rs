//! The map of a sweep: a row for each point of a run, a column for each fault, and in each cell
//! what came of that fault at that point.

mod counts;
pub(crate) mod groups;
mod json;
mod markdown;
pub(crate) mod outcome;
mod text;
pub(crate) mod words;

pub use counts::Counts;
pub use json::{json, read};
pub use markdown::markdown;
pub use outcome::Outcome;
pub use text::text;

use crate::{Class, Invariant, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of [`Map`].
pub const FORMAT: u32 = 1;

/// All that a sweep tried, and what it left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// [`FORMAT`].
    pub format: u32,
    pub lock: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_version: Option<String>,
    /// The scenario without faults whose run has the points.
    pub story: String,
    pub seed: u64,
    /// The command that makes it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    pub columns: Vec<Column>,
    /// By time.
    pub rows: Vec<Row>,
    /// The violations, each kind once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// [`Counts::of`] the rows.
    pub counts: Counts,
    /// How long processors worked for it.
    pub processors_ms: u64,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    /// What happens, in words that follow "at a point".
    pub about: String,
}

/// A point of the run: a call, a reply, or a boundary between the lock's own calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Client, which of its calls of the lock, operation, path, and how many such ones before:
    /// `c1.acquire1.LINK-lock.reply1`.
    pub name: String,
    /// In words.
    pub about: String,
    /// Whom it is about.
    pub client: String,
    /// When the run without faults came there.
    pub at_ns: u64,
    /// One for each column, in their order.
    pub cells: Vec<Cell>,
}

/// What came of a fault at a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cell {
    /// The fault cannot happen there.
    NotApplicable,
    /// It could, and was not tried: no budget was left, another shard has it, or it failed.
    NotMade { why: String },
    /// It was tried.
    Made(Made),
    /// It was left out: the cell of this row, in the same column, stands for it.
    Alike { row: usize },
    /// The cell of another row stands for it, and it was tried all the same, to see whether both
    /// end alike.
    Proof { row: usize, agrees: bool, made: Made },
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Made {
    pub verdict: Verdict,
    /// The gravest of its violations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// The fault came to pass.
    pub struck: bool,
    /// Of the findings that it is among.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// With the run's files, relative to the map's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Why it ended as it did, in a sentence; empty for a valid run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Violations that are the same: one lock breaks one promise in one situation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub fingerprint: String,
    pub invariant: Invariant,
    pub class: Class,
    /// What everybody was about when it happened.
    pub situation: String,
    pub explanation: String,
    /// In how many cells it was seen.
    pub seen: u64,
    /// The first of these: row and column.
    pub first: (usize, usize),
    /// With the files of the run that shows it, relative to the map's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The command that makes that run again.
    pub reproduce: String,
    /// Where it is known already, and as what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}

impl Map {
    /// Names the directories of the runs anew; of those that are not there, none is left.
    pub fn move_runs(&mut self, moved: impl Fn(&str) -> Option<String>) {
        let again = |directory: &mut Option<String>| {
            *directory = directory.as_deref().and_then(&moved);
        };
        let cells = self.rows.iter_mut().flat_map(|row| &mut row.cells);
        for cell in cells {
            if let Cell::Made(made) | Cell::Proof { made, .. } = cell {
                again(&mut made.directory);
            }
        }
        self.findings.iter_mut().for_each(|finding| again(&mut finding.directory));
    }

    /// The run that tells what becomes of a fault at a point: its own, or that of the point that
    /// stands for it.
    pub fn run(&self, row: usize, column: usize) -> Option<&Made> {
        run(&self.rows, row, column)
    }
}

impl Cell {
    /// Its own run.
    pub fn made(&self) -> Option<&Made> {
        match self {
            Cell::Made(made) | Cell::Proof { made, .. } => Some(made),
            Cell::NotApplicable | Cell::NotMade { .. } | Cell::Alike { .. } => None,
        }
    }
}

fn run(rows: &[Row], row: usize, column: usize) -> Option<&Made> {
    let cell = |row: usize| rows.get(row)?.cells.get(column);
    match cell(row)? {
        Cell::Alike { row } => cell(*row)?.made(),
        cell => cell.made(),
    }
}
