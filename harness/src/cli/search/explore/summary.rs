//! What a search came to, for people and for programs.

use super::findings::Statistics;
use super::progress::counted;
use crate::cli::exit::Exit;
use lockstorm_reports::set::{Outcome, RunSummary};
use lockstorm_reports::{Class, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Debug, Default, Serialize)]
pub struct Summary {
    pub seed: u64,
    /// Whether what runs covered decided what was tried next.
    pub guided: bool,
    /// Why it ended.
    pub ended: &'static str,
    pub wall_s: u64,
    pub runs: u64,
    /// How many runs ended so.
    pub verdicts: BTreeMap<&'static str, u64>,
    pub situations: usize,
    /// From one situation to the next.
    pub steps: usize,
    /// How many scenarios were kept.
    pub corpus: usize,
    pub locks: Vec<LockRow>,
    pub findings: Vec<Statistics>,
    /// Findings that were known before.
    pub known: Vec<KnownRow>,
    pub left_out: Vec<LeftOut>,
}

/// A lock that was explored.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LockRow {
    pub lock: String,
    /// Those that came to a verdict.
    pub runs: u64,
    /// Those that broke a promise within the lock's assumptions.
    pub broken: u64,
    /// Of the time that processors worked (ms).
    pub processors_ms: u64,
    /// Those that came to none, and why the first did not.
    pub unknown: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_because: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct KnownRow {
    pub lock: String,
    pub invariant: &'static str,
    pub reason: String,
    pub seen: u64,
}

/// A lock that was not explored.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    pub lock: String,
    pub reason: String,
    /// The run that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// It broke a promise.
    pub broken: bool,
}

impl LockRow {
    pub fn count(&mut self, run: &RunSummary) {
        let Some(judged) = run.judged() else { return };
        self.processors_ms += judged.processors_ms.unwrap_or(0);
        match judged.verdict {
            Verdict::Unknown => {
                self.unknown += 1;
                self.unknown_because.get_or_insert_with(|| run.reason());
            }
            _ => self.runs += 1,
        }
        self.broken += u64::from(run.outcome() == Outcome::BrokenPromise);
    }

    /// What is to be said of a lock that no run accuses: the largest share of such runs that would
    /// still have been missed with a probability of five per cent (0.95 = 1 - (1 - p)^n).
    fn bound(&self) -> Option<f64> {
        let unseen = self.broken == 0 && self.runs > 0;
        unseen.then(|| 1.0 - 0.05_f64.powf(1.0 / self.runs as f64))
    }
}

impl Summary {
    pub fn exit(&self) -> Exit {
        if !self.findings.is_empty() || self.left_out.iter().any(|lock| lock.broken) {
            Exit::Violated
        } else if self.locks.iter().all(|lock| lock.runs == 0) {
            Exit::Unknown
        } else {
            Exit::Valid
        }
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// `directory` is the search's, as the user names it.
    pub fn text(&self, directory: &str) -> String {
        let guided = if self.guided { "" } else { ", unguided" };
        let verdicts: Vec<String> =
            self.verdicts.iter().map(|(words, runs)| format!("{runs} {words}")).collect();
        let mut page = format!(
            "explored  {} of {} in {} s, seed {}{guided}; ended: {}\n\
             verdicts  {}\n\
             covered   {}, {} between them; {} kept in {directory}/corpus\n",
            counted(self.runs as usize, "run"),
            counted(self.locks.len(), "lock"),
            self.wall_s,
            self.seed,
            self.ended,
            verdicts.join(", "),
            counted(self.situations, "situation"),
            counted(self.steps, "step"),
            counted(self.corpus, "scenario"),
        );
        for found in &self.findings {
            page.push_str(&finding(found, directory));
        }
        for known in &self.known {
            let KnownRow { lock, invariant, reason, seen } = known;
            let seen = counted(*seen as usize, "run");
            page.push_str(&format!("\nKnown: {lock}: {invariant}, in {seen}: {reason}\n"));
        }
        for left in &self.left_out {
            page.push_str(&format!("\nLeft out: {}\n", left.words()));
        }
        page.push('\n');
        for lock in &self.locks {
            page.push_str(&lock_line(lock));
        }
        page
    }
}

impl LeftOut {
    pub fn words(&self) -> String {
        let run = self.run.as_ref().map(|run| format!(" ({run})")).unwrap_or_default();
        format!("{}: {}{run}", self.lock, self.reason)
    }
}

fn finding(found: &Statistics, directory: &str) -> String {
    let confirmation = match (found.confirmation.repeats, found.confirmation.without_faults) {
        (None, _) => "not run again yet",
        (Some(false), _) => "the same plan had another history when it was run again",
        (_, Some(true)) => "confirmed; without any fault, too",
        (_, Some(false)) => "confirmed; not without its faults",
        (_, None) => "confirmed; not tried without its faults",
    };
    let class = match found.class {
        Class::BeyondAssumptions => ", beyond its assumptions",
        _ => "",
    };
    let Statistics { fingerprint, lock, invariant, situation, seed, text, .. } = found;
    let path = lockstorm_reports::text::quoted(&format!("{directory}/{}", found.directory));
    format!(
        "\n{fingerprint}  {lock}: {invariant}{class}\n  {text}\n  situation  {situation}\n  \
         seen       in {}, first in run {} of this lock, after {:.1} s of processors\n  \
         again      {confirmation}\n  $ lockstorm scenario {path}/scenario.yaml --lock {} --seed {seed}\n",
        counted(found.seen as usize, "run"),
        found.runs_to_first,
        found.processors_ms_to_first as f64 / 1000.0,
        lockstorm_reports::text::quoted(lock),
    )
}

fn lock_line(row: &LockRow) -> String {
    let LockRow { lock, runs, broken, unknown, .. } = row;
    let mut line = match row.bound() {
        Some(bound) => format!(
            "{lock}: 0 of {runs} runs broke a promise: with 95 % confidence fewer than {:.2} % of \
             such runs do\n",
            bound * 100.0
        ),
        None if *runs == 0 => format!("{lock}: no run came to a verdict\n"),
        None => format!("{lock}: {broken} of {runs} runs broke a promise\n"),
    };
    if let Some(because) = &row.unknown_because {
        let unknown = counted(*unknown as usize, "run");
        line.push_str(&format!("  {unknown} proved nothing, the first because {because}\n"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::findings::Confirmation;
    use super::*;

    fn summary() -> Summary {
        let confirmation = Confirmation { repeats: Some(true), without_faults: Some(false) };
        let found = Statistics {
            fingerprint: "0a1b2c3d".into(),
            lock: "bad".into(),
            invariant: "mutual exclusion",
            class: Class::BrokenPromise,
            situation: "holds; holds (hit by cut)".into(),
            seed: 7,
            text: "c2 was inside when c1 entered".into(),
            runs_to_first: 12,
            processors_ms_to_first: 31_400,
            seen: 3,
            confirmation,
            directory: "findings/bad/0a1b2c3d".into(),
        };
        let row = |lock: &str, broken| LockRow {
            lock: lock.into(),
            runs: 100,
            broken,
            processors_ms: 250_000,
            unknown: broken,
            unknown_because: (broken > 0).then(|| "nobody entered a critical section".into()),
        };
        Summary {
            seed: 1,
            guided: true,
            ended: "the budget is spent",
            wall_s: 300,
            runs: 203,
            verdicts: [("valid", 197), ("broken promise", 3), ("unknown", 3)].into(),
            situations: 90,
            steps: 240,
            corpus: 31,
            locks: vec![row("good", 0), row("bad", 3)],
            findings: vec![found],
            known: vec![KnownRow {
                lock: "bad".into(),
                invariant: "no lost update",
                reason: "issue 7".into(),
                seen: 2,
            }],
            left_out: vec![LeftOut {
                lock: "worse".into(),
                reason: "it breaks a promise when nothing happens to it: mutual exclusion".into(),
                run: Some("out/runs/worse/calm/1".into()),
                broken: true,
            }],
        }
    }

    #[test]
    fn the_summary_tells_findings_and_what_was_not_found() {
        insta::assert_snapshot!(summary().text("out"));
        assert!(serde_json::from_str::<serde_json::Value>(&summary().json()).is_ok());
    }

    #[test]
    fn it_ends_as_what_was_found_says() {
        let clean = Summary { findings: Vec::new(), left_out: Vec::new(), ..summary() };
        assert_eq!(summary().exit(), Exit::Violated);
        assert_eq!(clean.exit(), Exit::Valid);
        assert_eq!(Summary::default().exit(), Exit::Unknown);
    }

    #[test]
    fn none_of_three_hundred_means_fewer_than_one_in_a_hundred() {
        let row = LockRow { runs: 300, ..LockRow::default() };
        let bound = row.bound().unwrap();
        assert!((0.0099..0.01).contains(&bound), "{bound}");
        assert_eq!(LockRow { broken: 1, ..row }.bound(), None);
    }
}
