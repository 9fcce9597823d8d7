//! A lock that its owner left behind is broken in time.
//!
//! The owner may renew its lock by any call, at any moment until that call can have no effect any
//! more. Only while it has none in flight, or nothing of it arrives, the lock grows old. From then
//! on somebody must enter within `lifetime + slop + within`, if somebody can: a client that keeps
//! asking, is up, reaches the server, and has a clock within the lock's assumptions.
//!
//! A lock with a heartbeat grows old only while its owner is cut off or dead.
//!
//! What is demanded is shifted, never guessed:
//! - one that goes by what it watches, and by no timestamp, is owed the whole time from when it
//!   began to ask;
//! - a client that was cut off, impaired or down, or whose server was, is owed the whole time
//!   anew from when it is well again (see [`super::contact`] for when that is);
//! - one that began to ask later is owed `within` from then;
//! - clocks that differ within the assumption make the lock look younger by that much, and slow
//!   ones make a lifetime longer;
//! - an acquire that is disturbed or fails may have got the lock, and nobody knows: whoever
//!   waits is owed the whole time anew;
//! - an acquire that does not wait is not counted as asking: it gives the lock no time;
//! - an owner that has called release may have freed its lock: whoever waits is owed as much as
//!   after a release (see [`super::release_frees`]).
//!
//! A lock that would be overdue but for a disturbance, or but for an acquire of which nobody knows
//! the outcome, is not judged. Nor is a deadline beyond the end of the run.

use super::asking::{asking, asking_each_time, may_have_got_it};
use super::calls::Call;
use super::holds::Hold;
use super::spans::{Moment, merged, outside};
use super::{Checker, Evidence, Judged, Outcome, release_frees};
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
        // Nothing says that what one has watched outlasts the call that began it.
        asking: match bound.watched {
            true => asking_each_time(evidence),
            false => asking(evidence),
        },
        unknown: may_have_got_it(evidence),
        had_within_ns: release_frees::within_ns(evidence)
            .saturating_add(evidence.recovery.gives_way_within_ns()),
    };
    let mut judged = Judged::default();
    for hold in &evidence.holds {
        judge.hold(hold, &mut judged);
    }
    let otherwise = "no owner left its lock behind for long enough while a healthy client asked";
    judged.outcome("abandoned lock", otherwise)
}

struct Judge<'a> {
    evidence: &'a Evidence<'a>,
    lifetime_ns: u64,
    renewed: Renewed,
    bound: BreakBound,
    /// When each client was asking, patiently.
    asking: BTreeMap<&'a str, Vec<(u64, u64)>>,
    /// When somebody may have got the lock without knowing, by begin; both ends belong to it.
    unknown: Vec<(u64, u64)>,
    /// How soon a lock that is free is had, at the latest, whoever may have used it before.
    had_within_ns: u64,
}

/// A time in which nobody can have renewed a lock.
#[derive(Clone, Copy)]
struct Abandoned {
    from: u64,
    until: u64,
    /// How old it must look to be broken.
    age_ns: u64,
    /// Its owner may have freed it by then.
    perhaps_free: bool,
}

/// What may keep somebody from breaking it.
#[derive(Clone, Copy)]
struct Regarding {
    disturbances: bool,
    unknown: bool,
}

impl Judge<'_> {
    /// Judges each time in which the lock of this hold was left behind, up to the first violation.
    fn hold(&self, hold: &Hold, judged: &mut Judged) {
        let (own, freed) = self.own_calls(hold);
        let lifetime_ns = self.evidence.rates.at_most(self.longest_lifetime(&own));
        for (from, touched) in self.untouched(hold, &own, freed) {
            let expires = from.saturating_add(lifetime_ns);
            if touched <= expires {
                continue;
            }
            let next = self.evidence.next_entry(Moment::at(from).max(hold.entered));
            let next = next.map_or(u64::MAX, |next| next.entered.at_ns);
            let until = touched.min(next).min(self.evidence.end_ns);
            let allowance = self.clock_allowance(hold.acquire_called.at_ns, until);
            let slop_ns = self.evidence.rates.at_most(self.bound.slop.0);
            let age_ns = lifetime_ns.saturating_add(slop_ns).saturating_add(allowance);
            let perhaps_free = self.perhaps_released(hold, &own, until);
            let abandoned = Abandoned { from, until, age_ns, perhaps_free };
            match self.judge(hold, abandoned) {
                Ok(Some(_)) if asked_once_more(hold, &own) => {
                    judged.doubts.add("its owner had asked for it once more while it was inside");
                }
                Ok(Some(_)) if self.perhaps_broken(hold) => {
                    judged
                        .doubts
                        .add("its acquire was answered so late that it may have been broken");
                }
                Ok(Some((asker, deadline))) => {
                    judged.cases += 1;
                    judged.findings.push(self.finding(hold, from, asker, deadline));
                    return;
                }
                Ok(None) if expires < next && next <= touched && next != u64::MAX => {
                    judged.cases += 1;
                }
                Ok(None) => {}
                Err(doubt) => judged.doubts.add(doubt),
            }
        }
    }

    /// The client that waited in vain and the deadline that passed, if one did; or why that cannot
    /// be told.
    fn judge(&self, hold: &Hold, lock: Abandoned) -> Result<Option<(&str, u64)>, &'static str> {
        if self.another_holds(hold, lock.from) {
            return Ok(None);
        }
        let regarding = |disturbances, unknown| Regarding { disturbances, unknown };
        if self.overdue(lock, regarding(false, false)).is_none() {
            return Ok(None);
        }
        if !self.evidence.departures.clocks_kept(hold.acquire_called.at_ns, lock.until) {
            return Err("clocks were further off than the lock assumes");
        }
        match self.overdue(lock, regarding(true, true)) {
            Some(overdue) => Ok(Some(overdue)),
            None if self.overdue(lock, regarding(true, false)).is_some() => {
                Err("an acquire was disturbed or failed, and may have got the lock")
            }
            None => Err("those who waited, or the server, were disturbed"),
        }
    }

    /// The calls of the owner that may have renewed this hold's lock, and when the lock was
    /// surely free, or another's: the release was confirmed, the story begins anew with another
    /// acquire, or somebody else has entered.
    fn own_calls(&self, hold: &Hold) -> (Vec<&Call>, u64) {
        let calls = &self.evidence.calls;
        let acquire = calls.of_client(&hold.client, hold.acquire_called);
        let acquire = acquire.take_while(|call| call.called < hold.entered);
        let said_over = hold.said_over(calls).map(|call| (call.called, call.over().at_ns));
        let own = hold.own_calls(calls);
        let own = own.take_while(|call| said_over.is_none_or(|(last, _)| call.called <= last));
        let own: Vec<&Call> = acquire.chain(own).collect();
        let anew = calls.of_client(&hold.client, hold.inside().until);
        let anew = anew.filter(|call| call.is_acquire() && !hold.died_before(call.called));
        let freed = said_over.map(|(_, over)| over);
        let freed = freed.or_else(|| anew.map(|call| call.called.at_ns).next());
        let others = self.evidence.holds.iter().filter(|other| other.client != hold.client);
        let next = others.map(|other| other.entered).find(|entered| *entered > hold.entered);
        let next = next.map_or(u64::MAX, |entered| entered.at_ns);
        (own, freed.unwrap_or(u64::MAX).min(next))
    }

    /// Whether a release of its owner may have been done before `at`.
    fn perhaps_released(&self, hold: &Hold, own: &[&Call], at: u64) -> bool {
        let contact = self.evidence.contact(&hold.client);
        let mut releases = own.iter().filter(|call| call.operation == Operation::Release);
        releases.any(|call| contact.earliest_effect(call.called).at_ns < at)
    }

    /// Whether it may have been got so long before it was entered that it had been broken by then.
    fn perhaps_broken(&self, hold: &Hold) -> bool {
        let obtained = self.evidence.contact(&hold.client).earliest_effect(hold.acquire_called);
        let over = obtained.at_ns.saturating_add(self.evidence.rates.at_least(self.lifetime_ns));
        over <= hold.entered.at_ns
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
        let (entered, bounds) = (hold.entered.at_ns, &self.evidence.bounds);
        let contact = self.evidence.contact(&hold.client);
        if self.renewed == Renewed::Itself {
            // It is renewed whenever it can be.
            let arrives = outside(contact.silent(), entered, freed);
            return outside(&arrives, entered, freed);
        }
        let in_flight = own.iter().flat_map(|call| {
            let from = call.called.at_ns;
            let until = contact.latest_effect(call, bounds).at_ns;
            // A call that takes no time at all still renews.
            outside(contact.silent(), from, until.max(from.saturating_add(1)))
        });
        outside(&merged(in_flight.collect()), entered, freed)
    }

    /// The client that waited in vain and the deadline that passed, if one did before the lock was
    /// touched again or somebody entered.
    fn overdue(&self, lock: Abandoned, regarding: Regarding) -> Option<(&str, u64)> {
        let mut first: Option<(&str, u64)> = None;
        for (client, asked) in &self.asking {
            let well = match regarding.disturbances {
                true => self.evidence.contact(client).well(0, lock.until),
                false => vec![(0, lock.until)],
            };
            for &(well_from, well_until) in &well {
                let lock = Abandoned { from: lock.from.max(well_from), ..lock };
                for &(asked_from, asked_until) in asked.iter().filter(|(_, u)| *u > lock.from) {
                    let due = self.due(lock, asked_from, regarding.unknown);
                    // Strictly before: who enters at the very deadline is in time.
                    let able = due <= asked_until.min(well_until) && due < lock.until;
                    if able && first.is_none_or(|(_, earliest)| due < earliest) {
                        first = Some((client, due));
                    }
                }
            }
        }
        first
    }

    /// When one that has asked since `asked_from` must have seen somebody enter.
    fn due(&self, lock: Abandoned, asked_from: u64, regarding_unknown: bool) -> u64 {
        let bounds = &self.evidence.bounds;
        let within = self.evidence.rates.at_most(self.bound.within.0);
        let within = within.saturating_add(bounds.slowness_ns);
        let within = within.saturating_add(bounds.host_lateness_ns);
        let due_after = |from: u64| {
            let breakable = match self.bound.watched {
                true => from.max(asked_from).saturating_add(lock.age_ns),
                false => from.saturating_add(lock.age_ns).max(asked_from),
            };
            let broken = breakable.saturating_add(within);
            match lock.perhaps_free {
                true => broken.max(from.max(asked_from).saturating_add(self.had_within_ns)),
                false => broken,
            }
        };
        let mut due = due_after(lock.from);
        if regarding_unknown {
            for &(from, until) in &self.unknown {
                if from <= due && until >= lock.from {
                    due = due.max(due_after(until));
                }
            }
        }
        due
    }

    /// Somebody else is inside with a claim: then it is not this lock that is waited for.
    fn another_holds(&self, hold: &Hold, at_ns: u64) -> bool {
        let moment = Moment::at(at_ns).max(hold.entered);
        let others = self.evidence.calls.clients().filter(|client| *client != hold.client);
        let mut holds = others.filter_map(|client| self.evidence.hold_at(client, moment));
        holds.any(|other| other.claim.possibly_until > moment)
    }

    /// How much younger than it is the lock may look by clocks that are set differently.
    fn clock_allowance(&self, from_ns: u64, until_ns: u64) -> u64 {
        match self.evidence.plan.profile.assumes.clock_skew {
            Some(_) => self.evidence.clocks.largest_skew(from_ns, until_ns),
            None => 0,
        }
    }

    fn finding(&self, hold: &Hold, from: u64, asker: &str, deadline: u64) -> Finding {
        let explanation = format!(
            "{} could not renew its lock after {} and did not release it; {asker} kept asking, \
             and nobody had entered by {}, {} later.",
            hold.client,
            seconds(from),
            seconds(deadline),
            span(deadline - from),
        );
        let invariant = Invariant::BreakAfterLifetime;
        self.evidence.finding(invariant, deadline, explanation, &[hold])
    }
}

/// Whether the owner acquired its lock a second time, or may have: how often it must be released to
/// be free is then not known.
fn asked_once_more(hold: &Hold, own: &[&Call]) -> bool {
    let mut again = own.iter().filter(|call| call.is_acquire() && call.called > hold.entered);
    again.any(|call| call.is_ok() || call.is_indeterminate())
}
