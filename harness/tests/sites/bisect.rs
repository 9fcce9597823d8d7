//! `ci/bisect-kernel`, one step of `git bisect run`: with a tree of Linux, a make and a lockstorm
//! that only say what they were asked.

use crate::common::templates::repository;
use rstest::rstest;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A tree that looks like one of Linux, in git, and the two programs.
fn tree(lockstorm: &str, make: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let linux = home.path().join("linux");
    fs::create_dir_all(linux.join("arch/um")).unwrap();
    fs::write(linux.join("Kconfig"), "").unwrap();
    program(&home.path().join("lockstorm"), lockstorm);
    fs::create_dir(home.path().join("bin")).unwrap();
    program(&home.path().join("bin/make"), make);
    assert!(in_tree(home.path(), "git", &["init", "--quiet"]).status.success());
    home
}

fn program(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// As make would leave a configuration behind.
const BUILDS: &str = "echo make \"$@\" >> ../asked; [ -e .config ] || : > .config";

fn in_tree(home: &Path, program: &str, arguments: &[&str]) -> Output {
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    Command::new(program)
        .args(arguments)
        .current_dir(home.join("linux"))
        .env("PATH", path)
        .env("LOCKSTORM", home.join("lockstorm"))
        .output()
        .unwrap()
}

fn step(home: &Path, arguments: &[&str]) -> (i32, String) {
    let script = repository().join("ci/bisect-kernel");
    let output = in_tree(home, script.to_str().unwrap(), arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or_else(|| panic!("{said}")), said)
}

#[rstest]
#[case::valid_is_good(0, 0)]
#[case::violated_is_bad(1, 1)]
#[case::unknown_is_skipped(2, 125)]
#[case::bad_input_stops_it(10, 255)]
#[case::missing_set_up_stops_it(11, 255)]
#[case::an_error_of_lockstorm_stops_it(13, 255)]
#[case::an_interrupt_stops_it(130, 255)]
fn git_is_told_what_lockstorm_says(#[case] says: i32, #[case] told: i32) {
    let home = tree(&format!("echo lockstorm \"$@\" >> ../asked; exit {says}"), BUILDS);
    let (code, said) = step(home.path(), &["--on", "server", "story.yaml", "--lock", "fcntl"]);
    assert_eq!(code, told, "{said}");
    let asked = fs::read_to_string(home.path().join("asked")).unwrap();
    assert!(asked.contains("ARCH=um"), "{asked}");
    let run = "lockstorm scenario story.yaml --lock fcntl --kernel server=./linux --seed 1 --quiet";
    assert_eq!(asked.lines().last(), Some(run), "{asked}");
}

#[test]
fn a_commit_that_cannot_be_built_is_skipped_and_nothing_is_run() {
    let home = tree("touch ../ran", "case \"$*\" in *linux) exit 2;; esac; : > .config");
    let (code, said) = step(home.path(), &["story.yaml"]);
    assert_eq!(code, 125, "{said}");
    assert!(!home.path().join("ran").exists());
}

#[test]
fn with_several_seeds_one_that_is_violated_is_enough_and_one_unknown_is_not_valid() {
    let by_seed = "case \"$*\" in *--seed\\ 3*) exit 1;; *--seed\\ 2*) exit 2;; esac";
    let home = tree(by_seed, BUILDS);
    let code = |seeds: &str| step(home.path(), &["--seeds", seeds, "calm"]).0;
    assert_eq!((code("4"), code("2"), code("1")), (1, 125, 0));
}

#[test]
fn what_mended_it_is_looked_for_the_other_way_round() {
    for (says, told) in [(0, 1), (1, 0), (2, 125), (10, 255)] {
        let home = tree(&format!("exit {says}"), BUILDS);
        assert_eq!(step(home.path(), &["--fixed", "calm"]).0, told, "{says}");
    }
}

#[test]
fn arguments_that_make_no_sense_stop_git_with_the_reason() {
    let home = tree("exit 0", BUILDS);
    for wrong in [
        &["--on", "host", "calm"][..],
        &["--seeds", "0", "calm"],
        &["--seeds"],
        &["--fast", "calm"],
        &[],
    ] {
        let (code, said) = step(home.path(), wrong);
        assert_eq!(code, 255, "{wrong:?}");
        assert!(said.contains("bisect-kernel: "), "{wrong:?}: {said}");
    }
    fs::remove_file(home.path().join("linux/Kconfig")).unwrap();
    let (code, said) = step(home.path(), &["calm"]);
    assert!(code == 255 && said.contains("no tree of Linux"), "{code}: {said}");
}

/// The whole, as git drives it: the commit that brought the violation is found.
#[test]
fn git_finds_the_commit_that_brought_it() {
    let home = tree("[ \"$(cat state)\" -lt 5 ] || exit 1", BUILDS);
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=n", "-c", "user.email=n@example.org"];
        let output = in_tree(home.path(), "git", &[&who, arguments].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let linux = home.path().join("linux");
    fs::write(linux.join(".gitignore"), ".config\n").unwrap();
    fs::write(linux.join("arch/um/Kconfig"), "").unwrap();
    for state in 1..=8 {
        fs::write(linux.join("state"), state.to_string()).unwrap();
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", &format!("state {state}")]);
    }
    git(&["bisect", "start", "HEAD", "HEAD~7"]);
    let script = repository().join("ci/bisect-kernel");
    let said = git(&["bisect", "run", script.to_str().unwrap(), "story.yaml"]);
    assert!(said.contains("is the first bad commit") && said.contains("state 5"), "{said}");
}
