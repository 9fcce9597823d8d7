//! Why an adapter ended, in its own words: they are in its node's console, and in no history.

use crate::history::{Event, EventKind};
use crate::run::last_words::of_adapter;
use lockstorm_reports::Report;
use std::path::Path;

/// Puts what the first adapter that failed has said behind the reason that it failed.
pub fn tell(report: &mut Report, history: &[Event], directory: &Path) {
    let failed = history.iter().find_map(|event| match &event.kind {
        EventKind::AdapterFailed { client, .. } => Some(client),
        _ => None,
    });
    let Some(client) = failed else { return };
    let said = of_adapter(directory, client);
    let Some(last) = said.last() else { return };
    // Where it was, stands before what it was.
    let place = said.iter().rev().find(|line| line.trim_start().starts_with("File "));
    let place = place.map(|line| format!(", at {}", line.trim())).unwrap_or_default();
    let words = format!(
        "the adapter of {client} said before, in console/{client}.log: {}{place}",
        last.trim()
    );
    let reasons = &mut report.unknown_because;
    let is_it = |why: &String| why.starts_with(&format!("the adapter of {client} failed"));
    let behind = reasons.iter().position(is_it).map_or(reasons.len(), |index| index + 1);
    reasons.insert(behind, words);
}
