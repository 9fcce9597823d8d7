//! A lock that was released can be had by those who wait for it.
//!
//! It is free when the last hold is over in the lock's own words: its release was answered `ok`,
//! or failed, and the lock then said that it is not held. Nobody else may be inside, or dead
//! with a lock that nobody has taken since. If a client then waits, somebody must enter in time.
//!
//! The bound is the longest time for which an NFS client trusts the directory that it has cached
//! (`acdirmax` of nfs(5)), and the longest sleep of the lock programs known. What is demanded is
//! shifted, never guessed:
//! - the time counts only while the one who waits and the server are well;
//! - another client that has used the lock may have a delegation of the lock's file. While it is
//!   not well, the server has to wait for its lease to run out: so much more is allowed;
//! - an acquire since the last entry that failed, died or was disturbed may have got the lock, and
//!   nobody knows: then nothing is judged;
//! - an acquire that does not wait is not counted as asking.
//!
//! A deadline beyond the end of the run is not judged.

use super::asking::{asking, may_have_got_it};
use super::calls::End;
use super::holds::{Exit, Hold};
use super::spans::Moment;
use super::{Checker, Evidence, Judged, Outcome};
use crate::units::{Nanos, SECOND};
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{Finding, Invariant};
use std::collections::{BTreeMap, BTreeSet};

pub const CHECKER: Checker = Checker { invariant: Invariant::ReleaseFrees, check };

/// The default of `acdirmax` in nfs(5).
const ACDIRMAX_NS: u64 = 60 * SECOND;
/// The longest that a program sleeps between two looks (dotlockfile(1), of liblockfile).
const SLEEP_NS: u64 = 60 * SECOND;

fn check(evidence: &Evidence) -> Outcome {
    let within_ns = within_ns(evidence);
    let mut asking = asking(evidence);
    for waits in asking.values_mut() {
        // Nobody can have waited in vain who did not wait for so long: of a long run, these are
        // nearly all, and each would be held against each release.
        waits.retain(|(asked, until)| asked.saturating_add(within_ns) < *until);
    }
    let unknown = may_have_got_it(evidence);
    let judge = Judge { evidence, asking, unknown, within_ns };
    let mut judged = Judged::default();
    for (hold, free) in free(evidence) {
        judge.freed(hold, free, &mut judged);
    }
    judged.outcome("release", "nobody entered after a release, or waited for long enough")
}

/// How soon somebody enters who waits and is well: by then it has looked, and knows what is there.
pub(super) fn within_ns(evidence: &Evidence) -> u64 {
    let bounds = &evidence.bounds;
    let cached_ns = acdirmax(&evidence.plan.blueprint.mount.options);
    let within_ns = cached_ns.saturating_add(SLEEP_NS).saturating_add(bounds.slowness_ns);
    within_ns.saturating_add(bounds.host_lateness_ns)
}

/// The longest time for which a directory is cached, by the mount's options: the last one counts.
fn acdirmax(options: &[String]) -> u64 {
    let each = options.iter().flat_map(|option| option.split(','));
    each.fold(ACDIRMAX_NS, |now, option| match option.split_once('=') {
        Some(("acdirmax" | "actimeo", seconds)) => {
            seconds.parse().map_or(now, |seconds: u32| Nanos::from_secs(seconds.into()).0)
        }
        None if option == "noac" => 0,
        _ => now,
    })
}

struct Judge<'a> {
    evidence: &'a Evidence<'a>,
    /// When each client was asking, patiently.
    asking: BTreeMap<&'a str, Vec<(u64, u64)>>,
    /// When somebody may have got the lock without knowing, by begin.
    unknown: Vec<(u64, u64)>,
    within_ns: u64,
}

/// Who waited in vain, since when, until when.
type Overdue<'a> = (&'a str, u64, u64);

impl Judge<'_> {
    /// The lock became free, after this hold was the last to be entered.
    fn freed(&self, hold: &Hold, free: Moment, judged: &mut Judged) {
        let next = self.evidence.next_entry(free).map_or(u64::MAX, |next| next.entered.at_ns);
        let overdue = |regarding| self.overdue(free.at_ns, regarding).filter(|o| o.2 < next);
        match (overdue(true), overdue(false)) {
            (Some(overdue), _) if !self.is_unknown(hold, overdue.2) => {
                judged.cases += 1;
                judged.findings.push(finding(self.evidence, hold, free, overdue));
            }
            (None, None) if next < u64::MAX => judged.cases += 1,
            (None, None) => {}
            (_, Some((.., due))) | (Some((.., due)), _) => {
                judged.doubts.add(match self.is_unknown(hold, due) {
                    true => "an acquire was disturbed or failed, and may have got the lock",
                    false => "a client that had used the lock, or the server, was disturbed",
                })
            }
        }
    }

    /// Whether somebody may have got it without knowing since this hold was entered: whoever had
    /// it before has it no more.
    fn is_unknown(&self, hold: &Hold, until: u64) -> bool {
        let since = hold.entered.at_ns;
        self.unknown.iter().any(|(from, end)| *from <= until && *end > since)
    }

    /// The first who waited in vain, if one did; without a regard for disturbances, if so asked.
    fn overdue(&self, free: u64, regarding: bool) -> Option<Overdue<'_>> {
        let end = self.evidence.end_ns;
        let mut first: Option<Overdue> = None;
        for (client, waits) in &self.asking {
            let well = match regarding {
                true => self.evidence.contact(client).well(free, end),
                false => vec![(free, end)],
            };
            for &(asked, until) in waits.iter().filter(|(_, until)| *until > free) {
                for &(well_from, well_until) in &well {
                    let since = asked.max(well_from);
                    let mut due = since.saturating_add(self.within_ns);
                    if regarding && self.others_away(client, since, due) {
                        due = due.saturating_add(self.evidence.recovery.gives_way_within_ns());
                    }
                    let able = due < until.min(well_until);
                    if able && first.is_none_or(|(_, _, earliest)| due < earliest) {
                        first = Some((client, since, due));
                    }
                }
            }
        }
        first
    }

    /// Whether another client that may have a delegation of the lock's file was not well.
    fn others_away(&self, client: &str, from: u64, until: u64) -> bool {
        let mut others = self.evidence.calls.clients().filter(|other| *other != client);
        others.any(|other| !self.evidence.contact(other).in_touch(from, until))
    }
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
    let mut alive = BTreeSet::new();
    let mut dead = false;
    let mut last = 0;
    let mut out = Vec::new();
    for (at, index, step) in steps {
        match step {
            Step::Entered => {
                // Whoever died with the lock has it no more.
                dead = false;
                last = index;
                alive.insert(index);
            }
            Step::Died => {
                alive.remove(&index);
                dead = true;
            }
            Step::Freed => {
                alive.remove(&index);
                if alive.is_empty() && !dead {
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
        Exit::Died(at) => Some(End::Died(at)),
        _ => None,
    };
    let said = hold.said_over(&evidence.calls);
    let in_flight = || {
        let mut own = hold.own_calls(&evidence.calls);
        own.find(|call| matches!(call.end, End::Died(_)))
    };
    said.or_else(in_flight).map(|call| call.end.clone()).or(died)
}

fn finding(
    evidence: &Evidence,
    hold: &Hold,
    free: Moment,
    (asker, since_ns, due): Overdue,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_directory_is_cached_is_up_to_the_mount() {
        let cached = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(|option| (*option).into()).collect();
            acdirmax(&options) / SECOND
        };
        assert_eq!(cached(&[]), 60);
        assert_eq!(cached(&["hard", "actimeo=3"]), 3);
        assert_eq!(cached(&["noac,acdirmax=600"]), 600);
        assert_eq!(cached(&["noac"]), 0);
        assert_eq!(cached(&["hard"]), 60);
    }
}
