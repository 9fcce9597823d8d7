//! The timeline of a run: a lane a client, one for the server, one for every clock that was off.
//!
//! Everything is placed in percent of the run's length, so that zooming is nothing but making
//! the inside wider than its frame. Without the script it is the whole run, at once.

use super::{name, percent, place, word};
use crate::text::{clean_name, counted, seconds, span};
use crate::timeline::{ActivitySpan, ClientLane, ClockLane, Timeline};
use crate::{FaultReport, Finding, Report};
use maud::{Markup, html};

/// Rows for faults that overlap; more share the last one.
const FAULT_ROWS_MAX: usize = 4;
/// Ticks of the axis before it is zoomed.
const TICKS_MAX: u64 = 10;

pub fn section(report: &Report) -> Markup {
    let Some(timeline) = &report.timeline else {
        return html! {};
    };
    let faults = fault_rows(&report.faults, timeline.until_ns);
    super::section(
        "timeline",
        "Timeline",
        html! {
            (tools())
            div.tl {
                div.tl-labels aria-hidden="true" { (labels(report, timeline, faults.len())) }
                div.tl-scroll tabindex="0" role="region"
                    aria-label="Timeline; plus and minus zoom, 0 shows all, arrows move" {
                    div.tl-inner data-until=(timeline.until_ns) {
                        (rows(report, timeline, &faults))
                    }
                }
            }
            (legend(timeline))
            (in_words(timeline))
        },
    )
}

fn tools() -> Markup {
    html! {
        div.tools hidden {
            button type="button" data-zoom="out" aria-label="Zoom out" { "−" }
            button type="button" data-zoom="in" aria-label="Zoom in" { "+" }
            button type="button" data-zoom="all" { "All" }
            span.hint { "Ctrl and wheel zoom, too. Point at a bar to read it." }
        }
    }
}

fn labels(report: &Report, timeline: &Timeline, fault_rows: usize) -> Markup {
    html! {
        div.row.axis {}
        @if !report.findings.is_empty() { div.row.marks { "violations" } }
        @for index in 0..fault_rows {
            div.row.faults { @if index == 0 { "faults" } }
        }
        @for lane in &timeline.clients { div.row.client { (name(&lane.client)) } }
        div.row.server { "server" }
        @for clock in &timeline.clocks {
            div.row.clock { "clock" br; (name(&clock.node)) }
        }
    }
}

fn rows(report: &Report, timeline: &Timeline, faults: &[Vec<&FaultReport>]) -> Markup {
    let within = (0, timeline.until_ns);
    html! {
        div.row.axis { (ticks(timeline.until_ns)) }
        @if !report.findings.is_empty() {
            div.row.marks { (marks(&report.findings, timeline.until_ns)) }
        }
        @for row in faults {
            div.row.faults {
                @for fault in row { (fault_bar(fault, timeline.until_ns)) }
            }
        }
        @for lane in &timeline.clients {
            div.row.client role="img" aria-label=(lane_words(lane)) { (client(lane, within)) }
        }
        div.row.server role="img" aria-label="The server's state, in words below" {
            @for state in &timeline.server {
                @let (from, until) = (state.from_ns, state.until_ns);
                i class={ "s " (state.state.words()) } style=(place((from, until), within))
                    title={ "server " (state.state.words()) ", " (range(from, until)) } {}
            }
        }
        @for clock in &timeline.clocks { (clock_row(clock, timeline.until_ns)) }
        div.bands aria-hidden="true" {
            i.boot style=(place((0, timeline.began_ns), within)) {}
            @for fault in report.faults.iter().filter(|fault| fault.struck_ns.is_some()) {
                i.band style=(place(fault_time(fault, timeline.until_ns), within)) {}
            }
            @for finding in &report.findings {
                i.hit style={ "left:" (format!("{:.4}", percent(finding.at_ns, 0, timeline.until_ns))) "%" } {}
            }
        }
    }
}

/// `12.000 s to 13.500 s, for 1.500 s`.
fn range(from: u64, until: u64) -> String {
    format!("{} to {}, for {}", seconds(from), seconds(until), span(until.saturating_sub(from)))
}

// --- Rows ----------------------------------------------------------------------------------

fn ticks(until: u64) -> Markup {
    let mut step: u64 = 1_000_000;
    let steps = [2, 5, 10];
    let mut scale = 1_000_000_u64;
    while until / step > TICKS_MAX {
        let next = steps.into_iter().map(|factor| scale.saturating_mul(factor));
        let next = next.clone().find(|candidate| until / candidate <= TICKS_MAX);
        scale = scale.saturating_mul(10);
        step = next.unwrap_or(scale);
    }
    let ticks = (0..=until / step).map(|index| index * step);
    html! {
        @for at in ticks {
            i.tick style={ "left:" (format!("{:.4}", percent(at, 0, until))) "%" } {
                span { (axis_words(at)) }
            }
        }
    }
}

/// As the script writes it, too: no more digits than there are.
fn axis_words(ns: u64) -> String {
    let words = format!("{}.{:03}", ns / 1_000_000_000, ns / 1_000_000 % 1_000);
    format!("{} s", words.trim_end_matches('0').trim_end_matches('.'))
}

fn marks(findings: &[Finding], until: u64) -> Markup {
    html! {
        @for (index, finding) in findings.iter().enumerate() {
            @let number = index + 1;
            a.mark href={ "#violation-" (number) }
                style={
                    "left:" (format!("{:.4}", percent(finding.at_ns, 0, until)))
                    // Where they stand close, the first ones are on top.
                    "%;z-index:" (findings.len() - index)
                }
                title={ (finding.invariant.words()) " violated at " (seconds(finding.at_ns)) }
                aria-label={
                    "Violation " (number) ": " (finding.invariant.words()) " at "
                    (seconds(finding.at_ns))
                } { (number) }
        }
    }
}

fn fault_time(fault: &FaultReport, until: u64) -> (u64, u64) {
    let from = fault.struck_ns.unwrap_or(until);
    (from, fault.ended_ns.unwrap_or(until).max(from))
}

/// Faults side by side, where they overlap one below the other.
fn fault_rows(faults: &[FaultReport], until: u64) -> Vec<Vec<&FaultReport>> {
    let mut rows: Vec<Vec<&FaultReport>> = Vec::new();
    for fault in faults.iter().filter(|fault| fault.struck_ns.is_some()) {
        let (from, _) = fault_time(fault, until);
        let free = rows
            .iter()
            .position(|row| row.last().is_none_or(|last| fault_time(last, until).1 <= from));
        match free {
            Some(index) => rows[index].push(fault),
            None if rows.len() < FAULT_ROWS_MAX => rows.push(vec![fault]),
            None => rows[FAULT_ROWS_MAX - 1].push(fault),
        }
    }
    rows
}

fn fault_bar(fault: &FaultReport, until: u64) -> Markup {
    let (from, ended) = fault_time(fault, until);
    let what = format!("{} {}", clean_name(&fault.kind), clean_name(&fault.node));
    html! {
        i.fault style=(place((from, ended), (0, until)))
            title={ (what) " " (word(&fault.detail)) ", " (range(from, ended)) } {
            span { (what) }
        }
    }
}

fn client(lane: &ClientLane, within: (u64, u64)) -> Markup {
    let who = clean_name(&lane.client);
    html! {
        @for trouble in &lane.condition {
            @let (from, until) = (trouble.from_ns, trouble.until_ns);
            @let words = trouble.condition.words();
            i class={ "c " (words.replace(' ', "-")) } style=(place((from, until), within))
                title={ (who) " " (words) ", " (range(from, until)) } {}
        }
        @for span in &lane.activity {
            i class={ "s " (span.activity.words()) }
                style=(place((span.from_ns, span.until_ns), within))
                title=(activity_words(&who, span)) {}
        }
    }
}

fn activity_words(who: &str, activity: &ActivitySpan) -> String {
    let (from, until) = (activity.from_ns, activity.until_ns);
    let words = activity.activity.words();
    if activity.count > 1 {
        let sum = activity.sum_ns.unwrap_or(until.saturating_sub(from));
        return format!(
            "{who} {words} {} times between {} and {}, {} in all",
            activity.count,
            seconds(from),
            seconds(until),
            span(sum)
        );
    }
    let note = match activity.note.is_empty() {
        true => String::new(),
        false => format!("; {}", crate::text::clean(&activity.note)),
    };
    format!("{who} {words}, {}{note}", range(from, until))
}

/// A lane in words, for those who do not see it.
fn lane_words(lane: &ClientLane) -> String {
    let count = |activity| {
        let of = lane.activity.iter().filter(|span| span.activity == activity);
        of.fold(0_u64, |sum, span| sum.saturating_add(span.count))
    };
    use crate::timeline::Activity;
    let mut words = format!(
        "{}: {}, {}",
        clean_name(&lane.client),
        counted(count(Activity::Waiting), "wait"),
        counted(count(Activity::Holding), "hold")
    );
    let overstayed = count(Activity::Overstayed);
    if overstayed > 0 {
        words.push_str(&format!(", overstayed {}", counted(overstayed, "time")));
    }
    for trouble in lane.condition.iter().take(5) {
        let range = range(trouble.from_ns, trouble.until_ns);
        words.push_str(&format!("; {} from {range}", trouble.condition.words()));
    }
    words
}

/// A line over time: up is ahead.
fn clock_row(clock: &ClockLane, until: u64) -> Markup {
    let offsets = clock.points.iter().map(|point| point.offset_ns);
    let most = offsets.clone().max().unwrap_or(0).max(0);
    let least = offsets.min().unwrap_or(0).min(0);
    let height = (i128::from(most) - i128::from(least)).max(1) as f64;
    let y = |offset: i64| (i128::from(most) - i128::from(offset)) as f64 / height * 100.0;
    let points: Vec<String> = clock
        .points
        .iter()
        .map(|p| format!("{:.3},{:.2}", percent(p.at_ns, 0, until) * 10.0, y(p.offset_ns)))
        .collect();
    let words = format!(
        "the clock of {} stands between {} and {} off",
        clean_name(&clock.node),
        offset(least),
        offset(most)
    );
    html! {
        div.row.clock role="img" aria-label=(words) title=(words) {
            svg viewBox="0 -8 1000 116" preserveAspectRatio="none" aria-hidden="true" {
                line.zero x1="0" x2="1000" y1=(y(0)) y2=(y(0)) {}
                polyline points=(points.join(" ")) {}
            }
            @if most > 0 { span.most { (offset(most)) } }
            @if least < 0 { span.least { (offset(least)) } }
        }
    }
}

fn offset(ns: i64) -> String {
    match ns {
        0 => "0 s".into(),
        _ => format!("{}{}", if ns < 0 { "−" } else { "+" }, span(ns.unsigned_abs())),
    }
}

// --- Below it ------------------------------------------------------------------------------

fn legend(timeline: &Timeline) -> Markup {
    let has = |words: &str| {
        let conditions = timeline.clients.iter().flat_map(|lane| &lane.condition);
        let activities = timeline.clients.iter().flat_map(|lane| &lane.activity);
        conditions.map(|span| span.condition.words()).any(|w| w == words)
            || activities.map(|span| span.activity.words()).any(|w| w == words)
            || timeline.server.iter().any(|span| span.state.words() == words)
    };
    let all = [
        ("s", "waiting", "waiting: has called acquire"),
        ("s", "holding", "holding: inside its critical section"),
        ("s", "overstayed", "overstayed: still inside, its claim surely over"),
        ("c", "cut off", "cut off the network"),
        ("c", "paused", "paused"),
        ("c", "dead", "dead: without power, or not yet back"),
        ("s", "up", "server up"),
        ("s", "grace", "server in its grace time, at most"),
        ("s", "down", "server down, or booting"),
    ];
    html! {
        ul.legend aria-label="Legend" {
            @for (layer, words, meaning) in all.into_iter().filter(|(_, words, _)| has(words)) {
                li { i class={ (layer) " " (words.replace(' ', "-")) } {} (meaning) }
            }
        }
        @if timeline.resolution_ns > 0 {
            p.aside {
                "There is more in this run than can be shown: spans of one kind that fall into "
                "the same " (span(timeline.resolution_ns)) " are drawn as one, except near "
                "violations. history.jsonl has every event."
            }
        }
    }
}

/// A lock that always says yes has more violations than a report holds.
fn left_out(report: &Report) -> Markup {
    let all = report.violations();
    let marked = report.findings.len() as u64;
    html! {
        @if all > marked {
            p.aside { "Marked are the first " (marked) " of " (all) " violations." }
        }
    }
}

/// What the lanes say, for those who do not see them.
fn in_words(timeline: &Timeline) -> Markup {
    html! {
        details.words {
            summary { "The timeline in words" }
            ul {
                @for lane in &timeline.clients { li { (lane_words(lane)) } }
                @for state in &timeline.server {
                    li { "server " (state.state.words()) ", " (range(state.from_ns, state.until_ns)) }
                }
                @for clock in &timeline.clocks {
                    @for pair in clock.points.windows(2).filter(|pair| {
                        pair[0].at_ns == pair[1].at_ns && pair[0].offset_ns != pair[1].offset_ns
                    }) {
                        li {
                            "the clock of " (name(&clock.node)) " steps from "
                            (offset(pair[0].offset_ns)) " to " (offset(pair[1].offset_ns))
                            " at " (seconds(pair[1].at_ns))
                        }
                    }
                }
            }
        }
    }
}
