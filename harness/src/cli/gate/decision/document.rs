//! What a gate says, as a document for the set's renderers.

use super::{Decision, Violation, counted};
use lockstorm_reports::set::{AcceptedViolation, Broken, GATE_FORMAT, Gate, GateVerdict, Refused};

impl Decision {
    /// `baseline` is the file, as the user names it.
    pub fn document(&self, baseline: Option<String>, strict: bool) -> Gate {
        let refused = self.refused.iter().map(|(violation, refused)| Refused {
            what: broken(violation),
            runs: refused.runs as u64,
            commands: refused.commands.clone(),
        });
        let accepted = self.accepted.iter().map(|(violation, (runs, reason))| AcceptedViolation {
            what: broken(violation),
            runs: *runs as u64,
            reason: reason.clone(),
        });
        Gate {
            format: GATE_FORMAT,
            verdict: match (self.refused.is_empty(), self.unknown, self.runs) {
                (false, ..) => GateVerdict::Refused,
                (true, _, 0) => GateVerdict::Unknown,
                (true, 1.., _) => GateVerdict::PassedAsFarAsKnown,
                (true, 0, _) => GateVerdict::Passed,
            },
            baseline,
            strict,
            runs: self.runs as u64,
            refused: refused.collect(),
            accepted: accepted.collect(),
            remarks: self.remarks(),
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        for words in &self.expired {
            remarks.push(format!("{words}: the day until which it was accepted has passed"));
        }
        for words in &self.needless {
            remarks.push(format!(
                "{words}: accepted, and it did not happen; take it out of the baseline"
            ));
        }
        if self.unknown > 0 {
            remarks.push(format!("{} came to no verdict", counted(self.unknown)));
        }
        if self.left > 0 {
            remarks.push(format!("no time was left for {}", counted(self.left)));
        }
        remarks
    }
}

fn broken(violation: &Violation) -> Broken {
    Broken {
        lock: violation.lock.clone(),
        scenario: violation.scenario.clone(),
        invariant: violation.invariant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::gate::baseline::{Accepted, Baseline};
    use lockstorm_reports::set::{ResultSet, read};
    use std::path::Path;
    use time::{Date, Month};

    fn told(set: &ResultSet, accepted: Vec<Accepted>) -> Gate {
        let today = Date::from_calendar_date(2027, Month::January, 1).unwrap();
        let decision = Decision::of(set, "runs", &Baseline { accepted }, false, today, 2);
        decision.document(Some("baseline.yaml".into()), false)
    }

    #[test]
    fn what_the_gate_says_is_told_with_its_reasons() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../reports/samples/comparison/new");
        let set = read(Path::new(sample)).unwrap();
        let refused = told(&set, Vec::new());
        assert_eq!(refused.verdict, GateVerdict::Refused);
        let first = &refused.refused[0];
        assert_eq!((&*first.what.scenario, first.runs > 0), ("partition", true));
        assert!(first.commands[0].starts_with("lockstorm "), "{:?}", first.commands);
        assert_eq!(refused.remarks, ["no time was left for 2 runs"]);
        let accept = |what: &Broken| Accepted {
            lock: None,
            scenario: what.scenario.clone(),
            invariant: what.invariant,
            reason: "issue 7".into(),
            until: None,
        };
        let accepted = refused.refused.iter().map(|refused| accept(&refused.what));
        let passed = told(&set, accepted.collect());
        assert_eq!((passed.verdict, passed.refused.len()), (GateVerdict::Passed, 0));
        assert_eq!(passed.accepted[0].reason, "issue 7");
        assert_eq!(passed.accepted[0].runs, first.runs);
        assert_eq!(told(&ResultSet::default(), Vec::new()).verdict, GateVerdict::Unknown);
    }
}
