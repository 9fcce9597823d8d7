//! `lockstorm replay DIR`: run a saved plan again, to the same history.

use super::engine::{RunArgs, execute};
use super::exit::{Exit, Failure};
use super::prepare::saved_plan;
use super::terminal::Terminal;
use crate::assets::{KERNEL_KEY, NODE_KEY};
use crate::kernel::Kernels;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run, with its plan.yaml.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let plan = saved_plan(&args.directory)?;
    // Other kernels than the default one are found by their keys.
    let Kernels { server, clients } = &plan.kernels;
    let needs_default = server.is_none() || clients.is_none();
    for (part, planned, ours, is_needed) in [
        ("kernel", &plan.kernel_key, KERNEL_KEY, needs_default),
        ("node image", &plan.image_key, NODE_KEY, true),
    ] {
        if planned != ours && is_needed {
            // Another kernel is another history: better none than one that only looks alike.
            return Err(Failure::SetUpMissing(format!(
                "the plan was made for the {part} {planned}, this lockstorm has {ours}; \
                 check out the version that made it, and run `ci/setup` there"
            )));
        }
    }
    execute(&plan, &args.run, terminal)
}
