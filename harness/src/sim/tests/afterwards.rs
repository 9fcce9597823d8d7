//! After all faults are lifted, in whatever order they were laid and lifted, the site is as it was.

use super::super::{Aftermath, Defect, Kind, Lock};
use super::{ANY, Judged, each};
use crate::fault::FaultId;
use crate::history::{Event, EventKind};
use crate::scenario::random::{self, Bounds};
use std::collections::BTreeMap;

const LOCK: Lock = Lock { kind: Kind::Watching, defect: Defect::None };

#[test]
fn every_node_has_power_and_a_right_clock_and_no_rule_is_left() {
    // Many faults at few nodes: most meet others of their kind.
    let bounds = Bounds { clients: 2..=2, faults: 4..=8, scripts: 0.0, ..ANY };
    let left = each(0..400, |seed| {
        let scenario = random::scenario(seed, &LOCK.profile(), &bounds);
        let run = Judged::of(&scenario, seed, LOCK);
        let clocks = match ended_at_once(&run.history) {
            // Nobody had the time to set them.
            true => run.aftermath.clocks.clone(),
            false => {
                let nodes = &run.plan.blueprint.nodes;
                nodes.iter().map(|node| Some(node.settings.clock.0)).collect()
            }
        };
        let right = Aftermath { clocks, rules: 0 };
        (run.aftermath != right).then(|| format!("{:?}\n{}", run.aftermath, run.told()))
    });
    if let Some(first) = left.iter().flatten().next() {
        panic!("{} of {} were left so:\n{first}", left.iter().flatten().count(), left.len());
    }
}

/// Whether the run was over at the very instant at which the last fault ended.
fn ended_at_once(history: &[Event]) -> bool {
    let last = |is: fn(&EventKind) -> bool| {
        history.iter().rev().find(|event| is(&event.kind)).map(|event| event.at_ns)
    };
    let ended = last(|kind| matches!(kind, EventKind::FaultEnded { .. }));
    ended.is_some() && ended == last(|kind| matches!(kind, EventKind::WorkloadEnded { .. }))
}

/// What the history says of each clock is what the faults in force at the time come to.
#[test]
fn every_fault_that_struck_is_told_to_have_ended_or_missed_and_each_once() {
    each(0..200, |seed| {
        let run = Judged::random(seed, LOCK);
        let mut open: BTreeMap<FaultId, u32> = BTreeMap::new();
        for event in &run.history {
            match &event.kind {
                EventKind::FaultStruck { fault, .. } => *open.entry(*fault).or_default() += 1,
                EventKind::FaultEnded { fault, .. } => *open.entry(*fault).or_default() += 10,
                EventKind::FaultMissed { fault, .. } => *open.entry(*fault).or_default() += 100,
                _ => {}
            }
        }
        let fine = open.values().all(|told| [11, 101, 100].contains(told));
        assert!(fine, "{open:?}\n{}", run.told());
    });
}
