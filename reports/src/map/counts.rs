//! How much of a map was tried.

use super::{Cell, Made, Row, run};
use crate::{Class, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sums over a map's cells.
///
/// `tried`, `proofs`, `alike` and `not_made` add up to `possible`. The runs are `tried` and
/// `proofs` together; `violated`, `beyond` and `unknown` are different ones among them, and the
/// others are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows.
    pub points: u64,
    /// Cells whose fault can happen at their point.
    pub possible: u64,
    /// Runs that were made for themselves.
    pub tried: u64,
    /// Runs whose fault came to pass.
    pub struck: u64,
    /// Cells that the run of another one stands for.
    pub alike: u64,
    /// Runs that were made although another one stands for them.
    pub proofs: u64,
    /// Proofs that did not end as the run that stands for them.
    pub disagreeing: u64,
    /// Runs with a broken promise.
    pub violated: u64,
    /// Runs with nothing worse than what is beyond the lock's assumptions.
    pub beyond: u64,
    /// Runs without a verdict.
    pub unknown: u64,
    /// Cells that no run tells anything of; those among them whose run was to be another one's.
    pub not_made: u64,
}

impl Counts {
    pub fn of(rows: &[Row]) -> Counts {
        let mut counts = Counts { points: rows.len() as u64, ..Counts::default() };
        for (index, row) in rows.iter().enumerate() {
            for (column, cell) in row.cells.iter().enumerate() {
                counts.add(cell, run(rows, index, column).is_some());
            }
        }
        counts
    }

    fn add(&mut self, cell: &Cell, is_told: bool) {
        self.possible += u64::from(*cell != Cell::NotApplicable);
        match cell {
            Cell::NotApplicable => {}
            Cell::Alike { .. } if is_told => self.alike += 1,
            Cell::Alike { .. } | Cell::NotMade { .. } => self.not_made += 1,
            Cell::Made(_) => self.tried += 1,
            Cell::Proof { agrees, .. } => {
                self.proofs += 1;
                self.disagreeing += u64::from(!agrees);
            }
        }
        if let Some(made) = cell.made() {
            self.add_run(made);
        }
    }

    fn add_run(&mut self, made: &Made) {
        self.struck += u64::from(made.struck);
        match (made.verdict, made.class) {
            (Verdict::Valid, _) => {}
            (Verdict::Unknown, _) => self.unknown += 1,
            (Verdict::Violated, Some(Class::BeyondAssumptions)) => self.beyond += 1,
            (Verdict::Violated, _) => self.violated += 1,
        }
    }

    /// How many runs were made.
    pub fn runs(&self) -> u64 {
        self.tried.saturating_add(self.proofs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made() -> impl Strategy<Value = Made> {
        let verdict = prop_oneof![
            Just((Verdict::Valid, None)),
            Just((Verdict::Unknown, None)),
            Just((Verdict::Violated, None)),
            Just((Verdict::Violated, Some(Class::BrokenPromise))),
            Just((Verdict::Violated, Some(Class::BeyondAssumptions))),
        ];
        (verdict, any::<bool>()).prop_map(|((verdict, class), struck)| Made {
            verdict,
            class,
            struck,
            fingerprints: Vec::new(),
            directory: None,
            reason: String::new(),
        })
    }

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::NotApplicable),
            Just(Cell::NotMade { why: "no budget".into() }),
            made().prop_map(Cell::Made),
            (0..12_usize).prop_map(|row| Cell::Alike { row }),
            (0..12_usize, any::<bool>(), made()).prop_map(|(row, agrees, made)| Cell::Proof {
                row,
                agrees,
                made
            }),
        ]
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let row = prop::collection::vec(cell(), 0..8).prop_map(|cells| Row {
            name: "c1.acquire1".into(),
            about: String::new(),
            client: "c1".into(),
            at_ns: 0,
            cells,
        });
        prop::collection::vec(row, 0..10)
    }

    proptest! {
        #[test]
        fn every_possible_cell_of_a_map_is_counted_as_one_thing(rows in rows()) {
            let counts = Counts::of(&rows);
            let cells = || rows.iter().flat_map(|row| &row.cells);
            let applies = cells().filter(|cell| **cell != Cell::NotApplicable).count();
            prop_assert_eq!(counts.possible, applies as u64);
            let parts = counts.tried + counts.alike + counts.proofs + counts.not_made;
            prop_assert_eq!(counts.possible, parts);
            prop_assert_eq!(counts.runs(), cells().filter_map(Cell::made).count() as u64);
            prop_assert!(counts.violated + counts.beyond + counts.unknown <= counts.runs());
            prop_assert!(counts.struck <= counts.runs());
            prop_assert!(counts.disagreeing <= counts.proofs);
        }
    }
}
