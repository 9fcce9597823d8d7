//! `lockstorm sweep LOCK`: every fault at every point of a story.

use super::trials::{Trial, Trials};
use super::{map, pairs};
use crate::cli::batch::{
    self, BatchOptions, Identity, Job, Pair, Seen, Selection, SetDirectory, Shard, SideBySide,
    Witness, parse_shard, parse_time,
};
use crate::cli::exit::{Exit, Failure};
use crate::cli::matrix;
use crate::cli::terminal::Terminal;
use crate::rpc::capture;
use crate::search::calm;
use crate::search::known::Known;
use crate::search::points::{Point, points};
use crate::search::stories::{self, Stories};
use crate::search::strikes::{self, COLUMNS, Setting};
use crate::search::sweep::{self, trials};
use crate::suggest::closest;
use crate::verdict::recheck::CAPTURE;
use lockstorm_reports::map::{Finding, Map};
use lockstorm_reports::set::RunSummary;
use lockstorm_reports::{Class, Verdict};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// What a sweep is called that is given no directory; its lock and the hash of what it is made of
/// follow.
const NAME: &str = "sweep";
/// The run without faults that the points are from.
const CALM: &str = "calm";
/// The shipped scenario that the story of a sweep is told on, where nobody names one.
pub const STORY: &str = "calm";

/// Runs a story once without faults, and then once for each fault at each of its points: every
/// call of NFS that the lock makes, every reply, and every boundary between the lock's own calls.
/// Points that are alike are tried once. Prints a map: a row a point, a column a fault.
///
/// The same command goes on where it was interrupted. Exit codes: 1 if a promise was broken, else 2
/// if a run is unknown or could not be made, else 0; a violation beyond a lock's assumptions is
/// none of these.
#[derive(clap::Args)]
pub struct Args {
    /// As for `scenario --lock`; several are swept one after the other, and `all`, `libraries`,
    /// `primitives`, `controls` stand for many.
    #[arg(value_name = "LOCK", required = true)]
    locks: Vec<String>,
    /// Test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR")]
    with: Option<PathBuf>,
    /// The story, without its faults: a name or the path of a scenario. Without it, three clients
    /// take turns, twice each.
    #[arg(long, value_name = "NAME|PATH")]
    story: Option<String>,
    /// Set a key of the story, such as site.nfs.version=4.0; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The seed of everything that is drawn.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Only these faults: lose, hold, crash ... (the map's columns).
    #[arg(long, value_name = "FAULT,...", value_delimiter = ',')]
    faults: Vec<String>,
    /// Two faults, too: the second where the first has made the run another.
    #[arg(long)]
    pairs: bool,
    /// Begin no run that would not end within this time, such as 10m, for each lock.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    budget: Option<Duration>,
    /// Make at most so many runs of each lock beside the one without faults: those that tell most
    /// come first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// A list of findings that are known, each with a reason: they are told as such, and are no
    /// reason for exit code 1. What Linux's server is known for is always among them.
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Begin no run after the first that breaks a promise.
    #[arg(long)]
    first: bool,
    /// Make the I-th of N parts of the runs; `lockstorm merge` puts them together, and `sweep` with
    /// its directory as --out prints the map.
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<Shard>,
    /// Where the runs and the map go, in place of lockstorm-runs/sweep-LOCK-HASH; of one lock.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    side_by_side: SideBySide,
    /// Print the map as text, markdown, json or html.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = map::format)]
    format: map::Format,
    /// No progress.
    #[arg(long)]
    quiet: bool,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let columns = columns(&args.faults)?;
    let known = Known::with(args.known.as_deref())?;
    let reference = args.story.clone().unwrap_or_else(|| STORY.into());
    let selection = Selection::of(&args.locks, args.with.as_deref(), &[reference])?;
    let pairs = batch::pairs(&selection, &args.set)?;
    batch::expect_any(&pairs)?;
    if args.out.is_some() && pairs.len() > 1 {
        let message = "--out is the directory of one lock; leave it out where there are several";
        return Err(Failure::Argument(message.into()));
    }
    let options = BatchOptions {
        budget: args.budget,
        until_broken: args.first,
        ..args.side_by_side.options(args.quiet)?
    };
    let wish = Wish {
        columns: &columns,
        options: &options,
        known: &known,
        tells_otherwise: args.story.is_none(),
        seed: args.seed,
        set: &args.set,
        runs: args.runs,
        pairs: args.pairs,
        shard: args.shard,
        out: args.out.as_deref(),
        quiet: args.quiet,
    };
    let mut exit = Exit::Valid;
    for pair in &pairs {
        match show(pair, args, &wish, terminal) {
            Ok(of_lock) => exit = graver(exit, of_lock),
            // Of many, one that cannot be had is no reason to leave out the others.
            Err(failure @ (Failure::Input(_) | Failure::SetUpMissing(_))) if pairs.len() > 1 => {
                terminal.note(&format!("{} is left out: {failure}", pair.lock));
                exit = graver(exit, Exit::Unknown);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(exit)
}

/// The places of the columns that were asked for among all.
fn columns(wanted: &[String]) -> Result<Vec<usize>, Failure> {
    let place = |name: &String| {
        COLUMNS.iter().position(|column| column.name == name).ok_or_else(|| {
            let names = || COLUMNS.iter().map(|column| column.name);
            let help = match closest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            };
            Failure::Argument(format!("--faults {name}: a sweep has no such fault; {help}"))
        })
    };
    match wanted.is_empty() {
        true => Ok((0..COLUMNS.len()).collect()),
        false => wanted.iter().map(place).collect(),
    }
}

/// A broken promise before what is unknown, and that before what is well.
fn graver(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Violated, _) | (_, Exit::Violated) => Exit::Violated,
        (Exit::Valid, other) => other,
        (one, _) => one,
    }
}

/// Sweeps one lock, and prints its map.
fn show(pair: &Pair, args: &Args, wish: &Wish, terminal: &Terminal) -> Result<Exit, Failure> {
    let (map, path) = sweep(pair, wish, terminal)?;
    terminal.print(&map::render(args.format, &map, &path, terminal))?;
    if args.out.is_none() && !args.quiet {
        terminal.note(&format!("the runs are in {}", path.display()));
    }
    Ok(exit(&map))
}

/// How a lock is swept.
pub struct Wish<'a> {
    /// Places in [`COLUMNS`].
    pub columns: &'a [usize],
    pub options: &'a BatchOptions,
    pub known: &'a Known,
    /// The stories are the search's own.
    pub tells_otherwise: bool,
    pub seed: u64,
    pub set: &'a [String],
    /// At most so many runs.
    pub runs: Option<u32>,
    pub pairs: bool,
    pub shard: Option<Shard>,
    pub out: Option<&'a Path>,
    pub quiet: bool,
}

/// Sweeps one lock. Answers its map, and the directory of its runs.
pub fn sweep(pair: &Pair, wish: &Wish, terminal: &Terminal) -> Result<(Map, PathBuf), Failure> {
    let Wish { columns, options, .. } = *wish;
    let told = told(pair, wish.tells_otherwise)?;
    let profile = told.prepared()?.profile().clone();
    let header = matrix::header(&Selection::nothing(), &[&told]);
    let identity = Identity::new(&header, Vec::new(), wish.set, &options.kernels, &[&told]);
    let name = format!("{NAME}-{}", told.filed_as);
    let path = wish.out.map_or_else(|| identity.default_path(&name), Path::to_owned);
    let set = SetDirectory::open(&path, &header, &identity, false)?;
    let calm = calm_run(&told, wish.seed, &set, options)?;
    expect_valid(&calm.summary, &path)?;
    let scenario = &told.prepared()?.scenario;
    let stories = match wish.tells_otherwise {
        true => Stories::around(scenario.clone(), &profile),
        false => Stories::only(scenario.clone()),
    };
    let others = match wish.tells_otherwise && columns.contains(&strikes::CALM) {
        true => stories::others(scenario, &profile),
        false => Vec::new(),
    };
    let (mut points, mut all) = sweep::calm_trials(others);
    let faults = trials(&stories, &profile, &calm.points, calm.setting, columns, wish.seed);
    let note = |points: usize, all: &[sweep::Trial], what: &str| {
        let made = all.iter().filter(|trial| trial.role.is_made()).count();
        let (lock, cells) = (&told.lock, all.len());
        if !wish.quiet {
            terminal.note(&format!(
                "{lock}: {points} points, {cells} times {what} there; {made} runs, the others are \
                 alike"
            ));
        }
    };
    note(calm.points.len(), &faults, "a fault");
    let before = (points.len(), all.len());
    all.extend(faults.into_iter().map(|trial| trial.behind(before.0, before.1)));
    points.extend(calm.points.iter().cloned());
    let trials = Trials { set: &set, options };
    let mut runs = make(&told, (&all[..], &points[..]), wish, &trials)?;
    if wish.pairs {
        let (after, two) = pairs::of(&told, wish.seed, (&calm, &all, columns), &trials)?;
        note(after.len(), &two, "a second fault");
        let before = (points.len(), all.len());
        all.extend(two.into_iter().map(|trial| trial.behind(before.0, before.1)));
        points.extend(after);
        runs = make(&told, (&all[..], &points[..]), wish, &trials)?;
    }
    for run in runs.iter_mut().flatten() {
        map::name_command(run, set.path());
    }
    // What happens at no point of this lock needs no column.
    let happens = |column: &usize| all.iter().any(|trial| trial.column == *column);
    let columns: Vec<usize> = columns.iter().copied().filter(happens).collect();
    let mut map = map::of(&told, wish.seed, (&calm.summary, &points), (&all, &columns), &runs);
    map::tell_known(&mut map, wish.known, profile.primitive);
    map::save(&map, set.path())?;
    Ok((map, path))
}

/// The pair in the story that is swept, without faults.
fn told(pair: &Pair, tells_otherwise: bool) -> Result<Pair, Failure> {
    let prepared = pair.prepared()?;
    let mut scenario = prepared.scenario.clone();
    match tells_otherwise {
        true => stories::turns(&mut scenario, prepared.profile()),
        false => calm(&mut scenario),
    }
    scenario.name = CALM.into();
    pair.in_scenario(scenario)
}

/// What a run without faults shows.
pub struct Calm {
    pub summary: RunSummary,
    pub points: Vec<Point>,
    pub setting: Setting,
}

/// Takes the points from the calm run, whose packets are not kept.
#[derive(Default)]
struct Points(Mutex<Option<(Vec<Point>, Setting)>>);

impl Witness for Points {
    fn judged(&self, _: &Job, seen: &Seen) -> Result<(), Failure> {
        let capture = seen.directory.join(CAPTURE);
        let wall_start = Duration::from_secs(seen.plan.blueprint.wall_start_s);
        let captured = capture::calls(&capture, wall_start)
            .map_err(|error| Failure::Host(format!("{}: {error}", capture.display())))?;
        let points = points(seen.plan, seen.history, &captured.calls);
        let mut found = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *found = Some((points, Setting::of(seen.plan)));
        Ok(())
    }
}

/// Makes it, also where it was made before: it is the same each time, and its packets are needed.
fn calm_run(
    told: &Pair,
    seed: u64,
    set: &SetDirectory,
    options: &BatchOptions,
) -> Result<Calm, Failure> {
    let points = Points::default();
    let options = BatchOptions { quiet: true, budget: None, ..options.clone() };
    batch::run_seen(&[Job { pair: told, seed }], set, &options, &points)?;
    let key = (told.lock.as_str(), told.scenario.as_str(), seed);
    let summary = set.read()?.runs.into_iter().find(|run| run.key() == key);
    let found = points.0.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    match (summary, found) {
        (Some(summary), Some((points, setting))) => Ok(Calm { summary, points, setting }),
        (Some(summary), None) => Err(Failure::Host(format!(
            "{}: the run without faults could not be made: {}",
            told.lock,
            summary.reason()
        ))),
        (None, _) => Err(Failure::Host(format!(
            "{}: the run without faults is not among the results",
            set.path().display()
        ))),
    }
}

/// A lock that fails when nothing happens to it needs no search.
fn expect_valid(calm: &RunSummary, set: &Path) -> Result<(), Failure> {
    let verdict = calm.judged().map(|judged| judged.verdict);
    if verdict == Some(Verdict::Valid) {
        return Ok(());
    }
    let (lock, why) = (&calm.lock, calm.reason());
    let run = match &calm.directory {
        Some(directory) => format!("; the run is in {}", set.join(directory).display()),
        None => String::new(),
    };
    Err(Failure::Argument(format!(
        "{lock} fails when nothing happens to it, and there is nothing to sweep: {why}{run}"
    )))
}

/// Makes the runs of a part. Answers one for each trial, as far as there is one.
fn make(
    told: &Pair,
    (all, points): (&[sweep::Trial], &[Point]),
    wish: &Wish,
    trials: &Trials,
) -> Result<Vec<Option<RunSummary>>, Failure> {
    let mut made = sweep::order(all, points, wish.seed);
    made.truncate(wish.runs.map_or(usize::MAX, |runs| runs as usize));
    let part = batch::part(wish.shard, made.clone());
    let trial = |index: &usize| {
        let pair = told.in_scenario(all[*index].scenario.clone())?;
        Ok(Trial { pair, seed: wish.seed })
    };
    let wanted: Vec<Trial> = part.iter().map(trial).collect::<Result<_, Failure>>()?;
    trials.make(&wanted, &batch::Nobody)?;
    // Those of other parts may be there as well.
    let wanted: Vec<Trial> = made.iter().map(trial).collect::<Result<_, Failure>>()?;
    let found = trials.find(&wanted)?;
    let mut runs = vec![None; all.len()];
    for (index, run) in made.into_iter().zip(found) {
        runs[index] = run;
    }
    Ok(runs)
}

/// A broken promise that nobody knew of yet, before what is unknown.
fn exit(map: &Map) -> Exit {
    let is_news =
        |found: &Finding| found.known.is_none() && found.class != Class::BeyondAssumptions;
    match (map.findings.iter().any(is_news), map.counts.unknown + map.counts.not_made) {
        (true, _) => Exit::Violated,
        (false, 1..) => Exit::Unknown,
        (false, 0) => Exit::Valid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_no_sweep_has_is_told_with_one_that_is_near() {
        assert_eq!(columns(&["lose".into()]).unwrap(), [0]);
        assert_eq!(columns(&[]).unwrap().len(), COLUMNS.len());
        let said = columns(&["pawer".into()]).unwrap_err().to_string();
        assert!(said.contains("did you mean `power`?"), "{said}");
    }

    #[test]
    fn a_broken_promise_is_graver_than_what_is_unknown() {
        assert_eq!(graver(Exit::Unknown, Exit::Violated), Exit::Violated);
        assert_eq!(graver(Exit::Valid, Exit::Unknown), Exit::Unknown);
        assert_eq!(graver(Exit::Valid, Exit::Valid), Exit::Valid);
    }

    #[test]
    fn the_names_of_the_columns_differ() {
        let mut names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLUMNS.len());
    }
}
