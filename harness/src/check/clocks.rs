//! The nodes' wall clocks: where each stood, and how fast it ran.

use crate::history::{Event, EventKind};
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
            if let EventKind::ClockSet { node, offset_ns, drift_ppm } = &event.kind {
                sets.entry(node.clone()).or_default().push(Set {
                    at_ns: event.at_ns,
                    offset_ns: *offset_ns,
                    drift_ppm: *drift_ppm,
                });
            }
        }
        Clocks { sets, nodes: plan.blueprint.nodes.len() }
    }

    /// The largest difference between what any clock showed at any time from `from_ns` to
    /// `until_ns`, and any other at any other: a time stamp that is written by one may be read by
    /// another much later. What true time has passed is left out.
    ///
    /// Between two settings every offset is a straight line, so that the largest and the least are
    /// at an end of the window or at a setting: just before it, or just after.
    pub fn largest_skew(&self, from_ns: u64, until_ns: u64) -> u64 {
        spread(self.offsets_within(from_ns, until_ns))
    }

    /// The largest offset from `from_ns` to `until_ns`, the least, and some between.
    fn offsets_within(&self, from_ns: u64, until_ns: u64) -> impl Iterator<Item = i128> {
        let within = move |at: &u64| from_ns < *at && *at <= until_ns;
        let times = self.settings().filter(within).flat_map(|at| [(at, false), (at, true)]);
        let times = times.chain([(from_ns, true), (until_ns.max(from_ns), false)]);
        times.flat_map(move |(at, including)| self.offsets(at, including))
    }

    fn settings(&self) -> impl Iterator<Item = u64> {
        self.sets.values().flatten().map(|set| set.at_ns)
    }

    /// Where the clocks stand at a time: with the settings of that very time, or without.
    fn offsets(&self, at_ns: u64, including: bool) -> impl Iterator<Item = i128> {
        let offsets = self.sets.values().map(move |sets| {
            let in_force = sets.iter().rev().find(|set| match including {
                true => set.at_ns <= at_ns,
                false => set.at_ns < at_ns,
            });
            in_force.map_or(0, |set| set.offset_at(at_ns))
        });
        // Nodes that were never set stand at 0.
        offsets.chain((self.sets.len() < self.nodes).then_some(0))
    }

    /// When two clocks were further apart than `most_ns`, until `end_ns`.
    pub fn apart(&self, most_ns: u64, end_ns: u64) -> Vec<(u64, u64)> {
        self.apart_from(&[], (0, end_ns), most_ns)
    }

    /// When, from `from_ns` to `until_ns`, a clock was further than `most_ns` from another, or from
    /// what any had shown when something was written: at any time in `written`.
    pub fn apart_from(
        &self,
        written: &[(u64, u64)],
        (from_ns, until_ns): (u64, u64),
        most_ns: u64,
    ) -> Vec<(u64, u64)> {
        let stamps = written.iter().flat_map(|(from, until)| self.offsets_within(*from, *until));
        let stamps = ends(stamps);
        let apart = |at_ns: u64, including| {
            let offsets = self.offsets(at_ns, including);
            let stamps = stamps.into_iter().flat_map(|(least, most)| [least, most]);
            spread(offsets.chain(stamps)) > most_ns
        };
        let within = from_ns..until_ns;
        let mut times: Vec<u64> = self.settings().filter(|at| within.contains(at)).collect();
        times.extend([from_ns, until_ns]);
        times.sort_unstable();
        times.dedup();
        let mut out = Vec::new();
        for between in times.windows(2) {
            let (from, until) = (between[0], between[1]);
            match (apart(from, true), apart(until, false)) {
                // The difference of two straight lines has no hill: it may have had a valley.
                (true, _) => out.push((from, until)),
                (false, true) => out.push((first(from, until, |at| apart(at, true)), until)),
                (false, false) => {}
            }
        }
        super::spans::merged(out)
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

/// The difference between the largest and the least.
fn spread(offsets: impl Iterator<Item = i128>) -> u64 {
    let (least, most) = ends(offsets).unwrap_or((0, 0));
    u64::try_from(most - least).unwrap_or(u64::MAX)
}

/// The least and the largest.
fn ends(offsets: impl Iterator<Item = i128>) -> Option<(i128, i128)> {
    offsets.fold(None, |ends, offset| {
        let (least, most) = ends.unwrap_or((offset, offset));
        Some((offset.min(least), offset.max(most)))
    })
}

/// When what does not hold at `before_ns`, and does at `after_ns`, has begun to hold: just before.
fn first(mut before_ns: u64, mut after_ns: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while after_ns.saturating_sub(before_ns) > 1 {
        let middle = before_ns + (after_ns - before_ns) / 2;
        match holds(middle) {
            true => after_ns = middle,
            false => before_ns = middle,
        }
    }
    before_ns
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
