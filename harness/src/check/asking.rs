//! Who was waiting for the lock, and who may have got it without anybody knowing.

use super::Evidence;
use super::calls::End;
use super::spans::outside;
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::scenario::WorkloadSpec;
use std::collections::BTreeMap;

/// A script asks again at once, or it means not to.
const SCRIPT_THINK_NS: u64 = 1_000_000_000;

/// When each client asked for the lock and was ready to wait, with the pauses in which it
/// thought before it asked again.
pub fn asking<'a>(evidence: &'a Evidence) -> BTreeMap<&'a str, Vec<(u64, u64)>> {
    let think_ns = match &evidence.plan.scenario.workload {
        WorkloadSpec::Cycles(cycles) => cycles.think.most.0.saturating_add(1_000_000),
        WorkloadSpec::Script(_) => SCRIPT_THINK_NS,
    };
    let mut asking: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    let mut gave_up: BTreeMap<&str, u64> = BTreeMap::new();
    for call in &evidence.calls {
        let Operation::Acquire { timeout } = call.operation else {
            continue;
        };
        if timeout.is_some_and(|timeout| timeout.0 == 0) {
            continue;
        }
        let client = call.client.as_str();
        let (from, until) = (call.called.at_ns, call.over().at_ns);
        let before = gave_up.remove(client);
        let spans = asking.entry(client).or_default();
        match (spans.last_mut(), before) {
            (Some(last), Some(at)) if from.saturating_sub(at) <= think_ns => last.1 = until,
            _ => spans.push((from, until)),
        }
        if matches!(&call.end, End::Answered(_, Answer::Timeout | Answer::Busy)) {
            gave_up.insert(client, until);
        }
    }
    asking
}

/// When an acquire may have got the lock without anybody knowing: while its client or the server
/// was disturbed but not mute, at the moment a disturbance began, and until it died or failed.
pub fn doubts(evidence: &Evidence) -> Vec<(u64, u64)> {
    let mut doubts = Vec::new();
    for call in evidence.calls.iter().filter(|call| call.is_acquire()) {
        let (from, until) = (call.called.at_ns, call.over().at_ns);
        let sure = matches!(
            &call.end,
            End::Answered(_, Answer::Ok { .. } | Answer::Timeout | Answer::Busy) | End::Open
        );
        if !sure {
            doubts.push((until, until));
        }
        let mute = evidence.outages.mute(&call.client);
        let well = evidence.outages.well(&call.client, from, until);
        for (disturbed, settled) in outside(&well, from, until) {
            doubts.push((disturbed, disturbed));
            doubts.extend(outside(&mute, disturbed, settled));
        }
    }
    doubts.sort_unstable();
    doubts
}
