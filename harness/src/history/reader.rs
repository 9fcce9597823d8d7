//! Reads a saved history back.

use super::{Consequence, Event, EventKind};
use crate::units::hex;
use lockstorm_reports::text::clean;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A history as it was saved.
#[derive(Debug)]
pub struct Saved {
    /// Event `i` stands on line `i + 1`.
    pub events: Vec<Event>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

/// A saved history that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("failed to read {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Line { path: PathBuf, line: usize, column: usize, problem: String },
    #[error(
        "{}:{line}: the last line is cut short: the run was killed before it could end, or its \
         disk was full; run the plan again with `lockstorm replay`",
        path.display()
    )]
    Truncated { path: PathBuf, line: usize },
}

/// Reads the file. A history is read whole or not at all.
pub fn read(path: &Path) -> Result<Saved, ReadError> {
    let bytes = fs::read(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    parse(&bytes, path)
}

/// Reads a history from bytes; `path` is their name in errors.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Saved, ReadError> {
    let mut events = Vec::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        match (serde_json::from_slice(line), line.ends_with(b"\n")) {
            (Ok(event), true) => events.push(with_consequences(event)),
            // Even a last line that is whole JSON may be a number cut short.
            (Ok(_), false) => return Err(truncated(path, number)),
            (Err(error), false) if error.is_eof() => return Err(truncated(path, number)),
            (Err(error), _) => {
                return Err(ReadError::Line {
                    path: path.to_owned(),
                    line: number,
                    column: error.column(),
                    problem: problem(line, &error),
                });
            }
        }
    }
    Ok(Saved { events, sha256: hex(&Sha256::digest(bytes)) })
}

/// Histories once did not tell the consequences of faults.
fn with_consequences(mut event: Event) -> Event {
    if let EventKind::FaultStruck { kind, node, consequences, .. } = &mut event.kind
        && consequences.is_empty()
    {
        *consequences = Consequence::of_kind(kind, node);
    }
    event
}

fn truncated(path: &Path, line: usize) -> ReadError {
    ReadError::Truncated { path: path.to_owned(), line }
}

/// What is wrong with a line, without serde_json's own position: it counts from the line.
fn problem(line: &[u8], error: &serde_json::Error) -> String {
    if line.trim_ascii().is_empty() {
        return "an empty line, where an event was expected".into();
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    format!("not an event: {}", clean(text))
}
