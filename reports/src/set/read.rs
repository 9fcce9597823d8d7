//! Reads a set back, as far as it was written.

use super::{FORMAT, GATE_FILE, HEADER_FILE, Header, RESULTS_FILE, ResultSet, RunSummary};
use std::path::{Path, PathBuf};
use std::{error, fmt, fs, io};

/// A result set that cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// A file of it, `path`, is not there or is not given.
    Io { path: PathBuf, source: io::Error },
    /// It is none; the text names file and line.
    Content(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { path, source } => {
                let path = path.display();
                write!(f, "{path}: {source}; is it the directory of a result set?")
            }
            ReadError::Content(problem) => f.write_str(problem),
        }
    }
}

impl error::Error for ReadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ReadError::Io { source, .. } => Some(source),
            ReadError::Content(_) => None,
        }
    }
}

/// Reads `set.json` and `results.jsonl` in a directory.
pub fn read(directory: &Path) -> Result<ResultSet, ReadError> {
    let file = |name: &str| {
        let path = directory.join(name);
        fs::read(&path).map_err(|source| ReadError::Io { path, source })
    };
    let header = file(HEADER_FILE)?;
    // A job that was killed before its first run ended has no results, and that is a set too.
    let results = match directory.join(RESULTS_FILE).exists() {
        true => file(RESULTS_FILE)?,
        false => Vec::new(),
    };
    let named = |error| ReadError::Content(format!("{}/{error}", directory.display()));
    let mut set = parse(&header, &results).map_err(named)?;
    if directory.join(GATE_FILE).exists() {
        let gate = serde_json::from_slice(&file(GATE_FILE)?);
        set.gate = Some(gate.map_err(|error| named(format!("{GATE_FILE}: {error}")))?);
    }
    Ok(set)
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
    set.runs = one_each(set.runs);
    Ok(set)
}

/// One summary of each run, by their keys. Of several the last one counts; but what was made
/// stays made.
fn one_each(mut runs: Vec<RunSummary>) -> Vec<RunSummary> {
    // Stable: the later one of a run stands behind the earlier.
    runs.sort_by(|a, b| a.key().cmp(&b.key()).then(a.is_made().cmp(&b.is_made())));
    let mut each: Vec<RunSummary> = Vec::with_capacity(runs.len());
    for run in runs {
        match each.last_mut().filter(|last| last.key() == run.key()) {
            Some(last) => *last = run,
            None => each.push(run),
        }
    }
    each
}
