//! A guard for mappings of files that somebody else can cut short.
//!
//! Behind a file's end there is a mapping, but no memory, and who touches it is killed (SIGBUS,
//! mmap(2)); the same where the file system is full and the file has a hole. The file of a guest's
//! memory is the guest's: it can be cut short at any time, also between a look at its length and
//! an access. It cannot be sealed either, since the kernel makes it in a tmpfs (make_tempfile in
//! arch/um/os-Linux/mem.c of Linux 6.12), and only what memfd_create(2) makes can be.
//!
//! So a handler of the signal looks whether the address lies in a mapping that is watched. If it
//! does, it puts zeroes in the place of the whole mapping and notes that it was lost; the access
//! then goes on. Whoever reads or writes there asks afterwards, with [`Watch::is_lost`]. A SIGBUS
//! of any other address does what it would have done without this.
//!
//! The signal comes in the thread that touched the memory, and the list of mappings is one for all
//! threads: sites that run side by side do not know of each other.

use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use std::ffi::{c_int, c_void};
use std::io;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A mapping that is watched as long as this lives. It must be dropped before the mapping is taken
/// down.
#[derive(Debug)]
pub struct Watch(&'static Entry);

impl Watch {
    /// Watches `length` bytes from `start` on, where a mapping is that holds nothing of Rust's own.
    pub fn new(start: usize, length: usize) -> io::Result<Watch> {
        install()?;
        let mut entry = &FIRST;
        while entry.taken.swap(true, Ordering::AcqRel) {
            entry = entry.next.get_or_init(|| Box::leak(Box::new(Entry::vacant())));
        }
        entry.lost.store(false, Ordering::Release);
        entry.length.store(length, Ordering::Release);
        entry.start.store(start, Ordering::Release);
        Ok(Watch(entry))
    }

    /// Some of the mapping was not there when it was touched: all of it reads as zeroes by now.
    pub fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
        self.0.taken.store(false, Ordering::Release);
    }
}

/// A place in the list of mappings. The list only grows, and places are used again, so a handler
/// can walk it at any moment without a lock.
#[derive(Debug)]
struct Entry {
    taken: AtomicBool,
    /// 0 while the place is empty or changes.
    start: AtomicUsize,
    length: AtomicUsize,
    lost: AtomicBool,
    next: OnceLock<&'static Entry>,
}

static FIRST: Entry = Entry::vacant();

impl Entry {
    const fn vacant() -> Entry {
        Entry {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
            next: OnceLock::new(),
        }
    }

    /// The watched mapping that an address lies in.
    fn around(address: usize) -> Option<&'static Entry> {
        let mut entries = std::iter::successors(Some(&FIRST), |entry| entry.next.get().copied());
        entries.find(|entry| {
            let start = entry.start.load(Ordering::Acquire);
            let length = entry.length.load(Ordering::Acquire);
            // The place may change hands while it is read; the mapping of an address that was
            // just touched does not.
            let is_same = entry.start.load(Ordering::Acquire) == start;
            is_same && start != 0 && address.checked_sub(start).is_some_and(|at| at < length)
        })
    }

    /// Puts zeroes in the place of the mapping; false when that cannot be done.
    fn replace(&self) -> bool {
        let start = NonZeroUsize::new(self.start.load(Ordering::Acquire));
        let length = NonZeroUsize::new(self.length.load(Ordering::Acquire));
        let (Some(_), Some(length)) = (start, length) else {
            return false;
        };
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let flags = MapFlags::MAP_FIXED | MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: the range is that of a mapping that is alive, since this thread has just touched
        // it; nothing in it is Rust's own, and it stays readable and writable.
        let replaced = unsafe { mmap_anonymous(start, length, access, flags) }.is_ok();
        self.lost.fetch_or(replaced, Ordering::AcqRel);
        replaced
    }
}

/// What was done about the signal before.
static PREVIOUS: OnceLock<SigAction> = OnceLock::new();

/// Installs the handler, once for the process.
fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), Errno>> = OnceLock::new();
    let outcome = INSTALLED.get_or_init(|| {
        let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
        let ours = SigAction::new(SigHandler::SigAction(on_sigbus), flags, SigSet::empty());
        // SAFETY: the handler does nothing but what signal-safety(7) allows: it reads atomics, maps
        // memory, and passes the signal on.
        let previous = unsafe { sigaction(Signal::SIGBUS, &ours) }?;
        PREVIOUS.get_or_init(|| previous);
        Ok(())
    });
    outcome.map_err(io::Error::from)
}

extern "C" fn on_sigbus(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = Errno::last_raw();
    // SAFETY: the kernel gives every handler with SA_SIGINFO a siginfo_t, and a SIGBUS of the
    // kernel's (a positive code, sigaction(2)) has an address in it.
    let address = unsafe { ((*info).si_code > 0).then(|| (*info).si_addr() as usize) };
    let replaced = address.and_then(Entry::around).is_some_and(Entry::replace);
    if !replaced {
        pass_on(signal, info, context);
    }
    Errno::set_raw(before);
}

fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    match PREVIOUS.get().map(SigAction::handler) {
        Some(SigHandler::SigAction(previous)) => previous(signal, info, context),
        Some(SigHandler::Handler(previous)) => previous(signal),
        Some(SigHandler::SigDfl | SigHandler::SigIgn) | None => {
            let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
            // SAFETY: the default action is no handler.
            let _ = unsafe { sigaction(Signal::SIGBUS, &default) };
            // It is held back until this handler returns, and then ends the process.
            let _ = raise(Signal::SIGBUS);
        }
    }
}

#[cfg(test)]
mod tests;
