//! Whether a plan that was read back makes sense, whoever has edited it.

use super::{Plan, expand};
use crate::kernel::{Kernels, arguments};
use crate::lock::profile::MEMORY_MIB;
use crate::name::{RULE, is_name};
use crate::scenario::validate;
use crate::site::ClientId;
use crate::site::blueprint::{Blueprint, NodeBlueprint, Role};
use crate::source::{KeyPath, Problem};
use crate::units::{SECOND, is_key};

/// Until the year 2242: in nanoseconds it still leaves room for the longest run.
const WALL_START_S_MAX: u64 = 1 << 33;

/// In nanoseconds; it is a part of what the site has for becoming ready.
const POWER_ON_MAX: u64 = 60 * SECOND;
const NO_KEY: &str = "this is no key; expected 16 hexadecimal digits";
/// Each costs a thread.
const PIDS_USED_MAX: u32 = 10_000;

/// Everything that the types cannot say.
pub fn problems(plan: &Plan) -> Vec<Problem> {
    let mut problems = validate::scenario(&plan.scenario);
    problems.extend(validate::against_profile(&plan.scenario, &plan.profile));
    for problem in &mut problems {
        let inner = std::mem::take(&mut problem.path);
        problem.path = KeyPath::keys("scenario");
        problem.path.0.extend(inner.0);
    }
    let scenario_is_sound = problems.is_empty();
    let mut add = |key: &str, message: &str| {
        problems.push(Problem::new(KeyPath::keys(key), message));
    };
    check_lock(plan, &mut add);
    check_kernels(plan, &mut add);
    check_nodes(plan, &mut add);
    if scenario_is_sound {
        check_blueprint(plan, &mut add);
    }
    problems
}

/// Results are filed under its name, and its image is found in the cache by its key.
fn check_lock(plan: &Plan, add: &mut impl FnMut(&str, &str)) {
    if !is_name(&plan.profile.name) {
        add("profile.name", &format!("this is no lock's name; expected {RULE}"));
    }
    if plan.lock_image.as_ref().is_some_and(|image| !is_key(&image.key)) {
        add("lock_image.key", NO_KEY);
    }
}

/// They become paths in the cache.
fn check_kernels(plan: &Plan, add: &mut impl FnMut(&str, &str)) {
    let Kernels { server, clients, arguments: words } = &plan.kernels;
    if let Err(why) = arguments::check(words) {
        add("kernels.arguments", &why);
    }
    for (role, kernel) in [("server", server), ("clients", clients)] {
        if kernel.as_ref().is_some_and(|kernel| !kernel.has_key()) {
            add(&format!("kernels.{role}.key"), NO_KEY);
        }
    }
}

fn check_nodes(plan: &Plan, add: &mut impl FnMut(&str, &str)) {
    let site = &plan.scenario.site;
    let nodes = &plan.blueprint.nodes;
    let fits = nodes.first().is_some_and(|first| first.role == Role::Server)
        && nodes.iter().map(|node| node.name.clone()).eq(site.node_ids().map(|id| id.to_string()))
        && plan.blueprint.clients().iter().all(|node| node.role == Role::Client);
    if !fits {
        let message = "the nodes are not those of the scenario; \
            expected the server, then its clients in order";
        add("blueprint.nodes", message);
    }
    let fits = |node: &NodeBlueprint| MEMORY_MIB.contains(&node.memory_mib);
    if !nodes.iter().all(fits) {
        add("blueprint.nodes", "a node's `memory_mib` is out of reason; expected 32 to 4096");
    }
    let boots =
        |node: &NodeBlueprint| node.power_on.0 <= POWER_ON_MAX && node.pids_used <= PIDS_USED_MAX;
    if !nodes.iter().all(boots) {
        let message = "a node's boot is out of reason; expected `power_on` of at most 60s, and at \
            most 10000 `pids_used`";
        add("blueprint.nodes", message);
    }
    let seeded = |id: ClientId| plan.workload_seeds.contains_key(&id.to_string());
    if !site.client_ids().all(seeded) {
        add("workload_seeds", "a client has no seed; expected one for each");
    }
}

/// Whether the nodes that both have are set apart alike.
fn are_alike(nodes: &[NodeBlueprint], others: &[NodeBlueprint]) -> bool {
    nodes.iter().zip(others).all(|(node, other)| node.settings == other.settings)
}

/// What the site is built from is what the scenario says, and the scenario's bounds hold: a
/// site is built without asking again, and checkers go by the scenario.
fn check_blueprint(plan: &Plan, add: &mut impl FnMut(&str, &str)) {
    let Blueprint { wall_start_s, wire, disk, server, mount, nodes, .. } = &plan.blueprint;
    let said = expand::blueprint(&plan.scenario, plan.seed, &plan.profile);
    for (key, is_so) in [
        ("wire.latency", wire.latency == said.wire.latency),
        ("wire.bandwidth", wire.bandwidth == said.wire.bandwidth),
        ("wire.queue", wire.queue == said.wire.queue),
        ("disk", *disk == said.disk),
        ("server", *server == said.server),
        ("mount", *mount == said.mount),
        ("nodes", are_alike(nodes, &said.nodes)),
    ] {
        if !is_so {
            let message = "this is not what the plan's scenario says; expected the same";
            add(&format!("blueprint.{key}"), message);
        }
    }
    if *wall_start_s > WALL_START_S_MAX {
        add("blueprint.wall_start_s", "this is too far in the future; expected a time before 2242");
    }
}
