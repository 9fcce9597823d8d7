//! Whether a run stayed within what the lock assumes.

use super::Evidence;
use crate::history::{Event, What};
use crate::plan::Plan;
use crate::site::clock::Clock;
use crate::units::SECOND;
use lockstorm_reports::Class;
use std::collections::BTreeMap;

/// The wall clocks of the nodes, each as it was set over time.
#[derive(Debug, Default)]
pub struct Clocks {
    /// By node, in order of time. A node that was never set stands on the harness's clock.
    sets: BTreeMap<String, Vec<Set>>,
    nodes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Set {
    at_ns: u64,
    offset_ns: i64,
    drift_ppm: i64,
}

impl Set {
    /// The offset at a later time.
    fn offset_at(&self, at_ns: u64) -> i128 {
        let since = i128::from(at_ns.saturating_sub(self.at_ns));
        i128::from(self.offset_ns) + since * i128::from(self.drift_ppm) / 1_000_000
    }
}

impl Clocks {
    /// Reads the clocks of the plan's nodes from the history.
    pub fn of(plan: &Plan, history: &[Event]) -> Clocks {
        let mut sets: BTreeMap<String, Vec<Set>> = BTreeMap::new();
        for event in history {
            if let What::ClockSet { node, offset_ns, drift_ppm } = &event.what {
                sets.entry(node.clone()).or_default().push(Set {
                    at_ns: event.at_ns,
                    offset_ns: *offset_ns,
                    drift_ppm: *drift_ppm,
                });
            }
        }
        Clocks { sets, nodes: plan.blueprint.nodes.len() }
    }

    /// The largest skew between any two clocks at any time from `from_ns` to `until_ns`.
    ///
    /// Between two settings every offset is a straight line, so that the largest difference is
    /// at an end of the window or at a setting: just before it, or just after.
    pub fn largest_skew(&self, from_ns: u64, until_ns: u64) -> u64 {
        let settings = self.sets.values().flatten().map(|set| set.at_ns);
        let settings = settings.filter(|at| (from_ns..=until_ns).contains(at));
        let times = settings.chain([from_ns, until_ns.max(from_ns)]);
        let skews = times.flat_map(|at| [self.skew(at, false), self.skew(at, true)]);
        skews.max().unwrap_or(0)
    }

    /// The skew at a time: with the settings of that very time, or without.
    fn skew(&self, at_ns: u64, including: bool) -> u64 {
        let offsets = self.sets.values().map(|sets| {
            let in_force = sets.iter().rev().find(|set| match including {
                true => set.at_ns <= at_ns,
                false => set.at_ns < at_ns,
            });
            in_force.map_or(0, |set| set.offset_at(at_ns))
        });
        // Nodes that were never set stand at 0.
        let unset = (self.sets.len() < self.nodes).then_some(0);
        let (least, most) = offsets.chain(unset).fold((None, None), |(least, most), o| {
            (Some(least.map_or(o, |l: i128| l.min(o))), Some(most.map_or(o, |m: i128| m.max(o))))
        });
        let skew = most.unwrap_or(0) - least.unwrap_or(0);
        u64::try_from(skew).unwrap_or(u64::MAX)
    }

    /// The fastest drift of any clock in the run, in parts per million.
    pub fn fastest_drift_ppm(&self) -> u64 {
        let drifts = self.sets.values().flatten();
        drifts.map(|set| set.drift_ppm.unsigned_abs()).max().unwrap_or(0)
    }
}

/// Whose fault a finding is about `clients` (about all, should there be none) whose story lasted
/// from `from_ns` (the call of the first holder's acquire) to `until_ns`.
pub fn class(evidence: &Evidence, clients: &[&str], from_ns: u64, until_ns: u64) -> Class {
    let assumes = &evidence.plan.profile.assumes;
    let version = &evidence.plan.blueprint.mount.version;
    let known_version = assumes.nfs.is_empty() || assumes.nfs.contains(version);
    if assumes.network
        && known_version
        && within_skew(evidence, from_ns, until_ns)
        && within_lease(evidence, clients, from_ns, until_ns)
    {
        Class::BrokenPromise
    } else {
        Class::BeyondAssumptions
    }
}

/// Whether the clients kept their leases, if the lock assumes that they do.
fn within_lease(evidence: &Evidence, clients: &[&str], from_ns: u64, until_ns: u64) -> bool {
    if evidence.plan.profile.assumes.lease.is_none() {
        return true;
    }
    let lease_ns = lease_ns(evidence);
    let nodes = evidence.plan.blueprint.nodes.iter().skip(1);
    let mut concerned = nodes
        .map(|node| node.name.as_str())
        .filter(|client| clients.is_empty() || clients.contains(client));
    !concerned.any(|client| evidence.outages.may_lose_lease(client, lease_ns, from_ns, until_ns))
}

/// How long a client's lease surely lasts without being renewed.
pub fn lease_ns(evidence: &Evidence) -> u64 {
    let blueprint = &evidence.plan.blueprint;
    match blueprint.clock {
        Clock::Virtual => u64::from(blueprint.server.lease_s) * SECOND,
        // A node that waits for a core renews nothing, and nobody sees it: after the least trouble
        // the lease may be gone.
        Clock::Real => 0,
    }
}

/// Whether the clocks were as near to each other as the lock assumes.
pub fn within_skew(evidence: &Evidence, from_ns: u64, until_ns: u64) -> bool {
    let Some(assumed) = evidence.plan.profile.assumes.clock_skew else {
        return true;
    };
    evidence.clocks.largest_skew(from_ns, until_ns) <= assumed.0
}
