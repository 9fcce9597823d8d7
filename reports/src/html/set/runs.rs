//! The runs of a cell, one a line.

use super::cell_id;
use crate::html::outcome::{amount, key, keys, tag, tags};
use crate::html::{Place, below, command, name, word};
use crate::set::{Cell, Outcome, RunSummary};
use crate::text::{clean_name, span};
use maud::{Markup, html};

pub fn cell(at: (usize, usize), cell: &Cell, open: bool, place: &Place) -> Markup {
    let gravest = cell.counts.gravest().unwrap_or(Outcome::Valid);
    let is_violated = gravest <= Outcome::BeyondAssumptions;
    let mut runs = cell.runs.clone();
    runs.sort_by_key(|run| run.outcome());
    html! {
        details.cell #(cell_id(at.0, at.1)) open[open && is_violated]
            data-lock=(clean_name(cell.lock)) data-scenario=(clean_name(cell.scenario))
            data-is=(keys(&cell.counts)) data-sections=[cell.sections()]
            data-wait=[cell.waiting_ns()] {
            summary {
                h3 { (name(cell.lock)) span.in { " in " } (name(cell.scenario)) }
                (tags(&cell.counts))
                @if let Some(amount) = amount(cell) { " " small { (amount) } }
            }
            div.wide { table.runs {
                thead { tr {
                    th { "Run" } th { "Outcome" } th.number { "Sections" }
                    th.number { "Median wait" } th { "Why" }
                } }
                tbody { @for run in runs { (row(run, place)) } }
            } }
        }
    }
}

fn row(run: &RunSummary, place: &Place) -> Markup {
    let outcome = run.outcome();
    let judged = run.judged();
    let seed = html! { "seed " (run.seed) };
    html! {
        tr data-is=(key(outcome)) {
            th scope="row" {
                @match (place.page_of)(run) {
                    Some(page) => (below(&page, seed)),
                    None => (seed),
                }
            }
            td {
                (tag(outcome))
                @if !run.as_expected() { " " small { "not expected" } }
            }
            td.number { @if let Some(judged) = judged { (judged.critical_sections) } }
            td.number {
                @if let Some(waiting) = judged.and_then(|judged| judged.waiting) {
                    (span(waiting.median_ns))
                }
            }
            td {
                (word(&run.reason()))
                @if outcome != Outcome::Valid { (command(&run.reproduce_from(place.directory))) }
            }
        }
    }
}
