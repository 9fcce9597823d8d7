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
