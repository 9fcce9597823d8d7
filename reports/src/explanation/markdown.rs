//! The explanation as Markdown.

use super::{Effect, Explanation};
use crate::text::clean;
use std::fmt::Write;

/// A table of changes between what happened and the conclusion.
pub fn markdown(explanation: &Explanation) -> String {
    let Explanation { lock, scenario, invariant, class, .. } = explanation;
    let mut out = String::new();
    let [lock, scenario, invariant] = [lock, scenario, invariant].map(|text| escaped(text));
    let _ = writeln!(out, "## {lock} in {scenario}: {invariant} ({})\n", class.words());
    let (violation, situation) = (&explanation.violation, &explanation.situation);
    let _ = writeln!(out, "{}\n\nSituation: {}\n", escaped(violation), escaped(situation));
    let _ = writeln!(out, "| one change | seen in | effect |\n|---|---|---|");
    let _ = writeln!(out, "| none | {} | |", explanation.unchanged.words());
    for row in &explanation.rows {
        let effect = match row.effect {
            Effect::Gone | Effect::Rarer => format!("**{}**", row.effect.words()),
            Effect::None => String::new(),
            Effect::Unknown => format!("{}: {}", row.effect.words(), escaped(&row.because)),
        };
        let _ = writeln!(out, "| {} | {} | {effect} |", escaped(&row.change), row.tally.words());
    }
    if !explanation.left_out.is_empty() {
        out.push_str("\nNot tried:\n\n");
        for left in &explanation.left_out {
            let _ = writeln!(out, "- {}: {}", escaped(&left.what), escaped(&left.why));
        }
    }
    let sentences: Vec<String> = explanation.conclusion.iter().map(|it| escaped(it)).collect();
    let _ = writeln!(out, "\n{}", sentences.join(" "));
    out
}

fn escaped(text: &str) -> String {
    clean(text).replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_changes_are_a_table() {
        insta::assert_snapshot!(super::markdown(&super::super::samples::explanation()));
    }
}
