//! `lockstorm shrink`: the smallest scenario that shows the same violation.

use super::bisect::{self, Versions, parse_versions};
use super::reproduce::command;
use super::target::{Target, TargetArgs, runs, seeds_from, shows};
use super::trials::{Trials, named_by_content};
use crate::cli::batch::{BatchOptions, Pair, SideBySide};
use crate::cli::directory::host;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::lock::profile::Profile;
use crate::scenario::{Expect, ExpectedVerdict, Scenario};
use crate::search::fingerprint::Fingerprint;
use crate::search::shrink::certain::more_chances;
use crate::search::shrink::{Size, shrink as shrunk, text};
use crate::search::sweep::makes_sense;
use lockstorm_reports::Class;
use lockstorm_reports::compare::statistics::interval;
use lockstorm_reports::text::counted;
use std::fs;
use std::path::PathBuf;

/// What its runs are called, and the set that they are in.
const NAME: &str = "shrink";
/// Where the scenario goes that is given no file.
const FILE: &str = "shrunk.yaml";
/// A found scenario is read by people.
const LINES_MOST: usize = 29;
/// Of the interval of a rate.
const LEVEL: f64 = 0.95;

/// Shrinks a violated run to the smallest scenario that shows the same violation, and runs that
/// with many seeds.
///
/// It drops faults, clients, rounds and settings, and makes numbers rounder, one run each; the same
/// command goes on where it was interrupted. Exit code 0: it was shrunk; 10: there is no violation.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Where the scenario goes, in place of shrunk.yaml in the result set's directory.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// In the end, see with how many seeds it is violated.
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Make at most so many runs; with more, the same command goes on from there.
    #[arg(long, value_name = "N", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    runs: u64,
    /// Then find the release with which it came, or went: between these, or among a list of them,
    /// such as 8.0..10.0 or 8.0,8.1,9.0.
    #[arg(long, value_name = "A..B", value_parser = parse_versions)]
    lock_versions: Option<Versions>,
    /// Then find between which two of these kernels it came, or went.
    #[arg(long, value_name = "KERNEL,...", value_delimiter = ',')]
    kernels: Vec<String>,
    #[command(flatten)]
    side_by_side: SideBySide,
    /// Print the scenario alone.
    #[arg(long)]
    quiet: bool,
}

/// How much it may cost.
pub struct Limits {
    pub runs: u64,
    /// With so many seeds the result is tried.
    pub seeds: u64,
}

impl Limits {
    /// Refuses what would be no shrinking.
    fn check(&self) -> Result<(), Failure> {
        let Limits { runs, seeds } = *self;
        // One that shrinks it, and those that try the result.
        match runs > seeds {
            true => Ok(()),
            false => Err(Failure::Argument(format!(
                "--runs {runs}: too few to shrink anything and try it with {seeds} seeds; expected \
                 more than there are seeds, such as {}",
                seeds.saturating_add(100)
            ))),
        }
    }
}

/// What a violation was shrunk to.
pub struct Shrunk {
    /// With what it is about, and what is expected of it.
    pub scenario: Scenario,
    /// Its file.
    pub text: String,
    pub before: Size,
    pub after: Size,
    pub runs: u64,
    /// Nothing more could be taken out; otherwise there were no runs left.
    pub is_finished: bool,
    /// With how many of these seeds it is violated.
    pub seen: u64,
    pub seeds: Vec<u64>,
    /// The first of them.
    pub seed: u64,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let limits = Limits { runs: args.runs, seeds: args.seeds };
    limits.check()?;
    // Each is one of many, and what is valid tells nothing.
    let options = args.side_by_side.options(true)?;
    let kernels = bisect::kernels(&args.kernels)?;
    let target = Target::of(&args.target, &options.kernels, NAME)?;
    let releases = match &args.lock_versions {
        Some(versions) => bisect::releases(versions, &target)?,
        None => Vec::new(),
    };
    let options = BatchOptions { discard_valid: true, ..options };
    let set = target.open(NAME, None)?;
    let trials = Trials { set: &set, options: &options };
    let violation = target.violation(&trials)?;
    let tell = |words: &str| {
        if !args.quiet {
            terminal.note(words);
        }
    };
    let (wanted, seed) = (&violation.wanted, violation.seed);
    tell(&format!("{} ({}), seed {seed}", wanted.invariant, wanted.class.words()));
    let found = shrink(&target.pair, seed, wanted, &trials, &limits, &tell)?;
    let file = args.out.clone().unwrap_or_else(|| set.path().join(FILE));
    fs::write(&file, &found.text).map_err(host(&file))?;
    terminal.print(&found.text)?;
    if !args.quiet {
        terminal.print(&format!("\n{}", found.words()))?;
        let command = command(&file, &found.scenario, found.seed, &target, &args.target);
        terminal.print(&format!("\n$ {command}\n"))?;
    }
    let looked = bisect::Looked { target: &target, found: &found, wanted, trials: &trials };
    if !releases.is_empty() {
        terminal.print(&format!("\n{}", looked.among_releases(&releases)?))?;
    }
    if !kernels.is_empty() {
        terminal.print(&format!("\n{}", looked.among_kernels(&kernels)?))?;
    }
    Ok(Exit::Valid)
}

/// Shrinks what a pair shows with a seed. The pair must show it.
pub fn shrink(
    pair: &Pair,
    seed: u64,
    wanted: &Fingerprint,
    trials: &Trials,
    limits: &Limits,
    tell: &dyn Fn(&str),
) -> Result<Shrunk, Failure> {
    limits.check()?;
    let prepared = pair.prepared()?;
    let (scenario, profile) = (&prepared.scenario, prepared.profile());
    let mut asked = Asked { pair, wanted, trials, made: 0 };
    let for_shrinking = limits.runs - limits.seeds;
    let found = shrunk(scenario, profile, |some| {
        if asked.made + some.len() as u64 > for_shrinking {
            return Ok(vec![None; some.len()]);
        }
        let shown = asked.shows(some, &[seed])?;
        let fails = |shown: &Option<Vec<u64>>| shown.as_ref().map(|seeds| !seeds.is_empty());
        let answers: Vec<Option<bool>> = shown.iter().map(fails).collect();
        if let Some(index) = answers.iter().position(|answer| *answer == Some(true)) {
            let size = Size::of(&some[index], profile);
            tell(&format!("{}: {}", counted(asked.made, "run"), size.words()));
        }
        Ok::<_, Failure>(answers)
    })?;
    let seeds = seeds_from(seed, limits.seeds);
    let (smallest, shown) = asked.certain(found.scenario, &seeds, limits, profile)?;
    let smallest = named(smallest, wanted);
    Ok(Shrunk {
        text: text(&smallest, profile),
        before: Size::of(scenario, profile),
        after: Size::of(&smallest, profile),
        scenario: smallest,
        runs: asked.made,
        is_finished: found.is_finished,
        seed: shown.iter().min().copied().unwrap_or(seed),
        seen: shown.len() as u64,
        seeds,
    })
}

impl Shrunk {
    /// What came of it, and how often it is seen.
    fn words(&self) -> String {
        let (before, after) = (self.before.words(), self.after.words());
        let runs = counted(self.runs, "run");
        let mut words = format!("from  {before}\nto    {after}, after {runs}\n");
        let of = self.seeds.len() as u64;
        let (least, most) = interval(self.seen, of, LEVEL);
        let percent = |rate: f64| format!("{:.0} %", rate * 100.0);
        let (least, most) = (percent(least), percent(most));
        words += &format!(
            "seen  with {} of {of} seeds ({least} to {most} of all, with 95 %)\n",
            self.seen
        );
        if !self.is_finished {
            words +=
                "There were no runs left: with more --runs the same command goes on from here.\n";
        }
        words
    }
}

/// The scenario, with what it is about and how it ends.
fn named(scenario: Scenario, wanted: &Fingerprint) -> Scenario {
    let verdict = match wanted.class {
        Class::BeyondAssumptions => ExpectedVerdict::BeyondAssumptions,
        Class::BrokenPromise | Class::ScriptExpectation => ExpectedVerdict::BrokenPromise,
    };
    let Fingerprint { lock, invariant, class, situation, .. } = wanted;
    let about = format!("{lock}: {invariant} ({}); in this situation: {situation}.", class.words());
    Scenario { about, expect: Expect { verdict, critical_sections: 0 }, ..scenario }
}

/// What the runs of a scenario show.
struct Asked<'a> {
    pair: &'a Pair,
    wanted: &'a Fingerprint,
    trials: &'a Trials<'a>,
    made: u64,
}

impl Asked<'_> {
    /// Of each scenario, the seeds with which it shows the violation; `None`: not all could be run.
    fn shows(
        &mut self,
        scenarios: &[Scenario],
        seeds: &[u64],
    ) -> Result<Vec<Option<Vec<u64>>>, Failure> {
        let named = |scenario: &Scenario| named_by_content(scenario.clone(), NAME);
        let scenarios: Vec<Scenario> = scenarios.iter().map(named).collect();
        self.made += (scenarios.len() * seeds.len()) as u64;
        let runs = runs(self.pair, &scenarios, seeds, self.trials)?;
        let shown = runs.chunks(seeds.len().max(1)).map(|some| {
            let all: Option<Vec<_>> = some.iter().map(Option::as_ref).collect();
            let shown = all?.into_iter().filter(|run| shows(run, self.wanted));
            Some(shown.map(|run| run.seed).collect())
        });
        Ok(shown.collect())
    }

    /// The seeds with which one scenario shows it.
    fn shown(&mut self, scenario: &Scenario, seeds: &[u64]) -> Result<Vec<u64>, Failure> {
        let shown = self.shows(std::slice::from_ref(scenario), seeds)?;
        Ok(shown.into_iter().flatten().flatten().collect())
    }

    /// The scenario, or if not every seed shows it, another one that more do. Answers these seeds.
    fn certain(
        &mut self,
        scenario: Scenario,
        seeds: &[u64],
        limits: &Limits,
        profile: &Profile,
    ) -> Result<(Scenario, Vec<u64>), Failure> {
        let shown = self.shown(&scenario, seeds)?;
        let fits = |other: &Scenario| {
            makes_sense(other, profile)
                && text(&named(other.clone(), self.wanted), profile).lines().count() <= LINES_MOST
        };
        let others: Vec<Scenario> = more_chances(&scenario).into_iter().filter(fits).collect();
        let some = &seeds[..seeds.len().div_ceil(2)];
        let cost = (others.len() * some.len() + seeds.len()) as u64;
        if shown.len() == seeds.len() || self.made + cost > limits.runs {
            return Ok((scenario, shown));
        }
        let chances = self.shows(&others, some)?;
        let ranked = others.into_iter().zip(chances);
        // The first of the best.
        let best = ranked.rev().max_by_key(|(_, shown)| shown.as_ref().map_or(0, Vec::len));
        let Some((other, _)) = best else {
            return Ok((scenario, shown));
        };
        let more = self.shown(&other, seeds)?;
        Ok(if more.len() > shown.len() { (other, more) } else { (scenario, shown) })
    }
}
