//! Every shipped scenario, on real kernels.

use crate::common::shipped::reference;
use crate::common::{calls, scenario};
use lockstorm_reports::{Expected, Verdict};
use rstest::rstest;
use std::path::PathBuf;

#[rstest]
fn a_shipped_scenario_ends_as_it_expects_and_the_second_run_is_the_same(
    #[files("../scenarios/*.yaml")] file: PathBuf,
) {
    let run = reference(&file);
    let report = &run.report;
    assert!(report.as_expected, "{}", run.said);
    let (verdict, code) = match report.expected {
        Expected::Valid => (Verdict::Valid, 0),
        Expected::BrokenPromise | Expected::BeyondAssumptions => (Verdict::Violated, 1),
    };
    assert_eq!((report.verdict, run.code), (verdict, code), "{}", run.said);
    let second = scenario(file.to_str().unwrap(), &[]);
    let hash = &second.report().provenance.history_sha256;
    assert_eq!(report.provenance.history_sha256, *hash, "{}", second.said());
    let story = file.file_stem().unwrap().to_str().unwrap();
    if !OTHERWISE.iter().any(|(other, _)| *other == story) {
        calls::assert_told_as_by_wireshark(&second.directory.join("wire.pcapng"));
    }
}

/// Where Wireshark tells the calls otherwise, and why.
const OTHERWISE: [(&str, &str); 5] = [
    ("bad-links", "it goes by the order of frames where a stream was put out of order"),
    ("lost-recall", "a reply and a call are held, and one frame that has both it does not read"),
    ("no-space", "an operation that no server knows has arguments that nobody can read"),
    ("refused", "an operation that no server knows has arguments that nobody can read"),
    ("reset", "it counts the status of each state of TEST_STATEID"),
];
