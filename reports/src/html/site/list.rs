//! Runs in a table, by lock or by scenario, and what was found in them.

use super::Site;
use crate::html::outcome::{amount, class, icon, tags};
use crate::html::{address, command, name, word};
use crate::set::{Cell, Counts, Headline, Outcome, RunSummary};
use crate::text::counted;
use crate::{Class, Invariant};
use maud::{Markup, html};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Runs of a row that are linked to; the set's page has all.
const LINKED_MAX: usize = 24;

/// A run and its part.
pub type Run<'a> = (usize, &'a RunSummary);

/// Runs that a row of a table is about.
pub struct Row<'a> {
    pub name: &'a str,
    /// Where the name leads, from the page.
    pub path: Option<String>,
    /// The row's own id, for those who lead to it.
    pub id: Option<String>,
    pub runs: Vec<Run<'a>>,
}

impl Row<'_> {
    fn counts(&self) -> Counts {
        Counts::of(self.runs.iter().map(|(_, run)| *run))
    }
}

/// The rows with the gravest first.
pub fn table(site: &Site, what: &str, mut rows: Vec<Row>, root: &str) -> Markup {
    rows.sort_by_key(|row| {
        let counts = row.counts();
        let gravest = counts.gravest().unwrap_or(Outcome::Valid);
        (gravest, Reverse(counts.get(gravest)))
    });
    html! {
        div.wide { table.runs.by {
            thead { tr { th { (what) } th { "Outcome" } th { "Runs, by seed" } } }
            tbody { @for row in &rows { (line(site, row, root)) } }
        } }
    }
}

fn line(site: &Site, row: &Row, root: &str) -> Markup {
    let counts = row.counts();
    let runs: Vec<&RunSummary> = row.runs.iter().map(|(_, run)| *run).collect();
    let cell = Cell { lock: "", scenario: "", runs, counts };
    let mut runs = row.runs.clone();
    runs.sort_by_key(|(part, run)| (run.outcome(), *part, run.seed));
    html! {
        tr id=[row.id.as_deref()] {
            th scope="row" {
                @match &row.path {
                    Some(path) => a href=(address(path)) { (name(row.name)) },
                    None => (name(row.name)),
                }
                @if let Some(amount) = amount(&cell) { small { (amount) } }
            }
            td { (tags(&counts)) }
            td.links {
                @for (part, run) in runs.iter().take(LINKED_MAX) {
                    (link(site, *part, run, root)) " "
                }
                @if runs.len() > LINKED_MAX { "and " (runs.len() - LINKED_MAX) " more" }
            }
        }
    }
}

fn link(site: &Site, part: usize, run: &RunSummary, root: &str) -> Markup {
    let outcome = run.outcome();
    let words = html! {
        span class={ "tag " (class(outcome)) } title=(outcome.words()) {
            (icon(outcome)) " " (run.seed)
        }
    };
    match site.path_of_run(part, run) {
        Some(path) => html! {
            a href=(address(&format!("{root}{path}")))
                aria-label={ (outcome.words()) ", seed " (run.seed) } { (words) }
        },
        None => words,
    }
}

// --- Findings ------------------------------------------------------------------------------

/// What was found more than once is one finding: the same promise, broken in the same way, by a
/// lock in a scenario.
struct Finding<'a> {
    lock: &'a str,
    scenario: &'a str,
    class: Class,
    invariant: Option<Invariant>,
    text: &'a str,
    /// Which of the lock's assumptions did not hold.
    beyond: &'a [String],
    runs: Vec<Run<'a>>,
}

fn gathered<'a>(runs: &[Run<'a>]) -> Vec<Finding<'a>> {
    let mut all: BTreeMap<(Class, &str, &str, Option<Invariant>), Finding> = BTreeMap::new();
    for (part, run) in runs {
        let Some(judged) = run.judged() else { continue };
        let headlines = judged.headlines.iter().map(|headline| {
            let Headline { class, invariant, text, beyond, .. } = headline;
            (*class, Some(*invariant), text.as_str(), &beyond[..])
        });
        let unmet = judged.unmet_steps.first();
        let unmet = unmet.map(|text| (Class::ScriptExpectation, None, text.as_str(), &[][..]));
        for (class, invariant, text, beyond) in headlines.chain(unmet) {
            let key = (class, run.lock.as_str(), run.scenario.as_str(), invariant);
            let finding = all.entry(key).or_insert_with(|| Finding {
                lock: &run.lock,
                scenario: &run.scenario,
                class,
                invariant,
                text,
                beyond,
                runs: Vec::new(),
            });
            finding.runs.push((*part, run));
        }
    }
    all.into_values().collect()
}

/// What was found, each with an example and the command that shows it again.
pub fn findings(site: &Site, runs: &[Run], root: &str) -> Markup {
    let all = gathered(runs);
    html! {
        @if all.is_empty() { p { "Nothing was found." } }
        @for finding in &all {
            @let of = runs.iter().filter(|(_, run)| {
                run.lock == finding.lock && run.scenario == finding.scenario
            }).count();
            (article(site, finding, of, root))
        }
    }
}

fn article(site: &Site, finding: &Finding, of: usize, root: &str) -> Markup {
    let tag = if finding.class == Class::BeyondAssumptions { "doubt" } else { "bad" };
    let Some((part, first)) = finding.runs.first() else {
        return html! {};
    };
    let what = finding.invariant.map_or("another answer than the script expects", Invariant::words);
    html! {
        article class={ "violation " (tag) } {
            h3 {
                (what) span.in { " · " (name(finding.lock)) " in " (name(finding.scenario)) }
                " " span class={ "tag " (tag) } { (finding.class.words()) }
            }
            p.lead { (word(finding.text)) }
            @for beyond in finding.beyond {
                p.fault { span.tag.doubt { "beyond" } " " (word(beyond)) }
            }
            p {
                "In " (finding.runs.len()) " of " (counted(of as u64, "run")) ": "
                @for (part, run) in finding.runs.iter().take(LINKED_MAX) {
                    (link(site, *part, run, root)) " "
                }
            }
            (command(&site.again(*part, first)))
        }
    }
}
