//! Every command that lockstorm prints works when it is pasted, where it was printed. No site is
//! run here: each command must come as far as to ask for the set-up that is not there.

use crate::common::without_sites::{PROFILE, full_cache, lockstorm, run};
use lockstorm_reports::set::{End, FORMAT, Header, RunSummary};
use lockstorm_reports::{Report, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The exit code of a command that lacks the set-up alone.
const SET_UP_MISSING: i32 = 11;
const FORMATS: [&str; 7] = ["text", "html", "markdown", "junit", "tap", "github", "json"];

/// A run that nothing but its own plan makes again.
fn violated() -> Report {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/samples/violated/report.json");
    let mut report = json::read(&fs::read_to_string(path).unwrap()).unwrap();
    report.reproduce.clear();
    report
}

/// A set in `path` below the cache, whose runs are of a story that was changed.
fn write_set(cache: &Path, path: &str) {
    let plan = run(cache, &["plan", "calm", "--lock", "flufl.lock", "--set", "site.clients=2"]).1;
    let set = cache.join(path);
    let mut lines = String::new();
    for seed in 1..=3 {
        let mut report = violated();
        (report.scenario.name, report.scenario.seed) = ("calm".into(), seed);
        report.lock.name = "flufl.lock".into();
        let directory = format!("runs/flufl.lock/calm/{seed}");
        let files = set.join(&directory);
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("plan.yaml"), &plan).unwrap();
        fs::write(files.join("report.json"), json::render(&report)).unwrap();
        lines += &RunSummary::of(&report, Some(&directory)).line();
    }
    fs::write(set.join("results.jsonl"), lines).unwrap();
    let header = Header { format: FORMAT, ..Header::default() };
    fs::write(set.join("set.json"), header.to_json()).unwrap();
    fs::write(set.join("identity.json"), "{}").unwrap();
}

/// The commands that run something, as somebody would copy them out of a text.
fn commands(text: &str) -> Vec<String> {
    let mut plain = text.replace("%0A", "\n");
    for (escaped, sign) in [("&apos;", "'"), ("&#39;", "'"), ("&quot;", "\""), ("\\n", "\n")] {
        plain = plain.replace(escaped, sign);
    }
    let mut found = Vec::new();
    for verb in ["replay", "scenario", "explain"] {
        let start = format!("lockstorm {verb} ");
        let begins = plain.match_indices(&start).map(|(at, _)| &plain[at..]);
        let line = |rest: &str| rest.split(['\n', '<', '`', '"']).next().unwrap().trim().to_owned();
        found.extend(begins.map(line));
    }
    found.sort();
    found.dedup();
    found
}

/// Has a shell run a command as it stands.
fn paste(cache: &Path, command: &str) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_lockstorm")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(cache)
        .env("XDG_CACHE_HOME", cache)
        .env("PATH", path)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Pastes all commands of a text; how many there were.
fn paste_all(cache: &Path, what: &str, text: &str) -> usize {
    let found = commands(text);
    for command in &found {
        // To explain a run, it would be made first, many times: that it is there must do.
        let (command, wanted) = match command.strip_prefix("lockstorm explain ") {
            Some(directory) => (format!("test -e {directory}/plan.yaml"), 0),
            None => (command.clone(), SET_UP_MISSING),
        };
        let (code, said) = paste(cache, &command);
        assert_eq!(code, Some(wanted), "{what}: {command}\n{said}");
    }
    found.len()
}

#[test]
fn every_printed_command_works_where_it_is_printed_in_every_format() {
    let cache = full_cache();
    let home = cache.path();
    let (base, new) = ("a set", "new");
    write_set(home, base);
    write_set(home, new);
    let lines = fs::read_to_string(home.join(new).join("results.jsonl")).unwrap();
    fs::write(home.join(new).join("results.jsonl"), lines.replace("\"calm\"", "\"crash\""))
        .unwrap();
    let lone = format!("{base}/runs/flufl.lock/calm/2");
    for format in FORMATS {
        for (arguments, has_some) in [
            (&["report", base][..], format != "json"),
            // As text, a run is told with its directory.
            (&["report", &lone], !["json", "text"].contains(&format)),
            (&["compare", base, new], ["text", "html", "markdown"].contains(&format)),
            (&["gate", "--judge", base, "--lock", "flufl.lock"], true),
            (&["matrix", "--judge", base], format != "json"),
        ] {
            let (_, said, errors) = run(home, &[arguments, &["--format", format]].concat());
            let what = format!("{arguments:?} as {format}");
            let count = paste_all(home, &what, &(said.clone() + &errors));
            assert!(count > 0 || !has_some, "{what}: {said}{errors}");
        }
    }
    // Pages are read where they were made.
    assert_eq!(run(home, &["report", base, "--to", "html,markdown,junit"]).0, 0);
    for page in ["report.html", "report.md", "junit.xml", "runs/flufl.lock/calm/1/report.html"] {
        let text = fs::read_to_string(home.join(base).join(page)).unwrap();
        assert!(paste_all(home, page, &text) > 0, "{page}");
    }
}

#[test]
fn a_run_that_was_not_made_is_told_with_the_command_that_makes_it() {
    let cache = full_cache();
    let home = cache.path();
    let own = home.join("my own");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("adapter.py"), "").unwrap();
    fs::write(own.join("profile.yaml"), PROFILE.replace("flufl.lock", "mine")).unwrap();
    let matrix =
        ["matrix", "--locks", "my own/profile.yaml", "--scenarios", "calm", "--out", "set"];
    let set = ["--set", "site.clients=2", "--kernel", "7.2"];
    let (code, said, _) = run(home, &[&matrix[..], &set].concat());
    assert_eq!(code, 2, "{said}");
    let command = "lockstorm scenario calm --lock 'my own/profile.yaml' --set site.clients=2 \
                   --seed 1 --kernel 7.2";
    assert!(said.contains(command), "{said}");
    assert!(paste_all(home, "the table", &said) > 0);
    let results = fs::read_to_string(home.join("set/results.jsonl")).unwrap();
    let run: RunSummary = serde_json::from_str(results.trim()).unwrap();
    assert!(matches!(run.end, End::NotMade { .. }));
    assert!(lockstorm(home, &["report", "set"]).output().unwrap().status.success());
}
