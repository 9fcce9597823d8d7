//! How the outcome of a run looks, wherever runs are counted.

use crate::set::{Cell, Counts, Outcome};
use crate::text::{counted, span};
use maud::{Markup, html};

pub fn icon(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::BrokenPromise => "✗",
        Outcome::ScriptExpectation => "≠",
        Outcome::BeyondAssumptions => "!",
        Outcome::Unknown => "?",
        Outcome::Failed => "∅",
        Outcome::Valid => "✓",
    }
}

pub fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::BrokenPromise | Outcome::ScriptExpectation => "bad",
        Outcome::BeyondAssumptions => "doubt",
        Outcome::Unknown | Outcome::Failed => "quiet",
        Outcome::Valid => "good",
    }
}

/// What the script knows it by.
pub fn key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::BrokenPromise => "broken",
        Outcome::ScriptExpectation => "script",
        Outcome::BeyondAssumptions => "beyond",
        Outcome::Unknown => "unknown",
        Outcome::Failed => "failed",
        Outcome::Valid => "valid",
    }
}

/// All outcomes that there were, as the script knows them.
pub fn keys(counts: &Counts) -> String {
    let keys: Vec<&str> = counts.present().map(|(outcome, _)| key(outcome)).collect();
    keys.join(" ")
}

pub fn tag(outcome: Outcome) -> Markup {
    html! { span class={ "tag " (class(outcome)) } { (icon(outcome)) " " (outcome.words()) } }
}

/// So many of each, with its name.
pub fn tags(counts: &Counts) -> Markup {
    html! {
        @for (outcome, count) in counts.present() {
            " " span class={ "tag " (class(outcome)) } {
                (icon(outcome)) " " (count) " " (outcome.words())
            }
        }
    }
}

pub fn totals(totals: &Counts) -> Markup {
    html! {
        p.totals { span { (counted(totals.total() as u64, "run")) ":" } (tags(totals)) }
    }
}

pub fn legend(totals: &Counts) -> Markup {
    html! {
        ul.legend aria-label="Legend" {
            @for (outcome, _) in totals.present() {
                li {
                    span class={ "tag " (class(outcome)) } { (icon(outcome)) }
                    " " b { (outcome.words()) } ": " (outcome.meaning())
                }
            }
            @if totals.unexpected > 0 {
                li { "* some of them did not end as the scenario says" }
            }
        }
    }
}

/// How much a cell's runs did, in words that a narrow column holds.
pub fn amount(cell: &Cell) -> Option<String> {
    let sections = counted(cell.sections()?, "section");
    Some(match cell.waiting_ns() {
        Some(waited) => format!("{sections}, {}", span(waited)),
        None => sections,
    })
}
