//! The NFS calls around a violation: which of them matter, and who took whose lock away.

mod choice;
mod taken;
#[cfg(test)]
mod tests;

use super::activity::Activities;
use super::recheck::CAPTURE;
use crate::check::names;
use crate::history::{Event, EventKind, Operation};
use crate::plan::Plan;
use crate::rpc;
use crate::rpc::capture::{self, Call, CaptureError, Done};
use lockstorm_reports::wire::{Fate, Wire, WireCall};
use lockstorm_reports::{Finding, Report};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// Findings of an invariant that are told with their calls: those that follow are mostly the same
/// story again.
const EACH_MAX: usize = 3;

/// Puts the calls around the first findings of each promise into a report, if the frames of the
/// run are in its directory. A run without findings costs nothing.
pub fn tell(report: &mut Report, plan: &Plan, history: &[Event], directory: &Path) {
    if report.findings.iter().all(|finding| finding.holds.is_empty()) {
        return;
    }
    let path = directory.join(CAPTURE);
    let calls = match capture::calls(&path, Duration::from_secs(plan.blueprint.wall_start_s)) {
        Ok(captured) => captured.calls,
        Err(CaptureError::Io(error)) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => {
            let why = format!("the calls around the violations are not told: {CAPTURE}: {error}");
            report.notes.push(why);
            return;
        }
    };
    tell_from(report, plan, history, &calls);
}

/// The same from the calls.
fn tell_from(report: &mut Report, plan: &Plan, history: &[Event], calls: &[Call]) {
    let activities = Activities::of(history);
    let mut told: BTreeMap<_, usize> = BTreeMap::new();
    for finding in &mut report.findings {
        let told = told.entry(finding.invariant).or_default();
        *told += 1;
        if *told <= EACH_MAX {
            let scene = Scene::of(finding, plan, history, (calls, &activities));
            finding.wire = scene.and_then(|scene| scene.wire());
        }
    }
}

/// What a finding is about, for the search among the calls.
struct Scene<'a> {
    at_ns: u64,
    server: &'a str,
    /// In the order of the finding.
    stays: Vec<Stay<'a>>,
    calls: &'a [Call],
    activities: &'a Activities,
}

/// One holder's stay, from its call of acquire on.
struct Stay<'a> {
    client: &'a str,
    asked_ns: u64,
    entered_ns: u64,
    left_ns: u64,
}

impl<'a> Scene<'a> {
    /// None of a finding that is about no holder.
    fn of(
        finding: &'a Finding,
        plan: &'a Plan,
        history: &[Event],
        (calls, activities): (&'a [Call], &'a Activities),
    ) -> Option<Scene<'a>> {
        let stays: Vec<Stay> = finding
            .holds
            .iter()
            .map(|hold| Stay {
                client: &hold.client,
                asked_ns: asked(history, &hold.client, hold.from_ns),
                entered_ns: hold.from_ns,
                left_ns: hold.until_ns.unwrap_or(u64::MAX),
            })
            .collect();
        let server = names::server(plan);
        let scene = Scene { at_ns: finding.at_ns, server, stays, calls, activities };
        (!scene.stays.is_empty()).then_some(scene)
    }

    fn wire(&self) -> Option<Wire> {
        let taken = taken::taken(self);
        let (chosen, left_out) = choice::choose(self, taken.as_ref());
        if chosen.is_empty() {
            return None;
        }
        let mut nodes: Vec<String> = Vec::new();
        for call in &chosen {
            for node in [&call.from, &call.to] {
                if !nodes.contains(node) {
                    nodes.push(node.clone());
                }
            }
        }
        // Arrows to the server then all point to the same side.
        nodes.sort_by_cached_key(|node| (node == self.server, natural(node)));
        Some(Wire {
            nodes,
            calls: chosen.into_iter().map(|call| self.told(call)).collect(),
            left_out,
            taken: taken.map(|taken| taken.words()),
        })
    }

    fn told(&self, call: &Call) -> WireCall {
        let client = if call.from == self.server { &call.to } else { &call.from };
        let names: Vec<String> = call.main().iter().map(|done| name(done)).collect();
        let fate = match (call.call.passed_ns, call.reply) {
            (None, None) => Fate::CallLost,
            (Some(_), None) => Fate::Unanswered,
            (_, Some(reply)) if reply.passed_ns.is_none() => Fate::ReplyLost,
            _ => Fate::Answered,
        };
        let reply = call.reply.unwrap_or_default();
        WireCall {
            at_ns: call.at_ns(),
            from: call.from.clone(),
            to: call.to.clone(),
            operations: if names.is_empty() { call.procedure.clone() } else { names.join(" ") },
            path: call.about().unwrap_or_default(),
            status: call.outcome().map(str::to_owned),
            fate,
            answered_ns: reply.passed_ns,
            sent_again: call.call.sent_again.saturating_add(reply.sent_again),
            late_ns: call.late_ns(),
            lock: self.activities.at(client, call.at_ns()).to_owned(),
        }
    }
}

/// What was done, with what of an OPEN decides who may go on without asking: that it reclaims what
/// was open before a restart, and that it is given a delegation (RFC 8881, section 10.4).
fn name(done: &Done) -> String {
    let reclaims = rpc::reclaims(&done.operation, &done.arguments).then(|| "reclaim".to_owned());
    let given = rpc::delegates(&done.operation, &done.result);
    let given = given.map(|kind| format!("{kind} delegation"));
    let more: Vec<String> = reclaims.into_iter().chain(given).collect();
    match more.is_empty() {
        true => done.operation.clone(),
        false => format!("{} ({})", done.operation, more.join(", ")),
    }
}

/// When a client had called the acquire that let it in.
fn asked(history: &[Event], client: &str, entered_ns: u64) -> u64 {
    let before = history.iter().take_while(|event| event.at_ns <= entered_ns);
    let calls = before.filter(|event| match &event.kind {
        EventKind::Called { client: who, operation, .. } => {
            who == client && matches!(operation, Operation::Acquire { .. })
        }
        _ => false,
    });
    calls.last().map_or(entered_ns, |event| event.at_ns)
}

/// `c2` before `c10`.
fn natural(name: &str) -> (usize, String) {
    (name.len(), name.to_owned())
}
