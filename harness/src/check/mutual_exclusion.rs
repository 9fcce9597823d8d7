//! No two clients are inside at once, while both have a claim.
//!
//! The witness is entered after acquire has returned and left before release is called, so two
//! overlapping intervals are two real holders. Spans are half-open, in the order of the
//! history's lines: an owner that leaves and one that enters at the same instant overlap only
//! if the entry was written first, because then it did happen first. At the very end of a
//! claim the next owner is welcome.
//!
//! Two that are inside together after the one's claim was surely over, and before it was possibly
//! over, are not judged.

use super::holds::Hold;
use super::spans::Span;
use super::{Checker, Evidence, Judged, Outcome};
use lockstorm_reports::text::span as time_span;
use lockstorm_reports::{Finding, Invariant};
use std::collections::BTreeSet;

pub const CHECKER: Checker = Checker { invariant: Invariant::MutualExclusion, check };

fn check(evidence: &Evidence) -> Outcome {
    let asking: BTreeSet<_> = evidence.calls.acquires().map(|call| &call.client).collect();
    if asking.len() < 2 {
        let why = "fewer than two clients asked for the lock".into();
        return Outcome::Vacuous { why, doubts: Default::default() };
    }
    let sure = overlaps(&evidence.holds, |hold| hold.exclusive().collect());
    let mut judged = Judged {
        cases: evidence.holds.len() as u64,
        findings: sure.iter().map(|overlap| finding(evidence, overlap)).collect(),
        ..Judged::default()
    };
    let possible = overlaps(&evidence.holds, |hold| possibly_exclusive(hold).into_iter().collect());
    let unsure = possible.len().saturating_sub(sure.len());
    judged.doubts.add_all("the claim of the one who was inside may have been over", unsure);
    judged.outcome("critical section", "nobody got the lock")
}

/// [`Hold::exclusive`], of a claim that lasts as long as it possibly can.
fn possibly_exclusive(hold: &Hold) -> Option<Span> {
    let inside = hold.inside();
    let until = inside.until.min(hold.told_lost.unwrap_or(inside.until));
    // Whoever enters when its claim is over on paper still holds at that instant.
    let claim = hold.claim.possibly_until.max(hold.entered.next());
    let span = Span::new(inside.from, until.min(claim));
    (!span.is_empty()).then_some(span)
}

fn finding(evidence: &Evidence, overlap: &Overlap) -> Finding {
    let (first, second) = (overlap.first, overlap.second);
    let end = overlap.span.until.at_ns.min(evidence.end_ns);
    let length = end.saturating_sub(overlap.span.from.at_ns);
    let what = match overlap.span.from == second.entered {
        true => "entered",
        false => "was told that it still holds",
    };
    let mut explanation =
        format!("{} was inside and within its claim when {} {what}", first.client, second.client);
    if length > 0 {
        explanation.push_str(&format!("; both held for {}", time_span(length)));
    }
    explanation.push('.');
    let at_ns = overlap.span.from.at_ns;
    evidence.finding(Invariant::MutualExclusion, at_ns, explanation, &[first, second])
}

/// Two holds of different clients that met.
pub(super) struct Overlap<'a> {
    /// The one whose span began earlier.
    pub first: &'a Hold,
    pub second: &'a Hold,
    pub span: Span,
}

/// Every two holds of different clients whose spans meet, once each, in the order in which they
/// met.
pub(super) fn overlaps(holds: &[Hold], spans: fn(&Hold) -> Vec<Span>) -> Vec<Overlap<'_>> {
    let all = holds.iter().enumerate();
    let mut all: Vec<(Span, usize)> = all
        .flat_map(|(index, hold)| spans(hold).into_iter().map(move |span| (span, index)))
        .collect();
    all.sort_by_key(|(span, index)| (span.from, *index));
    let mut active: Vec<(Span, usize)> = Vec::new();
    let mut met: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut out = Vec::new();
    for (span, second) in all {
        active.retain(|(other, _)| other.until > span.from);
        for &(other, first) in &active {
            let pair = (first.min(second), first.max(second));
            if holds[first].client != holds[second].client && met.insert(pair) {
                out.push(Overlap {
                    first: &holds[first],
                    second: &holds[second],
                    span: span.and(other),
                });
            }
        }
        active.push((span, second));
    }
    out
}
