//! `lockstorm recheck DIR`: judge a saved run again, without running anything.

use super::exit::{Exit, Failure};
use super::prepare::saved_plan;
use super::terminal::Terminal;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run, with its plan.yaml and history.jsonl.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub fn run(args: &Args, _terminal: &Terminal) -> Result<Exit, Failure> {
    let _plan = saved_plan(&args.directory)?;
    // CALL SITE: read history.jsonl, run the checkers, print the verdict.
    Err(Failure::Internal(
        "the checkers are not joined to the command line yet".into(),
    ))
}
