//! Scenarios for tests.

use crate::lock::profile::Profile;
use crate::scenario::Scenario;

/// A lock with a lifetime.
pub fn profile() -> Profile {
    crate::check::tests::story::plan().profile
}

/// A scenario of which only this is not the default.
pub fn scenario(text: &str) -> Scenario {
    let workload = if text.contains("workload:") { "" } else { "workload: {cycles: {}}\n" };
    let text = format!("name: story\nlock: {{name: flufl.lock}}\n{workload}{text}");
    let mut scenario: Scenario = serde_yaml::from_str(&text).unwrap();
    scenario.lock.fill_in(&profile());
    scenario
}
