//! What differs between two tables: of two kernels, of two servers.

use super::{Cell, Column, Table};
use crate::text::clean;
use std::fmt::Write;

/// A probe that two columns do not say the same of.
#[derive(Debug, PartialEq)]
pub struct Difference<'t> {
    pub probe: &'t str,
    pub rule: &'t str,
    pub columns: (&'t Column, &'t Column),
    pub cells: (&'t Cell, &'t Cell),
}

/// Compares each column with the one of the other table that stands for the same NFS version; if
/// that has several, with all of them.
pub fn differences<'t>(before: &'t Table, after: &'t Table) -> Vec<Difference<'t>> {
    let mut found = Vec::new();
    for (at, column) in before.columns.iter().enumerate() {
        let others = after.columns.iter().enumerate();
        for (other_at, other) in others.filter(|(_, other)| other.version == column.version) {
            for row in before.rows() {
                let Some(same) = after.rows().find(|same| same.name == row.name) else {
                    continue;
                };
                let (Some(cell), Some(other_cell)) = (row.cells.get(at), same.cells.get(other_at))
                else {
                    continue;
                };
                if (cell.outcome, &cell.seen) != (other_cell.outcome, &other_cell.seen) {
                    found.push(Difference {
                        probe: &row.name,
                        rule: &row.rule,
                        columns: (column, other),
                        cells: (cell, other_cell),
                    });
                }
            }
        }
    }
    found
}

/// The same in words.
pub fn told(differences: &[Difference]) -> String {
    let mut out = String::new();
    for Difference { probe, rule, columns, cells } in differences {
        let _ = writeln!(out, "{probe}: {rule}");
        for (column, cell) in [(columns.0, cells.0), (columns.1, cells.1)] {
            let (word, seen) = (cell.outcome.word(), clean(&cell.seen));
            let _ = writeln!(out, "  {}, Linux {}: {word}, {seen}", column.name, column.kernel);
        }
    }
    let _ = match differences.len() {
        0 => writeln!(out, "No probe says anything else."),
        1 => writeln!(out, "1 difference"),
        count => writeln!(out, "{count} differences"),
    };
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, samples};
    use super::*;

    #[test]
    fn what_two_tables_say_differently_is_told() {
        let before = samples::table();
        let mut after = before.clone();
        after.columns[0].kernel = "7.2".into();
        assert_eq!(differences(&before, &after), []);
        after.chapters[0].rows[1].cells[0].outcome = Outcome::Kept;
        insta::assert_snapshot!(told(&differences(&before, &after)));
    }
}
