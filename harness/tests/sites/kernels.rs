//! Kernels beside the default one, each as far as it is built: a test of one that is not says so,
//! and proves nothing.

use crate::common::{Ended, entered, lockstorm, permit, result_of, scenario};
use lockstorm::assets::{Assets, KernelFiles, cache_dir};
use lockstorm::kernel;
use lockstorm_reports::{Invariant, Status};
use rstest::rstest;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// The files of a kernel; none, with a word about it, if it is not built.
fn files(version: &str) -> Option<KernelFiles> {
    let shipped = kernel::shipped().into_iter().find(|kernel| kernel.version == version).unwrap();
    let files = KernelFiles::below(&cache_dir().unwrap(), &shipped.key);
    if !files.are_there() {
        eprintln!("skipped: kernel {version} is not built; `ci/setup --kernels {version}`");
        return None;
    }
    Some(files)
}

#[rstest]
fn on_every_kernel_a_calm_day_is_valid_and_repeats(#[values("6.1", "7.2")] version: &str) {
    if files(version).is_none() {
        return;
    }
    let run = scenario("calm", &["--kernel", version, "--verify-repeat"]);
    let report = run.report();
    assert_eq!(run.code, 0, "{}", run.said());
    assert!(run.stdout.contains("had the same history"), "{}", run.said());
    assert!(run.stdout.contains(&format!("NFS 4.2, Linux {version}\n")), "{}", run.said());
    assert!(report.reproduce.ends_with(&format!("--kernel {version}")), "{}", report.reproduce);
    for node in ["server", "c1"] {
        let booted = format!("Linux version {version}.");
        assert!(run.console(node).contains(&booted), "{node}: {}", run.console(node));
    }
}

#[rstest]
#[case("server=6.1,clients=7.2")]
#[case("server=7.2,clients=6.1")]
#[case("server=7.2,clients=6.12")]
fn kernels_of_different_versions_understand_each_other(#[case] kernels: &str) {
    let mut versions = kernels.split(',').map(|part| part.split_once('=').unwrap().1);
    if !versions.all(|version| files(version).is_some()) {
        return;
    }
    let run = scenario("cut-at-release", &["--kernel", kernels, "--verify-repeat"]);
    // What becomes of the lock between them is for the report to say.
    assert!([0, 1].contains(&run.code), "{}", run.said());
    assert!(run.stdout.contains("had the same history"), "{}", run.said());
    let report = run.report();
    assert!(report.reproduce.ends_with(&format!("--kernel {kernels}")), "{}", report.reproduce);
    let told = report.provenance.kernels.iter();
    let told = told.map(|kernel| format!("{}={}", kernel.nodes, kernel.version));
    assert_eq!(told.collect::<Vec<_>>().join(","), kernels);
}

/// What the dimension is for. A server of 7.2 delegates a file's times to the client that writes
/// it, and takes no time in the future back; flufl.lock keeps the end of its claim there, and the
/// others no longer see it (containers/kernel/README.md). No fault is needed for that.
#[test]
fn a_kernel_that_breaks_a_locks_assumption_shows() {
    if files("7.2").is_none() {
        return;
    }
    let story = |kernels| scenario("held-after-loss", &["--kernel", kernels]);
    let (new, old) = (story("server=7.2"), story("server=6.12,clients=7.2"));
    assert_eq!(new.code, 1, "{}", new.said());
    assert_eq!(result_of(&new.report(), Invariant::NoEarlyBreak).status, Status::Violated);
    assert_eq!(old.code, 0, "{}", old.said());
}

/// A cache of its own, with the parts of the true one.
fn own_cache() -> tempfile::TempDir {
    let (true_one, home) = (cache_dir().unwrap(), tempfile::tempdir().unwrap());
    let mine = home.path().join("cache/lockstorm");
    for key in [format!("kernel/{}", lockstorm::assets::KERNEL_KEY), node_key()] {
        std::fs::create_dir_all(mine.join(&key).parent().unwrap()).unwrap();
        symlink(true_one.join(&key), mine.join(&key)).unwrap();
    }
    home
}

fn node_key() -> String {
    format!("node/{}", lockstorm::assets::NODE_KEY)
}

#[test]
fn a_kernel_of_ones_own_is_found_again_by_a_replay() {
    let _permit = permit();
    let home = own_cache();
    let in_cache = |arguments: &[&str]| {
        let mut command = lockstorm(home.path(), arguments);
        command.env("XDG_CACHE_HOME", home.path().join("cache")).output().unwrap()
    };
    let linux: PathBuf = Assets::locate().unwrap().kernel.linux;
    std::fs::copy(linux, home.path().join("mine")).unwrap();
    let set = ["--set", "workload.cycles.time=3s", "--set", "expect.critical_sections=1"];
    let with = |own: &[&'static str]| [&["scenario", "calm"], &set[..], own].concat();
    let plain = in_cache(&with(&["--out", "plain"]));
    let plain = Ended::new(plain, home.path().join("plain"), tempfile::tempdir().unwrap());
    let own = in_cache(&with(&["--out", "own", "--kernel", "./mine"]));
    let own = Ended::new(own, home.path().join("own"), tempfile::tempdir().unwrap());
    assert_eq!(own.code, 0, "{}", own.said());
    assert!(entered(&own.history()) > 0 && own.stdout.contains("Linux own:mine"), "{}", own.said());
    let hash = |run: &Ended| run.report().provenance.history_sha256;
    assert_eq!(hash(&own), hash(&plain), "it is the same kernel");

    std::fs::remove_file(home.path().join("mine")).unwrap();
    let again = in_cache(&["replay", "own", "--out", "again"]);
    let again = Ended::new(again, home.path().join("again"), tempfile::tempdir().unwrap());
    assert_eq!(hash(&again), hash(&own), "{}", again.said());
}
