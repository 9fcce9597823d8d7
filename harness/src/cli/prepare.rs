//! From the arguments to a plan: what every command that takes a scenario does first.

use super::exit::Failure;
use super::kernels::KernelArgs;
use super::locks::{self, catalogue};
use crate::lock::choice::Choice;
use crate::plan::{Lock, Parts, Plan, expand};
use crate::scenario::load::load;
use crate::scenario::overrides::Overrides;
use crate::source::Source;
use std::path::{Path, PathBuf};

/// Which scenario, and what is different about it.
#[derive(clap::Args)]
pub struct StoryArgs {
    /// A path, or a name among the scenarios (`lockstorm list scenarios`).
    #[arg(value_name = "NAME|PATH")]
    pub scenario: String,
    /// Try another lock: a name (`lockstorm list locks`), another release as NAME@VERSION, or the
    /// path of your own lock's profile.yaml.
    #[arg(long, value_name = "LOCK")]
    pub lock: Option<String>,
    /// Test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR")]
    pub with: Option<PathBuf>,
    /// The seed of everything that is drawn; 1 when left out.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Let the site live by this clock; `real` is slower, not repeatable, and truly parallel.
    #[arg(long, value_name = "CLOCK", value_parser = ["virtual", "real"])]
    pub clock: Option<String>,
    /// Set a key of the scenario, such as site.clients=5; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub kernel: KernelArgs,
}

impl StoryArgs {
    /// The first option that changes the story, as its user knows it.
    pub fn first_change(&self) -> Option<&'static str> {
        let given = [
            ("--lock", self.lock.is_some()),
            ("--with", self.with.is_some()),
            ("--seed", self.seed.is_some()),
            ("--clock", self.clock.is_some()),
            ("--set", !self.set.is_empty()),
            ("--kernel", self.kernel.choice().is_some()),
            ("--kernel-args", self.kernel.are_any()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
    }
}

/// Loads, validates and expands. Bad input is reported before missing set-up, and nothing is
/// brought before all that is known to be good.
pub fn prepare(args: &StoryArgs) -> Result<Plan, Failure> {
    let choice = args.lock.as_deref().map(Choice::parse);
    let with = args.with.as_deref();
    let own = match &choice {
        Some(Choice::Own(file)) => Some(locks::own(file, with)?),
        _ => None,
    };
    let name = match &own {
        Some(own) => Some(own.profile.name.clone()),
        None => choice.as_ref().and_then(Choice::shipped_name).map(str::to_owned),
    };
    let clock = args.clock.iter().map(|clock| format!("site.clock={clock}"));
    let set = clock.chain(args.set.iter().cloned()).collect();
    let mut loaded = load(&args.scenario, &Overrides { lock: name, set })?;
    let found = match own {
        Some(own) => own,
        None => {
            let catalogue = catalogue()?;
            let choice = choice.unwrap_or_else(|| Choice::parse(&loaded.scenario.lock.name));
            locks::shipped(&catalogue, &choice, with)?
                .ok_or_else(|| loaded.unknown_lock(catalogue.names()))?
        }
    };
    loaded.complete(&found.profile)?;
    let lock = Lock { profile: &found.profile, image: found.image()? };
    let kernels = args.kernel.choose()?;
    Ok(expand(&loaded.scenario, args.seed.unwrap_or(1), lock, Parts::ours(kernels)))
}

/// The plan of a saved run.
pub fn saved_plan(run: &Path) -> Result<Plan, Failure> {
    Ok(Plan::from_source(Source::read(&run.join("plan.yaml"))?)?)
}
