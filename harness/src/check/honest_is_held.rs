//! A lock that is lost is not said to be held.
//!
//! A case is a call of is_held by a client that surely has no claim, while another client is
//! inside with one for as long as the call takes. Surely no claim: it never entered, its release
//! was confirmed, it was told so before, or its lifetime is over even if the lock was obtained,
//! and renewed, as late as that was answered.
//!
//! Not judged is what nobody can know: whether a lock is still held that has expired and that
//! nobody has taken yet, and a client whose last acquire failed or was never answered. A lock
//! that answers from memory should not promise this.

use super::calls::{Call, End};
use super::holds::{Exit, Hold};
use super::spans::Moment;
use super::{Checker, Evidence, Outcome};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use lockstorm_reports::text::seconds;
use lockstorm_reports::{Finding, Invariant};

pub const CHECKER: Checker = Checker { invariant: Invariant::HonestIsHeld, check };

fn check(evidence: &Evidence) -> Outcome {
    let mut cases = 0;
    let mut findings = Vec::new();
    for call in evidence.calls.iter().filter(|call| call.operation == Operation::IsHeld) {
        let Some(says) = held(call) else {
            continue;
        };
        let Some(last) = without_claim(evidence, call) else {
            continue;
        };
        if let Some(owner) = owner(evidence, call) {
            cases += 1;
            if says {
                findings.push(finding(evidence, call, last, owner));
            }
        }
    }
    let otherwise = "nobody asked whether it holds while another client surely held";
    Outcome::of(cases, "question", findings, otherwise)
}

/// What the lock says, if it says anything.
fn held(call: &Call) -> Option<bool> {
    match call.answer()? {
        Answer::Ok { held } => *held,
        Answer::NotHeld => Some(false),
        _ => None,
    }
}

/// The asker's last hold, if there was one; `None` outside when it may have a claim.
fn without_claim<'a>(evidence: &'a Evidence, asked: &Call) -> Option<Option<&'a Hold>> {
    let mut own = evidence.calls.iter().filter(|call| call.client == asked.client);
    let unsure = own.any(|call| call.is_acquire() && call.called < asked.called && !is_sure(call));
    if unsure {
        return None;
    }
    let entered = evidence.holds.partition_point(|hold| hold.entered < asked.called);
    let mut before = evidence.holds[..entered].iter().rev();
    let Some(last) = before.find(|hold| hold.client == asked.client) else {
        return Some(None);
    };
    let over = match last.exit {
        // Another process's.
        Exit::Died(_) => true,
        _ => given_up(evidence, last, asked.called) || expired(evidence, last, asked.called),
    };
    over.then_some(Some(last))
}

fn is_sure(acquire: &Call) -> bool {
    let answer = acquire.answer();
    matches!(answer, Some(Answer::Ok { .. } | Answer::Timeout | Answer::Busy))
}

/// Whether the lock itself had said before `now` that the hold is over.
fn given_up(evidence: &Evidence, hold: &Hold, now: Moment) -> bool {
    since(evidence, hold, now).any(Call::says_it_is_over)
}

/// Whether its lifetime is over at `now`, however late it was obtained and renewed.
fn expired(evidence: &Evidence, hold: &Hold, now: Moment) -> bool {
    let Some(lifetime_ns) = evidence.lifetime_ns else {
        return false;
    };
    let mut over = hold.entered.at_ns.saturating_add(lifetime_ns);
    for call in since(evidence, hold, now) {
        if let Operation::Refresh { lifetime } = call.operation {
            over = over.max(call.over().at_ns.saturating_add(lifetime.0));
        }
    }
    over < now.at_ns
}

/// What the hold's client called after it entered and before `now`.
fn since<'a>(
    evidence: &'a Evidence,
    hold: &'a Hold,
    now: Moment,
) -> impl Iterator<Item = &'a Call> {
    let first = evidence.calls.partition_point(|call| call.called < hold.entered);
    let later = evidence.calls[first..].iter().take_while(move |call| call.called < now);
    later.filter(|call| call.client == hold.client)
}

/// The other client that is inside with a claim from the question to its answer.
fn owner<'a>(evidence: &'a Evidence, asked: &Call) -> Option<&'a Hold> {
    let End::Answered(answered, _) = asked.end else {
        return None;
    };
    let mut others = evidence.holds.iter().filter(|hold| hold.client != asked.client);
    others.find(|hold| {
        hold.exclusive().any(|claim| claim.contains(asked.called) && claim.contains(answered))
    })
}

fn finding(evidence: &Evidence, call: &Call, last: Option<&Hold>, owner: &Hold) -> Finding {
    let at_ns = call.over().at_ns;
    let explanation = format!(
        "{} was told at {} that it holds the lock; but {} was inside with a claim, since {}.",
        call.client,
        seconds(at_ns),
        owner.client,
        seconds(owner.entered.at_ns),
    );
    let holds: Vec<&Hold> = last.into_iter().chain([owner]).collect();
    evidence.finding(Invariant::HonestIsHeld, at_ns, explanation, &holds)
}
