//! What has changed between two sets.

use super::{Page, Paint, SetOptions};
use crate::compare::{Change, Comparison};
use crate::text::{clean, clean_name, counted};

/// Changes that are told under one title.
const TOLD_MAX: usize = 30;

/// Renders a comparison for a terminal.
pub fn render_comparison(comparison: &Comparison, options: SetOptions) -> String {
    let mut page = Page::new(options.colour, options.columns.max(40));
    for (word, side) in [("base", &comparison.base), ("new", &comparison.new)] {
        let mut words = counted(side.runs, "run");
        if !side.about.is_empty() {
            words = format!("{}, {words}", clean(&side.about));
        }
        page.row(&format!("{word:<6}"), &words);
    }
    for versions in comparison.versions() {
        page.row("      ", &clean(&versions));
    }
    for note in &comparison.notes {
        page.row("note  ", &clean(note));
    }
    for (title, changes) in comparison.sections() {
        if changes.is_empty() {
            continue;
        }
        page.title(title);
        for change in changes.iter().take(TOLD_MAX) {
            told(&mut page, change);
        }
        if changes.len() > TOLD_MAX {
            page.line(&format!("  ... and {} more", changes.len() - TOLD_MAX));
        }
    }
    page.out.push('\n');
    if comparison.unchanged > 0 {
        let unchanged = counted(comparison.unchanged, "combination");
        page.row("", &format!("{unchanged} of lock and scenario without a change"));
    }
    let paint = match (comparison.regressions().next(), comparison.doubts().next()) {
        (Some(_), _) => Paint::Bad,
        (None, Some(_)) => Paint::Doubt,
        (None, None) => Paint::Good,
    };
    let conclusion = page.paint(paint, &comparison.conclusion());
    page.line(&conclusion);
    page.out
}

fn told(page: &mut Page, change: &Change) {
    let what = format!(
        "{} in {}, {}: {}",
        clean_name(&change.lock),
        clean_name(&change.scenario),
        change.kind.words(),
        clean(&change.text)
    );
    page.row("  - ", &what);
    if let Some(chance) = change.chance() {
        page.row("    ", &chance);
    }
    if !change.example.is_empty() {
        page.row(
            "    ",
            &format!("in a run of the {} set: {}", change.shown_by(), clean(&change.example)),
        );
    }
    if !change.reproduce.is_empty() {
        page.command(&change.reproduce);
    }
}
