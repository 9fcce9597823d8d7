//! What pages cost: the report of a long run, and the site of a thousand runs.

use crate::{Outcome, row};
use lockstorm_reports::set::{self, RunSummary};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Who has released asks at once: a hundred thousand events and more.
const LONG: &str = "\
about: Three clients in a closed loop, for long.
lock: {name: fcntl}
workload:
  cycles: {time: 2400s, hold: 100ms, think: 1ns}
";
const EVENTS: usize = 100_000;
const RUNS: usize = 1_000;

pub fn print(times: usize) -> Outcome<()> {
    let home = tempfile::tempdir()?;
    let events = long_run(home.path())?;
    few_runs(home.path())?;
    many_runs(home.path())?;
    let (mut reports, mut sites) = (Vec::new(), Vec::new());
    for _ in 0..times {
        reports.push(timed(home.path(), &["report", "run", "--to", "html"])?);
        sites.push(timed(home.path(), &["report", "many", "--site", "site"])?);
    }
    let page = fs::metadata(home.path().join("run/report.html"))?.len() as f64 / 1e6;
    let site = size(&home.path().join("site"))? as f64 / 1e6;
    println!("\n| pages | target | measured | range |\n|---|---|---|---|");
    row(&format!("report of a run of {events} events"), "at most 2 s", "s", reports);
    row("its size", "-", "MB", vec![page]);
    row(&format!("site of {RUNS} runs"), "at most 20 s", "s", sites);
    row("its size", "at most 50 MB", "MB", vec![site]);
    Ok(())
}

/// The command, as a person gives it.
fn lockstorm(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstorm"));
    command.args(arguments).current_dir(home).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn timed(home: &Path, arguments: &[&str]) -> Outcome<f64> {
    let begun = Instant::now();
    match lockstorm(home, arguments).status()?.success() {
        true => Ok(begun.elapsed().as_secs_f64()),
        false => Err(format!("`lockstorm {}` does not end well here", arguments.join(" ")).into()),
    }
}

/// How many events it has.
fn long_run(home: &Path) -> Outcome<usize> {
    fs::write(home.join("long.yaml"), LONG)?;
    lockstorm(home, &["scenario", "long.yaml", "--quiet", "--out", "run"]).status()?;
    let events = fs::read_to_string(home.join("run/history.jsonl"))?.lines().count();
    match events {
        EVENTS.. => Ok(events),
        _ => Err(format!("the long run has {events} events only").into()),
    }
}

/// Valid ones and violated ones.
fn few_runs(home: &Path) -> Outcome<()> {
    lockstorm(home, &["matrix", "--locks", "fcntl,check-then-create", "--quiet", "--jobs", "1"])
        .args(["--scenarios", "calm,partition", "--seeds", "2", "--out", "few"])
        .status()?;
    Ok(())
}

/// The same again and again, as if of many locks and seeds.
fn many_runs(home: &Path) -> Outcome<()> {
    const LOCKS: usize = 10;
    let (few, many) = (home.join("few"), home.join("many"));
    let set = set::read(&few)?;
    fs::create_dir(&many)?;
    fs::copy(few.join(set::HEADER_FILE), many.join(set::HEADER_FILE))?;
    let mut lines = String::new();
    for (index, run) in set.runs.iter().cycle().take(RUNS).enumerate() {
        let saved = run.directory.as_deref().ok_or("a run was not kept")?;
        let lock = format!("{}-{}", run.lock, index % LOCKS);
        let directory = format!("runs/{lock}/{}/{index}", run.scenario);
        fs::create_dir_all(many.join(&directory))?;
        let report = |directory: &Path| directory.join("report.json");
        fs::copy(report(&few.join(saved)), report(&many.join(&directory)))?;
        let directory = Some(directory);
        lines += &RunSummary { lock, seed: index as u64, directory, ..run.clone() }.line();
    }
    Ok(fs::write(many.join(set::RESULTS_FILE), lines)?)
}

fn size(directory: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}
