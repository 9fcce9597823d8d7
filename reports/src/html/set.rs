//! The page of a result set: the table lock by scenario, each cell opening its runs.

use super::{below, command, facts, name, page as frame, word};
use crate::set::{Cell, Counts, Outcome, ResultSet, Row, RunSummary, Table};
use crate::text::{clean, clean_name, counted, span};
use maud::{Markup, html};

pub fn page(set: &ResultSet, directory: Option<&str>) -> Markup {
    let table = Table::of(set);
    let title = match set.header.about.is_empty() {
        true => "Locks and scenarios".to_owned(),
        false => clean(&set.header.about),
    };
    let main = html! {
        h1 { (title) }
        @if let Some(gate) = &set.gate { (super::gate::gate(gate)) }
        (totals(&table.totals))
        @if set.cut_short {
            p { span.tag.doubt { "cut short" } " The job was killed while it wrote a result; \
                that run is not counted." }
        }
        section aria-labelledby="table" {
            h2 #table { "Every lock in every scenario" }
            p.aside { "A cell opens its runs; a run opens its own report." }
            (grid(set, &table))
            (legend(&table.totals))
        }
        section aria-labelledby="runs" {
            h2 #runs { "Runs" }
            @for (row, column, cell) in cells(&table).filter(|(_, _, cell)| !cell.runs.is_empty()) {
                (runs(row, column, cell, directory))
            }
        }
        section aria-labelledby="provenance" {
            h2 #provenance { "Provenance" }
            (facts(&[("lockstorm", name(&set.header.lockstorm))], true))
            @if let Some(line) = &set.header.command { (command(line)) }
        }
    };
    let jumps = [("table", "Table"), ("runs", "Runs"), ("provenance", "Provenance")];
    frame(&title, &jumps.map(|(id, name)| (id.into(), name.into())), main)
}

fn cells<'a>(table: &'a Table<'a>) -> impl Iterator<Item = (usize, usize, &'a Cell<'a>)> {
    let rows = table.rows.iter().enumerate();
    rows.flat_map(|(row, cells)| {
        cells.cells.iter().enumerate().map(move |(column, cell)| (row, column, cell))
    })
}

fn icon(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::BrokenPromise => "✗",
        Outcome::ScriptExpectation => "≠",
        Outcome::BeyondAssumptions => "!",
        Outcome::Unknown => "?",
        Outcome::Failed => "∅",
        Outcome::Valid => "✓",
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::BrokenPromise | Outcome::ScriptExpectation => "bad",
        Outcome::BeyondAssumptions => "doubt",
        Outcome::Unknown | Outcome::Failed => "quiet",
        Outcome::Valid => "good",
    }
}

fn totals(totals: &Counts) -> Markup {
    html! {
        p.totals {
            span { (counted(totals.total() as u64, "run")) ":" }
            @for (outcome, count) in totals.present() {
                " " span class={ "tag " (class(outcome)) } {
                    (icon(outcome)) " " (count) " " (outcome.words())
                }
            }
        }
    }
}

fn grid(set: &ResultSet, table: &Table) -> Markup {
    let about = |entries: &[crate::set::Entry], wanted: &str| {
        let entry = entries.iter().find(|entry| entry.name == wanted);
        entry.map_or(String::new(), |entry| clean(&entry.about))
    };
    html! {
        div.wide tabindex="0" role="region" aria-label="Table of locks and scenarios" {
            table.matrix {
                thead { tr {
                    th { "Lock" }
                    @for scenario in &table.scenarios {
                        th scope="col" title=(about(&set.header.scenarios, scenario)) {
                            (name(scenario))
                        }
                    }
                } }
                tbody {
                    @for (index, row) in table.rows.iter().enumerate() {
                        tr {
                            th scope="row" title=(about(&set.header.locks, row.lock)) {
                                (name(row.lock)) small { (versions(row)) }
                            }
                            @for (column, cell) in row.cells.iter().enumerate() {
                                (grid_cell(index, column, cell))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn versions(row: &Row) -> String {
    let versions: Vec<String> = row.versions.iter().map(|version| clean_name(version)).collect();
    versions.join(", ")
}

fn grid_cell(row: usize, column: usize, cell: &Cell) -> Markup {
    let Some(gravest) = cell.counts.gravest() else {
        return html! { td.none { span aria-label="not run" { "–" } } };
    };
    let words: Vec<String> = cell
        .counts
        .present()
        .map(|(outcome, count)| format!("{count} {}", outcome.words()))
        .collect();
    let label =
        format!("{} in {}: {}", clean_name(cell.lock), clean_name(cell.scenario), words.join(", "));
    html! {
        td class=(class(gravest)) {
            a href={ "#cell-" (row) "-" (column) } aria-label=(label) title=(label) {
                @for (outcome, count) in cell.counts.present() {
                    span { (icon(outcome)) " " (count) }
                }
                @if cell.counts.unexpected > 0 { sup title="not as the scenario says" { "*" } }
            }
        }
    }
}

fn legend(totals: &Counts) -> Markup {
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

fn runs(row: usize, column: usize, cell: &Cell, directory: Option<&str>) -> Markup {
    html! {
        details.cell #{ "cell-" (row) "-" (column) } {
            summary {
                h3 { (name(cell.lock)) span.in { " in " } (name(cell.scenario)) }
                @for (outcome, count) in cell.counts.present() {
                    " " span class={ "tag " (class(outcome)) } {
                        (icon(outcome)) " " (count) " " (outcome.words())
                    }
                }
            }
            div.wide { table {
                thead { tr {
                    th { "Seed" } th { "Outcome" } th.number { "Critical sections" }
                    th.number { "Median wait" } th { "Why" }
                } }
                tbody { @for run in &cell.runs { (run_row(run, directory)) } }
            } }
        }
    }
}

fn run_row(run: &RunSummary, directory: Option<&str>) -> Markup {
    let outcome = run.outcome();
    let judged = run.judged();
    html! {
        tr {
            th scope="row" {
                @match &run.directory {
                    Some(directory) if judged.is_some() => {
                        (below(&format!("{directory}/report.html"), html! { "seed " (run.seed) }))
                    }
                    _ => { "seed " (run.seed) }
                }
            }
            td {
                span class={ "tag " (class(outcome)) } { (icon(outcome)) " " (outcome.words()) }
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
                @if outcome != Outcome::Valid { (command(&run.reproduce_from(directory))) }
            }
        }
    }
}
