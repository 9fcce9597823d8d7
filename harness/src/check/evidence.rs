//! What all checkers start from, derived once from plan and history.

use super::assumptions::{self, Clocks};
use super::calls::{self, Call};
use super::faults;
use super::holds::{self, Hold};
use super::outages::Outages;
use super::spans::Moment;
use crate::history::Event;
use crate::plan::Plan;
use crate::site::clock::Clock;
use crate::units::SECOND;
use lockstorm_reports::{FaultReport, Finding, Invariant};

/// A run, as the checkers see it.
pub struct Evidence<'a> {
    pub plan: &'a Plan,
    pub history: &'a [Event],
    /// In the order in which they were made.
    pub calls: Vec<Call>,
    /// In the order in which they were entered.
    pub holds: Vec<Hold>,
    pub faults: Vec<FaultReport>,
    pub outages: Outages,
    pub clocks: Clocks,
    /// The lock's lifetime, if it has one.
    pub lifetime_ns: Option<u64>,
    /// The time of the last event.
    pub end_ns: u64,
    /// What a history cannot say of a real run; one of them, and nothing in it is evidence.
    pub contradictions: Vec<String>,
}

/// What nodes that share the host's cores may be late by, on top of what a lock promises (ns).
const HOST_LATENESS_NS: u64 = 30 * SECOND;

impl<'a> Evidence<'a> {
    /// How late whatever is due may be, since the nodes had to wait for the host: on the real clock
    /// a busy host must not make a lock look slow.
    pub fn lateness_ns(&self) -> u64 {
        match self.plan.blueprint.clock {
            Clock::Virtual => 0,
            Clock::Real => HOST_LATENESS_NS,
        }
    }

    /// Derives the evidence.
    pub fn of(plan: &'a Plan, history: &'a [Event]) -> Evidence<'a> {
        let mut contradictions = Vec::new();
        for (index, pair) in history.windows(2).enumerate() {
            if pair[1].at_ns < pair[0].at_ns {
                contradictions.push(format!("line {}: time runs backward", index + 2));
            }
        }
        let faults = faults::faults(history);
        let grace_ns = u64::from(plan.blueprint.server.grace_s) * SECOND;
        let outages = Outages::of(history, &faults, grace_ns);
        Evidence {
            calls: calls::calls(history, &mut contradictions),
            holds: holds::holds(plan, history, &outages, &mut contradictions),
            outages,
            clocks: Clocks::of(plan, history),
            lifetime_ns: holds::lifetime(plan),
            end_ns: history.iter().map(|event| event.at_ns).max().unwrap_or(0),
            plan,
            history,
            faults,
            contradictions,
        }
    }

    /// A finding about some holds that showed at `at_ns`; class and faults follow from its
    /// story, which begins with the first holder's call of acquire.
    pub fn finding(
        &self,
        invariant: Invariant,
        at_ns: u64,
        explanation: String,
        holds: &[&Hold],
    ) -> Finding {
        let began = holds.iter().map(|hold| hold.acquire_called_ns).min();
        let began = began.unwrap_or(at_ns).min(at_ns);
        let mut clients: Vec<&str> = holds.iter().map(|hold| hold.client.as_str()).collect();
        let mut since = began;
        if invariant == Invariant::NoLostUpdate {
            // The file does not say who overwrote it: whoever came back late, from whenever.
            (clients, since) = (Vec::new(), 0);
        }
        Finding {
            invariant,
            class: assumptions::class(self, &clients, since, at_ns),
            at_ns,
            explanation,
            holds: holds.iter().map(|hold| hold.report()).collect(),
            faults: faults::in_force(&self.faults, began, at_ns),
            story: Vec::new(),
        }
    }

    /// The hold that `client` is in at a moment.
    pub fn hold_at(&self, client: &str, moment: Moment) -> Option<&Hold> {
        let entered = self.holds.partition_point(|hold| hold.entered <= moment);
        let mine = self.holds[..entered].iter().rev();
        let hold = mine.into_iter().find(|hold| hold.client == client)?;
        hold.inside().contains(moment).then_some(hold)
    }
}
