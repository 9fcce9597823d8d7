//! One search: makes a generation of trials after the other, learns from them, and sees to what
//! they found.

use super::Args;
use super::findings::{Confirmation, Findings, Found, forget};
use super::ledger::{Key, Ledger, locked};
use super::progress::{Progress, counted};
use super::summary::{KnownRow, LeftOut, LockRow, Summary};
use crate::cli::batch::{BatchOptions, Pair, SetDirectory};
use crate::cli::exit::Failure;
use crate::cli::results;
use crate::cli::runner::listen_for_signals;
use crate::cli::search::corpus::{self, Writer};
use crate::cli::search::shrink;
use crate::cli::search::trials::{self, Trials, named_by_content};
use crate::cli::terminal::Terminal;
use crate::search::calm;
use crate::search::explore::corpus::Entry;
use crate::search::explore::{Explorer, Subject, Trial};
use crate::search::fingerprint::Fingerprint;
use crate::search::known::Known;
use lockstorm_reports::Class;
use lockstorm_reports::set::{Outcome, RunSummary};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the runs are called that a finding is confirmed by, and held against.
const AGAIN: &str = "again";
const CONTROL: &str = "control";
/// Of the runs in which nothing happens.
const CALM_SEED: u64 = 1;

/// With so many seeds a scenario is tried that was made smaller.
const SEEDS: u64 = 5;
/// Its file, beside the finding's others.
const SHRUNK: &str = "shrunk.yaml";

/// When a search ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub budget: Option<Duration>,
    pub until_quiet: Option<u64>,
    pub runs: Option<u64>,
}

pub struct Session<'a> {
    set: &'a SetDirectory,
    options: BatchOptions,
    seed: u64,
    is_guided: bool,
    /// So many runs may each finding cost that is made smaller.
    shrink_runs: u64,
    /// Violations beyond assumptions are findings.
    is_strict: bool,
    known: Known,
    ledger: Ledger,
    interrupted: Arc<AtomicBool>,
    begun: Instant,
    explorer: Explorer,
    /// Of the explorer's subjects.
    pairs: Vec<Pair>,
    rows: Vec<LockRow>,
    runs: u64,
    verdicts: BTreeMap<&'static str, u64>,
    /// How many runs have brought nothing new, in a row.
    quiet_runs: u64,
    findings: Findings,
    known_seen: BTreeMap<(String, &'static str, String), u64>,
    /// The fingerprints of all runs, findings or not.
    fingerprints: BTreeSet<String>,
    left_out: Vec<LeftOut>,
}

impl<'a> Session<'a> {
    pub fn open(
        set: &'a SetDirectory,
        options: BatchOptions,
        args: &Args,
        known: Known,
    ) -> Result<Session<'a>, Failure> {
        let ledger = Ledger::open(set, Progress::new(args.quiet))?;
        Ok(Session {
            set,
            options,
            seed: args.seed,
            is_guided: !args.unguided,
            shrink_runs: args.shrink,
            is_strict: args.strict,
            known,
            ledger,
            interrupted: listen_for_signals()?,
            begun: Instant::now(),
            explorer: Explorer::new(args.seed, Vec::new(), true, Vec::new()),
            pairs: Vec::new(),
            rows: Vec::new(),
            runs: 0,
            verdicts: BTreeMap::new(),
            quiet_runs: 0,
            findings: Findings::default(),
            known_seen: BTreeMap::new(),
            fingerprints: BTreeSet::new(),
            left_out: Vec::new(),
        })
    }

    /// Searches until a limit is reached; answers which. `pairs` are the locks, each in a story in
    /// which nothing happens.
    pub fn run(
        &mut self,
        pairs: Vec<Pair>,
        given: Vec<Entry>,
        limits: Limits,
        terminal: &Terminal,
    ) -> Result<&'static str, Failure> {
        self.expect_calm(pairs, limits, terminal)?;
        let subject = |pair: &Pair| {
            let profile = pair.prepared()?.profile().clone();
            Ok::<_, Failure>(Subject { label: pair.lock.clone(), profile })
        };
        let subjects = self.pairs.iter().map(subject).collect::<Result<Vec<_>, _>>()?;
        let row = |pair: &Pair| LockRow { lock: pair.lock.clone(), ..LockRow::default() };
        self.rows = self.pairs.iter().map(row).collect();
        self.explorer = Explorer::new(self.seed, subjects, self.is_guided, given);
        let mut corpus = Writer::create(&self.set.path().join(corpus::FOLDER))?;
        let mut written = 0;
        loop {
            if let Some(ended) = self.limit(limits) {
                return Ok(ended);
            }
            let mut trials = self.explorer.generation();
            let left = limits.runs.map_or(u64::MAX, |runs| runs.saturating_sub(self.runs));
            trials.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            let outcome =
                self.make(&trials, self.left(limits)).and_then(|()| self.expect_any(&trials));
            // What was found until an interrupt is told, and filed.
            let fresh = self.learn(&trials)?;
            for entry in self.explorer.corpus().entries.iter().skip(written) {
                corpus.add(entry)?;
            }
            written = self.explorer.corpus().entries.len();
            let outcome = outcome.and_then(|()| self.confirm(&fresh, self.left(limits)));
            self.file(&fresh)?;
            outcome.and_then(|()| self.shrink(&fresh, self.left(limits)))?;
        }
    }

    /// Clears the line of the progress.
    pub fn close(self) {}

    fn left(&self, limits: Limits) -> Option<Duration> {
        limits.budget.map(|budget| budget.saturating_sub(self.begun.elapsed()))
    }

    fn limit(&self, limits: Limits) -> Option<&'static str> {
        let reached = |limit: Option<u64>, by: u64| limit.is_some_and(|limit| by >= limit);
        if self.pairs.is_empty() {
            Some("there is no lock to explore")
        } else if reached(limits.runs, self.runs) {
            Some("so many runs were wanted")
        } else if reached(limits.until_quiet, self.quiet_runs) {
            Some("nothing new comes any more")
        } else if self.left(limits).is_some_and(|left| left.is_zero()) {
            Some("the budget is spent")
        } else {
            None
        }
    }

    /// Runs each lock while nothing happens to it. One that fails even then is left out.
    fn expect_calm(
        &mut self,
        pairs: Vec<Pair>,
        limits: Limits,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut calm = Vec::new();
        for pair in pairs {
            match pair.prepared() {
                Ok(prepared) => {
                    let scenario = prepared.scenario.clone();
                    let trial = Trial { subject: self.pairs.len(), scenario, seed: CALM_SEED };
                    calm.push(trial);
                    self.pairs.push(pair);
                }
                Err(failure) => self.leave_out(&pair.lock, failure.to_string(), None, terminal),
            }
        }
        self.make(&calm, None)?;
        let mut kept = Vec::new();
        for (pair, trial) in std::mem::take(&mut self.pairs).into_iter().zip(&calm) {
            let key = (pair.lock.clone(), trial.scenario.name.clone(), trial.seed);
            match self.ledger.run(&key).cloned() {
                Some(run) if run.outcome() == Outcome::Valid => kept.push(pair),
                Some(run) => {
                    let why = match run.outcome() {
                        Outcome::Unknown => "its run without faults proves nothing",
                        _ => "it breaks a promise when nothing happens to it",
                    };
                    let why = format!("{why}: {}", run.reason());
                    self.leave_out(&pair.lock, why, Some(&run), terminal);
                }
                None => {
                    let why = self.ledger.why_not_made(&key);
                    let why = why.unwrap_or_else(|| "it could not be run".into());
                    self.leave_out(&pair.lock, why, None, terminal);
                }
            }
        }
        self.pairs = kept;
        let made = locked(&self.ledger.progress).made();
        match self.left(limits) {
            Some(left) if left.is_zero() && made > 0 => {
                let each = begun.elapsed() * self.options.jobs.min(calm.len()) as u32;
                let each = each.as_secs_f64() / calm.len().max(1) as f64;
                Err(Failure::Argument(format!(
                    "--budget is spent before anything is explored: a run takes about {each:.1} s, \
                     and each lock is run once without faults first; expected more"
                )))
            }
            _ => Ok(()),
        }
    }

    fn leave_out(
        &mut self,
        lock: &str,
        reason: String,
        run: Option<&RunSummary>,
        terminal: &Terminal,
    ) {
        let broken = run.is_some_and(|run| {
            !matches!(run.outcome(), Outcome::Valid | Outcome::Unknown | Outcome::Failed)
        });
        let run = run.and_then(|run| run.directory.as_ref());
        let run = run.map(|directory| self.set.path().join(directory).display().to_string());
        let left = LeftOut { lock: lock.into(), reason, run, broken };
        locked(&self.ledger.progress).clear();
        terminal.note(&format!("left out: {}", left.words()));
        self.left_out.push(left);
    }

    fn key(&self, trial: &Trial) -> Key {
        let lock = self.pairs[trial.subject].lock.clone();
        (lock, trial.scenario.name.clone(), trial.seed)
    }

    /// Has those run that were not run before. What came of them is in the ledger.
    fn make(&mut self, wanted: &[Trial], budget: Option<Duration>) -> Result<(), Failure> {
        let mut missing = Vec::new();
        for trial in wanted.iter().filter(|trial| self.ledger.run(&self.key(trial)).is_none()) {
            let pair = self.pairs[trial.subject].in_scenario(trial.scenario.clone())?;
            missing.push(trials::Trial { pair, seed: trial.seed });
        }
        if !missing.is_empty() {
            self.options.budget = budget;
            let trials = Trials { set: self.set, options: &self.options };
            let outcome = trials.make(&missing, &self.ledger);
            match outcome {
                Ok(runs) => runs.into_iter().flatten().for_each(|run| self.ledger.add(run)),
                Err(failure) => {
                    self.ledger.read(self.set)?;
                    return Err(failure);
                }
            }
        }
        // A signal may have come between two batches.
        match self.interrupted.load(Ordering::Relaxed) {
            true => Err(Failure::Interrupted),
            false => Ok(()),
        }
    }

    /// Trouble that lets no run be made will not be over with the next ones.
    fn expect_any(&self, trials: &[Trial]) -> Result<(), Failure> {
        let reasons = trials.iter().map(|trial| self.ledger.why_not_made(&self.key(trial)));
        match reasons.collect::<Option<Vec<String>>>().and_then(|all| all.into_iter().next()) {
            Some(first) => Err(Failure::Host(format!(
                "none of {} could be made: {first}",
                counted(trials.len(), "run")
            ))),
            None => Ok(()),
        }
    }

    /// Learns from a generation, in the order of its trials; answers the places of findings that
    /// are new.
    fn learn(&mut self, trials: &[Trial]) -> Result<Vec<usize>, Failure> {
        let mut fresh = Vec::new();
        for trial in trials {
            let key = self.key(trial);
            let Some(run) = self.ledger.run(&key).cloned() else {
                let is_failed = self.ledger.why_not_made(&key).is_some();
                self.runs += u64::from(is_failed);
                if is_failed {
                    *self.verdicts.entry(words(Outcome::Failed)).or_default() += 1;
                }
                continue;
            };
            self.runs += 1;
            self.rows[trial.subject].count(&run);
            *self.verdicts.entry(words(run.outcome())).or_default() += 1;
            let coverage = self.ledger.take_coverage(&key);
            let news = coverage.map(|coverage| self.explorer.learn(trial, coverage));
            let found = self.found(trial, &run);
            let is_new = !found.is_empty() || news.is_some_and(|news| news.situations > 0);
            self.quiet_runs = if is_new { 0 } else { self.quiet_runs + 1 };
            fresh.extend(found);
            self.forget_if_known(&run, is_new)?;
        }
        self.findings.file_statistics(self.set.path())?;
        let (situations, latest) = (self.explorer.corpus().situations(), self.findings.latest());
        locked(&self.ledger.progress).learned(self.runs, situations, latest);
        Ok(fresh)
    }

    /// The findings of a run that are new, by their places.
    fn found(&mut self, trial: &Trial, run: &RunSummary) -> Vec<usize> {
        let mut fresh = Vec::new();
        let made_of = self.explorer.subjects()[trial.subject].profile.primitive;
        for fingerprint in Fingerprint::of(run) {
            if fingerprint.class == Class::BeyondAssumptions && !self.is_strict {
                continue;
            }
            if let Some(known) = self.known.of(&fingerprint, made_of) {
                let key = (fingerprint.lock.clone(), fingerprint.invariant, known.reason.clone());
                *self.known_seen.entry(key).or_default() += 1;
                continue;
            }
            let row = &self.rows[trial.subject];
            let found = Found {
                fingerprint,
                trial: trial.clone(),
                run: run.clone(),
                runs: row.runs + row.unknown,
                processors_ms: row.processors_ms,
                seen: 1,
                confirmation: Confirmation::default(),
            };
            if self.findings.see(found) {
                fresh.push(self.findings.all.len() - 1);
            }
        }
        fresh
    }

    /// Of runs that broke something, the files are kept of those that show something new: others
    /// are many, and large.
    fn forget_if_known(&mut self, run: &RunSummary, is_new: bool) -> Result<(), Failure> {
        let fingerprints = Fingerprint::of(run);
        let before = self.fingerprints.len();
        self.fingerprints.extend(fingerprints.iter().map(Fingerprint::id));
        let is_first = self.fingerprints.len() > before;
        match fingerprints.is_empty() || is_first || is_new {
            true => Ok(()),
            false => forget(self.set.path(), run),
        }
    }

    /// Runs each new finding a second time, and the same scenario without its faults.
    fn confirm(&mut self, fresh: &[usize], budget: Option<Duration>) -> Result<(), Failure> {
        let mut wanted = Vec::new();
        for place in fresh {
            let trial = &self.findings.all[*place].trial;
            let again = named_by_content(trial.scenario.clone(), AGAIN);
            let mut control = trial.scenario.clone();
            calm(&mut control);
            let control = named_by_content(control, CONTROL);
            let of = |scenario| Trial { scenario, ..trial.clone() };
            wanted.push((of(again), of(control)));
        }
        let all: Vec<Trial> = wanted.iter().flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
        let outcome = self.make(&all, budget);
        for (place, (again, control)) in fresh.iter().zip(&wanted) {
            let (again, control) = (self.key(again), self.key(control));
            let found = &self.findings.all[*place];
            let history = |run: &RunSummary| run.judged().map(|run| run.history_sha256.clone());
            let repeats =
                self.ledger.run(&again).map(|again| history(again) == history(&found.run));
            let broken = |run: &RunSummary| {
                Fingerprint::of(run).iter().any(|other| other.is_like(&found.fingerprint))
            };
            let without_faults = self.ledger.run(&control).map(broken);
            for key in [&again, &control] {
                self.ledger.take_coverage(key);
            }
            // It is as the first one, which is kept.
            if let (Some(true), Some(run)) = (repeats, self.ledger.run(&again)) {
                forget(self.set.path(), run)?;
            }
            self.findings.all[*place].confirmation = Confirmation { repeats, without_faults };
        }
        outcome
    }

    /// Files each new finding.
    fn file(&self, fresh: &[usize]) -> Result<(), Failure> {
        for place in fresh {
            self.findings.all[*place].file(self.set.path())?;
        }
        Ok(())
    }

    /// Files the smallest scenario that shows the same beside each new finding.
    fn shrink(&self, fresh: &[usize], budget: Option<Duration>) -> Result<(), Failure> {
        if self.shrink_runs <= SEEDS {
            return Ok(());
        }
        let options = BatchOptions { budget, ..self.options.clone() };
        let trials = Trials { set: self.set, options: &options };
        let limits = shrink::Limits { runs: self.shrink_runs, seeds: SEEDS };
        for place in fresh {
            let found = &self.findings.all[*place];
            let pair = self.pairs[found.trial.subject].in_scenario(found.trial.scenario.clone())?;
            let (seed, wanted) = (found.trial.seed, &found.fingerprint);
            let shrunk = shrink::shrink(&pair, seed, wanted, &trials, &limits, &|_| ())?;
            let file = Path::new(&found.directory()).join(SHRUNK);
            results::write(self.set.path(), &file, &shrunk.text)?;
        }
        Ok(())
    }

    pub fn summary(&self, ended: &'static str) -> Summary {
        let corpus = self.explorer.corpus();
        let known = self.known_seen.iter().map(|((lock, invariant, reason), seen)| KnownRow {
            lock: lock.clone(),
            invariant,
            reason: reason.clone(),
            seen: *seen,
        });
        Summary {
            seed: self.seed,
            guided: self.is_guided,
            ended,
            wall_s: self.begun.elapsed().as_secs(),
            runs: self.runs,
            verdicts: self.verdicts.clone(),
            situations: corpus.situations(),
            steps: corpus.steps(),
            corpus: corpus.entries.len(),
            locks: self.rows.clone(),
            findings: self.findings.all.iter().map(Found::statistics).collect(),
            known: known.collect(),
            left_out: self.left_out.clone(),
        }
    }
}

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "valid",
        Outcome::BrokenPromise => "broken promise",
        Outcome::BeyondAssumptions => "beyond assumptions",
        Outcome::ScriptExpectation => "not as its script expects",
        Outcome::Unknown => "unknown",
        Outcome::Failed => "not made",
    }
}
