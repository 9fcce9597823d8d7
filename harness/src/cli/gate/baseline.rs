//! The baseline: violations that somebody has looked at and accepted, each with a reason.

use crate::source::{Diagnostics, Document, KeyPath, Problem, Source};
use lockstorm_reports::set::RunSummary;
use lockstorm_reports::{Class, Invariant};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;
use time::Date;
use time::macros::format_description;

/// Violations that somebody has looked at and accepted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    #[serde(default)]
    pub accepted: Vec<Accepted>,
}

/// An accepted violation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The lock as the gate names it; absent: whatever lock is tried.
    pub lock: Option<String>,
    pub scenario: String,
    /// Absent: an answer that a script did not expect.
    pub invariant: Option<Invariant>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is: `2027-01-31`.
    pub until: Option<String>,
}

/// One thing that was wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub lock: String,
    pub scenario: String,
    /// `None`: an answer that a script did not expect.
    pub invariant: Option<Invariant>,
}

impl Baseline {
    /// Reads and checks a baseline.
    pub fn load(path: &Path) -> Result<Baseline, Diagnostics> {
        let document = Document::parse(Source::read(path)?)?;
        let baseline: Baseline = document.read().map_err(|p| document.diagnose(p))?;
        let mut problems = Vec::new();
        for (index, accepted) in baseline.accepted.iter().enumerate() {
            let mut add = |key: &str, message: &str| {
                let path = KeyPath::keys("accepted").index(index).key(key);
                problems.push(Problem::new(path, message));
            };
            if accepted.reason.trim().is_empty() {
                add("reason", "an accepted violation without a reason; expected one");
            }
            if accepted.until.as_ref().is_some_and(|until| day(until).is_none()) {
                add("until", "this is no day; expected such as 2027-01-31");
            }
        }
        match problems.is_empty() {
            true => Ok(baseline),
            false => Err(document.diagnose_all(problems)),
        }
    }
}

impl Accepted {
    /// Whether it still stands on a day.
    pub fn stands(&self, today: Date) -> bool {
        let until = self.until.as_deref().and_then(day);
        until.is_none_or(|until| today <= until)
    }

    pub fn covers(&self, violation: &Violation) -> bool {
        self.lock.as_ref().is_none_or(|lock| *lock == violation.lock)
            && self.scenario == violation.scenario
            && self.invariant == violation.invariant
    }

    /// Whether a run could have shown it.
    pub fn is_tried_by(&self, run: &RunSummary) -> bool {
        let lock = self.lock.as_ref().is_none_or(|lock| *lock == run.lock);
        lock && self.scenario == run.scenario && run.judged().is_some()
    }

    /// In words, for the report.
    pub fn words(&self) -> String {
        let lock = self.lock.as_deref().unwrap_or("any lock");
        format!("{lock} in {}: {}", self.scenario, what(self.invariant))
    }
}

impl Violation {
    /// What a run broke, within what its lock assumes or not.
    pub fn of(run: &RunSummary, beyond_too: bool) -> Vec<Violation> {
        let Some(judged) = run.judged() else {
            return Vec::new();
        };
        let counts = |class: Class| beyond_too || class != Class::BeyondAssumptions;
        let broken = judged.invariants.iter().filter(|found| found.class.is_some_and(counts));
        let broken = broken.map(|found| Some(found.invariant));
        let unmet = (!judged.unmet_steps.is_empty()).then_some(None);
        let violation = |invariant| Violation {
            lock: run.lock.clone(),
            scenario: run.scenario.clone(),
            invariant,
        };
        broken.chain(unmet).map(violation).collect()
    }

    /// In words, for the report.
    pub fn words(&self) -> String {
        format!("{} in {}: {}", self.lock, self.scenario, what(self.invariant))
    }
}

fn what(invariant: Option<Invariant>) -> &'static str {
    invariant.map_or("an answer that the script does not expect", Invariant::words)
}

fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Month;

    fn load(text: &str) -> Result<Baseline, String> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("baseline.yaml");
        std::fs::write(&path, text).unwrap();
        let folder = format!("{}/", home.path().display());
        Baseline::load(&path).map_err(|found| found.to_string().replace(&folder, ""))
    }

    const GOOD: &str = "accepted:\n- scenario: calm\n  invariant: mutual_exclusion\n  \
                        reason: issue 7\n  until: 2027-01-31\n";

    #[test]
    fn an_acceptance_has_an_end() {
        let baseline = load(GOOD).unwrap();
        let day = |day| Date::from_calendar_date(2027, Month::January, day).unwrap();
        assert!(baseline.accepted[0].stands(day(31)));
        assert!(!baseline.accepted[0].stands(day(31).next_day().unwrap()));
    }

    #[test]
    fn an_acceptance_covers_what_it_names_and_nothing_else() {
        let accepted = load(GOOD).unwrap().accepted.remove(0);
        let (lock, scenario) = ("any".to_owned(), "calm".to_owned());
        let right = Violation { lock, scenario, invariant: Some(Invariant::MutualExclusion) };
        assert!(accepted.covers(&right));
        assert!(!accepted.covers(&Violation { scenario: "crash".into(), ..right.clone() }));
        assert!(!accepted.covers(&Violation { invariant: None, ..right.clone() }));
        let named = Accepted { lock: Some("other".into()), ..accepted };
        assert!(!named.covers(&right));
    }

    #[test]
    fn what_is_no_baseline_is_told_where() {
        insta::assert_snapshot!(load(&GOOD.replace("issue 7", "\"\"")).unwrap_err(), @r#"
        error: an accepted violation without a reason
          --> baseline.yaml:4:11
           |
         4 |   reason: ""
           |           ^^
          = help: expected one
        "#);
        let said = load(&GOOD.replace("2027-01-31", "soon")).unwrap_err();
        assert!(said.contains("this is no day") && said.contains("baseline.yaml:5:10"), "{said}");
        let said = load(&GOOD.replace("reason", "raeson")).unwrap_err();
        assert!(said.contains("did you mean `reason`?"), "{said}");
    }
}
