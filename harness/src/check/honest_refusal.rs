//! Nobody is refused a lock that nobody else has.
//!
//! A lock says `busy`, or `timeout`, to one who asks for it, if another holds it. One that takes an
//! error for that (no descriptors, no locks, no space) makes its caller wait for nobody, perhaps
//! for ever. To answer with the error is always honest.
//!
//! A refusal is wrong if surely nobody had the lock when the caller looked, nor for as long before
//! as it may have trusted an older look (see `release_frees::within_ns`). Somebody may have it
//! - who holds, from the call of acquire until all releases that it owes were answered `ok`; if it
//!   died, or was told anything else, until another enters: then its lock was free, or broken;
//! - whose acquire or release failed or died or is under way, until another enters; so, too, when
//!   it was refused while anything was wrong with its link or the server;
//! - who was refused while another called: each may have stood in the other's way. One whom nobody
//!   else's call met has left nothing behind that another could have seen.
//!
//! While anybody was disturbed, or the server, and until another enters then, nothing is judged.
//! Calls that were answered with an error, and surely not done, are no such disturbance: what comes
//! of them is what is asked here. But to be told to try again later takes time, and so a `timeout`
//! is not judged then; nor is one of an acquire that had no time for one attempt.

use super::calls::Call;
use super::holds::Hold;
use super::release_frees::within_ns;
use super::spans::{Moment, merged};
use super::{Checker, Evidence, Judged, Outcome, faults};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::units::SECOND;
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{Finding, Invariant};

pub const CHECKER: Checker = Checker { invariant: Invariant::HonestRefusal, check };

/// In an attempt to get the lock, a program may have to be started, and a delegation to be given
/// back.
const START_NS: u64 = 5 * SECOND;

fn check(evidence: &Evidence) -> Outcome {
    let judge = Judge::of(evidence);
    let mut judged = Judged::default();
    for call in evidence.calls.acquires() {
        // Whoever asks while it is inside is refused what it has itself.
        let is_inside = || evidence.hold_at(&call.client, call.called).is_some();
        let Some(refused) = Refused::of(call).filter(|_| !is_inside()) else {
            continue;
        };
        match judge.free_since(&refused) {
            Ok(since) => {
                judged.cases += 1;
                judged.findings.push(finding(evidence, &refused, since));
            }
            Err(_) if judge.claimed.meet(call.called.at_ns, refused.at_ns) => judged.cases += 1,
            Err(doubt) => judged.doubts.add(doubt),
        }
    }
    judged.outcome("refusal", "nobody was refused, or nobody knows whether another held")
}

/// An acquire that was answered `busy` or `timeout`.
struct Refused<'a> {
    call: &'a Call,
    at_ns: u64,
    /// How long it was to wait; `None`: it was not to wait.
    waited_ns: Option<u64>,
}

impl<'a> Refused<'a> {
    fn of(call: &'a Call) -> Option<Refused<'a>> {
        let Operation::Acquire { timeout } = call.operation else {
            return None;
        };
        let refused = matches!(call.answer(), Some(Answer::Busy | Answer::Timeout));
        let waited_ns = timeout.map(|timeout| timeout.0).filter(|timeout| *timeout > 0);
        refused.then(|| Refused { call, at_ns: call.over().at_ns, waited_ns })
    }

    fn answer(&self) -> &'static str {
        match self.call.answer() {
            Some(Answer::Timeout) => "timeout",
            _ => "busy",
        }
    }
}

/// Times in nanoseconds, merged: half-open.
struct Times(Vec<(u64, u64)>);

impl Times {
    /// Of times whose ends belong to them.
    fn of(times: impl Iterator<Item = (u64, u64)>) -> Times {
        Times(merged(times.map(|(from, until)| (from, until.saturating_add(1))).collect()))
    }

    /// Whether one shares a moment with the time from `from` to `until`.
    fn meet(&self, from: u64, until: u64) -> bool {
        let first = self.0.partition_point(|(_, end)| *end <= from);
        self.0.get(first).is_some_and(|(begin, _)| *begin <= until)
    }
}

struct Judge<'a> {
    evidence: &'a Evidence<'a>,
    within_ns: u64,
    /// When somebody surely had the lock, by right.
    claimed: Times,
    /// When a holder may have had it.
    held: Times,
    /// When somebody may have got it, or may stand in the way of others.
    asked: Times,
    /// When nobody knows, since somebody was disturbed.
    misled: Times,
}

impl<'a> Judge<'a> {
    fn of(evidence: &'a Evidence<'a>) -> Judge<'a> {
        let claimed = evidence.holds.iter().flat_map(Hold::claimed);
        let held = evidence
            .holds
            .iter()
            .map(|hold| (hold.acquire_called.at_ns, stands_until(evidence, hold).at_ns));
        let misled = evidence.contacts.all().flat_map(|(client, contact)| {
            let times = contact.misled().iter();
            times.map(move |(from, until)| (*from, entered_by_another(evidence, client, *until)))
        });
        Judge {
            evidence,
            within_ns: within_ns(evidence),
            claimed: Times(merged(
                claimed.map(|claim| (claim.from.at_ns, claim.until.at_ns)).collect(),
            )),
            held: Times::of(held),
            asked: Times::of(asked(evidence).into_iter()),
            misled: Times::of(misled),
        }
    }

    /// Since when nobody can have had the lock, if that is long enough for a refusal to be wrong;
    /// else why it may be right.
    fn free_since(&self, refused: &Refused) -> Result<u64, &'static str> {
        let Refused { call, at_ns, waited_ns } = *refused;
        // One that does not wait looks at once; one that does, before its time is up.
        let looked = if waited_ns.is_some() { at_ns } else { call.called.at_ns };
        let since = looked.saturating_sub(self.within_ns);
        if self.misled.meet(since, at_ns) {
            return Err("a client or the server was disturbed, and nobody has entered since");
        }
        if self.asked.meet(since, at_ns) {
            return Err("another acquire or release was under way or failed: it may have the lock");
        }
        if self.held.meet(since, at_ns) {
            return Err("the lock had been held until shortly before, or may be still");
        }
        let least_ns = self.evidence.bounds.attempt_ns().saturating_add(START_NS);
        if waited_ns.is_some_and(|waited_ns| waited_ns < least_ns) {
            return Err("its time was too short for an attempt");
        }
        match waited_ns.is_none() || self.evidence.is_quiet(call) {
            true => Ok(since),
            false => Err("a call was refused, and had to be made again"),
        }
    }
}

/// Until when a hold's lock may stand, whether or not by right. To be told that it is not held is
/// no proof that nothing of it is left.
fn stands_until(evidence: &Evidence, hold: &Hold) -> Moment {
    let left = hold.inside().until;
    if let Some(over) = hold.said_over(&evidence.calls).filter(|call| !call.says_not_held()) {
        return over.over().max(left);
    }
    let contact = evidence.contact(&hold.client);
    let own = hold.own_calls(&evidence.calls);
    let own = own.map(|call| contact.latest_effect(call, &evidence.bounds));
    let until = own.fold(left, Moment::max);
    Moment::at(entered_by_another(evidence, &hold.client, until.at_ns))
}

/// When acquires may have got somebody the lock without anybody knowing, and when they may have
/// stood in each other's way.
fn asked(evidence: &Evidence) -> Vec<(u64, u64)> {
    let calls = Overlapping::of(evidence);
    let each = evidence.calls.iter().filter_map(|call| {
        let (from, over) = (call.called.at_ns, call.over().at_ns);
        let acts = call.is_acquire() || matches!(call.operation, Operation::Release);
        if acts && call.is_indeterminate() {
            let effect = evidence.contact(&call.client).latest_effect(call, &evidence.bounds);
            return Some((from, entered_by_another(evidence, &call.client, effect.at_ns)));
        }
        (Refused::of(call).is_some() && calls.meet_another(call)).then_some((from, over))
    });
    each.collect()
}

/// The calls of all clients, each client's by itself: it makes one after the other.
struct Overlapping(Vec<(String, Times)>);

impl Overlapping {
    fn of(evidence: &Evidence) -> Overlapping {
        let times = |client: &str| {
            let own = evidence.calls.of_client(client, Moment::default());
            Times::of(own.map(|call| (call.called.at_ns, call.over().at_ns)))
        };
        let clients = evidence.calls.clients();
        Overlapping(clients.map(|client| (client.to_owned(), times(client))).collect())
    }

    /// Whether another client had a call under way at any time during this one.
    fn meet_another(&self, call: &Call) -> bool {
        let others = self.0.iter().filter(|(client, _)| *client != call.client);
        let (from, until) = (call.called.at_ns, call.over().at_ns);
        others.into_iter().any(|(_, times)| times.meet(from, until))
    }
}

/// When another client than this one has entered, after `at`; never, if none has: whatever stood in
/// its way was gone.
fn entered_by_another(evidence: &Evidence, client: &str, at: u64) -> u64 {
    let first = evidence.holds.partition_point(|hold| hold.entered.at_ns <= at);
    let another = evidence.holds[first..].iter().find(|hold| hold.client != client);
    another.map_or(u64::MAX, |hold| hold.entered.at_ns)
}

fn finding(evidence: &Evidence, refused: &Refused, since: u64) -> Finding {
    let Refused { call, at_ns, .. } = *refused;
    let explanation = format!(
        "{} asked for the lock at {} and was told `{}` at {}; but nobody else had it, nor could have \
         had it {}.",
        call.client,
        seconds(call.called.at_ns),
        refused.answer(),
        seconds(at_ns),
        match since {
            0 => "at any time before".to_owned(),
            _ => format!("for {} before", span(call.called.at_ns.saturating_sub(since))),
        },
    );
    let mut finding = evidence.finding(Invariant::HonestRefusal, at_ns, explanation, &[]);
    finding.faults = faults::in_force(&evidence.faults, call.called.at_ns, at_ns);
    finding
}
