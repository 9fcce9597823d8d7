//! Reads a set back, as far as it was written.

use super::{FORMAT, HEADER_FILE, Header, RESULTS_FILE, ResultSet, RunSummary};
use std::fs;
use std::path::Path;

/// Reads `set.json` and `results.jsonl` in a directory. The error names file and line.
pub fn read(directory: &Path) -> Result<ResultSet, String> {
    let file = |name: &str| {
        let path = directory.join(name);
        fs::read(&path).map_err(|error| {
            format!("{}: {error}; is it the directory of a result set?", path.display())
        })
    };
    let header = file(HEADER_FILE)?;
    // A job that was killed before its first run ended has no results, and that is a set too.
    let results = match directory.join(RESULTS_FILE).exists() {
        true => file(RESULTS_FILE)?,
        false => Vec::new(),
    };
    parse(&header, &results).map_err(|error| format!("{}/{error}", directory.display()))
}

/// Reads a set from the contents of its two files.
pub fn parse(header: &[u8], results: &[u8]) -> Result<ResultSet, String> {
    let header: Header =
        serde_json::from_slice(header).map_err(|error| format!("{HEADER_FILE}: {error}"))?;
    if header.format != FORMAT {
        return Err(format!(
            "{HEADER_FILE}: format {} is not known to this lockstorm, which reads format {FORMAT}",
            header.format
        ));
    }
    let mut set = ResultSet { header, ..ResultSet::default() };
    for (index, line) in results.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            set.cut_short = true;
            break;
        }
        let run: RunSummary = serde_json::from_slice(line).map_err(|error| {
            // serde_json counts lines within this one.
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text);
            format!("{RESULTS_FILE}:{}:{}: not a run: {text}", index + 1, error.column())
        })?;
        set.runs.push(run);
    }
    set.runs.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(set)
}
