//! The processes of a site, found by where they run: every kernel, and every process of a kernel,
//! has the harness's short-lived directory as its working directory.

use std::fs;
use std::path::PathBuf;

/// The processes of all sites of the harness that is, or was, process `harness`.
pub fn of_harness(harness: u32) -> Vec<u32> {
    let begin = std::env::temp_dir().join(format!("lockstorm-{harness}-"));
    let begin = begin.to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let runs_there = |process: &u32| {
        let cwd = fs::read_link(format!("/proc/{process}/cwd"));
        cwd.is_ok_and(|cwd| cwd.to_str().is_some_and(|cwd| cwd.starts_with(begin)))
    };
    processes.filter(runs_there).collect()
}

pub fn assert_none_of_harness(harness: u32) {
    let left = of_harness(harness);
    assert!(left.is_empty(), "left running: {left:?}");
}

/// The short-lived directories of its sites that are still there.
pub fn directories_of_harness(harness: u32) -> Vec<PathBuf> {
    let prefix = format!("lockstorm-{harness}-");
    let entries = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    ours.map(|entry| entry.path()).collect()
}
