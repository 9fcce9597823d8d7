//! A sweep: every fault at every point of a run, one run each. Points that are alike are tried
//! once; of those that are left out for it, a tenth is tried all the same, to see whether the rule
//! holds.

use super::points::Point;
use super::stories::Stories;
use super::strikes::{CALM, COLUMNS, Setting};
use crate::fault::{FaultSpec, Trigger};
use crate::lock::profile::Profile;
use crate::name;
use crate::scenario::{Scenario, WorkloadSpec, validate};
use crate::seeds;
use crate::units::{Nanos, SECOND, hex};
use rand::RngExt;
use rand::seq::SliceRandom;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Of those that are left out as alike, this share is tried, but at most so many as this share of
/// those that are tried for themselves: a lock that asks again and again has thousands alike.
const PROOF: f64 = 0.1;
const PROOF_OF_TRIED: f64 = 0.25;

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

impl Trial {
    /// The same in a list that it is put behind another in, of so many points and trials.
    pub fn behind(self, points: usize, trials: usize) -> Trial {
        let role = match self.role {
            Role::Tried => Role::Tried,
            Role::Alike { first } => Role::Alike { first: first + trials },
            Role::Proof { first } => Role::Proof { first: first + trials },
        };
        Trial { point: self.point + points, role, ..self }
    }
}

impl Role {
    pub fn is_made(self) -> bool {
        !matches!(self, Role::Alike { .. })
    }
}

/// All trials at these points, and of these columns of [`COLUMNS`]: in their order, and with those
/// that are not made.
pub fn trials(
    stories: &Stories,
    profile: &Profile,
    points: &[Point],
    setting: Setting,
    columns: &[usize],
    seed: u64,
) -> Vec<Trial> {
    let mut firsts: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let mut trials: Vec<Trial> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        for column in columns.iter().copied() {
            let strike = &COLUMNS[column];
            let Some(faults) = strike.faults(point, setting) else { continue };
            let name = run_name(&point.name, strike.name);
            let about = format!("At this point, {}: {}.", strike.about, point.about);
            let story = strike.tried_in(stories);
            let mut scenario = Scenario { name, about, faults, ..story.clone() };
            outlast(&mut scenario, point.at_ns);
            if !makes_sense(&scenario, profile) {
                continue;
            }
            let role = match firsts.get(&(strike.alike(point), column)) {
                None => {
                    firsts.insert((strike.alike(point), column), trials.len());
                    Role::Tried
                }
                Some(first) => Role::Alike { first: *first },
            };
            trials.push(Trial { point: index, column, role, scenario });
        }
    }
    prove(&mut trials, seed);
    trials
}

/// Stories to which nothing happens, a row each.
pub fn calm_trials(stories: Vec<Scenario>) -> (Vec<Point>, Vec<Trial>) {
    let row = |story: &Scenario| Point {
        name: story.name.clone(),
        about: story.about.clone(),
        client: "all".into(),
        at_ns: 0,
        trigger: Trigger::At(Nanos::ZERO),
        alike: story.name.clone(),
        since: story.name.clone(),
        asks_only: false,
    };
    let rows: Vec<Point> = stories.iter().map(row).collect();
    let trial = |(point, scenario)| Trial { point, column: CALM, role: Role::Tried, scenario };
    (rows, stories.into_iter().enumerate().map(trial).collect())
}

/// What comes of a fault is waited for so long after its end.
const AFTERWARDS: Nanos = Nanos::from_secs(20);

/// Lets a story that recovers last until its faults are over, which strike at this time of the run
/// (ns), and what they led to has shown.
pub fn outlast(scenario: &mut Scenario, at_ns: u64) {
    let late = |fault: &FaultSpec| {
        let lasts = fault.lasts.map_or(0, |lasts| lasts.0);
        lasts.max(fault.strike.late_ns())
    };
    let longest = scenario.faults.iter().map(late).max().unwrap_or(0);
    if let WorkloadSpec::Cycles(cycles) = &mut scenario.workload
        && cycles.recover
    {
        let over = at_ns.saturating_add(longest).saturating_add(AFTERWARDS.0);
        cycles.time = cycles.time.max(Nanos(over / SECOND * SECOND));
    }
}

/// The order in which those that are made are made, as places in the list: whoever has time for a
/// part of them gets the stories without faults, then something of every fault, and of each at
/// messages and boundaries of every kind, before more of the same; and what only proves that points
/// are alike comes last.
pub fn order(trials: &[Trial], points: &[Point], seed: u64) -> Vec<usize> {
    let is_made = |index: &usize| trials[*index].role.is_made();
    let mut order: Vec<usize> = (0..trials.len()).filter(is_made).collect();
    order.shuffle(&mut seeds::generator(seeds::derive(seed, "sweep/order")));
    let is_proof = |index: &usize| trials[*index].role != Role::Tried;
    // By how many of its kind come before it, and then by how many of its column do.
    spread(&mut order, |index| {
        let trial = &trials[index];
        (is_proof(&index), trial.column, kind(&points[trial.point]))
    });
    spread(&mut order, |index| (is_proof(&index), trials[index].column));
    // What fails when nothing happens needs no fault.
    order.sort_by_key(|index| (is_proof(index), trials[*index].column != CALM));
    order
}

/// Deals them out by their groups, one of each group after the other.
fn spread<G: Ord>(order: &mut [usize], group: impl Fn(usize) -> G) {
    let mut dealt: BTreeMap<G, usize> = BTreeMap::new();
    let mut rounds: BTreeMap<usize, usize> = BTreeMap::new();
    for index in order.iter() {
        let round = dealt.entry(group(*index)).or_default();
        rounds.insert(*index, *round);
        *round += 1;
    }
    order.sort_by_key(|index| rounds[index]);
}

/// What a point is, whoever it is of and however often it comes.
fn kind(point: &Point) -> String {
    let what = point.name.split_once('.').map_or(point.name.as_str(), |(_, what)| what);
    what.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// Draws those that are tried although another stands for them.
fn prove(trials: &mut [Trial], seed: u64) {
    let tried = trials.iter().filter(|trial| trial.role == Role::Tried).count() as f64;
    let alike = trials.len() as f64 - tried;
    let share = PROOF.min(PROOF_OF_TRIED * tried / alike.max(1.0));
    let mut rng = seeds::generator(seeds::derive(seed, "sweep/proof"));
    for trial in trials {
        if let Role::Alike { first } = trial.role
            && rng.random::<f64>() < share
        {
            trial.role = Role::Proof { first };
        }
    }
}

/// Whether it could be written by hand.
pub fn makes_sense(scenario: &Scenario, profile: &Profile) -> bool {
    validate::scenario(scenario).is_empty()
        && validate::against_profile(scenario, profile).is_empty()
}

/// The name of a run, which is one of a scenario: cut, with a hash, where it is too long for that.
pub fn run_name(point: &str, column: &str) -> String {
    let name = format!("{point}.{column}");
    if name::is_name(&name) {
        return name;
    }
    let hash = hex(&Sha256::digest(name.as_bytes()));
    let start: String = name.chars().take(40).collect();
    format!("{start}.{}", &hash[..8])
}
