//! The sites on which probes are tried, several at a time, and the table that comes of it.

use super::bench::Bench;
use super::column::Column;
use super::probe::{Probe, Stop};
use super::{probes, words};
use crate::plan::Plan;
use crate::run::RunError;
use crate::run::lab::{Lab, NoAnswer, Told};
use crate::site::launch::{Launch, Programs};
use crate::site::{Resources, SiteError};
use lockstorm_reports::conformance::{self, Cell, Outcome, Row, Table};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, thread};

/// What all sites are made of.
pub struct Sites<'a> {
    pub programs: BTreeMap<String, Programs>,
    pub image: &'a Path,
    /// Where their files go.
    pub directory: &'a Path,
    pub launch: Launch,
    pub patience: Duration,
    /// How many at a time.
    pub jobs: usize,
    pub interrupted: &'a AtomicBool,
}

/// Told of every cell that is there: the column, the probe, what came of it.
pub type Progress<'a> = dyn Fn(&str, &str, Outcome) + Sync + 'a;

/// Probes that are tried on one site, one after the other.
struct Unit {
    column: usize,
    probes: Vec<&'static Probe>,
    /// Its directory.
    name: String,
}

type Cells = BTreeMap<(usize, &'static str), Cell>;

/// Tries every probe in every column.
pub fn table(
    columns: &[(Column, Plan)],
    wanted: &dyn Fn(&Probe) -> bool,
    sites: &Sites,
    progress: &Progress,
) -> Result<Table, RunError> {
    let mut units = units(columns, wanted);
    units.reverse();
    let (units, cells) = (Mutex::new(units), Mutex::new(Cells::new()));
    let failed: Mutex<Option<RunError>> = Mutex::new(None);
    // By itself, so that nobody keeps the others from the queue while it works.
    let next = || locked(&units).pop();
    let work = || {
        while let Some(unit) = next() {
            let (column, plan) = &columns[unit.column];
            let made = sites.make(&unit, column, plan, &|probe, cell| {
                progress(&column.name(), probe.name, cell.outcome);
                locked(&cells).insert((unit.column, probe.name), cell);
            });
            if let Err(error) = made {
                locked(&units).clear();
                locked(&failed).get_or_insert(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..sites.jobs {
            scope.spawn(work);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => {
            let cells = cells.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(laid_out(columns, wanted, cells))
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of each column one site for all that share it, and one for each other probe.
fn units(columns: &[(Column, Plan)], wanted: &dyn Fn(&Probe) -> bool) -> Vec<Unit> {
    let mut units = Vec::new();
    let fit = |column: &Column, alone: bool| -> Vec<&'static Probe> {
        let fit = probes().filter(|probe| probe.alone == alone && column.has(probe.needs));
        fit.filter(|probe| wanted(probe)).collect()
    };
    for (index, (column, _)) in columns.iter().enumerate() {
        let name = column.name().replace(' ', "-");
        units.push(Unit { column: index, probes: fit(column, false), name });
    }
    for (index, (column, _)) in columns.iter().enumerate() {
        for probe in fit(column, true) {
            let name = format!("{}-{}", column.name().replace(' ', "-"), probe.name);
            units.push(Unit { column: index, probes: vec![probe], name });
        }
    }
    units.retain(|unit| !unit.probes.is_empty());
    units
}

impl Sites<'_> {
    /// Tries a unit's probes. Where one leaves a site that cannot go on, the next has another.
    fn make(
        &self,
        unit: &Unit,
        column: &Column,
        plan: &Plan,
        done: &dyn Fn(&'static Probe, Cell),
    ) -> Result<(), RunError> {
        let mut left = unit.probes.as_slice();
        let mut tries = 0;
        while !left.is_empty() && !self.interrupted.load(Ordering::Relaxed) {
            tries += 1;
            let name = match tries {
                1 => unit.name.clone(),
                _ => format!("{}-{tries}", unit.name),
            };
            let tried = self.make_some(left, &name, column, plan, done)?;
            left = &left[tried.max(1)..];
        }
        match self.interrupted.load(Ordering::Relaxed) {
            true => Err(RunError::Site(SiteError::Interrupted)),
            false => Ok(()),
        }
    }

    /// Tries probes on one site until that cannot go on; answers how many.
    fn make_some(
        &self,
        left: &[&'static Probe],
        name: &str,
        column: &Column,
        plan: &Plan,
        done: &dyn Fn(&'static Probe, Cell),
    ) -> Result<usize, RunError> {
        let directory = self.directory.join("sites").join(name);
        fs::create_dir_all(&directory)
            .map_err(crate::site::SiteError::host("creating a directory"))?;
        let interrupted = || self.interrupted.load(Ordering::Relaxed);
        let resources = self.resources(column, &directory, &interrupted);
        let site = format!("sites/{name}");
        let mut lab = match Lab::new(plan, resources) {
            Ok(lab) => lab,
            Err(none) => {
                let why = why(none)?;
                done(left[0], cell(Outcome::Unfit, why, &site, &[]));
                return Ok(1);
            }
        };
        for (tried, probe) in left.iter().enumerate() {
            let (stopped, told) = try_one(&mut lab, probe, column.version.is_none());
            let (outcome, seen, goes_on) = match stopped {
                Ok(seen) => (Outcome::Kept, seen, true),
                Err(Stop::Broken(seen)) => (Outcome::Broken, seen, true),
                Err(Stop::Unfit(why)) => (Outcome::Unfit, why, true),
                Err(Stop::Hung(what, after)) => {
                    (Outcome::Hung, format!("{what} was not answered within {after}"), false)
                }
                Err(Stop::Site(none)) => (Outcome::Unfit, why(none)?, false),
            };
            done(probe, cell(outcome, seen, &site, &told));
            if !goes_on {
                return Ok(tried + 1);
            }
        }
        match lab.finish() {
            Err(NoAnswer::Host(error)) => Err(error),
            _ => Ok(left.len()),
        }
    }

    fn resources<'s>(
        &'s self,
        column: &Column,
        directory: &'s Path,
        interrupted: &'s dyn Fn() -> bool,
    ) -> Resources<'s> {
        Resources {
            kernels: &self.programs[&column.name()],
            launch: self.launch,
            image: self.image,
            supplement: None,
            artefacts: directory,
            patience: self.patience,
            interrupted,
        }
    }
}

/// Why a site cannot go on; an error where that is the host's fault.
fn why(none: NoAnswer) -> Result<String, RunError> {
    match none {
        NoAnswer::Hung(after) => Ok(format!("a call was not answered within {after}")),
        NoAnswer::Failed(why) => Ok(why),
        NoAnswer::Host(RunError::Site(stuck @ SiteError::Stuck { .. })) => Ok(stuck.to_string()),
        NoAnswer::Host(error) => Err(error),
    }
}

fn try_one(lab: &mut Lab, probe: &Probe, is_local: bool) -> (Result<String, Stop>, Vec<Told>) {
    match Bench::new(lab, is_local, probe.name) {
        Ok(mut bench) => {
            let seen = (probe.run)(&mut bench);
            (seen, bench.told())
        }
        Err(stop) => (Err(stop), Vec::new()),
    }
}

fn cell(outcome: Outcome, seen: String, site: &str, told: &[Told]) -> Cell {
    let calls = told.iter().map(words::told).collect();
    Cell { outcome, seen, site: Some(site.to_owned()), calls }
}

fn laid_out(
    columns: &[(Column, Plan)],
    wanted: &dyn Fn(&Probe) -> bool,
    mut cells: Cells,
) -> Table {
    let mut row = |probe: &'static Probe| {
        let nothing =
            Cell { outcome: Outcome::NotHere, seen: String::new(), site: None, calls: Vec::new() };
        let cells = (0..columns.len())
            .map(|column| cells.remove(&(column, probe.name)).unwrap_or_else(|| nothing.clone()));
        Row {
            name: probe.name.into(),
            rule: probe.rule.into(),
            source: probe.source.into(),
            cells: cells.collect(),
        }
    };
    let chapters = super::CHAPTERS.iter().map(|chapter| conformance::Chapter {
        name: chapter.name.into(),
        rows: chapter.probes().filter(|probe| wanted(probe)).map(&mut row).collect(),
    });
    let mut chapters: Vec<conformance::Chapter> = chapters.collect();
    chapters.retain(|chapter| !chapter.rows.is_empty());
    let columns = columns.iter().map(|(column, _)| conformance::Column {
        name: column.name(),
        version: column.version.clone(),
        kernel: column.kernels.to_string(),
        options: column.options.clone(),
    });
    Table { format: conformance::FORMAT, columns: columns.collect(), chapters }
}

/// Where a table is kept in its directory.
pub fn file(directory: &Path) -> PathBuf {
    directory.join("conformance.json")
}
