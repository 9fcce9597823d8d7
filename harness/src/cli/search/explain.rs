//! `lockstorm explain`: what a violation depends on.

use super::target::{Nobody, Target, TargetArgs, Violation, runs, seeds_from, shows};
use super::trials::{Trial, Trials, named_by_content};
use crate::cli::batch::SideBySide;
use crate::cli::directory::host;
use crate::cli::exit::{Exit, Failure};
use crate::cli::kernels;
use crate::cli::results::file_name;
use crate::cli::terminal::Terminal;
use crate::search::explain::{
    Variation, conclusion, effect, left_out, may_matter, runs_needed, variations,
};
use crate::search::fingerprint::Fingerprint;
use lockstorm_reports::explanation::{Explanation, FORMAT, Row, Tally, markdown, text};
use lockstorm_reports::html;
use lockstorm_reports::set::{Outcome, RunSummary};
use std::fs;
use std::path::{Path, PathBuf};

/// What its runs are called, and the set that they are in.
const NAME: &str = "explain";
/// Where a violation is not seen with every seed, so many tell how often it is.
const SEEDS_FOR_RATE: u64 = 20;

/// Says what a violation depends on: runs its scenario with one thing changed at a time, each with
/// several seeds, and tells what takes the violation away.
///
/// It leaves out each fault, and changes caches, mount options, delegations, the NFS version, the
/// server, kernels, clocks, latencies. The same command goes on where it was interrupted. Exit code
/// 0: it was explained; 10: there is no violation.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Run each change with so many seeds; with more, if it may matter.
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Where the result set goes, in place of lockstorm-runs/explain-SCENARIO-HASH.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    side_by_side: SideBySide,
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
    Html,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let options = args.side_by_side.options(args.quiet)?;
    let target = Target::of(&args.target, &options.kernels, NAME)?;
    let set = target.open(NAME, args.out.as_deref())?;
    let trials = Trials { set: &set, options: &options };
    let violation = target.violation(&trials)?;
    let explanation = explained(args.seeds, &target, &violation, &trials, &|words| {
        if !args.quiet {
            terminal.note(words);
        }
    })?;
    let json = serde_json::to_string_pretty(&explanation)
        .map_err(|error| Failure::Internal(error.to_string()))?
        + "\n";
    let page = html::explanation(&explanation);
    write(&set.path().join("explanation.json"), &json)?;
    write(&set.path().join("explanation.html"), &page)?;
    terminal.print(&match args.format {
        Format::Text => text(&explanation),
        Format::Json => json,
        Format::Markdown => markdown(&explanation),
        Format::Html => page,
    })?;
    if !args.quiet {
        terminal.note(&format!("the runs are in {}", set.path().display()));
    }
    Ok(Exit::Valid)
}

fn explained(
    at_least: u64,
    target: &Target,
    violation: &Violation,
    trials: &Trials,
    tell: &dyn Fn(&str),
) -> Result<Explanation, Failure> {
    let (profile, wanted) = (target.pair.prepared()?.profile(), &violation.wanted);
    let scenario = &target.pair.prepared()?.scenario;
    let built = kernels::built()?;
    let kernels = &target.plan.kernels;
    let (changes, impossible) = variations(scenario, profile, kernels, &built);
    let compared = Compared { target, violation, trials };
    let (what, class) = (wanted.invariant, wanted.class.words());
    tell(&format!("{what} ({class}), seed {}: {} changes", violation.seed, changes.len()));
    let (unchanged, rows) = compared.rows(&changes, at_least, tell)?;
    let headlines = violation.run.judged().map(|judged| judged.headlines.as_slice());
    let mut headlines = headlines.unwrap_or_default().iter();
    let headline = headlines.find(|one| one.invariant.words() == wanted.invariant);
    Ok(Explanation {
        format: FORMAT,
        lockstorm: env!("CARGO_PKG_VERSION").into(),
        lock: target.pair.lock.clone(),
        scenario: target.plan.scenario.name.clone(),
        invariant: wanted.invariant.into(),
        class: wanted.class,
        violation: headline.map_or_else(String::new, |headline| headline.text.clone()),
        situation: wanted.situation.clone(),
        unchanged,
        conclusion: conclusion(&target.pair.lock, &rows),
        rows,
        left_out: impossible.into_iter().chain(left_out(&built)).collect(),
    })
}

/// The scenario as it is, and changed.
struct Compared<'a> {
    target: &'a Target,
    violation: &'a Violation,
    trials: &'a Trials<'a>,
}

impl Compared<'_> {
    /// Runs each change a few times, and those that may matter often enough to tell that from
    /// chance.
    fn rows(
        &self,
        changes: &[Variation],
        at_least: u64,
        tell: &dyn Fn(&str),
    ) -> Result<(Tally, Vec<Row>), Failure> {
        let mut unchanged = self.unchanged(at_least)?;
        if unchanged.seen < unchanged.of || unchanged.unknown > 0 {
            unchanged = self.unchanged(SEEDS_FOR_RATE.max(at_least))?;
        }
        let all: Vec<&Variation> = changes.iter().collect();
        let few = self.changed(&all, at_least)?;
        let may_matter = |index: &usize| may_matter(unchanged, tally(&few[*index], self.wanted()));
        let doubtful: Vec<usize> = (0..all.len()).filter(may_matter).collect();
        let needed = runs_needed(unchanged).max(at_least);
        if !doubtful.is_empty() && needed > at_least {
            tell(&format!("{} of them may matter: {needed} seeds each", doubtful.len()));
            unchanged = self.unchanged(needed.max(unchanged.of + unchanged.unknown))?;
        }
        let again: Vec<&Variation> = doubtful.iter().map(|index| all[*index]).collect();
        let many = doubtful.into_iter().zip(self.changed(&again, needed)?);
        let mut runs: Vec<Vec<RunSummary>> = few;
        for (index, more) in many {
            runs[index] = more;
        }
        let rows = changes.iter().zip(&runs);
        let rows = rows.map(|(change, runs)| row(change, runs, unchanged, self.wanted()));
        Ok((unchanged, rows.collect()))
    }

    fn wanted(&self) -> &Fingerprint {
        &self.violation.wanted
    }

    fn unchanged(&self, seeds: u64) -> Result<Tally, Failure> {
        let pair = &self.target.pair;
        let scenario = std::slice::from_ref(&pair.prepared()?.scenario);
        let made = runs(pair, scenario, &seeds_from(self.violation.seed, seeds), self.trials)?;
        Ok(tally(&made.into_iter().flatten().collect::<Vec<_>>(), self.wanted()))
    }

    /// The runs of each.
    fn changed(&self, changes: &[&Variation], seeds: u64) -> Result<Vec<Vec<RunSummary>>, Failure> {
        let seeds = seeds_from(self.violation.seed, seeds);
        let mut all = Vec::new();
        for change in changes {
            for seed in &seeds {
                all.push(trial(self.target, change, *seed)?);
            }
        }
        let made = self.trials.make(&all, &Nobody)?;
        let of_change = made.chunks(seeds.len().max(1));
        Ok(of_change.map(|runs| runs.iter().flatten().cloned().collect()).collect())
    }
}

fn trial(target: &Target, change: &Variation, seed: u64) -> Result<Trial, Failure> {
    // The same scenario on other kernels is another run.
    let prefix = match change.kernels == target.plan.kernels {
        true => NAME.to_owned(),
        false => {
            let kernels = file_name(&change.kernels.to_string(), 40);
            format!("{NAME}-{}", kernels.replace(['@', '+'], "_"))
        }
    };
    let scenario = named_by_content(change.scenario.clone(), &prefix);
    let pair = target.pair.in_scenario(scenario)?.on_kernels(change.kernels.clone());
    Ok(Trial { pair, seed })
}

fn tally(runs: &[RunSummary], wanted: &Fingerprint) -> Tally {
    let mut tally = Tally::default();
    for run in runs {
        let is_seen = shows(run, wanted);
        match run.outcome() {
            Outcome::Unknown | Outcome::Failed if !is_seen => tally.unknown += 1,
            _ => {
                tally.of += 1;
                tally.seen += u64::from(is_seen);
            }
        }
    }
    tally
}

fn row(change: &Variation, runs: &[RunSummary], unchanged: Tally, wanted: &Fingerprint) -> Row {
    let tally = tally(runs, wanted);
    let nothing = |run: &&RunSummary| matches!(run.outcome(), Outcome::Unknown | Outcome::Failed);
    let because = runs.iter().find(nothing).map(RunSummary::reason);
    Row {
        factor: change.factor,
        what: change.what.clone(),
        change: change.change.clone(),
        tally,
        effect: effect(unchanged, tally),
        because: because.filter(|_| tally.unknown > 0).unwrap_or_default(),
        run: runs.iter().find_map(|run| run.directory.clone()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(host(path))
}
