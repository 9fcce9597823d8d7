//! What happens to those who touch memory that has been taken away.

use super::*;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, setrlimit};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory};

const LENGTH: usize = 4 * 4096;
/// Set for the process that is to die.
const DIE: &str = "LOCKSTORM_TEST_DIE_OF_SIGBUS";

fn mapped() -> (File, MmapRegion) {
    let file = File::from(memfd_create("guest", MFdFlags::MFD_CLOEXEC).unwrap());
    file.set_len(LENGTH as u64).unwrap();
    let region = MmapRegion::from_file(FileOffset::new(file.try_clone().unwrap(), 0), LENGTH);
    (file, region.unwrap())
}

fn watched() -> (File, MmapRegion, Watch) {
    let (file, region) = mapped();
    let watch = Watch::new(region.as_ptr() as usize, LENGTH).unwrap();
    (file, region, watch)
}

fn write(region: &MmapRegion, at: usize, value: u64) {
    region.as_volatile_slice().write_obj(value, at).unwrap();
}

fn read(region: &MmapRegion, at: usize) -> u64 {
    region.as_volatile_slice().read_obj(at).unwrap()
}

#[test]
fn a_file_that_is_cut_short_reads_as_zeroes_and_is_told_as_lost() {
    let (file, region, watch) = watched();
    let (_other_file, other, other_watch) = watched();
    for (region, value) in [(&region, 7), (&other, 8)] {
        write(region, LENGTH - 8, value);
    }
    assert_eq!(read(&region, LENGTH - 8), 7);
    file.set_len(4096).unwrap();
    assert!(!watch.is_lost(), "nobody has touched it since");
    assert_eq!(read(&region, LENGTH - 8), 0);
    assert!(watch.is_lost());
    // What is written from now on goes nowhere, and stays readable.
    write(&region, 0, 9);
    assert_eq!(read(&region, 0), 9);
    assert_eq!((read(&other, LENGTH - 8), other_watch.is_lost()), (8, false));
}

#[test]
fn a_place_that_is_used_again_begins_anew() {
    for _ in 0..100 {
        let (file, region, watch) = watched();
        assert!(!watch.is_lost());
        file.set_len(0).unwrap();
        write(&region, 0, 1);
        assert!(watch.is_lost());
    }
    let (_file, region, watch) = watched();
    let start = region.as_ptr() as usize;
    assert!(Entry::around(start + LENGTH - 1).is_some());
    assert!(Entry::around(start + LENGTH).is_none_or(|entry| !std::ptr::eq(entry, watch.0)));
    drop(watch);
    assert!(Entry::around(start).is_none());
}

#[test]
fn threads_lose_their_own_memory_alone() {
    std::thread::scope(|scope| {
        for number in 0..16u64 {
            scope.spawn(move || {
                for round in 0..200 {
                    let (file, region, watch) = watched();
                    write(&region, 4096, number);
                    let is_cut = (number + round) % 2 == 0;
                    if is_cut {
                        file.set_len(4096).unwrap();
                    }
                    let left = if is_cut { 0 } else { number };
                    assert_eq!((read(&region, 4096), watch.is_lost()), (left, is_cut));
                }
            });
        }
    });
}

/// Runs a test of this file in a process of its own, which is to die, and answers its signal.
fn signal_of(test: &str) -> Option<i32> {
    let name = format!("site::virtio::guard::tests::{test}");
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args([&name, "--exact", "--nocapture"]).env(DIE, "1");
    child.output().unwrap().status.signal()
}

#[test]
fn memory_that_nobody_watches_ends_the_process_as_before() {
    if std::env::var_os(DIE).is_none() {
        let test = "memory_that_nobody_watches_ends_the_process_as_before";
        return assert_eq!(signal_of(test), Some(Signal::SIGBUS as i32));
    }
    setrlimit(Resource::RLIMIT_CORE, 0, 0).unwrap();
    let _watched = watched();
    let (file, region) = mapped();
    file.set_len(0).unwrap();
    read(&region, 0);
}

#[test]
fn a_watch_that_has_ended_saves_nobody() {
    if std::env::var_os(DIE).is_none() {
        let test = "a_watch_that_has_ended_saves_nobody";
        return assert_eq!(signal_of(test), Some(Signal::SIGBUS as i32));
    }
    setrlimit(Resource::RLIMIT_CORE, 0, 0).unwrap();
    let (file, region, watch) = watched();
    drop(watch);
    file.set_len(0).unwrap();
    read(&region, 0);
}
