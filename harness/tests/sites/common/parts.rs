//! A batch in parts: a short one, and what has to be in the whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A matrix of eight short runs, or of as many as there are seeds twice.
pub fn short_matrix(seeds: u64) -> Vec<String> {
    let mut words: Vec<String> = [
        "matrix",
        "--locks=fcntl",
        "--scenarios=calm,crash",
        "--set=workload.cycles.time=20s",
        "--set=expect.critical_sections=3",
        "--quiet",
    ]
    .map(String::from)
    .to_vec();
    words.push(format!("--seeds={seeds}"));
    words
}

/// The keys of the runs in a result set, one for each line.
fn runs(set: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(set.join("results.jsonl")).unwrap();
    let key = |line: &str| {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(run["verdict"], "valid", "{line}");
        (run["scenario"].as_str().unwrap().to_owned(), run["seed"].as_u64().unwrap())
    };
    text.lines().map(key).collect()
}

/// The whole has every run of [`short_matrix`], once.
pub fn expect_each_run_once(whole: &Path, seeds: u64) {
    let runs = runs(whole);
    let once: BTreeSet<(String, u64)> = runs.iter().cloned().collect();
    let scenarios = ["calm", "crash"].into_iter();
    let wanted = scenarios.flat_map(|name| (1..=seeds).map(move |seed| (name.to_owned(), seed)));
    assert_eq!(once, wanted.collect());
    assert_eq!(runs.len(), once.len(), "{runs:?}");
}

/// A directory with a `lockstorm` that writes its arguments into the file `called` and does
/// nothing.
pub fn stub(home: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let (bin, called) = (home.join("bin"), home.join("called"));
    fs::create_dir_all(&bin).unwrap();
    let program = bin.join("lockstorm");
    let text = format!("#!/bin/sh\nprintf '%s\\n' lockstorm \"$@\" >'{}'\n", called.display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

/// The part that the stub was called for, of a command that lockstorm understands.
pub fn called_for(home: &Path) -> String {
    let words = fs::read_to_string(home.join("called")).unwrap();
    let matches = lockstorm::cli::command().try_get_matches_from(words.lines());
    let matches = matches.unwrap_or_else(|error| panic!("{words}: {error}"));
    let (_, command) = matches.subcommand().unwrap();
    assert!(command.get_raw("out").is_some(), "{words}");
    let mut shard = command.get_raw("shard").unwrap_or_else(|| panic!("no part in {words}"));
    shard.next().unwrap().to_str().unwrap().to_owned()
}

/// The built lockstorm first among the programs.
pub fn with_lockstorm(command: &mut Command, bin: Option<&Path>) {
    let built = Path::new(env!("CARGO_BIN_EXE_lockstorm")).parent().unwrap();
    let bin = bin.unwrap_or(built).display();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    command.env("PATH", path).stdin(Stdio::null());
}
