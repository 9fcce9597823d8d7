//! The command that makes a run again.

use crate::plan::Plan;
use crate::scenario::load::load_source;
use crate::scenario::overrides::Overrides;
use crate::scenario::shipped;
use crate::source::Source;
use lockstorm_reports::text::scenario_command;

/// `lockstorm scenario ...`, if the plan is what a shipped scenario expands to with its lock, seed
/// and kernels alone; otherwise only `lockstorm replay` of the saved plan runs it again.
pub(super) fn command(plan: &Plan) -> Option<String> {
    let (name, lock) = (&plan.scenario.name, &plan.profile.name);
    let file = format!("{name}.yaml");
    let source = Source::from_bytes(&file, shipped::text(&file)?.into()).ok()?;
    let overrides = Overrides { lock: Some(lock.clone()), set: Vec::new() };
    let mut loaded = load_source(source, &overrides).ok()?;
    loaded.settle(&plan.profile).ok()?;
    if loaded.scenario != plan.scenario {
        return None;
    }
    let command = scenario_command(name, lock, plan.seed);
    match plan.kernels.are_default() {
        true => Some(command),
        false => Some(format!("{command} --kernel {}", plan.kernels.argument()?)),
    }
}
