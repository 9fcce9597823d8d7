//! A release by one who does not own the lock any more does not end the next owner's hold.
//!
//! Such a release is one that can still do something (its call has not returned) after its
//! caller's lifetime was over, or one by a client that holds nothing. It is a case when another
//! client is inside then, with a claim. What shows that it ended that client's hold:
//! - somebody else enters within that claim, with a claim of its own (an acquire that was
//!   granted long before and answered late is no evidence); or
//! - the owner is told by its own release or is_held that it does not hold, within its claim.
//!   (Not by a release during which its node or the server was disturbed: a retransmitted
//!   removal meets its own result.)
//!
//! An entry is not the release's doing
//! - where somebody has since asked in vain for longer than it takes to have a free lock (`within`
//!   of the lock's `break_bound`): then the lock stood, and was broken early; nor
//! - where another entry within a claim has no release that could explain it: such a lock is broken
//!   early by itself, and nobody can tell which of the two it was.
//!
//! A release in flight whose caller's claim is not over is the ordinary way to hand the lock
//! over, however long its answer takes. A lock without a lifetime therefore has no former
//! owners, only clients that never held.

use super::asking::asking;
use super::calls::Call;
use super::holds::{Exit, Hold};
use super::no_early_break::early_entries;
use super::spans::{Moment, Span};
use super::{Checker, Evidence, Outcome};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use lockstorm_reports::text::seconds;
use lockstorm_reports::{Finding, Invariant};
use std::collections::BTreeMap;

pub const CHECKER: Checker = Checker { invariant: Invariant::OwnerOnlyRelease, check };

fn check(evidence: &Evidence) -> Outcome {
    let blame = Blame { evidence, asking: asking(evidence) };
    let (mut harmless, mut harmful) = (0, 0);
    let mut findings = Vec::new();
    for release in &evidence.calls {
        if !matches!(release.operation, Operation::Release) {
            continue;
        }
        let Some(late) = late(evidence, release) else {
            continue;
        };
        let owners = owners(evidence, release, late);
        let harms = owners.iter().filter_map(|(owner, span)| blame.harm(release, owner, *span));
        let harms: Vec<Finding> = harms.collect();
        harmful += u64::from(!harms.is_empty());
        harmless += u64::from(!owners.is_empty() && harms.is_empty());
        findings.extend(harms);
    }
    let mut otherwise = "nobody released late while another client held";
    if harmful > 0 && blame.breaks_by_itself() {
        harmful = 0;
        findings.clear();
        otherwise = "claims were also broken without any release, so that what the late ones did \
                     cannot be told";
    }
    Outcome::of(harmless + harmful, "late release", findings, otherwise)
}

/// When the release could do harm: while it is in flight and its caller does not own the lock.
fn late(evidence: &Evidence, release: &Call) -> Option<Span> {
    let mut not_owner_from = release.called;
    if let Some(hold) = released_hold(evidence, release) {
        let over = hold.lifetime_over();
        if over == Moment::NEVER {
            return None;
        }
        not_owner_from = not_owner_from.max(over);
    }
    let late = Span::new(not_owner_from, release.over());
    (!late.is_empty()).then_some(late)
}

/// The hold that a release is meant to end; none when its caller held nothing.
fn released_hold<'a>(evidence: &'a Evidence, release: &Call) -> Option<&'a Hold> {
    let entered = evidence.holds.partition_point(|hold| hold.entered < release.called);
    let mut before = evidence.holds[..entered].iter().rev();
    let hold = before.find(|hold| hold.client == release.client)?;
    let left = match hold.exit {
        Exit::Left(left) => left,
        // Inside and releasing all the same: its own hold is meant.
        Exit::Open => return Some(hold),
        // Another process's.
        Exit::Died(_) => return None,
    };
    let answered_before = evidence.calls.iter().any(|call| {
        matches!(call.operation, Operation::Release)
            && call.client == release.client
            && (left..release.called).contains(&call.called)
            && matches!(call.answer(), Some(Answer::Ok { .. } | Answer::NotHeld))
    });
    (!answered_before).then_some(hold)
}

/// The holds of others that stood while the late release could act, and since when both did.
fn owners<'a>(evidence: &'a Evidence, release: &Call, late: Span) -> Vec<(&'a Hold, Span)> {
    let holds = evidence.holds.iter();
    let others = holds.filter(|hold| hold.client != release.client && hold.entered < late.until);
    let spans = others.flat_map(|hold| hold.exclusive().map(move |span| (hold, span)));
    let met = spans.filter(|(_, span)| !span.and(late).is_empty());
    met.map(|(hold, span)| (hold, Span::new(span.from.max(late.from), span.until))).collect()
}

/// Tells what a release did to the holds of others.
struct Blame<'a> {
    evidence: &'a Evidence<'a>,
    /// When each client was asking, patiently.
    asking: BTreeMap<&'a str, Vec<(u64, u64)>>,
}

impl Blame<'_> {
    /// What shows that the release ended the hold of `owner`, which stood for `span` from then on.
    fn harm(&self, release: &Call, owner: &Hold, span: Span) -> Option<Finding> {
        let intruder = self.evidence.holds.iter().find(|hold| {
            let with_claim = hold.exclusive().any(|span| span.contains(hold.entered));
            hold.client != owner.client
                && hold.entered > span.from
                && span.contains(hold.entered)
                && with_claim
        });
        let told = told_not_held(self.evidence, owner, span.from);
        let (at, then, holds) = match (intruder, told) {
            (Some(intruder), told) if told.is_none_or(|told| intruder.entered < told) => {
                // Who was let in by somebody else is also why the owner is told later.
                if !self.may_have_let_in(release, owner, intruder) {
                    return None;
                }
                let then = format!("{} entered within that claim", intruder.client);
                (intruder.entered, then, vec![owner, intruder])
            }
            (_, Some(told)) => {
                let then = "was told within its claim that it does not hold";
                (told, format!("{} {then}", owner.client), vec![owner])
            }
            _ => return None,
        };
        let explanation = format!(
            "{} released at {}, when it did not own the lock any more and {} did; then {then}.",
            release.client,
            seconds(release.called.at_ns),
            owner.client
        );
        let invariant = Invariant::OwnerOnlyRelease;
        Some(self.evidence.finding(invariant, at.at_ns, explanation, &holds))
    }

    /// Whether a release, by whatever right, can be why `next` entered within the claim of `owner`.
    fn may_have_let_in(&self, release: &Call, owner: &Hold, next: &Hold) -> bool {
        release.client != owner.client
            && release.called < next.entered
            && release.over() > owner.entered
            && !self.stood(release.over(), next.entered)
    }

    /// Whether somebody asked between these moments, undisturbed, for longer than it takes to have
    /// a lock that is free.
    fn stood(&self, from: Moment, until: Moment) -> bool {
        let Some(bound) = self.evidence.plan.profile.break_bound else {
            return false;
        };
        let within_ns = bound.within.0.saturating_add(self.evidence.lateness_ns());
        let well = self.evidence.outages.all_well(from.at_ns, until.at_ns);
        self.asking.values().flatten().any(|(asked, answered)| {
            let mut together =
                well.iter().map(|(from, until)| (asked.max(from), answered.min(until)));
            together.any(|(from, until)| until.saturating_sub(*from) > within_ns)
        })
    }

    /// Whether somebody entered within another's claim, and no release of a third can be why.
    fn breaks_by_itself(&self) -> bool {
        let early = early_entries(&self.evidence.holds);
        let calls = self.evidence.calls.iter();
        let releases: Vec<_> =
            calls.filter(|call| matches!(call.operation, Operation::Release)).collect();
        early.iter().any(|entry| {
            !releases.iter().any(|call| self.may_have_let_in(call, entry.first, entry.second))
        })
    }
}

/// When the owner was told within its claim, after `from`, that it does not hold.
fn told_not_held(evidence: &Evidence, owner: &Hold, from: Moment) -> Option<Moment> {
    let over = owner.lifetime_over();
    let calls = evidence.calls.iter();
    let own = calls.filter(|call| call.client == owner.client && call.called > owner.entered);
    // What comes after its next acquire is about another hold.
    let own = own.take_while(|call| !call.is_acquire());
    let mut answered = own.filter(|call| call.over() > from && call.over() < over);
    let told = answered.find(|call| {
        let (called_ns, over_ns) = (call.called.at_ns, call.over().at_ns);
        match (&call.operation, call.answer()) {
            (Operation::IsHeld, Some(Answer::Ok { held: Some(false) } | Answer::NotHeld)) => true,
            (Operation::Release, Some(Answer::NotHeld)) => {
                evidence.outages.quiet(&owner.client, called_ns, over_ns)
            }
            _ => false,
        }
    });
    told.map(Call::over)
}
