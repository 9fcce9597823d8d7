//! Which calls are shown.

use super::taken::{Taken, owned};
use super::{Scene, Stay};
use crate::rpc::capture::{Call, Done};
use std::collections::BTreeSet;

/// No more than can be read on a screen or two.
pub(super) const CALLS_MAX: usize = 24;
/// With fewer than this, others are shown that matter less.
const CALLS_FEW: usize = 14;
/// What follows a violation, for as long as anybody wants to know.
const AFTER_NS: u64 = 1_000_000_000;
const AFTER_MAX: usize = 4;
/// So near to the violation even an attempt of somebody else may have to do with it.
const NEAR_NS: u64 = 1_000_000_000;

/// How much a call has to do with a finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// A failed attempt of somebody else, what is done to files beside the lock's.
    Little,
    /// An attempt of a holder that failed.
    Some,
    /// It changed the lock's file, or nobody knows whether it did.
    Much,
    /// A holder got the lock by it, or lost it.
    All,
}

/// The calls that matter most, by time; and how many more would.
pub(super) fn choose<'a>(scene: &Scene<'a>, taken: Option<&Taken>) -> (Vec<&'a Call>, u64) {
    let files = Files::of(scene);
    let began = scene.stays.iter().map(|stay| stay.asked_ns).min().unwrap_or(scene.at_ns);
    let weighed = |call: &'a Call| {
        let is_taking = taken.is_some_and(|taken| std::ptr::eq(taken.call, call));
        let weight = if is_taking { Some(Weight::All) } else { files.weight(scene, call) };
        Some((weight?, call))
    };
    let within = |from: u64, until: u64| {
        let calls = scene.calls.iter();
        calls.filter(move |call| (from..=until).contains(&call.at_ns())).filter_map(weighed)
    };
    let mut before: Vec<_> = within(began, scene.at_ns).collect();
    let all = before.len();
    before.sort_by_key(|(weight, call)| (std::cmp::Reverse(*weight), scene.at_ns - call.at_ns()));
    let after = within(scene.at_ns + 1, scene.at_ns.saturating_add(AFTER_NS));
    let after: Vec<_> = after.filter(|(weight, _)| *weight >= Weight::Some).collect();
    let after = &after[..after.len().min(AFTER_MAX)];
    before.truncate(CALLS_MAX - after.len());
    let kept = before.iter().filter(|(weight, _)| *weight > Weight::Little).count();
    before.truncate(kept.max(CALLS_FEW));
    let left_out = (all - before.len()) as u64;
    let mut chosen: Vec<&Call> = before.iter().chain(after).map(|(_, call)| *call).collect();
    chosen.sort_by_key(|call| call.at_ns());
    (chosen, left_out)
}

/// What a lock is made of, as far as its holders show.
struct Files<'a> {
    /// By which the holders got it.
    lock: BTreeSet<&'a str>,
    /// All that the holders changed to get it, to keep it and to give it back.
    all: BTreeSet<&'a str>,
    /// The calls by which they got it.
    got: Vec<&'a Call>,
}

impl<'a> Files<'a> {
    fn of(scene: &Scene<'a>) -> Files<'a> {
        let until = scene.at_ns.saturating_add(AFTER_NS);
        let theirs = scene.calls.iter().filter(|call| {
            let is_stay = |stay: &Stay| {
                call.from == stay.client && (stay.asked_ns..=until).contains(&call.at_ns())
            };
            // What is changed in between is what the lock is there for, and not the lock.
            scene.stays.iter().any(is_stay)
                && scene.activities.at(&call.from, call.at_ns()).starts_with("in ")
        });
        let changes = theirs.flat_map(|call| &call.operations).filter(|done| changes(done));
        let all = changes.flat_map(paths).collect();
        let mut lock = BTreeSet::new();
        let mut got = Vec::new();
        for stay in &scene.stays {
            // What it has removed itself by the time it is in was a means to the end.
            let owned = owned(scene, stay).into_iter().filter(|(done, call)| {
                !done.path.as_deref().is_some_and(|path| cleared(scene, stay, path, call.at_ns()))
            });
            for (done, call) in owned {
                lock.extend(&done.path.as_deref());
                got.push(call);
            }
        }
        if lock.is_empty() {
            lock.clone_from(&all);
        }
        Files { lock, all, got }
    }

    /// None: it has nothing to do with it.
    fn weight(&self, scene: &Scene, call: &Call) -> Option<Weight> {
        if self.got.iter().any(|got| std::ptr::eq(*got, call)) {
            return Some(Weight::All);
        }
        let main = call.operations.iter().filter(|done| changes(done));
        let about =
            |names: &BTreeSet<&str>| main.clone().flat_map(paths).any(|path| names.contains(path));
        if !about(&self.all) && !about(&self.lock) {
            return None;
        }
        let is_holder =
            scene.stays.iter().any(|stay| [call.from.as_str(), &call.to].contains(&stay.client));
        let is_near = scene.at_ns.abs_diff(call.at_ns()) <= NEAR_NS;
        let is_answered = call.reply.is_some_and(|reply| reply.passed_ns.is_some());
        let is_odd = !is_answered
            || call.late_ns() > 0
            || call.call.sent_again > 0
            || call.reply.is_some_and(|reply| reply.sent_again > 0);
        let is_ok = call.outcome() == Some("ok");
        match about(&self.lock) {
            true if is_ok || is_odd => Some(Weight::Much),
            true if is_holder => Some(Weight::Some),
            _ => is_near.then_some(Weight::Little),
        }
    }
}

/// Whether a holder has removed a file of its own again before it went in.
fn cleared(scene: &Scene, stay: &Stay, path: &str, since: u64) -> bool {
    scene.calls.iter().any(|call| {
        call.from == stay.client
            && (since..=stay.entered_ns).contains(&call.at_ns())
            && call.operations.iter().any(|done| super::taken::removes(done, path).is_some())
    })
}

/// Whether an operation changes a file, its name, or who may do so.
fn changes(done: &Done) -> bool {
    match done.operation.as_str() {
        "LINK" | "REMOVE" | "RENAME" | "CREATE" | "MKDIR" | "RMDIR" | "SYMLINK" | "SETATTR"
        | "WRITE" | "LOCK" | "LOCKU" | "UNLOCK" | "DELEGRETURN" | "CB_RECALL" => true,
        "OPEN" => ["create", "claim=previous"].iter().any(|how| done.arguments.contains(how)),
        _ => false,
    }
}

fn paths(done: &Done) -> impl Iterator<Item = &str> + Clone {
    [done.path.as_deref(), done.from.as_deref()].into_iter().flatten()
}
