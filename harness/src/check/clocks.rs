//! The nodes' wall clocks: where each stood, and how fast it ran.

use crate::history::{Event, What};
use crate::plan::Plan;
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

/// A clock that did not run at the true rate for a while.
#[derive(Clone, Copy, Debug)]
pub struct Drift<'a> {
    pub node: &'a str,
    pub from_ns: u64,
    /// `u64::MAX`: it was never set right.
    pub until_ns: u64,
    pub ppm: i64,
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
        let settings = self.settings().filter(|at| (from_ns..=until_ns).contains(at));
        let times = settings.chain([from_ns, until_ns.max(from_ns)]);
        let skews = times.flat_map(|at| [self.skew(at, false), self.skew(at, true)]);
        skews.max().unwrap_or(0)
    }

    fn settings(&self) -> impl Iterator<Item = u64> {
        self.sets.values().flatten().map(|set| set.at_ns)
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

    /// When two clocks were further apart than `most_ns`, until `end_ns`.
    pub fn apart(&self, most_ns: u64, end_ns: u64) -> Vec<(u64, u64)> {
        let mut times: Vec<u64> = self.settings().filter(|at| *at < end_ns).collect();
        times.extend([0, end_ns]);
        times.sort_unstable();
        times.dedup();
        let mut out = Vec::new();
        for between in times.windows(2) {
            let (from, until) = (between[0], between[1]);
            let apart = |at_ns: u64, including| self.skew(at_ns, including) > most_ns;
            match (apart(from, true), apart(until, false)) {
                // The difference of two straight lines has no hill: it may have had a valley.
                (true, _) => out.push((from, until)),
                (false, true) => out.push((self.first_apart(from, until, most_ns), until)),
                (false, false) => {}
            }
        }
        super::spans::merged(out)
    }

    /// When clocks that were near enough at `near_ns` and are not at `apart_ns` parted.
    fn first_apart(&self, mut near_ns: u64, mut apart_ns: u64, most_ns: u64) -> u64 {
        while apart_ns - near_ns > 1 {
            let middle = near_ns + (apart_ns - near_ns) / 2;
            match self.skew(middle, true) > most_ns {
                true => apart_ns = middle,
                false => near_ns = middle,
            }
        }
        near_ns
    }

    /// Every time in which a clock ran fast or slow.
    pub fn drifts(&self) -> impl Iterator<Item = Drift<'_>> {
        self.sets.iter().flat_map(|(node, sets)| {
            let ends = sets.iter().skip(1).map(|set| set.at_ns).chain([u64::MAX]);
            let drifting = sets.iter().zip(ends).filter(|(set, _)| set.drift_ppm != 0);
            drifting.map(|(set, until_ns)| Drift {
                node,
                from_ns: set.at_ns,
                until_ns,
                ppm: set.drift_ppm,
            })
        })
    }
}

/// How far from true, in parts per million, the clocks ran that a lifetime is measured by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    fast_ppm: u64,
    slow_ppm: u64,
}

const MILLION: u64 = 1_000_000;

impl Rates {
    /// The rates of a run, as far as a lock must put up with them: up to `most_ppm`.
    pub fn of(clocks: &Clocks, most_ppm: u64) -> Rates {
        let drifts = || clocks.drifts().map(|drift| drift.ppm);
        let most = |fastest: Option<i64>| fastest.unwrap_or(0).unsigned_abs().min(most_ppm);
        Rates {
            fast_ppm: most(drifts().filter(|ppm| *ppm > 0).max()),
            // A clock that stands still shows no time at all.
            slow_ppm: most(drifts().filter(|ppm| *ppm < 0).min()).min(MILLION - 1),
        }
    }

    /// The least true time in which a clock can show that `ns` have passed.
    pub fn at_least(&self, ns: u64) -> u64 {
        scaled(ns, MILLION.saturating_add(self.fast_ppm))
    }

    /// The most true time in which a clock shows that `ns` have passed.
    pub fn at_most(&self, ns: u64) -> u64 {
        scaled(ns, MILLION - self.slow_ppm)
    }
}

/// `ns` by a clock that shows `shown_ppm` for each million that pass.
fn scaled(ns: u64, shown_ppm: u64) -> u64 {
    let true_ns = u128::from(ns) * u128::from(MILLION) / u128::from(shown_ppm.max(1));
    u64::try_from(true_ns).unwrap_or(u64::MAX)
}
