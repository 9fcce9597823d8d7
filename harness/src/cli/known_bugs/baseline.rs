//! The same story, with faults at random times: what a harness finds that cannot aim.

use crate::fault::cut::Cut;
use crate::fault::{CALLER, Every, FaultSpec, OWNER, Strike, Trigger};
use crate::scenario::{Scenario, WorkloadSpec};
use crate::units::{MILLISECOND, Nanos, NanosRange};

/// How long a link is cut instead of a single message that is lost or held.
const CUT_FOR: Nanos = Nanos::from_secs(5);

/// Whether the story can be told so: its workload goes on by itself, and has faults.
pub fn exists(scenario: &Scenario) -> bool {
    matches!(scenario.workload, WorkloadSpec::Cycles(_)) && !scenario.faults.is_empty()
}

/// Lets each fault strike once, at a time that the seed draws from the whole workload.
pub fn at_random(scenario: &mut Scenario) {
    let WorkloadSpec::Cycles(cycles) = &scenario.workload else {
        return;
    };
    let most = Nanos(cycles.time.0.saturating_sub(MILLISECOND).max(MILLISECOND));
    let whole = NanosRange { least: Nanos(MILLISECOND), most };
    for fault in &mut scenario.faults {
        let client = client_of(&fault.when);
        let strike = match &fault.strike {
            // A message cannot be met by chance: its link is what others cut.
            aimed if aimed.fault().needs_message() => {
                fault.lasts = Some(CUT_FOR);
                Strike::Cut(Cut { node: client })
            }
            other => retargeted(other, &client),
        };
        *fault = FaultSpec {
            when: Trigger::Every(Every { gap: whole, from: Nanos::ZERO, times: Some(1) }),
            strike,
            lasts: fault.lasts,
            may_miss: true,
        };
    }
}

/// The client that the fault waited for, or whoever is inside.
fn client_of(when: &Trigger) -> String {
    match when {
        Trigger::Rpc(passes) => passes.from.clone(),
        Trigger::Calls(calls) => calls.client.clone(),
        _ => None,
    }
    .unwrap_or_else(|| OWNER.to_owned())
}

/// The same, with somebody else in the caller's place: nobody calls at a random time.
fn retargeted(strike: &Strike, client: &str) -> Strike {
    let mut strike = strike.clone();
    match &mut strike {
        Strike::Crash(fault) if fault.node == CALLER => fault.node = client.into(),
        Strike::Pause(fault) if fault.node == CALLER => fault.node = client.into(),
        Strike::Cut(fault) if fault.node == CALLER => fault.node = client.into(),
        Strike::Kill(fault) if fault.node == CALLER => fault.node = client.into(),
        Strike::Stop(fault) if fault.node == CALLER => fault.node = client.into(),
        _ => {}
    }
    strike
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::load_source;
    use crate::scenario::overrides::Overrides;
    use crate::scenario::validate;
    use crate::source::Source;

    fn scenario(yaml: &str) -> Scenario {
        let source = Source::from_bytes("story.yaml", yaml.into()).unwrap();
        load_source(source, &Overrides::default()).unwrap().scenario
    }

    #[test]
    fn each_fault_strikes_once_at_any_time_and_a_lost_message_is_a_cut_link() {
        let mut scenario = scenario(
            "lock: {name: flufl.lock}\nworkload: {cycles: {time: 20s}}\nfaults:\n\
             - {when: {rpc: {op: LINK, phase: reply, from: c2}}, strike: {lose: {}}}\n\
             - {when: {rpc: {op: LINK}}, strike: {pause: {node: caller}}, for: 20s}\n",
        );
        assert!(exists(&scenario));
        at_random(&mut scenario);
        assert_eq!(validate::scenario(&scenario), []);
        insta::assert_snapshot!(serde_yaml::to_string(&scenario.faults).unwrap());
    }

    #[test]
    fn a_script_has_its_order_and_cannot_be_told_at_random() {
        let script = "lock: {name: flock}\nworkload:\n  script:\n  - 'c1: acquire -> ok'\n";
        assert!(!exists(&scenario(script)));
    }
}
