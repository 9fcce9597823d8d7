//! `lockstorm plan NAME`: print the plan that a scenario expands to, or a plan as a scenario.

mod export;

use super::exit::{Exit, Failure};
use super::prepare::{StoryArgs, prepare, saved_plan};
use super::terminal::Terminal;
use crate::plan::Plan;
use std::path::Path;

/// Prints the plan that a scenario expands to; of the directory of a run, the plan that it had.
///
/// With --as-scenario it prints a scenario in its place: every override is in it, and nothing that
/// is the default. Its first lines have the command that makes the same run of it, with the same
/// history.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    story: StoryArgs,
    /// Print the plan as a scenario, to be edited and shared.
    #[arg(long)]
    as_scenario: bool,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let run = Path::new(&args.story.scenario);
    let plan = match run.join("plan.yaml").exists() {
        true => of_run(run, &args.story)?,
        false => prepare(&args.story)?,
    };
    let text = match args.as_scenario {
        true => export::text(&plan, run)?,
        false => plan.to_yaml().map_err(|e| Failure::Internal(e.to_string()))?,
    };
    terminal.print(&text)?;
    Ok(Exit::Valid)
}

/// The plan of a saved run, which is what it is.
fn of_run(run: &Path, story: &StoryArgs) -> Result<Plan, Failure> {
    match story.first_change() {
        None => saved_plan(run),
        Some(option) => Err(Failure::Argument(format!(
            "{option}: {} is a saved run, whose plan says everything; expected a scenario beside \
             this option, or `lockstorm replay` with it",
            run.display()
        ))),
    }
}
