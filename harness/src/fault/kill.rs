use super::{Effect, Fault, on_client};
use crate::history::Consequence;
use crate::site::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kill a client's process and what it has started (SIGKILL), while its node goes on. At the end of
/// `for` a new one is started, which knows of no lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// A client, or `owner`.
    pub node: String,
}

impl Fault for Kill {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::NoProcess]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::Kill { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        "has its process killed".into()
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        on_client(&self.node, "be killed").into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_has_no_process_that_could_be_killed() {
        let problems = |node: &str| Kill { node: node.into() }.problems();
        assert_eq!(problems("c1"), []);
        assert_eq!(problems("owner"), []);
        let expected = "no lock's process runs on the server that could be killed; expected a \
            client, or `owner`";
        assert_eq!(problems("server"), [(Some("node"), expected.to_owned())]);
    }

    #[test]
    fn it_does_nothing_to_frames_power_or_clocks() {
        let consequences = Kill { node: "owner".into() }.consequences("c2");
        assert_eq!(consequences, [Consequence::Kill { node: "c2".into() }]);
    }
}
