//! `lockstorm recheck DIR`: judge a saved run again, without running anything.

use super::exit::{Exit, Failure};
use super::prepare::saved_plan;
use super::runner::{exit, print};
use super::terminal::Terminal;
use crate::verdict::recheck;
use lockstorm_reports::format::{self, Format};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run, with its plan.yaml and history.jsonl.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print the report as text, html, markdown, junit, tap, github or json.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format::named)]
    format: &'static Format,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    // A plan that is wrong is told with its line.
    saved_plan(&args.directory)?;
    let report = recheck(&args.directory)?;
    print(&report, &args.directory, args.format, terminal)?;
    Ok(exit(&report))
}
