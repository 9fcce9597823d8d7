//! What the gate says, before all else: its verdict, the baseline, and the reasons.

use super::{cell_id, command};
use crate::html::{section, word};
use crate::set::gate::{GateLine, GateVerdict, Violation};
use crate::set::{Gate, Table};
use crate::text::{clean_name, counted};
use maud::{Markup, html};

/// The first reason, and how many more there are.
pub fn banner(gate: &Gate, table: &Table) -> Markup {
    let (class, icon) = match gate.verdict {
        GateVerdict::Passed => ("good", "✓"),
        GateVerdict::Refused => ("bad", "✗"),
        GateVerdict::Unknown => ("doubt", "?"),
    };
    html! {
        div class={ "banner " (class) } role="group" aria-label="Gate" {
            span.icon aria-hidden="true" { (icon) }
            div {
                p.verdict { (word(&gate.words)) }
                @if let Some(first) = gate.refused.first() {
                    p {
                        (link(&first.what, table)) ", in " (counted(first.runs, "run"))
                        @let others = gate.refused.len() as u64 - 1;
                        @if others > 0 {
                            ", and " a href="#gate" { (counted(others, "more violation")) }
                        }
                        "."
                    }
                }
                p.expected {
                    @match &gate.baseline {
                        Some(file) => { "What is accepted, " code { (word(file)) } " says" }
                        None => { "Without a baseline: every violation is refused" }
                    }
                    @if gate.strict { "; strict: also what lies beyond the lock's assumptions" }
                    "."
                }
            }
        }
    }
}

/// All that it says, the gravest first.
pub fn reasons(gate: &Gate, table: &Table) -> Markup {
    let lines = gate.lines();
    if lines.is_empty() {
        return html! {};
    }
    // They stand in the same order.
    let refused = gate.refused.iter().map(|refused| &refused.what);
    let mut about = refused.chain(gate.accepted.iter().map(|accepted| &accepted.what));
    section(
        "gate",
        "What the gate says",
        html! {
            ul.reasons {
                @for line in &lines {
                    @let place = match line.label {
                        "refused" | "accepted" => about.next(),
                        _ => None,
                    };
                    (reason(line, place, table))
                }
            }
        },
    )
}

fn reason(line: &GateLine, what: Option<&Violation>, table: &Table) -> Markup {
    let class = match line.label {
        "refused" => "bad",
        "expired" | "needless" | "unknown" | "left out" | "not tried" => "doubt",
        _ => "quiet",
    };
    html! {
        li {
            span class={ "tag " (class) } { (line.label) } " " (word(&line.text))
            @if let Some(id) = what.and_then(|what| place(what, table)) {
                " " a href={ "#" (id) } { "its runs" }
            }
            @for line in &line.commands { (command(line)) }
        }
    }
}

/// Where its runs are told, if there are any.
fn place(what: &Violation, table: &Table) -> Option<String> {
    let row = table.rows.iter().position(|row| row.lock == what.lock)?;
    let column = table.scenarios.iter().position(|scenario| *scenario == what.scenario)?;
    let is_there = !table.rows[row].cells[column].runs.is_empty();
    is_there.then(|| cell_id(row, column))
}

/// What was broken, with the way to the runs.
fn link(what: &Violation, table: &Table) -> Markup {
    let words = html! {
        b { (what.what()) } " of " (clean_name(&what.lock)) " in " (clean_name(&what.scenario))
    };
    match place(what, table) {
        Some(id) => html! { a href={ "#" (id) } { (words) } },
        None => words,
    }
}
