//! A document as test cases, for the formats that know nothing else.
//!
//! A broken promise fails. What lies beyond a lock's assumptions, was not tried or is not
//! promised is skipped: nobody has promised it, so that nobody needs to mend it. What could not
//! be judged is an error.

use crate::compare::{Change, Comparison};
use crate::set::gate::GateVerdict;
use crate::set::{Cause, Cell, End, Gate, Outcome, ResultSet, RunSummary, Table};
use crate::subject::Subject;
use crate::text::seconds;
use crate::{Class, Finding, Hold, Invariant, InvariantResult, NotJudged, Report, Status};

/// Findings told in one case.
const TOLD_MAX: usize = 3;

/// Cases that belong together.
pub struct Suite {
    pub name: String,
    pub cases: Vec<Case>,
}

/// One test case.
pub struct Case {
    pub name: String,
    pub status: CaseStatus,
    /// Why, in a sentence; empty for one that passed.
    pub message: String,
    /// The rest, a line each.
    pub detail: Vec<String>,
    pub wall_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseStatus {
    Passed,
    Failed,
    Error,
    Skipped,
}

impl Suite {
    pub fn count(&self, status: CaseStatus) -> usize {
        self.cases.iter().filter(|case| case.status == status).count()
    }
}

/// The cases of a document, whose files are in `directory` as the reader can name it.
pub fn suites(subject: Subject, directory: Option<&str>) -> Vec<Suite> {
    match subject {
        Subject::Run(report) => vec![of_run(report, directory)],
        Subject::Set(set) => of_set(set, directory),
        Subject::Comparison(comparison) => vec![of_comparison(comparison)],
    }
}

// --- A run ---------------------------------------------------------------------------------

fn of_run(report: &Report, directory: Option<&str>) -> Suite {
    let mut cases: Vec<Case> =
        report.invariants.iter().map(|result| invariant(report, result, directory)).collect();
    if !report.unmet_steps.is_empty() {
        let steps = report.unmet_steps.iter().map(|step| {
            let at = seconds(step.at_ns);
            format!(
                "step {} `{}` at {at}: saw {}",
                step.step.saturating_add(1),
                step.text,
                step.saw
            )
        });
        let steps: Vec<String> = steps.collect();
        cases.push(Case {
            name: "the script's steps".into(),
            status: CaseStatus::Failed,
            message: steps.first().cloned().unwrap_or_default(),
            detail: steps,
            wall_ms: None,
        });
    }
    let unknown = report.unknown_because.first();
    cases.push(Case {
        name: "the run itself".into(),
        status: if unknown.is_some() { CaseStatus::Error } else { CaseStatus::Passed },
        message: unknown.cloned().unwrap_or_default(),
        detail: report.unknown_because.clone(),
        wall_ms: report.wall.as_ref().map(|wall| wall.milliseconds),
    });
    let (scenario, lock) = (&report.scenario.name, &report.lock.name);
    Suite { name: format!("{lock}: {scenario}, seed {}", report.scenario.seed), cases }
}

fn invariant(report: &Report, result: &InvariantResult, directory: Option<&str>) -> Case {
    let found: Vec<&Finding> =
        report.findings.iter().filter(|found| found.invariant == result.invariant).collect();
    let gravest = found.iter().map(|finding| finding.class).min();
    let status = match (result.status, gravest) {
        (Status::Kept, _) => CaseStatus::Passed,
        (Status::Violated, Some(Class::BeyondAssumptions)) => CaseStatus::Skipped,
        (Status::Violated, _) => CaseStatus::Failed,
        (Status::Vacuous | Status::NotPromised, _) => CaseStatus::Skipped,
        (Status::Unknown, _) => CaseStatus::Error,
    };
    let message = match (result.status, gravest) {
        (Status::Kept, _) => String::new(),
        (Status::Violated, Some(class)) => format!("{}: {}", class.words(), result.note),
        _ => result.note.clone(),
    };
    let mut detail: Vec<String> = found.iter().take(TOLD_MAX).flat_map(|f| told(f)).collect();
    if !detail.is_empty() && !result.promise.is_empty() {
        detail.insert(0, format!("the promise: {}", result.promise));
    }
    detail.extend(result.not_judged.iter().map(NotJudged::words));
    if !found.is_empty() {
        let again = report.reproduce_words(directory);
        detail.extend(again.map(|command| format!("$ {command}")));
    }
    let name = invariant_name(result.invariant);
    Case { name, status, message, detail, wall_ms: None }
}

fn invariant_name(invariant: Invariant) -> String {
    invariant.words().into()
}

fn told(finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!("at {}: {}", seconds(finding.at_ns), finding.explanation)];
    lines.extend(finding.beyond.iter().map(|beyond| format!("  beyond: {beyond}")));
    lines.extend(finding.holds.iter().map(|hold| format!("  {}", hold.words())));
    lines.extend(finding.faults.iter().map(|fault| format!("  fault: {fault}")));
    lines
}

impl Hold {
    /// `c1 inside from 1.000 s to 2.000 s`.
    fn words(&self) -> String {
        let until = match self.until_ns {
            Some(until) if self.died => format!("until it died at {}", seconds(until)),
            Some(until) => format!("to {}", seconds(until)),
            None => "to the end of the run".into(),
        };
        format!("{} inside from {} {until}", self.client, seconds(self.from_ns))
    }
}

// --- A set ---------------------------------------------------------------------------------

fn of_set(set: &ResultSet, directory: Option<&str>) -> Vec<Suite> {
    let table = Table::of(set);
    let gate = set.gate.as_ref();
    let cells = table.rows.iter().flat_map(|row| &row.cells);
    let cells = cells.filter(|cell| !cell.runs.is_empty());
    gate.map(of_gate).into_iter().chain(cells.map(|cell| of_cell(cell, gate, directory))).collect()
}

/// What a gate says: its verdict, and what it did not try.
fn of_gate(gate: &Gate) -> Suite {
    let status = match gate.verdict {
        GateVerdict::Passed => CaseStatus::Passed,
        GateVerdict::Refused => CaseStatus::Failed,
        GateVerdict::Unknown => CaseStatus::Error,
    };
    let case = |name: String, status, message: String, detail| Case {
        name,
        status,
        message,
        detail,
        wall_ms: None,
    };
    let detail = gate.lines().into_iter().flat_map(|line| {
        let commands = line.commands.iter().map(|command| format!("  $ {command}"));
        let commands: Vec<String> = commands.collect();
        [format!("{}: {}", line.label, line.text)].into_iter().chain(commands)
    });
    let mut cases = vec![case("verdict".into(), status, gate.words.clone(), detail.collect())];
    cases.extend(gate.left_out.iter().map(|left| {
        let name = format!("{} in {}", left.lock, left.scenario);
        case(name, CaseStatus::Skipped, format!("left out: {}", left.words()), Vec::new())
    }));
    Suite { name: "gate".into(), cases }
}

fn of_cell(cell: &Cell, gate: Option<&Gate>, directory: Option<&str>) -> Suite {
    let cases = cell.runs.iter().map(|run| of_summary(run, gate, directory)).collect();
    Suite { name: format!("{}: {}", cell.lock, cell.scenario), cases }
}

fn of_summary(run: &RunSummary, gate: Option<&Gate>, directory: Option<&str>) -> Case {
    let outcome = run.outcome();
    let accepted = gate.and_then(|gate| gate.accepts(run));
    let status = match outcome {
        _ if accepted.is_some() => CaseStatus::Skipped,
        Outcome::Valid => CaseStatus::Passed,
        Outcome::BrokenPromise | Outcome::ScriptExpectation => CaseStatus::Failed,
        Outcome::BeyondAssumptions => CaseStatus::Skipped,
        // A lock and a scenario that do not go together are nobody's trouble.
        Outcome::Failed if matches!(run.end, End::NotMade { cause: Cause::Input, .. }) => {
            CaseStatus::Skipped
        }
        Outcome::Unknown | Outcome::Failed => CaseStatus::Error,
    };
    let mut case = Case {
        name: format!("seed {}", run.seed),
        status,
        message: String::new(),
        detail: Vec::new(),
        wall_ms: run.judged().and_then(|judged| judged.wall_ms),
    };
    if status != CaseStatus::Passed {
        case.message = match accepted {
            Some(reason) => format!("accepted, {}: {reason}", outcome.words()),
            None => format!("{}: {}", outcome.words(), run.reason()),
        };
        if let End::Judged(judged) = &run.end {
            case.detail.extend(judged.headlines.iter().map(|headline| {
                let at = seconds(headline.at_ns);
                format!("{}, at {at}: {}", headline.class.words(), headline.words())
            }));
            case.detail.extend(judged.unmet_steps.iter().cloned());
            case.detail.extend(judged.unknown_because.iter().cloned());
        }
        case.detail.push(format!("$ {}", run.reproduce_from(directory)));
    }
    case
}

// --- A comparison --------------------------------------------------------------------------

fn of_comparison(comparison: &Comparison) -> Suite {
    let mut cases: Vec<Case> = comparison.changes.iter().map(of_change).collect();
    cases.push(Case {
        name: format!("{} more, without a change", comparison.unchanged),
        status: CaseStatus::Passed,
        message: String::new(),
        detail: Vec::new(),
        wall_ms: None,
    });
    Suite { name: "compared with the base".into(), cases }
}

fn of_change(change: &Change) -> Case {
    let status = match (change.kind.is_worse(), change.sure) {
        (true, true) => CaseStatus::Failed,
        (true, false) => CaseStatus::Skipped,
        (false, _) => CaseStatus::Passed,
    };
    let mut detail = Vec::new();
    if !change.example.is_empty() {
        detail.push(change.example.clone());
    }
    if !change.reproduce.is_empty() {
        detail.push(format!("$ {}", change.reproduce));
    }
    Case {
        name: format!("{} in {}: {}", change.lock, change.scenario, change.title()),
        status,
        message: change.text.clone(),
        detail,
        wall_ms: None,
    }
}
