//! What a process has open, by names.

use lockstorm_agent::probe::Answer;
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::ptr::NonNull;

#[derive(Default)]
pub struct Files {
    open: BTreeMap<String, OwnedFd>,
    pub maps: BTreeMap<String, Map>,
    pub programs: BTreeMap<String, Child>,
    /// Descriptors that are there to be none left.
    pub taken: Vec<File>,
}

/// A file in memory.
pub struct Map {
    pub address: NonNull<u8>,
    pub length: usize,
}

// SAFETY: a mapping belongs to the process, not to the thread that made it.
unsafe impl Send for Map {}

impl Files {
    pub fn add(&mut self, name: &str, fd: OwnedFd) -> Answer {
        self.open.insert(name.into(), fd);
        Answer::Done
    }

    pub fn get(&self, name: &str) -> nix::Result<&OwnedFd> {
        self.open.get(name).ok_or(Errno::EBADF)
    }

    pub fn take(&mut self, name: &str) -> nix::Result<OwnedFd> {
        self.open.remove(name).ok_or(Errno::EBADF)
    }
}
