//! Nobody enters before the claim of an owner that has not released is over.
//!
//! Mutual exclusion judges owners that are inside. This covers those that are not any more: a
//! dead owner's lock stands until its lifetime is over, and whoever enters earlier has broken
//! it early.
//!
//! Who enters must have a claim itself. An acquire whose answer took longer than a lifetime may
//! have been granted before the owner's, and rightly been broken since: then it is the entry
//! that is late, not the break that is early.

use super::calls::Call;
use super::holds::Hold;
use super::mutual_exclusion::{Overlap, overlaps};
use super::spans::Span;
use super::{Checker, Evidence, Judged, Outcome};
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{Finding, Invariant};

pub const CHECKER: Checker = Checker { invariant: Invariant::NoEarlyBreak, check };

fn check(evidence: &Evidence) -> Outcome {
    if evidence.lifetime_ns.is_none() {
        return Outcome::NotPromised("a lock without a lifetime is never broken".into());
    }
    let entries = early_entries(&evidence.holds);
    let mut judged = Judged {
        cases: contested(evidence),
        findings: entries.iter().map(|entry| finding(evidence, entry)).collect(),
        ..Judged::default()
    };
    let unsure = possibly_early(&evidence.holds).saturating_sub(entries.len());
    judged.doubts.add_all("the owner's lifetime may have been over, or not", unsure);
    judged.outcome("contested claim", "nobody asked while another client had a claim")
}

fn finding(evidence: &Evidence, overlap: &Overlap) -> Finding {
    let (owner, next) = (overlap.first, overlap.second);
    let at_ns = overlap.span.from.at_ns;
    // The claim in force then, not the last one; had it not been released later.
    let claim = owner.claim.surely.iter().find(|claim| claim.contains(next.entered));
    let until_ns = claim.map_or(at_ns, |claim| claim.until.at_ns);
    let how = match until_ns {
        u64::MAX => "while the claim of".into(),
        _ => format!("{} before the claim of", span(until_ns.saturating_sub(at_ns))),
    };
    let what = if until_ns == u64::MAX { "lasted" } else { "was over" };
    let explanation = format!(
        "{} entered at {}, {how} {} {what}; {} had not released.",
        next.client,
        seconds(at_ns),
        owner.client,
        owner.client,
    );
    evidence.finding(Invariant::NoEarlyBreak, at_ns, explanation, &[owner, next])
}

/// Every entry of a client within the claim of another.
pub(super) fn early_entries(holds: &[Hold]) -> Vec<Overlap<'_>> {
    entries_within(holds, |hold| hold.claimed().collect())
}

fn entries_within(holds: &[Hold], spans: fn(&Hold) -> Vec<Span>) -> Vec<Overlap<'_>> {
    let mut overlaps = overlaps(holds, spans);
    // A claim that is refreshed while another holds is mutual exclusion's to judge.
    overlaps.retain(|overlap| overlap.span.from == overlap.second.entered);
    overlaps
}

/// How many entries there were within what may have been another's claim.
fn possibly_early(holds: &[Hold]) -> usize {
    let possibly = |hold: &Hold| {
        let claim = hold.claim.possibly_until.max(hold.entered.next());
        let until = hold.released.map_or(claim, |released| released.min(claim));
        let span = Span::new(hold.entered, until);
        if span.is_empty() { Vec::new() } else { vec![span] }
    };
    entries_within(holds, possibly).len()
}

/// How many claims there were while somebody else asked.
fn contested(evidence: &Evidence) -> u64 {
    let mut asking: Vec<&Call> = evidence.calls.acquires().collect();
    asking.sort_by_key(|call| call.called);
    let mut begun = 0;
    let mut active: Vec<&Call> = Vec::new();
    let mut count = 0;
    for hold in &evidence.holds {
        let Some(until) = hold.claimed().map(|claim| claim.until).max() else {
            continue;
        };
        while begun < asking.len() && asking[begun].called < until {
            active.push(asking[begun]);
            begun += 1;
        }
        active.retain(|call| call.over() > hold.entered);
        let asked = active.iter().any(|call| call.client != hold.client && call.called < until);
        count += u64::from(asked);
    }
    count
}
