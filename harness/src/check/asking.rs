//! Who was waiting for the lock, and who may have got it without anybody knowing.

use super::Evidence;
use super::calls::{Call, End};
use super::spans::{Moment, outside};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::scenario::WorkloadSpec;
use std::collections::BTreeMap;

/// A script asks again at once, or it means not to.
const SCRIPT_THINK_NS: u64 = 1_000_000_000;
/// Who thinks for longer than this does not ask meanwhile: the lock may be free for all that time,
/// and nobody tries.
const THINK_MOST_NS: u64 = 10_000_000_000;

/// When each client asked for the lock and was ready to wait, with the pauses in which it
/// thought before it asked again. One that asks while it is inside waits for nobody.
pub fn asking<'a>(evidence: &'a Evidence) -> BTreeMap<&'a str, Vec<(u64, u64)>> {
    let think_ns = match &evidence.plan.scenario.workload {
        WorkloadSpec::Cycles(cycles) => {
            cycles.think.most.0.saturating_add(1_000_000).min(THINK_MOST_NS)
        }
        WorkloadSpec::Script(_) => SCRIPT_THINK_NS,
    };
    asking_within(evidence, Some(think_ns))
}

/// The same without the pauses: each call by itself.
pub fn asking_each_time<'a>(evidence: &'a Evidence) -> BTreeMap<&'a str, Vec<(u64, u64)>> {
    asking_within(evidence, None)
}

/// `think_ns` is the longest pause between two calls that belong together, if any do.
fn asking_within<'a>(
    evidence: &'a Evidence,
    think_ns: Option<u64>,
) -> BTreeMap<&'a str, Vec<(u64, u64)>> {
    let mut asking: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    let mut gave_up: BTreeMap<&str, u64> = BTreeMap::new();
    for call in evidence.calls.acquires() {
        let client = call.client.as_str();
        if !waits(call) || evidence.hold_at(client, call.called).is_some() {
            continue;
        }
        let (from, until) = (call.called.at_ns, call.over().at_ns);
        let before = gave_up.remove(client);
        let spans = asking.entry(client).or_default();
        match (spans.last_mut(), before) {
            (Some(last), Some(at))
                if think_ns.is_some_and(|most| from.saturating_sub(at) <= most) =>
            {
                last.1 = until;
            }
            _ => spans.push((from, until)),
        }
        if matches!(&call.end, End::Answered(_, Answer::Timeout | Answer::Busy)) {
            gave_up.insert(client, until);
        }
    }
    asking
}

/// Whether an acquire waits at all.
fn waits(call: &Call) -> bool {
    let Operation::Acquire { timeout } = call.operation else {
        return false;
    };
    timeout.is_none_or(|timeout| timeout.0 > 0)
}

/// When an acquire may have got the lock without anybody knowing, by begin; both ends belong to
/// it: while its client or the server was disturbed, but for the time in which surely nothing of
/// it arrived; and when it failed or died, until nothing of it can be under way any more.
pub fn may_have_got_it(evidence: &Evidence) -> Vec<(u64, u64)> {
    let mut unknown = Vec::new();
    for call in evidence.calls.acquires() {
        let contact = evidence.contact(&call.client);
        let (from, over) = (call.called.at_ns, call.over().at_ns);
        let mut until = over;
        if call.is_indeterminate() && !matches!(call.end, End::Open) {
            until = contact.latest_effect(call, &evidence.bounds).at_ns;
            unknown.push((over, until));
        }
        for (disturbed, settled) in outside(&contact.well(from, until), from, until) {
            unknown.extend(outside(contact.silent(), disturbed, settled));
        }
    }
    unknown.sort_unstable();
    unknown
}

/// Whether an acquire of a client, from `since` on and before `until`, may have got it the lock
/// without its knowing, and it was not told since that it does not hold.
pub fn may_hold_unknown(evidence: &Evidence, client: &str, since: Moment, until: Moment) -> bool {
    let own = evidence.calls.of_client(client, since);
    let before = own.take_while(|call| call.called < until);
    before.fold(false, |unknown, call| match call.is_acquire() {
        true => unknown || call.is_indeterminate(),
        false => unknown && !call.says_not_held(),
    })
}
