use super::{Effect, Fault};
use crate::history::Consequence;
use crate::site::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cut a node's power. A server keeps the sectors that were flushed; at the end of `for` the node
/// is switched on again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    pub node: String,
    /// Share of the server's unflushed sectors that last all the same, drawn block by block:
    /// 0 to 1.
    #[serde(default)]
    pub keep: f64,
}

impl Fault for Crash {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::NoPower { keep: self.keep }]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::Power { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        "loses power".into()
    }
}
