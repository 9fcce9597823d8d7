//! The site's first page: what came of all, and the sets that it is made of.

use super::{Page, Part, Site};
use crate::html::set::grid::{Grid, Links, chooser};
use crate::html::{Place, address, command, framed, outcome, section, word};
use crate::set::gate::GateVerdict;
use crate::set::{Counts, ResultSet, Table};
use crate::text::counted;
use maud::{Markup, html};

pub fn page(site: &Site, whole: &ResultSet) -> Page {
    let table = Table::of(whole);
    let links = Links {
        cell: &|_, _, cell| {
            let scenario = site.scenarios.known(cell.scenario)?;
            site.path_of_lock(cell.lock).map(|path| format!("{path}#in-{scenario}"))
        },
        lock: &|name| site.path_of_lock(name),
        scenario: &|name| site.path_of_scenario(name),
    };
    let (locks, scenarios) = (table.rows.len() as u64, table.scenarios.len() as u64);
    let main = html! {
        h1 { "Results" }
        p.about {
            (counted(locks, "lock")) " in " (counted(scenarios, "scenario")) ", in "
            (counted(site.parts.len() as u64, "set"))
        }
        (outcome::totals(&table.totals))
        (section("table", "Every lock in every scenario", html! {
            p.aside {
                "A cell leads to its runs, a name to a page of its own. Below the count: critical \
                 sections of a run, and how long an acquire took, by the median."
            }
            (chooser(&table, false))
            (Grid { set: whole, table: &table, links }.table())
            (outcome::legend(&table.totals))
        }))
        (section("sets", "What it is made of", html! {
            @for (index, part) in site.parts.iter().enumerate() { (of_part(site, index, part)) }
        }))
    };
    let jumps = [("table", "Table"), ("sets", "Sets")];
    let jumps = jumps.map(|(id, name)| (id.to_owned(), name.to_owned()));
    let place = Place { shared: Some(""), has: &|_| false, ..Place::default() };
    Page { path: "index.html".into(), text: framed(&place, "Results", &jumps, main).into_string() }
}

fn of_part(site: &Site, index: usize, part: &Part) -> Markup {
    let counts = Counts::of(&part.set.runs);
    let header = &part.set.header;
    html! {
        article.change {
            h3 { a href=(address(&site.path_of_set(index))) { (word(&site.title(index))) } }
            @if let Some(gate) = &part.set.gate {
                @let class = match gate.verdict {
                    GateVerdict::Passed => "good",
                    GateVerdict::Refused => "bad",
                    GateVerdict::Unknown => "doubt",
                };
                p { "Gate: " span class={ "tag " (class) } { (word(&gate.words)) } }
            }
            (outcome::totals(&counts))
            @if part.map.is_some() {
                p {
                    a href=(address(&format!("sets/{}/map.html", site.folders[index]))) {
                        "The map of the sweep"
                    }
                }
            }
            @if !header.lockstorm.is_empty() {
                p.aside { "lockstorm " (word(&header.lockstorm)) }
            }
            @if let Some(line) = &header.command { (command(line)) }
        }
    }
}
