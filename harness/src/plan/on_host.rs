//! What clients on the host's own kernel cannot do: they have neither a clock nor power of their
//! own.

use super::Plan;
use crate::fault::Strike;
use crate::history::Consequence;
use crate::scenario::WorkloadSpec;
use crate::scenario::script::Step;
use crate::site::SERVER_NAME;
use crate::site::clock::Clock;
use std::fmt;

/// Something that only a node with a kernel of its own can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beyond {
    VirtualClock,
    /// `what` says where the plan asks for it.
    Crash {
        what: String,
    },
    WallClock {
        what: String,
    },
    Calls {
        what: String,
    },
    Name {
        what: String,
    },
    Parameters,
}

/// One sentence, with the mend.
impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Beyond::VirtualClock => f.write_str(
                "the host's kernel lives by the host's clock, and not by a virtual one; add \
                 `--clock real`",
            ),
            Beyond::Crash { what } => write!(
                f,
                "{what}, but a client on the host's kernel cannot crash without the host; crash \
                 the server, or cut the client off"
            ),
            Beyond::WallClock { what } => write!(
                f,
                "{what}, but the clock of a client on the host's kernel is the host's; choose \
                 another scenario, or another kernel"
            ),
            Beyond::Calls { what } => write!(
                f,
                "{what}, but the containers of clients on the host's kernel may not filter system \
                 calls; choose another scenario, or another kernel"
            ),
            Beyond::Parameters => f.write_str(
                "site.nfs.parameters are those of a kernel, but the host's are the host's; choose \
                 another scenario, or another kernel",
            ),
            Beyond::Name { what } => write!(
                f,
                "{what}, but clients on the host's kernel are told apart by their host names \
                 alone; choose another scenario, or another kernel"
            ),
        }
    }
}

/// All of it that a plan asks of its clients.
pub fn beyond(plan: &Plan) -> Vec<Beyond> {
    let clock = (plan.blueprint.clock == Clock::Virtual).then_some(Beyond::VirtualClock);
    let faults = plan.scenario.faults.iter().enumerate().flat_map(|(index, spec)| {
        let (target, does) = (spec.strike.target(), spec.strike.fault().describe());
        needs(&spec.strike, format!("in faults[{index}] {target} {does}"))
    });
    let steps = match &plan.scenario.workload {
        WorkloadSpec::Script(steps) => steps.as_slice(),
        _ => &[],
    };
    let steps = steps.iter().enumerate().flat_map(|(index, step)| match step {
        Step::Strike(strike) => {
            needs(strike, format!("step {} of the script is `{step}`", index + 1))
        }
        _ => Vec::new(),
    });
    let parameters = !plan.blueprint.mount.parameters.is_empty();
    let parameters = parameters.then_some(Beyond::Parameters);
    clock.into_iter().chain(parameters).chain(settings(plan)).chain(faults).chain(steps).collect()
}

/// What single clients are asked to be.
fn settings(plan: &Plan) -> impl Iterator<Item = Beyond> {
    plan.blueprint.clients().iter().flat_map(|client| {
        let (name, settings) = (&client.name, &client.settings);
        let clock = (settings.clock.0 != 0).then(|| Beyond::WallClock {
            what: format!("in site.nodes the clock of {name} is off by {}", settings.clock),
        });
        let host_name = settings.host_name.as_ref().map(|host_name| Beyond::Name {
            what: format!("in site.nodes the host name of {name} is {host_name}"),
        });
        clock.into_iter().chain(host_name)
    })
}

/// What a fault needs a kernel of the client's own for; `what` says where the plan asks for it.
fn needs(strike: &Strike, what: String) -> Vec<Beyond> {
    let consequences = match is_client(strike.target()) {
        true => strike.fault().consequences(strike.target()),
        false => Vec::new(),
    };
    let needs = consequences.into_iter().filter_map(|consequence| match consequence {
        Consequence::Power { .. } => Some(Beyond::Crash { what: what.clone() }),
        Consequence::WallClock { .. } => Some(Beyond::WallClock { what: what.clone() }),
        Consequence::CallsFail { .. } => Some(Beyond::Calls { what: what.clone() }),
        // Pauses need the virtual clock, whatever the kernel.
        Consequence::Frames(_) | Consequence::Refusal { .. } | Consequence::Corruption => None,
        Consequence::Pause { .. } | Consequence::HostName { .. } => None,
        Consequence::Kill { .. } | Consequence::Stop { .. } | Consequence::Disk { .. } => None,
    });
    needs.collect()
}

/// Whoever owns the lock is one, too.
fn is_client(target: &str) -> bool {
    target != SERVER_NAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::profile::Profile;
    use crate::plan::{Lock, Parts, expand};
    use crate::scenario::load::load_source;
    use crate::scenario::overrides::Overrides;
    use crate::source::Source;

    fn plan(yaml: &str) -> Plan {
        let source = Source::from_bytes("story.yaml", yaml.into()).unwrap();
        let mut loaded = load_source(source, &Overrides::default()).unwrap();
        let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/../containers/locks/flufl.lock");
        let profile = Profile::load(profile.as_ref()).unwrap();
        loaded.complete(&profile).unwrap();
        expand(&loaded.scenario, 1, Lock::from(&profile), Parts::ours(Default::default()))
    }

    fn told(yaml: &str) -> Vec<String> {
        beyond(&plan(yaml)).iter().map(ToString::to_string).collect()
    }

    const CYCLES: &str = "lock: {name: flufl.lock}\nworkload: {cycles: {time: 10s}}\n";
    const REAL: &str = "site: {clock: real}\n";

    #[test]
    fn a_story_on_the_real_clock_whose_server_crashes_is_not_beyond_it() {
        let faults = "faults:\n- {when: {at: 1s}, strike: {crash: {node: server}}, for: 1s}\n\
            - {when: {at: 1s}, strike: {cut: {node: c1}}, for: 1s}\n";
        assert_eq!(told(&format!("{REAL}{CYCLES}{faults}")), [""; 0]);
    }

    #[test]
    fn the_virtual_clock_and_clients_that_crash_or_have_a_clock_are() {
        let faults = "faults:\n- {when: {at: 1s}, strike: {crash: {node: owner}}, for: 1s}\n\
            - {when: {at: 1s}, strike: {clock: {node: c2, step: 8s}}}\n\
            - {when: {at: 1s}, strike: {errno: {node: c2, call: open, with: EMFILE}}}\n";
        insta::assert_snapshot!(told(&format!("{CYCLES}{faults}")).join("\n"));
    }

    #[test]
    fn so_are_clients_with_a_name_or_a_clock_that_is_not_their_own() {
        let nodes = "site:\n  clock: real\n  nfs: {parameters: {x: Y}}\n  nodes:\n    c1: {clock: 1h, zone: UTC0}\n    \
            c2: {host_name: twin}\n    server: {clock: 1h}\n";
        insta::assert_snapshot!(told(&format!("{nodes}{CYCLES}")).join("\n"));
    }

    #[test]
    fn so_are_steps_of_a_script() {
        let script = "lock: {name: flufl.lock}\nworkload:\n  script:\n  - 'c1: acquire -> ok'\n  \
            - crash c1\n  - clock c2 +8s\n  - crash server\n  - restart server\n";
        insta::assert_snapshot!(told(&format!("{REAL}{script}")).join("\n"));
    }
}
