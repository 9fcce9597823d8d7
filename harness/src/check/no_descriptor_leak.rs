//! A process that takes and releases its lock again and again does not open ever more descriptors.
//!
//! They are counted between rounds, when the process holds nothing. A leak grows all the time: in
//! each eighth of the process's rounds, even the least count is above the least of the eighth
//! before. A cache that fills and levels off, a pool that starts late, and what a garbage
//! collector closes now and then do not do that; nor can a few rounds tell them from a leak, so
//! fewer are not judged.

use super::{Checker, Evidence, Judged, Outcome};
use crate::history::EventKind;
use lockstorm_reports::text::seconds;
use lockstorm_reports::{Finding, Invariant};
use std::collections::BTreeMap;

pub const CHECKER: Checker = Checker { invariant: Invariant::NoDescriptorLeak, check };

/// The fewest rounds that are judged.
const ROUNDS_MIN: usize = 40;

/// A count, and when it was made (ns).
type Count = (u64, u64);

fn check(evidence: &Evidence) -> Outcome {
    let mut judged = Judged::default();
    for (client, counts) in processes(evidence) {
        if counts.len() < ROUNDS_MIN {
            continue;
        }
        judged.cases += 1;
        if grows(&counts) {
            judged.findings.push(finding(evidence, client, &counts));
        }
    }
    let otherwise = format!("no process went through {ROUNDS_MIN} rounds");
    judged.outcome("adapter", &otherwise)
}

/// The counts of every process: a client's adapter begins anew when its node does.
fn processes<'a>(evidence: &'a Evidence) -> Vec<(&'a str, Vec<Count>)> {
    let mut running: BTreeMap<&str, Vec<Count>> = BTreeMap::new();
    let mut ended = Vec::new();
    for event in evidence.history {
        match &event.kind {
            EventKind::Descriptors { client, open } => {
                running.entry(client).or_default().push((*open, event.at_ns));
            }
            EventKind::AdapterReady { client, .. } => {
                ended.extend(running.remove_entry(client.as_str()));
            }
            _ => {}
        }
    }
    ended.extend(running);
    ended
}

fn grows(counts: &[Count]) -> bool {
    let eighths = counts.chunks(counts.len().div_ceil(8));
    let least = eighths.map(|eighth| eighth.iter().map(|(open, _)| open).min());
    least.is_sorted_by(|before, after| before < after)
}

fn finding(evidence: &Evidence, client: &str, counts: &[Count]) -> Finding {
    let ((first, began), (last, at_ns)) = (counts[0], counts[counts.len() - 1]);
    let explanation = format!(
        "{client}'s process had {first} descriptors open at {}, and {last} at {}, {} rounds later.",
        seconds(began),
        seconds(at_ns),
        counts.len() - 1,
    );
    evidence.finding(Invariant::NoDescriptorLeak, at_ns, explanation, &[])
}
