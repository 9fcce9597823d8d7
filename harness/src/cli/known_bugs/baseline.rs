//! The same story, with faults at random times: what a harness finds that cannot aim.

use crate::fault::cut::Cut;
use crate::fault::{CALLER, Every, FaultSpec, OWNER, Strike, Trigger};
use crate::scenario::known_bug::KnownBug;
use crate::scenario::script::Step;
use crate::scenario::{CyclesSpec, Scenario, WorkloadSpec};
use crate::units::{MILLISECOND, Nanos, NanosRange};

/// How long a link is cut instead of a single message that is lost or held.
const CUT_FOR: Nanos = Nanos::from_secs(5);

/// How long a script's fault lasts that nothing is known of but its end's place in the script.
const STEP_FOR: Nanos = Nanos::from_secs(20);

/// Whether the story can be told so: what it shows is a promise, which any run can break, and not
/// an answer at a place in a script.
pub fn exists(known: &KnownBug) -> bool {
    known.shows.is_some()
}

/// Lets each fault strike once, at a time that the seed draws from the whole workload. A script
/// becomes clients who take turns: what it asks of them in its order is aimed, too.
pub fn at_random(scenario: &mut Scenario) {
    if let WorkloadSpec::Script(steps) = &scenario.workload {
        let struck = steps.iter().filter_map(|step| match step {
            Step::Strike(strike) => Some(FaultSpec {
                when: Trigger::At(Nanos::ZERO),
                strike: strike.clone(),
                lasts: Some(STEP_FOR),
                until: None,
                may_miss: true,
            }),
            _ => None,
        });
        scenario.faults.extend(struck);
        scenario.workload = WorkloadSpec::Cycles(CyclesSpec::default());
    }
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
                Strike::Cut(Cut::of(client))
            }
            other => retargeted(other, &client),
        };
        *fault = FaultSpec {
            when: Trigger::Every(Every { gap: whole, from: Nanos::ZERO, times: Some(1) }),
            strike,
            lasts: fault.lasts,
            until: None,
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
        Strike::Slow(fault) if fault.node == CALLER => fault.node = client.into(),
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
        at_random(&mut scenario);
        assert_eq!(validate::scenario(&scenario), []);
        insta::assert_snapshot!(serde_yaml::to_string(&scenario.faults).unwrap());
    }

    #[test]
    fn a_script_becomes_clients_who_take_turns_and_its_strikes_faults() {
        let mut scenario = scenario(
            "lock: {name: flock}\nworkload:\n  script:\n  - 'c1: acquire -> ok'\n  - crash c1\n  \
             - 'c2: acquire -> ok'\n",
        );
        at_random(&mut scenario);
        assert_eq!(validate::scenario(&scenario), []);
        assert_eq!(scenario.workload, WorkloadSpec::Cycles(CyclesSpec::default()));
        assert_eq!(scenario.faults.len(), 1);
    }
}
