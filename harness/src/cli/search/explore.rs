//! `lockstorm explore`: scenarios at random, guided by the situations that runs come to.

mod findings;
mod ledger;
mod progress;
mod session;
mod summary;

use super::corpus;
use crate::cli::batch::{
    Identity, Pair, Selection, SetDirectory, SideBySide, expect_any, pairs, parse_time,
};
use crate::cli::exit::{Exit, Failure};
use crate::cli::matrix;
use crate::cli::terminal::Terminal;
use crate::search::known::Known;
use crate::search::stories;
use session::{Limits, Session};
use std::path::PathBuf;
use std::time::Duration;

/// What the result set is called that is given no directory.
const NAME: &str = "explore";
/// The scenario that the locks are prepared in; its story is replaced.
const CALM: &str = "calm";
/// Where nobody says how long.
const BUDGET: Duration = Duration::from_secs(30 * 60);

/// Runs locks in scenarios at random: on any site, with any workload, and with faults of every
/// kind. What comes to situations in which no run had been is kept as a corpus, and changed
/// further.
///
/// Each bug is told once, however many runs show it. It is run again, held against the same
/// scenario without faults, and filed in findings/LOCK/FINGERPRINT with its scenario and the run's
/// files. The same command goes on where it was interrupted, and the same seed makes the same
/// search, however many sites are side by side. Exit codes: 1 if there is a finding that `--known`
/// does not list, else 2 if no run came to a verdict, else 0.
#[derive(clap::Args)]
pub struct Args {
    /// As for `matrix --locks`.
    #[arg(long, value_name = "LOCK,...", value_delimiter = ',', default_value = "all")]
    locks: Vec<String>,
    /// Begin no run that would not end within this time; 30m where no other limit is given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    budget: Option<Duration>,
    /// End when so many runs have come to no situation and no finding that is new.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    until_quiet: Option<u64>,
    /// End after so many runs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    /// What everything is drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Draw every scenario anew, whatever runs come to.
    #[arg(long)]
    unguided: bool,
    /// Begin with the scenarios of a corpus, or of another search.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// So many runs may it cost to make the scenario of a finding smaller; 0: leave it as it is.
    #[arg(long, value_name = "N", default_value_t = 80)]
    shrink: u64,
    /// A file that lists findings that are known: they are counted, and not shown again. What
    /// Linux's server is known for is always among them.
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Violations beyond the locks' assumptions are findings, too.
    #[arg(long)]
    strict: bool,
    /// Where everything goes, in place of lockstorm-runs/explore-HASH.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    side_by_side: SideBySide,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

impl Args {
    fn limits(&self) -> Limits {
        let any = self.budget.is_some() || self.until_quiet.is_some() || self.runs.is_some();
        let budget = self.budget.or((!any).then_some(BUDGET));
        Limits { budget, until_quiet: self.until_quiet, runs: self.runs }
    }
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let known = Known::with(args.known.as_deref())?;
    let given = args.corpus.as_deref().map(corpus::read).transpose()?.unwrap_or_default();
    let selection = Selection::of(&args.locks, None, &[CALM.to_owned()])?;
    let pairs = pairs(&selection, &[])?;
    expect_any(&pairs)?;
    let pairs: Vec<Pair> = pairs.into_iter().map(in_story).collect::<Result<_, _>>()?;
    let all: Vec<&Pair> = pairs.iter().collect();
    let header = matrix::header(&selection, &all);
    // Progress is the search's own.
    let options = args.side_by_side.options(true)?;
    let made_of = made_of(args);
    let identity = Identity::new(&header, selection.images(), &made_of, &options.kernels, &all);
    let path = args.out.clone().unwrap_or_else(|| identity.default_path(NAME));
    let set = SetDirectory::open(&path, &header, &identity, false)?;
    let mut session = Session::open(&set, options, args, known)?;
    let outcome = session.run(pairs, given, args.limits(), terminal);
    let ended = match &outcome {
        Ok(ended) => *ended,
        Err(Failure::Interrupted) => "interrupted",
        Err(_) => "an error",
    };
    let summary = session.summary(ended);
    session.close();
    let name = path.display().to_string();
    let text = if args.json { summary.json() } else { summary.text(&name) };
    terminal.print(&text)?;
    if args.out.is_none() && !args.quiet {
        terminal.note(&format!("everything is in {name}"));
    }
    outcome.map(|_| summary.exit())
}

/// A lock in the short story without faults.
fn in_story(pair: Pair) -> Result<Pair, Failure> {
    let Ok(prepared) = pair.prepared() else { return Ok(pair) };
    let mut scenario = prepared.scenario.clone();
    stories::turns(&mut scenario, prepared.profile());
    pair.in_scenario(scenario)
}

/// What another search would be made of otherwise: it goes elsewhere.
fn made_of(args: &Args) -> Vec<String> {
    let mut all = vec![format!("seed {}", args.seed)];
    all.extend(args.unguided.then(|| "unguided".to_owned()));
    all.extend(args.corpus.as_ref().map(|corpus| format!("corpus {}", corpus.display())));
    all
}
