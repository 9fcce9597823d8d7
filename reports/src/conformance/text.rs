//! The table for a terminal.

use super::{Outcome, Table};
use crate::text::clean;
use std::fmt::Write;

/// A row is a probe; where the columns differ, what each has seen stands below.
pub fn text(table: &Table) -> String {
    let width = table.rows().map(|row| row.name.len()).max().unwrap_or(0) + 4;
    let widths: Vec<usize> = table.columns.iter().map(|column| column.name.len().max(6)).collect();
    let mut out = String::new();
    let line = |out: &mut String, first: &str, cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(out, "{}", format!("{first:width$}{}", cells.join("  ")).trim_end());
    };
    for chapter in &table.chapters {
        let names = table.columns.iter().map(|column| column.name.as_str()).collect();
        line(&mut out, &chapter.name, names);
        for row in &chapter.rows {
            line(
                &mut out,
                &format!("  {}", row.name),
                row.cells.iter().map(|cell| cell.outcome.word()).collect(),
            );
            for (column, seen) in told(table, row) {
                let _ = writeln!(out, "      {column}: {}", clean(seen));
            }
        }
        out.push('\n');
    }
    out.push_str(&totals(table));
    out
}

/// What is worth a line: all that the columns do not agree on, and what is not kept.
fn told<'t>(table: &'t Table, row: &'t super::Row) -> Vec<(String, &'t str)> {
    let differs = row.differs();
    let mut said: Vec<(Vec<&str>, &str)> = Vec::new();
    for (column, cell) in table.columns.iter().zip(&row.cells) {
        let is_told = match cell.outcome {
            Outcome::NotHere => false,
            Outcome::Kept => differs,
            _ => true,
        };
        if !is_told {
            continue;
        }
        match said.iter_mut().find(|(_, seen)| *seen == cell.seen) {
            Some((columns, _)) => columns.push(&column.name),
            None => said.push((vec![&column.name], &cell.seen)),
        }
    }
    said.into_iter().map(|(columns, seen)| (columns.join(", "), seen)).collect()
}

fn totals(table: &Table) -> String {
    let mut out = String::new();
    for (index, column) in table.columns.iter().enumerate() {
        let count = |outcome| table.count(index, outcome);
        let _ = writeln!(
            out,
            "{}: {} kept, {} broken, {} hung, {} unfit, {} not here (Linux {}{})",
            column.name,
            count(Outcome::Kept),
            count(Outcome::Broken),
            count(Outcome::Hung),
            count(Outcome::Unfit),
            count(Outcome::NotHere),
            column.kernel,
            match column.options.is_empty() {
                true => String::new(),
                false => format!("; {}", column.options.join(",")),
            },
        );
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_tells_where_columns_differ() {
        insta::assert_snapshot!(super::text(&super::super::samples::table()));
    }
}
