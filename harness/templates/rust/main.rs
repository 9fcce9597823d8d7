//! Drives @NAME@ for lockstorm. Put your own crate where it says YOURS.

use lockstorm_adapter::{Adapter, Answer, Result, path, poll, seconds, serve};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::time::Duration;

struct Lock {
    held: bool,
    pause: Duration,
}

impl Adapter for Lock {
    // YOURS. Without a timeout it waits for ever; zero does not wait.
    fn acquire(&mut self, timeout: Option<Duration>) -> Result<Answer> {
        let answer = poll(timeout.unwrap_or(Duration::MAX), self.pause, || {
            match OpenOptions::new().write(true).create_new(true).open(path()) {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error.into()),
            }
        })?;
        self.held = answer == Answer::Ok;
        Ok(answer)
    }

    // YOURS
    fn release(&mut self) -> Result<Answer> {
        if !self.held {
            return Ok(Answer::NotHeld);
        }
        std::fs::remove_file(path())?;
        self.held = false;
        Ok(Answer::Ok)
    }

    // YOURS: what the library says, never a look at the file system.
    fn is_held(&mut self) -> Result<bool> {
        Ok(self.held)
    }
}

fn main() -> std::io::Result<()> {
    let pause = seconds("poll", Duration::from_secs(1));
    // YOURS: what it is called, and the version that the crate itself says it has.
    serve("@NAME@", "0.1", Lock { held: false, pause })
}
