//! How it came to a violation: the events that matter, one line each.

use crate::check::Evidence;
use crate::history::{Consequence, Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::units::SignedNanos;
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{Finding, StoryKind, StoryLine};
use std::collections::BTreeMap;

/// Lines from the begin of a story, and up to its end.
const FIRST_MAX: usize = 12;
const LAST_MAX: usize = 16;

/// The story of a finding: what its holders did, each from the call of acquire on that let it
/// in, and what had been done to the site by then.
pub(super) fn story(evidence: &Evidence, finding: &Finding) -> Vec<StoryLine> {
    let calls = Operations::of(evidence.history);
    let mut since: BTreeMap<&str, u64> = BTreeMap::new();
    for told in &finding.holds {
        let mut same = evidence
            .holds
            .iter()
            .filter(|hold| hold.client == told.client && hold.entered.at_ns == told.from_ns);
        let called = same.next().map_or(told.from_ns, |hold| hold.acquire_called.at_ns);
        let first = since.entry(&told.client).or_insert(called);
        *first = called.min(*first);
    }
    let began = since.values().copied().min().unwrap_or(finding.at_ns).min(finding.at_ns);
    let mut lines: Vec<StoryLine> = Vec::new();
    for event in evidence.history.iter().take_while(|event| event.at_ns <= finding.at_ns) {
        let Some(line) = line(event, &calls) else {
            continue;
        };
        let is_theirs = since.get(line.node.as_str()).is_some_and(|first| event.at_ns >= *first);
        // What befell the site before may still be in force.
        if line.kind == StoryKind::Site || is_theirs {
            lines.push(line);
        }
    }
    let mut lines = shortened(lines, began);
    lines.push(StoryLine {
        at_ns: finding.at_ns,
        node: String::new(),
        kind: StoryKind::Violation,
        text: finding.explanation.clone(),
    });
    lines
}

/// What each call asked for.
struct Operations<'a>(BTreeMap<u64, &'a Operation>);

impl<'a> Operations<'a> {
    fn of(history: &'a [Event]) -> Operations<'a> {
        let calls = history.iter().filter_map(|event| match &event.kind {
            EventKind::Called { call, operation, .. } => Some((*call, operation)),
            _ => None,
        });
        Operations(calls.collect())
    }

    fn name(&self, call: u64) -> &'static str {
        self.0.get(&call).map_or("a call", |operation| operation.name())
    }
}

fn line(event: &Event, calls: &Operations) -> Option<StoryLine> {
    let (node, kind, text) = match &event.kind {
        EventKind::Called { client, operation, .. } => (client, StoryKind::Lock, asked(operation)),
        EventKind::Answered { client, call, answer } => {
            let text = format!("{} answers {}", calls.name(*call), answer_words(answer));
            (client, StoryKind::Lock, text)
        }
        EventKind::Entered { client } => {
            (client, StoryKind::Section, "enters its critical section".into())
        }
        EventKind::Left { client } => {
            (client, StoryKind::Section, "leaves its critical section".into())
        }
        EventKind::NodeDied { node, cause, by_plan: false } => {
            (node, StoryKind::Site, format!("dies: {cause}"))
        }
        EventKind::NodeReady { node, .. } if event.at_ns > 0 => {
            (node, StoryKind::Site, "is up and ready".into())
        }
        // What is done to a clock is told by the clock itself.
        EventKind::FaultStruck { node, kind, detail, consequences, .. }
            if !only_sets_clocks(consequences) =>
        {
            let text = if detail.is_empty() { kind.clone() } else { detail.clone() };
            (node, StoryKind::Site, text)
        }
        EventKind::ClockSet { node, offset_ns, drift_ppm } => {
            let mut text = format!("has a clock that is {}", off(*offset_ns));
            if *drift_ppm != 0 {
                text.push_str(&format!(", and drifts by {drift_ppm} ppm"));
            }
            (node, StoryKind::Site, text)
        }
        _ => return None,
    };
    Some(StoryLine { at_ns: event.at_ns, node: node.clone(), kind, text })
}

fn only_sets_clocks(consequences: &[Consequence]) -> bool {
    let mut consequences = consequences.iter();
    consequences.len() > 0 && consequences.all(|c| matches!(c, Consequence::WallClock { .. }))
}

fn off(offset_ns: i64) -> String {
    match offset_ns {
        0 => "right again".into(),
        1.. => format!("{} ahead", SignedNanos(offset_ns)),
        _ => format!("{} behind", SignedNanos(-offset_ns)),
    }
}

fn asked(operation: &Operation) -> String {
    match operation {
        Operation::Acquire { timeout: None } => "calls acquire".into(),
        Operation::Acquire { timeout: Some(timeout) } => {
            format!("calls acquire, for {timeout} at most")
        }
        Operation::Refresh { lifetime } => format!("calls refresh, for {lifetime}"),
        other => format!("calls {}", other.name()),
    }
}

/// An answer as people say it.
pub(super) fn answer_words(answer: &Answer) -> String {
    match answer {
        Answer::Ok { held: None } => "ok".into(),
        Answer::Ok { held: Some(true) } => "yes, it is held".into(),
        Answer::Ok { held: Some(false) } => "no, it is not held".into(),
        Answer::Busy => "busy".into(),
        Answer::Timeout => "timeout".into(),
        Answer::NotHeld => "not held".into(),
        Answer::Unsupported => "unsupported".into(),
        Answer::Error { errno, class, message } => {
            let errno = errno.as_ref().map_or(String::new(), |errno| format!(" {errno}"));
            format!("the error {class}{errno}: {message}")
        }
    }
}

/// The begin and the end; nodes that booted before the story are no part of it.
fn shortened(lines: Vec<StoryLine>, began: u64) -> Vec<StoryLine> {
    let is_boot = |line: &StoryLine| line.at_ns < began && line.text == "is up and ready";
    let mut lines: Vec<StoryLine> = lines.into_iter().filter(|line| !is_boot(line)).collect();
    if lines.len() > FIRST_MAX + LAST_MAX + 1 {
        let left_out = lines.len() - FIRST_MAX - LAST_MAX;
        let (from, until) = (lines[FIRST_MAX].at_ns, lines[lines.len() - LAST_MAX - 1].at_ns);
        let note = StoryLine {
            at_ns: from,
            node: String::new(),
            kind: StoryKind::Omission,
            text: format!(
                "{left_out} more events until {}, over {}; history.jsonl has them",
                seconds(until),
                span(until.saturating_sub(from))
            ),
        };
        lines.splice(FIRST_MAX..FIRST_MAX + left_out, [note]);
    }
    lines
}
