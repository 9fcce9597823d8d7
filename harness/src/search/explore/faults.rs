//! Faults at random: what strikes, whom, and what brings it.

use super::draw::LASTS;
use super::near::Constants;
use crate::fault::hold::Hold;
use crate::fault::lose::Lose;
use crate::fault::refuse;
use crate::fault::trigger::ANY;
use crate::fault::{
    Asked, CALLER, Calls, Every, Exists, FaultSpec, NodeState, Other, Passes, Phase, Reaches,
    Section, Situation, Strike, Trigger,
};
use crate::rpc;
use crate::scenario::random::{Draw, OPERATIONS};
use crate::scenario::{Scenario, WorkloadSpec, validate};
use crate::units::{MILLISECOND, Nanos, SECOND};
use std::ops::RangeInclusive;

/// How many faults a scenario begins with.
pub const COUNTS: &[(u8, u32)] = &[(0, 1), (1, 4), (2, 4), (3, 2), (4, 1)];

/// What strikes.
pub const STRIKES: &[(&str, u32)] = &[
    ("cut", 3),
    ("crash", 4),
    ("clock", 2),
    ("impair", 2),
    ("partition", 2),
    ("pause", 3),
    ("reset", 2),
    ("disk", 1),
    ("nfsd", 2),
    ("kill", 3),
    ("stop", 2),
    ("slow", 1),
    ("errno", 3),
    ("lose", 4),
    ("hold", 4),
    ("refuse", 2),
];

/// What brings it.
pub const TRIGGERS: &[(&str, u32)] = &[
    ("at", 3),
    ("every", 1),
    ("entered", 3),
    ("left", 2),
    ("calls", 3),
    ("situation", 3),
    ("rpc", 6),
    ("state", 2),
    ("exists", 1),
    ("struck", 1),
    ("ended", 1),
];

/// The calls of a lock that a fault waits for.
const ASKED: &[(Asked, u32)] =
    &[(Asked::Acquire, 4), (Asked::Release, 4), (Asked::Refresh, 2), (Asked::IsHeld, 1)];

const STATES: &[(NodeState, u32)] = &[
    (NodeState::Mounted, 2),
    (NodeState::InGrace, 3),
    (NodeState::Reclaiming, 2),
    (NodeState::Delegated, 1),
    (NodeState::Recalled, 1),
    (NodeState::LeaseExpired, 2),
];

/// What a reply may have to say.
const STATUSES: &[(Option<&str>, u32)] = &[
    (None, 10),
    (Some("ok"), 4),
    (Some("NFS4ERR_EXIST"), 2),
    (Some("NFS4ERR_NOENT"), 2),
    (Some("NFS4ERR_DENIED"), 1),
    (Some("NFS4ERR_GRACE"), 1),
    (Some("NFS4ERR_STALE_CLIENTID"), 1),
    (Some("NFS4ERR_BADSESSION"), 1),
];

/// Names of files that a fault waits for.
const PATHS: &[&str] = &["*", "*lock*"];

/// Who is inside or waits, of a situation.
const SITUATIONS: &[(&[&str], &[&str])] = &[
    (&[ANY], &[ANY]),
    (&[ANY], &[ANY, ANY]),
    (&[ANY, ANY], &[]),
    (&[], &[ANY]),
    (&[], &[ANY, ANY]),
];

/// The nth such event.
const NTH: RangeInclusive<u32> = 1..=60;
const AFTER: RangeInclusive<u64> = MILLISECOND..=60 * SECOND;
const GAP: RangeInclusive<u64> = 500 * MILLISECOND..=30 * SECOND;

/// So often it is tried to draw a fault that makes sense.
const TRIES: u32 = 20;

/// Whether a fault strikes a message.
fn needs_message(kind: &str) -> bool {
    crate::fault::OF_MESSAGES.contains(&kind)
}

impl Draw<'_> {
    /// A fault more, if one that makes sense is drawn soon.
    pub(super) fn add_fault(&mut self, scenario: &mut Scenario) -> bool {
        for _ in 0..TRIES {
            let index = scenario.faults.len();
            let fault = self.wide_fault(scenario, index);
            scenario.faults.push(fault);
            if validate::scenario(scenario).is_empty() {
                return true;
            }
            scenario.faults.pop();
        }
        false
    }

    /// Of any kind, with any trigger, at this place of the list.
    pub(super) fn wide_fault(&mut self, scenario: &Scenario, index: usize) -> FaultSpec {
        let kind = self.pick(STRIKES);
        let trigger = if needs_message(kind) { "rpc" } else { self.pick(TRIGGERS) };
        let when = self.trigger(trigger, scenario, index);
        self.fault_of(kind, when, scenario)
    }

    /// Of a kind, with a trigger that goes with it.
    pub(super) fn fault_of(&mut self, kind: &str, when: Trigger, scenario: &Scenario) -> FaultSpec {
        let constants = Constants::of(scenario, self.profile);
        let lasts = self.telling(&constants, &LASTS);
        if let (Trigger::Rpc(passes), true) = (&when, needs_message(kind)) {
            let (strike, passes) = self.strike_message(kind, passes.clone(), lasts);
            return FaultSpec {
                when: Trigger::Rpc(passes),
                strike,
                lasts: None,
                until: None,
                may_miss: true,
            };
        }
        let clients = scenario.site.clients;
        let node = match when.has_caller() && self.chance(0.5) {
            true => CALLER.to_owned(),
            false => self.node(clients),
        };
        let strike = self.strike(kind, node, clients);
        let lasts = self.chance(0.9).then_some(lasts);
        self.perhaps_until(FaultSpec { when, strike, lasts, until: None, may_miss: true })
    }

    /// It strikes the message that passes: at once, and a call rather than its reply where it is to
    /// be refused.
    fn strike_message(&mut self, kind: &str, passes: Passes, late: Nanos) -> (Strike, Passes) {
        let passes = Passes { after: Nanos::ZERO, ..passes };
        match kind {
            "refuse" => {
                let op = match refuse::OPERATIONS.contains(&passes.op.as_str()) {
                    true => passes.op,
                    false => (*self.one_of(refuse::OPERATIONS)).into(),
                };
                let strike = Strike::Refuse(self.refusal(&op));
                (strike, Passes { op, phase: Phase::Call, status: None, ..passes })
            }
            "hold" => (Strike::Hold(Hold { late }), passes),
            _ => (Strike::Lose(Lose {}), passes),
        }
    }

    /// Of a kind, for the fault at this place of the list.
    pub(super) fn trigger(&mut self, kind: &str, scenario: &Scenario, index: usize) -> Trigger {
        let clients = scenario.site.clients;
        let constants = Constants::of(scenario, self.profile);
        let after = match self.chance(0.6) {
            true => Nanos::ZERO,
            false => self.telling(&constants, &AFTER),
        };
        let client = self.chance(0.3).then(|| self.client(clients));
        let nth = self.nth();
        match kind {
            "every" => {
                let gap = self.telling_range(&constants, &GAP);
                Trigger::Every(Every { gap, from: after, times: Some(self.within(&(1..=10))) })
            }
            "entered" => Trigger::Entered(Section { count: nth, client, after }),
            "left" => Trigger::Left(Section { count: nth, client, after }),
            "calls" => {
                let op = self.pick(ASKED);
                Trigger::Calls(Calls { op, count: nth, client, after })
            }
            "situation" => {
                let (inside, waiting) = *self.one_of(SITUATIONS);
                let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
                Trigger::Situation(Situation {
                    inside: names(inside),
                    waiting: names(waiting),
                    after,
                })
            }
            "rpc" => Trigger::Rpc(self.passes(scenario, client, nth, after)),
            "state" => {
                let is = self.pick(STATES);
                let client = client.filter(|_| is != NodeState::InGrace);
                Trigger::State(Reaches { is, client, nth: nth.min(5), after })
            }
            "exists" => {
                let path = (*self.one_of(PATHS)).into();
                Trigger::Exists(Exists { path, nth, after })
            }
            "struck" | "ended" if !scenario.faults.is_empty() => {
                let fault = self.within(&(1..=scenario.faults.len() as u32));
                // Not of itself: of the one before, or of the next.
                let fault = if fault as usize == index + 1 { index as u32 } else { fault };
                let other = Other { fault, after };
                if kind == "struck" { Trigger::Struck(other) } else { Trigger::Ended(other) }
            }
            _ => self.at(scenario),
        }
    }

    /// At any time of the workload.
    fn at(&mut self, scenario: &Scenario) -> Trigger {
        let time = match &scenario.workload {
            WorkloadSpec::Cycles(cycles) => cycles.time.0,
            WorkloadSpec::Script(_) => 60 * SECOND,
        };
        let at = self.within(&(0..=time.saturating_sub(MILLISECOND)));
        Trigger::At(Nanos(at / MILLISECOND * MILLISECOND))
    }

    /// The first ones are as likely as all that follow.
    fn nth(&mut self) -> u32 {
        match self.within(&(0..=2_u8)) {
            0 => 1,
            1 => self.within(&(1..=6)),
            _ => self.within(&NTH),
        }
    }

    fn passes(
        &mut self,
        scenario: &Scenario,
        from: Option<String>,
        nth: u32,
        after: Nanos,
    ) -> Passes {
        let is_3 = scenario.site.nfs.version == "3";
        let any: Vec<&str> = match is_3 {
            true => rpc::operations_of_nfs3().collect(),
            false => rpc::operations_of_nfs4().collect(),
        };
        // Most are those by which locks are made; not all of them are of NFSv3.
        let usual: Vec<&str> = OPERATIONS.iter().copied().filter(|op| any.contains(op)).collect();
        let op = match self.chance(0.75) && !usual.is_empty() {
            true => *self.one_of(&usual),
            false => *self.one_of(&any),
        };
        let phase = *self.one_of(&[Phase::Call, Phase::Reply]);
        let status = match (phase, is_3) {
            (Phase::Call, _) => None,
            (Phase::Reply, true) => self.chance(0.2).then_some("ok"),
            (Phase::Reply, false) => self.pick(STATUSES),
        };
        let path = self.chance(0.15).then(|| "*lock*".to_owned());
        Passes { op: op.into(), phase, from, path, status: status.map(str::to_owned), nth, after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_of_fault_has_its_weight() {
        let weighted: BTreeSet<&str> = STRIKES.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(weighted, Strike::KINDS.iter().copied().collect());
    }
}
