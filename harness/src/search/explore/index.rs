//! corpus.jsonl: a line for a corpus, and then one for each of its scenarios.

use super::corpus::Entry;
use crate::name::is_name;
use lockstorm_reports::text::{clean, clean_name};
use serde::{Deserialize, Serialize};

/// The version of its format.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
pub struct Head {
    format: u32,
    lockstorm: String,
}

impl Head {
    /// Of a corpus that this lockstorm writes.
    pub fn ours() -> Head {
        Head { format: FORMAT, lockstorm: env!("CARGO_PKG_VERSION").into() }
    }
}

/// The entries, without their scenarios. The error says what is wrong and where.
pub fn read(text: &str) -> Result<Vec<Entry>, String> {
    // Without the torn last line of a search that was killed.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = whole.lines();
    let head: Head = lines
        .next()
        .and_then(|line| serde_json::from_str(line).ok())
        .ok_or("this is no corpus; `lockstorm explore` makes one")?;
    let ours = Head::ours();
    if (head.format, &head.lockstorm) != (ours.format, &ours.lockstorm) {
        return Err(format!(
            "a corpus of lockstorm {}, and this is {}, to which situations may be others; make a \
             new one with `lockstorm explore` (its scenarios can still be run, with `lockstorm \
             scenario FILE`)",
            clean_name(&head.lockstorm),
            ours.lockstorm
        ));
    }
    let entry = |(index, line): (usize, &str)| {
        let line_number = index + 2;
        let entry: Entry = serde_json::from_str(line)
            .map_err(|error| format!("line {line_number}: {}", clean(&error.to_string())))?;
        match is_name(&entry.name) {
            true => Ok(entry),
            false => Err(format!("line {line_number}: `name` is no name of a scenario")),
        }
    };
    lines.enumerate().map(entry).collect()
}
