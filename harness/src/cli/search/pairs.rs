//! `lockstorm sweep LOCK --pairs`: a second fault where the first has made the run another.

use super::sweep::Calm;
use super::trials::{Trial, Trials};
use crate::cli::batch::{self, Job, Pair, Seen, Witness};
use crate::cli::directory::host;
use crate::cli::exit::Failure;
use crate::cli::results;
use crate::rpc::capture;
use crate::search::pairs::{After, after, pairs};
use crate::search::points::{Point, points};
use crate::search::strikes::CALM;
use crate::search::sweep;
use crate::verdict::recheck::CAPTURE;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the points of the runs with one fault are kept, below a sweep's directory.
const FOLDER: &str = "points";

/// Keeps the points of each run, whose packets are not kept.
struct Afters<'a> {
    set: &'a Path,
}

impl Witness for Afters<'_> {
    fn judged(&self, job: &Job, seen: &Seen) -> Result<(), Failure> {
        let Some(struck) = seen.report.faults.iter().filter_map(|fault| fault.struck_ns).min()
        else {
            return keep(self.set, &after(&job.pair.scenario, Vec::new(), 0));
        };
        let capture = seen.directory.join(CAPTURE);
        let wall_start = Duration::from_secs(seen.plan.blueprint.wall_start_s);
        let captured = capture::calls(&capture, wall_start)
            .map_err(|error| Failure::Host(format!("{}: {error}", capture.display())))?;
        let points = points(seen.plan, seen.history, &captured.calls);
        keep(self.set, &after(&job.pair.scenario, points, struck))
    }
}

fn keep(set: &Path, after: &After) -> Result<(), Failure> {
    let text = serde_json::to_string(after)
        .map_err(|error| Failure::Internal(format!("points are no JSON: {error}")))?;
    results::write(set, &file(&after.run), &text).map(|_| ())
}

fn file(run: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{run}.json"))
}

fn kept(set: &Path, run: &str) -> Option<After> {
    serde_json::from_str(&fs::read_to_string(set.join(file(run))).ok()?).ok()
}

/// The trials of two faults. The runs with one are made again where their points were not kept.
pub fn of(
    told: &Pair,
    seed: u64,
    (calm, singles, columns): (&Calm, &[sweep::Trial], &[usize]),
    trials: &Trials,
) -> Result<(Vec<Point>, Vec<sweep::Trial>), Failure> {
    let set = trials.set.path();
    fs::create_dir_all(set.join(FOLDER)).map_err(host(set))?;
    // Where nothing happens, there is no first fault.
    let has_first = |trial: &&sweep::Trial| trial.role.is_made() && trial.column != CALM;
    let made: Vec<&sweep::Trial> = singles.iter().filter(has_first).collect();
    let trial = |single: &&sweep::Trial| {
        Ok(Trial { pair: told.in_scenario(single.scenario.clone())?, seed })
    };
    let missing = made.iter().filter(|single| kept(set, &single.scenario.name).is_none());
    let missing: Vec<Trial> = missing.map(trial).collect::<Result<_, Failure>>()?;
    let jobs: Vec<Job> =
        missing.iter().map(|trial| Job { pair: &trial.pair, seed: trial.seed }).collect();
    batch::run_seen(&jobs, trials.set, trials.options, &Afters { set })?;
    let afters = made.iter().filter_map(|single| kept(set, &single.scenario.name));
    let afters: Vec<After> = afters.collect();
    let with_its_trial = |after| {
        let of = |after: &After| made.iter().find(|single| single.scenario.name == after.run);
        Some((*of(after)?, after))
    };
    let firsts: Vec<(&sweep::Trial, &After)> = afters.iter().filter_map(with_its_trial).collect();
    let profile = told.prepared()?.profile();
    Ok(pairs(&firsts, &calm.points, profile, (calm.setting, columns), seed))
}
