//! Judges a saved run again, without a site.

use super::{Circumstances, judge, last_words, wire};
use crate::history::reader::{self, ReadError};
use crate::plan::Plan;
use lockstorm_reports::{Artefact, Finding, Report, json};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Files of a run's directory, each with what it is.
pub const FILES: [(&str, &str); 5] = [
    ("report.json", "this report, for programs"),
    (HISTORY, "every event, one a line"),
    ("plan.yaml", "the plan; `lockstorm replay` runs it again"),
    (CAPTURE, "every frame, with the virtual time"),
    (CALLS, "every call and its reply, one a line; `lockstorm wire --jsonl` wrote it"),
];

/// A saved run that cannot be judged again.
#[derive(Debug, thiserror::Error)]
pub enum RecheckError {
    #[error("failed to read {}: {source}; is it the directory of a run?", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: not a plan: {problem}", path.display())]
    Plan { path: PathBuf, problem: String },
    #[error("{}: not a report: {problem}", path.display())]
    Report { path: PathBuf, problem: String },
    #[error(transparent)]
    History(#[from] ReadError),
}

/// What happened, as [`crate::history`] writes it.
pub const HISTORY: &str = "history.jsonl";
/// The frames, as the site's wire captures them.
pub const CAPTURE: &str = "wire.pcapng";
/// The calls in it, as [`crate::rpc::Call`] is written.
pub const CALLS: &str = "calls.jsonl";
/// Where the nodes' console logs are.
pub const CONSOLES: &str = "console";

/// Reads plan.yaml and history.jsonl in `directory` and judges them. The circumstances (files,
/// counts of the site) are taken from report.json when there is one, so that the same history
/// gives the same report.
pub fn recheck(directory: &Path) -> Result<Report, RecheckError> {
    let path = directory.join("plan.yaml");
    let plan = read(&path)?;
    let plan: Plan = serde_yaml::from_str(&plan)
        .map_err(|error| RecheckError::Plan { path, problem: error.to_string() })?;
    let saved = reader::read(&directory.join(HISTORY))?;
    let before = read_report(&directory.join("report.json"))?;
    let changed =
        before.as_ref().is_some_and(|report| report.provenance.history_sha256 != saved.sha256);
    let findings = before.as_ref().map(|report| report.findings.clone()).unwrap_or_default();
    let circumstances = match before {
        Some(report) => Circumstances {
            history_sha256: saved.sha256,
            artefacts: report.artefacts,
            site: report.statistics.site,
            wall: report.wall,
        },
        None => Circumstances {
            history_sha256: saved.sha256,
            artefacts: artefacts(directory),
            ..Circumstances::default()
        },
    };
    let mut report = judge(&plan, &saved.events, circumstances);
    match directory.join(CAPTURE).exists() {
        true => wire::tell(&mut report, &plan, &saved.events, directory),
        // The frames were not kept; what was told of them then still holds.
        false if !changed => keep(&mut report.findings, findings),
        false => {}
    }
    last_words::tell(&mut report, &saved.events, directory);
    if changed {
        let note = "history.jsonl is not the one that report.json was made from";
        report.notes.push(note.into());
    }
    Ok(report)
}

/// Puts the calls that were told around violations before into the same ones of now.
fn keep(findings: &mut [Finding], before: Vec<Finding>) {
    for (now, then) in findings.iter_mut().zip(before) {
        if (now.invariant, now.at_ns) == (then.invariant, then.at_ns) {
            now.wire = then.wire;
        }
    }
}

/// The known files that are there, and the console logs.
pub fn artefacts(directory: &Path) -> Vec<Artefact> {
    let artefact =
        |file: &str, about: &str| Artefact { file: file.to_owned(), about: about.to_owned() };
    let known = FILES.iter();
    let known = known.filter(|(file, _)| directory.join(file).exists());
    let mut all: Vec<Artefact> = known.map(|(file, about)| artefact(file, about)).collect();
    let entries = fs::read_dir(directory.join(CONSOLES)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut consoles: Vec<String> = names.filter(|name| name.ends_with(".log")).collect();
    consoles.sort();
    all.extend(consoles.iter().map(|name| {
        let node = name.trim_end_matches(".log");
        artefact(&format!("{CONSOLES}/{name}"), &format!("the console of {node}"))
    }));
    all
}

fn read(path: &Path) -> Result<String, RecheckError> {
    fs::read_to_string(path).map_err(|source| RecheckError::Io { path: path.to_owned(), source })
}

fn read_report(path: &Path) -> Result<Option<Report>, RecheckError> {
    if !path.exists() {
        return Ok(None);
    }
    let report = json::read(&read(path)?)
        .map_err(|problem| RecheckError::Report { path: path.to_owned(), problem })?;
    Ok(Some(report))
}
