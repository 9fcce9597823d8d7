//! The incidents of a run: each with its violations, the first of them told in full.

use super::{Place, section, violation, word};
use crate::incident::{Incident, incidents};
use crate::text::{counted, seconds};
use crate::{Class, Report};
use maud::{Markup, html};

/// So many incidents are open: the others are mostly the same story again.
const OPEN_MAX: usize = 3;

pub fn violations(report: &Report, place: &Place) -> Markup {
    if report.findings.is_empty() {
        return html! {};
    }
    let all = incidents(report);
    section(
        "violations",
        "Violations",
        html! {
            @if all.len() < report.findings.len() {
                p.aside {
                    (counted(report.findings.len() as u64, "violation")) " in "
                    (counted(all.len() as u64, "incident"))
                    ": what is about the same stay in the critical section, or the same moment, \
                     stands together."
                }
            }
            @for (index, incident) in all.iter().enumerate() {
                (article(report, index, incident, place))
            }
            (more(report))
        },
    )
}

fn article(report: &Report, index: usize, incident: &Incident, place: &Place) -> Markup {
    let class = incident.findings.first().map(|first| report.findings[*first].class);
    let tag = if class == Some(Class::BeyondAssumptions) { "doubt" } else { "bad" };
    html! {
        article.incident.several[incident.findings.len() > 1] #{ "incident-" (index + 1) } {
            @if incident.findings.len() > 1 {
                h3 {
                    "Incident " (index + 1) ": " (broken(report, incident))
                    " " span.when { (when(incident)) }
                    " " span class={ "tag " (tag) } {
                        (counted(incident.findings.len() as u64, "violation"))
                    }
                }
                (taken(report, incident))
            }
            @for (nth, finding) in incident.findings.iter().enumerate() {
                (violation::violation(report, *finding, index < OPEN_MAX && nth == 0, place))
            }
        }
    }
}

fn broken(report: &Report, incident: &Incident) -> String {
    let words: Vec<&str> =
        incident.broken(report).into_iter().map(|invariant| invariant.words()).collect();
    words.join(", ")
}

fn when(incident: &Incident) -> String {
    match incident.from_ns == incident.until_ns {
        true => format!("at {}", seconds(incident.from_ns)),
        false => format!("from {} to {}", seconds(incident.from_ns), seconds(incident.until_ns)),
    }
}

/// Who took whose lock away, if the calls of any of its violations tell it.
fn taken(report: &Report, incident: &Incident) -> Markup {
    let findings = incident.findings.iter().filter_map(|index| report.findings.get(*index));
    let taken = findings.filter_map(|finding| finding.wire.as_ref()?.taken.as_ref()).next();
    html! {
        @if let Some(taken) = taken {
            p.taken { span.tag.bad { "taken" } " " (word(taken)) }
        }
    }
}

/// Those that the document leaves out.
fn more(report: &Report) -> Markup {
    let all = report.violations();
    let more = all.saturating_sub(report.findings.len() as u64);
    html! {
        @if more > 0 {
            p {
                (counted(more, "more violation")) " of the same kinds: of each promise, the \
                first and gravest are shown. history.jsonl has every event."
            }
        }
    }
}
