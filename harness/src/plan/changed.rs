//! A plan with one thing changed, and what sets two plans apart.

use super::{Lock, Parts, Plan, expand};
use crate::kernel::Kernels;
use crate::scenario::Scenario;
use serde_json::Value;

impl Plan {
    /// This plan with another scenario, lock or kernels. What was drawn for its machines stays as
    /// it is, also where somebody has edited it: else more would change than what was asked for.
    pub fn changed(&self, scenario: &Scenario, lock: Lock, kernels: Kernels) -> Plan {
        let Plan { kernel_key, image_key, .. } = self;
        let parts = Parts { kernel_key, image_key, kernels };
        let mut changed = expand(scenario, self.seed, lock, parts);
        changed.blueprint.wall_start_s = self.blueprint.wall_start_s;
        changed.blueprint.wire.seed = self.blueprint.wire.seed;
        for (node, before) in changed.blueprint.nodes.iter_mut().zip(&self.blueprint.nodes) {
            node.power_on = before.power_on;
            node.pids_used = before.pids_used;
            node.mac.clone_from(&before.mac);
            node.ip = before.ip;
            node.seed = before.seed;
        }
        for (client, seed) in &mut changed.workload_seeds {
            *seed = self.workload_seeds.get(client).copied().unwrap_or(*seed);
        }
        changed
    }
}

/// Something that two plans have differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `site.clients`, as `--set` has it; or `lock`, or `kernel`.
    pub key: String,
    pub before: String,
    pub after: String,
}

/// What is not there.
const NOTHING: &str = "not set";

/// What sets a plan apart from another: its lock, its kernels, and the keys of its scenario.
pub fn differences(before: &Plan, after: &Plan) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |key: &str, before: String, after: String| {
        if before != after {
            found.push(Difference { key: key.to_owned(), before, after });
        }
    };
    add("lock", lock(before), lock(after));
    add("kernel", before.kernels.to_string(), after.kernels.to_string());
    // Of one version, but another build.
    let keys = |plan: &Plan| {
        let Kernels { server, clients, .. } = &plan.kernels;
        serde_json::to_string(&[server, clients]).unwrap_or_default()
    };
    if before.kernels.to_string() == after.kernels.to_string() {
        add("kernel", keys(before), keys(after));
    }
    let arguments = |plan: &Plan| match plan.kernels.arguments.is_empty() {
        true => NOTHING.into(),
        false => plan.kernels.arguments.join(" "),
    };
    add("kernel's arguments", arguments(before), arguments(after));
    let value = |plan: &Plan| serde_json::to_value(&plan.scenario).unwrap_or_default();
    walk("", Some(&value(before)), Some(&value(after)), &mut |key, before, after| {
        // It is told above.
        if key != "lock.name" {
            add(key, words(before), words(after));
        }
    });
    found
}

/// A lock, with what tells it from others that are called the same.
fn lock(plan: &Plan) -> String {
    match &plan.lock_image {
        Some(image) => format!("{} ({})", image.from, image.key),
        None => plan.profile.name.clone(),
    }
}

/// Tells each place that differs, as deep inside as can be.
fn walk(
    key: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    tell: &mut impl FnMut(&str, Option<&Value>, Option<&Value>),
) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(one)), Some(Value::Object(two))) => {
            let new = two.keys().filter(|name| !one.contains_key(*name));
            for name in one.keys().chain(new) {
                let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                walk(&below, one.get(name), two.get(name), tell);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(two))) => {
            for index in 0..one.len().max(two.len()) {
                walk(&format!("{key}[{index}]"), one.get(index), two.get(index), tell);
            }
        }
        (before, after) => tell(key, before, after),
    }
}

fn words(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => NOTHING.into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story;
    use crate::kernel::Kernel;
    use crate::plan::LockImage;
    use crate::units::Nanos;

    fn plan() -> Plan {
        let plan = story::plan();
        let lock = Lock::from(&plan.profile);
        let parts = Parts { kernel_key: "k", image_key: "i", kernels: Kernels::default() };
        expand(&plan.scenario, 7, lock, parts)
    }

    fn again(plan: &Plan, scenario: &Scenario) -> Plan {
        plan.changed(scenario, Lock::from(&plan.profile), plan.kernels.clone())
    }

    #[test]
    fn a_plan_in_which_nothing_is_changed_is_the_same_even_if_somebody_has_edited_it() {
        let mut plan = plan();
        assert_eq!(again(&plan, &plan.scenario), plan);
        plan.blueprint.nodes[1].power_on = Nanos(5);
        plan.blueprint.nodes[2].seed = 9;
        plan.workload_seeds.insert("c1".into(), 3);
        assert_eq!(again(&plan, &plan.scenario), plan);
        assert_eq!(differences(&plan, &plan), []);
    }

    #[test]
    fn what_is_set_is_all_that_changes() {
        let plan = plan();
        let mut scenario = plan.scenario.clone();
        scenario.site.clients += 1;
        scenario.site.nfs.options.push("noac".into());
        let changed = again(&plan, &scenario);
        let told = differences(&plan, &changed);
        let told = told.iter().map(|d| format!("{}: {} -> {}\n", d.key, d.before, d.after));
        insta::assert_snapshot!(told.collect::<String>(), @r"
        site.clients: 3 -> 4
        site.nfs.options[0]: not set -> noac
        ");
        let shared = plan.blueprint.nodes.len();
        assert_eq!(changed.blueprint.nodes[..shared], plan.blueprint.nodes);
    }

    #[test]
    fn another_build_of_a_lock_or_a_kernel_is_told_though_it_is_called_the_same() {
        let image = |key: &str| Some(LockImage { key: key.into(), from: "mylock".into() });
        let kernels = |key: &str| {
            let server = Some(Kernel::own("linux", key.into()));
            Kernels { server, ..Kernels::default() }
        };
        let before = Plan { lock_image: image("1"), kernels: kernels("1"), ..plan() };
        let after = Plan { lock_image: image("2"), kernels: kernels("2"), ..plan() };
        let told = differences(&before, &after);
        assert_eq!(told.iter().map(|d| d.key.as_str()).collect::<Vec<_>>(), ["lock", "kernel"]);
        assert_eq!((told[0].before.as_str(), told[0].after.as_str()), ("mylock (1)", "mylock (2)"));
    }
}
