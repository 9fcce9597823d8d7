//! `lockstorm scenario NAME`: the main job.

use super::exit::{Exit, Failure};
use super::prepare::{StoryArgs, prepare};
use super::terminal::Terminal;
use crate::assets::Assets;
use crate::plan::Plan;
use crate::scenario::WorkloadSpec;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    story: StoryArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

/// How to run a plan, new or saved.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Where the run's artefacts go; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// End the run as unknown after this many seconds of wall time.
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: u32,
    /// Run twice, and compare the histories.
    #[arg(long)]
    pub verify_repeat: bool,
    /// Print the verdict alone.
    #[arg(long)]
    pub quiet: bool,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let plan = prepare(&args.story)?;
    let assets = Assets::locate()?;
    execute(&plan, &assets, &args.run, terminal)
}

/// Runs a plan: here the engine begins. (Until it is joined, what would be run is printed.)
pub fn execute(
    plan: &Plan,
    _assets: &Assets,
    args: &RunArgs,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    // CALL SITE: crate::run::execute(plan, assets, options) -> verdict -> Exit
    if !args.quiet {
        terminal.print(&summary(plan))?;
    }
    Err(Failure::Internal(
        "the engine is not joined to the command line yet".into(),
    ))
}

/// The plan in a few lines.
fn summary(plan: &Plan) -> String {
    let scenario = &plan.scenario;
    let workload = match &scenario.workload {
        WorkloadSpec::Cycles(cycles) => match cycles.rounds {
            Some(rounds) => format!("{rounds} rounds each"),
            None => format!("cycles for {}", cycles.time),
        },
        WorkloadSpec::Script(steps) => format!("a script of {} steps", steps.len()),
    };
    format!(
        "{}: {} on {} clients, NFSv{}, {workload}, {} faults, seed {}\n",
        scenario.name,
        scenario.lock.name,
        scenario.site.clients,
        scenario.site.nfs.version,
        scenario.faults.len(),
        plan.seed,
    )
}
