//! `lockstorm schema`: print the JSON Schema of what people write.

use super::exit::{Exit, Failure};
use super::gate::Baseline;
use super::terminal::Terminal;

#[derive(clap::Args)]
pub struct Args {
    /// Of which files.
    #[arg(value_enum, default_value = "scenario")]
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Scenarios.
    Scenario,
    /// Baselines of `lockstorm gate`.
    Baseline,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    terminal.print(&match args.what {
        What::Scenario => crate::scenario::schema::text(),
        What::Baseline => Baseline::schema(),
    })?;
    Ok(Exit::Valid)
}
