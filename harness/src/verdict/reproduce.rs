//! The command that makes a run again.

use crate::lock::choice::Choice;
use crate::plan::Plan;
use crate::scenario::load::load_source;
use crate::scenario::overrides::Overrides;
use crate::scenario::shipped;
use crate::site::clock::Clock;
use crate::source::Source;
use lockstorm_reports::text::scenario_command;

/// `lockstorm scenario ...`, if the plan is what a shipped scenario expands to with its lock, seed
/// and clock alone, and the lock can be named; otherwise only `lockstorm replay` of the saved plan
/// runs it again.
pub(super) fn command(plan: &Plan) -> Option<String> {
    let (name, lock) = (&plan.scenario.name, &plan.profile.name);
    if !can_be_named(plan) {
        return None;
    }
    let file = format!("{name}.yaml");
    let source = Source::from_bytes(&file, shipped::text(&file)?.into()).ok()?;
    let overrides = Overrides { lock: Some(lock.clone()), set: Vec::new() };
    let mut loaded = load_source(source, &overrides).ok()?;
    loaded.settle(&plan.profile).ok()?;
    loaded.scenario.site.clock = plan.scenario.site.clock;
    let clock = match plan.scenario.site.clock {
        Clock::Virtual => "",
        Clock::Real => " --clock real",
    };
    let command = || scenario_command(name, plan.lock_label(), plan.seed) + clock;
    (loaded.scenario == plan.scenario).then(command)
}

/// A lock of the node image, or a release of one, has a name that means it anywhere. Where a profile
/// or a tree of somebody's own was, the plan does not know.
fn can_be_named(plan: &Plan) -> bool {
    let Some(image) = &plan.lock_image else {
        return true;
    };
    matches!(Choice::parse(&image.from), Choice::Release { version, .. } if !version.contains('+'))
}
