//! A lock's page: what it promises, what came of that, and how to see each violation again.

use super::list::{Row, Run, findings, table};
use super::{Facts, Page, Site, root};
use crate::html::{Place, facts, framed, name, outcome, section, word};
use crate::set::{Counts, ResultSet};
use crate::text::{clean, clean_name, seconds};
use crate::{Class, Invariant, Status};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

pub fn page(site: &Site, whole: &ResultSet, lock: &str) -> Page {
    let path = site.path_of_lock(lock).unwrap_or_default();
    let root = root(&path);
    let runs: Vec<Run> = site.runs(|run| run.lock == lock).collect();
    let unknown = Facts::default();
    let known = site.facts.get(lock).unwrap_or(&unknown);
    let told = whole.header.locks.iter().find(|entry| entry.name == lock);
    let about = told.map(|entry| entry.about.as_str()).filter(|about| !about.is_empty());
    let main = html! {
        h1 { (name(lock)) }
        p.about { (word(about.unwrap_or(&known.summary))) }
        (outcome::totals(&Counts::of(runs.iter().map(|(_, run)| *run))))
        (facts(&of_lock(known, &runs), false))
        (section("promises", "What it promises, and what became of it", html! {
            (promises(known, &runs))
            (assumptions(known))
        }))
        (section("scenarios", "By scenario", table(site, "Scenario", rows(site, &runs, &root), &root)))
        (section("findings", "Findings, and how to see each again", findings(site, &runs, &root)))
    };
    let jumps = [("promises", "Promises"), ("scenarios", "Scenarios"), ("findings", "Findings")];
    let jumps = jumps.map(|(id, name)| (id.to_owned(), name.to_owned()));
    let trail = site.trail(&path, None, None);
    let place = Place { trail: &trail, shared: Some(&root), has: &|_| false, ..Place::default() };
    let text = framed(&place, &clean_name(lock), &jumps, main).into_string();
    Page { path, text }
}

fn of_lock(known: &Facts, runs: &[Run]) -> Vec<(&'static str, Markup)> {
    let judged = runs.iter().filter_map(|(_, run)| run.judged());
    let versions = judged.filter_map(|judged| judged.lock_version.as_deref());
    let listed = |all: BTreeSet<&str>| {
        let all: Vec<String> = all.into_iter().map(clean_name).collect();
        html! { (all.join(", ")) }
    };
    let own = |all: &BTreeSet<String>| listed(all.iter().map(String::as_str).collect());
    let mut facts = vec![("Version", listed(versions.collect()))];
    facts.extend(known.lifetime_ns.map(|lifetime| ("Lifetime", html! { (seconds(lifetime)) })));
    if !known.kernels.is_empty() {
        facts.push(("Kernel", html! { "Linux " (own(&known.kernels)) }));
    }
    if !known.nfs.is_empty() {
        facts.push(("NFS", html! { "version " (own(&known.nfs)) }));
    }
    facts
}

/// How a promise ended, in how many runs.
#[derive(Default)]
struct Ends {
    broken: usize,
    beyond: usize,
    kept: usize,
    unknown: usize,
    not_tried: usize,
    not_promised: usize,
}

impl Ends {
    fn tag(&self) -> Markup {
        let tried = self.broken + self.beyond + self.kept;
        match self {
            Ends { broken: 1.., .. } => {
                html! { span.tag.bad { "✗ broken in " (self.broken) " of " (tried) } }
            }
            Ends { beyond: 1.., .. } => {
                html! { span.tag.doubt { "! beyond its assumptions in " (self.beyond) " of " (tried) } }
            }
            Ends { kept: 1.., .. } => html! { span.tag.good { "✓ kept in " (self.kept) } },
            Ends { unknown: 1.., .. } => html! { span.tag.doubt { "? unknown" } },
            _ => html! { span.tag.quiet { "not tried" } },
        }
    }
}

fn promises(known: &Facts, runs: &[Run]) -> Markup {
    let mut all: BTreeMap<Invariant, Ends> = BTreeMap::new();
    let judged = runs.iter().filter_map(|(_, run)| run.judged());
    for result in judged.flat_map(|judged| &judged.invariants) {
        let ends = all.entry(result.invariant).or_default();
        *match (result.status, result.class) {
            (Status::Violated, Some(Class::BeyondAssumptions)) => &mut ends.beyond,
            (Status::Violated, _) => &mut ends.broken,
            (Status::Kept, _) => &mut ends.kept,
            (Status::Unknown, _) => &mut ends.unknown,
            (Status::Vacuous, _) => &mut ends.not_tried,
            (Status::NotPromised, _) => &mut ends.not_promised,
        } += 1;
    }
    let (promised, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, ends)| {
        ends.broken + ends.beyond + ends.kept + ends.unknown + ends.not_tried > 0
    });
    let others: Vec<&str> = others.iter().map(|(invariant, _)| invariant.words()).collect();
    html! {
        @if promised.is_empty() { p { "No run has put a promise to the test." } }
        @else {
            div.wide { table.promises {
                thead { tr { th { "Promise" } th { "Outcome" } th { "Promised by" } } }
                tbody {
                    @for (invariant, ends) in &promised {
                        tr {
                            th scope="row" {
                                (invariant.words()) small { (invariant.meaning()) }
                            }
                            td { (ends.tag()) }
                            td {
                                @if ends.not_tried > 0 && ends.kept + ends.broken > 0 {
                                    small { "not tried in " (ends.not_tried) }
                                }
                                @if let Some(promise) = known.promises.get(invariant) {
                                    blockquote { (clean(promise)) }
                                }
                            }
                        }
                    }
                }
            } }
        }
        @if !others.is_empty() { p.aside { "Not promised: " (others.join(", ")) "." } }
    }
}

fn assumptions(known: &Facts) -> Markup {
    html! {
        @if let Some(assumes) = &known.assumes {
            @let assumed = assumes.words();
            p {
                "It assumes "
                @if assumed.is_empty() { "nothing of clocks or the network" }
                (word(&assumed.join(", ")))
                "."
            }
            @if !assumes.because.is_empty() { blockquote { (word(&assumes.because)) } }
        }
    }
}

fn rows<'a>(site: &'a Site, runs: &[Run<'a>], root: &str) -> Vec<Row<'a>> {
    let mut rows: Vec<Row> = Vec::new();
    for run in runs {
        let name = run.1.scenario.as_str();
        match rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.runs.push(*run),
            None => rows.push(Row {
                name,
                path: site.path_of_scenario(name).map(|path| format!("{root}{path}")),
                id: site.scenarios.known(name).map(|file| format!("in-{file}")),
                runs: vec![*run],
            }),
        }
    }
    rows
}
