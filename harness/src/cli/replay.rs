//! `lockstorm replay DIR`: run a saved plan again, and hold the two histories against each other.

use super::exit::{Exit, Failure};
use super::prepare::saved_plan;
use super::repeat::difference;
use super::runner::{Ended, Home, RunArgs, execute, short};
use super::terminal::Terminal;
use crate::assets::{KERNEL_KEY, NODE_KEY};
use crate::kernel::Kernels;
use crate::plan::Plan;
use crate::site::clock::Clock;
use crate::verdict::recheck::HISTORY;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs a saved plan again, in a directory of its own, and compares the history with the saved one.
///
/// Exit code 13: the histories differ. On the real clock no run is like another, and they are not
/// compared.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run, with its plan.yaml; nothing in it is changed.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    args.run.check()?;
    let plan = saved_plan(&args.directory)?;
    expect_our_parts(&plan)?;
    let ended = execute(&plan, &args.run, Home::OfReplay, terminal)?;
    let remark = match plan.blueprint.clock {
        Clock::Virtual => compared(&args.directory, &ended)?,
        Clock::Real => {
            "On the real clock no run is like another: the histories are not compared".into()
        }
    };
    terminal.remark(&remark, args.run.format)?;
    Ok(ended.exit)
}

/// Another kernel is another history: better none than one that only looks alike.
pub fn expect_our_parts(plan: &Plan) -> Result<(), Failure> {
    // Other kernels than the default one are found by their keys.
    let Kernels { server, clients } = &plan.kernels;
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
