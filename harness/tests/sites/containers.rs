//! Nodes in containers: the same verdicts and the same histories, and nothing left behind. They
//! need what `ci/setup --tests` brings, a container engine with our image among it.

use crate::common::{Ended, lockstorm, permit, processes, scenario};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn history(run: &Ended) -> String {
    run.report().provenance.history_sha256
}

#[rstest]
fn a_shipped_scenario_has_the_same_history_in_containers(
    #[files("../scenarios/*.yaml")] file: PathBuf,
) {
    let file = file.to_str().unwrap();
    let local = scenario(file, &["--launch", "local"]);
    let contained = scenario(file, &["--launch", "containers"]);
    assert_eq!(local.code, contained.code, "{}", contained.said());
    assert_eq!(local.report().verdict, contained.report().verdict, "{}", contained.said());
    assert_eq!(history(&local), history(&contained), "{}", contained.said());
}

#[test]
fn the_real_clock_and_containers_go_together() {
    let run = scenario("calm", &["--launch", "containers", "--clock", "real"]);
    // Where other tests keep the host busy, it rightly says that it proves nothing.
    let is_late = run.code == 2 && run.stdout.contains("the host was too busy for the real clock");
    assert!(run.code == 0 || is_late, "{}", run.said());
    assert!(run.report().findings.is_empty(), "{}", run.said());
}

/// The containers of a harness: those that have its site's directory.
fn containers_of(harness: u32) -> Vec<String> {
    let format = "{{.ID}} {{.Mounts}}";
    let filter = "label=lockstorm.node";
    let arguments = ["ps", "--all", "--no-trunc", "--filter", filter, "--format", format];
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let site = format!("lockstorm-{harness}-");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter(|line| line.contains(&site)).map(str::to_owned).collect()
}

fn wait_until(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
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
    wait_until("it has four containers", || containers_of(harness.id()).len() == 4);
    kill(Pid::from_raw(harness.id() as i32), Signal::SIGKILL).unwrap();
    harness.wait().unwrap();
    wait_until("they are gone", || containers_of(harness.id()).is_empty());
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
