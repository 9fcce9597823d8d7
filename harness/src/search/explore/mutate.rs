//! Scenarios that are nearly as one that came to something new.

use super::draw::{LASTS, named};
use super::faults::{STRIKES, TRIGGERS};
use super::near::Constants;
use crate::fault::{CALLER, FaultSpec, Phase, Strike, Trigger};
use crate::scenario::random::Draw;
use crate::scenario::{CyclesSpec, Reseed, Scenario, WorkloadSpec};
use crate::search::sweep::makes_sense;
use crate::units::{MILLISECOND, Nanos, SECOND};
use std::collections::BTreeSet;

/// What a scenario is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parent<'a> {
    pub scenario: &'a Scenario,
    pub seed: u64,
    /// When its run came to what was new then.
    pub moments: &'a [Nanos],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    /// A fault more.
    Add,
    /// A fault less.
    Drop,
    /// Another fault at the same trigger.
    Replace,
    /// It lasts for another time, or strikes earlier or later.
    Retime,
    /// It hits another node.
    Retarget,
    /// Another trigger brings it.
    Retrigger,
    /// The event before or after the one that it waits for brings it.
    Neighbour,
    /// The faults of another scenario follow some of its own.
    Splice,
    /// One property of the site is drawn anew.
    Site,
    /// One property of the workload is.
    Workload,
    /// All is the same but the seed.
    Seed,
    /// After what was new, a fault more: until then the run is the same.
    After,
    /// After what was new, another seed: until then the run is the same.
    Reseed,
}

const MUTATIONS: &[(Mutation, u32)] = &[
    (Mutation::Add, 4),
    (Mutation::Drop, 2),
    (Mutation::Replace, 3),
    (Mutation::Retime, 4),
    (Mutation::Retarget, 2),
    (Mutation::Retrigger, 3),
    (Mutation::Neighbour, 3),
    (Mutation::Splice, 3),
    (Mutation::Site, 3),
    (Mutation::Workload, 4),
    (Mutation::Seed, 1),
    (Mutation::After, 5),
    (Mutation::Reseed, 3),
];

/// How many at once.
const STACKED: &[(u8, u32)] = &[(1, 4), (2, 3), (4, 1)];
/// A scenario has no more faults.
const FAULTS_MAX: usize = 6;
/// Seeds are short numbers: people type them.
pub const SEED_MAX: u64 = 999_999;
/// How long after a moment that was new.
const AFTER: std::ops::RangeInclusive<u64> = MILLISECOND..=20 * SECOND;
/// So often it is tried to come to one that makes sense and is another.
const TRIES: u32 = 20;

/// A mutation of a scenario, with the seed of its run; `None` where none was found that makes
/// sense.
pub fn mutated(
    parent: Parent,
    other: Option<&Scenario>,
    draw: &mut Draw,
) -> Option<(Scenario, u64)> {
    (0..TRIES).find_map(|_| {
        let mut mutant = (parent.scenario.clone(), parent.seed);
        for _ in 0..draw.pick(STACKED) {
            let mutation = draw.pick(MUTATIONS);
            draw.mutate(mutation, &mut mutant, parent.moments, other);
        }
        let (mut scenario, seed) = mutant;
        scenario.lock.fill_in(draw.profile);
        let scenario = named(scenario);
        let is_another = (&scenario.name, seed) != (&parent.scenario.name, parent.seed);
        let is_some = is_another && makes_sense(&scenario, draw.profile);
        is_some.then_some((scenario, seed))
    })
}

impl Draw<'_> {
    /// Changes a scenario, where that can be. What makes no sense afterwards is thrown away.
    fn mutate(
        &mut self,
        mutation: Mutation,
        (scenario, seed): &mut (Scenario, u64),
        moments: &[Nanos],
        other: Option<&Scenario>,
    ) {
        let count = scenario.faults.len();
        let has_room = count < FAULTS_MAX;
        let index = if count == 0 { 0 } else { self.within(&(0..=count - 1)) };
        match mutation {
            Mutation::Seed => *seed = self.within(&(1..=SEED_MAX)),
            Mutation::Site => self.mutate_site(scenario),
            Mutation::Workload => self.mutate_workload(scenario),
            Mutation::Add if has_room => drop(self.add_fault(scenario)),
            Mutation::After if has_room && !moments.is_empty() => {
                self.add_after(scenario, moments);
            }
            Mutation::Reseed if !moments.is_empty() => {
                let at = Nanos(self.one_of(moments).0 / MILLISECOND * MILLISECOND);
                scenario.reseed = Some(Reseed { at, seed: self.within(&(1..=SEED_MAX)) });
            }
            Mutation::Splice => {
                let theirs = other.map_or(&[][..], |other| &other.faults);
                let kept = self.within(&(0..=count));
                splice(&mut scenario.faults, kept, theirs);
            }
            Mutation::Drop if count > 0 => remove(&mut scenario.faults, index),
            Mutation::Replace if count > 0 => self.replace(scenario, index),
            Mutation::Retime if count > 0 => self.retime(scenario, index),
            Mutation::Retarget if count > 0 => self.retarget(scenario, index),
            Mutation::Retrigger if count > 0 => self.retrigger(scenario, index),
            Mutation::Neighbour if count > 0 => self.neighbour(&mut scenario.faults[index].when),
            _ => {}
        }
    }

    /// The run is the same until a moment at which it came to something new, and shortly after that
    /// a fault strikes.
    fn add_after(&mut self, scenario: &mut Scenario, moments: &[Nanos]) {
        let moment = self.one_of(moments).0;
        let at = Nanos(moment.saturating_add(self.time(&AFTER).0) / MILLISECOND * MILLISECOND);
        let kinds: Vec<(&str, u32)> = STRIKES
            .iter()
            .copied()
            .filter(|(kind, _)| !crate::fault::OF_MESSAGES.contains(kind))
            .collect();
        let kind = self.pick(&kinds);
        let fault = self.fault_of(kind, Trigger::At(at), scenario);
        scenario.faults.push(fault);
    }

    fn replace(&mut self, scenario: &mut Scenario, index: usize) {
        let when = scenario.faults[index].when.clone();
        let kind = self.pick(STRIKES);
        scenario.faults[index] = self.fault_of(kind, when, scenario);
    }

    fn retrigger(&mut self, scenario: &mut Scenario, index: usize) {
        let needs_message = scenario.faults[index].strike.fault().needs_message();
        let kind = if needs_message { "rpc" } else { self.pick(TRIGGERS) };
        let when = self.trigger(kind, scenario, index);
        scenario.faults[index].when = when;
    }

    fn retime(&mut self, scenario: &mut Scenario, index: usize) {
        let constants = Constants::of(scenario, self.profile);
        let fault = &mut scenario.faults[index];
        let drawn = self.telling(&constants, &LASTS);
        match (after(&mut fault.when), &mut fault.lasts) {
            (Some(after), _) if self.chance(0.5) => {
                *after = if self.chance(0.3) { Nanos::ZERO } else { drawn };
            }
            (_, Some(lasts)) => *lasts = drawn,
            _ => {}
        }
    }

    fn retarget(&mut self, scenario: &mut Scenario, index: usize) {
        let clients = scenario.site.clients;
        let fault = &mut scenario.faults[index];
        let node = match fault.when.has_caller() && self.chance(0.5) {
            true => CALLER.to_owned(),
            false => self.node(clients),
        };
        if let Some(target) = target(&mut fault.strike) {
            *target = node;
        } else if !fault.strike.fault().needs_message() {
            fault.strike = self.strike(fault.strike.kind(), node, clients);
        }
    }

    fn neighbour(&mut self, when: &mut Trigger) {
        let by = |number: &mut u32, up: bool| {
            *number = if up { number.saturating_add(1) } else { number.saturating_sub(1).max(1) };
        };
        let up = self.chance(0.6);
        match when {
            Trigger::Rpc(passes) if self.chance(0.3) => {
                passes.status = None;
                passes.phase = match passes.phase {
                    Phase::Call => Phase::Reply,
                    Phase::Reply => Phase::Call,
                };
            }
            Trigger::Rpc(passes) => by(&mut passes.nth, up),
            Trigger::Entered(section) | Trigger::Left(section) => by(&mut section.count, up),
            Trigger::Calls(calls) => by(&mut calls.count, up),
            Trigger::State(reaches) => by(&mut reaches.nth, up),
            Trigger::Exists(exists) => by(&mut exists.nth, up),
            Trigger::At(at) => {
                let step = self.time(&(MILLISECOND..=SECOND)).0 / MILLISECOND * MILLISECOND;
                at.0 = if up { at.0.saturating_add(step) } else { at.0.saturating_sub(step) };
            }
            Trigger::Every(_) | Trigger::Situation(_) | Trigger::Struck(_) | Trigger::Ended(_) => {}
        }
    }

    fn mutate_site(&mut self, scenario: &mut Scenario) {
        let fresh = self.wide_site();
        let site = &mut scenario.site;
        match self.within(&(0..=8_u8)) {
            0 => site.clients = fresh.clients,
            1 => site.nfs.version = fresh.nfs.version,
            2 => site.nfs.options = fresh.nfs.options,
            3 => site.wire = fresh.wire,
            4 => site.disk = fresh.disk,
            5 => site.server.lease = fresh.server.lease,
            6 => site.server.grace = fresh.server.grace,
            7 => site.server.delegations = !site.server.delegations,
            _ => site.nodes = fresh.nodes,
        }
    }

    fn mutate_workload(&mut self, scenario: &mut Scenario) {
        let constants = Constants::of(scenario, self.profile);
        let CyclesSpec { rounds, time, hold, think, timeout, refresh, is_held, .. } =
            self.wide_cycles(&constants);
        let lifetime = self.wide_lifetime();
        let WorkloadSpec::Cycles(cycles) = &mut scenario.workload else { return };
        match self.within(&(0..=8_u8)) {
            0 => cycles.rounds = rounds,
            1 => cycles.time = time,
            2 | 3 => cycles.hold = hold,
            // Together: who does not wait for the lock must wait before it asks again.
            4 | 5 => (cycles.think, cycles.timeout) = (think, timeout),
            6 => cycles.refresh = refresh,
            7 => cycles.is_held = is_held,
            _ => scenario.lock.lifetime = lifetime,
        }
    }
}

/// How long after its event a fault strikes.
fn after(when: &mut Trigger) -> Option<&mut Nanos> {
    match when {
        Trigger::At(at) => Some(at),
        Trigger::Every(every) => Some(&mut every.from),
        Trigger::Entered(section) | Trigger::Left(section) => Some(&mut section.after),
        Trigger::Calls(calls) => Some(&mut calls.after),
        Trigger::Situation(situation) => Some(&mut situation.after),
        Trigger::Rpc(passes) => Some(&mut passes.after),
        Trigger::State(reaches) => Some(&mut reaches.after),
        Trigger::Exists(exists) => Some(&mut exists.after),
        Trigger::Struck(other) | Trigger::Ended(other) => Some(&mut other.after),
    }
}

/// The node that a strike names, if it is one.
fn target(strike: &mut Strike) -> Option<&mut String> {
    match strike {
        Strike::Cut(cut) => Some(&mut cut.node),
        Strike::Crash(crash) => Some(&mut crash.node),
        Strike::Clock(clock) => Some(&mut clock.node),
        Strike::Impair(impair) => Some(&mut impair.node),
        Strike::Pause(pause) => Some(&mut pause.node),
        Strike::Reset(reset) => Some(&mut reset.node),
        Strike::Kill(kill) => Some(&mut kill.node),
        Strike::Stop(stop) => Some(&mut stop.node),
        Strike::Slow(slow) => Some(&mut slow.node),
        Strike::Errno(errno) => Some(&mut errno.node),
        Strike::Partition(_)
        | Strike::Disk(_)
        | Strike::Nfsd(_)
        | Strike::Lose(_)
        | Strike::Hold(_)
        | Strike::Refuse(_) => None,
    }
}

/// The other fault that a trigger waits for, counted from 1.
fn waits_for(when: &mut Trigger) -> Option<&mut u32> {
    match when {
        Trigger::Struck(other) | Trigger::Ended(other) => Some(&mut other.fault),
        _ => None,
    }
}

/// Takes a fault away, and those that wait for it.
fn remove(faults: &mut Vec<FaultSpec>, index: usize) {
    let waits: Vec<Option<u32>> =
        faults.iter_mut().map(|fault| waits_for(&mut fault.when).map(|other| *other)).collect();
    let mut gone = BTreeSet::from([index as u32 + 1]);
    let numbers = 1..=faults.len() as u32;
    // One goes at each pass, if any is to go yet.
    for _ in numbers.clone() {
        let orphans = numbers.clone().zip(&waits);
        let orphans = orphans.filter(|(_, other)| other.is_some_and(|other| gone.contains(&other)));
        let orphans: Vec<u32> = orphans.map(|(number, _)| number).collect();
        gone.extend(orphans);
    }
    let mut number = 0;
    faults.retain_mut(|fault| {
        number += 1;
        if let Some(other) = waits_for(&mut fault.when) {
            *other -= gone.range(..*other).count() as u32;
        }
        !gone.contains(&number)
    });
}

/// The first `kept` of the faults, and then another's.
fn splice(faults: &mut Vec<FaultSpec>, kept: usize, theirs: &[FaultSpec]) {
    faults.truncate(kept);
    for fault in theirs.iter().take(FAULTS_MAX.saturating_sub(kept)) {
        let mut fault = fault.clone();
        if let Some(other) = waits_for(&mut fault.when) {
            *other += kept as u32;
        }
        faults.push(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::scenario;
    use super::super::draw::tests::{LOCKS, expect_sound, profile};
    use super::*;
    use crate::search::explore::draw::WIDE;

    #[test]
    fn every_mutated_scenario_makes_sense_and_reads_back_from_yaml() {
        for name in LOCKS {
            let profile = profile(name);
            let mut found = 0;
            for seed in 0..200 {
                let (one, other) = (scenario(seed, &profile), scenario(seed + 1, &profile));
                let moments = [Nanos(SECOND), Nanos(9 * SECOND)];
                let parent = Parent { scenario: &one, seed, moments: &moments };
                let mut draw = Draw::new(seed, "mutate", &profile, &WIDE);
                let Some((mutant, _)) = mutated(parent, Some(&other), &mut draw) else {
                    continue;
                };
                expect_sound(&mutant, &profile);
                found += 1;
            }
            assert!(found > 195, "{name}: {found} of 200");
        }
    }

    #[test]
    fn every_mutation_changes_something_of_some_scenario() {
        let profile = profile("flufl.lock");
        for (mutation, _) in MUTATIONS {
            let changed = (0..50).filter(|seed| {
                let (one, other) = (scenario(*seed, &profile), scenario(seed + 1, &profile));
                let mut draw = Draw::new(*seed, "mutate", &profile, &WIDE);
                let mut mutant = (one.clone(), *seed);
                draw.mutate(*mutation, &mut mutant, &[Nanos(SECOND)], Some(&other));
                mutant != (one, *seed)
            });
            let changed = changed.count();
            assert!(changed > 10, "{mutation:?} changed {changed} of 50");
        }
    }

    fn waiting(faults: &[Option<u32>]) -> Vec<FaultSpec> {
        let fault = |other: &Option<u32>| {
            let when = match other {
                None => "at: 1s".to_owned(),
                Some(other) => format!("struck: {{fault: {other}}}"),
            };
            let text = format!("{{when: {{{when}}}, strike: {{nfsd: {{}}}}, may_miss: true}}");
            serde_yaml::from_str(&text).unwrap()
        };
        faults.iter().map(fault).collect()
    }

    fn numbers(mut faults: Vec<FaultSpec>) -> Vec<Option<u32>> {
        faults.iter_mut().map(|fault| waits_for(&mut fault.when).map(|other| *other)).collect()
    }

    #[test]
    fn those_that_wait_for_a_fault_go_with_it_and_the_others_wait_for_the_same_as_before() {
        let after = |index: usize, faults: &[Option<u32>]| {
            let mut faults = waiting(faults);
            remove(&mut faults, index);
            numbers(faults)
        };
        assert_eq!(after(0, &[None, None, Some(2)]), [None, Some(1)]);
        assert_eq!(after(0, &[None, Some(1), Some(2), None]), [None]);
        assert_eq!(after(1, &[None, None, Some(2), Some(2), Some(1)]), [None, Some(1)]);
        assert_eq!(after(0, &[None, Some(3), Some(2)]), [Some(2), Some(1)]);
    }

    #[test]
    fn spliced_faults_wait_for_those_that_they_came_with() {
        let mut faults = waiting(&[None, Some(1), None]);
        splice(&mut faults, 2, &waiting(&[None, Some(1)]));
        assert_eq!(numbers(faults), [None, Some(1), None, Some(3)]);
    }

    #[test]
    fn a_fault_after_a_moment_leaves_seed_and_all_before_it_as_they_are() {
        let profile = profile("link");
        let one = scenario(3, &profile);
        let mut draw = Draw::new(3, "mutate", &profile, &WIDE);
        let mut mutant = (one.clone(), 3);
        draw.mutate(Mutation::After, &mut mutant, &[Nanos(5 * SECOND)], None);
        let (scenario, seed) = mutant;
        let added = scenario.faults.last().unwrap();
        assert!(matches!(added.when, Trigger::At(at) if at.0 > 5 * SECOND), "{added:?}");
        assert_eq!(&scenario.faults[..one.faults.len()], &one.faults[..]);
        assert_eq!((scenario.site, scenario.workload, seed), (one.site, one.workload, 3));
    }

    #[test]
    fn the_same_draw_gives_the_same_mutation() {
        let profile = profile("link");
        let one = scenario(1, &profile);
        let mutants: BTreeSet<String> = (0..2)
            .map(|_| {
                let mut draw = Draw::new(7, "mutate", &profile, &WIDE);
                let parent = Parent { scenario: &one, seed: 1, moments: &[] };
                format!("{:?}", mutated(parent, None, &mut draw))
            })
            .collect();
        assert_eq!(mutants.len(), 1);
    }
}
