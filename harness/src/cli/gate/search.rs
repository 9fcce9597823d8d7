//! The sweep of a suite: what came of faults at the points of a story, as runs of one more
//! scenario.

use crate::cli::batch::{self, BatchOptions, Pair, Selection, SetDirectory, Shard};
use crate::cli::exit::Failure;
use crate::cli::search::sweep::{STORY, Wish, sweep};
use crate::cli::terminal::Terminal;
use crate::search::fingerprint::Fingerprint;
use crate::search::known::Known;
use crate::search::strikes::COLUMNS;
use crate::search::sweep::run_name;
use lockstorm_reports::map::Map;
use lockstorm_reports::set::{Entry, Header, LeftOut, RunSummary};
use lockstorm_reports::{Class, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// What the runs of a sweep are called in the table of a gate.
pub const NAME: &str = "sweep";
/// The only seed that is swept: another one is other draws at the same points.
const SEED: u64 = 1;
/// Of the run without faults.
const CALM: (&str, u64) = ("calm", 0);

/// What a gate sweeps.
pub struct Search<'a> {
    pub locks: &'a [String],
    pub with: Option<&'a Path>,
    pub set: &'a [String],
    /// At most so many runs of each lock.
    pub runs: u32,
    pub shard: Option<Shard>,
    /// When the gate began, and how long it may take.
    pub began: Instant,
    pub options: &'a BatchOptions,
}

impl Search<'_> {
    /// Sweeps each lock, in directories of its own below the gate's; adds the runs that came to a
    /// verdict, and what is left out.
    pub fn run(
        &self,
        directory: &SetDirectory,
        header: &mut Header,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let selection = Selection::of(self.locks, self.with, &[STORY.to_owned()])?;
        let about = "faults at the points of a short story".into();
        header.scenarios.push(Entry { name: NAME.into(), about });
        for pair in batch::pairs(&selection, self.set)? {
            if let Some(why) = self.why_not(&pair) {
                header.left_out.push(left_out(&pair, 0, why));
                continue;
            }
            let there = directory.made()?;
            let (runs, left) = self.of(&pair, directory, terminal)?;
            let is_new = |run: &&RunSummary| {
                !there.contains(&(run.lock.clone(), run.scenario.clone(), run.seed))
            };
            runs.iter().filter(is_new).try_for_each(|run| directory.append(run))?;
            // How many there are in all parts, none of them knows.
            let so_many = header.wanted.filter(|_| self.shard.is_none());
            header.wanted = so_many.map(|wanted| wanted + runs.len() as u64);
            header.left_out.extend(left);
        }
        Ok(())
    }

    /// Why a lock is not swept.
    fn why_not(&self, pair: &Pair) -> Option<String> {
        match (pair.prepared(), self.time_left()) {
            (Err(failure), _) => Some(failure.to_string()),
            (_, Some(Duration::ZERO)) => Some("there was no time".into()),
            _ => None,
        }
    }

    fn time_left(&self) -> Option<Duration> {
        Some(self.options.budget?.saturating_sub(self.began.elapsed()))
    }

    /// The runs of one lock.
    fn of(
        &self,
        pair: &Pair,
        directory: &SetDirectory,
        terminal: &Terminal,
    ) -> Result<(Vec<RunSummary>, Vec<LeftOut>), Failure> {
        let folder = format!("{NAME}-{}", pair.filed_as);
        let path = directory.path().join(&folder);
        let options = BatchOptions { budget: self.time_left(), ..self.options.clone() };
        let columns: Vec<usize> = (0..COLUMNS.len()).collect();
        let known = Known::with(None)?;
        let wish = Wish {
            columns: &columns,
            options: &options,
            known: &known,
            tells_otherwise: true,
            seed: SEED,
            set: self.set,
            runs: Some(self.runs),
            pairs: false,
            shard: self.shard,
            out: Some(&path),
            quiet: options.quiet,
        };
        let numbers = match sweep(pair, &wish, terminal) {
            Ok((map, _)) => numbers(&map),
            // It fails when nothing happens to it: that run is there.
            Err(Failure::Argument(_)) => BTreeMap::new(),
            Err(failure) => return Err(failure),
        };
        let primitive = pair.prepared()?.profile().primitive;
        let (mut runs, mut unknown, mut is_known) = (Vec::new(), 0, 0);
        for run in lockstorm_reports::set::read(&path)?.runs {
            let number = match numbers.get(&run.scenario) {
                Some(number) => *number,
                // Every part makes it.
                None if run.scenario == CALM.0 && self.shard.is_none_or(|part| part.index == 0) => {
                    CALM.1
                }
                None => continue,
            };
            let broken = Fingerprint::of(&run).into_iter();
            let mut broken = broken.filter(|one| one.class != Class::BeyondAssumptions).peekable();
            let has_broken = broken.peek().is_some();
            match run.judged().map(|judged| judged.verdict) {
                None | Some(Verdict::Unknown) => unknown += 1,
                _ if has_broken && broken.all(|one| known.of(&one, primitive).is_some()) => {
                    is_known += 1;
                }
                Some(_) => runs.push(filed(run, number, &folder)),
            }
        }
        runs.sort_by_key(|run| run.seed);
        let left = [
            (unknown, "came to no verdict"),
            (is_known, "showed what Linux's server is known for (reports/FINDINGS.md)"),
        ];
        let left = left.into_iter().filter(|(count, _)| *count > 0);
        Ok((runs, left.map(|(count, why)| left_out(pair, count, why.into())).collect()))
    }
}

/// The numbers of a sweep's runs, by their names: they are the same whenever that is made.
fn numbers(map: &Map) -> BTreeMap<String, u64> {
    let cells = map.rows.iter().flat_map(|row| {
        let names = map.columns.iter().map(|column| column.name.as_str());
        names.map(|column| match column {
            // A story to which nothing happens has the name of the row.
            "calm" => row.name.clone(),
            column => run_name(&row.name, column),
        })
    });
    let mut seen = BTreeSet::new();
    let cells = cells.filter(|name| seen.insert(name.clone()));
    cells.zip(1..).collect()
}

/// A run of a sweep as one of the gate.
fn filed(run: RunSummary, number: u64, folder: &str) -> RunSummary {
    RunSummary {
        scenario: NAME.into(),
        seed: number,
        directory: run.directory.map(|own| format!("{folder}/{own}")),
        ..run
    }
}

fn left_out(pair: &Pair, runs: u64, why: String) -> LeftOut {
    LeftOut { lock: pair.lock.clone(), scenario: NAME.into(), runs: Some(runs), why }
}
