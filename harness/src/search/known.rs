//! Findings that somebody knows already, each with a reason: they are counted, and not shown again.

use crate::lock::profile::Primitive;
use crate::search::fingerprint::Fingerprint;
use crate::source::{Diagnostics, Document, KeyPath, Problem, Source};
use lockstorm_agent::glob;
use lockstorm_reports::Invariant;
use serde::Deserialize;
use std::path::Path;

/// What is known of the file systems themselves: no search needs to tell it again.
const SHIPPED: &str = include_str!("known.yaml");

/// The file's content.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    #[serde(default)]
    pub known: Vec<KnownFinding>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFinding {
    /// As in the summary; absent: any.
    pub lock: Option<String>,
    /// What the lock is made of, one of these; absent: any.
    pub primitives: Option<Vec<Primitive>>,
    /// Absent: any.
    pub invariant: Option<Invariant>,
    /// As in the summary; absent: any.
    pub fingerprint: Option<String>,
    /// As in the summary, where `*` stands for anything; absent: any.
    pub situation: Option<String>,
    /// Where it is known, or why it does not matter.
    pub reason: String,
}

impl Known {
    /// What is known of the file systems, and behind it what a list of the user's says.
    pub fn with(path: Option<&Path>) -> Result<Known, Diagnostics> {
        let mut all = Known::from_source(Source::from_bytes("known.yaml", SHIPPED.into())?)?;
        if let Some(path) = path {
            all.known.extend(Known::from_source(Source::read(path)?)?.known);
        }
        Ok(all)
    }

    /// Reads and checks a list.
    pub fn from_source(source: Source) -> Result<Known, Diagnostics> {
        let document = Document::parse(source)?;
        let known: Known = document.read().map_err(|p| document.diagnose(p))?;
        let mut problems = Vec::new();
        for (index, one) in known.known.iter().enumerate() {
            let path = KeyPath::keys("known").index(index);
            if one.reason.trim().is_empty() {
                let message = "a known finding without a reason; expected one";
                problems.push(Problem::new(path.key("reason"), message));
            }
            let names = (&one.lock, one.invariant, &one.fingerprint, &one.situation);
            if matches!(names, (None, None, None, None)) && one.primitives.is_none() {
                let message = "every finding would be this one; expected `lock`, `primitives`, \
                               `invariant`, `fingerprint` or `situation`";
                problems.push(Problem::new(path, message));
            }
        }
        match problems.is_empty() {
            true => Ok(known),
            false => Err(document.diagnose_all(problems)),
        }
    }

    /// What a finding of a lock that is made of this is known as.
    pub fn of(&self, fingerprint: &Fingerprint, made_of: Primitive) -> Option<&KnownFinding> {
        self.known.iter().find(|one| one.is(fingerprint, made_of))
    }
}

impl KnownFinding {
    fn is(&self, found: &Fingerprint, made_of: Primitive) -> bool {
        let invariant = self.invariant.map(Invariant::words);
        // A pattern with a slash in it means all of the text.
        let situation = |pattern: &String| {
            glob::matches(&format!("/{pattern}"), &format!("/{}", found.situation))
        };
        self.lock.as_ref().is_none_or(|lock| *lock == found.lock)
            && self.primitives.as_ref().is_none_or(|all| all.contains(&made_of))
            && invariant.is_none_or(|invariant| invariant == found.invariant)
            && self.fingerprint.as_ref().is_none_or(|id| *id == found.id())
            && self.situation.as_ref().is_none_or(situation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstorm_reports::Class;

    fn load(text: &str) -> Result<Known, String> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("known.yaml");
        std::fs::write(&path, text).unwrap();
        let folder = format!("{}/", home.path().display());
        Known::with(Some(&path)).map_err(|found| found.to_string().replace(&folder, ""))
    }

    fn found() -> Fingerprint {
        Fingerprint {
            lock: "a".into(),
            invariant: Invariant::MutualExclusion.words(),
            class: Class::BrokenPromise,
            situation: "holds (late); holds; server (hit by crash)".into(),
        }
    }

    #[test]
    fn a_finding_is_known_by_all_that_is_said_of_it() {
        let id = found().id();
        for (text, is_known) in [
            ("lock: a", true),
            ("lock: b", false),
            ("invariant: mutual_exclusion", true),
            ("invariant: no_lost_update", false),
            (&format!("fingerprint: '{id}'"), true),
            ("fingerprint: '00000000'", false),
            ("situation: 'holds (late); holds*'", true),
            ("situation: 'holds (late); holds'", false),
            ("{lock: a, invariant: no_lost_update}", false),
            ("primitives: [link, mkdir]", true),
            ("primitives: [posix]", false),
        ] {
            let text = text.trim_start_matches('{').trim_end_matches('}');
            let known = load(&format!("known:\n- {{{text}, reason: issue 7}}\n")).unwrap();
            assert_eq!(known.of(&found(), Primitive::Link).is_some(), is_known, "{text}");
        }
    }

    #[test]
    fn what_the_server_does_in_its_grace_time_is_known_of_every_lock_of_the_kernel() {
        let known = Known::with(None).unwrap();
        let situation = "holds (lost its lease); holds; server (in grace, hit by crash)".into();
        let found = Fingerprint { situation, ..found() };
        assert!(known.of(&found, Primitive::Posix).unwrap().reason.contains("FINDINGS.md"));
        assert!(known.of(&found, Primitive::Link).is_none());
    }

    #[test]
    fn what_is_no_list_of_known_findings_is_told_where() {
        let said = load("known:\n- {lock: a, reason: ' '}\n- {reason: issue 7}\n").unwrap_err();
        insta::assert_snapshot!(said);
        let said = load("known:\n- {lock: a, raeson: x}\n").unwrap_err();
        assert!(said.contains("did you mean `reason`?"), "{said}");
    }
}
