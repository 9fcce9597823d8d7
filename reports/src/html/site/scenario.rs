//! A scenario's page: what it is, and how each lock came through it.

use super::list::{Row, Run, findings, table};
use super::{Page, Site, root};
use crate::html::{Place, framed, name, outcome, section, word};
use crate::set::{Counts, ResultSet};
use crate::text::clean_name;
use maud::html;

pub fn page(site: &Site, whole: &ResultSet, scenario: &str) -> Page {
    let path = site.path_of_scenario(scenario).unwrap_or_default();
    let root = root(&path);
    let runs: Vec<Run> = site.runs(|run| run.scenario == scenario).collect();
    let told = whole.header.scenarios.iter().find(|entry| entry.name == scenario);
    let main = html! {
        h1 { (name(scenario)) }
        @if let Some(entry) = told { p.about { (word(&entry.about)) } }
        (outcome::totals(&Counts::of(runs.iter().map(|(_, run)| *run))))
        (section("locks", "By lock", table(site, "Lock", rows(site, &runs, &root), &root)))
        (section("findings", "Findings, and how to see each again", findings(site, &runs, &root)))
    };
    let jumps = [("locks", "Locks"), ("findings", "Findings")];
    let jumps = jumps.map(|(id, name)| (id.to_owned(), name.to_owned()));
    let trail = site.trail(&path, None, None);
    let place = Place { trail: &trail, shared: Some(&root), has: &|_| false, ..Place::default() };
    let text = framed(&place, &clean_name(scenario), &jumps, main).into_string();
    Page { path, text }
}

fn rows<'a>(site: &'a Site, runs: &[Run<'a>], root: &str) -> Vec<Row<'a>> {
    let mut rows: Vec<Row> = Vec::new();
    for run in runs {
        let name = run.1.lock.as_str();
        match rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.runs.push(*run),
            None => rows.push(Row {
                name,
                path: site.path_of_lock(name).map(|path| format!("{root}{path}")),
                id: None,
                runs: vec![*run],
            }),
        }
    }
    rows
}
