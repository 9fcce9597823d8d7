//! What a cell of a map shows.

use super::{Cell, Made, Map};
use crate::{Class, Verdict};

/// What came of a run, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Broken,
    Beyond,
    Unknown,
    /// Valid, and no wonder: the fault did not come to pass.
    Missed,
    Valid,
}

impl Outcome {
    /// The gravest first, as legends have them.
    pub const ALL: [Outcome; 5] =
        [Outcome::Broken, Outcome::Beyond, Outcome::Unknown, Outcome::Missed, Outcome::Valid];

    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Broken => "broken promise",
            Outcome::Beyond => "beyond the lock's assumptions",
            Outcome::Unknown => "unknown",
            Outcome::Missed => "valid, but the fault did not strike",
            Outcome::Valid => "valid",
        }
    }

    pub fn is_violated(self) -> bool {
        matches!(self, Outcome::Broken | Outcome::Beyond)
    }
}

impl Made {
    pub fn outcome(&self) -> Outcome {
        match (self.verdict, self.class) {
            (Verdict::Violated, Some(Class::BeyondAssumptions)) => Outcome::Beyond,
            (Verdict::Violated, _) => Outcome::Broken,
            (Verdict::Unknown, _) => Outcome::Unknown,
            (Verdict::Valid, _) if !self.struck => Outcome::Missed,
            (Verdict::Valid, _) => Outcome::Valid,
        }
    }
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shown {
    /// Of its own run.
    Own(Outcome),
    /// Of the run that stands for it.
    Alike(Outcome),
    NotMade,
    NotHere,
}

impl Shown {
    pub fn of(map: &Map, row: usize, column: usize) -> Shown {
        let cell = map.rows.get(row).and_then(|row| row.cells.get(column));
        match (cell, map.run(row, column)) {
            (None | Some(Cell::NotApplicable), _) => Shown::NotHere,
            (Some(Cell::Alike { .. }), Some(made)) => Shown::Alike(made.outcome()),
            (Some(_), Some(made)) => Shown::Own(made.outcome()),
            (Some(_), None) => Shown::NotMade,
        }
    }

    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Shown::Own(outcome) | Shown::Alike(outcome) => Some(outcome),
            Shown::NotMade | Shown::NotHere => None,
        }
    }

    /// Everything that a map shows, each once.
    pub fn all(map: &Map) -> std::collections::BTreeSet<Shown> {
        let columns = || 0..map.columns.len();
        let cells = (0..map.rows.len()).flat_map(|row| columns().map(move |column| (row, column)));
        cells.map(|(row, column)| Shown::of(map, row, column)).collect()
    }
}
