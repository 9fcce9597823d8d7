//! The table of locks and scenarios, and what chooses from it.
//!
//! Where room is short, the style makes a card of each row. The buttons need the script, which
//! shows them; without it the gravest come first.

use crate::html::outcome::{amount, class, icon, key, keys};
use crate::html::{address, name};
use crate::set::{Cell, Entry, Outcome, ResultSet, Row, Table};
use crate::text::{clean, clean_name};
use maud::{Markup, html};
use std::cmp::Reverse;

/// More names of scenarios than these are written upwards.
const LEVEL_MAX: usize = 6;

/// The way of a lock or a scenario.
type Way<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where the table leads; paths are from the page, and `#` stays on it.
#[derive(Clone, Copy)]
pub struct Links<'a> {
    pub cell: &'a dyn Fn(usize, usize, &Cell) -> Option<String>,
    pub lock: Way<'a>,
    pub scenario: Way<'a>,
}

impl Default for Links<'_> {
    fn default() -> Self {
        Links { cell: &|_, _, _| None, lock: &|_| None, scenario: &|_| None }
    }
}

/// A table with what it needs.
pub struct Grid<'a> {
    pub set: &'a ResultSet,
    pub table: &'a Table<'a>,
    pub links: Links<'a>,
}

impl Grid<'_> {
    /// The rows with the gravest first.
    pub fn table(&self) -> Markup {
        let turned = self.table.scenarios.len() > LEVEL_MAX;
        let mut rows: Vec<(usize, &Row)> = self.table.rows.iter().enumerate().collect();
        rows.sort_by_key(|(_, row)| gravity(row));
        html! {
            div.wide.of-matrix tabindex="0" role="region"
                aria-label="Table of locks and scenarios" {
                table.matrix.turned[turned] {
                    thead { tr {
                        th { span { "Lock" } }
                        @for scenario in &self.table.scenarios { (self.head(scenario)) }
                    } }
                    tbody { @for (index, row) in rows { (self.row(index, row)) } }
                }
            }
        }
    }

    fn head(&self, scenario: &str) -> Markup {
        html! {
            th scope="col" title=(about(&self.set.header.scenarios, scenario)) {
                span { (link((self.links.scenario)(scenario), html! { (name(scenario)) })) }
            }
        }
    }

    fn row(&self, index: usize, row: &Row) -> Markup {
        html! {
            tr data-lock=(clean_name(row.lock)) data-place=(index) {
                th scope="row" title=(about(&self.set.header.locks, row.lock)) {
                    (link((self.links.lock)(row.lock), html! { (name(row.lock)) }))
                    small { (versions(row)) }
                }
                @for (column, cell) in row.cells.iter().enumerate() {
                    (self.cell((index, column), cell))
                }
            }
        }
    }

    fn cell(&self, at: (usize, usize), cell: &Cell) -> Markup {
        let scenario = clean_name(cell.scenario);
        let Some(gravest) = cell.counts.gravest() else {
            return html! {
                td.none data-scenario=(scenario) {
                    span aria-label="not run" data-in=(scenario) { "–" }
                }
            };
        };
        let look = html! {
            span.counts {
                @for (outcome, count) in cell.counts.present() {
                    span { (icon(outcome)) " " (count) }
                }
                @if cell.counts.unexpected > 0 { sup title="not as the scenario says" { "*" } }
            }
            @if let Some(amount) = amount(cell) { small { (amount) } }
        };
        let label = label(cell);
        html! {
            td class=(class(gravest)) data-scenario=(scenario) data-is=(keys(&cell.counts)) {
                @match (self.links.cell)(at.0, at.1, cell) {
                    Some(path) => {
                        a href=(target(&path)) aria-label=(label) title=(label)
                            data-in=(scenario) { (look) }
                    }
                    None => { span title=(label) data-in=(scenario) { (look) } }
                }
            }
        }
    }
}

/// The gravest first, and of those that are alike the one with more of it.
fn gravity(row: &Row) -> (Outcome, Reverse<usize>) {
    let counts = row.counts();
    let gravest = counts.gravest().unwrap_or(Outcome::Valid);
    (gravest, Reverse(counts.get(gravest)))
}

/// A cell in words.
fn label(cell: &Cell) -> String {
    let counts = cell.counts.present();
    let words: Vec<String> =
        counts.map(|(outcome, count)| format!("{count} {}", outcome.words())).collect();
    let (lock, scenario) = (clean_name(cell.lock), clean_name(cell.scenario));
    let amount = amount(cell).map_or(String::new(), |amount| format!("; {amount}"));
    format!("{lock} in {scenario}: {}{amount}", words.join(", "))
}

fn target(path: &str) -> String {
    match path.split_once('#') {
        Some(("", id)) => format!("#{id}"),
        Some((path, id)) => format!("{}#{id}", address(path)),
        None => address(path),
    }
}

fn link(path: Option<String>, what: Markup) -> Markup {
    match path {
        Some(path) => html! { a href=(target(&path)) { (what) } },
        None => what,
    }
}

fn about(entries: &[Entry], wanted: &str) -> String {
    let entry = entries.iter().find(|entry| entry.name == wanted);
    entry.map_or(String::new(), |entry| clean(&entry.about))
}

fn versions(row: &Row) -> String {
    let versions: Vec<String> = row.versions.iter().map(|version| clean_name(version)).collect();
    versions.join(", ")
}

/// What filters and sorts the table, and the runs below it, if they are on the page.
pub fn chooser(table: &Table, of_runs: bool) -> Markup {
    let what = if of_runs { "runs" } else { "locks" };
    html! {
        div.tools.chooser role="search" aria-label="Choose from the table and the runs" hidden {
            label { "Lock " input type="search" data-by="lock" autocomplete="off" spellcheck="false"; }
            label {
                "Scenario "
                input type="search" data-by="scenario" autocomplete="off" spellcheck="false";
            }
            span.outcomes role="group" aria-label="Outcomes" {
                @for (outcome, _) in table.totals.present() {
                    button type="button" data-outcome=(key(outcome)) aria-pressed="false" {
                        (icon(outcome)) " " (outcome.words())
                    }
                }
            }
            label {
                "Order "
                select data-order {
                    option value="" { "gravest first" }
                    option value="lock" { "by lock" }
                    @if of_runs {
                        option value="scenario" { "by scenario" }
                        option value="sections" { "fewest critical sections first" }
                        option value="wait" { "longest wait first" }
                    }
                }
            }
            button type="button" data-all { "All" }
            span.shown role="status" data-what=(what) {}
        }
    }
}
