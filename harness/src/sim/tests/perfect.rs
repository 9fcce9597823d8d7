//! Perfect locks are never accused, whatever happens to their site.

use super::super::{Defect, Kind, Lock, run};
use super::{ANY, Judged, each, number};
use crate::history::EventKind;
use crate::scenario::{WorkloadSpec, random};
use lockstorm_reports::{Class, Invariant, Verdict};
use std::collections::BTreeMap;
use std::time::Instant;

/// Runs of each kind.
const RUNS: u64 = 160;

/// What is kept of a run.
struct Seen {
    seed: u64,
    accusation: Option<String>,
    unknown: Option<String>,
    /// How many cases each invariant was judged in.
    judged: BTreeMap<Invariant, u64>,
    beyond: bool,
}

fn seen(seed: u64, lock: Lock) -> Seen {
    let run = Judged::random(seed, lock);
    let report = &run.report;
    // Nothing that happens here is beyond what the others assume.
    let assumes = &run.plan.profile.assumes;
    let stood_still = run.history.iter().any(|event| match &event.kind {
        EventKind::FaultStruck { kind, .. } => kind == "pause",
        _ => false,
    });
    let may_be_beyond = assumes.lease.is_some()
        || assumes.clock_skew.is_some()
        || assumes.pause.is_some()
        || (stood_still && run.plan.profile.clock_rate().is_some());
    let excused = |class| class == Class::BeyondAssumptions && may_be_beyond;
    let accused = report.findings.iter().any(|finding| !excused(finding.class));
    let judged = report.invariants.iter().map(|result| (result.invariant, result.judged));
    // A step of a script that strikes means to hit.
    let is_script = matches!(run.plan.scenario.workload, WorkloadSpec::Script(_));
    let unknown = report.verdict == Verdict::Unknown && !is_script;
    Seen {
        seed,
        accusation: accused.then(|| run.told()),
        unknown: unknown.then(|| format!("seed {seed}: {}", report.unknown_because.join("; "))),
        judged: judged.collect(),
        beyond: !report.findings.is_empty(),
    }
}

/// In how many cases a checker must have judged in a thousand runs; of those that are promised.
fn least(invariant: Invariant) -> u64 {
    match invariant {
        // It takes forty rounds of one process.
        Invariant::NoDescriptorLeak => 4,
        Invariant::HonestIsHeld | Invariant::OwnerOnlyRelease => 10,
        Invariant::BreakAfterLifetime => 100,
        // Once a run, of five kinds of nine, and if nothing has disturbed a call.
        Invariant::Cleanliness => 50,
        _ => 1000,
    }
}

#[test]
fn no_perfect_lock_is_accused_and_every_checker_judges_and_hardly_a_verdict_is_unknown() {
    let runs = number("LOCKSTORM_SIM_RUNS", RUNS);
    let from = number("LOCKSTORM_SIM_FROM", 0);
    let mut judged: BTreeMap<Invariant, u64> = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut accused = Vec::new();
    for kind in Kind::PERFECT {
        let lock = Lock { kind, defect: Defect::None };
        let begun = Instant::now();
        let all = each(from..from + runs, |seed| seen(seed, lock));
        println!(
            "{kind:?}: {runs} runs, {:.0} a second, {} beyond the assumptions, {} unknown",
            runs as f64 / begun.elapsed().as_secs_f64(),
            all.iter().filter(|seen| seen.beyond).count(),
            all.iter().filter(|seen| seen.unknown.is_some()).count(),
        );
        for (invariant, cases) in all.iter().flat_map(|seen| &seen.judged) {
            *judged.entry(*invariant).or_default() += cases;
        }
        for seen in all {
            unknown.extend(seen.unknown);
            if let Some(told) = seen.accusation {
                accused.push((kind, seen.seed, told));
            }
        }
    }
    if let Some((_, _, first)) = accused.first() {
        let seeds: Vec<_> = accused.iter().map(|(kind, seed, _)| (kind, seed)).collect();
        panic!("{first}\nperfect locks were accused with these seeds: {seeds:?}");
    }
    let all = runs * Kind::PERFECT.len() as u64;
    println!("judged in {all} runs: {judged:?}");
    for (invariant, cases) in judged {
        let least = least(invariant) * all / 1000;
        assert!(cases >= least, "{invariant:?} was judged {cases} times; expected {least}");
    }
    let share = unknown.len() as f64 / all as f64;
    assert!(share < 0.01, "{} of {all} verdicts are unknown: {unknown:#?}", unknown.len());
}

#[test]
fn the_same_plan_gives_the_same_history_twice() {
    for kind in Kind::PERFECT {
        let lock = Lock { kind, defect: Defect::None };
        let histories = each(0..20, |seed| {
            let one = Judged::random(seed, lock);
            let (two, aftermath) = run(&one.plan, lock).unwrap();
            assert_eq!(aftermath, one.aftermath);
            assert_eq!(two.events, one.history);
            two.sha256
        });
        let differ = histories.windows(2).all(|pair| pair[0] != pair[1]);
        assert!(differ, "of two seeds each has its own history");
    }
}

#[test]
fn scripts_are_among_the_scenarios_and_most_of_them_come_to_their_end() {
    let lock = Lock { kind: Kind::Reentrant, defect: Defect::None };
    let bounds = random::Bounds { scripts: 1.0, ..ANY };
    let ends = each(0..100, |seed| {
        let scenario = random::scenario(seed, &lock.profile(), &bounds);
        Judged::of(&scenario, seed, lock).report.unmet_steps.is_empty()
    });
    let whole = ends.iter().filter(|whole| **whole).count();
    assert!(whole > 50, "{whole} of 100");
}
