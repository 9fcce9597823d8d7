//! `lockstorm scenario NAME`: the main job.

use super::engine::{RunArgs, execute};
use super::exit::{Exit, Failure};
use super::prepare::{StoryArgs, prepare};
use super::terminal::Terminal;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    story: StoryArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let plan = prepare(&args.story)?;
    execute(&plan, &args.run, terminal)
}
