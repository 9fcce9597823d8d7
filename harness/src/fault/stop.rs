use super::{Effect, Fault, on_client};
use crate::history::Consequence;
use crate::site::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stop a client's process and what it has started (SIGSTOP), heartbeats and all, while its node
/// goes on: its kernel keeps its lease, and clocks run. At the end of `for` it goes on (SIGCONT).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// A client, or `owner`.
    pub node: String,
}

impl Fault for Stop {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::ProcessStands { runs: None }]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::Stop { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        "has its process stopped".into()
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        on_client(&self.node, "be stopped").into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_has_no_process_that_could_be_stopped() {
        let problems = |node: &str| Stop { node: node.into() }.problems();
        assert_eq!(problems("c1"), []);
        assert!(problems("server")[0].1.contains("could be stopped"));
    }

    #[test]
    fn it_holds_up_its_client_alone() {
        let consequences = Stop { node: "owner".into() }.consequences("c2");
        assert_eq!(consequences, [Consequence::Stop { node: "c2".into() }]);
    }
}
