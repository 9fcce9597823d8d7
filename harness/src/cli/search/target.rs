//! What is looked into: a violation of a saved run, or of a scenario.

use super::trials::{Trial, Trials, named_by_content};
use crate::cli::batch::{Identity, Job, Pair, Seen, Selection, SetDirectory, Witness};
use crate::cli::directory::named;
use crate::cli::exit::Failure;
use crate::cli::kernels::KernelArgs;
use crate::cli::matrix;
use crate::cli::prepare::{StoryArgs, prepare, saved_plan};
use crate::cli::replay::expect_our_parts;
use crate::kernel::Kernels;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::search::fingerprint::Fingerprint;
use crate::site::clock::Clock;
use lockstorm_reports::set::{self, End, RunSummary};
use lockstorm_reports::{Verdict, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Where no seed is named, one of so many must do.
const SEEDS: u64 = 20;

#[derive(clap::Args)]
pub struct TargetArgs {
    /// The directory of a run that was violated; or a scenario, by its name or its path.
    #[arg(value_name = "DIR|SCENARIO")]
    target: String,
    /// Of a scenario: try another lock, as for `scenario --lock`.
    #[arg(long, value_name = "LOCK")]
    pub lock: Option<String>,
    /// Of a scenario: test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR")]
    pub with: Option<PathBuf>,
    /// The seed with which it is violated; of a scenario, the first that is, from 1 up.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Of a scenario: set a key of it; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A scenario that was violated, or will be.
pub struct Target {
    pub plan: Plan,
    /// The scenario of the plan, without what its author expects of it.
    pub pair: Pair,
    /// As its user named it.
    pub name: String,
    /// What its run said, if there was one.
    saved: Vec<Fingerprint>,
    seeds: Vec<u64>,
}

/// A violation of a run that was made.
pub struct Violation {
    pub seed: u64,
    pub wanted: Fingerprint,
    pub run: RunSummary,
}

impl Target {
    pub fn of(args: &TargetArgs, kernels: &Kernels, prefix: &str) -> Result<Target, Failure> {
        let directory = Path::new(&args.target);
        let (mut plan, saved) = match directory.is_dir() {
            true => {
                args.expect_no_changes()?;
                of_run(directory)?
            }
            false => (of_scenario(args)?, Vec::new()),
        };
        if !kernels.are_default() || !directory.is_dir() {
            plan.kernels = kernels.clone();
        }
        if plan.blueprint.clock == Clock::Real {
            let message = "on the real clock no run is like another, so none can be looked into; \
                           expected the virtual clock (`site.clock`)";
            return Err(Failure::Argument(message.into()));
        }
        let seeds = match (args.seed, directory.is_dir()) {
            (Some(seed), _) => vec![seed],
            (None, true) => vec![plan.seed],
            (None, false) => (1..=SEEDS).collect(),
        };
        let pair = Pair::of_plan(&plan);
        let pair = pair.in_scenario(named_by_content(bare(&plan.scenario), prefix))?;
        Ok(Target { plan, pair, name: args.target.clone(), saved, seeds })
    }

    /// The result set of its runs: that of the same command, if there is one.
    pub fn open(&self, prefix: &str, out: Option<&Path>) -> Result<SetDirectory, Failure> {
        let header = matrix::header(&Selection::nothing(), &[&self.pair]);
        let kernels = &self.plan.kernels;
        let images = self.plan.lock_image.iter().map(|image| image.key.clone()).collect();
        let identity = Identity::new(&header, images, &[], kernels, &[&self.pair]);
        let name = format!("{prefix}-{}", self.plan.scenario.name);
        let path = out.map_or_else(|| identity.default_path(&name), Path::to_owned);
        SetDirectory::open(&path, &header, &identity, false)
    }

    /// Makes its run, again if there was one, and answers its gravest violation.
    pub fn violation(&self, trials: &Trials) -> Result<Violation, Failure> {
        let side_by_side = trials.options.jobs.max(1);
        let mut last = None;
        for seeds in self.seeds.chunks(side_by_side) {
            let scenario = std::slice::from_ref(&self.pair.prepared()?.scenario);
            let made = runs(&self.pair, scenario, seeds, trials)?;
            for run in made.into_iter().flatten() {
                if let Some(wanted) = self.gravest(&run) {
                    return Ok(Violation { seed: run.seed, wanted, run });
                }
                last = Some(run);
            }
        }
        Err(self.nothing(last.as_ref()))
    }

    /// Of what was seen before, what is seen again; otherwise whatever is.
    fn gravest(&self, run: &RunSummary) -> Option<Fingerprint> {
        let found = Fingerprint::of(run);
        let was_seen = |one: &&Fingerprint| self.saved.iter().any(|saved| saved.is_like(one));
        let again = found.iter().filter(was_seen).min_by_key(|one| one.class);
        again.or(found.iter().min_by_key(|one| one.class)).cloned()
    }

    /// What to say where there is no violation.
    fn nothing(&self, last: Option<&RunSummary>) -> Failure {
        let name = &self.name;
        let words = match last.map(|run| (&run.end, run)) {
            None => return Failure::Host(format!("{name}: there was no time for its run")),
            Some((End::NotMade { message, .. }, _)) => {
                return Failure::Host(format!("{name}: its run could not be made: {message}"));
            }
            Some((End::Judged(judged), run)) => match judged.verdict {
                Verdict::Violated => format!(
                    "no promise is broken, but a step of its script is answered otherwise than \
                     expected, which is not followed: {}",
                    run.reason()
                ),
                Verdict::Unknown => format!("the run proves nothing: {}", run.reason()),
                Verdict::Valid if !self.saved.is_empty() => {
                    "the run was violated, and made again it is not: of another lock than then, \
                     or of a plan that was changed"
                        .into()
                }
                Verdict::Valid => "no promise is broken, so there is nothing to look into".into(),
            },
        };
        let seeds = match self.seeds.as_slice() {
            [seed] => format!("seed {seed}"),
            [first, .., last] => format!("seeds {first} to {last}"),
            [] => "no seed".into(),
        };
        Failure::Argument(format!(
            "{name}: {words} ({seeds}); name the directory of a run that was violated, or another \
             --seed"
        ))
    }
}

impl TargetArgs {
    /// A saved run is what it is.
    fn expect_no_changes(&self) -> Result<(), Failure> {
        let given = [
            ("--lock", self.lock.is_some()),
            ("--with", self.with.is_some()),
            ("--set", !self.set.is_empty()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::Argument(format!(
                "{option}: {} is a saved run, whose plan says everything; expected a scenario \
                 beside this option",
                self.target
            ))),
        }
    }
}

fn of_scenario(args: &TargetArgs) -> Result<Plan, Failure> {
    prepare(&StoryArgs {
        scenario: args.target.clone(),
        lock: args.lock.clone(),
        with: args.with.clone(),
        seed: args.seed,
        clock: None,
        set: args.set.clone(),
        // They are the batch's.
        kernel: KernelArgs::default(),
    })
}

/// The plan of a saved run, and what it was violated by.
fn of_run(directory: &Path) -> Result<(Plan, Vec<Fingerprint>), Failure> {
    if directory.join(set::HEADER_FILE).exists() {
        let message = format!(
            "{}: this is a result set; expected the directory of one of its runs, below {}",
            directory.display(),
            directory.join("runs").display()
        );
        return Err(Failure::Argument(message));
    }
    let plan = saved_plan(directory)?;
    expect_our_parts(&plan)?;
    let file = directory.join("report.json");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        // Its run was cut short, or it is a plan alone.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(named(&file)(error)),
    };
    let mut saved = match json::read(&text) {
        Ok(report) => Fingerprint::of(&RunSummary::of(&report, None)),
        Err(_) if text.is_empty() => Vec::new(),
        Err(error) => return Err(Failure::Argument(format!("{}: {error}", file.display()))),
    };
    for fingerprint in &mut saved {
        fingerprint.lock = plan.lock_label().to_owned();
    }
    Ok((plan, saved))
}

/// A scenario without what is said about it.
fn bare(scenario: &Scenario) -> Scenario {
    Scenario {
        about: String::new(),
        expect: Default::default(),
        reseed: None,
        known_bug: None,
        ..scenario.clone()
    }
}

/// Every scenario with every seed, by scenario.
pub fn runs(
    pair: &Pair,
    scenarios: &[Scenario],
    seeds: &[u64],
    trials: &Trials,
) -> Result<Vec<Option<RunSummary>>, Failure> {
    let mut wanted = Vec::new();
    for scenario in scenarios {
        for seed in seeds {
            let pair = pair.in_scenario(scenario.clone())?;
            wanted.push(Trial { pair, seed: *seed });
        }
    }
    trials.make(&wanted, &Nobody)
}

/// Looks at no run.
pub struct Nobody;

impl Witness for Nobody {
    fn judged(&self, _: &Job, _: &Seen) -> Result<(), Failure> {
        Ok(())
    }
}

/// This seed, and the first others, so many in all.
pub fn seeds_from(seed: u64, count: u64) -> Vec<u64> {
    let others = (1..).filter(|other| *other != seed);
    [seed].into_iter().chain(others).take(count as usize).collect()
}

/// Whether a run shows the same violation.
pub fn shows(run: &RunSummary, wanted: &Fingerprint) -> bool {
    Fingerprint::of(run).iter().any(|found| found.is_like(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_seeds_follow_the_one_that_was_seen() {
        assert_eq!(seeds_from(3, 5), [3, 1, 2, 4, 5]);
        assert_eq!(seeds_from(1, 1), [1]);
    }
}
