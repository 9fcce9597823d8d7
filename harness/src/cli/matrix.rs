//! `lockstorm matrix`: every lock against every scenario, over many seeds, as one table.

use super::batch::{
    self, Identity, Job, Selection, SetDirectory, Shard, SideBySide, expect_any, pairs,
    parse_shard, part,
};
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use lockstorm_reports::format::{self, Format, Options, Subject};
use lockstorm_reports::set::{self, Counts, Entry, Header, Outcome, ResultSet};
use std::path::{Path, PathBuf};

/// What a matrix is called that is given no directory; the hash of what it is made of follows.
const NAME: &str = "matrix";

/// Runs locks against scenarios, several sites side by side, and prints the table.
///
/// The same command goes on where it was interrupted. Exit codes: 1 if a promise was broken, else 2
/// if a run is unknown or could not be made, else 0; a violation beyond a lock's assumptions is
/// none of these.
#[derive(clap::Args)]
pub struct Args {
    /// Names as for `scenario --lock`, or `all` (libraries and primitives), `libraries`,
    /// `primitives`, `controls`.
    #[arg(long, value_name = "LOCK,...", value_delimiter = ',', default_value = "all")]
    locks: Vec<String>,
    /// Test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
    /// Names or paths of scenarios, or `all` that are shipped.
    #[arg(
        long,
        value_name = "SCENARIO,...",
        value_delimiter = ',',
        default_value = "calm,partition,crash,clock-skew,server-restart"
    )]
    scenarios: Vec<String>,
    /// How many seeds, from 1 up; or a range such as 6..10.
    #[arg(long, value_name = "N|A..B", default_value = "1", value_parser = parse_seeds)]
    seeds: Seeds,
    /// Set a key of every scenario, such as site.clients=5; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Run the I-th of N parts of the matrix; `lockstorm merge` puts them together.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<Shard>,
    /// Judge this result set, as `merge` leaves it, and run nothing. Exit code 2 also if runs are
    /// missing.
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["locks", "with", "scenarios", "seeds", "set", "shard", "out"])]
    judge: Option<PathBuf>,
    /// Where the result set goes, in place of lockstorm-runs/matrix-HASH; another set there is
    /// not replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    side_by_side: SideBySide,
    /// Print the table in this format: text, html, markdown, junit, tap, github or json.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format::named)]
    format: &'static Format,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

/// More runs are not planned at once: they would take years, and all the memory there is.
const RUNS_MAX: u64 = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seeds {
    first: u64,
    last: u64,
}

fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let seeds = match text.split_once("..") {
        Some((first, last)) => number(first).zip(number(last)),
        None => number(text).map(|count| (1, count)),
    };
    match seeds {
        Some((first, last)) if first <= last => Ok(Seeds { first, last }),
        _ => Err("expected a number of seeds, or a range such as 6..10".into()),
    }
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let (set, path) = match &args.judge {
        Some(path) => (set::read(path)?, path.clone()),
        None => make(args, terminal)?,
    };
    let name = path.display().to_string();
    let options = Options {
        colour: terminal.colour(),
        columns: Some(terminal.columns()),
        directory: Some(&name),
    };
    terminal.print(&(args.format.render)(Subject::Set(&set), options))?;
    match &args.judge {
        Some(path) => note_missing(&set, path, terminal),
        None if args.out.is_none() && !args.quiet => {
            terminal.note(&format!("the results are in {name}"));
        }
        None => {}
    }
    match exit(&set) {
        Exit::Valid if args.judge.is_some() && set.missing() > 0 => Ok(Exit::Unknown),
        exit => Ok(exit),
    }
}

/// Says of a set that is taken for the whole that it is not.
pub fn note_missing(set: &ResultSet, path: &Path, terminal: &Terminal) {
    if set.missing() > 0 {
        let (path, there) = (path.display(), set.runs.len());
        let wanted = set.header.wanted.unwrap_or(0);
        terminal.note(&format!(
            "{path}: {there} of {wanted} runs are there; the rest is in parts that were not merged \
             or have not been run to their end"
        ));
    }
}

/// Makes the runs that are not there yet; answers the whole set, and where it is.
fn make(args: &Args, terminal: &Terminal) -> Result<(ResultSet, PathBuf), Failure> {
    let selection = Selection::of(&args.locks, args.with.as_deref(), &args.scenarios)?;
    let pairs = pairs(&selection, &args.set)?;
    expect_any(&pairs)?;
    let all: Vec<&batch::Pair> = pairs.iter().collect();
    let runs = (args.seeds.last - args.seeds.first).saturating_add(1);
    if runs.saturating_mul(pairs.len() as u64) > RUNS_MAX {
        let cells = pairs.len();
        return Err(Failure::Argument(format!(
            "--seeds: {runs} seeds of {cells} locks and scenarios are more than {RUNS_MAX} runs; \
             make them in parts, such as --seeds 1..1000"
        )));
    }
    let seeds = args.seeds.first..=args.seeds.last;
    // By seed first: a batch that is cut short has something of every cell.
    let jobs = seeds.flat_map(|seed| pairs.iter().map(move |pair| Job { pair, seed }));
    let jobs: Vec<Job> = jobs.collect();
    let wanted = Some(jobs.len() as u64);
    let header = Header { wanted, ..header(&selection, &all) };
    let options = args.side_by_side.options(args.quiet)?;
    let identity = Identity::new(&header, selection.images(), &args.set, &options.kernels, &all);
    let path = args.out.clone().unwrap_or_else(|| identity.default_path(NAME));
    let directory = SetDirectory::open(&path, &header, &identity, false)?;
    let made = directory.made()?;
    let jobs = part(args.shard, jobs).into_iter();
    let jobs: Vec<Job> = jobs.filter(|job| !made.contains(&job.key())).collect();
    let outcome = batch::run(&jobs, &directory, &options);
    let set = directory.read()?;
    if let Err(failure) = outcome {
        let (made, all) = (set.runs.len(), made.len() + jobs.len());
        let path = path.display();
        terminal.note(&format!(
            "{made} of {all} runs are in {path}; the same command goes on from there"
        ));
        return Err(failure);
    }
    Ok((set, path))
}

/// The header of a batch's result set.
pub fn header(selection: &Selection, pairs: &[&batch::Pair]) -> Header {
    let mut scenarios: Vec<Entry> = Vec::new();
    for pair in pairs {
        if !scenarios.iter().any(|entry| entry.name == pair.scenario) {
            let about = pair.prepared().map(|prepared| prepared.scenario.about.clone());
            let about = about.unwrap_or_default();
            scenarios.push(Entry { name: pair.scenario.clone(), about });
        }
    }
    Header {
        format: set::FORMAT,
        about: String::new(),
        lockstorm: env!("CARGO_PKG_VERSION").into(),
        command: Some(std::env::args().skip(1).fold("lockstorm".into(), |line, argument| {
            format!("{line} {}", lockstorm_reports::text::quoted(&argument))
        })),
        wanted: None,
        scenarios,
        locks: selection.lock_entries(),
        left_out: Vec::new(),
    }
}

/// The gravest end of any run.
fn exit(set: &ResultSet) -> Exit {
    let counts = Counts::of(&set.runs);
    let any = |outcomes: &[Outcome]| outcomes.iter().any(|outcome| counts.get(*outcome) > 0);
    if any(&[Outcome::BrokenPromise, Outcome::ScriptExpectation]) {
        Exit::Violated
    } else if any(&[Outcome::Unknown, Outcome::Failed]) {
        Exit::Unknown
    } else {
        Exit::Valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_number_or_a_range() {
        assert_eq!(parse_seeds("5"), Ok(Seeds { first: 1, last: 5 }));
        assert_eq!(parse_seeds("6..10"), Ok(Seeds { first: 6, last: 10 }));
        for wrong in ["0", "", "5..4", "a", "-1", "1..2..3"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
