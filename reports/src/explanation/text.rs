//! The explanation for a terminal.

use super::Explanation;
use crate::text::{clean, clean_name, wrap};
use std::fmt::Write;

/// Sentences are wrap at this column.
const COLUMNS: usize = 96;

/// What happened, a line a change, and the conclusion.
pub fn text(explanation: &Explanation) -> String {
    let Explanation { lock, scenario, invariant, class, unchanged, .. } = explanation;
    let (lock, scenario) = (clean_name(lock), clean_name(scenario));
    let mut out = String::new();
    let _ = writeln!(out, "{lock} in {scenario}: {} ({})", clean(invariant), class.words());
    paragraph(&mut out, &explanation.violation);
    paragraph(&mut out, &format!("situation: {}", explanation.situation));
    out.push('\n');
    let width = explanation.rows.iter().map(|row| row.change.chars().count()).max().unwrap_or(0);
    let width = width.clamp(16, 56);
    let told = |out: &mut String, change: &str, seen: &str, effect: &str| {
        let line = format!("  {change:width$}  {seen:18}  {effect}");
        let _ = writeln!(out, "{}", line.trim_end());
    };
    told(&mut out, "one change", "seen in", "");
    told(&mut out, "none", &unchanged.words(), "");
    for row in &explanation.rows {
        told(&mut out, &clean(&row.change), &row.tally.words(), row.effect.words());
        if !row.because.is_empty() {
            let _ = writeln!(out, "      {}", clean(&row.because));
        }
    }
    if !explanation.left_out.is_empty() {
        out.push_str("\nNot tried\n");
        for left in &explanation.left_out {
            paragraph(&mut out, &format!("{}: {}", left.what, left.why));
        }
    }
    out.push('\n');
    for sentence in &explanation.conclusion {
        for line in wrap(&clean(sentence), COLUMNS) {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn paragraph(out: &mut String, text: &str) {
    for line in wrap(&clean(text), COLUMNS - 2) {
        let _ = writeln!(out, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_change_is_a_line() {
        insta::assert_snapshot!(super::text(&super::super::samples::explanation()));
    }
}
