//! A plan as the scenario that it could have come from.

use crate::cli::exit::Failure;
use crate::kernel::Kernel;
use crate::lock::choice::Choice;
use crate::plan::{Lock, Plan};
use crate::scenario::load::load_source;
use crate::scenario::overrides::Overrides;
use crate::scenario::{Expect, Scenario};
use crate::search::shrink;
use crate::source::Source;
use lockstorm_reports::text::{clean, quoted};
use std::path::Path;

/// What the commands in the file call it.
const FILE: &str = "story.yaml";

/// The text of the file, with the command that makes the same run of it. Refused where the run
/// could not be made again from any scenario. `from` is what the user calls the plan.
pub fn text(plan: &Plan, from: &Path) -> Result<String, Failure> {
    let lock = Named::of(plan);
    let mut scenario = plan.scenario.clone();
    if let Named::InFile(name) = &lock {
        scenario.lock.name.clone_from(name);
    }
    let yaml = shrink::text(&scenario, &plan.profile);
    let text = format!("name: {}\n{yaml}", scenario.name);
    expect_same(plan, &lock, &text, from)?;
    Ok(format!("{}{text}", head(plan, &lock, from)))
}

/// How somebody names the lock.
#[derive(Debug, PartialEq)]
enum Named {
    /// In the file: one of the node image, or a release of one.
    InFile(String),
    /// On the command line: where it lay, the plan does not say.
    ByPath,
}

impl Named {
    fn of(plan: &Plan) -> Named {
        let Some(image) = &plan.lock_image else {
            return Named::InFile(plan.profile.name.clone());
        };
        match Choice::parse(&image.from) {
            Choice::Release { version, .. } if !version.contains('+') => {
                Named::InFile(image.from.clone())
            }
            _ => Named::ByPath,
        }
    }
}

/// Comments: what this is, and how it is run.
fn head(plan: &Plan, lock: &Named, from: &Path) -> String {
    let from = clean(&from.display().to_string());
    let mut head = format!("# {from}, as a scenario. The same run of it, with the same history:\n");
    head += &format!("# $ {}\n", command(plan, lock));
    if *lock == Named::ByPath {
        let label = clean(plan.lock_label());
        head += &format!("# where PROFILE is that of the lock {label}, as it was then.\n");
    }
    head
}

/// `lockstorm scenario`, with what the file does not say.
fn command(plan: &Plan, lock: &Named) -> String {
    let mut command = format!("lockstorm scenario {FILE}");
    if *lock == Named::ByPath {
        command += " --lock PROFILE";
        // Those of the file are for the lock that it names.
        let known = &plan.profile.options;
        let options = plan.scenario.lock.options.iter();
        for (name, value) in options.filter(|(name, value)| known.get(*name) != Some(value)) {
            command += &format!(" --set {}", quoted(&format!("lock.options.{name}={value}")));
        }
    }
    if plan.seed != 1 {
        command += &format!(" --seed {}", plan.seed);
    }
    command += &plan.kernels.options_to_fill_in();
    if plan.kernels.clients.as_ref().is_some_and(Kernel::is_host) {
        command += " --launch containers";
    }
    command
}

/// The text must mean what the plan says, whatever the plan has been through.
fn expect_same(plan: &Plan, lock: &Named, text: &str, from: &Path) -> Result<(), Failure> {
    let refused = |why: &str| {
        Failure::Argument(format!(
            "{from}: {why}, so no scenario gives the same run; `lockstorm replay {}` does",
            quoted(&from.display().to_string()),
            from = from.display()
        ))
    };
    let source = Source::from_bytes(FILE, text.as_bytes().to_vec())?;
    let overrides = match lock {
        Named::InFile(_) => Overrides::default(),
        Named::ByPath => Overrides {
            lock: Some(plan.profile.name.clone()),
            set: plan.scenario.lock.options.iter().map(option).collect(),
        },
    };
    let mut loaded = load_source(source, &overrides)?;
    loaded.complete(&plan.profile)?;
    let mut said = plan.scenario.clone();
    said.lock.fill_in(&plan.profile);
    if told(&loaded.scenario) != told(&said) {
        return Err(refused("its story is not told by what a scenario says"));
    }
    let lock = Lock { profile: &plan.profile, image: plan.lock_image.clone() };
    let parts = crate::plan::Parts {
        kernel_key: &plan.kernel_key,
        image_key: &plan.image_key,
        kernels: plan.kernels.clone(),
    };
    let again = crate::plan::expand(&loaded.scenario, plan.seed, lock, parts);
    let mut blueprint = again.blueprint;
    // The host's time, of a run on the real clock.
    blueprint.wall_start_s = plan.blueprint.wall_start_s;
    match blueprint == plan.blueprint && again.workload_seeds == plan.workload_seeds {
        true => Ok(()),
        false => Err(refused("something in it that a seed draws was edited")),
    }
}

fn option((name, value): (&String, &serde_json::Value)) -> String {
    format!("lock.options.{name}={value}")
}

/// What of a scenario makes the run.
fn told(scenario: &Scenario) -> Scenario {
    let mut told = Scenario { expect: Expect::default(), ..scenario.clone() };
    told.lock.name.clear();
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story;
    use crate::kernel::{self, Kernels};
    use crate::plan::{LockImage, Parts, expand};
    use crate::scenario::random::{BOUNDS, scenario as random};
    use crate::units::Nanos;

    fn plan_of(scenario: &Scenario, seed: u64) -> Plan {
        let plan = story::plan();
        let mut scenario = scenario.clone();
        scenario.lock.fill_in(&plan.profile);
        let scenario = &scenario;
        expand(scenario, seed, (&plan.profile).into(), Parts::ours(Kernels::default()))
    }

    fn exported(plan: &Plan) -> Result<String, Failure> {
        text(plan, Path::new("runs/a run"))
    }

    #[test]
    fn a_plan_is_told_as_a_scenario_with_the_command_that_runs_it() {
        let mut plan = plan_of(&story::plan().scenario, 7);
        insta::assert_snapshot!(exported(&plan).unwrap());
        plan.kernels.server = kernel::shipped().pop();
        plan.lock_image = Some(LockImage { key: "0".repeat(16), from: "flufl.lock@8.2.0".into() });
        let text = exported(&plan).unwrap();
        assert!(text.contains("--seed 7 --kernel server=7.2,clients=6.12\n"), "{text}");
        assert!(text.contains("name: flufl.lock@8.2.0\n"), "{text}");
        plan.lock_image = Some(LockImage { key: "0".repeat(16), from: "mylock+tree".into() });
        let text = exported(&plan).unwrap();
        assert!(text.contains("story.yaml --lock PROFILE --seed 7"), "{text}");
        assert!(text.contains("# where PROFILE is that of the lock mylock+tree"), "{text}");
    }

    #[test]
    fn the_scenario_of_any_plan_expands_to_that_plan_again() {
        let profile = story::plan().profile;
        for seed in 0..200 {
            let mut scenario = random(seed, &profile, &BOUNDS);
            scenario.lock.fill_in(&profile);
            let plan = plan_of(&scenario, seed);
            let text = exported(&plan).unwrap();
            let source = Source::from_bytes("any.yaml", text.clone().into_bytes()).unwrap();
            let mut loaded = load_source(source, &Overrides::default()).unwrap();
            loaded.complete(&profile).unwrap();
            assert_eq!(plan_of(&loaded.scenario, seed), plan, "{text}");
        }
    }

    #[test]
    fn what_no_scenario_can_say_is_refused() {
        let mut plan = plan_of(&story::plan().scenario, 7);
        plan.blueprint.nodes[1].power_on = Nanos(5);
        let said = exported(&plan).unwrap_err().to_string();
        insta::assert_snapshot!(said, @"runs/a run: something in it that a seed draws was edited, so no scenario gives the same run; `lockstorm replay 'runs/a run'` does");
    }
}
