//! `lockstorm scenario NAME`: the main job.

use super::engine::execute;
use super::exit::{Exit, Failure};
use super::prepare::{StoryArgs, prepare};
use super::terminal::Terminal;
use crate::assets::Assets;
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
    /// End the run as unknown when a node computes for this many seconds of wall time without a pause.
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
