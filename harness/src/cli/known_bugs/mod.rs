//! `lockstorm known-bugs`: bugs that people have reported, each in what has it and in what does
//! not.

mod baseline;
mod record;

use super::batch::{
    self, BatchOptions, Identity, Job, Pair, Selection, SetDirectory, SideBySide, Wanted,
};
use super::exit::{Exit, Failure};
use super::kernels;
use super::matrix;
use super::terminal::Terminal;
use crate::assets::{KernelFiles, cache_dir};
use crate::kernel::Kernels;
use crate::scenario::known_bug::{KnownBug, Variant};
use crate::scenario::load::load;
use crate::scenario::overrides::Overrides;
use crate::scenario::{Scenario, shipped};
use crate::suggest::closest;
use lockstorm_reports::set::{ResultSet, RunSummary};
use record::{Record, Row};
use std::path::PathBuf;

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

/// A known bug, ready to be run.
struct Bug {
    name: String,
    scenario: Scenario,
    known: KnownBug,
    bad: Pair,
    good: Pair,
    at_random: Option<Pair>,
}

impl Bug {
    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        [&self.bad, &self.good].into_iter().chain(&self.at_random)
    }
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let options = args.side_by_side.options(args.quiet)?;
    let mut bugs = Vec::new();
    for name in names(&args.bugs)? {
        let (scenario, known) = read(name)?;
        match missing_kernel(&known)? {
            Some(kernel) => terminal.note(&format!(
                "{name} is left out: its kernel is not built (`ci/setup --kernels {kernel}`)"
            )),
            None => bugs.push(prepare(name, scenario, known, args.at_random)?),
        }
    }
    let set = make(&bugs, args, &options, terminal)?;
    let record =
        Record { seeds: args.seeds, rows: bugs.iter().map(|bug| row(bug, &set)).collect() };
    let text = if args.markdown { record.markdown() } else { record.text() };
    terminal.print(&text)?;
    Ok(record.exit())
}

/// Runs what has not been run yet, and answers the whole set.
fn make(
    bugs: &[Bug],
    args: &Args,
    options: &BatchOptions,
    terminal: &Terminal,
) -> Result<ResultSet, Failure> {
    let pairs: Vec<&Pair> = bugs.iter().flat_map(Bug::pairs).collect();
    let header = matrix::header(&Selection::nothing(), &pairs);
    let identity = Identity::new(&header, Vec::new(), &[], &options.kernels, &pairs);
    let path = args.out.clone().unwrap_or_else(|| identity.default_path(NAME));
    let directory = SetDirectory::open(&path, &header, &identity, false)?;
    let made = directory.made()?;
    let jobs = (1..=args.seeds).flat_map(|seed| pairs.iter().map(move |pair| Job { pair, seed }));
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

fn read(name: &str) -> Result<(Scenario, KnownBug), Failure> {
    let file = shipped::known_bug_file(name);
    let scenario = load(&file, &Overrides::default())?.scenario;
    match scenario.known_bug.clone() {
        Some(known) => Ok((scenario, known)),
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

fn prepare(
    name: &str,
    scenario: Scenario,
    known: KnownBug,
    at_random: bool,
) -> Result<Bug, Failure> {
    let pair = |variant: &Variant, suffix: &str, change: &dyn Fn(&mut Scenario)| {
        batch::pair(&Wanted {
            reference: &shipped::known_bug_file(name),
            lock: variant.lock.as_deref().unwrap_or(&scenario.lock.name),
            set: &variant.set,
            name: format!("{name}.{suffix}"),
            kernels: kernels_of(variant)?,
            change,
        })
    };
    let nothing = |_: &mut Scenario| {};
    let (bad, good) = (pair(&known.bad, "bad", &nothing)?, pair(&known.good, "good", &nothing)?);
    let at_random = match at_random && baseline::exists(&known) {
        true => Some(pair(&known.bad, "random", &baseline::at_random)?),
        false => None,
    };
    Ok(Bug { name: name.to_owned(), scenario, known, bad, good, at_random })
}

fn row(bug: &Bug, set: &ResultSet) -> Row {
    let runs = |pair: &Pair| {
        let of_pair = |run: &&RunSummary| run.lock == pair.lock && run.scenario == pair.scenario;
        set.runs.iter().filter(of_pair).collect::<Vec<_>>()
    };
    let lock = &bug.scenario.lock.name;
    Row {
        name: bug.name.clone(),
        about: bug.scenario.about.clone(),
        report: bug.known.report.clone(),
        shows: bug.known.shows,
        bad: (bug.known.bad.words(lock), record::Tally::of(bug.known.shows, &runs(&bug.bad))),
        good: (bug.known.good.words(lock), record::Tally::of(bug.known.shows, &runs(&bug.good))),
        at_random: (bug.at_random.as_ref())
            .map(|pair| record::Tally::of(bug.known.shows, &runs(pair))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_known_bug_says_which_and_is_short() {
        for name in shipped::known_bugs() {
            let (scenario, known) = read(name).unwrap();
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
