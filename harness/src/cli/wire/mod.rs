//! `lockstorm wire DIR`: the NFS calls of a saved run, and what the lock was doing at each.

mod select;
mod table;

use super::directory::{host, named};
use super::exit::{Exit, Failure};
use super::prepare::saved_plan;
use super::terminal::Terminal;
use crate::check::names;
use crate::history::reader;
use crate::plan::Plan;
use crate::rpc::capture::{self, Call, CaptureError, Captured};
use crate::units::Nanos;
use crate::verdict::RecheckError;
use crate::verdict::activity::Activities;
use crate::verdict::recheck::{CALLS, CAPTURE, HISTORY};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Prints the calls that went over the wire, from the run's packets: when, who, which operations,
/// on which file, how they ended, how long they took, and what the lock was doing then.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run, with its wire.pcapng.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Only calls from this node or to it.
    #[arg(long, value_name = "NODE")]
    client: Option<String>,
    /// Only calls about files whose names match, such as '*.lck'; * and ? stand for any
    /// characters. With a slash, the whole path has to match.
    #[arg(long, value_name = "GLOB")]
    path: Option<String>,
    /// Only calls with this operation, such as LINK.
    #[arg(long, value_name = "NAME")]
    op: Option<String>,
    /// Only calls around this time of the run, such as 12.3s.
    #[arg(long, value_name = "TIME")]
    around: Option<Nanos>,
    /// How far around.
    #[arg(long, value_name = "TIME", default_value = "500ms", requires = "around")]
    within: Nanos,
    /// Each operation in a line of its own, with its arguments and results.
    #[arg(long)]
    verbose: bool,
    /// Write all calls into calls.jsonl beside the history, too.
    #[arg(long)]
    jsonl: bool,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let plan = saved_plan(&args.directory)?;
    let select = select::Select::new(args, &plan)?;
    let captured = read(&args.directory, &plan)?;
    let history = reader::read(&args.directory.join(HISTORY)).map_err(RecheckError::from)?;
    let activities = Activities::of(&history.events);
    if args.jsonl {
        let path = args.directory.join(CALLS);
        write(&path, &captured.calls).map_err(host(&path))?;
        terminal.note(&format!("{}: {} calls", path.display(), captured.calls.len()));
    }
    let chosen: Vec<&Call> = captured.calls.iter().filter(|call| select.takes(call)).collect();
    let server = names::server(&plan);
    terminal.print(&table::render(&chosen, server, &activities, args.verbose))?;
    terminal.note(&format!("{} of {} calls", chosen.len(), captured.calls.len()));
    if captured.is_cut {
        let path = args.directory.join(CAPTURE);
        terminal.note(&format!(
            "{}: it ends in the middle of a frame: the run was killed before it could end, or its \
             disk was full",
            path.display()
        ));
    }
    Ok(Exit::Valid)
}

/// The calls in a run's capture.
fn read(directory: &Path, plan: &Plan) -> Result<Captured, Failure> {
    let path = directory.join(CAPTURE);
    let wall_start = Duration::from_secs(plan.blueprint.wall_start_s);
    capture::calls(&path, wall_start).map_err(|error| match error {
        CaptureError::Io(error) if error.kind() == ErrorKind::NotFound => {
            let (path, directory) = (path.display(), directory.display());
            Failure::Argument(format!(
                "{path}: there is no capture; of the valid runs of a matrix or a gate it is not \
                 kept. `lockstorm replay {directory}` makes the run again, with its capture"
            ))
        }
        CaptureError::Io(error) => named(&path)(error),
        CaptureError::Format(why) => Failure::Argument(format!("{}: {why}", path.display())),
    })
}

fn write(path: &Path, calls: &[Call]) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 16, File::create(path)?);
    for call in calls {
        serde_json::to_writer(&mut file, call)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
