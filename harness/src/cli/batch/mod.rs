//! Many runs, side by side, into a result set: what `matrix` and its kin do.

mod directory;
mod ending;
mod progress;
mod select;
mod shard;

use directory::RUNS_FOLDER;
pub use directory::{Identity, SetDirectory, expect_same};
pub use select::{Pair, Selection, Wanted, expect_any, pair, pairs};
pub use shard::{Shard, parse_shard, parse_time, part};

use super::exit::Failure;
use super::kernels::{self, KernelArgs};
use super::launch::LaunchArgs;
use super::locks::provide;
use super::results::{self, below};
use super::runner::{Runner, dated, listen_for_signals};
use crate::history::Event;
use crate::kernel::Kernels;
use crate::plan::{Parts, Plan, expand};
use crate::site::launch::Launch;
use crate::verdict::recheck::CAPTURE;
use lockstorm_reports::set::{Cause, End, Outcome, RunSummary};
use lockstorm_reports::{Report, Verdict, json};
use progress::Progress;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One run to be made: a pair and a seed.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub pair: &'a Pair,
    pub seed: u64,
}

impl Job<'_> {
    /// Where its files go, below the set's directory.
    fn directory(&self) -> String {
        format!("{RUNS_FOLDER}/{}/{}/{}", self.pair.filed_as, self.pair.scenario, self.seed)
    }

    /// As [`SetDirectory::made`] names it.
    pub fn key(&self) -> (String, String, u64) {
        (self.pair.lock.clone(), self.pair.scenario.clone(), self.seed)
    }
}

/// How the runs are made.
#[derive(Clone)]
pub struct BatchOptions {
    /// Sites side by side.
    pub jobs: usize,
    pub launch: Launch,
    /// Of a slice of a node.
    pub patience: Duration,
    /// Begin no run that would not end within this time.
    pub budget: Option<Duration>,
    /// Begin no run after one that broke a promise.
    pub until_broken: bool,
    /// Keep no files of valid runs.
    pub discard_valid: bool,
    pub quiet: bool,
    /// Of the nodes of all runs.
    pub kernels: Kernels,
}

/// What every command that makes a batch lets its user say about it.
#[derive(clap::Args)]
pub struct SideBySide {
    /// Sites side by side; one a core when left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Of a run: unknown when a node computes for this many seconds of wall time without a pause.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    #[command(flatten)]
    launch: LaunchArgs,
    #[command(flatten)]
    kernel: KernelArgs,
    /// Keep no files of valid runs: `lockstorm scenario` makes each again.
    #[arg(long)]
    discard_valid: bool,
}

impl SideBySide {
    /// The options, without a budget.
    pub fn options(&self, quiet: bool) -> Result<BatchOptions, Failure> {
        // One a core: more would be in each other's way.
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
        Ok(BatchOptions {
            jobs: self.jobs.map_or_else(cores, usize::from),
            launch: self.launch.fit()?,
            patience: Duration::from_secs(self.timeout.into()),
            budget: None,
            until_broken: false,
            discard_valid: self.discard_valid,
            quiet,
            kernels: self.kernel.choose()?,
        })
    }
}

/// Looks at each run as it ends: a search learns from more than its summary.
pub trait Witness: Sync {
    /// A run has been judged. All its files are still there.
    fn judged(&self, job: &Job, seen: &Seen) -> Result<(), Failure>;
}

/// What there is to see of a run.
pub struct Seen<'a> {
    pub plan: &'a Plan,
    pub history: &'a [Event],
    pub report: &'a Report,
    /// With its files.
    pub directory: &'a Path,
}

/// Looks at none.
pub struct Nobody;

impl Witness for Nobody {
    fn judged(&self, _: &Job, _: &Seen) -> Result<(), Failure> {
        Ok(())
    }
}

/// Makes the runs and appends each to the set as it ends. Answers how many the options left out.
pub fn run(jobs: &[Job], set: &SetDirectory, options: &BatchOptions) -> Result<usize, Failure> {
    run_seen(jobs, set, options, &Nobody)
}

/// The same, while somebody looks on.
pub fn run_seen(
    jobs: &[Job],
    set: &SetDirectory,
    options: &BatchOptions,
    witness: &dyn Witness,
) -> Result<usize, Failure> {
    if !jobs.is_empty() {
        // They are of the set as it was.
        set.remove_renderings()?;
    }
    let begun = Instant::now();
    let interrupted = listen_for_signals()?;
    let next = AtomicUsize::new(0);
    let stop = Mutex::new(None);
    let progress = Mutex::new(Progress::new(jobs.len(), options.jobs, options.quiet));
    let left = AtomicUsize::new(0);
    let broken = AtomicBool::new(false);
    let worker = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if interrupted.load(Ordering::Relaxed) || locked(&stop).is_some() {
                return;
            }
            if broken.load(Ordering::Relaxed) {
                left.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let longest = locked(&progress).longest();
            if options.budget.is_some_and(|budget| begun.elapsed() + longest > budget) {
                left.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            locked(&progress).begins(job);
            let outcome =
                make(job, set.path(), options, (&interrupted, witness)).and_then(|summary| {
                    set.append(&summary)?;
                    let is_broken = summary.outcome() == Outcome::BrokenPromise;
                    broken.fetch_or(options.until_broken && is_broken, Ordering::Relaxed);
                    locked(&progress).ended(job, &summary);
                    Ok(())
                });
            if let Err(failure) = outcome {
                locked(&stop).get_or_insert(failure);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers = (0..options.jobs.min(jobs.len())).map(|_| scope.spawn(worker));
        for worker in workers.collect::<Vec<_>>() {
            // What panics in a run is caught there.
            let _ = worker.join();
        }
    });
    drop(progress);
    match stop.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        None if interrupted.load(Ordering::Relaxed) => Err(Failure::Interrupted),
        None => Ok(left.into_inner()),
        Some(failure) => Err(failure),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Makes one run. What is wrong with it is in its summary; an error ends the batch.
fn make(
    job: &Job,
    set: &Path,
    options: &BatchOptions,
    context: (&Arc<AtomicBool>, &dyn Witness),
) -> Result<RunSummary, Failure> {
    let attempt = || try_to_make(job, set, options, context);
    let outcome = catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|panic| {
        Err(Failure::Internal(format!("a run panicked: {}", crate::check::message(&*panic))))
    });
    let reproduce = job.pair.command(job.seed, &options.kernels, options.launch);
    let (cause, message) = match outcome {
        Ok(summary) => return Ok(summary),
        Err(Failure::Interrupted) => return Err(Failure::Interrupted),
        Err(Failure::Input(found)) => (Cause::Input, found.summary()),
        Err(Failure::Argument(message)) => (Cause::Input, message),
        Err(Failure::SetUpMissing(message)) => (Cause::SetUpMissing, message),
        Err(Failure::Host(message)) => (Cause::Host, message),
        Err(Failure::Internal(message)) => (Cause::Internal, message),
    };
    Ok(RunSummary {
        lock: job.pair.lock.clone(),
        scenario: job.pair.scenario.clone(),
        seed: job.seed,
        directory: None,
        end: End::NotMade { cause, message, reproduce: reproduce.unwrap_or_default() },
    })
}

fn try_to_make(
    job: &Job,
    set: &Path,
    options: &BatchOptions,
    (interrupted, witness): (&Arc<AtomicBool>, &dyn Witness),
) -> Result<RunSummary, Failure> {
    let prepared = job.pair.prepared()?;
    let kernels = job.pair.kernels(&options.kernels).clone();
    let plan = expand(&prepared.scenario, job.seed, prepared.lock(), Parts::ours(kernels));
    super::host::fit(&plan, options.launch)?;
    let (assets, lock_image) = provide(&plan)?;
    let kernels = kernels::provide(&plan.kernels)?;
    let name = job.directory();
    let directory = below(set, Path::new(&name))?;
    // Of a run that was interrupted.
    results::remove(set, Path::new(&name))?;
    fs::create_dir_all(&directory).map_err(super::directory::host(&directory))?;
    let (launch, patience) = (options.launch, options.patience);
    let interrupted = Arc::clone(interrupted);
    let signals = Arc::clone(&interrupted);
    let runner = Runner { assets, kernels, lock_image, launch, patience, interrupted };
    let (mut report, run) = runner.run(&dated(&plan), &directory, Vec::new())?;
    let history = &run.history.events;
    if ending::is_of_the_batch(history, &signals) {
        return Err(Failure::Interrupted);
    }
    witness.judged(job, &Seen { plan: &plan, history, report: &report, directory: &directory })?;
    let discarded = options.discard_valid && report.verdict == Verdict::Valid;
    if discarded {
        results::remove(set, Path::new(&name))?;
    } else if report.verdict == Verdict::Valid {
        let _ = fs::remove_file(directory.join(CAPTURE));
        report.artefacts.retain(|artefact| artefact.file != CAPTURE);
        let file = directory.join("report.json");
        fs::write(&file, json::render(&report)).map_err(super::directory::host(&file))?;
    }
    let mut summary = RunSummary::of(&report, (!discarded).then_some(&name));
    summary.lock = job.pair.lock.clone();
    if let End::Judged(judged) = &mut summary.end
        && discarded
        && judged.reproduce.is_empty()
    {
        // There are no files to replay.
        let command = job.pair.command(job.seed, &options.kernels, options.launch);
        judged.reproduce = command.unwrap_or_default();
    }
    Ok(summary)
}
