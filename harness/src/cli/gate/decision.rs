//! What a gate makes of a result set: refused, accepted, or not known.

use super::OnUnknown;
use super::baseline::{Accepted, Baseline};
use crate::cli::exit::Exit;
use lockstorm_reports::github::annotation;
use lockstorm_reports::set::gate::{self, Gate, GateVerdict, Refused, Tried, Violation};
use lockstorm_reports::set::{self, Cause, End, LeftOut, Outcome, ResultSet, RunSummary};
use lockstorm_reports::text::{counted, quoted};
use std::collections::{BTreeMap, BTreeSet};
use time::Date;

/// Names of scenarios that are told in a verdict.
const TOLD_MAX: usize = 5;

/// What a decision rests on.
pub struct Grounds<'a> {
    pub set: &'a ResultSet,
    /// The set's directory, as the user names it.
    pub directory: &'a str,
    pub baseline: &'a Baseline,
    /// The baseline's file, as the user names it.
    pub baseline_file: Option<String>,
    /// Violations beyond the assumptions count.
    pub strict: bool,
    pub today: Date,
    /// The set is a part; the rest is made elsewhere.
    pub is_part: bool,
}

/// By a run of the set in this directory.
fn refused_by(what: Violation, run: &RunSummary, directory: &str) -> Refused {
    let explain = run
        .directory
        .as_ref()
        .map(|own| format!("lockstorm explain {}", quoted(&format!("{directory}/{own}"))));
    let again = run.reproduce_from(Some(directory));
    Refused { what, runs: 0, commands: [again].into_iter().chain(explain).collect() }
}

/// The decision of a gate.
pub fn decide(grounds: &Grounds) -> Gate {
    let Grounds { set, directory, baseline, strict, today, .. } = *grounds;
    let mut refused: BTreeMap<Violation, Refused> = BTreeMap::new();
    let mut accepted: BTreeMap<Violation, gate::Accepted> = BTreeMap::new();
    let mut happened = vec![false; baseline.accepted.len()];
    for run in &set.runs {
        for what in Violation::of(run, strict) {
            let by = baseline.accepted.iter().position(|accepted| accepted.covers(&what));
            by.inspect(|index| happened[*index] = true);
            match by.map(|index| &baseline.accepted[index]).filter(|by| by.stands(today)) {
                Some(by) => {
                    let reason = by.reason.clone();
                    let new = gate::Accepted { what: what.clone(), runs: 0, reason };
                    accepted.entry(what).or_insert(new).runs += 1;
                }
                None => {
                    let new = || refused_by(what.clone(), run, directory);
                    refused.entry(what.clone()).or_insert_with(new).runs += 1;
                }
            }
        }
    }
    let (mut expired, mut needless) = (Vec::new(), Vec::new());
    let tried = |accepted: &Accepted| set.runs.iter().any(|run| accepted.is_tried_by(run));
    for (accepted, happened) in baseline.accepted.iter().zip(happened) {
        match (accepted.stands(today), happened) {
            (false, _) => expired.push(accepted.words()),
            (true, false) if tried(accepted) => needless.push(accepted.words()),
            _ => {}
        }
    }
    let is_unknown = |run: &&RunSummary| {
        matches!(run.outcome(), Outcome::Unknown | Outcome::Failed) && !does_not_apply(run)
    };
    let mut gate = Gate {
        format: set::FORMAT,
        verdict: GateVerdict::Passed,
        words: String::new(),
        baseline: grounds.baseline_file.clone(),
        strict,
        refused: refused.into_values().collect(),
        accepted: accepted.into_values().collect(),
        expired,
        needless,
        unknown: set.runs.iter().filter(is_unknown).count() as u64,
        left_out: left_out(grounds),
        tried: Tried::of(set),
    };
    (gate.verdict, gate.words) = verdict(&gate, grounds);
    gate
}

/// A lock and a scenario that do not go together, as a matrix tells it.
fn does_not_apply(run: &RunSummary) -> bool {
    matches!(run.end, End::NotMade { cause: Cause::Input, .. })
}

/// What was not run, with the reasons that are known.
fn left_out(grounds: &Grounds) -> Vec<LeftOut> {
    let set = grounds.set;
    let mut all = set.header.left_out.clone();
    let mut known: BTreeSet<(String, String)> =
        all.iter().map(|left| (left.lock.clone(), left.scenario.clone())).collect();
    for run in &set.runs {
        let key = (run.lock.clone(), run.scenario.clone());
        if known.insert(key.clone()) && does_not_apply(run) {
            let (lock, scenario) = key;
            let why = format!("does not apply: {}", run.reason());
            all.push(LeftOut { lock, scenario, runs: None, why });
        }
    }
    for lock in set.header.locks.iter().filter(|_| !grounds.is_part) {
        for scenario in &set.header.scenarios {
            let (lock, scenario) = (lock.name.clone(), scenario.name.clone());
            if known.insert((lock.clone(), scenario.clone())) {
                let why = "no run of it is there".into();
                all.push(LeftOut { lock, scenario, runs: Some(0), why });
            }
        }
    }
    all
}

/// The scenarios of which not one run was made, though they apply.
fn never_tried(gate: &Gate, set: &ResultSet) -> BTreeSet<String> {
    let is_there = |left: &&LeftOut| {
        set.runs.iter().any(|run| (&run.lock, &run.scenario) == (&left.lock, &left.scenario))
    };
    let untried = gate.left_out.iter().filter(|left| left.runs.is_some());
    untried.filter(|left| !is_there(left)).map(|left| left.scenario.clone()).collect()
}

fn verdict(gate: &Gate, grounds: &Grounds) -> (GateVerdict, String) {
    let runs = counted(grounds.set.runs.len() as u64, "run");
    let untried = never_tried(gate, grounds.set);
    let part = if grounds.is_part { ", of this part" } else { "" };
    let left: u64 = gate.left_out.iter().filter_map(|left| left.runs).sum();
    let left = match left {
        0 => String::new(),
        _ => format!("; {} left out", counted(left, "more run")),
    };
    match (gate.refused.is_empty(), untried.is_empty(), gate.unknown) {
        (false, ..) => (GateVerdict::Refused, format!("REFUSED: {runs}{part}{left}")),
        _ if grounds.set.runs.is_empty() => {
            (GateVerdict::Unknown, format!("UNKNOWN: nothing was run: {runs}{part}{left}"))
        }
        (true, false, _) => {
            let mut names: Vec<String> = untried.iter().take(TOLD_MAX).cloned().collect();
            if untried.len() > TOLD_MAX {
                names.push(format!("{} more", untried.len() - TOLD_MAX));
            }
            let names = names.join(", ");
            (GateVerdict::Unknown, format!("UNKNOWN: never tried: {names} ({runs}{left})"))
        }
        (true, true, 0) => (GateVerdict::Passed, format!("PASSED: {runs}{part}{left}")),
        (true, true, _) => {
            (GateVerdict::Passed, format!("PASSED, as far as is known: {runs}{part}{left}"))
        }
    }
}

/// The exit code of a decision about so many runs.
pub fn exit(gate: &Gate, runs: usize, on_unknown: OnUnknown) -> Exit {
    let is_unknown = gate.verdict == GateVerdict::Unknown || gate.unknown > 0;
    match gate.verdict {
        GateVerdict::Refused => Exit::Violated,
        _ if runs == 0 || (is_unknown && on_unknown == OnUnknown::Fail) => Exit::Unknown,
        _ => Exit::Valid,
    }
}

/// As annotations of a job of GitHub Actions: what is accepted is no error there either.
pub fn annotations(gate: &Gate) -> String {
    let mut page = String::new();
    let mut annotate = |level: &str, message: &str| {
        page.push_str(&annotation(level, "lockstorm gate", message));
    };
    for line in gate.lines() {
        let level = match line.label {
            "refused" => "error",
            "expired" | "needless" | "unknown" => "warning",
            "not tried" => "notice",
            _ => continue,
        };
        let commands: String = line.commands.iter().map(|line| format!("\n$ {line}")).collect();
        annotate(level, &format!("{}: {}{commands}", line.label, line.text));
    }
    // Of each kind, GitHub shows ten.
    for (level, is_missed) in [("warning", true), ("notice", false)] {
        let left = gate.left_out.iter().filter(|left| left.runs.is_some() == is_missed);
        let left: Vec<String> = left.map(LeftOut::words).collect();
        if !left.is_empty() {
            annotate(level, &format!("left out:\n{}", left.join("\n")));
        }
    }
    let accepted: u64 = gate.accepted.iter().map(|accepted| accepted.runs).sum();
    let accepted = match accepted {
        0 => String::new(),
        _ => format!("; accepted violations in {}", counted(accepted, "run")),
    };
    annotate("notice", &format!("{}{accepted}", gate.words));
    page
}
