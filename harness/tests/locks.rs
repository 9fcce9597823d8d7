//! The checkers are proven on locks whose worth is known: the bad ones are caught, the good ones
//! are not accused, whatever the seed.

mod common;

use common::{is_kept, result_of, scenario};
use lockstorm_reports::{Class, Invariant, Verdict};
use rstest::rstest;

/// A quarter of calm.yaml, since there are many: still dozens of critical sections, and the
/// clients ask at once, so that a bad lock cannot get by on luck.
const SHORT: [&str; 4] =
    ["--set", "workload.cycles.time=15s", "--set", "workload.cycles.think=0s..300ms"];

fn calm(lock: &str, seed: u64) -> common::Ended {
    let seed = seed.to_string();
    let mut arguments = vec!["--lock", lock, "--seed", &seed];
    arguments.extend(SHORT);
    scenario("calm", &arguments)
}

#[rstest]
fn a_known_bad_lock_is_caught(
    #[values("none", "check-then-create")] lock: &str,
    #[values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)] seed: u64,
) {
    let run = calm(lock, seed);
    let report = run.report();
    assert_eq!((report.verdict, run.code), (Verdict::Violated, 1), "{}", run.said());
    assert_eq!(report.class, Some(Class::BrokenPromise));
    assert!(result_of(&report, Invariant::MutualExclusion).violations > 0);
    let finding = report.findings.iter().find(|f| f.invariant == Invariant::MutualExclusion);
    assert!(finding.is_some(), "evidence is shown: {}", run.said());
}

#[rstest]
fn a_known_good_lock_is_not_accused(
    #[values("fcntl", "flufl.lock")] lock: &str,
    #[values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)] seed: u64,
) {
    let run = calm(lock, seed);
    let report = run.report();
    assert_eq!((report.verdict, run.code), (Verdict::Valid, 0), "{}", run.said());
    for invariant in [Invariant::MutualExclusion, Invariant::NoLostUpdate] {
        assert!(is_kept(&report, invariant), "{}", run.said());
    }
}
