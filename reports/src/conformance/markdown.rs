//! The table as Markdown.

use super::{Cell, Outcome, Table};
use crate::text::clean;
use std::fmt::Write;

/// A table a chapter; what was seen stands in the cells.
pub fn markdown(table: &Table) -> String {
    let mut out = String::new();
    for chapter in &table.chapters {
        let _ = writeln!(out, "## {}\n", chapter.name);
        let names = table.columns.iter().map(|column| format!(" {} |", column.name));
        let _ = writeln!(out, "| probe | rule |{}", names.collect::<String>());
        let _ = writeln!(out, "|---|---|{}", "---|".repeat(table.columns.len()));
        for row in &chapter.rows {
            let cells: String =
                row.cells.iter().map(|cell| format!(" {} |", of_cell(cell))).collect();
            let mark = if row.differs() { " ≠" } else { "" };
            let (rule, source) = (escaped(&row.rule), escaped(&row.source));
            let _ = writeln!(out, "| **{}**{mark} | {rule} ({source}) |{cells}", row.name);
        }
        out.push('\n');
    }
    out
}

fn of_cell(cell: &Cell) -> String {
    let seen = escaped(&cell.seen);
    match cell.outcome {
        Outcome::Kept => seen,
        Outcome::NotHere => "-".into(),
        outcome => format!("**{}**: {seen}", outcome.word()),
    }
}

fn escaped(text: &str) -> String {
    clean(text).replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_one_of_markdown() {
        insta::assert_snapshot!(super::markdown(&super::super::samples::table()));
    }
}
