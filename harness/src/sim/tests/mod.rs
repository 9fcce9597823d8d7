//! What the simulated site is for: the run's code and the checkers meet random plans by the
//! thousand.
//!
//! `LOCKSTORM_SIM_RUNS=100000` makes more runs of perfect locks than the tests have time for, and
//! `LOCKSTORM_SIM_FROM=SEED` others.

mod afterwards;
mod defects;
mod explored;
mod intruder;
mod perfect;
mod seldom;
mod stories;

use super::{Aftermath, Lock, run};
use crate::history::Event;
use crate::plan::{Parts, Plan, expand};
use crate::scenario::random::{BOUNDS, Bounds};
use crate::scenario::{Scenario, random};
use crate::units::{MILLISECOND, SECOND};
use crate::verdict::{Circumstances, judge};
use lockstorm_reports::Report;
use std::ops::Range;

/// What its runs are drawn from. Of NFSv4.0, whose server has no sessions, the simulated one is no
/// model.
const ANY: Bounds = Bounds {
    clients: 2..=6,
    versions: &["4.1", "4.2"],
    time_s: 15..=45,
    hold: 100 * MILLISECOND..=15 * SECOND,
    think: 100 * MILLISECOND..=4 * SECOND,
    lifetime: SECOND..=15 * SECOND,
    scripts: 0.2,
    nearly: 0.2,
    ..BOUNDS
};

/// Owners that overstay, since the lock lives for a shorter time than they stay.
const OVERSTAYING: Bounds = Bounds {
    lifetime: SECOND..=5 * SECOND,
    hold: SECOND..=20 * SECOND,
    refreshed_within: 4,
    ..ANY
};

/// The same, and the clocks are all that is wrong.
const CLOCKS: Bounds = Bounds { nearly: 0.8, weights: &[("clock", 1)], newer: 0.0, ..OVERSTAYING };

/// Long outages and short leases, and hardly anything is out of reach for a short time alone.
const OUTAGES: Bounds = Bounds {
    lease_s: 10..=20,
    lasts: 5 * SECOND..=40 * SECOND,
    weights: &[("cut", 3), ("crash", 3), ("impair", 4)],
    ..ANY
};

/// Many short rounds.
const ROUNDS: Bounds = Bounds {
    clients: 2..=3,
    time_s: 20..=40,
    hold: 20 * MILLISECOND..=100 * MILLISECOND,
    think: 20 * MILLISECOND..=100 * MILLISECOND,
    scripts: 0.0,
    faults: 1..=3,
    lasts: 200 * MILLISECOND..=4 * SECOND,
    ..ANY
};

/// Hardly a fault, so that nobody is kept from clearing away what it leaves.
const CALM: Bounds = Bounds { faults: 0..=1, scripts: 0.0, ..ANY };

/// Clients that seldom ask, so that nobody holds for most of the time, nor has lately.
const SELDOM: Bounds = Bounds {
    clients: 2..=3,
    time_s: 400..=1200,
    think: 100 * SECOND..=400 * SECOND,
    hold: 100 * MILLISECOND..=2 * SECOND,
    scripts: 0.0,
    faults: 0..=2,
    newer: 0.2,
    ..ANY
};

/// Half of the faults wait for a call, or a reply.
const CALLS: Bounds = Bounds { calls: 0.5, nth: 1..=60, ..ANY };

/// What the runs of a seed are drawn from.
fn bounds(seed: u64) -> &'static Bounds {
    const ALL: [Bounds; 8] =
        [ANY, OVERSTAYING, OUTAGES, CLOCKS, CALLS, ROUNDS, OUTAGES, OVERSTAYING];
    &ALL[(seed % 8) as usize]
}

/// A run and what is thought of it.
struct Judged {
    plan: Plan,
    history: Vec<Event>,
    aftermath: Aftermath,
    report: Report,
}

impl Judged {
    fn of(scenario: &Scenario, seed: u64, lock: Lock) -> Judged {
        let profile = lock.profile();
        let parts = Parts { kernel_key: "", image_key: "", kernels: Default::default() };
        let plan = expand(scenario, seed, (&profile).into(), parts);
        let (finished, aftermath) = run(&plan, lock).unwrap();
        let history = finished.events;
        let report = judge(&plan, &history, Circumstances::default());
        Judged { plan, history, aftermath, report }
    }

    fn random(seed: u64, lock: Lock) -> Judged {
        Judged::within(bounds(seed), seed, lock)
    }

    fn within(bounds: &Bounds, seed: u64, lock: Lock) -> Judged {
        Judged::of(&random::scenario(seed, &lock.profile(), bounds), seed, lock)
    }

    /// All that a person needs to see what happened.
    fn told(&self) -> String {
        let scenario = serde_yaml::to_string(&self.plan.scenario).unwrap();
        let history = self.history.iter().map(|event| serde_json::to_string(event).unwrap());
        let history = history.collect::<Vec<_>>().join("\n");
        let report = lockstorm_reports::terminal::render(&self.report, Default::default());
        format!("seed {}\n{scenario}\n{history}\n{report}", self.plan.seed)
    }
}

/// Does something with each seed, on all cores; what came of it is in the order of the seeds.
fn each<T: Send>(seeds: Range<u64>, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = (seeds.end - seeds.start).div_ceil(cores as u64).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let shares = seeds.clone().step_by(share as usize).map(|from| {
            let part = from..(from + share).min(seeds.end);
            scope.spawn(move || part.map(work).collect::<Vec<T>>())
        });
        let shares: Vec<_> = shares.collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    })
}

/// A number that the environment may change.
fn number(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is {text}: no number")),
        Err(_) => usual,
    }
}
