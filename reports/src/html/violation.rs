//! The violations of a run: what happened, why it is one, and how it came to that.

use super::{Place, below, name, percent, place, sequence, word};
use crate::text::{seconds, span};
use crate::{Class, Finding, Hold, Report, StoryKind, StoryLine};
use maud::{Markup, html};

pub fn violation(report: &Report, index: usize, open: bool, at: &Place) -> Markup {
    let Some(finding) = report.findings.get(index) else {
        return html! {};
    };
    let id = format!("violation-{}", index + 1);
    let promise = report.invariants.iter().find(|r| r.invariant == finding.invariant);
    let tag = if finding.class == Class::BeyondAssumptions { "doubt" } else { "bad" };
    let (from, until) = window(report, finding);
    html! {
        details.violation #(id) open[open] {
            summary {
                h3 { "Violation " (index + 1) ": " (finding.invariant.words()) }
                " " span.when { "at " (seconds(finding.at_ns)) }
                " " span class={ "tag " (tag) } { (finding.class.words()) }
                // What it is, where it is folded.
                span.gist { (word(&finding.explanation)) }
            }
            p.lead { (word(&finding.explanation)) }
            @for beyond in &finding.beyond {
                p.fault { span.tag.doubt { "beyond" } " " (word(beyond)) }
            }
            @if let Some(promise) = promise.filter(|result| !result.promise.is_empty()) {
                p.label { "The promise, in the words of the lock's documentation:" }
                blockquote { (word(&promise.promise)) }
            }
            (figure(report, finding))
            @for fault in &finding.faults {
                p.fault { span.tag.quiet { "fault" } " " (word(fault)) }
            }
            (sequence::figure(finding))
            (story(report, finding, at))
            p.actions {
                a.show href="#timeline" data-from=(from) data-until=(until) {
                    "Show it on the timeline"
                }
            }
        }
    }
}

/// What to look at: the holds as far as they matter, with some room around them.
fn window(report: &Report, finding: &Finding) -> (u64, u64) {
    let end = report.statistics.virtual_ns.max(finding.at_ns);
    let froms = finding.holds.iter().map(|hold| hold.from_ns);
    let from = froms.min().unwrap_or(finding.at_ns).min(finding.at_ns);
    let untils = finding.holds.iter().map(|hold| hold.until_ns.unwrap_or(end).min(end));
    let until = untils.max().unwrap_or(finding.at_ns).max(finding.at_ns);
    let room = (until - from) / 12 + 1_000_000;
    (from.saturating_sub(room), until.saturating_add(room))
}

/// The holds, one bar each, and the time that they have in common.
fn figure(report: &Report, finding: &Finding) -> Markup {
    if finding.holds.is_empty() {
        return html! {};
    }
    let within = window(report, finding);
    let both = match &finding.holds[..] {
        [first, second, ..] => first.overlap(second),
        _ => None,
    };
    html! {
        figure.holds {
            div.rows {
                @for hold in &finding.holds {
                    div.hold-row {
                        span.who { (name(&hold.client)) }
                        div.track {
                            @if let Some(both) = both {
                                i.both style=(place(both, within)) {}
                            }
                            (bars(hold, within))
                            i.at style={ "left:" (format!("{:.4}", percent(finding.at_ns, within.0, within.1))) "%" } {}
                        }
                    }
                }
            }
            figcaption {
                @for hold in &finding.holds {
                    span { b { (name(&hold.client)) } " " (words(hold)) }
                }
                @if let Some((from, until)) = both.filter(|(from, until)| from < until) {
                    span.overlap {
                        "both from " (seconds(from)) " to " (seconds(until)) ", for "
                        (span(until - from))
                    }
                }
            }
        }
    }
}

/// Inside with a claim; and inside without one.
fn bars(hold: &Hold, within: (u64, u64)) -> Markup {
    let until = hold.until_ns.unwrap_or(within.1);
    let claim = hold.claim_until_ns.unwrap_or(u64::MAX).clamp(hold.from_ns, until);
    html! {
        i.s.holding style=(place((hold.from_ns, claim), within)) {}
        @if claim < until { i.s.overstayed style=(place((claim, until), within)) {} }
    }
}

fn words(hold: &Hold) -> Markup {
    html! {
        "inside from " (seconds(hold.from_ns))
        @match hold.until_ns {
            Some(until) if hold.died => { " until it died at " (seconds(until)) }
            Some(until) => { " to " (seconds(until)) }
            None => { " to the end of the run" }
        }
        @if let Some(claim) = hold.claim_until_ns {
            ", with a claim at least until " (seconds(claim))
        }
    }
}

fn story(report: &Report, finding: &Finding, at: &Place) -> Markup {
    if finding.story.is_empty() {
        return html! {};
    }
    let has_wire = finding.story.iter().any(|line| line.kind == StoryKind::Wire);
    html! {
        p.label { "How it came to that:" }
        div.wide { table.story {
            thead { tr {
                th.number { "Time" }
                th.number { abbr title="before the violation" { "Before" } }
                th { "Who" }
                th { "What" }
            } }
            tbody { @for line in &finding.story { (story_row(line, finding.at_ns)) } }
        } }
        @if !has_wire && finding.wire.is_none() { (capture(report, finding, at)) }
    }
}

/// Where the NFS calls of that time are to be seen.
fn capture(report: &Report, finding: &Finding, at: &Place) -> Markup {
    const FILE: &str = "wire.pcapng";
    const BEFORE_NS: u64 = 1_000_000_000;
    let start = report.provenance.site.as_ref().map(|site| site.wall_start_s);
    let kept = report.artefacts.iter().any(|artefact| artefact.file == FILE);
    let Some(start) = start.filter(|start| *start > 0 && kept) else {
        return html! {};
    };
    let from = wall(start, finding.at_ns.saturating_sub(BEFORE_NS));
    let until = wall(start, finding.at_ns);
    html! {
        p.aside {
            "The NFS calls of the second before are in "
            @if (at.has)(FILE) { (below(FILE, html! { (FILE) })) } @else { (FILE) }
            "; Wireshark shows them by "
            code { "rpc && frame.time_epoch >= " (from) " && frame.time_epoch <= " (until) }
        }
    }
}

/// A time as the capture has it, in seconds since 1970.
fn wall(start_s: u64, ns: u64) -> String {
    format!("{}.{:09}", start_s.saturating_add(ns / 1_000_000_000), ns % 1_000_000_000)
}

fn story_row(line: &StoryLine, at_ns: u64) -> Markup {
    let class = match line.kind {
        StoryKind::Lock => "lock",
        StoryKind::Section => "section",
        StoryKind::Site => "site",
        StoryKind::Wire => "wire",
        StoryKind::Violation => "broken",
        StoryKind::Omission => "omission",
    };
    html! {
        tr class=(class) {
            td.number { (seconds(line.at_ns)) }
            td.number {
                @if line.at_ns < at_ns { (span(at_ns - line.at_ns)) }
            }
            td { (name(&line.node)) }
            td { (word(&line.text)) }
        }
    }
}
