//! The one writer of a history.

use super::{Event, EventKind, Observer};
use crate::units::hex;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes events as they happen: to a file, to memory, into the hash, to who watches.
///
/// The file is buffered: it is whole after [`Writer::finish`], and after a drop as far as the
/// disk allows.
pub struct Writer {
    sink: Box<dyn Write>,
    path: PathBuf,
    hash: Sha256,
    events: Vec<Event>,
    observers: Vec<Box<dyn Observer>>,
    line: Vec<u8>,
}

/// A history that has been written to its end.
#[derive(Debug)]
pub struct Finished {
    pub events: Vec<Event>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

/// The history could not be written: the disk is full, say.
#[derive(Debug, thiserror::Error)]
#[error("failed to write {}: {source}", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    pub source: io::Error,
}

impl Writer {
    /// Creates the file, or empties it.
    pub fn create(path: &Path) -> Result<Writer, WriteError> {
        let file =
            File::create(path).map_err(|source| WriteError { path: path.to_owned(), source })?;
        Ok(Writer::to(Box::new(BufWriter::new(file)), path))
    }

    /// Writes to any sink; `path` is its name in errors.
    pub fn to(sink: Box<dyn Write>, path: &Path) -> Writer {
        Writer {
            sink,
            path: path.to_owned(),
            hash: Sha256::new(),
            events: Vec::new(),
            observers: Vec::new(),
            line: Vec::new(),
        }
    }

    /// From now on `observer` sees what is written.
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.observers.push(observer);
    }

    /// Writes what happened at `at_ns` of the harness's clock.
    ///
    /// The event is in memory and in the hash even when the file could not take it.
    pub fn append(&mut self, at_ns: u64, kind: EventKind) -> Result<&Event, WriteError> {
        let event = Event { at_ns, kind };
        self.line.clear();
        let encoded = serde_json::to_writer(&mut self.line, &event).map_err(io::Error::from);
        self.line.push(b'\n');
        self.hash.update(&self.line);
        let written = encoded.and_then(|()| self.sink.write_all(&self.line));
        for observer in &mut self.observers {
            observer.event(&event);
        }
        let index = self.events.len();
        self.events.push(event);
        written.map_err(|source| self.error(source))?;
        Ok(&self.events[index])
    }

    /// Virtual time has come to `now_ns`.
    pub fn tick(&mut self, now_ns: u64) {
        for observer in &mut self.observers {
            observer.tick(now_ns);
        }
    }

    /// What has been written so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Brings everything to the file and gives the history away.
    pub fn finish(mut self) -> Result<Finished, WriteError> {
        self.sink.flush().map_err(|source| self.error(source))?;
        Ok(Finished {
            events: std::mem::take(&mut self.events),
            sha256: hex(&self.hash.finalize_reset()),
        })
    }

    fn error(&self, source: io::Error) -> WriteError {
        WriteError { path: self.path.clone(), source }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody is left to tell; `finish` is for those who want to know.
        let _ = self.sink.flush();
    }
}
