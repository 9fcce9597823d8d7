//! Checkers: pure functions from plan and history to findings.
//!
//! A checker is one file with one function, and one line in [`CHECKERS`]. What they all ask of
//! a history (who held when, who could reach whom, which clock stood where) is derived once,
//! in [`Evidence`]. Where something cannot be known, a checker accuses nobody; it counts the case
//! among its [`Doubts`], so that the report can say how much was not judged, and why.

pub mod acts;
pub mod asking;
pub mod assumptions;
pub mod bounds;
pub mod break_after_lifetime;
pub mod calls;
pub mod claims;
pub mod cleanliness;
pub mod clocks;
pub mod contact;
pub mod counts;
pub mod doubts;
pub mod evidence;
pub mod faults;
pub mod holds;
pub mod honest_is_held;
pub mod honest_refusal;
pub mod mutual_exclusion;
pub mod names;
pub mod no_descriptor_leak;
pub mod no_early_break;
pub mod no_lost_update;
pub mod owner_only_release;
pub mod recovery;
pub mod release_frees;
pub mod spans;
#[cfg(test)]
pub(crate) mod tests;

pub use doubts::Doubts;
pub use evidence::Evidence;

use lockstorm_reports::text::counted;
use lockstorm_reports::{Finding, Invariant, InvariantResult, Status};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One invariant and the function that checks it.
pub struct Checker {
    pub invariant: Invariant,
    pub check: fn(&Evidence) -> Outcome,
}

/// Every checker, in the order of the report.
pub const CHECKERS: [Checker; 10] = [
    mutual_exclusion::CHECKER,
    no_early_break::CHECKER,
    break_after_lifetime::CHECKER,
    owner_only_release::CHECKER,
    no_lost_update::CHECKER,
    honest_is_held::CHECKER,
    release_frees::CHECKER,
    no_descriptor_leak::CHECKER,
    honest_refusal::CHECKER,
    cleanliness::CHECKER,
];

/// What a checker saw.
pub enum Outcome {
    /// Cases were judged; without findings, the promise was kept in all of them.
    Judged {
        /// What the cases were: `183 critical sections`.
        what: String,
        judged: Judged,
    },
    /// Nothing in this run put the invariant to the test, or nothing that could be judged.
    Vacuous { why: String, doubts: Doubts },
    /// The lock cannot promise this: the reason.
    NotPromised(String),
}

/// What a checker judged, found, and could not judge.
#[derive(Default)]
pub struct Judged {
    pub cases: u64,
    pub findings: Vec<Finding>,
    pub doubts: Doubts,
}

impl Judged {
    /// The cases of `what` (a singular), or vacuous for the reason.
    fn outcome(self, what: &str, otherwise: &str) -> Outcome {
        if self.cases == 0 && self.findings.is_empty() {
            return Outcome::Vacuous { why: otherwise.into(), doubts: self.doubts };
        }
        Outcome::Judged { what: counted(self.cases, what), judged: self }
    }
}

/// Findings kept an invariant: a lock that always says yes has thousands, and one is enough.
pub const FINDINGS_MAX: usize = 10;

/// Runs every checker. A checker that panics is a bug of lockstorm, and its invariant is unknown.
pub fn check(evidence: &Evidence) -> (Vec<InvariantResult>, Vec<Finding>) {
    let mut results = Vec::new();
    let mut findings = Vec::new();
    for checker in &CHECKERS {
        let (result, found) = run(checker, evidence);
        results.push(result);
        findings.extend(found);
    }
    (results, findings)
}

fn run(checker: &Checker, evidence: &Evidence) -> (InvariantResult, Vec<Finding>) {
    let mut result = InvariantResult {
        invariant: checker.invariant,
        status: Status::NotPromised,
        judged: 0,
        violations: 0,
        note: "the lock's profile does not promise it".into(),
        not_judged: Vec::new(),
        promise: String::new(),
    };
    if !evidence.plan.profile.promises.contains_key(&checker.invariant) {
        return (result, Vec::new());
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| (checker.check)(evidence)));
    let mut found = Vec::new();
    (result.status, result.note) = match outcome {
        Ok(Outcome::NotPromised(why)) => (Status::NotPromised, why),
        Ok(Outcome::Vacuous { why, doubts }) => {
            result.not_judged = doubts.told();
            (Status::Vacuous, why)
        }
        Ok(Outcome::Judged { what, judged }) => {
            result.judged = judged.cases;
            result.violations = judged.findings.len() as u64;
            result.not_judged = judged.doubts.told();
            found = judged.findings;
            if found.is_empty() {
                (Status::Kept, what)
            } else {
                // By class first, so that a broken promise is never among those left out.
                found.sort_by_key(|finding| (finding.class, finding.at_ns));
                found.truncate(FINDINGS_MAX);
                let note = format!("{} among {what}", times(result.violations));
                (Status::Violated, note)
            }
        }
        Err(panic) => (Status::Unknown, format!("its checker failed: {}", message(&*panic))),
    };
    (result, found)
}

fn times(count: u64) -> String {
    match count {
        1 => "once".into(),
        _ => format!("{count} times"),
    }
}

/// The words of a panic.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
