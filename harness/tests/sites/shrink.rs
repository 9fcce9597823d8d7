//! A violation is shrunk to a file that shows it again, and explained.

use crate::common::{lockstorm, permit};
use std::fs;
use std::path::Path;

/// Runs a command; answers its exit code, what it printed, and what it said beside that.
fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = lockstorm(home, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A race of a lock that is none, with a fault, a client and a setting that have no part in it.
const STORY: &str = "\
site: {clients: 3, wire: {latency: 10ms}}
lock: {name: check-then-create}
workload: {cycles: {rounds: 10, think: 0s..50ms}}
faults:
  - {when: {at: 1.7s}, strike: {reset: {node: c3}}, may_miss: true}
";

#[test]
fn a_violation_is_shrunk_to_a_file_that_shows_it_again() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("story.yaml"), STORY).unwrap();
    let (code, run_said, _) = run(home.path(), &["scenario", "story.yaml", "--out", "run"]);
    assert_eq!(code, Some(1), "{run_said}");
    let arguments = ["shrink", "run", "--seeds", "3", "--out", "small.yaml"];
    let (code, printed, said) = run(home.path(), &arguments);
    assert_eq!(code, Some(0), "{printed}{said}");
    let small = fs::read_to_string(home.path().join("small.yaml")).unwrap();
    assert!(printed.starts_with(&small) && small.contains("verdict: broken_promise"), "{printed}");
    assert!(small.lines().count() < 16 && !small.contains("faults:"), "{small}");
    let command = printed.lines().find_map(|line| line.strip_prefix("$ lockstorm ")).unwrap();
    let arguments: Vec<&str> = command.split(' ').collect();
    let (code, shown, _) = run(home.path(), &arguments);
    assert_eq!(code, Some(1), "{shown}");
    assert!(!shown.contains("Not as expected"), "{shown}");
}

#[test]
fn a_violation_is_explained_by_one_change_at_a_time() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("story.yaml"), STORY).unwrap();
    let arguments = ["explain", "story.yaml", "--seeds", "2", "--out", "set", "--quiet"];
    let (code, printed, said) = run(home.path(), &arguments);
    assert_eq!(code, Some(0), "{printed}{said}");
    assert!(printed.starts_with("check-then-create in story: mutual exclusion"), "{printed}");
    for change in ["without fault 1 (reset c3)", "mounted with noac", "NFS 4.1", "latency of a LAN"]
    {
        assert!(printed.contains(change), "{change}: {printed}");
    }
    let page = fs::read_to_string(home.path().join("set/explanation.html")).unwrap();
    assert!(page.contains("fault 1 (reset c3)"));
}

#[test]
fn what_cannot_be_looked_into_is_told_with_the_mend() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let text = "lock: {name: fcntl}\nworkload: {cycles: {rounds: 1}}\n";
    fs::write(home.path().join("calm.yaml"), text).unwrap();
    for (arguments, words) in [
        (&["shrink", "calm.yaml", "--seed", "1"][..], "no promise is broken"),
        (&["explain", "calm.yaml", "--lock", "fnctl"], "did you mean `fcntl`?"),
        (&["shrink", "calm.yaml", "--lock-versions", "1"], "such as 8.0..10.0"),
        (&["shrink", "calm.yaml", "--kernels", "6.12"], "expected several"),
        (&["shrink", "nowhere"], "no scenario `nowhere`"),
    ] {
        let (code, _, said) = run(home.path(), arguments);
        assert_eq!(code, Some(10), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
