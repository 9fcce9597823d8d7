//! `lockstorm advise SITE.yaml`: which lock for a site.

use super::batch::{
    self, BatchOptions, Identity, Job, Pair, Selection, SetDirectory, SideBySide, parse_time,
};
use super::exit::{Exit, Failure};
use super::results;
use super::terminal::Terminal;
use crate::advise::{CALM, Site, stories};
use crate::history::{Event, EventKind, Operation, reader};
use crate::scenario::{Scenario, validate};
use crate::verdict::recheck::HISTORY;
use lockstorm_reports::advice::{
    Advice, FORMAT, Fall, LeftOut, Outage, Row, Standing, Story, markdown, text,
};
use lockstorm_reports::set::{Outcome, RunSummary};
use lockstorm_reports::text::quoted;
use lockstorm_reports::{Class, Waiting, html};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the set is called that is given no directory; the hash of what it is made of follows.
const NAME: &str = "advise";
/// Any shipped scenario: the stories take its place.
const STORY: &str = "calm";

/// Says which lock is for a site: runs every lock in the site's own stories, and ranks them.
///
/// The file says what the site is like (`site:` and `workload:`, as in a scenario), how far clocks
/// are apart (`clocks_apart: 60s`), and what fails there (`fails: {client: true, server: 60s,
/// network: 90s, pause: 2m}`). The same command goes on where it was interrupted. Exit code 0:
/// there is a lock that kept its promises; 2: there is none, or nobody knows.
#[derive(clap::Args)]
pub struct Args {
    /// What the site is like, and what fails there.
    #[arg(value_name = "SITE.yaml")]
    site: PathBuf,
    /// As for `matrix --locks`.
    #[arg(long, value_name = "LOCK,...", value_delimiter = ',', default_value = "all")]
    locks: Vec<String>,
    /// Runs of each lock in each story, with seeds from 1 up.
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Begin no run that would not end within this time, such as 10m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    budget: Option<Duration>,
    /// Where the runs and the advice go, in place of lockstorm-runs/advise-HASH.
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
    let stories = stories(&Site::read(&args.site)?);
    let selection = Selection::of(&args.locks, None, &[STORY.to_owned()])?;
    let locks = batch::pairs(&selection, &[])?;
    batch::expect_any(&locks)?;
    let (pairs, left_out) = told(&locks, &stories)?;
    let all: Vec<&Pair> = pairs.iter().collect();
    let header = super::matrix::header(&selection, &all);
    let options = BatchOptions { budget: args.budget, ..args.side_by_side.options(args.quiet)? };
    let made_of = vec![format!("{stories:?}")];
    let identity = Identity::new(&header, selection.images(), &made_of, &options.kernels, &all);
    let path = args.out.clone().unwrap_or_else(|| identity.default_path(NAME));
    let set = SetDirectory::open(&path, &header, &identity, false)?;
    save_stories(&stories, set.path())?;
    let made = set.made()?;
    // By seed first: who has little time has something of every lock.
    let jobs = (1..=args.seeds).flat_map(|seed| pairs.iter().map(move |pair| Job { pair, seed }));
    let jobs: Vec<Job> = jobs.filter(|job| !made.contains(&job.key())).collect();
    batch::run(&jobs, &set, &options)?;
    let runs = set.read()?.runs;
    let mut advice = Advice {
        format: FORMAT,
        lockstorm: env!("CARGO_PKG_VERSION").into(),
        site: args.site.display().to_string(),
        stories: stories.iter().map(story).collect(),
        locks: Vec::new(),
        left_out,
    };
    for lock in &locks {
        let of_lock: Vec<&RunSummary> = runs.iter().filter(|run| run.lock == lock.lock).collect();
        if !of_lock.is_empty() {
            // As its user named it: a lock of one's own is known by its path alone.
            let chosen = selection.locks.iter().find(|one| one.label == lock.lock);
            let chosen = chosen.map_or("", |one| &one.arguments);
            advice.locks.push(row(lock, &of_lock, &stories, (&set, args, chosen))?);
        }
    }
    advice.rank();
    results::write(set.path(), Path::new("advice.json"), &advice.json())?;
    let page = html::advice(&advice);
    results::write(set.path(), Path::new("advice.html"), &page)?;
    terminal.print(&match args.format {
        Format::Text => text(&advice),
        Format::Json => advice.json(),
        Format::Markdown => markdown(&advice),
        Format::Html => page,
    })?;
    if args.out.is_none() && !args.quiet {
        terminal.note(&format!("the runs and advice.html are in {}", path.display()));
    }
    let any_kept = advice.locks.iter().any(|row| row.standing == Standing::Kept);
    Ok(if any_kept { Exit::Valid } else { Exit::Unknown })
}

/// Every lock in every story that it can be told in, and why not in others.
fn told(locks: &[Pair], stories: &[Scenario]) -> Result<(Vec<Pair>, Vec<LeftOut>), Failure> {
    let (mut pairs, mut left_out) = (Vec::new(), Vec::new());
    for lock in locks {
        let prepared = match lock.prepared() {
            Ok(prepared) => prepared,
            Err(failure) => {
                left_out.push(LeftOut { what: lock.lock.clone(), why: failure.to_string() });
                continue;
            }
        };
        for story in stories {
            let of_lock = Scenario { lock: prepared.scenario.lock.clone(), ..story.clone() };
            match validate::against_profile(&of_lock, prepared.profile()).first() {
                None => pairs.push(lock.in_scenario(of_lock)?),
                Some(problem) => left_out.push(LeftOut {
                    what: format!("{} in `{}`", lock.lock, story.name),
                    why: problem.message.clone(),
                }),
            }
        }
    }
    Ok((pairs, left_out))
}

fn story(scenario: &Scenario) -> Story {
    Story { name: scenario.name.clone(), about: scenario.about.clone() }
}

/// So that people can run and change them.
fn save_stories(stories: &[Scenario], set: &Path) -> Result<(), Failure> {
    for story in stories {
        let text =
            serde_yaml::to_string(story).map_err(|error| Failure::Internal(error.to_string()))?;
        results::write(set, &file(story), &text)?;
    }
    Ok(())
}

/// A story's file, within the set.
fn file(story: &Scenario) -> PathBuf {
    Path::new("stories").join(format!("{}.yaml", story.name))
}

fn row(
    lock: &Pair,
    runs: &[&RunSummary],
    stories: &[Scenario],
    (set, args, chosen): (&SetDirectory, &Args, &str),
) -> Result<Row, Failure> {
    let of = |story: &Scenario| {
        let name = story.name.clone();
        runs.iter().copied().filter(move |run| run.scenario == name)
    };
    let again = |story: &Scenario, seed: u64| {
        let path = set.path().join(file(story)).display().to_string();
        format!("lockstorm scenario {} {chosen} --seed {seed}", quoted(&path))
    };
    let judged = |run: &&&RunSummary| run.judged().is_some();
    let unknown = |run: &&RunSummary| matches!(run.outcome(), Outcome::Unknown | Outcome::Failed);
    let mut fell = Vec::new();
    let mut outages = Vec::new();
    for story in stories {
        fell.extend(falls(story, &of(story).collect::<Vec<_>>(), &again));
        if !story.faults.is_empty() {
            outages.extend(outage(story, of(story), set.path())?);
        }
    }
    fell.sort_by_key(|fall: &Fall| fall.class);
    let unknown = runs.iter().copied().filter(unknown).count() as u64;
    let standing = match fell.first().map(|fall| fall.class) {
        Some(Class::BeyondAssumptions) => Standing::BeyondAssumptions,
        Some(_) => Standing::Broken,
        None if unknown > 0 => Standing::Unknown,
        None => Standing::Kept,
    };
    let calm = stories.iter().filter(|story| story.name == CALM).flat_map(of);
    let (sections_per_minute, waiting) = speed(calm);
    let site = quoted(&args.site.display().to_string());
    Ok(Row {
        lock: lock.lock.clone(),
        about: lock.prepared().map(|it| it.profile().summary.clone()).unwrap_or_default(),
        standing,
        runs: runs.iter().filter(judged).count() as u64,
        unknown,
        fell,
        sections_per_minute,
        waiting,
        outages,
        reproduce: format!("lockstorm advise {site} {}", chosen.replacen("--lock", "--locks", 1)),
    })
}

/// What fell in a story: each promise once, with its gravest class.
fn falls(
    story: &Scenario,
    runs: &[&RunSummary],
    again: &dyn Fn(&Scenario, u64) -> String,
) -> Vec<Fall> {
    let mut fell: Vec<Fall> = Vec::new();
    for run in runs {
        let Some(judged) = run.judged() else { continue };
        for headline in &judged.headlines {
            let invariant = headline.invariant.words();
            match fell.iter_mut().find(|fall| fall.invariant == invariant) {
                Some(fall) => {
                    fall.seen += 1;
                    fall.class = fall.class.min(headline.class);
                }
                None => fell.push(Fall {
                    class: headline.class,
                    story: story.name.clone(),
                    invariant: invariant.into(),
                    seen: 1,
                    of: runs.iter().filter(|run| run.judged().is_some()).count() as u64,
                    assumption: headline.beyond.first().cloned().unwrap_or_default(),
                    text: headline.text.clone(),
                    reproduce: again(story, run.seed),
                }),
            }
        }
    }
    fell
}

/// Sections a minute of all calm runs together, and the waiting of the first.
fn speed<'a>(calm: impl Iterator<Item = &'a RunSummary>) -> (Option<f64>, Option<Waiting>) {
    let (mut sections, mut minutes, mut waiting) = (0.0, 0.0, None);
    for judged in calm.filter_map(RunSummary::judged) {
        sections += judged.critical_sections as f64;
        minutes += judged.virtual_ns as f64 / 60e9;
        waiting = waiting.or(judged.waiting);
    }
    ((minutes > 0.0).then(|| sections / minutes), waiting)
}

/// For how long nobody got the lock after a story's failure, at worst; `None` where no run can
/// tell: its history was not kept.
fn outage<'a>(
    story: &Scenario,
    runs: impl Iterator<Item = &'a RunSummary>,
    set: &Path,
) -> Result<Option<Outage>, Failure> {
    let mut worst: Option<Option<u64>> = None;
    for run in runs {
        let history = run.directory.as_ref().map(|name| set.join(name).join(HISTORY));
        let Some(path) = history.filter(|path| path.exists()) else { continue };
        let saved = reader::read(&path).map_err(|error| Failure::Host(error.to_string()))?;
        let Some(found) = after_failure(&saved.events) else { continue };
        worst = Some(match (worst, found) {
            (Some(None), _) | (_, None) => None,
            (Some(Some(one)), Some(other)) => Some(one.max(other)),
            (None, Some(first)) => Some(first),
        });
    }
    Ok(worst.map(|longest_ns| Outage { story: story.name.clone(), longest_ns }))
}

/// From the first fault to the next entry (ns); within, `None` if somebody waited and nobody
/// entered any more. Without a fault, or with nobody who waited, there is nothing to tell.
fn after_failure(history: &[Event]) -> Option<Option<u64>> {
    let mut struck = None;
    // Who asked and was not answered; also before the fault.
    let mut waiting: BTreeSet<&str> = BTreeSet::new();
    for event in history {
        match &event.kind {
            EventKind::FaultStruck { .. } => drop(struck.get_or_insert(event.at_ns)),
            EventKind::Called { client, operation: Operation::Acquire { .. }, .. } => {
                waiting.insert(client);
            }
            EventKind::Entered { client } => {
                if let Some(struck) = struck {
                    return Some(Some(event.at_ns - struck));
                }
                waiting.remove(client.as_str());
            }
            _ => {}
        }
    }
    (struck.is_some() && !waiting.is_empty()).then_some(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story::story;

    #[test]
    fn an_outage_is_from_the_fault_to_the_next_entry() {
        let seconds = |text: &str| {
            after_failure(&story(text)).map(|found| found.map(|ns| ns / 1_000_000_000))
        };
        let text = "1s c1 acquires\n 2s c1 is cut\n 3s c2 asks\n 30s c2 enters";
        assert_eq!(seconds(text), Some(Some(28)));
        assert_eq!(seconds("1s c1 acquires\n 2s c1 is cut\n 3s c2 asks"), Some(None));
        assert_eq!(seconds("1s c1 acquires\n 2s c2 asks\n 3s c1 is cut"), Some(None));
        assert_eq!(seconds("1s c1 acquires\n 2s c1 is cut"), None, "nobody asked");
        assert_eq!(seconds("1s c1 acquires\n 2s c2 asks"), None, "nothing failed");
    }
}
