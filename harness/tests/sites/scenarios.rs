//! Every shipped scenario, on real kernels.

use crate::common::scenario;
use lockstorm_reports::{Expected, Verdict};
use rstest::rstest;
use std::path::PathBuf;

#[rstest]
fn a_shipped_scenario_ends_as_it_expects_and_the_second_run_is_the_same(
    #[files("../scenarios/*.yaml")] file: PathBuf,
) {
    let run = scenario(file.to_str().unwrap(), &["--verify-repeat"]);
    let report = run.report();
    assert!(report.as_expected, "{}", run.said());
    let (verdict, code) = match report.expected {
        Expected::Valid => (Verdict::Valid, 0),
        Expected::BrokenPromise | Expected::BeyondAssumptions => (Verdict::Violated, 1),
    };
    assert_eq!((report.verdict, run.code), (verdict, code), "{}", run.said());
    let same = format!("had the same history: {}", &report.provenance.history_sha256[..16]);
    assert!(run.stdout.contains(&same), "{}", run.said());
}
