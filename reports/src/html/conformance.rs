//! The page of a table of probes: a cell opens the calls that it rests on.

use super::page;
use crate::conformance::{Call, Cell, Column, Outcome, Row, Table};
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
                            @for column in &table.columns {
                                th scope="col" { (clean(&column.name)) }
                            }
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
            @for (at, column) in columns.iter().enumerate().take(row.cells.len()) {
                // Of its column's name where there is no room for columns.
                td data-in=(clean(&column.name)) { (of_cell(row, at, columns)) }
            }
        }
    }
}

fn of_cell(row: &Row, at: usize, columns: &[Column]) -> Markup {
    let cell = &row.cells[at];
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
                (rests_on(row, at, columns))
                @if let Some(site) = &cell.site {
                    p { "packets: " (site) "/wire.pcapng" }
                }
            }
        }
    }
}

/// What a cell rests on, in text: there are tens of thousands of calls in a whole table, and most
/// columns make the same ones, so that a page of tables would be large.
fn rests_on(row: &Row, at: usize, columns: &[Column]) -> Markup {
    let calls = &row.cells[at].calls;
    let (Some(first), Some(last)) = (calls.first(), calls.last()) else {
        return html! {};
    };
    let is_told = |cell: &Cell| cell.outcome != Outcome::NotHere && are_alike(&cell.calls, calls);
    let same = row.cells[..at].iter().position(is_told);
    match same {
        Some(other) => html! {
            p {
                (format!("from {:.3} s to {:.3} s: ", first.at_s, last.at_s))
                "the same calls, with the same answers, as " (clean(&columns[other].name))
            }
        },
        None => html! { pre.calls { (told(calls)) } },
    }
}

/// Whether these are the same calls with the same answers, whenever they were made.
fn are_alike(one: &[Call], other: &[Call]) -> bool {
    let is_same = |(one, other): (&Call, &Call)| {
        (&one.who, &one.call, &one.answer) == (&other.who, &other.call, &other.answer)
    };
    one.len() == other.len() && one.iter().zip(other).all(is_same)
}

/// A call a line; who made it, where it is another than before.
fn told(calls: &[Call]) -> String {
    let mut out = String::new();
    let mut before = None;
    for call in calls {
        let _ = write!(out, "{:.3} ", call.at_s);
        if before != Some(&call.who) {
            let _ = write!(out, "{}: ", clean(&call.who));
        }
        let answer = call.answer.as_deref().unwrap_or("no answer");
        let _ = writeln!(out, "{} → {}", clean(&call.call), clean(answer));
        before = Some(&call.who);
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

    #[test]
    fn calls_that_two_columns_share_are_told_once_and_others_are_not_left_out() {
        let mut table = samples::table();
        let page = super::conformance(&table).into_string();
        // A line a row: the last row has a cell that means nothing, and its calls are not told.
        let told = |page: &str| page.matches("link lock-1 lock → ").count();
        assert_eq!(told(&page), 3);
        assert_eq!(page.matches("the same calls, with the same answers, as knfsd 4.2").count(), 2);
        assert!(page.contains("1.250 c1 p1: link lock-1 lock → EEXIST"), "{page}");
        table.chapters[0].rows[0].cells[1].calls[0].answer = None;
        let page = super::conformance(&table).into_string();
        assert_eq!(told(&page), 4);
        assert!(page.contains("link lock-1 lock → no answer"), "{page}");
    }
}
