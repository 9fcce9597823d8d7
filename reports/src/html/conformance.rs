//! The page of a table of probes: a cell opens the calls that it rests on.

use super::page;
use crate::conformance::{Cell, Column, Outcome, Row, Table};
use crate::text::clean;
use maud::{Markup, html};
use std::fmt::Write;

pub fn conformance(table: &Table) -> Markup {
    let jumps = table.chapters.iter().map(|chapter| (id(&chapter.name), chapter.name.clone()));
    let jumps: Vec<(String, String)> = jumps.collect();
    let main = html! {
        h1 { "What the file system gives" }
        p {
            (table.rows().count()) " probes. A row is marked where its columns differ; a cell opens "
            "the system calls that it rests on."
        }
        (totals(table))
        @for chapter in &table.chapters {
            section id=(id(&chapter.name)) {
                h2 { (chapter.name) }
                div.wide.tall {
                    table.conformance {
                        thead { tr {
                            th scope="col" { "probe" }
                            @for column in &table.columns { th scope="col" { (clean(&column.name)) } }
                        } }
                        tbody { @for row in &chapter.rows { (of_row(row, &table.columns)) } }
                    }
                }
            }
        }
    };
    page("What the file system gives", &jumps, main)
}

fn id(name: &str) -> String {
    name.replace(' ', "-")
}

fn totals(table: &Table) -> Markup {
    html! {
        div.wide {
            table {
                thead { tr {
                    th scope="col" { "file system" } th scope="col" { "Linux" }
                    th scope="col" { "kept" } th scope="col" { "broken" }
                    th scope="col" { "hung" } th scope="col" { "unfit" }
                } }
                tbody {
                    @for (index, column) in table.columns.iter().enumerate() {
                        tr {
                            th scope="row" { (column.name) " " (column.options.join(",")) }
                            td { (column.kernel) }
                            @for outcome in
                                [Outcome::Kept, Outcome::Broken, Outcome::Hung, Outcome::Unfit]
                            {
                                td { (table.count(index, outcome)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn of_row(row: &Row, columns: &[Column]) -> Markup {
    html! {
        tr.differs[row.differs()] id=(row.name) {
            th scope="row" {
                strong { (row.name) } @if row.differs() { span title="the columns differ" { " ≠" } }
                p.rule { (clean(&row.rule)) " (" (clean(&row.source)) ")" }
            }
            @for (cell, column) in row.cells.iter().zip(columns) {
                // Of its column's name where there is no room for columns.
                td data-in=(clean(&column.name)) { (of_cell(cell)) }
            }
        }
    }
}

fn of_cell(cell: &Cell) -> Markup {
    let class = match cell.outcome {
        Outcome::Kept => "kept",
        Outcome::Broken => "broken",
        Outcome::Hung => "hung",
        Outcome::Unfit | Outcome::NotHere => "nothing",
    };
    html! {
        @if cell.outcome == Outcome::NotHere { "-" } @else {
            details {
                summary class=(class) { (cell.outcome.word()) ": " (clean(&cell.seen)) }
                @if !cell.calls.is_empty() {
                    pre.calls { (calls(cell)) }
                }
                @if let Some(site) = &cell.site {
                    p { "packets: " (site) "/wire.pcapng" }
                }
            }
        }
    }
}

/// A line each: there are tens of thousands in a whole table, and a page has to stay small.
fn calls(cell: &Cell) -> String {
    let mut out = String::new();
    for call in &cell.calls {
        let (who, what) = (clean(&call.who), clean(&call.call));
        let answer = clean(call.answer.as_deref().unwrap_or("no answer"));
        let _ = writeln!(out, "{:.3} {who} {what} → {answer}", call.at_s);
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::conformance::samples;

    #[test]
    fn a_cell_has_the_calls_that_it_rests_on() {
        let page = super::conformance(&samples::table()).into_string();
        for part in
            ["link lock-1 lock", "BROKEN: two have it", "HUNG: for 200 s", "sites/knfsd-4.2"]
        {
            assert!(page.contains(part), "{part}");
        }
    }
}
