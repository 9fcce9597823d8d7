//! From the arguments to a plan: what every command that takes a scenario does first.

use super::exit::Failure;
use crate::assets::{Assets, KERNEL_KEY, NODE_KEY};
use crate::lock::catalogue::Catalogue;
use crate::plan::{Plan, expand};
use crate::scenario::load::load;
use crate::scenario::overrides::Overrides;
use crate::source::Source;
use std::path::Path;

/// Which scenario, and what is different about it.
#[derive(clap::Args)]
pub struct StoryArgs {
    /// A path, or a name among the scenarios (`lockstorm list scenarios`).
    #[arg(value_name = "NAME|PATH")]
    scenario: String,
    /// Try another lock (`lockstorm list locks`).
    #[arg(long, value_name = "NAME")]
    lock: Option<String>,
    /// The seed of everything that is drawn.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Set a key of the scenario, such as site.clients=5; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Loads, validates and expands. Bad input is reported before missing set-up.
pub fn prepare(args: &StoryArgs) -> Result<Plan, Failure> {
    let overrides = Overrides { lock: args.lock.clone(), set: args.set.clone() };
    let mut loaded = load(&args.scenario, &overrides)?;
    let catalogue = catalogue()?;
    let Some(profile) = catalogue.load(&loaded.scenario.lock.name) else {
        return Err(loaded.unknown_lock(catalogue.names()).into());
    };
    let profile = profile?;
    loaded.settle(&profile)?;
    Ok(expand(&loaded.scenario, args.seed, &profile, KERNEL_KEY, NODE_KEY))
}

/// The locks of the node image.
pub fn catalogue() -> Result<Catalogue, Failure> {
    let locks = Assets::locate_locks()?;
    let directory = locks.display().to_string();
    Catalogue::open(locks)
        .map_err(|error| Failure::Host(format!("failed to list {directory}: {error}")))
}

/// The plan of a saved run.
pub fn saved_plan(run: &Path) -> Result<Plan, Failure> {
    Ok(Plan::from_source(Source::read(&run.join("plan.yaml"))?)?)
}
