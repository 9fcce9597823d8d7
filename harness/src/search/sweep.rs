//! A sweep: every fault at every point of a run, one run each. Points that are alike are tried
//! once; of those that are left out for it, a tenth is tried all the same, to see whether the rule
//! holds.

use super::points::Point;
use super::strikes::{COLUMNS, Setting};
use crate::lock::profile::Profile;
use crate::name;
use crate::scenario::{Scenario, validate};
use crate::seeds;
use crate::units::hex;
use rand::RngExt;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Of those that are left out as alike, one in so many is tried.
const PROOF: u32 = 10;

/// One fault at one point.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Of the points, and of the columns.
    pub point: usize,
    pub column: usize,
    pub role: Role,
    pub scenario: Scenario,
}

/// Why a trial is made, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// For itself, and for all that are alike.
    Tried,
    /// Another trial stands for it: which, of the list.
    Alike { first: usize },
    /// Another one stands for it, and it is made all the same.
    Proof { first: usize },
}

impl Role {
    pub fn is_made(self) -> bool {
        !matches!(self, Role::Alike { .. })
    }
}

/// All trials of a story, those that are not made among them, in the order of points and columns.
pub fn trials(
    story: &Scenario,
    profile: &Profile,
    points: &[Point],
    setting: Setting,
    seed: u64,
) -> Vec<Trial> {
    let mut rng = seeds::generator(seeds::derive(seed, "sweep/proof"));
    let mut firsts: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let mut trials: Vec<Trial> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        for (column, strike) in COLUMNS.iter().enumerate() {
            let Some(faults) = strike.faults(point, setting) else { continue };
            let name = run_name(&point.name, strike.name);
            let about = format!("At this point, {}: {}.", strike.about, point.about);
            let scenario = Scenario { name, about, faults, ..story.clone() };
            if !makes_sense(&scenario, profile) {
                continue;
            }
            let role = match firsts.get(&(point.alike.as_str(), column)) {
                None => {
                    firsts.insert((&point.alike, column), trials.len());
                    Role::Tried
                }
                Some(first) if rng.random_range(0..PROOF) == 0 => Role::Proof { first: *first },
                Some(first) => Role::Alike { first: *first },
            };
            trials.push(Trial { point: index, column, role, scenario });
        }
    }
    trials
}

/// Whether it could be written by hand.
pub fn makes_sense(scenario: &Scenario, profile: &Profile) -> bool {
    validate::scenario(scenario).is_empty()
        && validate::against_profile(scenario, profile).is_empty()
}

/// The name of a run, which is one of a scenario.
fn run_name(point: &str, column: &str) -> String {
    let name = format!("{point}.{column}");
    if name::is_name(&name) {
        return name;
    }
    let hash = hex(&Sha256::digest(name.as_bytes()));
    let start: String = name.chars().take(40).collect();
    format!("{start}.{}", &hash[..8])
}
