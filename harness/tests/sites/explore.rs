//! `lockstorm explore`, and the corpora that it leaves.

use crate::common::{lockstorm, permit};
use std::fs;
use std::path::Path;

fn run(home: &Path, arguments: &[&str]) -> (i32, String) {
    let output = lockstorm(home, arguments).output().unwrap();
    let code = output.status.code().expect("it ends by itself, not by a signal");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (code, format!("exit code {code}\n{}{}", text(&output.stdout), text(&output.stderr)))
}

fn explore(home: &Path, more: &[&str]) -> (i32, String) {
    run(home, &[&["explore", "--quiet", "--runs", "4", "--discard-valid"], more].concat())
}

#[test]
fn the_same_seed_makes_the_same_search_however_many_sites_are_side_by_side_and_goes_on() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for (jobs, out) in [("1", "one"), ("2", "two")] {
        let (code, said) = explore(home, &["--locks", "link", "--jobs", jobs, "--out", out]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("link: 0 of 4 runs broke a promise"), "{said}");
    }
    let index = |out: &str| fs::read_to_string(home.join(out).join("corpus/corpus.jsonl")).unwrap();
    assert_eq!(index("one"), index("two"));
    // What was made is not made again.
    let runs = || fs::read_to_string(home.join("one/results.jsonl")).unwrap().lines().count();
    let before = runs();
    let (_, said) = explore(home, &["--locks", "link", "--out", "one"]);
    assert!(said.contains("explored  4 runs of 1 lock"), "{said}");
    assert_eq!(runs(), before);
    let (code, said) = run(home, &["corpus", "merge", "one", "two", "--out", "both"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fs::read_to_string(home.join("both/corpus.jsonl")).unwrap(), index("one"));
    let (code, said) = run(home, &["corpus", "minimise", "both"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_lock_that_fails_when_nothing_happens_is_told_with_its_run_and_left_out() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let (code, said) = explore(home.path(), &["--locks", "ignores-eexist", "--out", "out"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("left out: ignores-eexist: it breaks a promise when nothing"), "{said}");
    assert!(home.path().join("out/runs/ignores-eexist/calm/1/report.json").exists(), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_run() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("empty")).unwrap();
    fs::write(home.join("empty/corpus.jsonl"), "{\"format\":1,\"lockstorm\":\"0.0.1\"}\n").unwrap();
    fs::write(home.join("known.yaml"), "known:\n- {reason: it is}\n").unwrap();
    for (arguments, expected) in [
        (&["--corpus", "empty"][..], "a corpus of lockstorm 0.0.1"),
        (&["--corpus", "nowhere"], "nowhere"),
        (&["--known", "known.yaml"], "every finding would be this one"),
        (&["--until-quiet", "0"], "until-quiet"),
        (&["--locks", "no-such-lock"], "no-such-lock"),
    ] {
        let (code, said) = explore(home, &[arguments, &["--out", "out"]].concat());
        assert_eq!(code, 10, "{said}");
        assert!(said.contains(expected), "{said}");
    }
    assert!(!home.join("out").exists());
}

#[test]
fn a_budget_that_is_too_small_for_a_run_is_told() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = ["explore", "--quiet", "--locks", "link", "--budget", "1ms", "--out", "out"];
    let (code, said) = run(home.path(), &arguments);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("--budget is spent before anything is explored"), "{said}");
}
