//! Parts of a scenario taken out of it, with all that makes no sense without them.

use crate::fault::{FaultSpec, Other, Trigger};
use crate::scenario::script::Step;
use crate::scenario::{Scenario, WorkloadSpec};
use std::collections::BTreeSet;

/// The scenario without some of its faults, and without those that wait for them. The others are
/// counted anew where they name each other.
pub fn without_faults(scenario: &Scenario, gone: impl Fn(usize) -> bool) -> Scenario {
    let faults = &scenario.faults;
    let mut gone: BTreeSet<usize> = (0..faults.len()).filter(|index| gone(*index)).collect();
    loop {
        let waits_in_vain = |index: &usize| {
            let other = waits_for(&faults[*index].when).and_then(Other::id);
            other.is_some_and(|other| gone.contains(&other.index()))
        };
        let more: Vec<usize> = (0..faults.len()).filter(waits_in_vain).collect();
        let before = gone.len();
        gone.extend(more);
        if gone.len() == before {
            break;
        }
    }
    let kept = faults.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    let renumbered = |(_, fault): (usize, &FaultSpec)| {
        let mut fault = fault.clone();
        if let Trigger::Struck(other) | Trigger::Ended(other) = &mut fault.when {
            // Of those before it, counted from 1.
            let before = gone.iter().filter(|index| **index + 1 < other.fault as usize).count();
            other.fault = other.fault.saturating_sub(before as u32);
        }
        fault
    };
    Scenario { faults: kept.map(renumbered).collect(), ..scenario.clone() }
}

fn waits_for(trigger: &Trigger) -> Option<&Other> {
    match trigger {
        Trigger::Struck(other) | Trigger::Ended(other) => Some(other),
        _ => None,
    }
}

/// The steps of a script; none where the workload is another.
pub fn steps(scenario: &Scenario) -> &[Step] {
    match &scenario.workload {
        WorkloadSpec::Script(steps) => steps,
        WorkloadSpec::Cycles(_) => &[],
    }
}

/// The scenario without some steps of its script: with a fault goes its end, with a call the wait
/// for its answer.
pub fn without_steps(scenario: &Scenario, gone: impl Fn(usize) -> bool) -> Scenario {
    let steps = steps(scenario);
    let mut gone: BTreeSet<usize> = (0..steps.len()).filter(|index| gone(*index)).collect();
    let ends: Vec<usize> = gone.iter().filter_map(|index| end_of(steps, *index)).collect();
    gone.extend(ends);
    let kept = steps.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    let steps = kept.map(|(_, step)| step.clone()).collect();
    Scenario { workload: WorkloadSpec::Script(steps), ..scenario.clone() }
}

/// The later step that makes no sense without this one.
fn end_of(steps: &[Step], index: usize) -> Option<usize> {
    let ends = |step: &Step| match (&steps[index], step) {
        (Step::Strike(strike), Step::End { kind, node }) => {
            (strike.kind(), strike.target()) == (*kind, node.as_str())
        }
        (Step::Call { client, expect: None, .. }, Step::Await { client: other, .. }) => {
            client == other
        }
        _ => false,
    };
    steps.iter().skip(index + 1).position(ends).map(|after| index + 1 + after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::shrink::samples::scenario;

    #[test]
    fn with_a_fault_go_those_that_wait_for_it_and_the_others_are_counted_anew() {
        let story = scenario(
            "faults:\n\
             - {when: {at: 1s}, strike: {cut: {node: c1}}}\n\
             - {when: {struck: {fault: 1}}, strike: {cut: {node: c2}}}\n\
             - {when: {at: 2s}, strike: {kill: {node: c1}}}\n\
             - {when: {ended: {fault: 2}}, strike: {nfsd: {}}}\n\
             - {when: {struck: {fault: 3}}, strike: {pause: {node: c3}}}\n",
        );
        let left = without_faults(&story, |index| index == 0);
        let kinds: Vec<&str> = left.faults.iter().map(|fault| fault.strike.kind()).collect();
        assert_eq!(kinds, ["kill", "pause"]);
        assert_eq!(waits_for(&left.faults[1].when).unwrap().fault, 1);
        assert_eq!(without_faults(&story, |_| false), story);
    }

    #[test]
    fn with_a_step_goes_the_one_that_ends_it() {
        let mut story = scenario("");
        let script = ["c1: acquire", "cut c1", "at +1s", "cut c2", "heal c1", "c1: -> ok"];
        let script = script.iter().map(|step| step.parse().unwrap()).collect();
        story.workload = WorkloadSpec::Script(script);
        let left = |gone: usize| {
            let left = without_steps(&story, |index| index == gone);
            steps(&left).iter().map(Step::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(left(0), "cut c1, at +1s, cut c2, heal c1");
        assert_eq!(left(1), "c1: acquire, at +1s, cut c2, c1: -> ok");
        assert_eq!(left(3), "c1: acquire, cut c1, at +1s, heal c1, c1: -> ok");
    }
}
