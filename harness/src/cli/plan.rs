//! `lockstorm plan NAME`: print the plan that a scenario expands to.

use super::exit::{Exit, Failure};
use super::prepare::{StoryArgs, prepare};
use super::terminal::Terminal;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    story: StoryArgs,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let plan = prepare(&args.story)?;
    let text = plan.to_yaml().map_err(|e| Failure::Internal(e.to_string()))?;
    terminal.print(&text)?;
    Ok(Exit::Valid)
}
