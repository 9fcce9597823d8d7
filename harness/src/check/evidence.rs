//! What all checkers start from, derived once from plan and history.

use super::acts::Acts;
use super::assumptions::{Departures, Known};
use super::bounds::Bounds;
use super::calls::{self, Call, Calls};
use super::claims::{self, Inputs};
use super::clocks::{Clocks, Rates};
use super::contact::{Contact, Contacts};
use super::counts::{self, Count};
use super::faults::{self, Fault};
use super::holds::{self, Hold};
use super::names;
use super::recovery::Recovery;
use super::spans::Moment;
use crate::history::{Event, EventKind};
use crate::plan::Plan;
use lockstorm_reports::{Class, Finding, Invariant};

/// A run, as the checkers see it.
pub struct Evidence<'a> {
    pub plan: &'a Plan,
    pub history: &'a [Event],
    pub calls: Calls,
    /// In the order in which they were entered.
    pub holds: Vec<Hold>,
    pub counts: Vec<Count<'a>>,
    pub faults: Vec<Fault>,
    pub contacts: Contacts,
    pub clocks: Clocks,
    pub rates: Rates,
    pub bounds: Bounds,
    pub recovery: Recovery,
    pub acts: Acts,
    pub departures: Departures,
    /// The lock's lifetime, if it has one.
    pub lifetime_ns: Option<u64>,
    /// The time of the last event.
    pub end_ns: u64,
    /// What a history cannot say of a real run; one of them, and nothing in it is evidence.
    pub contradictions: Vec<String>,
}

impl<'a> Evidence<'a> {
    /// Derives the evidence.
    pub fn of(plan: &'a Plan, history: &'a [Event]) -> Evidence<'a> {
        let mut contradictions = Vec::new();
        for (index, pair) in history.windows(2).enumerate() {
            if pair[1].at_ns < pair[0].at_ns {
                contradictions.push(format!("line {}: time runs backward", index + 2));
            }
        }
        let end_ns = history.iter().map(|event| event.at_ns).max().unwrap_or(0);
        let faults = faults::faults(history);
        let stood = faults::paused(&faults, names::server(plan), end_ns);
        let server_stood_ns = stood.iter().map(|(from, until)| until - from).sum();
        let mut bounds = Bounds::of(plan);
        bounds.server_stood_ns = faults::slow_disk(&faults, plan).saturating_add(server_stood_ns);
        let recovery = Recovery::of(plan, &bounds);
        let contacts = Contacts::of(plan, history, &faults, (&bounds, &recovery));
        let clocks = Clocks::of(plan, history);
        let rates = Rates::of(&clocks, plan.profile.clock_rate().map_or(0, |rate| rate.0));
        let calls = calls::calls(history, &mut contradictions);
        let mut holds = holds::holds(history, &contacts, &mut contradictions);
        let inputs = Inputs::of(plan, (&bounds, &recovery), (&contacts, &clocks, rates), &calls);
        claims::derive(&mut holds, &inputs);
        let lifetime_ns = inputs.lifetime_ns;
        let counts = counts::counts(history, &bounds);
        let acts = Acts::of(&calls, &holds, &counts, (&contacts, &bounds));
        let departures = Departures::of(&Known {
            plan,
            calls: &calls,
            holds: &holds,
            acts: &acts,
            contacts: &contacts,
            clocks: &clocks,
            bounds: &bounds,
            lifetime_ns,
            unreliable: faults::unreliable(&faults, history, plan),
            renamed: faults::renamed(&faults).collect(),
            server_died: faults::server_died(history, plan).collect(),
            end_ns,
        });
        Evidence {
            plan,
            history,
            calls,
            holds,
            counts,
            faults,
            contacts,
            clocks,
            rates,
            bounds,
            recovery,
            acts,
            departures,
            lifetime_ns,
            end_ns,
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
        let began = holds.iter().map(|hold| hold.acquire_called.at_ns).min();
        self.finding_since(invariant, (began.unwrap_or(at_ns), at_ns), explanation, holds)
    }

    /// A finding whose story began at another time.
    pub fn finding_since(
        &self,
        invariant: Invariant,
        (began, at_ns): (u64, u64),
        explanation: String,
        holds: &[&Hold],
    ) -> Finding {
        let began = began.min(at_ns);
        let beyond = self.departures.of_finding(&self.acts, began, at_ns);
        Finding {
            invariant,
            class: match beyond.is_empty() {
                true => Class::BrokenPromise,
                false => Class::BeyondAssumptions,
            },
            at_ns,
            explanation,
            beyond,
            holds: holds.iter().map(|hold| hold.report()).collect(),
            faults: faults::in_force(&self.faults, began, at_ns),
            story: Vec::new(),
            situation: String::new(),
            wire: None,
        }
    }

    /// The hold that `client` is in at a moment.
    pub fn hold_at(&self, client: &str, moment: Moment) -> Option<&Hold> {
        let last = self.last_hold(client, moment.next())?;
        last.inside().contains(moment).then_some(last)
    }

    /// The last hold that `client` entered before a moment.
    pub fn last_hold(&self, client: &str, before: Moment) -> Option<&Hold> {
        let entered = self.holds.partition_point(|hold| hold.entered < before);
        self.holds[..entered].iter().rev().find(|hold| hold.client == client)
    }

    /// The first hold that was entered after a moment.
    pub fn next_entry(&self, after: Moment) -> Option<&Hold> {
        let first = self.holds.partition_point(|hold| hold.entered <= after);
        self.holds.get(first)
    }

    pub fn contact(&self, client: &str) -> &Contact {
        self.contacts.of_client(client)
    }

    /// Whether a call ended with nothing amiss: nobody disturbed it, and it did not fail.
    pub fn is_quiet(&self, call: &Call) -> bool {
        self.contact(&call.client).quiet(call.called.at_ns, call.over().at_ns)
    }

    /// When the server served for the first time.
    pub fn server_ready(&self) -> Option<u64> {
        let server = names::server(self.plan);
        let mut events = self.history.iter();
        let ready = events.find(|event| match &event.kind {
            EventKind::NodeReady { node, .. } => node == server,
            _ => false,
        });
        ready.map(|event| event.at_ns)
    }
}
