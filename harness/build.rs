//! What the harness compiles in: the agent, the keys of what `ci/setup` builds, and the scenarios.

#[path = "build/agent.rs"]
mod agent;
#[path = "build/keys.rs"]
mod keys;
#[path = "build/scenarios.rs"]
mod scenarios;

use std::path::Path;

fn main() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    agent::compile_in();
    keys::compile_in(&repository.join("containers"));
    scenarios::compile_in(&repository.join("scenarios"));
}
