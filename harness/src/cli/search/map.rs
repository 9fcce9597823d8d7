//! The map of a sweep: what came of each fault at each point.

use crate::cli::batch::Pair;
use crate::cli::exit::Failure;
use crate::cli::results;
use crate::cli::terminal::Terminal;
use crate::lock::profile::Primitive;
use crate::search::fingerprint::Fingerprint;
use crate::search::known::Known;
use crate::search::points::Point;
use crate::search::strikes::COLUMNS;
use crate::search::sweep::{Role, Trial};
use lockstorm_reports::map::{self, Cell, Column, Counts, Finding, Made, Map, Row};
use lockstorm_reports::set::{End, Headline, Judged, RunSummary};
use lockstorm_reports::terminal::SetOptions;
use lockstorm_reports::{Verdict, html};
use std::collections::BTreeMap;
use std::path::Path;

/// The map's file in the directory of a sweep.
const FILE: &str = "map.json";

/// Of each run that was kept.
const REPORT: &str = "report.json";
/// The map as a page, beside it.
const PAGE: &str = "map.html";

/// How a map is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Markdown,
    Json,
    Html,
}

/// Understands `--format`.
pub fn format(name: &str) -> Result<Format, String> {
    match name {
        "text" => Ok(Format::Text),
        "markdown" => Ok(Format::Markdown),
        "json" => Ok(Format::Json),
        "html" => Ok(Format::Html),
        _ => Err("there are: text, markdown, json, html".into()),
    }
}

/// Puts the runs of a sweep into their places. `runs` has one for each trial, where it was made.
pub fn of(
    told: &Pair,
    seed: u64,
    (calm, points): (&RunSummary, &[Point]),
    (trials, columns): (&[Trial], &[usize]),
    runs: &[Option<RunSummary>],
) -> Map {
    let mut rows: Vec<Row> = points.iter().map(|point| row(point, columns.len())).collect();
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let mut processors_ms = 0;
    let place = |column: usize| columns.iter().position(|one| *one == column);
    for (trial, run) in trials.iter().zip(runs) {
        let Some(column) = place(trial.column) else { continue };
        let judged = run.as_ref().and_then(|run| Some((run, run.judged()?)));
        if let Some((run, judged)) = judged {
            processors_ms += judged.processors_ms.or(judged.wall_ms).unwrap_or(0);
            note(&mut findings, run, judged, (trial.point, column));
        }
        rows[trial.point].cells[column] = cell(trial, run.as_ref(), (trials, runs));
    }
    let mut findings: Vec<Finding> = findings.into_values().collect();
    findings.sort_by(|one, other| {
        (one.class, one.first, &one.fingerprint).cmp(&(
            other.class,
            other.first,
            &other.fingerprint,
        ))
    });
    let version = calm.judged().and_then(|judged| judged.lock_version.clone());
    Map {
        format: map::FORMAT,
        lock: told.lock.clone(),
        lock_version: version,
        story: told.prepared().map(|it| it.scenario.about.clone()).unwrap_or_default(),
        seed,
        command: None,
        columns: columns.iter().map(|column| column_of(*column)).collect(),
        counts: Counts::of(&rows),
        rows,
        findings,
        processors_ms,
    }
}

fn row(point: &Point, columns: usize) -> Row {
    Row {
        name: point.name.clone(),
        about: point.about.clone(),
        client: point.client.clone(),
        at_ns: point.at_ns,
        cells: vec![Cell::NotApplicable; columns],
    }
}

fn column_of(column: usize) -> Column {
    let column = &COLUMNS[column];
    Column { name: column.name.into(), about: column.about.into() }
}

fn cell(
    trial: &Trial,
    run: Option<&RunSummary>,
    (trials, runs): (&[Trial], &[Option<RunSummary>]),
) -> Cell {
    let made = run.map(|run| match &run.end {
        End::Judged(judged) => Ok(made(run, judged)),
        End::NotMade { message, .. } => Err(message.clone()),
    });
    match (trial.role, made) {
        (Role::Alike { first }, _) => Cell::Alike { row: trials[first].point },
        (_, None) => Cell::NotMade { why: "not run yet".into() },
        (_, Some(Err(why))) => Cell::NotMade { why },
        (Role::Tried, Some(Ok(made))) => Cell::Made(made),
        (Role::Proof { first }, Some(Ok(made))) => {
            let verdict = |run: &RunSummary| run.judged().map(|it| (it.verdict, it.class));
            let other = runs[first].as_ref().and_then(verdict);
            let agrees = other == Some((made.verdict, made.class));
            Cell::Proof { row: trials[first].point, agrees, made }
        }
    }
}

fn made(run: &RunSummary, judged: &Judged) -> Made {
    Made {
        verdict: judged.verdict,
        class: judged.class,
        struck: judged.struck > 0,
        fingerprints: match judged.verdict {
            Verdict::Violated => Fingerprint::of(run).iter().map(Fingerprint::id).collect(),
            _ => Vec::new(),
        },
        directory: run.directory.clone(),
        reason: run.reason(),
    }
}

/// Counts what a run found.
fn note(
    findings: &mut BTreeMap<String, Finding>,
    run: &RunSummary,
    judged: &Judged,
    at: (usize, usize),
) {
    if judged.verdict != Verdict::Violated {
        return;
    }
    for (headline, fingerprint) in judged.headlines.iter().zip(Fingerprint::of(run)) {
        let first = || finding(run, headline, &fingerprint, at);
        findings.entry(fingerprint.id()).or_insert_with(first).seen += 1;
    }
}

/// Has a run that is made again from its files say so, by where the set is.
pub fn name_command(run: &mut RunSummary, set: &Path) {
    let command = run.reproduce_from(Some(&set.display().to_string()));
    if let End::Judged(judged) = &mut run.end {
        judged.reproduce = command;
    }
}

fn finding(
    run: &RunSummary,
    headline: &Headline,
    fingerprint: &Fingerprint,
    at: (usize, usize),
) -> Finding {
    Finding {
        fingerprint: fingerprint.id(),
        invariant: headline.invariant,
        class: headline.class,
        situation: headline.situation.clone(),
        explanation: headline.text.clone(),
        seen: 0,
        first: at,
        directory: run.directory.clone(),
        reproduce: run.reproduce_from(None),
        known: None,
    }
}

/// Says of each finding that is known why it is.
pub fn tell_known(map: &mut Map, known: &Known, made_of: Primitive) {
    for found in &mut map.findings {
        let fingerprint = Fingerprint {
            lock: map.lock.clone(),
            invariant: found.invariant.words(),
            class: found.class,
            situation: found.situation.clone(),
        };
        found.known = known.of(&fingerprint, made_of).map(|one| one.reason.clone());
    }
}

/// Keeps it beside the runs, and as a page.
pub fn save(map: &Map, set: &Path) -> Result<(), Failure> {
    results::write(set, Path::new(FILE), &map::json(map))?;
    results::write(set, Path::new(PAGE), &html::map(map, REPORT)).map(|_| ())
}

pub fn render(format: Format, map: &Map, set: &Path, terminal: &Terminal) -> String {
    let directory = set.display().to_string();
    let options = SetOptions {
        colour: terminal.colour(),
        columns: terminal.columns(),
        directory: Some(&directory),
    };
    match format {
        Format::Text => map::text(map, options),
        Format::Markdown => map::markdown(map),
        Format::Json => map::json(map),
        Format::Html => html::map(map, REPORT),
    }
}
