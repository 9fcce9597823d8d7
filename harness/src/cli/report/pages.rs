//! The pages of a run and of a set, with the ways between them: none that leads nowhere.

use super::{Saved, load_run};
use crate::cli::exit::Failure;
use crate::cli::results::{self, below};
use crate::verdict::recheck::HISTORY;
use lockstorm_reports::format::Options;
use lockstorm_reports::html::{self, Crumb, Place};
use lockstorm_reports::set::{self, HEADER_FILE, ResultSet};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The name of a page, of whatever it is about.
pub const PAGE: &str = "report.html";
/// How far up a run's set is looked for.
const STEPS_UP_MAX: usize = 6;

/// The page of what was saved in `from`, as it stands in `out`.
pub fn page(saved: &Saved, from: &Path, out: &Path) -> Result<String, Failure> {
    match saved {
        Saved::Set(set) => of_set(set, from),
        Saved::Run(report) => {
            let trail: Vec<Crumb> = way_back(from, out).into_iter().collect();
            let place =
                Place { trail: &trail, has: &|file| out.join(file).exists(), ..Place::default() };
            let directory = from.display().to_string();
            let options = Options { directory: Some(&directory), ..Options::default() };
            Ok(html::run(report, options, &place))
        }
    }
}

fn of_set(set: &ResultSet, from: &Path) -> Result<String, Failure> {
    let mut there = BTreeSet::new();
    for run in set.runs.iter().filter(|run| run.is_made()) {
        if let Some(directory) = run.directory.as_deref()
            && is_saved(&below(from, Path::new(directory))?)
        {
            there.insert(directory);
        }
    }
    let name = from.display().to_string();
    let place = Place {
        page_of: &|run| {
            let directory = run.directory.as_deref()?;
            there.contains(directory).then(|| format!("{directory}/{PAGE}"))
        },
        directory: Some(&name),
        ..Place::default()
    };
    Ok(html::set(set, &place))
}

/// Whether there is anything of a run.
pub fn is_saved(directory: &Path) -> bool {
    directory.join("report.json").exists() || directory.join(HISTORY).exists()
}

/// The set that a run is of, if it has a page, and the run's own page is to stand below it.
fn way_back(from: &Path, out: &Path) -> Option<Crumb> {
    let (from, out) = (from.canonicalize().ok()?, out.canonicalize().ok()?);
    if from != out {
        return None;
    }
    let ups = from.ancestors().skip(1).take(STEPS_UP_MAX).enumerate();
    let (steps, home) = ups
        .map(|(index, home)| (index + 1, home))
        .find(|(_, home)| home.join(HEADER_FILE).exists() && home.join(PAGE).exists())?;
    let set = set::read(home).ok()?;
    Some(Crumb { path: format!("{}{PAGE}", "../".repeat(steps)), name: html::title_of(&set) })
}

/// The pages that a set's page links to.
pub fn write_runs(set: &ResultSet, from: &Path, out: &Path) -> Result<(), Failure> {
    for run in set.runs.iter().filter(|run| run.is_made()) {
        let Some(directory) = run.directory.as_deref().map(Path::new) else { continue };
        let saved = below(from, directory)?;
        if !is_saved(&saved) {
            continue;
        }
        let up = "../".repeat(directory.components().count());
        let trail = [Crumb { path: format!("{up}{PAGE}"), name: html::title_of(set) }];
        let own: PathBuf = out.join(directory);
        let place =
            Place { trail: &trail, has: &|file| own.join(file).exists(), ..Place::default() };
        let name = saved.display().to_string();
        let options = Options { directory: Some(&name), ..Options::default() };
        let text = html::run(&load_run(&saved)?, options, &place);
        results::write(out, &directory.join(PAGE), &text)?;
    }
    Ok(())
}
