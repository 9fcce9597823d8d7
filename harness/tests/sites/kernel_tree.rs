//! `ci/kernel-tree`: a kernel from somebody's checkout. The make here only says what it was asked,
//! and leaves a program behind that is no kernel.

use crate::common::lockstorm;
use crate::common::templates::repository;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// What looks like a tree of Linux 6.13 to git and to the script, a make, and a cache.
fn tree() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let linux = home.path().join("linux");
    fs::create_dir_all(linux.join("arch/um")).unwrap();
    fs::write(linux.join("Kconfig"), "").unwrap();
    fs::write(linux.join("arch/um/Kconfig"), "").unwrap();
    fs::write(linux.join("Makefile"), "VERSION = 6\nPATCHLEVEL = 13\nSUBLEVEL = 0\n").unwrap();
    fs::create_dir(home.path().join("bin")).unwrap();
    let make = home.path().join("bin/make");
    let script = "#!/bin/sh\necho \"$@\" >> \"$ASKED\"\n[ -e \"$2/.config\" ] || : > \"$2/.config\"\n\
                  cp \"$2/.config\" \"$ASKED.config\"\ncp /bin/true \"$2/linux\"\n";
    fs::write(&make, script).unwrap();
    fs::set_permissions(&make, fs::Permissions::from_mode(0o755)).unwrap();
    for arguments in
        [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "one"]]
    {
        let who = ["-c", "user.name=n", "-c", "user.email=n@example.org"];
        let made = Command::new("git").args(who).args(arguments).current_dir(&linux).output();
        assert!(made.unwrap().status.success(), "{arguments:?}");
    }
    home
}

fn kernel_tree(home: &Path, arguments: &[&str]) -> Output {
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    Command::new(repository().join("ci/kernel-tree"))
        .args(arguments)
        .current_dir(home)
        .env("PATH", path)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("ASKED", home.join("asked"))
        .output()
        .unwrap()
}

/// What it said, if it ended well.
fn built(home: &Path, arguments: &[&str]) -> String {
    let output = kernel_tree(home, arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn asked(home: &Path) -> usize {
    fs::read_to_string(home.join("asked")).map_or(0, |text| text.lines().count())
}

#[test]
fn a_tree_is_built_once_and_its_kernel_is_found_by_its_name() {
    let home = tree();
    let said = built(home.path(), &["--name", "mine", "linux"]);
    assert!(said.contains("lockstorm scenario calm --kernel mine"), "{said}");
    let first = asked(home.path());
    assert!(first > 0);
    built(home.path(), &["linux", "--name", "too"]);
    assert_eq!(asked(home.path()), first, "it is the same tree");

    let list = lockstorm(home.path(), &["list", "kernels"])
        .env("XDG_CACHE_HOME", home.path().join("cache"))
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let row =
        list.lines().find(|line| line.starts_with("mine ")).unwrap_or_else(|| panic!("{list}"));
    assert!(row.contains("of a tree of your own") && list.contains("\ntoo "), "{list}");
    let key = fs::read_to_string(home.path().join("cache/lockstorm/kernel/names/mine")).unwrap();
    let kernel = home.path().join("cache/lockstorm/kernel").join(key.trim());
    for file in ["linux", "libseededrandom.so", "cpu-state-size", "arguments", "provenance"] {
        assert!(kernel.join(file).exists(), "{file}");
    }
    assert!(!kernel.join("linux.debug").exists());
    assert!(fs::read_to_string(kernel.join("provenance")).unwrap().contains("source: "));

    let other = ["plan", "calm", "--kernel", "server=mine"];
    let plan = lockstorm(home.path(), &other)
        .env("XDG_CACHE_HOME", home.path().join("cache"))
        .output()
        .unwrap();
    // The node image is not there, which is told after the kernel was found.
    let said = String::from_utf8_lossy(&plan.stderr).into_owned();
    assert!(plan.status.code() == Some(11) && !said.contains("no such kernel"), "{said}");
}

#[test]
fn a_change_that_git_knows_is_another_kernel_and_the_tree_stays_as_it_is() {
    let home = tree();
    built(home.path(), &["--name", "mine", "linux"]);
    let first = asked(home.path());
    fs::write(home.path().join("linux/Kconfig"), "# mine\n").unwrap();
    built(home.path(), &["--name", "mine", "linux"]);
    assert!(asked(home.path()) > first);
    let status = Command::new("git")
        .args(["status", "--short"])
        .current_dir(home.path().join("linux"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stdout), " M Kconfig\n");
}

#[test]
fn with_symbols_there_is_a_kernel_with_them_beside_the_one_that_runs() {
    let home = tree();
    built(home.path(), &["--name", "mine", "--symbols", "linux"]);
    let key = fs::read_to_string(home.path().join("cache/lockstorm/kernel/names/mine")).unwrap();
    let kernel = home.path().join("cache/lockstorm/kernel").join(key.trim());
    assert!(kernel.join("linux.debug").exists());
    let config = fs::read_to_string(home.path().join("asked.config")).unwrap();
    assert!(config.contains("CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT=y"), "{config}");
    assert!(!config.contains("CONFIG_DEBUG_INFO_NONE=y"), "{config}");
}

#[test]
fn what_is_no_tree_or_no_name_is_refused_with_the_reason() {
    let home = tree();
    fs::create_dir_all(home.path().join("thesis")).unwrap();
    for (arguments, told) in [
        (&["thesis"][..], "no tree of Linux: thesis"),
        (&[], "no tree of Linux; see --help"),
        (&["--name", "../x", "linux"], "--name ../x: expected letters"),
        (&["--name", "6.12", "linux"], "a kernel of lockstorm's own is called so"),
        (&["--name", "7.2", "linux"], "a kernel of lockstorm's own is called so"),
        (&["--name", "host", "linux"], "a kernel of lockstorm's own is called so"),
        (&["--fast", "linux"], "unknown option: --fast"),
        (&["linux", "thesis"], "one tree at a time"),
    ] {
        let output = kernel_tree(home.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(told), "{arguments:?}: {said}");
    }
    fs::remove_dir_all(home.path().join("linux/.git")).unwrap();
    let output = kernel_tree(home.path(), &["linux"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is no checkout of git"), "{said}");
    assert_eq!(asked(home.path()), 0);
}
