//! The timeline of a report: spans and clocks from the evidence, and no more than can be shown.

use super::summary::claim_over;
use crate::check::Evidence;
use crate::check::calls::{Call, End};
use crate::check::names;
use crate::history::EventKind;
use crate::lock::adapter::Answer;
use crate::units::SECOND;
use lockstorm_reports::Finding;
use lockstorm_reports::timeline::{
    Activity, ActivitySpan, ClientLane, ClockLane, ClockPoint, Condition, ConditionSpan,
    ServerSpan, ServerState, Timeline,
};
use std::collections::BTreeMap;

/// More spans than this are put together: nobody looks at so many, and a page would be slow.
pub(super) const SPANS_MAX: usize = 4_000;
/// Spans that are this near to a violation are left alone.
const NEAR_NS: u64 = SECOND / 2;

/// The timeline of a run with these findings.
pub(super) fn timeline(evidence: &Evidence, findings: &[Finding]) -> Timeline {
    let began =
        evidence.history.iter().find(|event| matches!(event.kind, EventKind::WorkloadBegan));
    let mut timeline = Timeline {
        began_ns: began.map_or(0, |event| event.at_ns),
        until_ns: evidence.end_ns,
        resolution_ns: 0,
        clients: clients(evidence),
        server: server(evidence),
        clocks: clocks(evidence),
    };
    let near = findings
        .iter()
        .map(|found| (found.at_ns.saturating_sub(NEAR_NS), found.at_ns.saturating_add(NEAR_NS)));
    coarsen(&mut timeline, &near.collect::<Vec<_>>());
    timeline
}

// --- Clients -------------------------------------------------------------------------------

fn clients(evidence: &Evidence) -> Vec<ClientLane> {
    let mut activity: BTreeMap<&str, Vec<ActivitySpan>> = BTreeMap::new();
    for call in evidence.calls.acquires() {
        activity.entry(&call.client).or_default().push(wait(evidence, call));
    }
    for hold in &evidence.holds {
        let spans = activity.entry(&hold.client).or_default();
        let report = hold.report();
        let (from, until) = (report.from_ns, report.until_ns.unwrap_or(evidence.end_ns));
        // In a history that contradicts itself it may have left before it entered.
        let until = until.min(evidence.end_ns).max(from);
        let over = claim_over(evidence, hold).unwrap_or(u64::MAX).clamp(from, until);
        let note = match (report.died, report.until_ns) {
            (true, _) => "its machine died",
            (false, None) => "to the end of the run",
            _ => "",
        };
        let last = if over < until { Activity::Overstayed } else { Activity::Holding };
        spans.push(span(from, over, Activity::Holding, note));
        if last == Activity::Overstayed {
            spans.push(span(over, until, last, note));
        }
    }
    let mut troubles = conditions(evidence);
    let lanes = names::clients(evidence.plan).map(|client| {
        let mut activity = activity.remove(client).unwrap_or_default();
        activity.sort_by_key(|span| (span.from_ns, span.activity));
        let condition = troubles.remove(client).unwrap_or_default();
        ClientLane { client: client.to_owned(), activity, condition }
    });
    lanes.collect()
}

fn span(from_ns: u64, until_ns: u64, activity: Activity, note: &str) -> ActivitySpan {
    // In a history that contradicts itself an answer may come before its call.
    let until_ns = until_ns.max(from_ns);
    ActivitySpan { from_ns, until_ns, activity, note: note.to_owned(), count: 1, sum_ns: None }
}

fn wait(evidence: &Evidence, call: &Call) -> ActivitySpan {
    let note = match &call.end {
        End::Answered(_, Answer::Ok { .. }) => String::new(),
        End::Answered(_, answer) => super::story::answer_words(answer),
        End::Died(_) => "its machine died".into(),
        End::Open => "unanswered at the end of the run".into(),
    };
    let until = call.over().at_ns.min(evidence.end_ns);
    span(call.called.at_ns, until, Activity::Waiting, &note)
}

/// When a client could surely not send to the server or hear from it, or was without power.
fn conditions(evidence: &Evidence) -> BTreeMap<String, Vec<ConditionSpan>> {
    let mut all: BTreeMap<String, Vec<ConditionSpan>> = BTreeMap::new();
    let mut add = |node: &str, from_ns, until_ns: u64, condition| {
        let span = ConditionSpan { from_ns, until_ns: until_ns.min(evidence.end_ns), condition };
        all.entry(node.to_owned()).or_default().push(span);
    };
    for client in names::clients(evidence.plan) {
        for (from, until) in evidence.contact(client).cut_off() {
            add(client, *from, *until, Condition::CutOff);
        }
    }
    for (node, from, until) in powerless(evidence) {
        add(node, from, until.unwrap_or(evidence.end_ns), Condition::Dead);
    }
    for spans in all.values_mut() {
        spans.sort_by_key(|span| (span.from_ns, span.until_ns));
    }
    all
}

/// From death to readiness; `None`: it stayed dead.
fn powerless<'a>(evidence: &Evidence<'a>) -> Vec<(&'a str, u64, Option<u64>)> {
    let mut dead: BTreeMap<&str, u64> = BTreeMap::new();
    let mut out = Vec::new();
    for event in evidence.history {
        match &event.kind {
            EventKind::NodeDied { node, .. } => {
                dead.entry(node).or_insert(event.at_ns);
            }
            EventKind::NodeReady { node, .. } => {
                if let Some(from) = dead.remove(node.as_str()) {
                    out.push((node.as_str(), from, Some(event.at_ns)));
                }
            }
            _ => {}
        }
    }
    out.extend(dead.into_iter().map(|(node, from)| (node, from, None)));
    out
}

// --- Server and clocks ---------------------------------------------------------------------

fn server(evidence: &Evidence) -> Vec<ServerSpan> {
    let server = names::server(evidence.plan);
    let mut spans = Vec::new();
    let mut push = |from_ns: u64, until_ns: u64, state| {
        if from_ns < until_ns {
            spans.push(ServerSpan { from_ns, until_ns, state });
        }
    };
    let end = evidence.end_ns;
    let mut up_since = evidence.server_ready().unwrap_or(end);
    push(0, up_since, ServerState::Down);
    let grace_ns = u64::from(evidence.plan.blueprint.server.grace_s) * SECOND;
    let mut grace_until = up_since;
    let mut outages: Vec<_> =
        powerless(evidence).into_iter().filter(|(node, ..)| *node == server).collect();
    outages.sort_by_key(|(_, from, _)| *from);
    for (_, from, until) in outages {
        push(up_since, grace_until.min(from), ServerState::Grace);
        push(grace_until.max(up_since), from, ServerState::Up);
        let until = until.unwrap_or(end);
        push(from, until, ServerState::Down);
        up_since = until;
        grace_until = until.saturating_add(grace_ns);
    }
    push(up_since, grace_until.min(end), ServerState::Grace);
    push(grace_until, end, ServerState::Up);
    spans
}

fn clocks(evidence: &Evidence) -> Vec<ClockLane> {
    struct Clock {
        points: Vec<ClockPoint>,
        drift_ppm: i64,
    }
    let moved = |clock: &Clock, at_ns: u64| {
        let last = clock.points.last().map_or((0, 0), |point| (point.at_ns, point.offset_ns));
        let gained = i128::from(at_ns.saturating_sub(last.0)) * i128::from(clock.drift_ppm);
        let offset = i128::from(last.1) + gained / 1_000_000;
        ClockPoint { at_ns, offset_ns: i64::try_from(offset).unwrap_or(i64::MAX) }
    };
    let mut clocks: BTreeMap<&str, Clock> = BTreeMap::new();
    for event in evidence.history {
        if let EventKind::ClockSet { node, offset_ns, drift_ppm } = &event.kind {
            let start = ClockPoint { at_ns: 0, offset_ns: 0 };
            let clock = clocks.entry(node).or_insert(Clock { points: vec![start], drift_ppm: 0 });
            let before = moved(clock, event.at_ns);
            clock.points.push(before);
            clock.points.push(ClockPoint { at_ns: event.at_ns, offset_ns: *offset_ns });
            clock.drift_ppm = *drift_ppm;
        }
    }
    let lanes = clocks.into_iter().map(|(node, mut clock)| {
        clock.points.push(moved(&clock, evidence.end_ns));
        ClockLane { node: node.to_owned(), points: clock.points }
    });
    lanes.collect()
}

// --- No more than can be shown -------------------------------------------------------------

/// Puts short spans together, with the finest resolution that leaves few enough.
fn coarsen(timeline: &mut Timeline, near: &[(u64, u64)]) {
    let spans = |timeline: &Timeline| -> usize {
        timeline.clients.iter().map(|lane| lane.activity.len()).sum()
    };
    if spans(timeline) <= SPANS_MAX {
        return;
    }
    let whole = timeline.clone();
    // Should the surroundings of the violations alone be too many, they are no exception either.
    for near in [near, &[]] {
        let mut resolution = 1_000_000;
        while resolution <= whole.until_ns.max(1_000_000) {
            for (lane, full) in timeline.clients.iter_mut().zip(&whole.clients) {
                lane.activity = together(&full.activity, resolution, near);
            }
            timeline.resolution_ns = resolution;
            if spans(timeline) <= SPANS_MAX {
                return;
            }
            resolution *= 2;
        }
    }
}

/// Spans of one kind that lie within the same interval of `resolution` become one.
fn together(spans: &[ActivitySpan], resolution: u64, near: &[(u64, u64)]) -> Vec<ActivitySpan> {
    let mut out: Vec<ActivitySpan> = Vec::new();
    let mut open: BTreeMap<(Activity, u64), usize> = BTreeMap::new();
    for span in spans {
        let interval = span.from_ns / resolution;
        let apart = span.until_ns / resolution != interval
            || near.iter().any(|(from, until)| span.from_ns <= *until && *from <= span.until_ns);
        let known = open.get(&(span.activity, interval)).copied();
        match known.filter(|_| !apart) {
            Some(index) => {
                let sum = out[index].sum_ns.unwrap_or(out[index].until_ns - out[index].from_ns);
                out[index].sum_ns = Some(sum.saturating_add(span.until_ns - span.from_ns));
                out[index].until_ns = out[index].until_ns.max(span.until_ns);
                out[index].count += 1;
                out[index].note.clear();
            }
            None => {
                if !apart {
                    open.insert((span.activity, interval), out.len());
                }
                out.push(span.clone());
            }
        }
    }
    out
}
