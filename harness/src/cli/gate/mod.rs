//! `lockstorm gate`: a suite for one lock, as a gate in its continuous integration.

pub(super) mod baseline;
mod decision;
mod search;
mod suite;

use super::batch::{
    self, BatchOptions, Identity, Job, Pair, Selection, SetDirectory, Shard, SideBySide,
    expect_any, pairs, parse_shard, parse_time, part,
};
use super::directory::expect_new;
use super::exit::{Exit, Failure};
use super::locks;
use super::matrix::{self, note_missing};
use super::results;
use super::terminal::Terminal;
use crate::lock::choice::Choice;
pub use baseline::Baseline;
use baseline::{Known, Loaded};
use decision::Grounds;
use lockstorm_reports::format::{self, Format, Options, Subject};
use lockstorm_reports::set::{GATE_FILE, Gate, LeftOut, ResultSet, lock_of};
use lockstorm_reports::terminal::{SetOptions, render_gate};
use lockstorm_reports::text::clean;
use search::Search;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use suite::Suite;
use time::OffsetDateTime;

/// Where a gate's results go that is given no directory.
const DIRECTORY: &str = "lockstorm-runs/gate";

/// Runs a suite for a lock and fails on a violation that the baseline does not accept.
///
/// Exit codes: 0 it passes, 1 a violation that is not accepted, 2 a run is unknown or could not be
/// made (see --unknown). Results are written as the runs end; the same command goes on where it was
/// interrupted.
#[derive(clap::Args)]
pub struct Args {
    /// As for `scenario --lock`; more than one with commas. With --judge, only the runs of these.
    #[arg(long, value_name = "LOCK,...", value_delimiter = ',', required_unless_present = "judge")]
    lock: Vec<String>,
    /// Test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "smoke")]
    suite: Suite,
    /// Names or paths of scenarios, in place of the suite's own; or `all` that are shipped.
    #[arg(long, value_name = "SCENARIO,...", value_delimiter = ',')]
    scenarios: Vec<String>,
    /// Set a key of every scenario, such as site.clients=5; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// So many seeds of each scenario, in place of the suite's own number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: Option<u64>,
    /// So many runs of a sweep beside the scenarios, in place of the suite's own number; 0: none.
    /// Where scenarios are named, none is made without it.
    #[arg(long, value_name = "N")]
    sweep: Option<u32>,
    /// A file with the violations that are accepted.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write a new baseline: what the one of --baseline accepts, and all that is refused now.
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// What becomes of the gate when a run is unknown and nothing is violated.
    #[arg(long, value_enum, default_value = "fail")]
    unknown: OnUnknown,
    /// Fail on violations beyond the lock's assumptions, too.
    #[arg(long)]
    strict: bool,
    /// Begin no run that would not end within this time, such as 10m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    budget: Option<Duration>,
    /// Run the I-th of N parts of the suite; `lockstorm merge` puts them together.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<Shard>,
    /// Judge this result set, of `gate`, `matrix` or `merge`, and run nothing.
    #[arg(long, value_name = "DIR", 
          conflicts_with_all = ["out", "budget", "shard", "seeds", "suite", "scenarios", "set",
                                "sweep", "with", "discard_valid", "jobs"])]
    judge: Option<PathBuf>,
    /// Where the result set goes. Without it, to lockstorm-runs/gate, where it replaces that of
    /// other locks or scenarios.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    side_by_side: SideBySide,
    /// Print the results in this format, too: text, html, markdown, junit, tap or json. As github,
    /// it is what the gate says that is printed: what the baseline accepts is no error.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format::named)]
    format: &'static Format,
    /// Print what the gate says alone.
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OnUnknown {
    /// Exit code 2.
    Fail,
    /// It passes.
    Pass,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    expect_new(args.write_baseline.as_deref())?;
    let baseline = args.baseline.as_deref().map(Loaded::read).transpose()?.unwrap_or_default();
    let (mut set, path) = match &args.judge {
        Some(path) => (saved(path, args, &baseline, terminal)?, path.as_path()),
        None => {
            let path = args.out.as_deref().unwrap_or(Path::new(DIRECTORY));
            (make(args, path, &baseline, terminal)?, path)
        }
    };
    let name = path.display().to_string();
    let today = OffsetDateTime::now_utc().date();
    let gate = decision::decide(&Grounds {
        set: &set,
        directory: &name,
        baseline: &baseline.baseline,
        baseline_file: args.baseline.as_ref().map(|path| path.display().to_string()),
        strict: args.strict,
        today,
        is_part: args.shard.is_some(),
    });
    if let Some(file) = &args.write_baseline {
        baseline.baseline.with(&gate, today).write(file)?;
        terminal.note(&format!("{}: say there why each is accepted", file.display()));
    }
    match (keep(&gate, path), &args.judge) {
        // Somebody else's results may be read, and not written to.
        (Err(failure), Some(_)) => terminal.note(&format!("not kept for reports: {failure}")),
        (kept, _) => kept?,
    }
    let exit = decision::exit(&gate, set.runs.len(), args.unknown);
    let is_part_missing = args.judge.is_some() && set.missing() > 0;
    set.gate = Some(gate);
    tell(&set, &name, args, terminal)?;
    match exit {
        Exit::Valid if is_part_missing && args.unknown == OnUnknown::Fail => Ok(Exit::Unknown),
        exit => Ok(exit),
    }
}

/// So that every report of the set knows.
fn keep(gate: &Gate, path: &Path) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(gate).unwrap_or_default() + "\n";
    results::write(path, Path::new(GATE_FILE), &text).map(drop)
}

/// Prints the results and what the gate says. Where the results are for a program, what the gate
/// says is for people, too.
fn tell(set: &ResultSet, name: &str, args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    let Some(gate) = &set.gate else { return Ok(()) };
    let (colour, columns) = (terminal.colour(), terminal.columns());
    let options = SetOptions { colour, columns, directory: Some(name) };
    let is_text = args.format.name == "text";
    if args.format.name == "github" {
        terminal.print(&decision::annotations(gate))?;
    } else if !args.quiet {
        let options = Options { colour, columns: Some(columns), directory: Some(name) };
        terminal.print(&(args.format.render)(Subject::Set(set), options))?;
    }
    match (is_text, args.quiet) {
        // It is the end of the page.
        (true, false) => {}
        (true, true) => terminal.print(&render_gate(gate, options))?,
        (false, _) => terminal.note(&render_gate(gate, SetOptions { colour: false, ..options })),
    }
    Ok(())
}

/// The set that is to be judged: the runs of the locks that are named, or all.
fn saved(
    path: &Path,
    args: &Args,
    baseline: &Loaded,
    terminal: &Terminal,
) -> Result<ResultSet, Failure> {
    let mut set = lockstorm_reports::set::read(path)?;
    set.gate = None;
    note_missing(&set, path, terminal);
    expect_known(baseline, &set)?;
    let labels: BTreeSet<String> = set.runs.iter().map(|run| run.lock.clone()).collect();
    let mut chosen: BTreeSet<&String> = BTreeSet::new();
    for lock in &args.lock {
        let name = match Choice::parse(lock) {
            Choice::Own(file) => locks::own(&file, None)?.profile.name,
            choice => choice.to_string(),
        };
        let is_it = |label: &&String| {
            **label == name || lock_of(label) == name || label.starts_with(&format!("{name}+"))
        };
        let before = chosen.len();
        chosen.extend(labels.iter().filter(is_it));
        if chosen.len() == before && !labels.is_empty() {
            let there = Vec::from_iter(labels.iter().map(String::as_str)).join(", ");
            let path = path.display();
            return Err(Failure::Argument(format!(
                "{path}: there are no runs of `{lock}`; there are those of {there}"
            )));
        }
    }
    if !args.lock.is_empty() && chosen.len() < labels.len() {
        let is_chosen = |lock: &String| chosen.contains(lock);
        // How many are wanted of these alone, nobody has written.
        set.header.wanted = None;
        set.header.locks.retain(|entry| is_chosen(&entry.name));
        set.header.left_out.retain(|left| is_chosen(&left.lock));
        set.runs.retain(|run| is_chosen(&run.lock));
    }
    Ok(set)
}

fn expect_known(baseline: &Loaded, set: &ResultSet) -> Result<(), Failure> {
    let runs = set.runs.iter();
    let scenarios = set.header.scenarios.iter().map(|entry| entry.name.as_str());
    let locks = set.header.locks.iter().map(|entry| entry.name.as_str());
    // Without a node image, nobody knows what other locks there are.
    let catalogue = locks::catalogue().map(|all| all.names().to_vec());
    let mut known = Known::new(
        scenarios.chain(runs.clone().map(|run| run.scenario.as_str())),
        locks.chain(runs.map(|run| run.lock.as_str())),
        catalogue.as_deref().unwrap_or_default(),
    );
    if catalogue.is_err() {
        known.locks.clear();
    }
    Ok(baseline.expect_known(&known)?)
}

/// Runs the suite, and answers the results.
fn make(
    args: &Args,
    path: &Path,
    baseline: &Loaded,
    terminal: &Terminal,
) -> Result<ResultSet, Failure> {
    let scenarios = match args.scenarios.is_empty() {
        true => args.suite.scenarios(),
        false => args.scenarios.clone(),
    };
    let selection = Selection::of(&args.lock, args.with.as_deref(), &scenarios)?;
    let mut pairs = pairs(&selection, &args.set)?;
    expect_any(&pairs)?;
    let all: Vec<&Pair> = pairs.iter().collect();
    let mut header = matrix::header(&selection, &all);
    let empty = ResultSet { header: header.clone(), ..ResultSet::default() };
    expect_known(baseline, &empty)?;
    // A story that needs what the lock does not have is none of its suite.
    header.left_out = pairs.iter().filter_map(does_not_apply).collect();
    pairs.retain(|pair| does_not_apply(pair).is_none());
    let all: Vec<&Pair> = pairs.iter().collect();
    let suite = suite_jobs(&pairs, args.seeds.unwrap_or(args.suite.seeds()));
    // What a budget has time for is not known beforehand.
    header.wanted = args.budget.is_none().then_some(suite.len() as u64);
    let options = BatchOptions { budget: args.budget, ..args.side_by_side.options(args.quiet)? };
    let (images, set) = (selection.images(), &args.set);
    let identity = Identity::new(&header, images, set, &options.kernels, &all);
    let directory = SetDirectory::open(path, &header, &identity, args.out.is_none())?;
    if let Some(command) = directory.replaced().filter(|_| !args.quiet) {
        let (path, command) = (path.display(), clean(command));
        terminal.note(&format!("{path}: replaces the results of `{command}`"));
    }
    let began = Instant::now();
    let made = directory.made()?;
    let suite = part(args.shard, suite);
    let jobs = suite.iter().copied().filter(|job| !made.contains(&job.key()));
    let jobs: Vec<Job> = jobs.collect();
    batch::run(&jobs, &directory, &options)?;
    let there: BTreeSet<_> = directory.read()?.runs.iter().map(key).collect();
    header.left_out.extend(no_time_for(suite.iter().filter(|job| !there.contains(&job.key()))));
    if swept(args) > 0 {
        let search = Search {
            locks: &args.lock,
            with: args.with.as_deref(),
            set: &args.set,
            runs: swept(args),
            shard: args.shard,
            began,
            options: &options,
        };
        search.run(&directory, &mut header, terminal)?;
    }
    directory.put_header(&header)?;
    directory.read()
}

/// How many runs of a sweep are wanted.
fn swept(args: &Args) -> u32 {
    let of_suite = if args.scenarios.is_empty() { args.suite.swept() } else { 0 };
    args.sweep.unwrap_or(of_suite)
}

fn key(run: &lockstorm_reports::set::RunSummary) -> (String, String, u64) {
    (run.lock.clone(), run.scenario.clone(), run.seed)
}

/// Why a lock and a scenario do not go together, if they do not.
fn does_not_apply(pair: &Pair) -> Option<LeftOut> {
    match pair.prepared() {
        Err(Failure::Input(found)) if pair.lock_is_ready() => Some(LeftOut {
            lock: pair.lock.clone(),
            scenario: pair.scenario.clone(),
            runs: None,
            why: format!("does not apply: {}", found.summary()),
        }),
        _ => None,
    }
}

/// What the budget did not allow, by lock and scenario.
fn no_time_for<'a>(jobs: impl Iterator<Item = &'a Job<'a>>) -> Vec<LeftOut> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for job in jobs {
        *counts.entry((&job.pair.lock, &job.pair.scenario)).or_default() += 1;
    }
    let left = counts.into_iter().map(|((lock, scenario), runs)| LeftOut {
        lock: lock.to_owned(),
        scenario: scenario.to_owned(),
        runs: Some(runs),
        why: "there was no time".into(),
    });
    left.collect()
}

/// By seed first, so that a budget takes something of every scenario.
fn suite_jobs(pairs: &[Pair], seeds: u64) -> Vec<Job<'_>> {
    (1..=seeds).flat_map(|seed| pairs.iter().map(move |pair| Job { pair, seed })).collect()
}
