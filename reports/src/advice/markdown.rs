//! The advice as Markdown.

use super::{Advice, told};
use crate::text::clean;
use std::fmt::Write;

/// A table of locks, and what each rests on.
pub fn markdown(advice: &Advice) -> String {
    let mut out = format!("## Which lock for {}\n\n", escaped(&advice.site));
    for story in &advice.stories {
        let _ = writeln!(out, "- *{}*: {}", escaped(&story.name), escaped(&story.about));
    }
    out.push_str("\n| lock | | a minute | waits | 99 % |");
    for story in advice.failing() {
        let _ = write!(out, " after {} |", escaped(&story.name));
    }
    out.push_str("\n|---|---|---|---|---|");
    advice.failing().for_each(|_| out.push_str("---|"));
    out.push('\n');
    for row in &advice.locks {
        let [per_minute, median, p99] = row.speed();
        let (lock, standing) = (escaped(&row.lock), row.standing.words());
        let _ = write!(out, "| {lock} | {standing} | {per_minute} | {median} | {p99} |");
        for story in advice.failing() {
            let _ = write!(out, " {} |", row.outage(&story.name));
        }
        out.push('\n');
    }
    for row in &advice.locks {
        let _ = writeln!(out, "\n### {}\n\n{}", escaped(&row.lock), escaped(&row.sentence()));
        for (story, falls) in row.fell_by_story() {
            let _ = writeln!(out, "\n- {}: {}", escaped(story), escaped(&told(&falls)));
            let _ = writeln!(out, "  `{}`", clean(&falls[0].reproduce));
        }
    }
    if !advice.left_out.is_empty() {
        out.push_str("\nNot tried:\n\n");
        for left in &advice.left_out {
            let _ = writeln!(out, "- {}: {}", escaped(&left.what), escaped(&left.why));
        }
    }
    out
}

fn escaped(text: &str) -> String {
    clean(text).replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_locks_are_a_table() {
        insta::assert_snapshot!(super::markdown(&super::super::samples::advice()));
    }
}
