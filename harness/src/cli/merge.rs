//! `lockstorm merge DIR... --out DIR`: the result sets of several shards become one.

use super::batch::SetDirectory;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use lockstorm_reports::format::{self, Options, Subject};
use lockstorm_reports::set;
use std::path::PathBuf;

/// Puts result sets together that were made by the same lockstorm of the same locks and scenarios,
/// as `gate --shard` makes them.
///
/// The runs' own files stay where they are.
#[derive(clap::Args)]
pub struct Args {
    /// The directories of the parts.
    #[arg(value_name = "DIR", required = true)]
    parts: Vec<PathBuf>,
    /// Where the whole goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let whole = SetDirectory::beside(&args.out, &args.parts[0])?;
    let mut made = whole.made()?;
    for part in &args.parts {
        whole.expect_same(part)?;
        for mut run in set::read(part).map_err(Failure::Host)?.runs {
            if !made.insert((run.lock.clone(), run.scenario.clone(), run.seed)) {
                continue;
            }
            // What links to the run's files is read from the whole's directory.
            let directory = run.directory.take().map(|directory| part.join(directory));
            run.directory = directory.and_then(|path| {
                let path = std::path::absolute(path).ok()?;
                Some(path.to_string_lossy().into_owned())
            });
            whole.append(&run)?;
        }
    }
    let whole = whole.read()?;
    let options = Options {
        colour: terminal.colour(),
        columns: Some(terminal.columns()),
        ..Options::default()
    };
    let text = format::named("text").map_err(Failure::Internal)?;
    terminal.print(&(text.render)(Subject::Set(&whole), options))?;
    Ok(Exit::Valid)
}
