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
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A place on a core that is ours while this lives. The thread goes back to its old cores when it
/// is dropped.
pub struct Core {
    /// Its number.
    pub number: usize,
    before: CpuSet,
    /// Held for its lock, which the kernel releases however the process ends.
    _claim: Option<Flock<File>>,
}

/// Most sites on a core that know of each other.
const SHARERS_MAX: usize = 64;

/// Pins this thread, and the kernels it starts, to one of the allowed cores that the fewest other
/// sites have claimed. What a site does never depends on which that is.
pub fn claim() -> io::Result<Core> {
    let this = Pid::from_raw(0);
    let before = sched_getaffinity(this)?;
    let allowed: Vec<usize> =
        (0..CpuSet::count()).filter(|&core| before.is_set(core).unwrap_or(false)).collect();
    let (core, claim) = choose(&std::env::temp_dir(), &allowed);
    let mut only = CpuSet::new();
    only.set(core)?;
    sched_setaffinity(this, &only)?;
    Ok(Core { number: core, before, _claim: claim })
}

/// Whose turn it is, of sites that have no place.
static TURN: AtomicUsize = AtomicUsize::new(0);

/// Every core has places, and sites take the first of all cores before the second of any. A place
/// is a file, since others of its kind may be other processes. Where none is to be had, because
/// nobody can make files or all are taken, the sites of this process take turns.
fn choose(places: &Path, allowed: &[usize]) -> (usize, Option<Flock<File>>) {
    let all = (0..SHARERS_MAX).flat_map(|sharer| allowed.iter().map(move |&core| (sharer, core)));
    let mut free = all.filter_map(|(sharer, core)| Some((core, take(places, core, sharer)?)));
    match free.next() {
        Some((core, place)) => (core, Some(place)),
        None => (allowed[TURN.fetch_add(1, Ordering::Relaxed) % allowed.len()], None),
    }
}

fn take(places: &Path, core: usize, sharer: usize) -> Option<Flock<File>> {
    let name = match sharer {
        0 => format!("lockstorm-core-{core}"),
        _ => format!("lockstorm-core-{core}.{sharer}"),
    };
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(places.join(name)).ok()?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
}

impl Drop for Core {
    fn drop(&mut self) {
        // The cores were allowed before; should they no longer be, the thread stays where it is.
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_sites_than_cores_share_them_evenly_and_a_place_is_free_again_after_its_site() {
        let places = tempfile::tempdir().unwrap();
        let allowed = [1, 4, 7];
        let mut taken: Vec<_> = (0..8).map(|_| choose(places.path(), &allowed)).collect();
        let cores: Vec<usize> = taken.iter().map(|(core, _)| *core).collect();
        assert_eq!(cores, [1, 4, 7, 1, 4, 7, 1, 4]);
        taken.remove(2);
        assert_eq!(choose(places.path(), &allowed).0, 7);
    }

    #[test]
    fn where_no_file_can_be_made_sites_take_turns() {
        let chosen = |_| choose(Path::new("/dev/null/nowhere"), &[3, 5]);
        let cores: Vec<_> =
            (0..4).map(chosen).map(|(core, place)| (core, place.is_none())).collect();
        assert_ne!(cores[0].0, cores[1].0);
        assert_eq!((cores[0], cores[1]), (cores[2], cores[3]));
        assert!(cores.iter().all(|(_, has_no_place)| *has_no_place));
    }

    #[test]
    fn a_thread_is_pinned_as_long_as_its_site_has_a_place() {
        let this = Pid::from_raw(0);
        let before = sched_getaffinity(this).unwrap();
        let core = claim().unwrap();
        let mut only = CpuSet::new();
        only.set(core.number).unwrap();
        assert_eq!(sched_getaffinity(this).unwrap(), only);
        drop(core);
        assert_eq!(sched_getaffinity(this).unwrap(), before);
    }
}
