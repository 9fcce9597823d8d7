//! A saved run with one thing changed, and a saved run as a scenario.

use crate::common::{lockstorm, permit, read_report};
use std::fs;
use std::path::Path;

fn say(home: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = lockstorm(home, arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn history(run: &Path) -> String {
    read_report(run).unwrap().provenance.history_sha256
}

#[test]
fn a_run_with_one_thing_changed_tells_what_that_was_and_what_came_of_it() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let short = ["--set", "workload.cycles.time=5s", "--set", "expect.critical_sections=1"];
    let run = [&["scenario", "calm", "--out", "run"], &short[..]].concat();
    let (code, stdout, stderr) = say(home.path(), &run);
    assert_eq!(code, 0, "{stdout}{stderr}");

    // The server's new latency shows first in when it is up.
    let changed = ["replay", "run", "--set", "site.wire.latency=2ms", "--quiet", "--out", "slow"];
    let (code, stdout, stderr) = say(home.path(), &changed);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("Changed\n  site.wire.latency  100us -> 2ms\n"), "{stdout}");
    assert!(stdout.contains("\nHistories\n") && stdout.contains("another from line"), "{stdout}");
    assert!(stdout.ends_with("Verdicts\n  saved   valid\n  replay  valid\n"), "{stdout}");

    let (code, stdout, _) = say(home.path(), &["replay", "run", "--lock", "check-then-create"]);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("flufl.lock -> check-then-create"), "{stdout}");
    assert!(stdout.contains("  replay  violated: broken promise\n"), "{stdout}");
    assert!(stdout.contains("  mutual exclusion      kept -> violated, "), "{stdout}");

    // Nothing is changed: it is the same run.
    let (code, stdout, _) = say(home.path(), &["replay", "run", "--set", "site.clients=3"]);
    assert!(code == 0 && stdout.contains("nothing: the plan says so already"), "{stdout}");
    assert!(stdout.contains("the same as in run: "), "{stdout}");

    for wrong in [
        &["--set", "site.clients=99"][..],
        &["--lock", "flufl.lok"],
        &["--kernel", "7.9"],
        &["--kernel-args", "mem=1G"],
        &["--set", "site.clients=1", "--until", "2s", "--seed", "1"],
        &["--kernel", "6.12", "--until", "2s", "--seed", "1"],
    ] {
        let (code, _, stderr) = say(home.path(), &[&["replay", "run"], wrong].concat());
        assert_eq!(code, 10, "{wrong:?}: {stderr}");
    }
}

#[test]
fn a_run_as_a_scenario_gives_the_same_history() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let run = [
        "scenario",
        "partition",
        "--lock",
        "fcntl",
        "--seed",
        "5",
        "--set",
        "site.clients=2",
        "--set",
        "site.nfs.options=[noac]",
        "--kernel-args",
        "ignore_loglevel",
        "--out",
        "run",
        "--quiet",
    ];
    let (_, stdout, stderr) = say(home.path(), &run);
    assert!(!stdout.is_empty(), "{stderr}");
    let (code, text, stderr) = say(home.path(), &["plan", "run", "--as-scenario"]);
    assert_eq!(code, 0, "{stderr}");
    let command = text.lines().find_map(|line| line.strip_prefix("# $ lockstorm ")).unwrap();
    assert_eq!(command, "scenario story.yaml --seed 5 --kernel-args ignore_loglevel");
    fs::write(home.path().join("story.yaml"), &text).unwrap();
    let words: Vec<&str> = command.split(' ').chain(["--out", "again", "--quiet"]).collect();
    say(home.path(), &words);
    let [run, again] = ["run", "again"].map(|name| home.path().join(name));
    assert_eq!(history(&again), history(&run), "{text}");
    assert_eq!(
        fs::read(again.join("plan.yaml")).unwrap(),
        fs::read(run.join("plan.yaml")).unwrap()
    );
    assert!(
        read_report(&run).unwrap().notes.iter().any(|note| note.ends_with(": ignore_loglevel"))
    );

    let (code, _, stderr) = say(home.path(), &["plan", "run", "--seed", "2"]);
    assert!(code == 10 && stderr.contains("--seed: run is a saved run"), "{stderr}");
    let (code, plan, _) = say(home.path(), &["plan", "run"]);
    assert_eq!((code, plan.into_bytes()), (0, fs::read(run.join("plan.yaml")).unwrap()));
}
