//! What the gate says, before all else: its verdict, the baseline, and the reasons.

use super::{cell_id, command, name};
use crate::html::{section, word};
use crate::set::{Broken, Gate, GateVerdict, Table};
use crate::text::{clean_name, counted};
use maud::{Markup, html};

pub fn banner(gate: &Gate, table: &Table) -> Markup {
    let (class, icon, verdict) = match gate.verdict {
        GateVerdict::Passed => ("good", "✓", "The gate lets it pass"),
        GateVerdict::PassedAsFarAsKnown => {
            ("doubt", "?", "The gate lets it pass, as far as is known")
        }
        GateVerdict::Refused => ("bad", "✗", "The gate refuses it"),
        GateVerdict::Unknown => ("doubt", "?", "The gate says nothing: nothing was run"),
    };
    let first = gate.refused.first();
    html! {
        div class={ "banner " (class) } role="group" aria-label="The gate's verdict" {
            span.icon aria-hidden="true" { (icon) }
            div {
                p.verdict { (verdict) }
                @match first {
                    Some(refused) => p {
                        (link(&refused.what, table)) " in " (counted(refused.runs, "run"))
                        @let others = gate.refused.len() - 1;
                        @if others > 0 {
                            ", and " a href="#gate" { (counted(others as u64, "more violation")) }
                        }
                        "."
                    },
                    None => p { "Nothing that it judges by is broken in " (counted(gate.runs, "run")) "." },
                }
                p.expected {
                    @match &gate.baseline {
                        Some(file) => { "Baseline: " code { (name(file)) } }
                        None => { "Without a baseline: every violation is refused" }
                    }
                    @if gate.strict { "; strict: also beyond the lock's assumptions" }
                    "."
                }
            }
        }
    }
}

pub fn has_reasons(gate: &Gate) -> bool {
    !(gate.refused.is_empty() && gate.accepted.is_empty() && gate.remarks.is_empty())
}

pub fn reasons(gate: &Gate, table: &Table) -> Markup {
    if !has_reasons(gate) {
        return html! {};
    }
    section(
        "gate",
        "Why",
        html! {
            ul.reasons {
                @for refused in &gate.refused {
                    li {
                        span.tag.bad { "refused" } " " (link(&refused.what, table))
                        ", in " (counted(refused.runs, "run"))
                        @for line in &refused.commands { (command(line)) }
                    }
                }
                @for accepted in &gate.accepted {
                    li {
                        span.tag.quiet { "accepted" } " " (link(&accepted.what, table))
                        ", in " (counted(accepted.runs, "run")) ": " (word(&accepted.reason))
                    }
                }
                @for remark in &gate.remarks { li { (word(remark)) } }
            }
        },
    )
}

/// What was broken, with the way to the runs.
fn link(what: &Broken, table: &Table) -> Markup {
    let row = table.rows.iter().position(|row| row.lock == what.lock);
    let column = table.scenarios.iter().position(|scenario| *scenario == what.scenario);
    let words = html! {
        b { (what.words()) } " of " (clean_name(&what.lock)) " in " (clean_name(&what.scenario))
    };
    match row.zip(column) {
        Some((row, column)) if !table.rows[row].cells[column].runs.is_empty() => {
            html! { a href={ "#" (cell_id(row, column)) } { (words) } }
        }
        _ => words,
    }
}
