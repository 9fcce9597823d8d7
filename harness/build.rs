//! What the harness compiles in: the agent, the recipes of what `ci/setup` builds with their
//! keys, and the scenarios.

#[path = "build/agent.rs"]
mod agent;
#[path = "build/keys.rs"]
mod keys;
#[path = "build/recipe.rs"]
mod recipe;
#[path = "build/scenarios.rs"]
mod scenarios;

use std::env;
use std::path::PathBuf;

fn main() {
    // Not `env!`: checkouts that share a target directory share this program, too.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let repository = PathBuf::from(here).join("..");
    agent::compile_in();
    keys::compile_in(&repository.join("containers"));
    recipe::compile_in(&repository);
    scenarios::compile_in(&repository.join("scenarios"));
}
