//! The page of a result set: what the gate says, the table lock by scenario, and each cell's runs.

mod gate;
pub mod grid;
mod runs;

use super::outcome::totals;
use super::{Place, command, facts, framed, name, outcome, section};
use crate::set::{Cell, Outcome, ResultSet, Table};
use crate::text::clean;
use grid::{Grid, Links};
use maud::{Markup, html};
use std::cmp::Reverse;

pub fn page(set: &ResultSet, place: &Place) -> Markup {
    let table = Table::of(set);
    let title = title(set);
    let links = Links {
        cell: &|row, column, _| Some(format!("#{}", cell_id(row, column))),
        ..Links::default()
    };
    let order = gravest_first(&table);
    let main = html! {
        h1 { (title) }
        @if let Some(gate) = &set.gate { (gate::banner(gate, &table)) }
        (totals(&table.totals))
        @if set.cut_short {
            p { span.tag.doubt { "cut short" } " The job was killed while it wrote a result; \
                that run is not counted." }
        }
        (missing(set))
        @if let Some(gate) = &set.gate { (gate::reasons(gate, &table)) }
        (section("table", "Every lock in every scenario", html! {
            p.aside {
                "A cell opens its runs; a run opens its own report. Below the count: critical \
                 sections of a run, and how long an acquire took, by the median."
            }
            (grid::chooser(&table, true))
            (Grid { set, table: &table, links }.table())
            (outcome::legend(&table.totals))
        }))
        (section("runs", "Runs", html! {
            div.cells {
                @for (opened, (row, column, cell)) in order.iter().enumerate() {
                    (runs::cell((*row, *column), cell, opened < OPEN_MAX, place))
                }
            }
        }))
        (section("provenance", "Provenance", html! {
            (facts(&[("lockstorm", name(&set.header.lockstorm))], true))
            @if let Some(line) = &set.header.command { (command(line)) }
        }))
    };
    let mut jumps = vec![("table", "Table"), ("runs", "Runs"), ("provenance", "Provenance")];
    if set.gate.is_some() {
        jumps.insert(0, ("gate", "Gate"));
    }
    let jumps: Vec<(String, String)> =
        jumps.into_iter().map(|(id, name)| (id.into(), name.into())).collect();
    framed(place, &title, &jumps, main)
}

/// What a set is called.
pub fn title(set: &ResultSet) -> String {
    match set.header.about.is_empty() {
        true => "Locks and scenarios".to_owned(),
        false => clean(&set.header.about),
    }
}

/// Violated cells beyond these are folded, as all others are: hundreds of open ones are not read.
const OPEN_MAX: usize = 20;

/// A row, a column, and their cell.
type Placed<'a> = (usize, usize, &'a Cell<'a>);

/// The cells with runs, the gravest first; those that are alike in the order of the table.
fn gravest_first<'a>(table: &'a Table<'a>) -> Vec<Placed<'a>> {
    let rows = table.rows.iter().enumerate();
    let all = rows.flat_map(|(row, cells)| {
        cells.cells.iter().enumerate().map(move |(column, cell)| (row, column, cell))
    });
    let mut all: Vec<Placed> = all.filter(|(_, _, cell)| !cell.runs.is_empty()).collect();
    all.sort_by_key(|(_, _, cell)| {
        let gravest = cell.counts.gravest().unwrap_or(Outcome::Valid);
        (gravest, Reverse(cell.counts.get(gravest)))
    });
    all
}

/// Where the runs of a cell are.
fn cell_id(row: usize, column: usize) -> String {
    format!("cell-{row}-{column}")
}

fn missing(set: &ResultSet) -> Markup {
    let missing = set.missing();
    html! {
        @if missing > 0 {
            p {
                span.tag.doubt { "incomplete" } " " (set.runs.len()) " of "
                (set.header.wanted.unwrap_or(0)) " runs are there."
            }
        }
    }
}
