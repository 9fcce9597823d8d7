//! `lockstorm compare BASE NEW`: what changed between two result sets.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use lockstorm_reports::Comparison;
use lockstorm_reports::format::{self, Format, Options, Subject};
use lockstorm_reports::set;
use std::path::PathBuf;

/// Compares two result sets, such as those of `matrix`: what is fixed, what is broken, what fails
/// more or less often, what is slower.
///
/// Exit code 1: something is worse than it was.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of the result set before.
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// The directory of the one after.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Print it in this format: text, html, markdown, junit, tap, github or json.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format::named)]
    format: &'static Format,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let [base, new] = [&args.base, &args.new].map(|path| path.display().to_string());
    let comparison = Comparison::between(
        (&set::read(&args.base)?, Some(&base)),
        (&set::read(&args.new)?, Some(&new)),
    );
    let options = Options {
        colour: terminal.colour(),
        columns: Some(terminal.columns()),
        ..Options::default()
    };
    terminal.print(&(args.format.render)(Subject::Comparison(&comparison), options))?;
    Ok(match comparison.regressions().next() {
        Some(_) => Exit::Violated,
        None => Exit::Valid,
    })
}
