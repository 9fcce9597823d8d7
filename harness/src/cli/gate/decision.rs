//! What a gate makes of a result set: refused, accepted, or not known.

mod document;

use super::OnUnknown;
use super::baseline::{Accepted, Baseline, Violation};
use crate::cli::exit::Exit;
use lockstorm_reports::github::annotation;
use lockstorm_reports::set::{Outcome, ResultSet, RunSummary};
use lockstorm_reports::text::quoted;
use std::collections::BTreeMap;
use time::Date;

/// What the gate makes of a result set.
#[derive(Debug, Default)]
pub struct Decision {
    /// Violations that nobody accepts.
    refused: BTreeMap<Violation, Refused>,
    accepted: BTreeMap<Violation, (usize, String)>,
    /// Acceptances whose day has passed.
    expired: Vec<String>,
    /// Acceptances of what did not happen, though it was tried.
    needless: Vec<String>,
    unknown: usize,
    left: usize,
    runs: usize,
}

/// A violation that nobody accepts.
#[derive(Debug)]
struct Refused {
    runs: usize,
    /// The commands that make one of them again, and that explain it.
    commands: Vec<String>,
}

impl Refused {
    /// By a run of the set in this directory.
    fn by(run: &RunSummary, directory: &str) -> Refused {
        let explain = run
            .directory
            .as_ref()
            .map(|own| format!("lockstorm explain {}", quoted(&format!("{directory}/{own}"))));
        let again = run.reproduce_from(Some(directory));
        Refused { runs: 0, commands: [again].into_iter().chain(explain).collect() }
    }
}

impl Decision {
    /// `directory` is the set's, as the user names it.
    pub fn of(
        set: &ResultSet,
        directory: &str,
        baseline: &Baseline,
        strict: bool,
        today: Date,
        left: usize,
    ) -> Decision {
        let mut decision = Decision { left, runs: set.runs.len(), ..Decision::default() };
        let mut happened = vec![false; baseline.accepted.len()];
        for run in &set.runs {
            if matches!(run.outcome(), Outcome::Unknown | Outcome::Failed) {
                decision.unknown += 1;
            }
            for violation in Violation::of(run, strict) {
                let covers = |accepted: &Accepted| accepted.covers(&violation);
                let by = baseline.accepted.iter().position(covers);
                by.inspect(|index| happened[*index] = true);
                match by.map(|index| &baseline.accepted[index]).filter(|by| by.stands(today)) {
                    Some(by) => {
                        let entry = decision.accepted.entry(violation);
                        entry.or_insert_with(|| (0, by.reason.clone())).0 += 1;
                    }
                    None => {
                        let entry = decision.refused.entry(violation);
                        entry.or_insert_with(|| Refused::by(run, directory)).runs += 1;
                    }
                }
            }
        }
        let tried = |accepted: &Accepted| set.runs.iter().any(|run| accepted.is_tried_by(run));
        for (accepted, happened) in baseline.accepted.iter().zip(happened) {
            match (accepted.stands(today), happened) {
                (false, _) => decision.expired.push(accepted.words()),
                (true, false) if tried(accepted) => decision.needless.push(accepted.words()),
                _ => {}
            }
        }
        decision
    }

    pub fn exit(&self, on_unknown: OnUnknown) -> Exit {
        if !self.refused.is_empty() {
            Exit::Violated
        } else if (self.unknown > 0 && on_unknown == OnUnknown::Fail) || self.runs == 0 {
            Exit::Unknown
        } else {
            Exit::Valid
        }
    }

    pub fn words(&self) -> String {
        let mut page = String::from("\nGate\n");
        let mut line = |text: String| page.push_str(&format!("  {text}\n"));
        for (violation, Refused { runs, commands }) in &self.refused {
            line(format!("refused   {}, in {}", violation.words(), counted(*runs)));
            for command in commands {
                line(format!("          $ {command}"));
            }
        }
        for (violation, (runs, reason)) in &self.accepted {
            let words = violation.words();
            line(format!("accepted  {words}, in {}: {reason}", counted(*runs)));
        }
        for words in &self.expired {
            line(format!("expired   {words}: the day until which it was accepted has passed"));
        }
        for words in &self.needless {
            line(format!("needless  {words}: it did not happen; take it out of the baseline"));
        }
        if self.unknown > 0 {
            line(format!("unknown   {}", counted(self.unknown)));
        }
        if self.left > 0 {
            line(format!("left out  {}: there was no time for them", counted(self.left)));
        }
        page.push_str(&format!("\n{}\n", self.verdict()));
        page
    }

    /// As annotations of a job of GitHub Actions: what is accepted is no error there either.
    pub fn annotations(&self) -> String {
        let mut page = String::new();
        let mut annotate = |level: &str, message: &str| {
            page.push_str(&annotation(level, "lockstorm gate", message));
        };
        for (violation, Refused { runs, commands }) in &self.refused {
            let commands: String = commands.iter().map(|line| format!("\n$ {line}")).collect();
            let words = violation.words();
            annotate("error", &format!("refused: {words}, in {}{commands}", counted(*runs)));
        }
        for words in &self.expired {
            annotate(
                "warning",
                &format!("{words}: the day until which it was accepted has passed"),
            );
        }
        for words in &self.needless {
            annotate("warning", &format!("{words}: accepted, and did not happen"));
        }
        if self.unknown > 0 {
            annotate("warning", &format!("{} came to no verdict", counted(self.unknown)));
        }
        if self.left > 0 {
            annotate("warning", &format!("no time was left for {}", counted(self.left)));
        }
        let accepted: usize = self.accepted.values().map(|(runs, _)| runs).sum();
        let accepted = match accepted {
            0 => String::new(),
            _ => format!("; accepted violations in {}", counted(accepted)),
        };
        annotate("notice", &format!("{}{accepted}", self.verdict()));
        page
    }

    fn verdict(&self) -> String {
        let verdict = match (self.refused.is_empty(), self.unknown, self.runs) {
            (false, ..) => "REFUSED",
            (true, _, 0) => "UNKNOWN: nothing was run",
            (true, 1.., _) => "PASSED, as far as is known",
            (true, 0, _) => "PASSED",
        };
        format!("{verdict}: {}", counted(self.runs))
    }
}

fn counted(runs: usize) -> String {
    match runs {
        1 => "1 run".into(),
        _ => format!("{runs} runs"),
    }
}
