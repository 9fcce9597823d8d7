//! What many runs come to.

use lockstorm::plan::Plan;
use lockstorm_reports::{Class, FaultReport, Report, Verdict};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Default)]
pub struct Tally {
    runs: u64,
    verdicts: BTreeMap<String, u64>,
    accused: Vec<String>,
    /// Accusations whose cause is known to be another's.
    known: BTreeMap<&'static str, u64>,
    unknown_because: BTreeMap<String, u64>,
    struck: BTreeMap<String, (u64, u64)>,
    met: BTreeMap<(String, String), u64>,
    sections: u64,
    judged: u64,
    not_judged: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds a run. Answers a line to print if somebody should look at it.
    pub fn add(&mut self, number: u64, plan: &Plan, report: &Report) -> Option<String> {
        self.runs += 1;
        let lock = &plan.profile.name;
        self.sections += report.statistics.critical_sections;
        self.judged += report.invariants.iter().map(|result| result.judged).sum::<u64>();
        for doubt in report.invariants.iter().flat_map(|result| &result.not_judged) {
            *self.not_judged.entry(doubt.reason.clone()).or_default() += doubt.count;
        }
        self.count_faults(&report.faults);
        let word = match (report.verdict, report.class) {
            (Verdict::Violated, Some(Class::BeyondAssumptions)) => "beyond assumptions",
            (Verdict::Violated, _) => "broken promise",
            (verdict, _) => verdict.words(),
        };
        *self.verdicts.entry(word.into()).or_default() += 1;
        for reason in &report.unknown_because {
            *self.unknown_because.entry(without_numbers(reason)).or_default() += 1;
        }
        let broken = report.findings.iter().find(|f| f.class == Class::BrokenPromise);
        if let Some(broken) = broken {
            if plan.profile.primitive.is_kernel_managed() && server_restarted(&report.faults) {
                *self.known.entry(LATE_RECLAIM).or_default() += 1;
                return Some(format!("run {number}, {lock}: {LATE_RECLAIM}"));
            }
            let invariant = broken.invariant.words();
            let line =
                format!("run {number}, {lock}: ACCUSED, {invariant}: {}", broken.explanation);
            self.accused.push(line.clone());
            return Some(line);
        }
        let because = report.unknown_because.first()?;
        Some(format!("run {number}, {lock}: unknown: {because}"))
    }

    pub fn runs(&self) -> u64 {
        self.runs
    }

    pub fn accusations(&self) -> usize {
        self.accused.len()
    }

    fn count_faults(&mut self, faults: &[FaultReport]) {
        for (index, fault) in faults.iter().enumerate() {
            let (acted, missed) = self.struck.entry(fault.kind.clone()).or_default();
            match fault.missed {
                true => *missed += 1,
                false => *acted += 1,
            }
            for other in faults[..index].iter().filter(|other| in_force_together(fault, other)) {
                let mut kinds = [fault.kind.clone(), other.kind.clone()];
                kinds.sort();
                let [one, two] = kinds;
                *self.met.entry((one, two)).or_default() += 1;
            }
        }
    }
}

/// A server of Linux 6.12 grants a lock in its grace time that another client has yet to reclaim:
/// scenarios/late-reclaim.yaml, and scenarios/delegated-in-grace.yaml.
const LATE_RECLAIM: &str = "granted twice after a restart, as in late-reclaim";

fn server_restarted(faults: &[FaultReport]) -> bool {
    let restarts = |fault: &&FaultReport| matches!(&*fault.kind, "crash" | "nfsd");
    faults.iter().filter(restarts).any(|fault| fault.node == "server" && !fault.missed)
}

fn in_force_together(one: &FaultReport, two: &FaultReport) -> bool {
    let span = |fault: &FaultReport| {
        Some((fault.struck_ns?, fault.ended_ns.unwrap_or(u64::MAX))).filter(|_| !fault.missed)
    };
    match (span(one), span(two)) {
        (Some(one), Some(two)) => one.0 < two.1 && two.0 < one.1,
        _ => false,
    }
}

/// Reasons that differ in nodes and times alone are one.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{} runs, {} critical sections", self.runs, self.sections)?;
        writeln!(f, "{} cases judged", self.judged)?;
        for (reason, count) in &self.not_judged {
            writeln!(f, "  {count:6} not judged: {reason}")?;
        }
        for (verdict, count) in &self.verdicts {
            writeln!(f, "  {count:6} {verdict}")?;
        }
        writeln!(f, "accusations: {}", self.accused.len())?;
        for line in &self.accused {
            writeln!(f, "  {line}")?;
        }
        for (cause, count) in &self.known {
            writeln!(f, "known: {count} {cause}")?;
        }
        for (reason, count) in &self.unknown_because {
            writeln!(f, "unknown: {count} {reason}")?;
        }
        writeln!(f, "\n| fault | acted | missed |\n|---|---|---|")?;
        for (kind, (acted, missed)) in &self.struck {
            writeln!(f, "| {kind} | {acted} | {missed} |")?;
        }
        writeln!(f, "\n| in force together | times |\n|---|---|")?;
        for ((one, two), count) in &self.met {
            writeln!(f, "| {one} and {two} | {count} |")?;
        }
        Ok(())
    }
}
