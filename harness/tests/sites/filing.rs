//! Where results go: filed by what was run, and never anywhere else. No site is run here.

use crate::common::without_sites::{
    PROFILE, empty_cache, full_cache, kept_report, lockstorm, ready, run, write_set,
};
use std::fs;
use std::path::Path;

#[test]
fn what_is_not_there_is_bad_input_and_nothing_is_made() {
    let home = empty_cache();
    for arguments in [
        &["compare", "nowhere", "nowhere"][..],
        &["merge", "nowhere", "--out", "whole"],
        &["gate", "--lock", "fcntl", "--judge", "nowhere"],
        &["recheck", "nowhere"],
        &["replay", "nowhere", "--out", "again"],
        &["scenario", "calm", "--with", "nowhere"],
        &["matrix", "--locks", "flufl.lock", "--with", "nowhere", "--out", "set"],
    ] {
        let cache = full_cache();
        let (code, _, said) = run(cache.path(), arguments);
        assert_eq!(code, 10, "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains("nowhere"), "{said}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "its cache: {arguments:?}");
    }
    assert_eq!(run(home.path(), &["report", "nowhere", "--to", "html", "--out", "new"]).0, 10);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_is_there_is_no_place_for_a_run() {
    let cache = full_cache();
    fs::create_dir(cache.path().join("mine")).unwrap();
    fs::write(cache.path().join("file"), "").unwrap();
    let long = "x".repeat(300);
    for (out, words) in
        [("mine", "something is there already"), ("file", "something is there already")]
    {
        let (code, _, said) = run(cache.path(), &["scenario", "calm", "--out", out]);
        assert_eq!(code, 10, "{said}");
        assert!(said.contains(words) && said.contains("name a new directory"), "{said}");
    }
    ready(cache.path());
    for out in ["file/below", &long] {
        let (code, _, said) = run(cache.path(), &["scenario", "calm", "--out", out]);
        assert_eq!(code, 10, "{said}");
        let set = ["matrix", "--locks", "flufl.lock", "--scenarios", "calm", "--out", out];
        let (code, _, said) = run(cache.path(), &set);
        assert_eq!(code, 10, "{said}");
    }
}

#[test]
fn a_run_that_is_refused_leaves_no_directory() {
    let cache = full_cache();
    ready(cache.path());
    let arguments = ["scenario", "calm", "--launch", "containers", "--out", "run"];
    // An engine that nobody has, for a lockstorm that would ask one.
    let mut command = lockstorm(cache.path(), &arguments);
    let output = command.env("DOCKER_HOST", "unix:///nowhere").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(10 | 11)), "{said}");
    assert!(!cache.path().join("run").exists(), "{said}");
}

#[test]
fn a_name_that_leads_elsewhere_is_bad_input_for_every_command() {
    let cache = full_cache();
    ready(cache.path());
    let story = "lock: {name: flufl.lock}\nworkload: {cycles: {}}\n";
    let long = "x".repeat(300);
    for name in ["../../..", ".", "a/b", &long] {
        fs::write(cache.path().join("story.yaml"), format!("name: {name}\n{story}")).unwrap();
        for command in [
            &["scenario", "story.yaml"][..],
            &["plan", "story.yaml"],
            &["matrix", "--locks", "flufl.lock", "--scenarios", "story.yaml"],
        ] {
            let (code, _, said) = run(cache.path(), command);
            assert_eq!(code, 10, "{said}");
            assert!(said.contains("--> story.yaml:1:7") && said.contains("name: "), "{said}");
        }
    }
    assert!(!cache.path().join("lockstorm-runs").exists());
    let plan = run(cache.path(), &["plan", "calm"]).1;
    let plan = plan.replacen("  name: calm\n", "  name: ../../..\n", 1);
    fs::write(cache.path().join("plan.yaml"), plan).unwrap();
    for command in ["replay", "recheck"] {
        let (code, _, said) = run(cache.path(), &[command, "."]);
        assert_eq!(code, 10, "{said}");
        assert!(said.contains("`../../..` cannot be a scenario's name"), "{said}");
    }
}

/// The results of a matrix whose runs cannot be made: no language is in the node image.
fn matrix(cache: &Path, more: &[&str]) -> (i32, String, Vec<String>) {
    let (code, _, said) = run(cache, &[&["matrix", "--out", "set"], more].concat());
    let results = fs::read_to_string(cache.join("set/results.jsonl")).unwrap_or_default();
    (code, said, results.lines().map(str::to_owned).collect())
}

#[test]
fn the_same_job_twice_is_one_job() {
    let cache = full_cache();
    let own = cache.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("adapter.py"), "").unwrap();
    fs::write(own.join("profile.yaml"), PROFILE.replace("flufl.lock", "own")).unwrap();
    let story = run(cache.path(), &["list", "scenarios"]).0;
    assert_eq!(story, 0);
    let scenarios = ["--scenarios", "calm,crash,calm,calm.yaml"];
    let locks = ["--locks", "flufl.lock,all,flufl.lock"];
    let (code, said, results) = matrix(cache.path(), &[scenarios, locks].concat());
    assert_eq!(code, 2, "{said}");
    assert_eq!(results.len(), 2, "{results:?}");
}

#[test]
fn different_stories_or_locks_of_one_name_are_told_apart_before_anything_runs() {
    let cache = full_cache();
    for folder in ["d1", "d2"] {
        let text =
            format!("about: {folder}\nlock: {{name: flufl.lock}}\nworkload: {{cycles: {{}}}}\n");
        fs::create_dir(cache.path().join(folder)).unwrap();
        fs::write(cache.path().join(folder).join("x.yaml"), text).unwrap();
        fs::write(cache.path().join(folder).join("adapter.py"), "").unwrap();
        fs::write(cache.path().join(folder).join("profile.yaml"), PROFILE).unwrap();
    }
    let lock = ["--locks", "flufl.lock"];
    let (code, said, _) =
        matrix(cache.path(), &[&lock[..], &["--scenarios", "d1/x.yaml,d2/x.yaml"]].concat());
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("`d1/x.yaml` and `d2/x.yaml` are both called `x`"), "{said}");
    for locks in ["flufl.lock,d1/profile.yaml", "d1,./d2/profile.yaml"] {
        let locks = locks.replace("d1,", "./d1,");
        let (code, said, _) = matrix(cache.path(), &["--locks", &locks, "--scenarios", "calm"]);
        assert_eq!(code, 10, "{said}");
        assert!(said.contains("would both be filed as `flufl.lock`"), "{said}");
    }
    let again = ["--scenarios", "d1/x.yaml,./d1/x.yaml", "--locks", "flufl.lock"];
    assert_eq!(matrix(cache.path(), &again).2.len(), 1);
}

#[test]
fn a_matrix_of_which_nothing_can_run_is_bad_input() {
    let cache = full_cache();
    let own = cache.path().join("own");
    fs::create_dir(&own).unwrap();
    let plain = PROFILE.replace("flufl.lock", "own").replace("lifetime:", "# lifetime:");
    fs::write(own.join("adapter.py"), "").unwrap();
    fs::write(own.join("profile.yaml"), plain).unwrap();
    let matrix = |locks| {
        let set = ["--set", "lock.lifetime=10s", "--scenarios", "calm", "--locks", locks];
        matrix(cache.path(), &set)
    };
    let (code, said, _) = matrix("own/profile.yaml");
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("--> --set lock.lifetime=10s"), "{said}");
    assert!(!cache.path().join("set").exists(), "{said}");
    let (code, said, results) = matrix("own/profile.yaml,flufl.lock");
    assert_eq!((code, results.len()), (2, 2), "the other one can: {said}");
}

#[test]
fn a_matrix_of_other_things_has_a_directory_of_its_own() {
    let cache = full_cache();
    let sets = || {
        let entries = fs::read_dir(cache.path().join("lockstorm-runs")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<String>>()
    };
    let matrix = |more: &[&str]| {
        let lock = ["matrix", "--locks", "flufl.lock", "--scenarios", "calm"];
        let (code, _, said) = run(cache.path(), &[&lock, more].concat());
        assert_eq!(code, 2, "{said}");
        said
    };
    let said = matrix(&[]);
    let first = sets().pop_first().unwrap();
    assert!(said.contains(&format!("the results are in lockstorm-runs/{first}")), "{said}");
    assert!(first.starts_with("matrix-") && first.len() == "matrix-".len() + 8, "{first}");
    matrix(&["--seeds", "2"]);
    assert_eq!(sets().len(), 1, "the same things with more seeds go on there");
    matrix(&["--set", "site.clients=2"]);
    matrix(&["--kernel", "7.2"]);
    assert_eq!(sets().len(), 3, "{:?}", sets());
}

#[test]
fn a_set_is_not_gone_on_with_after_its_story_has_changed() {
    let cache = full_cache();
    let story = cache.path().join("story.yaml");
    let text = "lock: {name: flufl.lock}\nworkload: {cycles: {time: 20s}}\n";
    let arguments = ["--locks", "flufl.lock", "--scenarios", "story.yaml"];
    fs::write(&story, text).unwrap();
    for _ in 0..2 {
        assert_eq!(matrix(cache.path(), &arguments).0, 2);
    }
    fs::write(&story, text.replace("20s", "30s")).unwrap();
    let (code, said, _) = matrix(cache.path(), &arguments);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("have changed since it was made"), "{said}");
}

#[test]
fn a_gate_says_what_it_replaces_and_leaves_none_of_its_pages() {
    let cache = full_cache();
    let own = cache.path().join("own");
    fs::create_dir(&own).unwrap();
    let profile = PROFILE.replace("flufl.lock", "other").replace("[python3", "[python");
    fs::write(own.join("adapter.py"), "").unwrap();
    fs::write(own.join("profile.yaml"), profile).unwrap();
    let gate = |lock: &str| run(cache.path(), &["gate", "--lock", lock, "--seeds", "1"]).2;
    gate("flufl.lock");
    let set = "lockstorm-runs/gate";
    assert_eq!(run(cache.path(), &["report", set, "--to", "html,junit"]).0, 0);
    let said = gate("own/profile.yaml");
    assert!(said.contains("replaces the results of `lockstorm gate --lock flufl.lock"), "{said}");
    for page in ["report.html", "junit.xml"] {
        assert!(!cache.path().join(set).join(page).exists(), "{page}");
    }
}

#[test]
fn a_set_that_leads_elsewhere_is_bad_input() {
    let home = empty_cache();
    kept_report(home.path());
    let text = fs::read_to_string(home.path().join("run/report.json")).unwrap();
    let report = lockstorm_reports::json::read(&text).unwrap();
    fs::create_dir(home.path().join("set")).unwrap();
    write_set(&home.path().join("set"), &report, "../run");
    let (code, _, said) = run(home.path(), &["report", "set", "--to", "html"]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("`../run` is no place for results"), "{said}");
    assert!(!home.path().join("run/report.html").exists());
    let (code, _, said) = run(home.path(), &["merge", "set", "--out", "whole"]);
    assert_eq!(code, 10, "{said}");
    assert!(!home.path().join("whole").exists(), "{said}");
}

/// A set of one run, which broke a promise in calm; and in the baseline, what it says.
fn judge(home: &Path, baseline: &str, more: &[&str]) -> (i32, String) {
    let path = home.join("baseline.yaml");
    fs::write(path, baseline).unwrap();
    let gate = ["gate", "--judge", ".", "--baseline", "baseline.yaml", "--quiet"];
    let (code, said, errors) = run(home, &[&gate, more].concat());
    (code, said + &errors)
}

fn violated_set(home: &Path) {
    kept_report(home);
    let text = fs::read_to_string(home.join("run/report.json")).unwrap();
    let mut report = lockstorm_reports::json::read(&text).unwrap();
    report.scenario.name = "calm".into();
    write_set(home, &report, "run");
}

#[test]
fn a_baseline_is_checked_like_code() {
    let cache = full_cache();
    violated_set(cache.path());
    let accept = |scenario: &str, more: &str| {
        format!(
            "accepted:\n- {{scenario: {scenario}, invariant: no_lost_update, reason: x{more}}}\n"
        )
    };
    for (scenario, more, words) in [
        ("two-breaker", "", "did you mean `two-breakers`?"),
        ("calm", ", lock: flufl.lok", "did you mean `flufl.lock`?"),
        ("calm", ", lock: nobodys", "no lock `nobodys`"),
    ] {
        let (code, said) = judge(cache.path(), &accept(scenario, more), &[]);
        assert_eq!(code, 10, "{said}");
        assert!(said.contains(words) && said.contains("--> baseline.yaml:2:"), "{said}");
    }
    let (code, said) = judge(cache.path(), "", &[]);
    assert_eq!(code, 1, "an empty one accepts nothing: {said}");
}

#[test]
fn what_a_gate_refuses_can_be_written_down_and_every_report_knows_what_it_decided() {
    let cache = full_cache();
    let home = cache.path();
    violated_set(home);
    let (code, said) = judge(home, "", &["--write-baseline", "new.yaml"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("REFUSED: 1 run") && said.contains("new.yaml: say there why"), "{said}");
    let (code, said) = judge(home, "", &["--write-baseline", "new.yaml"]);
    assert_eq!(code, 10, "it is there now: {said}");
    let written = fs::read_to_string(home.join("new.yaml")).unwrap();
    let (code, said) = judge(home, &written, &[]);
    assert_eq!(code, 0, "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("nobody has looked at it yet"), "{said}");
    assert!(said.contains("bound     0 of 1 run refused: at most 95.0 %"), "{said}");
    for (format, words) in [
        ("json", "\"verdict\": \"passed\""),
        ("junit", "<skipped message=\"accepted, broken promise: seen on"),
        ("html", "What is accepted, <code>baseline.yaml</code> says."),
        ("markdown", "✅ **PASSED: 1 run**"),
        ("text", "PASSED: 1 run"),
    ] {
        let (_, said, _) = run(home, &["report", ".", "--format", format]);
        assert!(said.contains(words), "{format}: {said}");
    }
}

#[test]
fn a_gate_judges_the_locks_that_it_is_told_and_takes_nothing_that_it_would_ignore() {
    let cache = full_cache();
    let home = cache.path();
    violated_set(home);
    let lock = |lock: &str| judge(home, "", &["--lock", lock]);
    let name = &fs::read_to_string(home.join("results.jsonl")).unwrap();
    let name: serde_json::Value = serde_json::from_str(name.trim()).unwrap();
    assert_eq!(lock(name["lock"].as_str().unwrap()).0, 1);
    let (code, said) = lock("fcntl");
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("there are no runs of `fcntl`"), "{said}");
    for ignored in [["--suite", "full"], ["--scenarios", "calm"], ["--with", "."]] {
        let (code, said) = judge(home, "", &ignored);
        assert_eq!(code, 10, "{said}");
        assert!(said.contains("cannot be used with"), "{said}");
    }
}

#[test]
fn a_gate_names_what_does_not_apply_to_a_lock() {
    let cache = full_cache();
    let own = cache.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("adapter.py"), "").unwrap();
    let plain = PROFILE.replace("flufl.lock", "own").replace("lifetime:", "# lifetime:");
    fs::write(own.join("profile.yaml"), plain).unwrap();
    let gate = ["gate", "--lock", "own/profile.yaml", "--scenarios", "calm,late-release,handover"];
    let more = ["--set", "site.clients=4", "--budget", "0s", "--seeds", "2"];
    let (code, said, _) = run(cache.path(), &[&gate[..], &more].concat());
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("left out  own in handover: does not apply: a lock of `own`"), "{said}");
    assert!(said.contains("left out  2 runs of own in calm: there was no time"), "{said}");
}

#[test]
fn wrong_arguments_are_told_for_what_they_are() {
    let cache = full_cache();
    let own = cache.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("profile.yaml"), PROFILE.replace("adapter.py", "nosuch.py")).unwrap();
    for (arguments, words) in [
        (&["matrix", "--seeds", "1..99999999999"][..], "make them in parts"),
        (&["scenario", "calm", "--seed", "-1"], "invalid value '-1'"),
        (&["list", "locks", "--json"], "unexpected argument '--json'"),
        (&["plan", "calm", "--lock", "own/profile.yaml"], "own/nosuch.py is not there"),
        (&["plan", "calm", "--with", "."], "nothing of `flufl.lock` is built from a tree"),
        (&["plan", "calm", "--lock", "/etc/passwd"], "…"),
        (&["plan", "calm", "--set", "lock.options.nosuch=1"], "no option `nosuch`"),
    ] {
        let (code, _, said) = run(cache.path(), arguments);
        assert_eq!(code, 10, "{said}");
        assert!(said.contains(words) && said.len() < 900, "{said}");
        assert!(!said.contains("use '--"), "{said}");
    }
}
