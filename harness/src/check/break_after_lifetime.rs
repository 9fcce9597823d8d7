//! A lock that its owner left behind is broken in time.
//!
//! The owner may renew its lock by any call, at any moment until that call has returned. Only
//! while it has none in flight, or cannot reach the server, the lock grows old. From then on
//! somebody must enter within `lifetime + slop + within`, if somebody can: a client that keeps
//! asking, is up, reaches the server, and has a clock within the lock's assumptions.
//!
//! A lock that renews itself grows old only while its owner is cut off or dead.
//!
//! What is demanded is shifted, never guessed:
//! - one that goes by what it watches, and by no timestamp, is owed the whole time from when it
//!   began to ask;
//! - a client that was cut off, impaired or down, or whose server was, is owed the whole time
//!   anew from when it is well again (see [`super::outages`] for when that is);
//! - one that began to ask later is owed `within` from then;
//! - clocks that differ within the assumption make the lock look younger by that much;
//! - an acquire that is disturbed or fails may have got the lock, and nobody knows: whoever
//!   waits is owed the whole time anew;
//! - an acquire that does not wait is not counted as asking: it gives the lock no time.
//!
//! A deadline beyond the end of the run is not judged.

use super::asking::{asking, doubts};
use super::calls::Call;
use super::holds::Hold;
use super::spans::{Moment, merged, outside};
use super::{Checker, Evidence, Outcome, assumptions};
use crate::history::Operation;
use crate::lock::profile::{BreakBound, Renewed};
use lockstorm_reports::text::{seconds, span};
use lockstorm_reports::{Finding, Invariant};
use std::collections::BTreeMap;

pub const CHECKER: Checker = Checker { invariant: Invariant::BreakAfterLifetime, check };

fn check(evidence: &Evidence) -> Outcome {
    let (Some(lifetime_ns), Some(bound)) =
        (evidence.lifetime_ns, evidence.plan.profile.break_bound)
    else {
        return Outcome::NotPromised("a lock without a lifetime is never broken".into());
    };
    let judge = Judge {
        evidence,
        lifetime_ns,
        renewed: evidence.plan.profile.lifetime.map_or(Renewed::ByCalls, |known| known.renewed),
        bound,
        asking: asking(evidence),
        calls: by_client(evidence),
        doubts: doubts(evidence),
    };
    let mut cases = 0;
    let mut findings = Vec::new();
    for hold in &evidence.holds {
        let (judged, found) = judge.hold(hold);
        cases += judged;
        findings.extend(found);
    }
    let otherwise = "no owner left its lock behind for long enough while a healthy client asked";
    Outcome::of(cases, "abandoned lock", findings, otherwise)
}

struct Judge<'a> {
    evidence: &'a Evidence<'a>,
    lifetime_ns: u64,
    renewed: Renewed,
    bound: BreakBound,
    /// When each client was asking, patiently.
    asking: BTreeMap<&'a str, Vec<(u64, u64)>>,
    calls: BTreeMap<&'a str, Vec<&'a Call>>,
    /// When somebody may have got the lock without knowing, by begin; both ends belong to it.
    doubts: Vec<(u64, u64)>,
}

impl Judge<'_> {
    /// How many times the lock of this hold was left behind and judged, and the violation.
    fn hold(&self, hold: &Hold) -> (u64, Option<Finding>) {
        let (own, freed) = self.own_calls(hold);
        let lifetime_ns = self.longest_lifetime(&own);
        let mut cases = 0;
        for (old_from, touched) in self.untouched(hold, &own, freed) {
            let expires = old_from.saturating_add(lifetime_ns);
            if touched <= expires {
                continue;
            }
            let next = self.next_entry(hold, old_from);
            let until = touched.min(next).min(self.evidence.end_ns);
            let skewed = !assumptions::within_skew(self.evidence, hold.acquire_called_ns, until);
            if skewed {
                continue;
            }
            if let Some((asker, deadline)) = self.overdue(hold, old_from, lifetime_ns, until) {
                let finding = self.finding(hold, old_from, asker, deadline);
                return (cases + 1, Some(finding));
            }
            if expires < next && next <= touched && next != u64::MAX {
                cases += 1;
            }
        }
        (cases, None)
    }

    /// The calls of the owner that may have renewed this hold's lock, and when the lock was
    /// surely free: the release was confirmed, or the story begins anew with another acquire.
    fn own_calls(&self, hold: &Hold) -> (Vec<&Call>, u64) {
        let mut own = Vec::new();
        let calls = self.calls.get(hold.client.as_str());
        let calls = calls.map_or(&[][..], Vec::as_slice);
        let first = calls.partition_point(|call| call.called.at_ns < hold.acquire_called_ns);
        for call in &calls[first..] {
            let later = call.called > hold.entered;
            if later && (call.is_acquire() || died_before(hold, call.called)) {
                let freed = match died_before(hold, call.called) {
                    true => u64::MAX,
                    false => call.called.at_ns,
                };
                return (own, freed);
            }
            own.push(*call);
            // Whose lock it is from then on is another hold's story.
            if later && call.says_it_is_over() {
                return (own, call.over().at_ns);
            }
        }
        (own, u64::MAX)
    }

    fn longest_lifetime(&self, own: &[&Call]) -> u64 {
        let asked = own.iter().map(|call| match call.operation {
            Operation::Refresh { lifetime } => lifetime.0,
            _ => 0,
        });
        asked.fold(self.lifetime_ns, u64::max)
    }

    /// The times in which the owner could not renew its lock, from entering until it was freed.
    fn untouched(&self, hold: &Hold, own: &[&Call], freed: u64) -> Vec<(u64, u64)> {
        let entered = hold.entered.at_ns;
        let mute = self.evidence.outages.mute(&hold.client);
        if self.renewed == Renewed::Itself {
            // It is renewed whenever it can be.
            let well = outside(&mute, entered, freed);
            return outside(&well, entered, freed);
        }
        let in_flight = own.iter().flat_map(|call| {
            let from = call.called.at_ns;
            // A call that takes no time at all still renews.
            outside(&mute, from, call.over().at_ns.max(from.saturating_add(1)))
        });
        outside(&merged(in_flight.collect()), entered, freed)
    }

    /// When somebody entered after `from_ns`, by another hold.
    fn next_entry(&self, hold: &Hold, from_ns: u64) -> u64 {
        let after = Moment::at(from_ns).max(hold.entered);
        let holds = &self.evidence.holds;
        let first = holds.partition_point(|other| other.entered <= after);
        holds.get(first).map_or(u64::MAX, |next| next.entered.at_ns)
    }

    /// The client that waited in vain and the deadline that passed, if one did before `until`.
    fn overdue(
        &self,
        hold: &Hold,
        old_from: u64,
        lifetime_ns: u64,
        until: u64,
    ) -> Option<(&str, u64)> {
        if self.another_holds(hold, old_from) {
            return None;
        }
        let allowance = self.clock_allowance(hold.acquire_called_ns, until);
        let age = lifetime_ns.saturating_add(self.bound.slop.0).saturating_add(allowance);
        let mut first: Option<(&str, u64)> = None;
        for (client, asked) in &self.asking {
            for &(well_from, well_until) in &self.evidence.outages.well(client, 0, until) {
                let old_from = old_from.max(well_from);
                let open = asked.iter().filter(|(_, until)| *until > old_from);
                for &(asked_from, asked_until) in open {
                    let due = self.due(old_from, age, asked_from);
                    // Strictly before: who enters at the very deadline is in time.
                    let able = due <= asked_until.min(well_until) && due < until;
                    if able && first.is_none_or(|(_, earliest)| due < earliest) {
                        first = Some((client, due));
                    }
                }
            }
        }
        first
    }

    /// When one that has asked since `asked_from` must have seen somebody enter.
    fn due(&self, old_from: u64, age: u64, asked_from: u64) -> u64 {
        let due_after = |old_from: u64| {
            let breakable = match self.bound.watched {
                true => old_from.max(asked_from).saturating_add(age),
                false => old_from.saturating_add(age).max(asked_from),
            };
            let within = self.bound.within.0.saturating_add(self.evidence.lateness_ns());
            breakable.saturating_add(within)
        };
        let mut due = due_after(old_from);
        for &(from, until) in &self.doubts {
            if from <= due && until >= old_from {
                due = due.max(due_after(until));
            }
        }
        due
    }

    /// Somebody else is inside with a claim: then it is not this lock that is waited for.
    fn another_holds(&self, hold: &Hold, at_ns: u64) -> bool {
        let moment = Moment::at(at_ns).max(hold.entered);
        let others = self.calls.keys().filter(|client| **client != hold.client);
        let mut holds = others.filter_map(|client| self.evidence.hold_at(client, moment));
        holds.any(|other| other.lifetime_over() > moment)
    }

    /// How much younger than it is the lock may look. A lock that reads no wall clock still
    /// waits by a clock that may drift.
    fn clock_allowance(&self, from_ns: u64, until_ns: u64) -> u64 {
        let clocks = &self.evidence.clocks;
        if self.evidence.plan.profile.assumes.clock_skew.is_some() {
            return clocks.largest_skew(from_ns, until_ns);
        }
        let waited = u128::from(self.lifetime_ns) + u128::from(self.bound.slop.0);
        let late = waited * u128::from(clocks.fastest_drift_ppm()) / 500_000;
        u64::try_from(late).unwrap_or(u64::MAX)
    }

    fn finding(&self, hold: &Hold, old_from: u64, asker: &str, deadline: u64) -> Finding {
        let explanation = format!(
            "{} could not renew its lock after {} and did not release it; {asker} kept asking, \
             and nobody had entered by {}, {} later.",
            hold.client,
            seconds(old_from),
            seconds(deadline),
            span(deadline - old_from),
        );
        let invariant = Invariant::BreakAfterLifetime;
        self.evidence.finding(invariant, deadline, explanation, &[hold])
    }
}

/// Whether the hold's process was dead at a moment: what its client does later is another's.
fn died_before(hold: &Hold, moment: Moment) -> bool {
    matches!(hold.exit, super::holds::Exit::Died(at) if at <= moment)
}

fn by_client<'a>(evidence: &'a Evidence) -> BTreeMap<&'a str, Vec<&'a Call>> {
    let mut calls: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in &evidence.calls {
        calls.entry(&call.client).or_default().push(call);
    }
    calls
}
