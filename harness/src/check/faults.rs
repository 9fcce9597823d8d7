//! Which faults were in force when.

use crate::history::{Event, What};
use lockstorm_reports::FaultReport;
use lockstorm_reports::text::seconds;

/// Faults told in one finding: a story with more is told by the report's own list.
const WORDS_MAX: usize = 6;

/// What became of every fault, in the order in which they struck.
///
/// A fault ends by its own end event; a cut also when its node is healed, and a crash when its
/// node boots: in a script these are steps of their own.
pub fn faults(history: &[Event]) -> Vec<FaultReport> {
    let mut faults: Vec<FaultReport> = Vec::new();
    for event in history {
        match &event.what {
            What::FaultStruck { kind, node, .. } if kind == "heal" => {
                end_all(&mut faults, "cut", node, event.at_ns);
            }
            What::NodeBooted { node } => end_all(&mut faults, "crash", node, event.at_ns),
            What::FaultStruck { fault, kind, node, detail, .. } => faults.push(FaultReport {
                fault: *fault,
                kind: kind.clone(),
                node: node.clone(),
                detail: detail.clone(),
                struck_ns: Some(event.at_ns),
                ended_ns: None,
                effect: String::new(),
                missed: false,
            }),
            What::FaultEnded { fault, effect } => {
                if let Some(ended) = last(&mut faults, *fault) {
                    ended.ended_ns.get_or_insert(event.at_ns);
                    ended.effect.clone_from(effect);
                }
            }
            What::FaultMissed { fault, why } => match last(&mut faults, *fault) {
                Some(missed) => {
                    missed.missed = true;
                    missed.ended_ns.get_or_insert(event.at_ns);
                    missed.effect.clone_from(why);
                }
                None => faults.push(never_struck(*fault, why)),
            },
            _ => {}
        }
    }
    faults
}

fn last(faults: &mut [FaultReport], fault: usize) -> Option<&mut FaultReport> {
    faults.iter_mut().rev().find(|known| known.fault == fault)
}

fn end_all(faults: &mut [FaultReport], kind: &str, node: &str, at_ns: u64) {
    for fault in faults {
        if fault.kind == kind && fault.node == node {
            fault.ended_ns.get_or_insert(at_ns);
        }
    }
}

fn never_struck(fault: usize, why: &str) -> FaultReport {
    FaultReport {
        fault,
        kind: "fault".into(),
        node: (fault + 1).to_string(),
        detail: String::new(),
        struck_ns: None,
        ended_ns: None,
        effect: why.to_owned(),
        missed: true,
    }
}

/// The faults that were in force at any time from `from_ns` to `until_ns`, in words.
pub fn in_force(faults: &[FaultReport], from_ns: u64, until_ns: u64) -> Vec<String> {
    let met = faults.iter().filter(|fault| {
        let struck = fault.struck_ns.is_some_and(|struck| struck <= until_ns);
        struck && fault.ended_ns.is_none_or(|ended| ended >= from_ns)
    });
    met.take(WORDS_MAX).map(words).collect()
}

fn words(fault: &FaultReport) -> String {
    let mut words = format!("{} of {}", fault.kind, fault.node);
    if !fault.detail.is_empty() {
        words.push_str(&format!(" ({})", fault.detail));
    }
    if let Some(struck) = fault.struck_ns {
        words.push_str(&format!(", since {}", seconds(struck)));
    }
    if let Some(ended) = fault.ended_ns {
        words.push_str(&format!(" until {}", seconds(ended)));
    }
    words
}
