//! Locks on other servers than Linux's own, and over NFSv3.

use crate::common::{lockstorm, permit};
use rstest::rstest;

#[rstest]
#[case("crash", "flufl.lock", "3", "knfsd")]
#[case("crash", "fcntl", "3", "knfsd")]
#[case("server-restart", "fcntl", "3", "knfsd")]
#[case("server-restart", "fcntl", "3", "ganesha")]
#[case("server-restart", "fcntl", "4.1", "ganesha")]
#[case("partition", "flufl.lock", "4.0", "ganesha")]
fn a_lock_keeps_its_promises(
    #[case] scenario: &str,
    #[case] lock: &str,
    #[case] version: &str,
    #[case] server: &str,
) {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let version = format!("site.nfs.version=\"{version}\"");
    let server = format!("site.server.implementation={server}");
    let arguments =
        ["scenario", scenario, "--lock", lock, "--set", &version, "--set", &server, "--quiet"];
    let output = lockstorm(home.path(), &arguments).arg("--verify-repeat").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}{errors}");
}
