//! `lockstorm scenario NAME`: the main job.

use super::exit::{Exit, Failure};
use super::prepare::{StoryArgs, prepare};
use super::runner::{Home, RunArgs, execute};
use super::terminal::Terminal;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    story: StoryArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    // Before a lock is brought for it.
    args.run.check()?;
    let plan = prepare(&args.story)?;
    Ok(execute(&plan, &args.run, Home::OfPlan, terminal)?.exit)
}
