//! Every checker meets stories that it must catch and stories that it must not accuse.

mod acts;
mod break_after_lifetime;
mod cleanliness;
mod clocks;
mod contact;
mod contradictions;
mod descriptors;
mod early_break;
mod exclusion;
mod faults;
mod held;
mod honest_refusal;
mod judge;
mod leases;
mod lost_update;
mod pauses;
mod random;
mod release;
mod release_frees;
pub mod story;
mod words;

use super::{Evidence, check};
use crate::history::Event;
use crate::plan::Plan;
use lockstorm_reports::{Class, Finding, Invariant, InvariantResult, Status};

/// What a story is expected to show of one invariant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shows {
    /// Kept, in so many cases.
    Kept(u64),
    /// Violated so many times; the first finding showed at so many milliseconds.
    Broken(u64, u64),
    /// The same, but outside of what the lock assumes.
    Beyond(u64, u64),
    Vacuous,
    NotPromised,
}

/// Judges a story by one invariant.
pub fn judged(
    plan: &Plan,
    history: &[Event],
    invariant: Invariant,
) -> (InvariantResult, Vec<Finding>) {
    let evidence = Evidence::of(plan, history);
    assert_eq!(evidence.contradictions, [""; 0]);
    let (results, findings) = check(&evidence);
    let mut results = results.into_iter();
    let result = results.find(|result| result.invariant == invariant);
    let findings = findings.into_iter();
    let findings = findings.filter(|finding| finding.invariant == invariant);
    (result.unwrap(), findings.collect())
}

/// What of a story was not judged by one invariant: how many cases, and why.
pub fn not_judged(plan: &Plan, invariant: Invariant, text: &str) -> Vec<(u64, String)> {
    let (result, _) = judged(plan, &story::story(text), invariant);
    let doubts = result.not_judged.into_iter();
    doubts.map(|doubt| (doubt.count, doubt.reason)).collect()
}

/// Holds a story against what it is expected to show.
#[track_caller]
pub fn expect(plan: &Plan, invariant: Invariant, shows: Shows, text: &str) {
    let (result, findings) = judged(plan, &story::story(text), invariant);
    let first = findings.iter().map(|finding| finding.at_ns / 1_000_000);
    let first = first.min().unwrap_or(0);
    let beyond = findings.iter().all(|finding| finding.class == Class::BeyondAssumptions);
    let seen = match result.status {
        Status::Kept => Shows::Kept(result.judged),
        Status::Violated if beyond => Shows::Beyond(result.violations, first),
        Status::Violated => Shows::Broken(result.violations, first),
        Status::Vacuous => Shows::Vacuous,
        Status::NotPromised => Shows::NotPromised,
        Status::Unknown => panic!("{}", result.note),
    };
    assert_eq!(seen, shows, "{}\n{findings:#?}", result.note);
}
