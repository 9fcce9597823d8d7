use super::{Effect, Fault, Killing, on_client};
use crate::history::Consequence;
use crate::site::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Let a client's machine run out of memory, until its kernel kills the lock's process, and what it
/// has started, to get some back. The machine goes on; at the end of `for` another process is
/// started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// A client, or `owner`.
    pub node: String,
}

impl Fault for Memory {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::NoProcess { how: Killing::NoMemory }]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let node = node.to_owned();
        vec![Consequence::Kill { node: node.clone() }, Consequence::NoMemory { node }]
    }

    fn describe(&self) -> String {
        "has no memory left".into()
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        on_client(&self.node, "be killed").into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_of_a_lock_is_killed_and_the_server_has_none() {
        let problems = |node: &str| Memory { node: node.into() }.problems();
        assert_eq!(problems("owner"), []);
        assert!(problems("server")[0].1.contains("could be killed"));
        let consequences = Memory { node: "owner".into() }.consequences("c2");
        assert_eq!(consequences[0], Consequence::Kill { node: "c2".into() });
    }
}
