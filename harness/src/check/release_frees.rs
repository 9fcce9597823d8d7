//! A lock that was released can be had by those who wait for it.
//!
//! It is free when the last hold is over in the lock's own words: its release was answered `ok`,
//! or failed, and the lock then said that it is not held. Nobody else may be inside, or dead
//! with a lock that nobody has taken since. If a client then waits, somebody must enter in time.
//!
//! The bound is twice the longest time for which an NFS client trusts what it has cached (60 s,
//! `acdirmax` of nfs(5)), which is also twice the longest sleep of the lock programs known. What
//! is demanded is shifted, never guessed:
//! - the time counts only while every node is well: whoever is cut off may still own a
//!   delegation of the lock's file, say;
//! - an acquire since the last entry that failed, died or was disturbed may have got the lock,
//!   and nobody knows: then nothing is demanded;
//! - an acquire that does not wait is not counted as asking.
//!
//! A deadline beyond the end of the run is not judged.

use super::asking::{asking, doubts};
use super::calls::End;
use super::holds::{Exit, Hold};
use super::spans::Moment;
use super::{Checker, Evidence, Outcome};
use crate::units::SECOND;
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{Finding, Invariant};
use std::collections::{BTreeMap, BTreeSet};

pub const CHECKER: Checker = Checker { invariant: Invariant::ReleaseFrees, check };

/// Somebody enters this long after the lock became free.
const WITHIN_NS: u64 = 120 * SECOND;
/// How long a frame may still be on the wire after its sender has given up.
const ON_THE_WIRE_NS: u64 = 5 * SECOND;

fn check(evidence: &Evidence) -> Outcome {
    let waits = asking(evidence);
    let doubts = doubts(evidence);
    let mut cases = 0;
    let mut findings = Vec::new();
    for (hold, free) in free(evidence) {
        let next_ns = next_entry(evidence, free);
        let doubted = |until_ns: u64| {
            let since_ns = hold.entered.at_ns.saturating_sub(ON_THE_WIRE_NS);
            doubts.iter().any(|(from, until)| *from <= until_ns && *until >= since_ns)
        };
        let overdue = first_deadline(evidence, &waits, free.at_ns);
        match overdue.filter(|(_, _, due)| *due < next_ns && !doubted(*due)) {
            Some((asker, since_ns, due)) => {
                cases += 1;
                findings.push(finding(evidence, hold, free, (asker, since_ns, due)));
            }
            None => cases += u64::from(next_ns != u64::MAX && !doubted(next_ns)),
        }
    }
    let otherwise = "nobody entered after a release, or waited for long enough";
    Outcome::of(cases, "release", findings, otherwise)
}

/// Every moment at which the lock became free, with the last hold that was entered before.
fn free<'a>(evidence: &'a Evidence<'_>) -> Vec<(&'a Hold, Moment)> {
    let holds = &evidence.holds;
    let mut steps = Vec::new();
    for (index, hold) in holds.iter().enumerate() {
        steps.push((hold.entered, index, Step::Entered));
        match end(evidence, hold) {
            Some(End::Answered(at, _)) => steps.push((at, index, Step::Freed)),
            Some(End::Died(at)) => steps.push((at, index, Step::Died)),
            _ => {}
        }
    }
    steps.sort_by_key(|(at, index, _)| (*at, *index));
    let mut living = BTreeSet::new();
    let mut dead = false;
    let mut last = 0;
    let mut out = Vec::new();
    for (at, index, step) in steps {
        match step {
            Step::Entered => {
                // Whoever died with the lock has it no more.
                dead = false;
                last = index;
                living.insert(index);
            }
            Step::Died => {
                living.remove(&index);
                dead = true;
            }
            Step::Freed => {
                living.remove(&index);
                if living.is_empty() && !dead {
                    out.push((&holds[last], at));
                }
            }
        }
    }
    out
}

#[derive(Clone, Copy)]
enum Step {
    Entered,
    Freed,
    Died,
}

/// When the lock itself said that this hold is over, or its process died before that.
fn end(evidence: &Evidence, hold: &Hold) -> Option<End> {
    let died = match hold.exit {
        Exit::Died(at) => Some(at),
        _ => None,
    };
    let first = evidence.calls.partition_point(|call| call.called < hold.entered);
    let own = evidence.calls[first..].iter().filter(|call| call.client == hold.client);
    let mut own =
        own.take_while(|call| !call.is_acquire() && died.is_none_or(|died| call.called < died));
    let last = own.find(|call| call.says_it_is_over() || matches!(call.end, End::Died(_)));
    last.map(|call| call.end.clone()).or(died.map(End::Died))
}

fn next_entry(evidence: &Evidence, after: Moment) -> u64 {
    let first = evidence.holds.partition_point(|hold| hold.entered <= after);
    evidence.holds.get(first).map_or(u64::MAX, |next| next.entered.at_ns)
}

/// The first deadline of one that waits: who, since when, until when.
fn first_deadline<'a>(
    evidence: &Evidence,
    waits: &BTreeMap<&'a str, Vec<(u64, u64)>>,
    free_ns: u64,
) -> Option<(&'a str, u64, u64)> {
    let well = evidence.outages.all_well(free_ns, evidence.end_ns);
    let mut first: Option<(&str, u64, u64)> = None;
    for (client, waits) in waits {
        for &(asked, until) in waits.iter().filter(|(_, until)| *until > free_ns) {
            for &(well_from, well_until) in &well {
                let since = asked.max(well_from);
                let due = since.saturating_add(WITHIN_NS);
                let able = due < until.min(well_until);
                if able && first.is_none_or(|(_, _, earliest)| due < earliest) {
                    first = Some((client, since, due));
                }
            }
        }
    }
    first
}

fn finding(
    evidence: &Evidence,
    hold: &Hold,
    free: Moment,
    (asker, since_ns, due): (&str, u64, u64),
) -> Finding {
    let explanation = format!(
        "The lock was free from {}, in its own words: {} had given it up, and nobody else held. \
         {asker} kept asking, from {} on undisturbed, and nobody had entered by {}, {} later.",
        seconds(free.at_ns),
        hold.client,
        seconds(since_ns),
        seconds(due),
        span(due - since_ns),
    );
    evidence.finding(Invariant::ReleaseFrees, due, explanation, &[hold])
}
