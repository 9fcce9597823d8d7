//! The command that makes a run again.

use crate::kernel::Kernel;
use crate::lock::choice::Choice;
use crate::plan::Plan;
use crate::scenario::load::load_source;
use crate::scenario::overrides::Overrides;
use crate::scenario::{Scenario, shipped};
use crate::site::clock::Clock;
use crate::source::Source;
use lockstorm_reports::text::{quoted, scenario_command};

/// `lockstorm scenario ...`, if the plan is what a shipped scenario expands to with its lock, seed,
/// clock and kernels alone, and the lock can be named; otherwise only `lockstorm replay` of the
/// saved plan runs it again.
pub(super) fn command(plan: &Plan) -> Option<String> {
    let (name, lock) = (&plan.scenario.name, &plan.profile.name);
    if !can_be_named(plan) {
        return None;
    }
    // With its own lock a story is told as it is; named with `--lock`, as for any other one.
    let mut command = if told(plan, None).as_ref() == Some(&plan.scenario) && is_shipped(plan) {
        format!("lockstorm scenario {} --seed {}", quoted(name), plan.seed)
    } else if told(plan, Some(lock)).as_ref() == Some(&plan.scenario) {
        scenario_command(name, plan.lock_label(), plan.seed)
    } else {
        return None;
    };
    if plan.scenario.site.clock == Clock::Real {
        command += " --clock real";
    }
    command += &plan.kernels.options()?;
    if plan.kernels.clients.as_ref().is_some_and(Kernel::is_host) {
        command += " --launch containers";
    }
    Some(command)
}

/// The lock is one of the node image.
fn is_shipped(plan: &Plan) -> bool {
    plan.lock_image.is_none()
}

/// A lock of the node image, or a release of one, has a name that means it anywhere. Where a
/// profile or a tree of somebody's own was, the plan does not know.
fn can_be_named(plan: &Plan) -> bool {
    let Some(image) = &plan.lock_image else {
        return true;
    };
    matches!(Choice::parse(&image.from), Choice::Release { version, .. } if !version.contains('+'))
}

/// The shipped scenario of the plan's name, told with a lock and by the plan's clock.
fn told(plan: &Plan, lock: Option<&str>) -> Option<Scenario> {
    let file = format!("{}.yaml", plan.scenario.name);
    let source = Source::from_bytes(&file, shipped::text(&file)?.into()).ok()?;
    let overrides = Overrides { lock: lock.map(str::to_owned), set: Vec::new() };
    let mut loaded = load_source(source, &overrides).ok()?;
    if loaded.scenario.lock.name != plan.profile.name {
        return None;
    }
    loaded.complete(&plan.profile).ok()?;
    loaded.scenario.site.clock = plan.scenario.site.clock;
    Some(loaded.scenario)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{self, Kernels};
    use crate::lock::catalogue::Catalogue;
    use crate::plan::{Parts, expand};

    /// The plan of `lockstorm scenario calm`, with or without `--lock`.
    fn calm(lock: Option<&str>) -> Plan {
        let locks = concat!(env!("CARGO_MANIFEST_DIR"), "/../containers/locks");
        let catalogue = Catalogue::open(locks.into()).unwrap();
        let source = Source::from_bytes("calm.yaml", shipped::text("calm.yaml").unwrap().into());
        let overrides = Overrides { lock: lock.map(str::to_owned), set: Vec::new() };
        let mut loaded = load_source(source.unwrap(), &overrides).unwrap();
        let profile = catalogue.load(&loaded.scenario.lock.name).unwrap().unwrap();
        loaded.complete(&profile).unwrap();
        expand(&loaded.scenario, 7, (&profile).into(), Parts::ours(Kernels::default()))
    }

    #[test]
    fn a_run_is_made_again_by_the_command_that_made_it() {
        let told = |plan: &Plan| command(plan).unwrap_or_default();
        assert_eq!(told(&calm(None)), "lockstorm scenario calm --seed 7");
        let with_lock = "lockstorm scenario calm --lock flufl.lock --seed 7";
        assert_eq!(told(&calm(Some("flufl.lock"))), with_lock);
        let other = calm(Some("good-lifetime"));
        assert_eq!(told(&other), "lockstorm scenario calm --lock good-lifetime --seed 7");

        let mut plan = calm(None);
        plan.kernels.server = kernel::shipped().pop();
        let with_kernels = "lockstorm scenario calm --seed 7 --kernel server=7.2,clients=6.12";
        assert_eq!(told(&plan), with_kernels);
        plan.kernels.clients = plan.kernels.server.clone();
        assert_eq!(told(&plan), "lockstorm scenario calm --seed 7 --kernel 7.2");
        plan.kernels.clients = Some(Kernel::own("linux", "0".repeat(16)));
        assert_eq!(told(&plan), "", "where the file is, the plan does not know");
        plan.kernels = Kernels::default();
        plan.kernels.clients = Some(Kernel::host("6.1.0", "#1"));
        let on_host = "lockstorm scenario calm --seed 7 --kernel server=6.12,clients=host --launch containers";
        assert_eq!(told(&plan), on_host);
    }

    #[test]
    fn a_story_that_was_changed_needs_its_plan() {
        let mut plan = calm(None);
        plan.scenario.site.clients += 1;
        assert_eq!(command(&plan), None);
    }
}
