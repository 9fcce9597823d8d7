//! What is known of the runs of a search: how each ended, and what it covered.
//!
//! Both are on the disk as soon as a run has ended. From them a search that was interrupted is
//! taken up again: it makes the same trials as before, and those that are in the ledger are not run
//! anew.

use super::progress::Progress;
use crate::cli::batch::{Job, Seen, SetDirectory, Witness};
use crate::cli::directory::host;
use crate::cli::exit::Failure;
use crate::search::explore::coverage::Coverage;
use lockstorm_reports::set::RunSummary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

/// A line for each run, below the set's directory.
const COVERAGE: &str = "coverage.jsonl";

/// What a run is known by: lock, scenario, seed.
pub type Key = (String, String, u64);

pub struct Ledger {
    runs: BTreeMap<Key, RunSummary>,
    covered: Mutex<BTreeMap<Key, Coverage>>,
    path: PathBuf,
    file: Mutex<File>,
    pub progress: Mutex<Progress>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    lock: String,
    scenario: String,
    seed: u64,
    coverage: Coverage,
}

impl Ledger {
    /// Of what is there already.
    pub fn open(set: &SetDirectory, progress: Progress) -> Result<Ledger, Failure> {
        let path = set.path().join(COVERAGE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let lines = text[..whole].lines().filter_map(|line| serde_json::from_str(line).ok());
        let covered =
            lines.map(|line: Line| ((line.lock, line.scenario, line.seed), line.coverage));
        let covered = covered.collect();
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(host(&path))?;
        file.set_len(whole as u64).map_err(host(&path))?;
        let mut ledger = Ledger {
            runs: BTreeMap::new(),
            covered: Mutex::new(covered),
            path,
            file: Mutex::new(file),
            progress: Mutex::new(progress),
        };
        ledger.read(set)?;
        Ok(ledger)
    }

    /// Takes what the set has by now.
    pub fn read(&mut self, set: &SetDirectory) -> Result<(), Failure> {
        set.read()?.runs.into_iter().for_each(|run| self.add(run));
        Ok(())
    }

    pub fn add(&mut self, run: RunSummary) {
        self.runs.insert((run.lock.clone(), run.scenario.clone(), run.seed), run);
    }

    /// How a run ended, if it was made.
    pub fn run(&self, key: &Key) -> Option<&RunSummary> {
        self.runs.get(key).filter(|run| run.is_made())
    }

    /// Why one could not be made.
    pub fn why_not_made(&self, key: &Key) -> Option<String> {
        self.runs.get(key).filter(|run| !run.is_made()).map(RunSummary::reason)
    }

    /// What a run has covered. It is asked once: a search has too many to keep them all.
    pub fn take_coverage(&self, key: &Key) -> Option<Coverage> {
        locked(&self.covered).remove(key)
    }
}

impl Witness for Ledger {
    fn judged(&self, job: &Job, seen: &Seen) -> Result<(), Failure> {
        let coverage = Coverage::of(seen.plan, seen.history);
        let (lock, scenario, seed) = job.key();
        let line = Line { lock, scenario, seed, coverage };
        let text = serde_json::to_string(&line).unwrap_or_default() + "\n";
        locked(&self.file).write_all(text.as_bytes()).map_err(host(&self.path))?;
        locked(&self.covered).insert(job.key(), line.coverage);
        locked(&self.progress).ran();
        Ok(())
    }
}

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
