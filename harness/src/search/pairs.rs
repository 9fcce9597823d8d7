//! Two faults: the second strikes where the run is another because of the first.
//!
//! A run with one fault comes to points that the run without faults does not have: somebody waits
//! who did not, something is answered otherwise. There, and nowhere else, is a second fault news.
//! At points that are as before it does what it did alone; of those that are left out for it, some
//! are tried all the same.

use super::points::Point;
use super::strikes::{COLUMNS, Column, Setting};
use super::sweep::{Role, Trial, makes_sense, outlast, run_name};
use crate::fault::{FaultSpec, Trigger};
use crate::lock::profile::Profile;
use crate::scenario::Scenario;
use crate::seeds;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Of those that are left out, one in so many is tried.
const PROOF: u32 = 200;

/// What a run with one fault came to after that had struck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// Of the run: its name.
    pub run: String,
    /// In the order of time.
    pub points: Vec<Point>,
}

/// The points of a run with one fault that come after its strike (ns).
pub fn after(run: &str, points: Vec<Point>, struck_ns: u64) -> After {
    let points = points.into_iter().filter(|point| point.at_ns > struck_ns).collect();
    After { run: run.to_owned(), points }
}

/// The trials of two faults, and the points that they are at: those of each run with one fault, in
/// the order of the runs.
pub fn pairs(
    firsts: &[(&Trial, &After)],
    calm: &[Point],
    profile: &Profile,
    (setting, columns): (Setting, &[usize]),
    seed: u64,
) -> (Vec<Point>, Vec<Trial>) {
    let mut rng = seeds::generator(seeds::derive(seed, "sweep/pairs"));
    let of_calm = |point| COLUMNS.iter().map(move |strike: &Column| strike.alike(point));
    let known: BTreeSet<&str> = calm.iter().flat_map(of_calm).collect();
    // The same surroundings after the same kind of fault are the same news.
    let mut seen: BTreeMap<(usize, &str, usize), usize> = BTreeMap::new();
    let (mut points, mut trials): (Vec<Point>, Vec<Trial>) = Default::default();
    for (first, after) in firsts {
        for point in &after.points {
            let place = points.len();
            let before = trials.len();
            for column in columns.iter().copied() {
                let strike = &COLUMNS[column];
                let Some(faults) = strike.faults(point, setting) else { continue };
                let alike = (first.column, strike.alike(point), column);
                let role = match (known.contains(alike.1), seen.get(&alike)) {
                    (false, None) => Role::Tried,
                    // Nothing else stands for it than each of the two alone.
                    (true, None) if rng.random_range(0..PROOF) == 0 => Role::Tried,
                    (true, None) => continue,
                    (_, Some(first)) if rng.random_range(0..PROOF) == 0 => {
                        Role::Proof { first: *first }
                    }
                    (_, Some(first)) => Role::Alike { first: *first },
                };
                let mut scenario = with(first, point, strike.name, faults);
                outlast(&mut scenario, point.at_ns);
                if !makes_sense(&scenario, profile) {
                    continue;
                }
                if role == Role::Tried {
                    seen.insert(alike, trials.len());
                }
                trials.push(Trial { point: place, column, role, scenario });
            }
            if trials.len() > before {
                points.push(Point {
                    name: format!("{} > {}", first.scenario.name, point.name),
                    about: format!("{} Then {}", first.scenario.about, point.about),
                    ..point.clone()
                });
            }
        }
    }
    (points, trials)
}

/// The scenario of the first fault with the second beside it.
fn with(first: &Trial, point: &Point, column: &str, faults: Vec<FaultSpec>) -> Scenario {
    let story = &first.scenario;
    let before = u32::try_from(story.faults.len()).unwrap_or(u32::MAX);
    let faults = faults.into_iter().map(|mut fault| {
        if let Trigger::Struck(other) | Trigger::Ended(other) = &mut fault.when {
            other.fault = other.fault.saturating_add(before);
        }
        fault
    });
    Scenario {
        name: run_name(&format!("{}.{}", story.name, point.name), column),
        about: format!("{} Then {column} at this point: {}.", story.about, point.about),
        faults: story.faults.iter().cloned().chain(faults).collect(),
        ..story.clone()
    }
}
