//! What the tests with real sites share. They need what `ci/setup --tests` brings, and fail
//! without it.

pub mod calls;
#[cfg(feature = "docker")]
pub mod engine;
pub mod parts;
pub mod processes;
pub mod shipped;
pub mod slurm;
pub mod templates;
pub mod tshark;
pub mod without_sites;

use lockstorm::assets::Assets;
use lockstorm::history::{Event, EventKind, reader};
use lockstorm_reports::{Invariant, InvariantResult, Report, Status, json};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// No more sites than this at a time, over all processes of tests on this host.
const SITES_MAX: usize = 3;

/// The right to run a site. Files and not a counter, since each file of tests is a process.
pub struct Permit(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

/// Waits for the right to run a site; fails when set-up has not been run.
pub fn permit() -> Permit {
    if let Err(missing) = Assets::locate() {
        panic!("{missing}");
    }
    loop {
        for number in 0..SITES_MAX {
            let path = std::env::temp_dir().join(format!("lockstorm-test-site-{number}"));
            let file = File::create(&path).unwrap();
            if let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                return Permit(lock);
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The built command, in a directory of its own.
pub fn lockstorm(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstorm"));
    command.args(arguments).current_dir(home).stdin(Stdio::null());
    command
}

/// A run that has ended, and its artefacts.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub directory: PathBuf,
    _home: TempDir,
}

/// Runs a scenario to its end.
pub fn scenario(name: &str, arguments: &[&str]) -> Ended {
    let _permit = permit();
    scenario_beside_others(name, arguments)
}

/// The same for those who have a permit already.
pub fn scenario_beside_others(name: &str, arguments: &[&str]) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let mut all = vec!["scenario", name, "--out", "run"];
    all.extend(arguments);
    let output = lockstorm(home.path(), &all).output().unwrap();
    Ended::new(output, home.path().join("run"), home)
}

impl Ended {
    pub fn new(output: Output, directory: PathBuf, home: TempDir) -> Ended {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().expect("it ends by itself, not by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            directory,
            _home: home,
        }
    }

    /// The report; a run without one is quoted with what it said instead.
    pub fn report(&self) -> Report {
        read_report(&self.directory).unwrap_or_else(|error| panic!("{error}\n{}", self.said()))
    }

    pub fn history(&self) -> Vec<Event> {
        reader::read(&self.directory.join("history.jsonl")).unwrap().events
    }

    pub fn console(&self, node: &str) -> String {
        let path = self.directory.join("console").join(format!("{node}.log"));
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    }

    /// Everything it said, for the message of an assertion.
    pub fn said(&self) -> String {
        format!("exit code {}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

pub fn read_report(directory: &Path) -> Result<Report, String> {
    let path = directory.join("report.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    json::read(&text)
}

pub fn result_of(report: &Report, invariant: Invariant) -> &InvariantResult {
    let mut results = report.invariants.iter();
    results.find(|result| result.invariant == invariant).unwrap()
}

pub fn is_kept(report: &Report, invariant: Invariant) -> bool {
    result_of(report, invariant).status == Status::Kept
}

/// How many critical sections clients entered.
pub fn entered(history: &[Event]) -> usize {
    history.iter().filter(|event| matches!(event.kind, EventKind::Entered { .. })).count()
}

/// Waits until it is so; how long that takes proves nothing, so the limit is generous.
pub fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    within(1, what, is_so);
}

/// The same for what takes several runs.
pub fn within(minutes: u32, what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1200 * minutes {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not within {minutes} min: {what}");
}

/// The size of a file, zero as long as it is not there.
pub fn size(path: &Path) -> u64 {
    match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
