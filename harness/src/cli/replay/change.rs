//! What is changed in a saved plan before it is run again.

use crate::assets::KERNEL_KEY;
use crate::cli::exit::Failure;
use crate::cli::kernels::KernelArgs;
use crate::cli::locks::{self, Found, catalogue};
use crate::kernel::{self, Kernels};
use crate::lock::choice::Choice;
use crate::plan::{Difference, Lock, Plan};
use crate::scenario::load::{Loaded, load_source};
use crate::scenario::overrides::Overrides;
use crate::source::Source;
use std::path::{Path, PathBuf};

/// So many changes are told; of another lock there are some.
const TOLD_MAX: usize = 12;
/// So much of each.
const CHARS_MAX: usize = 60;

#[derive(clap::Args)]
pub struct ChangeArgs {
    /// Set a key of the run's scenario, such as site.clients=5; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "until")]
    set: Vec<String>,
    /// Try another lock, or the same once more as it is now: a name (`lockstorm list locks`),
    /// another release as NAME@VERSION, or the path of your own lock's profile.yaml.
    #[arg(long, value_name = "LOCK", conflicts_with = "until")]
    lock: Option<String>,
    /// Test this tree of the lock's sources in place of a release.
    #[arg(long, value_name = "DIR", requires = "lock")]
    with: Option<PathBuf>,
    #[command(flatten)]
    kernel: KernelArgs,
}

impl ChangeArgs {
    /// Something is to be changed.
    pub fn are_any(&self) -> bool {
        !self.set.is_empty() || self.lock.is_some() || self.kernel.are_any()
    }

    /// The kernels that take the place of the run's.
    pub fn kernels_choice(&self) -> Option<&kernel::Choice> {
        self.kernel.choice()
    }

    /// The plan with these changes, and with nothing else changed. `name` is what messages call
    /// its scenario.
    pub fn apply(&self, plan: &Plan, name: &str) -> Result<Plan, Failure> {
        let choice = self.lock.as_deref().map(Choice::parse);
        let found = choice.map(|choice| self.found(&choice)).transpose()?;
        let overrides = Overrides {
            lock: found.as_ref().map(|found| found.profile.name.clone()),
            set: self.set.clone(),
        };
        let mut loaded = load_source(scenario_of(plan, name)?, &overrides)?;
        let found = match found {
            None if loaded.scenario.lock.name != plan.scenario.lock.name => Some(set(&loaded)?),
            found => found,
        };
        let profile = found.as_ref().map_or(&plan.profile, |found| &found.profile);
        loaded.complete(profile)?;
        let image = match &found {
            Some(found) => found.image()?,
            None => plan.lock_image.clone(),
        };
        let mut plan = plan.clone();
        let kernels = self.kernels(&mut plan)?;
        Ok(plan.changed(&loaded.scenario, Lock { profile, image }, kernels))
    }

    fn found(&self, choice: &Choice) -> Result<Found, Failure> {
        let with = self.with.as_deref();
        if let Choice::Own(file) = choice {
            return locks::own(file, with);
        }
        let catalogue = catalogue()?;
        let name = choice.shipped_name().unwrap_or_default();
        locks::shipped(&catalogue, choice, with)?.ok_or_else(|| locks::unknown(&catalogue, name))
    }

    /// Its kernels, changed. A default kernel that is asked for by name is ours, whatever the plan
    /// was made with.
    fn kernels(&self, plan: &mut Plan) -> Result<Kernels, Failure> {
        let is_both = |choice: &kernel::Choice| choice.server.is_some() && choice.clients.is_some();
        if self.kernel.choice().is_some_and(is_both) {
            plan.kernel_key = KERNEL_KEY.into();
        }
        self.kernel.changed(&plan.kernels)
    }
}

/// The scenario of a plan, as a file that could be read.
fn scenario_of(plan: &Plan, name: &str) -> Result<Source, Failure> {
    let text = serde_yaml::to_string(&plan.scenario)
        .map_err(|error| Failure::Internal(format!("the scenario is no YAML: {error}")))?;
    Ok(Source::from_bytes(name, text.into_bytes())?)
}

/// The lock that `--set lock.name=...` names.
fn set(loaded: &Loaded) -> Result<Found, Failure> {
    let catalogue = catalogue()?;
    let choice = Choice::parse(&loaded.scenario.lock.name);
    Ok(locks::shipped(&catalogue, &choice, None)?
        .ok_or_else(|| loaded.unknown_lock(catalogue.names()))?)
}

/// The scenario of a saved run, for messages.
pub fn scenario_name(run: &Path) -> String {
    format!("{}, scenario", run.join("plan.yaml").display())
}

/// What was changed, one line each.
pub fn words(changes: &[Difference]) -> String {
    if changes.is_empty() {
        return "Changed\n  nothing: the plan says so already".into();
    }
    let told = &changes[..changes.len().min(TOLD_MAX)];
    let width = told.iter().map(|change| change.key.chars().count()).max().unwrap_or(0);
    let line = |change: &Difference| {
        let (before, after) = (shown(&change.before), shown(&change.after));
        format!("\n  {:width$}  {before} -> {after}", shown(&change.key))
    };
    let mut words = format!("Changed{}", told.iter().map(line).collect::<String>());
    if changes.len() > told.len() {
        words += &format!("\n  and {} more, in plan.yaml", changes.len() - told.len());
    }
    words
}

/// On one line, however much it is.
fn shown(text: &str) -> String {
    let text = lockstorm_reports::text::clean(text);
    match text.chars().count() > CHARS_MAX {
        true => text.chars().take(CHARS_MAX).chain("...".chars()).collect(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story;
    use crate::kernel::Kernel;
    use crate::plan::differences;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        change: ChangeArgs,
        // What `replay` has beside them.
        #[arg(long)]
        until: Option<String>,
    }

    /// A plan as it is saved: nothing of its lock is left open.
    fn plan() -> Plan {
        let mut plan = story::plan();
        plan.scenario.lock.fill_in(&plan.profile);
        plan
    }

    fn change(arguments: &[&str]) -> ChangeArgs {
        Line::try_parse_from([&["replay"], arguments].concat()).unwrap().change
    }

    fn changed(plan: &Plan, arguments: &[&str]) -> Result<Plan, Failure> {
        change(arguments).apply(plan, "run/plan.yaml, scenario")
    }

    #[test]
    fn keys_are_set_as_in_a_scenario_and_told() {
        let plan = plan();
        let set =
            ["--set", "site.clients=4", "--set", "site.nfs.version=4.1", "--kernel", "clients=7.2"];
        let found = changed(&plan, &set).unwrap();
        insta::assert_snapshot!(words(&differences(&plan, &found)), @r"
        Changed
          kernel            6.12 -> server=6.12,clients=7.2
          site.clients      3 -> 4
          site.nfs.version  4.2 -> 4.1
        ");
        assert_eq!(found.blueprint.nodes.len(), 5);
        let same = changed(&plan, &["--set", "site.clients=3"]).unwrap();
        assert_eq!(same.scenario, plan.scenario);
        assert!(words(&differences(&plan, &same)).contains("nothing: the plan says so already"));
    }

    #[test]
    fn what_cannot_be_set_is_told_as_the_argument_that_it_is() {
        let said = |set: &str| changed(&plan(), &["--set", set]).unwrap_err().to_string();
        insta::assert_snapshot!(said("site.clients=17"));
        insta::assert_snapshot!(said("site.client=2"));
        insta::assert_snapshot!(said("lock.lifetime=100ms"));
    }

    #[test]
    fn a_kernel_of_one_role_leaves_the_other_its_own() {
        let mut plan = plan();
        plan.kernels.server = Some(Kernel::own("linux", "0".repeat(16)));
        let server = plan.kernels.server.clone();
        let kernels = |arguments: &[&str]| changed(&plan, arguments).unwrap().kernels;
        let own = Kernels { server, ..Kernels::default() };
        assert_eq!(kernels(&["--kernel", "clients=6.12"]), own);
        assert_eq!(kernels(&["--kernel", "6.12"]), Kernels::default());
    }

    #[test]
    fn a_default_kernel_that_is_named_is_ours() {
        let key = |kernel: &str| changed(&plan(), &["--kernel", kernel]).unwrap().kernel_key;
        assert_eq!(key("6.12"), KERNEL_KEY);
        assert_eq!(key("server=6.12"), "kernel");
    }

    #[test]
    fn many_changes_and_long_ones_are_cut_short() {
        let change = |index: usize| Difference {
            key: format!("faults[{index}]"),
            before: "x".repeat(1000),
            after: "y\x1b[2J\n".into(),
        };
        let words = words(&(0..50).map(change).collect::<Vec<_>>());
        assert_eq!(words.lines().count(), 1 + TOLD_MAX + 1);
        assert!(words.ends_with("and 38 more, in plan.yaml") && !words.contains('\x1b'), "{words}");
        assert!(words.lines().all(|line| line.chars().count() < 150), "{words}");
    }
}
