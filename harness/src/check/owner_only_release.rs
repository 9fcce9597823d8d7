//! A release by one who does not own the lock any more does not end the next owner's hold.
//!
//! Such a release is one that can still do something after its caller's claim was over, however
//! long that may have lasted, or one by a client that holds nothing. It is a case when another
//! client is inside then, with a claim. A release that is answered `not_held` has done nothing.
//! What shows that another one ended that client's hold:
//! - somebody else enters within that claim, with a claim of its own (an acquire that was
//!   granted long before and answered late is no evidence); or
//! - the owner is told by its own release or is_held that it does not hold, within its claim.
//!   (Not while its node or the server was disturbed: a retransmitted removal meets its own
//!   result, and a cautious lock says that it is not held when it cannot ask. Not while a third was
//!   asking, who may have broken the lock early. And not so near to the end of its claim that by
//!   somebody's clock it may be over.)
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

use super::asking::{asking, may_hold_unknown};
use super::calls::Call;
use super::holds::Hold;
use super::no_early_break::early_entries;
use super::spans::{Moment, Span};
use super::{Checker, Evidence, Judged, Outcome};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use lockstorm_reports::text::seconds;
use lockstorm_reports::{Finding, Invariant};
use std::collections::BTreeMap;

pub const CHECKER: Checker = Checker { invariant: Invariant::OwnerOnlyRelease, check };

fn check(evidence: &Evidence) -> Outcome {
    let blame = Blame { evidence, asking: asking(evidence) };
    let mut judged = Judged::default();
    let mut harmful = 0;
    for release in evidence.calls.iter().filter(|call| is_release(call)) {
        let Some(late) = late(evidence, release) else {
            continue;
        };
        let owners = owners(evidence, release, late);
        let harms = owners.iter().map(|(owner, span)| blame.harm(release, owner, *span));
        match worst(harms) {
            Some(Harm::Shown(findings)) => {
                harmful += 1;
                judged.findings.extend(findings);
            }
            Some(Harm::Unclear(doubt)) => judged.doubts.add(doubt),
            Some(Harm::None) => judged.cases += 1,
            None => {}
        }
    }
    if harmful > 0 && blame.breaks_by_itself() {
        judged.findings.clear();
        judged.doubts.add_all("claims were also broken early without any release", harmful);
    } else {
        judged.cases += harmful as u64;
    }
    judged.outcome("late release", "nobody released late while another client held")
}

fn is_release(call: &Call) -> bool {
    matches!(call.operation, Operation::Release)
}

/// What a late release did to the holds of others.
enum Harm {
    None,
    /// One was harmed, and by whom cannot be told.
    Unclear(&'static str),
    Shown(Vec<Finding>),
}

/// Of several owners, the one that was harmed most plainly; `None`: there was no owner.
fn worst(harms: impl Iterator<Item = Harm>) -> Option<Harm> {
    harms.reduce(|one, other| match (one, other) {
        (Harm::Shown(mut shown), Harm::Shown(more)) => {
            shown.extend(more);
            Harm::Shown(shown)
        }
        (shown @ Harm::Shown(_), _) | (_, shown @ Harm::Shown(_)) => shown,
        (unclear @ Harm::Unclear(_), _) | (_, unclear @ Harm::Unclear(_)) => unclear,
        (Harm::None, Harm::None) => Harm::None,
    })
}

/// When the release could do harm: while it may take effect and its caller does not own the lock.
fn late(evidence: &Evidence, release: &Call) -> Option<Span> {
    let contact = evidence.contact(&release.client);
    let hold = evidence.last_hold(&release.client, release.called);
    // Another process's hold is not its own.
    let hold = hold.filter(|hold| !hold.died_before(release.called));
    let since = hold.map_or(Moment::default(), |hold| hold.entered);
    if may_hold_unknown(evidence, &release.client, since, release.called) {
        return None;
    }
    let owned_until = hold.map_or(Moment::default(), |hold| hold.claim.possibly_until);
    let from = contact.earliest_effect(release.called).max(owned_until);
    let late = Span::new(from, contact.latest_effect(release, &evidence.bounds));
    (!late.is_empty()).then_some(late)
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
    /// What the release did to the hold of `owner`, which stood for `span` from then on.
    fn harm(&self, release: &Call, owner: &Hold, span: Span) -> Harm {
        // In the lock's own words it did nothing.
        if release.says_not_held() {
            return Harm::None;
        }
        let intruder = self.evidence.holds.iter().find(|hold| {
            let with_claim = hold.exclusive().any(|span| span.contains(hold.entered));
            hold.client != owner.client
                && hold.entered > span.from
                && span.contains(hold.entered)
                && with_claim
        });
        if let Some(intruder) = intruder.filter(|next| self.may_have_let_in(release, owner, next)) {
            let then = format!("{} entered within that claim", intruder.client);
            return self.shown(release, owner, intruder.entered, then, &[owner, intruder]);
        }
        let Some(told) = told_not_held(self.evidence, owner, span.from) else {
            return Harm::None;
        };
        // Who was let in by somebody else is also why the owner is told later.
        if intruder.is_some_and(|intruder| intruder.entered < told) {
            return Harm::None;
        }
        if self.asked_meanwhile(owner, span.from, told) {
            return Harm::Unclear(
                "the next owner lost its lock while another was asking, who may have broken it",
            );
        }
        if self.may_look_over(owner, told) {
            return Harm::Unclear("by a clock that differed, the next owner's lifetime was over");
        }
        let then = "was told within its claim that it does not hold";
        self.shown(release, owner, told, format!("{} {then}", owner.client), &[owner])
    }

    fn shown(
        &self,
        release: &Call,
        owner: &Hold,
        at: Moment,
        then: String,
        holds: &[&Hold],
    ) -> Harm {
        let explanation = format!(
            "{} released at {}, when it did not own the lock any more and {} did; then {then}.",
            release.client,
            seconds(release.called.at_ns),
            owner.client
        );
        let invariant = Invariant::OwnerOnlyRelease;
        Harm::Shown(vec![self.evidence.finding(invariant, at.at_ns, explanation, holds)])
    }

    /// Whether a release, by whatever right, can be why `next` entered within the claim of `owner`.
    fn may_have_let_in(&self, release: &Call, owner: &Hold, next: &Hold) -> bool {
        let contact = self.evidence.contact(&release.client);
        let done = contact.latest_effect(release, &self.evidence.bounds);
        release.client != owner.client
            && !release.says_not_held()
            && release.called < next.entered
            && done > owner.entered
            && !self.stood(done, next.entered)
    }

    /// Whether somebody asked between these moments, undisturbed, for longer than it takes to have
    /// a lock that is free.
    fn stood(&self, from: Moment, until: Moment) -> bool {
        let Some(bound) = self.evidence.plan.profile.break_bound else {
            return false;
        };
        let bounds = &self.evidence.bounds;
        let within_ns = bound.within.0.saturating_add(bounds.slowness_ns);
        let within_ns = within_ns.saturating_add(bounds.host_lateness_ns);
        self.asking.iter().any(|(client, asking)| {
            let well = self.evidence.contact(client).well(from.at_ns, until.at_ns);
            let mut together = asking.iter().flat_map(|(asked, answered)| {
                well.iter().map(move |(from, until)| (asked.max(from), answered.min(until)))
            });
            together.any(|(from, until)| until.saturating_sub(*from) > within_ns)
        })
    }

    /// Whether anybody else asked for the lock at any time between these moments.
    fn asked_meanwhile(&self, owner: &Hold, from: Moment, until: Moment) -> bool {
        let mut others = self.evidence.calls.acquires().filter(|c| c.client != owner.client);
        others.any(|call| call.called < until && call.over() > from)
    }

    /// Whether, at a moment of its claim, its lifetime is over by a clock that differs as clocks
    /// did.
    fn may_look_over(&self, owner: &Hold, at: Moment) -> bool {
        let clocks = &self.evidence.clocks;
        let skew_ns = clocks.largest_skew(owner.acquire_called.at_ns, at.at_ns);
        at.at_ns.saturating_add(skew_ns) >= owner.claim.surely_until().at_ns
    }

    /// Whether somebody entered within another's claim, and no release of a third can be why.
    fn breaks_by_itself(&self) -> bool {
        let early = early_entries(&self.evidence.holds);
        let calls = self.evidence.calls.iter();
        let releases: Vec<&Call> = calls.filter(|call| is_release(call)).collect();
        early.iter().any(|entry| {
            !releases.iter().any(|call| self.may_have_let_in(call, entry.first, entry.second))
        })
    }
}

/// When the owner was told within its claim, after `from`, that it does not hold.
fn told_not_held(evidence: &Evidence, owner: &Hold, from: Moment) -> Option<Moment> {
    let over = owner.claim.surely_until();
    // What comes after a release of its own, whatever that was answered, may be its own doing.
    let released = owner.own_calls(&evidence.calls).find(|call| is_release(call));
    let released = released.map_or(Moment::NEVER, |call| call.called);
    let answered = owner.own_calls(&evidence.calls).filter(|call| call.called <= released);
    let mut answered = answered.filter(|call| call.over() > from && call.over() < over);
    let told = answered.find(|call| match (&call.operation, call.answer()) {
        (Operation::IsHeld, _) => call.says_not_held() && evidence.is_quiet(call),
        (Operation::Release, Some(Answer::NotHeld)) => evidence.is_quiet(call),
        _ => false,
    });
    told.map(Call::over)
}
