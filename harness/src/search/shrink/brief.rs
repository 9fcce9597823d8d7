//! A scenario in as few lines as say all of it: what it leaves out is the default.

use super::tree;
use crate::lock::profile::Profile;
use crate::scenario::Scenario;
use serde_yaml::Value;

/// The YAML tree of a scenario without what is the default. Its name is not in it: a file has one.
pub fn value(scenario: &Scenario, profile: &Profile) -> Value {
    let same = nameless(scenario, profile);
    let mut value = serde_yaml::to_value(&same).unwrap_or_default();
    for path in tree::keys(&value) {
        let shorter = tree::without(&value, &path);
        if let Some(shorter) = shorter.filter(|it| read(it, profile).as_ref() == Some(&same)) {
            value = shorter;
        }
    }
    value
}

fn nameless(scenario: &Scenario, profile: &Profile) -> Scenario {
    let mut same = Scenario { name: String::new(), known_bug: None, ..scenario.clone() };
    same.lock.fill_in(profile);
    same
}

/// The scenario that a tree means with the lock of this profile.
pub fn read(value: &Value, profile: &Profile) -> Option<Scenario> {
    let mut scenario: Scenario = serde_yaml::from_value(value.clone()).ok()?;
    scenario.lock.fill_in(profile);
    Some(scenario)
}

/// The text of its file.
pub fn text(scenario: &Scenario, profile: &Profile) -> String {
    serde_yaml::to_string(&value(scenario, profile)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{profile, scenario};
    use super::*;
    use crate::scenario::random::{BOUNDS, scenario as random};

    #[test]
    fn what_is_the_default_is_left_out() {
        let story = scenario("site: {clients: 3, wire: {latency: 5ms}, server: {lease: 30s}}\n");
        let text = text(&story, &profile());
        let site = "site:\n  wire:\n    latency: 5ms\n";
        assert_eq!(text, format!("{site}lock:\n  name: flufl.lock\nworkload:\n  cycles: {{}}\n"));
    }

    #[test]
    fn a_brief_text_means_the_same_scenario() {
        let profile = profile();
        for seed in 0..100 {
            let scenario = random(seed, &profile, &BOUNDS);
            let text = text(&scenario, &profile);
            let read = read(&serde_yaml::from_str(&text).unwrap(), &profile).unwrap();
            assert_eq!(read, nameless(&scenario, &profile));
        }
    }
}
