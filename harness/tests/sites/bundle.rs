//! A run as one file: packed here, replayed where nothing of it is, and refused where it is not
//! whole.

use crate::common::{lockstorm, permit, read_report};
use lockstorm::assets::{self, cache_dir};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const SHORT: [&str; 4] =
    ["--set", "workload.cycles.time=3s", "--set", "expect.critical_sections=1"];

/// Another machine: a working directory and a cache that has the kernel and the node image, and
/// none of the locks that were brought.
struct Machine {
    home: tempfile::TempDir,
}

impl Machine {
    fn new(parts: &[String]) -> Machine {
        let (true_one, home) = (cache_dir().unwrap(), tempfile::tempdir().unwrap());
        for part in parts {
            let mine = home.path().join("cache/lockstorm").join(part);
            fs::create_dir_all(mine.parent().unwrap()).unwrap();
            symlink(true_one.join(part), mine).unwrap();
        }
        Machine { home }
    }

    fn whole() -> Machine {
        Machine::new(&[
            format!("kernel/{}", assets::KERNEL_KEY),
            format!("node/{}", assets::NODE_KEY),
        ])
    }

    fn say(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = lockstorm(self.home.path(), arguments);
        let output =
            command.env("XDG_CACHE_HOME", self.home.path().join("cache")).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }
}

/// A lock of one's own, which only its maker has.
fn own_lock(directory: &Path) {
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let example = Path::new(repository).join("examples/leaselock");
    fs::create_dir_all(directory.join("tree")).unwrap();
    for file in ["adapter.py", "profile.yaml"] {
        fs::copy(example.join("lockstorm").join(file), directory.join(file)).unwrap();
    }
    fs::copy(example.join("1.1/leaselock.py"), directory.join("tree/leaselock.py")).unwrap();
}

#[test]
fn a_bundle_gives_the_same_history_where_its_lock_has_never_been() {
    let _permit = permit();
    let (here, there) = (Machine::whole(), Machine::whole());
    own_lock(&here.path("mylock"));
    let run = ["scenario", "calm", "--lock", "mylock/profile.yaml", "--with", "mylock/tree"];
    let (code, stdout, stderr) = here.say(&[&run[..], &["--out", "run"], &SHORT].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (code, stdout, stderr) = here.say(&["bundle", "run", "-o", "mine.tar.gz"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(
        stdout.contains("lock leaselock+tree (") && stdout.contains("in the bundle"),
        "{stdout}"
    );
    assert!(stdout.ends_with("\n$ lockstorm replay mine.tar.gz\n"), "{stdout}");
    let (code, _, stderr) = here.say(&["bundle", "run", "-o", "mine.tar.gz"]);
    assert!(code == 10 && stderr.contains("something is there already"), "{code}: {stderr}");
    let (code, ..) = here.say(&["bundle", "run", "-o", "again.tar.gz"]);
    assert_eq!(code, 0);
    let bytes = |name: &str| fs::read(here.path(name)).unwrap();
    assert!(bytes("mine.tar.gz") == bytes("again.tar.gz"), "the same run, the same bytes");

    fs::copy(here.path("mine.tar.gz"), there.path("theirs.tar.gz")).unwrap();
    let (code, stdout, stderr) = there.say(&["replay", "theirs.tar.gz"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stderr.contains("theirs.tar.gz, of lockstorm "), "{stderr}");
    let hash = read_report(&here.path("run")).unwrap().provenance.history_sha256;
    assert!(stdout.contains("The same history as in lockstorm-runs/calm-leaselock"), "{stdout}");
    assert!(stdout.contains(&hash[..16]), "{stdout}");
    // What was unpacked is a run like any other.
    let runs = fs::read_dir(there.path("lockstorm-runs")).unwrap().flatten();
    let unpacked = runs.map(|run| run.path()).find(|run| run.join("bundle").exists()).unwrap();
    let (code, stdout, _) = there.say(&["recheck", unpacked.to_str().unwrap()]);
    assert!(code == 0 && stdout.contains("VALID"), "{stdout}");
    assert!(unpacked.join("bundle/recipe/ci/setup").exists());
    // And with one thing changed.
    let (code, stdout, stderr) =
        there.say(&["replay", "theirs.tar.gz", "--set", "site.clients=1", "--quiet"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("site.clients  3 -> 1"), "{stdout}");
}

#[test]
fn where_the_kernel_is_missing_it_is_told_what_builds_it_and_the_run_can_be_looked_into() {
    let _permit = permit();
    let (here, bare) = (Machine::whole(), Machine::new(&[]));
    let (code, stdout, stderr) =
        here.say(&[&["scenario", "calm", "--out", "run"], &SHORT[..]].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_eq!(here.say(&["bundle", "run"]).0, 0);
    let bundle = here.path("run.lockstorm.tar.gz");
    let (code, _, stderr) = bare.say(&["replay", bundle.to_str().unwrap()]);
    assert_eq!(code, 11, "{stderr}");
    for told in [
        "`ci/setup` builds it",
        "`ci/setup --locks python` builds it",
        "bundle/recipe",
        "lockstorm report ",
    ] {
        assert!(stderr.contains(told), "{told}: {stderr}");
    }
    assert!(stderr.contains(assets::KERNEL_KEY) && stderr.contains(assets::NODE_KEY), "{stderr}");
    let runs = fs::read_dir(bare.path("lockstorm-runs")).unwrap().flatten();
    let unpacked: Vec<PathBuf> = runs.map(|run| run.path()).collect();
    assert_eq!(unpacked.len(), 1, "{unpacked:?}");
    let (code, stdout, _) = bare.say(&["wire", unpacked[0].to_str().unwrap(), "--op", "LINK"]);
    assert!(code == 0 && stdout.contains("/lock"), "{stdout}");
}

#[test]
fn a_kernel_of_somebodys_own_only_runs_for_those_who_trust_it() {
    let _permit = permit();
    let (here, there) = (Machine::whole(), Machine::whole());
    fs::copy(assets::Assets::locate().unwrap().kernel.linux, here.path("mine")).unwrap();
    let run = ["scenario", "calm", "--kernel", "server=./mine", "--out", "run", "--quiet"];
    let (code, stdout, stderr) = here.say(&[&run[..], &SHORT].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (code, stdout, stderr) = here.say(&["bundle", "run"]);
    assert!(code == 0 && stdout.contains("kernel own:mine"), "{stdout}{stderr}");
    let bundle = here.path("run.lockstorm.tar.gz");
    let replay = ["replay", bundle.to_str().unwrap(), "--quiet"];
    let (code, _, stderr) = there.say(&replay);
    assert!(code == 10 && stderr.contains("`--trust-kernel`"), "{code}: {stderr}");
    assert_eq!(fs::read_dir(there.path("cache/lockstorm/kernel")).unwrap().count(), 1);
    let (code, stdout, stderr) = there.say(&[&replay[..], &["--kernel", "server=6.12"]].concat());
    assert!(
        code == 0 && stdout.contains("server=own:mine,clients=6.12 -> 6.12"),
        "{stdout}{stderr}"
    );
    let (code, stdout, stderr) = there.say(&[&replay[..], &["--trust-kernel"]].concat());
    assert!(code == 0 && stdout.contains("The same history as in "), "{stdout}{stderr}");
}

#[test]
fn what_is_no_whole_bundle_is_bad_input_and_leaves_nothing() {
    let machine = Machine::new(&[]);
    fs::write(machine.path("story.yaml"), "lock: {name: fcntl}\n").unwrap();
    fs::write(machine.path("empty"), "").unwrap();
    for file in ["story.yaml", "empty"] {
        let (code, _, stderr) = machine.say(&["replay", file]);
        assert!(code == 10 && stderr.contains(file), "{code}: {stderr}");
    }
    let left = fs::read_dir(machine.path("lockstorm-runs")).unwrap().count();
    assert_eq!(left, 0, "nothing is unpacked halfway");
    let (code, _, stderr) = machine.say(&["bundle", "nowhere"]);
    assert!(code == 10 && stderr.contains("nowhere"), "{stderr}");
    fs::create_dir(machine.path("thesis")).unwrap();
    let (code, _, stderr) = machine.say(&["bundle", "thesis"]);
    assert!(code == 10 && stderr.contains("there is no plan.yaml in it"), "{stderr}");
}
