//! The worked example: a lock with a planted bug is refused for what it breaks, and the mended one
//! passes; with the profile, the adapter and the commands that the README shows.

use crate::common::{lockstorm, permit};
use std::path::PathBuf;

fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/leaselock")
}

/// The gate on one version of the library: its exit code, and what it said.
fn gate(version: &str) -> (i32, String) {
    let home = tempfile::tempdir().unwrap();
    let lock = example().join("lockstorm/profile.yaml");
    let mut command = lockstorm(home.path(), &["gate", "--quiet", "--jobs", "1", "--seeds", "2"]);
    command.arg("--lock").arg(lock).arg("--with").arg(example().join(version));
    let output = command.output().unwrap();
    let code = output.status.code().expect("it ends by itself, not by a signal");
    let said = [output.stdout, output.stderr].concat();
    (code, format!("exit code {code}\n{}", String::from_utf8_lossy(&said)))
}

#[test]
fn the_release_that_does_not_look_whose_lock_it_is_gets_refused() {
    let _permit = permit();
    let (code, said) = gate("1.0");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("leaselock+1.0 in partition: owner-only release"), "{said}");
    let again = "$ lockstorm replay lockstorm-runs/gate/runs/leaselock+1.0/partition/";
    assert!(said.contains(again), "a lock of one's own has no name to run it by: {said}");
}

#[test]
fn the_release_that_looks_passes() {
    let _permit = permit();
    let (code, said) = gate("1.1");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("PASSED: 10 runs"), "{said}");
}

#[test]
fn the_mend_is_all_that_differs_between_the_two() {
    let text = |version: &str| {
        std::fs::read_to_string(example().join(version).join("leaselock.py")).unwrap()
    };
    let (old, new) = (text("1.0"), text("1.1"));
    let without = |text: &str| {
        let text = text.replace("\"1.1\"", "\"1.0\"");
        let (before, after) = text.split_once("    def release(self):").unwrap();
        format!("{before}{}", after.split_once("    def _break_expired").unwrap().1)
    };
    assert_eq!(without(&old), without(&new));
}
