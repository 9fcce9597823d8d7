//! The built command with a cache of its own, where no site can be run; and results that were kept.

use lockstorm::assets::Assets;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

pub const PROFILE: &str = "\
name: flufl.lock
kind: library
summary: a lock
layer: python
start: [python3, adapter.py]
primitive: link
lifetime: {default: 15s, least: 1s}
";

/// The command, with a cache of its own.
pub fn lockstorm(cache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstorm"));
    command.args(arguments).env("XDG_CACHE_HOME", cache).current_dir(cache);
    command
}

pub fn run(cache: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = lockstorm(cache, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

pub fn empty_cache() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A cache that looks as if set-up had been run.
pub fn full_cache() -> tempfile::TempDir {
    let cache = empty_cache();
    let assets = Assets::below(&cache.path().join("lockstorm"));
    let kernel = &assets.kernel;
    for part in [&kernel.linux, &kernel.seeded_random, &kernel.cpu_state_size, &assets.image] {
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(part, "").unwrap();
    }
    let lock = assets.locks.join("flufl.lock");
    fs::create_dir_all(&lock).unwrap();
    fs::write(lock.join("profile.yaml"), PROFILE).unwrap();
    cache
}

/// As far as can be seen before a kernel is started, it is all there.
pub fn ready(cache: &Path) {
    fs::write(Assets::below(&cache.join("lockstorm")).layers, "python\n").unwrap();
}

/// A set of one run, whose files are in `directory`.
pub fn write_set(set: &Path, report: &lockstorm_reports::Report, directory: &str) {
    let summary = lockstorm_reports::set::RunSummary::of(report, Some(directory));
    fs::write(set.join("results.jsonl"), summary.line()).unwrap();
    let header = lockstorm_reports::set::Header {
        format: lockstorm_reports::set::FORMAT,
        ..Default::default()
    };
    fs::write(set.join("set.json"), header.to_json()).unwrap();
    fs::write(set.join("identity.json"), "{}").unwrap();
}

/// The sample of a run in reports/, as a directory of which only the report was kept.
pub fn kept_report(home: &Path) {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/samples");
    let report = Path::new(samples).join("violated/report.json");
    fs::create_dir(home.join("run")).unwrap();
    fs::copy(report, home.join("run/report.json")).unwrap();
}
