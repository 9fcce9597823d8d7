//! Which runs are held against which: those of one lock in one scenario, whatever tree or release
//! of it they are of.

use super::{Change, Kind};
use crate::set::{ResultSet, RunSummary, lock_of};
use std::collections::{BTreeMap, BTreeSet};

/// The runs of one lock in one scenario, before and after.
pub struct Pair<'a> {
    /// As both sets call it; where they differ, the lock that both are of.
    pub lock: &'a str,
    pub scenario: &'a str,
    pub base: Vec<&'a RunSummary>,
    pub new: Vec<&'a RunSummary>,
    base_directory: Option<&'a str>,
    new_directory: Option<&'a str>,
}

impl<'a> Pair<'a> {
    /// The pairs of two sets, each with the name of its directory.
    pub fn all(
        (base, base_directory): (&'a ResultSet, Option<&'a str>),
        (new, new_directory): (&'a ResultSet, Option<&'a str>),
    ) -> Vec<Pair<'a>> {
        type Runs<'a> = Vec<&'a RunSummary>;
        let names = common_names(base, new);
        let name = |run: &'a RunSummary| names.get(&*run.lock).copied().unwrap_or(&run.lock);
        let mut cells: BTreeMap<(&str, &str), (Runs, Runs)> = BTreeMap::new();
        for run in &base.runs {
            cells.entry((name(run), &run.scenario)).or_default().0.push(run);
        }
        for run in &new.runs {
            cells.entry((name(run), &run.scenario)).or_default().1.push(run);
        }
        let pairs = cells.into_iter().map(|((lock, scenario), (base, new))| Pair {
            lock,
            scenario,
            base,
            new,
            base_directory,
            new_directory,
        });
        pairs.collect()
    }

    pub fn is_in_both(&self) -> bool {
        !self.base.is_empty() && !self.new.is_empty()
    }

    pub fn change(&self, kind: Kind, text: String, example: Option<&RunSummary>) -> Change {
        let of_new = |run: &RunSummary| self.new.iter().any(|new| std::ptr::eq(*new, run));
        let again = example.map(|run| {
            run.reproduce_from(if of_new(run) { self.new_directory } else { self.base_directory })
        });
        let versions = |runs| Vec::from_iter(self.versions_of(runs)).join(", ");
        Change {
            kind,
            sure: true,
            lock: self.lock.to_owned(),
            scenario: self.scenario.to_owned(),
            about: String::new(),
            base_version: versions(&self.base),
            new_version: versions(&self.new),
            symptom: None,
            frequency: None,
            waiting: None,
            p_value: None,
            seeds_to_be_sure: None,
            text,
            example: example.map(RunSummary::reason).unwrap_or_default(),
            reproduce: again.unwrap_or_default(),
        }
    }

    /// The versions of the lock in some of its runs; with its tree or release, where the pair is of
    /// different ones.
    pub fn versions_of(&self, runs: &[&RunSummary]) -> BTreeSet<String> {
        let version = |run: &&RunSummary| {
            let version = run.judged().and_then(|judged| judged.lock_version.clone());
            match run.lock == self.lock {
                true => version,
                false => Some(format!("{} ({})", version.unwrap_or_default(), run.lock)),
            }
        };
        runs.iter().filter_map(version).map(|text| text.trim_start().to_owned()).collect()
    }
}

/// What to call the locks that only one of the sets has, where the other one has the same lock of
/// another tree or release, and both have but one.
fn common_names<'a>(base: &'a ResultSet, new: &'a ResultSet) -> BTreeMap<&'a str, &'a str> {
    let labels = |set: &'a ResultSet| -> BTreeSet<&'a str> {
        set.runs.iter().map(|run| run.lock.as_str()).collect()
    };
    let (before, now) = (labels(base), labels(new));
    let alone = |mine: &BTreeSet<&'a str>, others: &BTreeSet<&'a str>| {
        let mut of_lock: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
        for label in mine.difference(others) {
            of_lock.entry(lock_of(label)).or_default().push(label);
        }
        of_lock
    };
    let (gone, came) = (alone(&before, &now), alone(&now, &before));
    let mut names = BTreeMap::new();
    for (lock, old) in gone {
        if let ([old], Some([fresh])) = (&old[..], came.get(lock).map(Vec::as_slice)) {
            // Both sets may have the lock as it is shipped, too.
            let is_taken = before.contains(lock) && now.contains(lock);
            let name = if is_taken { *fresh } else { lock };
            names.extend([(*old, name), (*fresh, name)]);
        }
    }
    names
}
