//! `lockstorm gate`: a suite for one lock, as a gate in its continuous integration.

mod baseline;
mod decision;
mod suite;

use super::batch::{
    self, BatchOptions, Identity, Job, Pair, Selection, SetDirectory, Shard, SideBySide,
    expect_any, pairs, parse_shard, parse_time, part,
};
use super::exit::{Exit, Failure};
use super::matrix::{self, note_missing};
use super::results;
use super::terminal::Terminal;
use baseline::Baseline;
use decision::Decision;
use lockstorm_reports::format::{self, Format, Options, Subject};
use lockstorm_reports::set::{GATE_FILE, ResultSet};
use lockstorm_reports::text::clean;
use std::path::{Path, PathBuf};
use std::time::Duration;
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
    /// As for `scenario --lock`; more than one with commas.
    #[arg(long, value_name = "LOCK,...", value_delimiter = ',', required = true)]
    lock: Vec<String>,
    /// Test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "smoke")]
    suite: Suite,
    /// So many seeds of each scenario, in place of the suite's own number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: Option<u64>,
    /// A file with the violations that are accepted.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
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
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "budget", "shard", "seeds"])]
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
    let baseline = args.baseline.as_deref().map(Baseline::load).transpose()?.unwrap_or_default();
    let (set, path, left) = match &args.judge {
        Some(path) => {
            let set = lockstorm_reports::set::read(path)?;
            note_missing(&set, path, terminal);
            (set, path.as_path(), 0)
        }
        None => {
            let path = args.out.as_deref().unwrap_or(Path::new(DIRECTORY));
            let (set, left) = make(args, path, terminal)?;
            (set, path, left)
        }
    };
    let today = OffsetDateTime::now_utc().date();
    let name = path.display().to_string();
    let decision = Decision::of(&set, &name, &baseline, args.strict, today, left);
    let set = with_gate(args, set, path, &decision)?;
    if args.format.name == "github" {
        terminal.print(&decision.annotations())?;
    } else if !args.quiet {
        let options = Options {
            colour: terminal.colour(),
            columns: Some(terminal.columns()),
            directory: Some(&name),
        };
        terminal.print(&(args.format.render)(Subject::Set(&set), options))?;
    }
    // Where the results are for a program, what the gate says is for people.
    match args.format.name {
        "text" => terminal.print(&decision.words())?,
        _ => terminal.note(&decision.words()),
    }
    let is_part_missing = args.judge.is_some() && set.missing() > 0;
    match decision.exit(args.unknown) {
        Exit::Valid if is_part_missing && args.unknown == OnUnknown::Fail => Ok(Exit::Unknown),
        exit => Ok(exit),
    }
}

/// Puts what the gate says beside the results, for those who make pages of them.
fn with_gate(
    args: &Args,
    set: ResultSet,
    path: &Path,
    decision: &Decision,
) -> Result<ResultSet, Failure> {
    let baseline = args.baseline.as_ref().map(|file| file.display().to_string());
    let gate = decision.document(baseline, args.strict);
    let written = results::write(path, Path::new(GATE_FILE), &gate.to_json());
    // Another's results may be read-only.
    if args.judge.is_none() {
        written?;
    }
    Ok(ResultSet { gate: Some(gate), ..set })
}

/// Runs the suite; answers the results, and how many runs the budget did not allow.
fn make(args: &Args, path: &Path, terminal: &Terminal) -> Result<(ResultSet, usize), Failure> {
    let selection = Selection::of(&args.lock, args.with.as_deref(), &args.suite.scenarios())?;
    let mut pairs = pairs(&selection, &[])?;
    // A story that needs what the lock does not have is none of its suite.
    pairs.retain(|pair| !matches!(pair.prepared(), Err(Failure::Input(_)) if pair.lock_is_ready()));
    expect_any(&pairs)?;
    let all: Vec<&batch::Pair> = pairs.iter().collect();
    let suite = suite_jobs(&pairs, args.seeds.unwrap_or(args.suite.seeds()));
    let mut header = matrix::header(&selection, &all);
    // What a budget has time for is not known beforehand.
    header.wanted = args.budget.is_none().then_some(suite.len() as u64);
    let options = BatchOptions { budget: args.budget, ..args.side_by_side.options(args.quiet)? };
    let identity = Identity::new(&header, selection.images(), &[], &options.kernels, &all);
    let directory = SetDirectory::open(path, &header, &identity, args.out.is_none())?;
    if let Some(command) = directory.replaced().filter(|_| !args.quiet) {
        let (path, command) = (path.display(), clean(command));
        terminal.note(&format!("{path}: replaces the results of `{command}`"));
    }
    let made = directory.made()?;
    let jobs = part(args.shard, suite).into_iter();
    let jobs: Vec<Job> = jobs.filter(|job| !made.contains(&job.key())).collect();
    let left = batch::run(&jobs, &directory, &options)?;
    Ok((directory.read()?, left))
}

/// By seed first, so that a budget takes something of every scenario.
fn suite_jobs(pairs: &[Pair], seeds: u64) -> Vec<Job<'_>> {
    (1..=seeds).flat_map(|seed| pairs.iter().map(move |pair| Job { pair, seed })).collect()
}
