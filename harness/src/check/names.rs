//! What the nodes of a plan are called.

use crate::plan::Plan;
use crate::site::blueprint::Role;

/// The server's name; empty if the plan has none.
pub fn server(plan: &Plan) -> &str {
    names(plan, Role::Server).next().unwrap_or_default()
}

/// The names of the plan's clients, in order.
pub fn clients(plan: &Plan) -> impl Iterator<Item = &str> {
    names(plan, Role::Client)
}

fn names(plan: &Plan, role: Role) -> impl Iterator<Item = &str> {
    let nodes = plan.blueprint.nodes.iter().filter(move |node| node.role == role);
    nodes.map(|node| node.name.as_str())
}
