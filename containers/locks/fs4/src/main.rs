//! fs4: its `FileExt::lock`, `try_lock` and `unlock`, on a file that stays open.

use fs4::{FileExt, TryLockError};
use lockstorm_adapter::{Adapter, Answer, Result, path, poll, seconds, serve, version_in};
use std::fs::{File, OpenOptions};
use std::time::Duration;

struct Fs4Lock {
    file: Option<File>,
    held: bool,
    pause: Duration,
}

impl Fs4Lock {
    fn file(&mut self) -> Result<&File> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            self.file = Some(options.read(true).append(true).create(true).open(path())?);
        }
        self.file.as_ref().ok_or_else(|| "not open".into())
    }
}

impl Adapter for Fs4Lock {
    fn acquire(&mut self, timeout: Option<Duration>) -> Result<Answer> {
        let pause = self.pause;
        let file = self.file()?;
        let answer = match timeout {
            None => FileExt::lock(file).map(|()| Answer::Ok)?,
            Some(timeout) => poll(timeout, pause, || match FileExt::try_lock(file) {
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
        FileExt::unlock(self.file()?)?;
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
    let lock = Fs4Lock { file: None, held: false, pause };
    serve("fs4", &version_in(include_str!("../Cargo.lock"), "fs4"), lock)
}
