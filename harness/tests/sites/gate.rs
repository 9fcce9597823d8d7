//! The gate: a suite in two parts, put together, and judged with a baseline and without.

use crate::common::{lockstorm, permit};
use std::fs;
use std::path::Path;

fn run(home: &Path, arguments: &[&str]) -> (i32, String) {
    let output = lockstorm(home, arguments).output().unwrap();
    let code = output.status.code().expect("it ends by itself, not by a signal");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (code, format!("exit code {code}\n{}{}", text(&output.stdout), text(&output.stderr)))
}

/// What check-then-create breaks, in every scenario of the smoke suite.
fn baseline(reason: &str, more: &str) -> String {
    let mut text = String::from("accepted:\n");
    for scenario in ["calm", "partition", "crash", "clock-skew", "server-restart", "sweep"] {
        for invariant in ["mutual_exclusion", "no_lost_update"] {
            text.push_str(&format!(
                "- {{scenario: {scenario}, invariant: {invariant}, reason: {reason}{more}}}\n"
            ));
        }
    }
    text
}

#[test]
fn the_parts_of_a_suite_are_one_whole_and_a_baseline_says_what_is_accepted() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let part = |part: &str, out: &str| {
        let gate = ["gate", "--lock", "check-then-create", "--jobs", "1", "--quiet"];
        run(home, &[&gate[..], &["--shard", part, "--out", out]].concat())
    };
    for (name, out) in [("1/2", "first"), ("2/2", "second")] {
        let (code, said) = part(name, out);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("REFUSED") && said.contains("$ lockstorm "), "{said}");
    }
    let (code, said) = run(home, &["merge", "first", "second", "--out", "whole"]);
    assert_eq!(code, 0, "{said}");
    let results = fs::read_to_string(home.join("whole/results.jsonl")).unwrap();
    let (swept, told): (Vec<&str>, Vec<&str>) =
        results.lines().partition(|line| line.contains("\"scenario\":\"sweep\""));
    assert_eq!(told.len(), 15, "{} of the sweep", swept.len());
    // Those of both parts, and the run without faults once.
    assert!((30..=41).contains(&swept.len()), "{}", swept.len());

    let judge = |file: &str, text: &str| {
        fs::write(home.join(file), text).unwrap();
        let gate = ["gate", "--lock", "check-then-create", "--judge", "whole", "--quiet"];
        run(home, &[&gate[..], &["--unknown", "pass", "--baseline", file]].concat())
    };
    let (code, said) = judge("accepts.yaml", &baseline("it is known", ""));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("accepted  check-then-create in calm: mutual exclusion"), "{said}");
    let (code, said) = judge("expired.yaml", &baseline("it is known", ", until: 2001-01-01"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("expired") && said.contains("refused"), "{said}");
    let more = "- {scenario: calm, invariant: no_early_break, reason: it was}\n";
    let (code, said) = judge("needless.yaml", &(baseline("it is known", "") + more));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("needless  any lock in calm: no early break"), "{said}");
    let (code, said) = run(home, &["merge", "first", "first", "--out", "whole"]);
    assert_eq!(code, 10, "{said}");
    stands_alone(home);
}

/// The whole is moved, the parts are gone: its report, its runs' pages and their files are there.
fn stands_alone(home: &Path) {
    for part in ["first", "second"] {
        fs::remove_dir_all(home.join(part)).unwrap();
    }
    fs::create_dir(home.join("elsewhere")).unwrap();
    fs::rename(home.join("whole"), home.join("elsewhere/whole")).unwrap();
    let (code, said) = run(home, &["report", "elsewhere/whole", "--to", "html"]);
    assert_eq!(code, 0, "{said}");
    let run_directory = home.join("elsewhere/whole/runs/check-then-create/calm/1");
    for file in ["report.html", "history.jsonl", "wire.pcapng", "console"] {
        assert!(run_directory.join(file).exists(), "{file}");
    }
    let (code, said) = run(home, &["recheck", run_directory.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Violation 1: mutual exclusion"), "{said}");
}

#[test]
fn a_gate_without_time_passes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let gate = ["gate", "--lock", "fcntl", "--budget", "0s"];
    let (code, said) = run(home.path(), &gate);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("UNKNOWN: nothing was run"), "{said}");
    assert!(said.contains("left out  3 runs of fcntl in calm: there was no time"), "{said}");
    assert!(said.contains("15 more runs left out"), "{said}");
}

#[test]
fn wrong_arguments_run_nothing() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("bad.yaml"), "accepted:\n- {scenario: calm}\n").unwrap();
    for (arguments, words) in [
        (&["--lock", "fcntl", "--shard", "3/2"][..], "expected a part"),
        (&["--lock", "fcntl", "--budget", "soon"], "expected a number and a unit"),
        (&["--lock", "fcntl", "--baseline", "bad.yaml"], "the key `reason` is missing"),
        (&["--lock", "fcntl", "--baseline", "none.yaml"], "none.yaml"),
        (&[], "--lock"),
    ] {
        let (code, said) = run(home.path(), &[&["gate"], arguments].concat());
        assert_eq!(code, 10, "{said}");
        assert!(said.contains(words), "{said}");
    }
}
