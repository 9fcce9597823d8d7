//! `lockstorm known-bugs`: bugs that people have reported, each in what has it and in what does
//! not.

mod baseline;
mod record;

use super::batch::{
    self, BatchOptions, Identity, Job, Pair, Selection, SetDirectory, Shard, SideBySide, Wanted,
    parse_shard, part,
};
use super::exit::{Exit, Failure};
use super::kernels;
use super::matrix::{self, note_missing};
use super::terminal::Terminal;
use crate::assets::{KernelFiles, cache_dir};
use crate::kernel::Kernels;
use crate::scenario::known_bug::{KnownBug, Variant};
use crate::scenario::load::load;
use crate::scenario::overrides::Overrides;
use crate::scenario::{Scenario, shipped};
use crate::suggest::closest;
use lockstorm_reports::set::{self, Header, ResultSet, RunSummary};
use record::{Record, Row, Tally};
use std::path::{Path, PathBuf};

/// What the result set is called that is given no directory.
const NAME: &str = "known-bugs";

/// Runs the scenarios of known bugs, each with what has the bug and with what does not, and prints
/// the track record: how often each was seen, and how soon.
///
/// A bug whose kernels are not built is left out, with a note. The same command goes on where it
/// was interrupted. Exit codes: 1 if a bug was not seen in a run of what has it, or was in what
/// does not; else 2 if a run is unknown or could not be made; else 0.
#[derive(clap::Args)]
pub struct Args {
    /// Names of known bugs; all when left out.
    bugs: Vec<String>,
    /// How many seeds, from 1 up.
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Beside each bug, as many runs of the same story whose faults strike at random times.
    #[arg(long)]
    at_random: bool,
    /// Run the I-th of N parts, and print no record; `lockstorm merge` puts them together.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<Shard>,
    /// Print the record of this result set, as `merge` leaves it, and run nothing. Exit code 2
    /// also if runs are missing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "shard", "seeds", "at_random"])]
    judge: Option<PathBuf>,
    /// Where the result set goes, in place of lockstorm-runs/known-bugs-HASH.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    side_by_side: SideBySide,
    /// Print the table as Markdown.
    #[arg(long)]
    markdown: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

/// A known bug, as its file tells it.
struct Bug {
    name: &'static str,
    scenario: Scenario,
    known: KnownBug,
}

/// What it is run with.
const BAD: &str = "bad";
const GOOD: &str = "good";
const AT_RANDOM: &str = "random";

impl Bug {
    /// What its scenario is called among the results, with one of these.
    fn filed_as(&self, with: &str) -> String {
        format!("{}.{with}", self.name)
    }
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let bugs = names(&args.bugs)?.into_iter().map(read).collect::<Result<Vec<Bug>, Failure>>()?;
    if let Some(path) = &args.judge {
        return judge(args, path, &bugs, terminal);
    }
    let options = args.side_by_side.options(args.quiet)?;
    let bugs = with_kernels(bugs, terminal)?;
    let set = make(&bugs, args, &options, terminal)?;
    if args.shard.is_some() {
        // How often a bug is seen, the whole alone can tell.
        return Ok(Exit::Valid);
    }
    let rows = bugs.iter().map(|bug| row(bug, &set)).collect();
    let record = Record { seeds: args.seeds, rows };
    print(&record, args, terminal)?;
    Ok(record.exit())
}

fn print(record: &Record, args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    terminal.print(&if args.markdown { record.markdown() } else { record.text() })
}

/// The record of a set that is there, of those bugs that it has.
fn judge(args: &Args, path: &Path, bugs: &[Bug], terminal: &Terminal) -> Result<Exit, Failure> {
    let set = set::read(path)?;
    let rows: Vec<Row> = bugs.iter().map(|bug| row(bug, &set)).collect();
    let rows: Vec<Row> =
        rows.into_iter().filter(|row| row.bad.1.runs + row.good.1.runs > 0).collect();
    if rows.is_empty() {
        let path = path.display();
        return Err(Failure::Argument(format!(
            "{path}: no run of a known bug is there; expected a set that `lockstorm known-bugs` made"
        )));
    }
    let seeds = rows.iter().map(|row| row.bad.1.runs.max(row.good.1.runs)).max().unwrap_or(0);
    let record = Record { seeds, rows };
    print(&record, args, terminal)?;
    note_missing(&set, path, terminal);
    match record.exit() {
        Exit::Valid if set.missing() > 0 => Ok(Exit::Unknown),
        exit => Ok(exit),
    }
}

/// Those whose kernels are built.
fn with_kernels(bugs: Vec<Bug>, terminal: &Terminal) -> Result<Vec<Bug>, Failure> {
    let mut ready = Vec::new();
    for bug in bugs {
        match missing_kernel(&bug.known)? {
            Some(kernel) => terminal.note(&format!(
                "{} is left out: its kernel is not built (`ci/setup --kernels {kernel}`)",
                bug.name
            )),
            None => ready.push(bug),
        }
    }
    Ok(ready)
}

/// Runs what has not been run yet, and answers the whole set.
fn make(
    bugs: &[Bug],
    args: &Args,
    options: &BatchOptions,
    terminal: &Terminal,
) -> Result<ResultSet, Failure> {
    let mut pairs = Vec::new();
    for bug in bugs {
        pairs.extend(pairs_of(bug, args.at_random)?);
    }
    let pairs: Vec<&Pair> = pairs.iter().collect();
    let jobs = (1..=args.seeds).flat_map(|seed| pairs.iter().map(move |pair| Job { pair, seed }));
    let jobs: Vec<Job> = jobs.collect();
    let wanted = Some(jobs.len() as u64);
    let header = Header { wanted, ..matrix::header(&Selection::nothing(), &pairs) };
    let identity = Identity::new(&header, Vec::new(), &[], &options.kernels, &pairs);
    let path = args.out.clone().unwrap_or_else(|| identity.default_path(NAME));
    let directory = SetDirectory::open(&path, &header, &identity, false)?;
    let made = directory.made()?;
    let jobs = part(args.shard, jobs).into_iter();
    let jobs: Vec<Job> = jobs.filter(|job| !made.contains(&job.key())).collect();
    batch::run(&jobs, &directory, options)?;
    if args.out.is_none() && !args.quiet {
        terminal.note(&format!("the results are in {}", path.display()));
    }
    directory.read()
}

/// Those that were asked for, or all.
fn names(wanted: &[String]) -> Result<Vec<&'static str>, Failure> {
    let all: Vec<&str> = shipped::known_bugs().collect();
    if wanted.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| {
        all.iter().copied().find(|known| known == name).ok_or_else(|| {
            let help = match closest(name, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", all.join(", ")),
            };
            Failure::Argument(format!("no known bug `{name}`; {help}"))
        })
    };
    wanted.iter().map(find).collect()
}

fn read(name: &'static str) -> Result<Bug, Failure> {
    let file = shipped::known_bug_file(name);
    let scenario = load(&file, &Overrides::default())?.scenario;
    match scenario.known_bug.clone() {
        Some(known) => Ok(Bug { name, scenario, known }),
        None => Err(Failure::Argument(format!("{file}: `known_bug` is missing"))),
    }
}

fn kernels_of(variant: &Variant) -> Result<Kernels, Failure> {
    match &variant.kernel {
        None => Ok(Kernels::default()),
        Some(kernel) => {
            let choice = kernel.parse().map_err(|error| {
                Failure::Argument(format!("a known bug asks for the kernel `{kernel}`: {error}"))
            })?;
            kernels::chosen(Some(&choice))
        }
    }
}

/// A kernel that a bug needs and that is not built.
fn missing_kernel(known: &KnownBug) -> Result<Option<String>, Failure> {
    let Some(cache) = cache_dir() else {
        return Ok(None);
    };
    for variant in [&known.bad, &known.good] {
        let kernels = kernels_of(variant)?;
        let mut needed = kernels.server.iter().chain(&kernels.clients);
        if let Some(missing) =
            needed.find(|kernel| !KernelFiles::below(&cache, &kernel.key).are_there())
        {
            return Ok(Some(missing.version.clone()));
        }
    }
    Ok(None)
}

/// It with what has it, with what does not, and with faults at random times.
fn pairs_of(bug: &Bug, at_random: bool) -> Result<Vec<Pair>, Failure> {
    let known = &bug.known;
    let pair = |variant: &Variant, with: &str, change: &dyn Fn(&mut Scenario)| {
        batch::pair(&Wanted {
            reference: &shipped::known_bug_file(bug.name),
            lock: variant.lock.as_deref().unwrap_or(&bug.scenario.lock.name),
            set: &variant.set,
            name: bug.filed_as(with),
            kernels: kernels_of(variant)?,
            change,
        })
    };
    let nothing = |_: &mut Scenario| {};
    let mut pairs = vec![pair(&known.bad, BAD, &nothing)?, pair(&known.good, GOOD, &nothing)?];
    if at_random && baseline::exists(known) {
        pairs.push(pair(&known.bad, AT_RANDOM, &baseline::at_random)?);
    }
    Ok(pairs)
}

fn row(bug: &Bug, set: &ResultSet) -> Row {
    let tally = |with: &str| {
        let name = bug.filed_as(with);
        let runs = set.runs.iter().filter(|run| run.scenario == name);
        Tally::of(bug.known.shows, &runs.collect::<Vec<&RunSummary>>())
    };
    let lock = &bug.scenario.lock.name;
    let at_random = tally(AT_RANDOM);
    Row {
        name: bug.name.to_owned(),
        about: bug.scenario.about.clone(),
        report: bug.known.report.clone(),
        shows: bug.known.shows,
        bad: (bug.known.bad.words(lock), tally(BAD)),
        good: (bug.known.good.words(lock), tally(GOOD)),
        at_random: (at_random.runs > 0).then_some(at_random),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_known_bug_says_which_and_is_short() {
        for name in shipped::known_bugs() {
            let Bug { scenario, known, .. } = read(name).unwrap();
            assert!(!scenario.about.is_empty() && !known.report.is_empty(), "{name}");
            assert!(known.bad != known.good, "{name}: both are the same");
            kernels_of(&known.bad).unwrap();
            kernels_of(&known.good).unwrap();
            let text = shipped::text(&shipped::known_bug_file(name)).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with('#')).count();
            assert!(lines < 30, "{name}: {lines} lines");
        }
    }

    #[test]
    fn a_bug_that_nobody_knows_is_told_with_one_that_is_near() {
        let Err(Failure::Argument(message)) = names(&["unlink-at-releese".into()]) else {
            panic!("it was found");
        };
        assert!(message.contains("did you mean `unlink-at-release`?"), "{message}");
    }
}
