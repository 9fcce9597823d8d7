//! The matrix: many runs, one table, and nothing lost.

use crate::common::{eventually, lockstorm, permit, size};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Two locks, two scenarios; short stories.
fn matrix(home: &Path, locks: &str, more: &[&str]) -> Command {
    let mut command = lockstorm(home, &["matrix", "--locks", locks, "--scenarios", "calm,crash"]);
    command.args(["--set", "workload.cycles.time=20s", "--set", "expect.critical_sections=3"]);
    command.args(["--jobs", "1"]).args(more);
    command
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("it ends by itself, not by a signal");
    format!("exit code {code}\n{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn locks_against_scenarios_are_one_table_and_made_only_once() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let first = matrix(home.path(), "fcntl,check-then-create", &[]).output().unwrap();
    assert_eq!(first.status.code(), Some(1), "{}", said(&first));
    let table = String::from_utf8_lossy(&first.stdout).into_owned();
    for words in ["fcntl", "check-then-create", "calm", "crash"] {
        assert!(table.contains(words), "{table}");
    }
    let notes = String::from_utf8_lossy(&first.stderr).into_owned();
    let set = notes.lines().find_map(|line| line.strip_prefix("the results are in ")).unwrap();
    let results = home.path().join(set).join("results.jsonl");
    let made = fs::read_to_string(&results).unwrap();
    assert_eq!(made.lines().count(), 4, "{made}");
    let again = matrix(home.path(), "fcntl,check-then-create", &[]).output().unwrap();
    assert_eq!((again.status.code(), &again.stdout), (Some(1), &first.stdout));
    assert_eq!(fs::read_to_string(&results).unwrap(), made);
    let runs = home.path().join(set).join("runs");
    assert!(!runs.join("fcntl/calm/1/wire.pcapng").exists(), "a valid run's can be made again");
    assert!(runs.join("check-then-create/calm/1/wire.pcapng").exists());
}

#[test]
fn a_matrix_that_is_interrupted_goes_on_where_it_was() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--seeds", "2", "--out", "set"];
    let mut child =
        matrix(home.path(), "fcntl", &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let results = home.path().join("set/results.jsonl");
    eventually("a run has ended", || size(&results) > 0);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = fs::read_to_string(&results).unwrap();
    assert!(before.lines().count() < 4, "{before}");
    let rest = matrix(home.path(), "fcntl", &arguments).output().unwrap();
    assert_eq!(rest.status.code(), Some(0), "{}", said(&rest));
    let after = fs::read_to_string(&results).unwrap();
    assert!(after.starts_with(&before), "what was made stays:\n{before}\n{after}");
    assert_eq!(after.lines().count(), 4, "{after}");
}

#[test]
fn a_lock_that_cannot_be_had_is_a_row_and_the_rest_goes_on() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("bad")).unwrap();
    fs::write(home.path().join("bad/profile.yaml"), "name: bad\nlokc: 1\n").unwrap();
    let locks = "fcntl,bad/profile.yaml,flufl.lock@99.0";
    let output = matrix(home.path(), locks, &["--out", "set"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let results = fs::read_to_string(home.path().join("set/results.jsonl")).unwrap();
    assert_eq!(results.lines().filter(|line| line.contains("\"valid\"")).count(), 2, "{results}");
    assert!(results.contains("unknown key `lokc`"), "{results}");
    assert!(results.contains("lock `flufl.lock`: pip failed"), "{results}");
}

#[test]
fn wrong_arguments_run_nothing() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&["--locks", "fcntl,flufl.lokc"][..], "did you mean `flufl.lock`?"),
        (&["--scenarios", "clam"], "did you mean `calm.yaml`?"),
        (&["--seeds", "0"], "expected a number of seeds"),
        (&["--set", "nonsense"], "this has no `=`"),
    ] {
        let mut command = lockstorm(home.path(), &["matrix"]);
        let output = command.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(10), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
