use super::{Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::site::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Suspend a node, as a virtual machine is: nothing in it runs, what it had asked its disk for
/// comes when it goes on, and frames that reach it meanwhile are lost. Its clocks stand still.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    pub node: String,
    #[serde(default)]
    pub clock: AfterPause,
}

/// The wall clock of a node that goes on. (Its monotonic clock never shows the time that it stood
/// still.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterPause {
    /// It is set on at once by the time that has passed, as by a host that tells its guests.
    #[default]
    Jumps,
    /// It goes on where it stood, and is slow by that until the node is rebooted, or the faults
    /// have all been ended.
    Stands,
}

impl Fault for Pause {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::Pause { after: self.clock }]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let mut consequences = Consequence::of_link(node, Pass::None, 0);
        consequences.push(Consequence::Pause { node: node.to_owned() });
        consequences
    }

    fn describe(&self) -> String {
        match self.clock {
            AfterPause::Jumps => "stands still, and its wall clock jumps when it goes on".into(),
            AfterPause::Stands => "stands still, and its clocks with it".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_stands_still_is_out_of_contact_and_its_clock_is_told_of_by_events() {
        let pause: Pause = serde_yaml::from_str("{node: c1, clock: stands}").unwrap();
        assert_eq!(pause.clock, AfterPause::Stands);
        let consequences = pause.consequences("c1");
        let link = Consequence::of_link("c1", Pass::None, 0);
        assert_eq!(consequences[..2], link);
        assert_eq!(consequences[2], Consequence::Pause { node: "c1".into() });
    }

    #[test]
    fn by_default_the_wall_clock_is_set_when_the_node_goes_on() {
        let pause: Pause = serde_yaml::from_str("{node: c1}").unwrap();
        assert_eq!(pause.clock, AfterPause::Jumps);
        assert!(serde_yaml::from_str::<Pause>("{node: c1, clock: leaps}").is_err());
    }
}
