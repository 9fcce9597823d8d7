//! One core for a whole site.
//!
//! The harness and the kernels take turns and never run at the same time, so a second core only
//! makes each turn slower (a socket round trip is 9 us on one core and 44 us across two). Sites
//! that run side by side take different cores.

use nix::fcntl::{Flock, FlockArg};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::fs::{File, OpenOptions};
use std::io;

/// A core that is ours while this lives. The thread goes back to its old cores when it is dropped.
pub struct Core {
    /// Its number.
    pub number: usize,
    before: CpuSet,
    /// Held for its lock, which the kernel releases however the process ends.
    _claim: Option<Flock<File>>,
}

/// Pins this thread, and the kernels it starts, to the first allowed core that no other site has
/// claimed; when all are claimed, to one of them, by the process's number.
pub fn claim() -> io::Result<Core> {
    let this = Pid::from_raw(0);
    let before = sched_getaffinity(this)?;
    let allowed: Vec<usize> =
        (0..CpuSet::count()).filter(|&core| before.is_set(core).unwrap_or(false)).collect();
    let free = allowed.iter().find_map(|&core| try_claim(core).map(|claim| (core, claim)));
    let (core, claim) = match free {
        Some((core, claim)) => (core, Some(claim)),
        None => (allowed[std::process::id() as usize % allowed.len()], None),
    };
    let mut only = CpuSet::new();
    only.set(core)?;
    sched_setaffinity(this, &only)?;
    Ok(Core { number: core, before, _claim: claim })
}

fn try_claim(core: usize) -> Option<Flock<File>> {
    let path = std::env::temp_dir().join(format!("lockstorm-core-{core}"));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

impl Drop for Core {
    fn drop(&mut self) {
        // The cores were allowed before; should they no longer be, the thread stays where it is.
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}
