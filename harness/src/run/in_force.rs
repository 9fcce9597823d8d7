//! What the faults in force add up to, node by node: who is kept off, and how wrong each clock is.
//! (The wire adds up its rules itself.)

use crate::fault::FaultId;
use crate::site::NodeId;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub struct InForce {
    /// The faults that keep a node off.
    off: BTreeMap<NodeId, BTreeSet<FaultId>>,
    /// The faults that are at a node's wall clock.
    clocks: BTreeMap<NodeId, BTreeMap<FaultId, Wrong>>,
    /// The faults that keep a node from running.
    pauses: BTreeMap<NodeId, BTreeSet<FaultId>>,
    /// How far off the clocks are that are wrong by themselves (ns).
    wrong: BTreeMap<NodeId, i64>,
    /// By how much the clock of a node is slow that has stood still, and was not set since (ns).
    behind: BTreeMap<NodeId, u64>,
}

/// What one fault does to a wall clock.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    step_ns: i64,
    drift_ppm: i64,
    since_ns: u64,
}

/// How wrong a node's wall clock is meant to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    pub offset_ns: i64,
    pub drift_ppm: i64,
}

impl InForce {
    /// Of a site whose clocks are off by so much, whatever the faults do (ns).
    pub fn of(wrong: impl Iterator<Item = (NodeId, i64)>) -> InForce {
        InForce { wrong: wrong.collect(), ..InForce::default() }
    }

    /// A fault keeps a node off.
    pub fn keep_off(&mut self, node: NodeId, fault: FaultId) {
        self.off.entry(node).or_default().insert(fault);
    }

    /// A fault does not keep the node off any more. Answers those that still do: none, and it is
    /// to be switched on.
    pub fn let_on(&mut self, node: NodeId, fault: FaultId) -> Vec<FaultId> {
        let keepers = self.off.entry(node).or_default();
        keepers.remove(&fault);
        keepers.iter().copied().collect()
    }

    /// A fault keeps a node from running.
    pub fn pause(&mut self, node: NodeId, fault: FaultId) {
        self.pauses.entry(node).or_default().insert(fault);
    }

    /// A fault does not keep the node from running any more. Whether none does.
    pub fn let_run(&mut self, node: NodeId, fault: FaultId) -> bool {
        let pausers = self.pauses.entry(node).or_default();
        pausers.remove(&fault);
        pausers.is_empty()
    }

    /// The faults that keep a node from running.
    pub fn pausing(&self, node: NodeId) -> Vec<FaultId> {
        self.pauses.get(&node).into_iter().flatten().copied().collect()
    }

    /// The clock of a node has stood still for so long, and is not set right.
    pub fn fall_behind(&mut self, node: NodeId, stood_ns: u64) {
        *self.behind.entry(node).or_default() += stood_ns;
    }

    /// The clock of a node is not slow any more: it has lost its power, or its clock is set.
    /// Whether it was.
    pub fn catch_up(&mut self, node: NodeId) -> bool {
        self.behind.remove(&node).is_some()
    }

    /// A fault steps a node's clock and lets it drift from `now` on.
    pub fn set_wrong(
        &mut self,
        node: NodeId,
        fault: FaultId,
        step_ns: i64,
        drift_ppm: i64,
        now: u64,
    ) {
        let wrong = Wrong { step_ns, drift_ppm, since_ns: now };
        self.clocks.entry(node).or_default().insert(fault, wrong);
    }

    /// A fault leaves a node's clock alone again.
    pub fn set_right(&mut self, node: NodeId, fault: FaultId) {
        self.clocks.entry(node).or_default().remove(&fault);
    }

    /// The faults that are at a node's clock.
    pub fn at_clock(&self, node: NodeId) -> Vec<FaultId> {
        self.clocks.get(&node).into_iter().flatten().map(|(fault, _)| *fault).collect()
    }

    /// What all of them make of the node's clock at `now`, beside what it is off by itself.
    pub fn clock(&self, node: NodeId, now: u64) -> Setting {
        let all = self.clocks.get(&node).into_iter().flat_map(BTreeMap::values);
        let behind = self.behind.get(&node).copied().unwrap_or(0);
        let by_itself = self.wrong.get(&node).copied().unwrap_or(0);
        let (mut offset, mut drift_ppm) = (i128::from(by_itself) - i128::from(behind), 0);
        for wrong in all {
            let since = i128::from(now.saturating_sub(wrong.since_ns));
            offset += i128::from(wrong.step_ns) + since * i128::from(wrong.drift_ppm) / 1_000_000;
            drift_ppm += wrong.drift_ppm;
        }
        let offset_ns = offset.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Setting { offset_ns, drift_ppm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NODE: NodeId = NodeId::at(1);

    #[test]
    fn a_node_is_off_while_anyone_keeps_it_off() {
        let mut force = InForce::default();
        let [one, two] = [FaultId::at(1), FaultId::at(2)];
        force.keep_off(NODE, one);
        force.keep_off(NODE, two);
        assert_eq!(force.let_on(NODE, one), [two]);
        assert_eq!(force.let_on(NODE, two), []);
    }

    #[test]
    fn what_a_clock_has_drifted_goes_with_the_fault_that_made_it_drift() {
        let mut force = InForce::default();
        force.set_wrong(NODE, FaultId::at(1), 8_000, 0, 0);
        force.set_wrong(NODE, FaultId::at(2), -500, 1_000, 1_000_000);
        let setting = Setting { offset_ns: 8_500, drift_ppm: 1_000 };
        assert_eq!(force.clock(NODE, 2_000_000), setting);
        force.set_right(NODE, FaultId::at(2));
        assert_eq!(force.clock(NODE, 2_000_000), Setting { offset_ns: 8_000, drift_ppm: 0 });
    }

    #[test]
    fn a_clock_that_stood_still_is_slow_until_it_is_set_and_what_else_is_wrong_with_it_adds_up() {
        let mut force = InForce::default();
        force.pause(NODE, FaultId::at(1));
        force.pause(NODE, FaultId::at(2));
        assert!(!force.let_run(NODE, FaultId::at(1)) && force.let_run(NODE, FaultId::at(2)));
        force.fall_behind(NODE, 5_000);
        force.set_wrong(NODE, FaultId::at(3), 8_000, 0, 0);
        assert_eq!(force.clock(NODE, 9).offset_ns, 3_000);
        assert!(force.catch_up(NODE) && !force.catch_up(NODE));
        assert_eq!(force.clock(NODE, 9).offset_ns, 8_000);
    }

    #[test]
    fn a_clock_that_is_off_by_itself_stays_so_whatever_faults_come_and_go() {
        let mut force = InForce::of([(NODE, 7_000)].into_iter());
        force.set_wrong(NODE, FaultId::at(1), -500, 0, 0);
        assert_eq!(force.clock(NODE, 9).offset_ns, 6_500);
        force.set_right(NODE, FaultId::at(1));
        assert_eq!(force.clock(NODE, 9).offset_ns, 7_000);
        assert_eq!(force.clock(NodeId::at(2), 9).offset_ns, 0);
    }

    proptest! {
        #[test]
        fn after_all_are_lifted_in_any_order_every_clock_is_right_and_every_node_is_let_on(
            faults in prop::collection::vec(
                (any::<bool>(), -9_000i64..9_000, -100i64..100, 0u64..9_000_000), 1..8),
            order in any::<prop::sample::Index>(),
        ) {
            let mut force = InForce::default();
            for (index, (power, step, drift, at)) in faults.iter().enumerate() {
                match power {
                    true => force.keep_off(NODE, FaultId::at(index)),
                    false => force.set_wrong(NODE, FaultId::at(index), *step, *drift, *at),
                }
            }
            let all = faults.iter().filter(|(power, ..)| !power);
            let rate: i64 = all.clone().map(|(_, _, drift, _)| drift).sum();
            prop_assert_eq!(force.clock(NODE, 10_000_000).drift_ppm, rate);
            let mut ids: Vec<usize> = (0..faults.len()).collect();
            ids.rotate_left(order.index(faults.len()));
            let mut off = Vec::new();
            for id in ids {
                off = force.let_on(NODE, FaultId::at(id));
                force.set_right(NODE, FaultId::at(id));
            }
            prop_assert_eq!(off, []);
            prop_assert_eq!(force.clock(NODE, 10_000_000), Setting::default());
            prop_assert_eq!(force.at_clock(NODE), []);
        }
    }
}
