//! The table of a set: a row a lock, a column a scenario.

use super::{Entry, ResultSet, RunSummary};
use crate::text::counted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a run counts as, the gravest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    BrokenPromise,
    ScriptExpectation,
    BeyondAssumptions,
    Unknown,
    /// The run could not be made.
    Failed,
    Valid,
}

impl Outcome {
    pub const ALL: [Outcome; 6] = [
        Outcome::BrokenPromise,
        Outcome::ScriptExpectation,
        Outcome::BeyondAssumptions,
        Outcome::Unknown,
        Outcome::Failed,
        Outcome::Valid,
    ];

    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::BrokenPromise => "broken promise",
            Outcome::ScriptExpectation => "not what the script expects",
            Outcome::BeyondAssumptions => "beyond the lock's assumptions",
            Outcome::Unknown => "unknown",
            Outcome::Failed => "not made",
            Outcome::Valid => "valid",
        }
    }

    /// What it means, for somebody who has never seen one.
    pub fn meaning(self) -> &'static str {
        match self {
            Outcome::BrokenPromise => "the lock broke a promise, within everything that it assumes",
            Outcome::ScriptExpectation => {
                "no promise was broken, but the script expected another answer"
            }
            Outcome::BeyondAssumptions => {
                "the lock failed, after the run had left what it says it assumes"
            }
            Outcome::Unknown => "the run proves nothing: a fault missed, or something else failed",
            Outcome::Failed => "the run could not be made at all",
            Outcome::Valid => "every promise that was tried held",
        }
    }
}

/// How many runs ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    counts: [usize; Outcome::ALL.len()],
    /// How many did not end as their scenario says.
    pub unexpected: usize,
}

impl Counts {
    /// Counts runs.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a RunSummary>) -> Counts {
        let mut counts = Counts::default();
        for run in runs {
            counts.counts[run.outcome() as usize] += 1;
            counts.unexpected += usize::from(!run.as_expected());
        }
        counts
    }

    pub fn get(&self, outcome: Outcome) -> usize {
        self.counts[outcome as usize]
    }

    /// All runs.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The outcomes that there were, the gravest first.
    pub fn present(&self) -> impl Iterator<Item = (Outcome, usize)> + '_ {
        let all = Outcome::ALL.into_iter().map(|outcome| (outcome, self.get(outcome)));
        all.filter(|(_, count)| *count > 0)
    }

    /// The gravest outcome of all; `None` without a run.
    pub fn gravest(&self) -> Option<Outcome> {
        self.present().next().map(|(outcome, _)| outcome)
    }
}

/// The runs of one lock in one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell<'a> {
    pub lock: &'a str,
    pub scenario: &'a str,
    /// By seed.
    pub runs: Vec<&'a RunSummary>,
    pub counts: Counts,
}

impl Cell<'_> {
    /// How many critical sections its runs had: the median of them.
    pub fn sections(&self) -> Option<u64> {
        let judged = self.runs.iter().filter_map(|run| run.judged());
        median(judged.map(|judged| judged.critical_sections))
    }

    /// How long an acquire took: the median of the runs' medians.
    pub fn waiting_ns(&self) -> Option<u64> {
        let judged = self.runs.iter().filter_map(|run| run.judged());
        median(judged.filter_map(|judged| judged.waiting).map(|waiting| waiting.median_ns))
    }

    /// The runs that did not end as their scenario says.
    pub fn unexpected(&self) -> impl Iterator<Item = &RunSummary> {
        self.runs.iter().copied().filter(|run| !run.as_expected())
    }

    /// The gravest of them.
    pub fn gravest_unexpected(&self) -> Option<&RunSummary> {
        self.unexpected().min_by_key(|run| run.outcome())
    }

    /// How they ended: `beyond the lock's assumptions in 2 and unknown in 1 of 3 runs`.
    pub fn unexpected_words(&self) -> String {
        let counts = Counts::of(self.unexpected());
        let ends =
            counts.present().map(|(outcome, count)| format!("{} in {count}", outcome.words()));
        let ends = ends.collect::<Vec<_>>().join(" and ");
        format!("{ends} of {}", counted(self.runs.len() as u64, "run"))
    }
}

/// How many ended how, in words.
fn ends(counts: &Counts) -> String {
    let ends = counts.present().map(|(outcome, count)| format!("{count} {}", outcome.words()));
    ends.collect::<Vec<_>>().join(" and ")
}

/// The lower one, where there are two.
fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// Locks by scenarios.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<'a> {
    pub scenarios: Vec<&'a str>,
    /// A row a lock, a cell a scenario in the order of [`Table::scenarios`].
    pub rows: Vec<Row<'a>>,
    pub totals: Counts,
}

/// One lock's cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    pub lock: &'a str,
    /// The versions that ran.
    pub versions: BTreeSet<&'a str>,
    pub cells: Vec<Cell<'a>>,
}

impl Row<'_> {
    /// All its runs.
    pub fn counts(&self) -> Counts {
        Counts::of(self.cells.iter().flat_map(|cell| cell.runs.iter().copied()))
    }
}

impl Table<'_> {
    /// The table of a set. Whatever the header names has its row or column, in that order.
    pub fn of(set: &ResultSet) -> Table<'_> {
        let locks = named(&set.header.locks, set.runs.iter().map(|run| run.lock.as_str()));
        let scenarios =
            named(&set.header.scenarios, set.runs.iter().map(|run| run.scenario.as_str()));
        let rows = locks.iter().map(|lock| row(set, lock, &scenarios));
        Table { rows: rows.collect(), totals: Counts::of(&set.runs), scenarios }
    }
}

impl<'a> Table<'a> {
    /// The cells with runs that did not end as their scenario says, the gravest first.
    pub fn unexpected(&self) -> Vec<&Cell<'a>> {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        let mut cells: Vec<&Cell> = cells.filter(|cell| cell.counts.unexpected > 0).collect();
        cells.sort_by_key(|cell| cell.gravest_unexpected().map(RunSummary::outcome));
        cells
    }

    /// What is in cells that nobody tells one by one: `12 valid`.
    pub fn rest_words(cells: &[&Cell]) -> String {
        ends(&Counts::of(cells.iter().flat_map(|cell| cell.unexpected())))
    }
}

fn row<'a>(set: &'a ResultSet, lock: &'a str, scenarios: &[&'a str]) -> Row<'a> {
    let mine: Vec<&RunSummary> = set.runs.iter().filter(|run| run.lock == lock).collect();
    let cells = scenarios.iter().map(|scenario| {
        let runs = mine.iter().copied().filter(|run| run.scenario == *scenario);
        let runs: Vec<&RunSummary> = runs.collect();
        Cell { lock, scenario, counts: Counts::of(runs.iter().copied()), runs }
    });
    let judged = mine.iter().filter_map(|run| run.judged());
    let versions = judged.filter_map(|judged| judged.lock_version.as_deref());
    Row { lock, versions: versions.collect(), cells: cells.collect() }
}

fn named<'a>(entries: &'a [Entry], ran: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let others: BTreeSet<&str> = ran.filter(|name| !names.contains(name)).collect();
    names.extend(others);
    names
}
