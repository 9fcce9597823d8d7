//! fd-lock: `RwLock::write` and `try_write`, whose guard holds the lock until it is dropped.

use fd_lock::{RwLock, RwLockWriteGuard};
use lockstorm_adapter::{Adapter, Answer, Result, path, poll, seconds, serve, version_in};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::time::Duration;

type Lock = RwLock<File>;
type Guard = RwLockWriteGuard<'static, File>;

#[derive(Default)]
struct FdLock {
    /// Lives as long as the process, as a guard must be able to.
    lock: Option<*mut Lock>,
    guard: Option<Guard>,
    pause: Duration,
}

impl FdLock {
    /// The lock, which no guard borrows any more.
    fn lock(&mut self) -> Result<&'static mut Lock> {
        drop(self.guard.take());
        let lock = match self.lock {
            Some(lock) => lock,
            None => {
                let mut options = OpenOptions::new();
                let file = options.read(true).append(true).create(true).open(path())?;
                *self.lock.insert(Box::into_raw(Box::new(RwLock::new(file))))
            }
        };
        // SAFETY: it is never freed, and its only borrower, the guard, is gone.
        Ok(unsafe { &mut *lock })
    }
}

impl Adapter for FdLock {
    fn acquire(&mut self, timeout: Option<Duration>) -> Result<Answer> {
        let Some(timeout) = timeout else {
            self.guard = Some(self.lock()?.write()?);
            return Ok(Answer::Ok);
        };
        poll(timeout, self.pause, || match self.lock()?.try_write() {
            Ok(guard) => {
                self.guard = Some(guard);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        })
    }

    /// Without a guard there is nothing to drop: the type system has no such release.
    fn release(&mut self) -> Result<Answer> {
        Ok(self.guard.take().map_or(Answer::NotHeld, |guard| {
            drop(guard);
            Answer::Ok
        }))
    }

    fn is_held(&mut self) -> Result<bool> {
        Ok(self.guard.is_some())
    }
}

fn main() -> std::io::Result<()> {
    let lock = FdLock { pause: seconds("poll", Duration::from_millis(100)), ..FdLock::default() };
    serve("fd-lock", &version_in(include_str!("../Cargo.lock"), "fd-lock"), lock)
}
