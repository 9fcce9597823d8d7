//! The baseline: violations that somebody has looked at and accepted, each with a reason.

use crate::cli::directory::named;
use crate::cli::exit::Failure;
use crate::scenario::shipped;
use crate::source::{Diagnostics, Document, KeyPath, Problem, Source};
use crate::suggest::closest;
use lockstorm_reports::Invariant;
use lockstorm_reports::set::gate::{Gate, Violation};
use lockstorm_reports::set::{RunSummary, lock_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use time::Date;
use time::macros::format_description;

/// Violations that somebody has looked at and accepted.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Baseline of lockstorm gate")]
pub struct Baseline {
    #[serde(default)]
    pub accepted: Vec<Accepted>,
}

/// An accepted violation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The lock's name, whatever tree or release of it; or as tables name one of them, such as
    /// `mylock@2.0`. Absent: whatever lock is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    pub scenario: String,
    /// Absent: an answer that a script did not expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invariant: Option<Invariant>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is: `2027-01-31`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The names that a baseline can have.
#[derive(Debug, Default)]
pub struct Known {
    pub scenarios: BTreeSet<String>,
    /// Without their trees and releases. Empty: nobody knows.
    pub locks: BTreeSet<String>,
}

impl Known {
    /// What is shipped, what lies in `scenarios`, and these.
    pub fn new<'a>(
        scenarios: impl Iterator<Item = &'a str>,
        locks: impl Iterator<Item = &'a str>,
        catalogue: &[String],
    ) -> Known {
        let folder = fs::read_dir("scenarios").into_iter().flatten().flatten();
        let files = folder.filter_map(|entry| entry.file_name().into_string().ok());
        let shipped = shipped::names().map(str::to_owned).chain(files);
        let stems = shipped.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned()));
        let bugs = shipped::known_bugs().map(str::to_owned);
        let locks = locks.map(|label| lock_of(label).to_owned());
        Known {
            scenarios: stems.chain(bugs).chain(scenarios.map(str::to_owned)).collect(),
            locks: locks.chain(catalogue.iter().cloned()).collect(),
        }
    }
}

/// A baseline that was read, and the way back into its file.
#[derive(Debug, Default)]
pub struct Loaded {
    pub baseline: Baseline,
    document: Option<Document>,
}

impl Loaded {
    /// Reads and checks a baseline, but for its names. An empty one accepts nothing.
    pub fn read(path: &Path) -> Result<Loaded, Diagnostics> {
        let source = match Source::read(path) {
            Err(_) if fs::read_to_string(path).is_ok_and(|text| is_blank(&text)) => {
                return Ok(Loaded::default());
            }
            source => source?,
        };
        if is_blank(&source.text) {
            return Ok(Loaded::default());
        }
        let document = Document::parse(source)?;
        let baseline: Baseline = document.read().map_err(|p| document.diagnose(p))?;
        let mut problems = Vec::new();
        for (index, accepted) in baseline.accepted.iter().enumerate() {
            let mut add = |key: &str, message: &str| {
                problems.push(Problem::new(place(index, key), message));
            };
            if accepted.reason.trim().is_empty() {
                add("reason", "an accepted violation without a reason; expected one");
            }
            if accepted.until.as_ref().is_some_and(|until| day(until).is_none()) {
                add("until", "this is no day; expected such as 2027-01-31");
            }
        }
        match problems.is_empty() {
            true => Ok(Loaded { baseline, document: Some(document) }),
            false => Err(document.diagnose_all(problems)),
        }
    }

    /// Refuses names that nobody has: what they accept, would never be.
    pub fn expect_known(&self, known: &Known) -> Result<(), Diagnostics> {
        let Some(document) = &self.document else { return Ok(()) };
        let mut problems = Vec::new();
        let mut check = |index, key, name: &str, all: &BTreeSet<String>| {
            if all.contains(name) {
                return;
            }
            let problem = Problem::new(place(index, key), format!("no {key} `{name}`"));
            let help = match closest(name, all.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("`lockstorm list {key}s` shows them"),
            };
            problems.push(problem.help(help));
        };
        for (index, accepted) in self.baseline.accepted.iter().enumerate() {
            check(index, "scenario", &accepted.scenario, &known.scenarios);
            if let Some(lock) = accepted.lock.as_deref().filter(|_| !known.locks.is_empty()) {
                check(index, "lock", lock_of(lock), &known.locks);
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(document.diagnose_all(problems)),
        }
    }
}

fn place(index: usize, key: &str) -> KeyPath {
    KeyPath::keys("accepted").index(index).key(key)
}

fn is_blank(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

impl Baseline {
    /// The JSON Schema of the file, with a line end.
    pub fn schema() -> String {
        let schema = schemars::schema_for!(Baseline);
        serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
    }

    /// What this baseline still accepts, and all that a gate has refused, to be looked at.
    pub fn with(&self, gate: &Gate, today: Date) -> Baseline {
        let kept = self.accepted.iter().filter(|accepted| {
            accepted.stands(today) && !gate.needless.contains(&accepted.words())
        });
        let refused = gate.refused.iter().map(|refused| Accepted {
            lock: Some(lock_of(&refused.what.lock).to_owned()),
            scenario: refused.what.scenario.clone(),
            invariant: refused.what.invariant,
            reason: format!(
                "seen on {today} in {}; nobody has looked at it yet",
                runs(refused.runs)
            ),
            until: None,
        });
        Baseline { accepted: kept.cloned().chain(refused).collect() }
    }

    /// Writes it into a new file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_yaml::to_string(self)
            .map_err(|error| Failure::Internal(format!("the baseline is no YAML: {error}")))?;
        let text = format!(
            "# What `lockstorm gate --baseline` accepts. Say why of each, or take it out.\n{text}"
        );
        let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
        let written =
            file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        written.map_err(named(path))
    }
}

fn runs(count: u64) -> String {
    lockstorm_reports::text::counted(count, "run")
}

impl Accepted {
    /// Whether it still stands on a day.
    pub fn stands(&self, today: Date) -> bool {
        let until = self.until.as_deref().and_then(day);
        until.is_none_or(|until| today <= until)
    }

    pub fn covers(&self, violation: &Violation) -> bool {
        self.is_about(&violation.lock)
            && self.scenario == violation.scenario
            && self.invariant == violation.invariant
    }

    /// Whether a run could have shown it.
    pub fn is_tried_by(&self, run: &RunSummary) -> bool {
        self.is_about(&run.lock) && self.scenario == run.scenario && run.judged().is_some()
    }

    /// Whether it is about a lock, by its label.
    fn is_about(&self, label: &str) -> bool {
        self.lock.as_ref().is_none_or(|lock| lock == label || lock == lock_of(label))
    }

    /// In words, for the report.
    pub fn words(&self) -> String {
        let lock = self.lock.clone().unwrap_or_else(|| "any lock".into());
        let (scenario, invariant) = (self.scenario.clone(), self.invariant);
        Violation { lock, scenario, invariant }.words()
    }
}

fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Month;

    fn load(text: &str) -> Result<Loaded, String> {
        told(text, Ok)
    }

    fn told(
        text: &str,
        check: impl Fn(Loaded) -> Result<Loaded, Diagnostics>,
    ) -> Result<Loaded, String> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("baseline.yaml");
        std::fs::write(&path, text).unwrap();
        let folder = format!("{}/", home.path().display());
        let read = Loaded::read(&path).and_then(check);
        read.map_err(|found| found.to_string().replace(&folder, ""))
    }

    const GOOD: &str = "accepted:\n- scenario: calm\n  invariant: mutual_exclusion\n  \
                        reason: issue 7\n  until: 2027-01-31\n";

    fn accepted() -> Accepted {
        load(GOOD).unwrap().baseline.accepted.remove(0)
    }

    #[test]
    fn an_acceptance_has_an_end() {
        let day = |day| Date::from_calendar_date(2027, Month::January, day).unwrap();
        assert!(accepted().stands(day(31)));
        assert!(!accepted().stands(day(31).next_day().unwrap()));
    }

    #[test]
    fn an_acceptance_covers_what_it_names_and_nothing_else() {
        let accepted = accepted();
        let (lock, scenario) = ("any".to_owned(), "calm".to_owned());
        let right = Violation { lock, scenario, invariant: Some(Invariant::MutualExclusion) };
        assert!(accepted.covers(&right));
        assert!(!accepted.covers(&Violation { scenario: "crash".into(), ..right.clone() }));
        assert!(!accepted.covers(&Violation { invariant: None, ..right.clone() }));
        let named = Accepted { lock: Some("other".into()), ..accepted };
        assert!(!named.covers(&right));
        for label in ["other", "other+tree", "other@2.0"] {
            assert!(named.covers(&Violation { lock: label.into(), ..right.clone() }), "{label}");
        }
        let release = Accepted { lock: Some("other@1.0".into()), ..named };
        assert!(!release.covers(&Violation { lock: "other@2.0".into(), ..right }));
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

    #[test]
    fn names_that_nobody_has_are_told_with_the_nearest_one() {
        let known = Known::new(["mine"].into_iter(), ["mylock+src"].into_iter(), &["fcntl".into()]);
        let check = |text: &str| {
            told(text, |loaded| loaded.expect_known(&known).map(|()| loaded)).map(drop)
        };
        for scenario in ["calm", "two-breakers", "mine"] {
            check(&GOOD.replace("calm", scenario)).unwrap();
        }
        let said = check(&GOOD.replace("calm", "two-breaker")).unwrap_err();
        assert!(said.contains("no scenario `two-breaker`"), "{said}");
        assert!(said.contains("did you mean `two-breakers`?"), "{said}");
        assert!(said.contains("baseline.yaml:2:13"), "{said}");
        let lock =
            |lock: &str| check(&GOOD.replace("  reason", &format!("  lock: {lock}\n  reason")));
        for name in ["mylock", "mylock@2.0", "fcntl"] {
            lock(name).unwrap();
        }
        let said = lock("mylok").unwrap_err();
        assert!(said.contains("no lock `mylok`") && said.contains("`mylock`?"), "{said}");
    }

    #[test]
    fn an_empty_baseline_accepts_nothing() {
        for text in ["", "\n", "# nothing yet\n", "accepted: []\n"] {
            assert!(load(text).unwrap().baseline.accepted.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_a_baseline_and_replaces_no_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new.yaml");
        let baseline = Baseline { accepted: vec![accepted()] };
        baseline.write(&path).unwrap();
        assert_eq!(Loaded::read(&path).unwrap().baseline.accepted, baseline.accepted);
        let said = baseline.write(&path).unwrap_err();
        assert_eq!(said.exit(), crate::cli::exit::Exit::Input);
        assert!(said.to_string().contains("something is there already"), "{said}");
    }

    #[test]
    fn the_checked_in_schema_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/templates/baseline-schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, Baseline::schema()).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(checked_in == Baseline::schema(), "`UPDATE_SCHEMA=1 cargo test` writes it anew");
    }
}
