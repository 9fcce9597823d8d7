//! The agent, which the harness carries in itself.

use std::env;
use std::path::Path;
use std::process::Command;

/// The agent is a static binary of its own (nothing of the host is in a node), so it needs other
/// flags than the harness and is built by a cargo of its own, in a target directory of its own.
pub fn compile_in() {
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    // Shared by all profiles of the harness: OUT_DIR is target/PROFILE/build/lockstorm-HASH/out.
    let shared = Path::new(&out).ancestors().nth(4).unwrap_or(Path::new(&out)).join("agent");
    println!("cargo::rerun-if-changed=agent");
    let status = Command::new(env::var("CARGO").expect("cargo sets CARGO"))
        .args(["build", "--quiet", "--bin", "lockstorm-agent", "--profile", "agent"])
        .args(["--target", &target])
        .arg("--manifest-path")
        .arg(Path::new(&here).join("agent/Cargo.toml"))
        .arg("--target-dir")
        .arg(&shared)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the agent could not be built");
    let agent = shared.join(target).join("agent/lockstorm-agent");
    println!("cargo::rustc-env=LOCKSTORM_AGENT={}", agent.display());
}
