//! Reading files that people write: size-limited text, YAML with places, and diagnostics that
//! name file, line and column and quote the line.

mod diagnostic;
mod document;
mod explain;
mod path;
mod tree;

pub use diagnostic::{Diagnostic, Diagnostics, Origin, Place};
pub use document::Document;
pub use path::{KeyPath, Segment};

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Larger files are refused: the largest scenario worth reading is a thousandth of it.
pub const SIZE_MAX: u64 = 1024 * 1024;

/// What is said of a file without any text.
pub const EMPTY: &str = "the file is empty";

/// A text file and the name by which messages call it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// Something wrong with what stands at a path of a YAML document, before its place is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub path: KeyPath,
    /// Point at the last key of `path`, not at its value.
    pub at_key: bool,
    pub message: String,
    pub help: Option<String>,
}

impl Problem {
    /// A problem with the value at `path`. A message that ends in "; did you mean ..." or
    /// "; expected ..." is taken apart into message and help.
    pub fn new(path: KeyPath, message: impl Into<String>) -> Problem {
        let (message, help) = explain::split_help(message.into());
        Problem { path, at_key: false, message, help }
    }

    /// The same, pointing at the key.
    pub fn at_key(mut self) -> Problem {
        self.at_key = true;
        self
    }

    /// The same, with the mend.
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

impl Source {
    /// Reads a file, refusing what cannot be one that a person wrote.
    pub fn read(path: &Path) -> Result<Source, Diagnostic> {
        let name = path.display().to_string();
        let whole = |message: String| Diagnostic::whole_file(&name, message);
        let metadata = path.metadata().map_err(|e| whole(unreadable(&e)))?;
        if metadata.is_dir() {
            return Err(whole("this is a directory, not a YAML file".into())
                .help("name the file inside it"));
        }
        if !metadata.is_file() {
            // Opening a pipe would wait for its writer, reading a device might never end.
            return Err(whole("this is a device or a pipe, not a YAML file".into())
                .help("save the text as a file, and name that"));
        }
        if metadata.len() > SIZE_MAX {
            return Err(too_large(&name, metadata.len()));
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(SIZE_MAX + 1).read_to_end(&mut bytes))
            .map_err(|e| whole(unreadable(&e)))?;
        Source::from_bytes(&name, bytes)
    }

    /// Takes text that came from elsewhere, with the same limits.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Source, Diagnostic> {
        if bytes.len() as u64 > SIZE_MAX {
            return Err(too_large(name, bytes.len() as u64));
        }
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(name, &error))?;
        let source = Source { name: name.into(), text };
        if source.text.trim().is_empty() {
            return Err(Diagnostic::at(&source, Place::START, EMPTY));
        }
        Ok(source)
    }
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        _ => format!("failed to read it: {error}"),
    }
}

fn too_large(name: &str, size: u64) -> Diagnostic {
    let message = format!("the file has {size} bytes; at most {SIZE_MAX} are read");
    Diagnostic::whole_file(name, message).help("is it really a YAML file?")
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
    let valid_to = error.utf8_error().valid_up_to();
    let valid = String::from_utf8_lossy(&error.as_bytes()[..valid_to]);
    let line = valid.matches('\n').count() + 1;
    let column = valid.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let origin =
        Origin::File { file: name.into(), place: Place { line, column, width: 1 }, quoted: None };
    let byte = error.as_bytes().get(valid_to).copied().unwrap_or_default();
    Diagnostic::new(origin, format!("byte 0x{byte:02x} is not UTF-8 text"))
        .help("save the file as UTF-8")
}

#[cfg(test)]
mod tests;
