//! The advice for a terminal.

use super::{Advice, told};
use crate::text::{clean, clean_name, wrap};
use std::fmt::Write;

/// Sentences are wrapped at this column.
const COLUMNS: usize = 96;

/// A line a lock, and what it rests on below the table.
pub fn text(advice: &Advice) -> String {
    let mut out = format!("Which lock for {}\n\n", clean(&advice.site));
    for story in &advice.stories {
        let _ = writeln!(out, "  {:8}  {}", clean_name(&story.name), clean(&story.about));
    }
    out.push('\n');
    table(&mut out, advice);
    for row in &advice.locks {
        let _ = writeln!(out, "\n{}", clean_name(&row.lock));
        paragraph(&mut out, &row.sentence());
        for (story, falls) in row.fell_by_story() {
            paragraph(&mut out, &format!("- {story}: {}", told(&falls)));
            let _ = writeln!(out, "    $ {}", clean(&falls[0].reproduce));
        }
        if row.fell.is_empty() {
            let _ = writeln!(out, "  $ {}", clean(&row.reproduce));
        }
    }
    if !advice.left_out.is_empty() {
        out.push_str("\nNot tried\n");
        for left in &advice.left_out {
            paragraph(&mut out, &format!("{}: {}", left.what, left.why));
        }
    }
    out
}

fn table(out: &mut String, advice: &Advice) {
    let mut head: Vec<String> = ["lock", "", "a minute", "waits", "99 %"].map(String::from).into();
    head.extend(advice.failing().map(|story| format!("after {}", story.name)));
    let mut lines = vec![head];
    for row in &advice.locks {
        let mut line = vec![clean_name(&row.lock), row.standing.words().into()];
        line.extend(row.speed());
        line.extend(advice.failing().map(|story| row.outage(&story.name)));
        lines.push(line);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..lines[0].len()).map(|c| width(c).unwrap_or(0)).collect();
    for line in &lines {
        let cells =
            line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 | 1 => format!("{cell:width$}"),
                _ => format!("{cell:>width$}"),
            });
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn paragraph(out: &mut String, text: &str) {
    for line in wrap(&clean(text), COLUMNS - 2) {
        let _ = writeln!(out, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_lock_is_a_line_and_says_below_what_it_rests_on() {
        insta::assert_snapshot!(super::text(&super::super::samples::advice()));
    }
}
