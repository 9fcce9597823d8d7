//! The run: workloads drive the clients, the nemesis strikes, the witness writes the history.
//!
//! [`Interpreter`] is what all of them stand on: it turns what happens at the site into events, and
//! what a workload wants into commands; it is the witness, and the only one that writes the
//! history.

mod active;
mod afterwards;
mod bring_up;
mod cycles;
mod event;
mod in_force;
mod interpreter;
pub(crate) mod lab;
pub mod last_words;
mod nemesis;
pub(crate) mod prober;
mod readiness;
mod replies;
mod script;
mod tap;
mod task;
mod triggers;
mod watch;

use crate::history::writer::{Finished, WriteError, Writer};
use crate::history::{EventKind, Observer};
use crate::plan::Plan;
use crate::scenario::WorkloadSpec;
use crate::site::{KernelSite, Resources, Site, SiteError, Statistics};
use crate::units::MILLISECOND;
use cycles::Cycles;
use event::Event;
pub use interpreter::COUNTER;
use interpreter::Interpreter;
use nemesis::Nemesis;
use nix::time::{ClockId, clock_gettime};
use script::Script;
use std::path::Path;
use std::time::{Duration, Instant};
use thiserror::Error;

/// A run that has ended, and whose history is whole.
pub struct Run {
    pub history: Finished,
    pub virtual_ns: u64,
    pub wall: Duration,
    /// How long processors worked for it: this thread, and the nodes with all that ran on them;
    /// `None` where nobody can tell.
    pub processors: Option<Duration>,
    pub statistics: Statistics,
}

/// The harness itself failed; no verdict can be had.
#[derive(Debug, Error)]
pub enum RunError {
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    History(#[from] WriteError),
}

/// Runs a plan from power-on to the end of its workload.
///
/// Whatever happens inside the site is in the history, and no error: a kernel that panics, an
/// adapter that talks nonsense, a guest that never pauses.
pub fn execute(
    plan: &Plan,
    resources: Resources,
    observers: Vec<Box<dyn Observer>>,
) -> Result<Run, RunError> {
    let (begin, worked_before) = (Instant::now(), worked());
    let artefacts = resources.artefacts;
    let mut history = Writer::create(&artefacts.join("history.jsonl"))?;
    for observer in observers {
        history.observe(observer);
    }
    let site = KernelSite::new(&plan.blueprint, resources)?;
    let (history, virtual_ns, statistics) = run_on(Box::new(site), plan, history, artefacts)?;
    let nodes = Some(statistics.processor_ns).filter(|worked| *worked > 0);
    let processors =
        nodes.map(|nodes| Duration::from_nanos(nodes) + worked().saturating_sub(worked_before));
    Ok(Run { history, virtual_ns, wall: begin.elapsed(), processors, statistics })
}

/// How long processors have worked for this thread.
fn worked() -> Duration {
    // Every Linux has this clock; without it, the thread's share is left out.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Runs a plan on a site that has been built for it. `artefacts` is where that writes its console
/// logs.
pub(crate) fn run_on<'a>(
    site: Box<dyn Site + 'a>,
    plan: &'a Plan,
    history: Writer,
    artefacts: &'a Path,
) -> Result<(Finished, u64, Statistics), RunError> {
    let mut run = Interpreter::new(plan, site, history, artefacts);
    match play(&mut run, plan) {
        Err(RunError::Site(stuck @ SiteError::Stuck { .. })) => {
            let why = run.explain_stuck(&stuck);
            run.record(EventKind::WorkloadEnded { completed: false, why })?;
        }
        other => other?,
    }
    run.finish()
}

/// A workload: told of every event, it makes its next moves. What it does to the site itself it
/// does through the nemesis.
trait Workload {
    fn on(
        &mut self,
        event: &Event,
        run: &mut Interpreter,
        nemesis: &mut Nemesis,
    ) -> Result<(), RunError>;
    /// Nothing is left to do.
    fn is_done(&self) -> bool;
    /// Time is up: what is still open, in words; empty when that is nothing to worry about.
    fn unfinished(&self, run: &Interpreter) -> String;
}

/// What a host may be late with (ns). The nodes share its cores with the harness: where that has to
/// wait, a node may have lost its lease for want of a core, and no lock can be judged by that.
const LATENESS_MAX: u64 = 500 * MILLISECOND;

/// Why the host was no fit place for a run on the real clock; empty if it was one.
fn too_late(lateness_ns: u64) -> String {
    match lateness_ns > LATENESS_MAX {
        false => String::new(),
        true => format!(
            "the host was too busy for the real clock: what was due came up to {} ms late",
            lateness_ns / MILLISECOND
        ),
    }
}

fn play(run: &mut Interpreter, plan: &Plan) -> Result<(), RunError> {
    let mut nemesis = Nemesis::new(plan);
    let mut workload: Box<dyn Workload> = match &plan.scenario.workload {
        WorkloadSpec::Cycles(spec) => Box::new(Cycles::new(spec, plan)),
        WorkloadSpec::Script(steps) => Box::new(Script::new(steps, plan)),
    };
    nemesis.listen(run);
    run.power_on_all()?;
    let mut overdue = false;
    while !workload.is_done() && !overdue && run.failure().is_none() {
        let Some(event) = run.next_event()? else { break };
        overdue = event == Event::Overdue;
        nemesis.on(&event, run)?;
        workload.on(&event, run, &mut nemesis)?;
    }
    let why = match run.failure() {
        Some(failure) => failure.to_owned(),
        None if workload.is_done() => too_late(run.site().lateness()),
        None => workload.unfinished(run),
    };
    nemesis.finish(run)?;
    run.read_counter()?;
    run.look_at_export()?;
    run.record(EventKind::WorkloadEnded { completed: why.is_empty(), why })
}
