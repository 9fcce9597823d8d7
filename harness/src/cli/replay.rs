//! `lockstorm replay DIR`: run a saved plan again, and hold the two histories against each other.

mod change;
mod compare;
mod unpack;

use super::exit::{Exit, Failure};
use super::prepare::saved_plan;
use super::repeat::difference;
use super::runner::{Ended, Home, RunArgs, execute, short};
use super::terminal::Terminal;
use crate::assets::{KERNEL_KEY, NODE_KEY};
use crate::history::{EventKind, reader};
use crate::kernel::Kernels;
use crate::plan::{Plan, differences};
use crate::scenario::Reseed;
use crate::site::clock::Clock;
use crate::units::Nanos;
use crate::verdict::recheck::HISTORY;
use change::ChangeArgs;
use lockstorm_reports::text::seconds;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs a saved plan again, in a directory of its own, and compares the history with the saved one.
///
/// Exit code 13: the histories differ. On the real clock no run is like another, and they are not
/// compared.
///
/// With --until and --seed it is a neighbour of the run that is made: the same until then, and then
/// whatever comes of another seed.
///
/// With --set, --lock or --kernel it is the run with that changed and everything else as it was.
/// What was changed is told, until when the two histories are the same, and what became of each
/// promise; the exit code is that of the new verdict.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run, with its plan.yaml; nothing in it is changed. Or a bundle
    /// (`lockstorm bundle`), which is unpacked below lockstorm-runs.
    #[arg(value_name = "DIR|BUNDLE")]
    run_or_bundle: PathBuf,
    /// Of a bundle: let a kernel run on this host that its maker has built.
    #[arg(long)]
    trust_kernel: bool,
    /// From this time of the run on, such as 12.3s, draw from another seed.
    #[arg(long, value_name = "TIME", requires = "seed")]
    until: Option<Nanos>,
    /// That seed.
    #[arg(long, value_name = "NUMBER", requires = "until")]
    seed: Option<u64>,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    args.run.check()?;
    let given = args.run_or_bundle.as_path();
    if !given.is_file() {
        return replay(args, given, terminal);
    }
    let others = args.change.kernels_choice().cloned().unwrap_or_default();
    let unpacked = unpack::unpack(given, args.trust_kernel, &others)?;
    if !args.run.quiet {
        terminal.note(&unpacked.note());
    }
    replay(args, &unpacked.directory, terminal).map_err(|failure| unpacked.explained(failure))
}

/// Runs the plan of a saved run.
fn replay(args: &Args, saved: &Path, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut plan = saved_plan(saved)?;
    if args.change.are_any() {
        return replay_changed(args, saved, &plan, terminal);
    }
    expect_our_parts(&plan)?;
    if let (Some(until), Some(seed)) = (args.until, args.seed) {
        plan.scenario.reseed = Some(reseed(saved, until, seed)?);
    }
    let ended = execute(&plan, &args.run, Home::OfReplay, terminal)?;
    let remark = match plan.blueprint.clock {
        Clock::Virtual if args.until.is_some() => parted(saved, &ended, args.until)?,
        Clock::Virtual => compared(saved, &ended)?,
        Clock::Real => {
            "On the real clock no run is like another: the histories are not compared".into()
        }
    };
    terminal.remark(&remark, args.run.format)?;
    Ok(ended.exit)
}

/// Runs the plan with something changed.
fn replay_changed(
    args: &Args,
    saved: &Path,
    before: &Plan,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if args.until.is_some() {
        let message = "--until: expected neither --kernel nor --kernel-args beside it; change one \
                       thing at a time";
        return Err(Failure::Argument(message.into()));
    }
    let plan = args.change.apply(before, &change::scenario_name(saved))?;
    expect_our_parts(&plan)?;
    let ended = execute(&plan, &args.run, Home::OfReplay, terminal)?;
    let changed = change::words(&differences(before, &plan));
    let histories = match (before.blueprint.clock, plan.blueprint.clock) {
        (Clock::Virtual, Clock::Virtual) => compare::histories(saved, &ended)?,
        _ => "Histories\n  on the real clock no run is like another: they are not compared".into(),
    };
    let verdicts = compare::verdicts(saved, ended.directory.path())?;
    terminal.remark(&format!("\n{changed}\n\n{histories}\n\n{verdicts}"), args.run.format)?;
    Ok(ended.exit)
}

/// The seed of a neighbour: the scenario counts from the beginning of the workload, the run from
/// the moment when the first machine was switched on.
fn reseed(saved: &Path, until: Nanos, seed: u64) -> Result<Reseed, Failure> {
    let path = saved.join(HISTORY);
    let history = reader::read(&path)
        .map_err(|error| Failure::Argument(format!("--until needs the run's history: {error}")))?;
    let began = history.events.iter().find(|event| event.kind == EventKind::WorkloadBegan);
    let wrong = |why: String| Err(Failure::Argument(format!("--until {until}: {why}")));
    match (began, history.events.last()) {
        (Some(began), _) if until.0 < began.at_ns => wrong(format!(
            "nothing is drawn anew before the workload begins, at {}",
            seconds(began.at_ns)
        )),
        (Some(_), Some(last)) if until.0 > last.at_ns => {
            wrong(format!("the run was over at {}", seconds(last.at_ns)))
        }
        (Some(began), _) => Ok(Reseed { at: Nanos(until.0 - began.at_ns), seed }),
        (None, _) => wrong(format!("the workload of {} never began", saved.display())),
    }
}

/// Where a neighbour has parted from the run; an error if that was before it could.
fn parted(saved: &Path, ended: &Ended, until: Option<Nanos>) -> Result<String, Failure> {
    let until = until.unwrap_or(Nanos::ZERO);
    let name = saved.display();
    let history = ended.directory.path().join(HISTORY);
    let Some(difference) = difference(&saved.join(HISTORY), &history)? else {
        return Ok(format!("The other seed made no difference: the same history as in {name}"));
    };
    match compare::parts_at(&difference) {
        Some(at_ns) if at_ns < until.0 => Err(Failure::Internal(format!(
            "the replay, which is kept in {}, has another history than {name} before {until}, {}",
            ended.directory.path().display(),
            difference.words("saved", "replay")
        ))),
        Some(at_ns) => Ok(format!(
            "The same history as in {name} until {}; from its line {} on, another",
            seconds(at_ns),
            difference.line
        )),
        None => Ok(format!("One of the two histories ends at line {}", difference.line)),
    }
}

/// Another kernel is another history: better none than one that only looks alike.
pub fn expect_our_parts(plan: &Plan) -> Result<(), Failure> {
    // Other kernels than the default one are found by their keys.
    let Kernels { server, clients, .. } = &plan.kernels;
    let needs_default = server.is_none() || clients.is_none();
    for (part, planned, ours, is_needed) in [
        ("kernel", &plan.kernel_key, KERNEL_KEY, needs_default),
        ("node image", &plan.image_key, NODE_KEY, true),
    ] {
        if planned != ours && is_needed {
            return Err(Failure::SetUpMissing(format!(
                "the plan was made for the {part} {planned}, this lockstorm has {ours}; \
                 check out the version that made it, and run `ci/setup` there"
            )));
        }
    }
    Ok(())
}

/// What came of holding the histories against each other, in a sentence; an error if they differ.
fn compared(saved: &Path, ended: &Ended) -> Result<String, Failure> {
    let history = saved.join(HISTORY);
    let name = saved.display();
    if !history.exists() {
        return Ok(format!("{name} has no {HISTORY} to compare the history with"));
    }
    match difference(&history, &ended.directory.path().join(HISTORY))? {
        None => Ok(format!("The same history as in {name}: {}", short(&ended.history))),
        Some(difference) if difference.is_end_of_first() && !has_ended(saved) => Ok(format!(
            "The run in {name} was cut short; up to its line {} it has the same history",
            difference.line - 1
        )),
        Some(difference) => Err(Failure::Internal(format!(
            "the replay, which is kept in {}, has another history than {name}, {}",
            ended.directory.path().display(),
            difference.words("saved", "replay")
        ))),
    }
}

/// A run's report is written when it has ended.
fn has_ended(run: &Path) -> bool {
    fs::metadata(run.join("report.json")).is_ok_and(|report| report.len() > 0)
}
