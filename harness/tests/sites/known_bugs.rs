//! The known bugs: a tenth of the track record. Each is seen in what has it, and not in what does
//! not.

use crate::common::{lockstorm, permit};
use std::fs;

#[test]
fn every_known_bug_is_seen_where_it_is_and_not_where_it_is_not() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = ["known-bugs", "--seeds", "2", "--out", "set", "--quiet"];
    let output = lockstorm(home.path(), &arguments).output().unwrap();
    let record = String::from_utf8_lossy(&output.stdout);
    let notes = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{record}{notes}");
    let bugs = fs::read_dir("../scenarios/known-bugs").unwrap().count();
    let without_kernel = notes.matches("its kernel is not built").count();
    let seen = bugs - without_kernel;
    let sum = format!("{seen} of {seen} known bugs were seen in each of 2 runs");
    assert!(record.contains(&sum), "{record}{notes}");
}

#[test]
fn the_record_of_parts_is_that_of_the_whole_and_a_part_alone_proves_nothing() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = lockstorm(home.path(), arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    for (part, out) in [("1/2", "one"), ("2/2", "two")] {
        let bugs = ["known-bugs", "late-release", "--seeds", "1", "--quiet"];
        let (code, said) = run(&[&bugs[..], &["--shard", part, "--out", out]].concat());
        assert_eq!((code, said.as_str()), (Some(0), ""));
    }
    assert_eq!(run(&["merge", "one", "two", "--out", "whole"]).0, Some(0));
    let (code, said) = run(&["known-bugs", "--judge", "whole"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 of 1 known bugs were seen in each of 1 runs"), "{said}");
    let (code, said) = run(&["known-bugs", "--judge", "one"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("one: 1 of 2 runs are there"), "{said}");
    let (code, said) = run(&["known-bugs", "lost-link", "--judge", "whole"]);
    assert_eq!(code, Some(10), "{said}");
    assert!(said.contains("no run of a known bug is there"), "{said}");
}

#[test]
fn faults_at_random_times_stand_beside_those_that_are_aimed() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let arguments = ["known-bugs", "late-release", "lost-link", "--seeds", "1", "--at-random"];
    let output =
        lockstorm(home.path(), &arguments).args(["--markdown", "--quiet"]).output().unwrap();
    let record = String::from_utf8_lossy(&output.stdout);
    let row = |name: &str| {
        let start = format!("| **{name}**");
        record.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{record}"))
    };
    assert!(row("late-release").contains("| 1 of 1 |"), "{record}");
    assert!(row("late-release").contains(" of 1 | filelock-soft-rw |"), "{record}");
    // Its proof is an answer at a place in a script, which a story at random does not have.
    assert!(row("lost-link").contains("| - | procmail-lockfile |"), "{record}");
}
