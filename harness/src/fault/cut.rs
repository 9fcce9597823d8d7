use super::{Act, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::site::NodeId;
use crate::site::wire::{Frame, Rule, Verdict};
use rand_chacha::ChaCha8Rng;
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

    fn begin(&self, node: NodeId) -> Vec<Act> {
        vec![Act::Lay(Box::new(LoseAll { node }))]
    }

    fn end(&self) -> Vec<Act> {
        Vec::new()
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
    fn on_frame(&mut self, frame: &Frame, _: &mut ChaCha8Rng) -> Verdict {
        if frame.from == self.node || frame.to == self.node { Verdict::Drop } else { Verdict::Pass }
    }
}
