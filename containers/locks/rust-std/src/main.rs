//! `std::fs::File::lock`, `try_lock` and `unlock`, on a file that stays open.

use lockstorm_adapter::{Adapter, Answer, Result, path, poll, seconds, serve};
use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

struct StdLock {
    file: Option<File>,
    held: bool,
    pause: Duration,
}

impl StdLock {
    fn file(&mut self) -> Result<&File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            self.file = Some(options.read(true).append(true).create(true).open(path())?);
        }
        self.file.as_ref().ok_or_else(|| "not open".into())
    }
}

impl Adapter for StdLock {
    fn acquire(&mut self, timeout: Option<Duration>) -> Result<Answer> {
        let pause = self.pause;
        let file = self.file()?;
        let answer = match timeout {
            None => file.lock().map(|()| Answer::Ok)?,
            Some(timeout) => poll(timeout, pause, || match file.try_lock() {
                Ok(()) => Ok(true),
                Err(TryLockError::WouldBlock) => Ok(false),
                Err(TryLockError::Error(error)) => Err(error.into()),
            })?,
        };
        self.held = answer == Answer::Ok;
        Ok(answer)
    }

    /// unlock() says nothing of a lock that is not held, so it is not asked for one.
    fn release(&mut self) -> Result<Answer> {
        if !self.held {
            return Ok(Answer::NotHeld);
        }
        self.file()?.unlock()?;
        self.held = false;
        Ok(Answer::Ok)
    }

    /// The library cannot be asked; this is what it answered last.
    fn is_held(&mut self) -> Result<bool> {
        Ok(self.held)
    }
}

fn main() -> std::io::Result<()> {
    let pause = seconds("poll", Duration::from_millis(100));
    let lock = StdLock { file: None, held: false, pause };
    serve("rust-std", env!("RUST_VERSION"), lock)
}
