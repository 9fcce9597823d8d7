//! An adapter, a guest or a kernel that misbehaves ends the run as unknown. The message names the
//! node and the cause, and the artefacts are kept.

use crate::common::{Ended, lockstorm, scenario};
use lockstorm_reports::Verdict;
use rstest::rstest;
use std::fs;

/// With one client, so that nobody has to know who asks first.
fn run(lock: &str, arguments: &[&str]) -> Ended {
    let mut all = vec!["--lock", lock, "--set", "site.clients=1"];
    all.extend(arguments);
    scenario("calm", &all)
}

/// Unknown, with these words in one reason, and everything that was recorded still there.
fn assert_unknown(run: &Ended, words: &[&str]) {
    let report = run.report();
    assert_eq!((report.verdict, run.code), (Verdict::Unknown, 2), "{}", run.said());
    let told = |reason: &String| words.iter().all(|word| reason.contains(word));
    assert!(report.unknown_because.iter().any(told), "wanted {words:?} in\n{}", run.said());
    let files: Vec<&str> = report.artefacts.iter().map(|artefact| &*artefact.file).collect();
    for file in ["report.json", "history.jsonl", "plan.yaml", "wire.pcapng", "console/c1.log"] {
        assert!(files.contains(&file), "{file} is not in {files:?}");
        assert!(run.directory.join(file).exists(), "{file}");
    }
    assert!(!run.history().is_empty());
}

#[test]
fn an_adapter_that_prints_garbage() {
    let run = run("misbehaving-garbage", &[]);
    assert_unknown(&run, &["c1", "wrote what is no JSON: \"", "not JSON ]", "asked for acquire"]);
}

#[test]
fn an_adapter_that_floods_its_output_with_lines() {
    let run = run("misbehaving-flood", &[]);
    assert_unknown(&run, &["c1", "an answer without a number", "flood", "asked for acquire"]);
}

#[test]
fn an_adapter_that_floods_its_output_with_one_line() {
    let run = run("misbehaving-flood", &["--set", "lock.options.of=one_line"]);
    assert_unknown(&run, &["c1", "wrote a line of more than 65536 bytes", "asked for acquire"]);
}

#[test]
fn an_adapter_that_floods_its_standard_error() {
    let error = ["--set", "lock.options.descriptor=2", "--timeout", "3"];
    let run = run("misbehaving-flood", &error);
    assert_unknown(&run, &["c1", "misbehaving-flood", "acquire"]);
}

/// Python's adapter says it for itself before the library does.
#[test]
fn an_adapter_that_says_twice_that_it_is_ready() {
    let home = tempfile::tempdir().unwrap();
    let written = lockstorm(home.path(), &["init", "--lock", "python", "mine"]).output().unwrap();
    assert!(written.status.success());
    let adapter = home.path().join("mine/adapter.py");
    let text = fs::read_to_string(&adapter).unwrap();
    let ready = r#"{"ready": {"library": "mine", "version": "0.1"}}"#;
    fs::write(&adapter, format!("print('{ready}', flush=True)\n{text}")).unwrap();
    let profile = home.path().join("mine/profile.yaml");
    let run = run(profile.to_str().unwrap(), &[]);
    assert_unknown(&run, &["c1: the adapter said a second time that it is ready"]);
}

#[test]
fn an_adapter_that_dies() {
    let run = run("misbehaving-exit", &[]);
    assert_unknown(&run, &["c1", "ended with exit status: 3", "asked for acquire"]);
}

#[test]
fn an_adapter_that_never_answers() {
    let run = run("misbehaving-hang", &[]);
    assert_unknown(&run, &["c1 still waited for an answer to acquire"]);
}

#[test]
fn an_adapter_that_spins_without_a_system_call() {
    let run = run("misbehaving-spin", &["--timeout", "3"]);
    assert_unknown(&run, &["c1", "3 s of wall time", "misbehaving-spin", "acquire"]);
}

#[test]
fn a_kernel_that_panics_is_quoted() {
    let run = run("misbehaving-panic", &[]);
    assert_unknown(&run, &["c1", "Kernel panic - not syncing: Out of memory"]);
    assert!(run.console("c1").contains("Kernel panic"));
}

#[rstest]
fn a_kernel_that_is_ended_from_within(#[values("restart", "halt", "power_off")] how: &str) {
    let run = run("misbehaving-panic", &["--set", &format!("lock.options.how={how}")]);
    assert_unknown(&run, &["c1", "the kernel"]);
}
