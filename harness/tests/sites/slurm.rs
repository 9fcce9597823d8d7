//! A batch on Slurm: a real controller and a real node, tasks that are killed, and a whole that has
//! every run once.

use crate::common::parts::{expect_each_run_once, short_matrix};
use crate::common::slurm::{Cluster, processes_with};
use crate::common::templates::{ended, repository};
use crate::common::{permit, size, within};
use nix::sys::signal::{Signal, kill};
use std::fs;
use std::path::Path;

const SEEDS: u64 = 4;
/// A site starts in a second or two; on a host that does much else, later.
const MINUTES: u32 = 5;

fn submit(cluster: &Cluster, arguments: &[&str]) -> (i32, String) {
    let program = repository().join("scale/slurm/submit");
    let mut command = cluster.command(program.to_str().unwrap(), arguments);
    ended(command.env("LOCKSTORM", env!("CARGO_BIN_EXE_lockstorm")))
}

fn results(part: &Path) -> String {
    fs::read_to_string(part.join("results.jsonl")).unwrap_or_default()
}

#[test]
fn slurm_runs_a_matrix_in_parts_goes_on_with_what_was_killed_and_merges_them() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(home.path());
    let out = home.path().join("out");
    let matrix = short_matrix(SEEDS);
    let matrix = matrix.iter().map(String::as_str);
    let arguments: Vec<&str> = ["2", "out"].into_iter().chain(matrix).collect();
    let (code, said) = submit(&cluster, &arguments);
    assert_eq!(code, 0, "{said}");
    let job = said.lines().nth(1).unwrap().split(' ').next().unwrap();
    let [first, second] = ["part-1", "part-2"].map(|name| out.join(name));
    let has_run = |part: &Path| size(&part.join("results.jsonl")) > 0;

    // The kernel's last resort, when memory is short: lockstorm itself is killed.
    within(MINUTES, "a run of the first part has ended", || has_run(&first));
    let lockstorms = processes_with(&format!("--out {}", first.display()));
    assert!(!lockstorms.is_empty(), "{}", cluster.said(&out));
    lockstorms.into_iter().for_each(|process| kill(process, Signal::SIGKILL).unwrap());
    let before = results(&first);

    // A preemption, or a node that fails: Slurm takes the whole task away.
    within(MINUTES, "a run of the second part has ended", || has_run(&second));
    cluster.ask("scontrol", &["requeue", &format!("{job}_2")]);
    within(MINUTES, "its lockstorm is gone", || {
        processes_with(&format!("--out {}", second.display())).is_empty()
    });
    let before_second = results(&second);

    let is_over = || {
        cluster.hurry();
        cluster.ask("squeue", &["-h"]).is_empty()
    };
    within(MINUTES, "all jobs have ended", is_over);
    let said = cluster.said(&out);
    assert!(said.contains("part 1 goes on later: it ended with exit code 137"), "{said}");
    for (part, before) in [(&first, before), (&second, before_second)] {
        let after = results(part);
        assert!(before.lines().count() < 4, "{before}");
        assert!(after.starts_with(&before), "what was made stays:\n{before}\n{after}");
        // What a busy host could not begin is tried again, and both are told.
        let made = after.lines().filter(|line| !line.contains("\"outcome\":\"not_made\""));
        assert_eq!(made.count(), 4, "{after}");
    }
    assert!(out.join("whole/report.md").exists(), "{said}");
    expect_each_run_once(&out.join("whole"), SEEDS);
    drop(cluster);
    assert!(processes_with(&home.path().display().to_string()).is_empty());
}

#[test]
fn a_part_that_cannot_be_run_ends_its_batch_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(home.path());
    let (code, said) = submit(&cluster, &["1", "out", "matrix", "--locks", "fnctl"]);
    assert_eq!(code, 0, "{said}");
    within(MINUTES, "all jobs have ended", || cluster.ask("squeue", &["-h"]).is_empty());
    let said = cluster.said(&home.path().join("out"));
    assert!(said.contains("did you mean `fcntl`?"), "{said}");
    assert!(said.contains("part 1 failed with exit code 10"), "{said}");
    assert!(!home.path().join("out/whole").exists());
    let (code, said) = submit(&cluster, &["0", "out", "matrix"]);
    assert_eq!(code, 10, "{said}");
}
