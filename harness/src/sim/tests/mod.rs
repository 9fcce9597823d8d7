//! What the simulated site is for.

use super::{Defect, Kind, Lock, run};
use crate::history::Event;
use crate::plan::Plan;
use crate::plan::{Parts, expand};
use crate::scenario::Scenario;
use crate::scenario::random::{BOUNDS, Bounds, scenario};
use crate::units::{MILLISECOND, SECOND};
use crate::verdict::{Circumstances, judge};
use lockstorm_reports::{Class, Report, Verdict};

/// What the runs of this module are drawn from: more clients, and no NFSv4.0, whose session-less
/// server is another.
const SIMULATED: Bounds = Bounds {
    clients: 2..=6,
    versions: &["4.1", "4.2"],
    hold: 100 * MILLISECOND..=10 * SECOND,
    think: 50 * MILLISECOND..=4 * SECOND,
    ..BOUNDS
};

fn plan_of(scenario: &Scenario, seed: u64, lock: Lock) -> Plan {
    let profile = lock.profile();
    let parts = Parts { kernel_key: "", image_key: "", kernels: Default::default() };
    expand(scenario, seed, (&profile).into(), parts)
}

fn random_plan(seed: u64, lock: Lock) -> Plan {
    plan_of(&scenario(seed, &lock.profile(), &SIMULATED), seed, lock)
}

fn report(plan: &Plan, lock: Lock) -> (Vec<Event>, Report) {
    let t = std::time::Instant::now();
    let history = run(plan, lock).unwrap().events;
    let r = t.elapsed().as_nanos() as u64;
    let report = judge(plan, &history, Circumstances::default());
    let j = t.elapsed().as_nanos() as u64 - r;
    RUN.fetch_add(r, std::sync::atomic::Ordering::Relaxed);
    JUDGE.fetch_add(j, std::sync::atomic::Ordering::Relaxed);
    (history, report)
}

#[test]
fn first() {
    let from: u64 = std::env::var("FROM").map_or(0, |s| s.parse().unwrap());
    let runs: u64 = std::env::var("RUNS").map_or(200, |s| s.parse().unwrap());
    let verbose = std::env::var("VERBOSE").is_ok();
    for kind in Kind::ALL {
        if std::env::var("KIND").is_ok_and(|k| k != format!("{kind:?}")) {
            continue;
        }
        let lock = Lock { kind, defect: Defect::None };
        let begun = std::time::Instant::now();
        let (mut valid, mut broken, mut beyond, mut unknown, mut events) =
            (0, vec![], 0, vec![], 0);
        let mut judged = std::collections::BTreeMap::<_, u64>::new();
        let mut reasons = std::collections::BTreeMap::<String, u64>::new();
        for seed in from..from + runs {
            let plan = random_plan(seed, lock);
            let (history, report) = report(&plan, lock);
            events += history.len();
            if verbose {
                println!("{}", serde_yaml::to_string(&plan.scenario).unwrap());
                for event in &history {
                    println!("{}", serde_json::to_string(event).unwrap());
                }
                println!("{}", lockstorm_reports::terminal::render(&report, Default::default()));
            }
            for r in &report.invariants {
                *judged.entry(r.invariant).or_default() += r.judged;
            }
            match (report.verdict, report.class) {
                (Verdict::Valid, _) => valid += 1,
                (_, Some(Class::BrokenPromise)) => broken.push((
                    seed,
                    report.findings[0].invariant,
                    report.findings[0].explanation.clone(),
                )),
                (_, Some(_)) => beyond += 1,
                _ => {
                    unknown.push(seed);
                    *reasons.entry(report.unknown_because[0].clone()).or_default() += 1;
                }
            }
        }
        println!(
            "run {} judge {}",
            RUN.swap(0, std::sync::atomic::Ordering::Relaxed) / runs,
            JUDGE.swap(0, std::sync::atomic::Ordering::Relaxed) / runs
        );
        println!(
            "{kind:?}: valid {valid} broken {} beyond {beyond} unknown {} events/run {} {:?}/run",
            broken.len(),
            unknown.len(),
            events as u64 / runs,
            begun.elapsed() / runs as u32
        );
        for b in broken.iter().take(6) {
            println!("   broken {b:?}");
        }
        println!("   {judged:?} unknown {:?} {reasons:?}", &unknown[..unknown.len().min(8)]);
    }
}

static RUN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
static JUDGE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
