//! `lockstorm explain`: what a violation depends on.

use super::target::{Target, TargetArgs, Violation, runs, seeds_from, shows};
use super::trials::{Trial, Trials, named_by_content};
use crate::cli::batch::SideBySide;
use crate::cli::directory::host;
use crate::cli::exit::{Exit, Failure};
use crate::cli::kernels;
use crate::cli::results::file_name;
use crate::cli::terminal::Terminal;
use crate::search::explain::{Variation, conclusion, effect, left_out, runs_needed, variations};
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
    /// Run each change with so many seeds; with more, where the violation is rare.
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
    let prepared = target.pair.prepared()?;
    let (scenario, wanted) = (&prepared.scenario, &violation.wanted);
    let built = kernels::built()?;
    let (changes, impossible) =
        variations(scenario, prepared.profile(), &target.plan.kernels, &built);
    let seen_with = |seeds: &[u64]| {
        let made = runs(&target.pair, std::slice::from_ref(scenario), seeds, trials)?;
        Ok::<_, Failure>(tally(&made, wanted))
    };
    let mut unchanged = seen_with(&seeds_from(violation.seed, at_least))?;
    if unchanged.seen < unchanged.of || unchanged.unknown > 0 {
        unchanged = seen_with(&seeds_from(violation.seed, SEEDS_FOR_RATE.max(at_least)))?;
    }
    let seeds = seeds_from(violation.seed, runs_needed(unchanged, at_least));
    tell(&format!(
        "{} ({}), seed {}: {} changes, each with {} seeds",
        wanted.invariant,
        wanted.class.words(),
        violation.seed,
        changes.len(),
        seeds.len()
    ));
    let mut all = Vec::new();
    for change in &changes {
        for seed in &seeds {
            all.push(trial(target, change, *seed)?);
        }
    }
    let made = trials.make(&all, &super::target::Nobody)?;
    let of_change = changes.iter().zip(made.chunks(seeds.len().max(1)));
    let rows: Vec<Row> =
        of_change.map(|(change, runs)| row(change, runs, unchanged, wanted)).collect();
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

fn tally(runs: &[Option<RunSummary>], wanted: &Fingerprint) -> Tally {
    let mut tally = Tally::default();
    for run in runs.iter().flatten() {
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

fn row(
    change: &Variation,
    runs: &[Option<RunSummary>],
    unchanged: Tally,
    wanted: &Fingerprint,
) -> Row {
    let tally = tally(runs, wanted);
    let nothing = |run: &&RunSummary| matches!(run.outcome(), Outcome::Unknown | Outcome::Failed);
    let because = runs.iter().flatten().find(nothing).map(RunSummary::reason);
    Row {
        factor: change.factor,
        what: change.what.clone(),
        change: change.change.clone(),
        tally,
        effect: effect(unchanged, tally),
        because: because.filter(|_| tally.unknown > 0).unwrap_or_default(),
        run: runs.iter().flatten().find_map(|run| run.directory.clone()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(host(path))
}
