use super::{Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::site::NodeId;
use crate::site::wire::{Fate, Passing, Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cut a node off the network: every frame to and from it is lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    pub node: String,
}

impl Fault for Cut {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, node: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::Wire(Box::new(LoseAll { node }))]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        Consequence::of_link(node, Pass::None, 0)
    }

    fn describe(&self) -> String {
        "is cut off the network".into()
    }
}

struct LoseAll {
    node: NodeId,
}

impl Rule for LoseAll {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        match passing.frame.concerns(self.node) {
            true => Fate::lost(),
            false => Fate::pass(),
        }
    }
}
