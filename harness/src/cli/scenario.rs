//! `lockstorm scenario NAME`: the main job.

use super::engine::{RunArgs, execute};
use super::exit::{Exit, Failure};
use super::prepare::{StoryArgs, prepare};
use super::terminal::Terminal;
use crate::assets::Assets;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    story: StoryArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let plan = prepare(&args.story)?;
    let assets = Assets::locate()?;
    execute(&plan, &assets, &args.run, terminal)
}
