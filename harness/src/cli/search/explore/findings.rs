//! What a search has found: each bug once, however many runs show it, with all that is needed to
//! see it again.

use crate::cli::directory::host;
use crate::cli::exit::Failure;
use crate::cli::merge::link;
use crate::cli::results::{self, below, file_name};
use crate::search::explore::Trial;
use crate::search::fingerprint::Fingerprint;
use lockstorm_reports::Class;
use lockstorm_reports::set::RunSummary;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Below the search's directory: a directory for each lock, and there one for each fingerprint.
pub const FOLDER: &str = "findings";
const STATISTICS: &str = "statistics.json";
const LOCK_CHARS_MAX: usize = 120;

/// A finding, and the first run that showed it.
#[derive(Clone, Debug)]
pub struct Found {
    pub fingerprint: Fingerprint,
    pub trial: Trial,
    /// Of the first run.
    pub run: RunSummary,
    /// How many runs of this lock it took, and how much of processors' time (ms).
    pub runs: u64,
    pub processors_ms: u64,
    /// In how many runs.
    pub seen: u64,
    pub confirmation: Confirmation,
}

/// What running it again told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Confirmation {
    /// The same plan had the same history; absent: it was not run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<bool>,
    /// The same promise is broken without any fault, too; absent: that was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_faults: Option<bool>,
}

/// A finding as `statistics.json` and the summary tell it.
#[derive(Clone, Debug, Serialize)]
pub struct Statistics {
    pub fingerprint: String,
    pub lock: String,
    pub invariant: &'static str,
    pub class: Class,
    pub situation: String,
    /// Of the first run that showed it.
    pub seed: u64,
    pub text: String,
    pub runs_to_first: u64,
    pub processors_ms_to_first: u64,
    pub seen: u64,
    pub confirmation: Confirmation,
    /// Below the search's directory.
    pub directory: String,
}

impl Found {
    /// Where it is filed, below the search's directory.
    pub fn directory(&self) -> String {
        let lock = file_name(&self.fingerprint.lock, LOCK_CHARS_MAX);
        format!("{FOLDER}/{lock}/{}", self.fingerprint.id())
    }

    pub fn statistics(&self) -> Statistics {
        let Fingerprint { lock, invariant, class, situation } = self.fingerprint.clone();
        let headlines = self.run.judged().map(|judged| judged.headlines.as_slice());
        let headline = headlines
            .unwrap_or_default()
            .iter()
            .find(|headline| headline.invariant.words() == invariant);
        Statistics {
            fingerprint: self.fingerprint.id(),
            lock,
            invariant,
            class,
            situation,
            seed: self.trial.seed,
            text: headline.map(|headline| headline.text.clone()).unwrap_or_default(),
            runs_to_first: self.runs,
            processors_ms_to_first: self.processors_ms,
            seen: self.seen,
            confirmation: self.confirmation,
            directory: self.directory(),
        }
    }

    /// Files it below the search's directory: the scenario, the first run's files, the statistics.
    pub fn file(&self, root: &Path) -> Result<PathBuf, Failure> {
        let directory = below(root, Path::new(&self.directory()))?;
        let scenario = serde_yaml::to_string(&self.trial.scenario)
            .map_err(|error| Failure::Internal(format!("a scenario is no YAML: {error}")))?;
        if let Some(run) = &self.run.directory {
            let run = below(root, Path::new(run))?;
            // They are there already where the search is taken up again.
            if run.is_dir() && !directory.join("report.json").exists() {
                link(&run, &directory)?;
            }
        }
        let write = |name: &str, text: &str| {
            results::write(root, &Path::new(&self.directory()).join(name), text)
        };
        write("scenario.yaml", &scenario)?;
        self.file_statistics(root)?;
        Ok(directory)
    }

    /// Writes what has changed since it was filed.
    pub fn file_statistics(&self, root: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(&self.statistics()).unwrap_or_default() + "\n";
        let path = Path::new(&self.directory()).join(STATISTICS);
        results::write(root, &path, &text).map(drop)
    }
}

/// All findings of a search, in the order in which they were first seen.
#[derive(Default)]
pub struct Findings {
    pub all: Vec<Found>,
    places: BTreeMap<String, usize>,
}

impl Findings {
    /// Counts one; answers whether it is new.
    pub fn see(&mut self, found: Found) -> bool {
        match self.places.get(&found.fingerprint.id()) {
            Some(place) => {
                self.all[*place].seen += 1;
                false
            }
            None => {
                self.places.insert(found.fingerprint.id(), self.all.len());
                self.all.push(found);
                true
            }
        }
    }

    /// Their ids, the latest first, and how often each was seen.
    pub fn latest(&self) -> Vec<(String, u64)> {
        let latest = self.all.iter().rev();
        latest.map(|found| (found.fingerprint.id(), found.seen)).collect()
    }

    /// Writes how often each was seen by now.
    pub fn file_statistics(&self, root: &Path) -> Result<(), Failure> {
        let is_filed = |found: &&Found| root.join(found.directory()).is_dir();
        self.all.iter().filter(is_filed).try_for_each(|found| found.file_statistics(root))
    }
}

/// Removes the files of a run that shows nothing that another does not show.
pub fn forget(root: &Path, run: &RunSummary) -> Result<(), Failure> {
    let Some(directory) = &run.directory else { return Ok(()) };
    let path = Path::new(directory);
    results::remove(root, path).map_err(|failure| match failure {
        Failure::Host(_) => failure,
        other => host(root)(std::io::Error::other(other.to_string())),
    })
}
