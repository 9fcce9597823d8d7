//! A lock that is lost is not said to be held.
//!
//! A case is a call of is_held by a client that surely has no claim, while another client is
//! surely inside with one for as long as the call takes. Surely no claim: it never entered, or
//! its last hold is over, however late it was obtained and renewed, or by the lock's own words.
//!
//! Nobody can know whether a lock is still held that has expired and that nobody has taken yet.
//! And not judged is a client that is told that it holds while another does, if its last acquire
//! failed or was never answered, or its own claim may not be over: perhaps it is the other that
//! does not hold. A lock that answers from memory should not promise this.

use super::asking::may_hold_unknown;
use super::calls::{Call, End};
use super::holds::{Exit, Hold};
use super::spans::Moment;
use super::{Checker, Evidence, Judged, Outcome};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use lockstorm_reports::text::seconds;
use lockstorm_reports::{Finding, Invariant};

pub const CHECKER: Checker = Checker { invariant: Invariant::HonestIsHeld, check };

fn check(evidence: &Evidence) -> Outcome {
    let mut judged = Judged::default();
    for call in evidence.calls.iter().filter(|call| call.operation == Operation::IsHeld) {
        let (Some(says), Some(owner)) = (held(call), owner(evidence, call)) else {
            continue;
        };
        match without_claim(evidence, call) {
            Ok(last) => {
                judged.cases += 1;
                if says {
                    judged.findings.push(finding(evidence, call, last, owner));
                }
            }
            Err(doubt) if says => judged.doubts.add(doubt),
            Err(_) => {}
        }
    }
    judged.outcome("question", "nobody asked whether it holds while another client surely held")
}

/// What the lock says, if it says anything.
fn held(call: &Call) -> Option<bool> {
    match call.answer()? {
        Answer::Ok { held } => *held,
        Answer::NotHeld => Some(false),
        _ => None,
    }
}

/// The asker's last hold, if there was one, and it surely has no claim; else why it may have.
fn without_claim<'a>(
    evidence: &'a Evidence,
    asked: &Call,
) -> Result<Option<&'a Hold>, &'static str> {
    let last = evidence.last_hold(&asked.client, asked.called);
    let since = last.map_or(Moment::default(), |last| last.entered);
    if may_hold_unknown(evidence, &asked.client, since, asked.called) {
        return Err("the client's last acquire failed, so that it may hold");
    }
    let Some(last) = last else {
        return Ok(None);
    };
    // Another process's is not its own.
    let over = matches!(last.exit, Exit::Died(_)) || last.claim.possibly_until < asked.called;
    over.then_some(Some(last)).ok_or("the client's own claim may not have been over")
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
