//! Nodes in containers: the same verdicts and the same histories, and nothing left behind. They
//! need what `ci/setup --tests` brings, a container engine with our image among it.

use crate::common::engine::containers_of;
use crate::common::shipped::reference;
use crate::common::{eventually, lockstorm, permit, processes, scenario};
use lockstorm_reports::Report;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use std::path::PathBuf;
use std::process::Stdio;

#[rstest]
fn a_shipped_scenario_has_the_same_history_in_containers(
    #[files("../scenarios/*.yaml")] file: PathBuf,
) {
    let local = reference(&file);
    let contained = scenario(file.to_str().unwrap(), &["--launch", "containers"]);
    let report = contained.report();
    assert_eq!(local.code, contained.code, "{}", contained.said());
    assert_eq!(local.report.verdict, report.verdict, "{}", contained.said());
    let hash = |report: &Report| report.provenance.history_sha256.clone();
    assert_eq!(hash(&local.report), hash(&report), "{}", contained.said());
}

#[test]
fn the_real_clock_and_containers_go_together() {
    let run = scenario("calm", &["--launch", "containers", "--clock", "real"]);
    // Where other tests keep the host busy, it rightly says that it proves nothing.
    let is_late = run.code == 2 && run.stdout.contains("the host was too busy for the real clock");
    assert!(run.code == 0 || is_late, "{}", run.said());
    assert!(run.report().findings.is_empty(), "{}", run.said());
}

#[test]
fn no_container_outlives_a_harness_that_is_killed() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = ["scenario", "calm", "--launch", "containers", "--clock", "real"];
    let mut harness = lockstorm(home.path(), &arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // What is made and not yet started has no process that could see the harness go; the next run
    // removes it.
    let running =
        || containers_of(harness.id()).iter().filter(|line| line.contains(" Up ")).count();
    eventually("four containers run", || running() == 4);
    kill(Pid::from_raw(harness.id() as i32), Signal::SIGKILL).unwrap();
    harness.wait().unwrap();
    eventually("they are gone", || containers_of(harness.id()).is_empty());
    for directory in processes::directories_of_harness(harness.id()) {
        std::fs::remove_dir_all(directory).unwrap();
    }
}

#[test]
fn no_engine_is_a_message_with_the_mend() {
    let home = tempfile::tempdir().unwrap();
    let output = lockstorm(home.path(), &["scenario", "calm", "--launch", "containers"])
        .env("DOCKER_HOST", "unix:///nonexistent/engine.sock")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(11));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no container engine answers"), "{said}");
    assert!(said.contains("ci/setup --containers"), "{said}");
}
