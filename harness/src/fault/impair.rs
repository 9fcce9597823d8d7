use super::{Act, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::site::NodeId;
use crate::site::wire::{Frame, Rule, Verdict};
use crate::units::NanosRange;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Impair a node's link, in both directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impair {
    pub node: String,
    /// Share of frames that are lost: 0 to 1.
    #[serde(default)]
    pub loss: f64,
    /// Share of frames that arrive twice: 0 to 1.
    #[serde(default)]
    pub duplicate: f64,
    /// Added to every frame's delay; frames may overtake each other.
    #[serde(default)]
    pub delay: NanosRange,
}

impl Fault for Impair {
    fn target(&self) -> &str {
        &self.node
    }

    fn begin(&self, node: NodeId) -> Vec<Act> {
        vec![Act::Lay(Box::new(Bad { node, spec: self.clone() }))]
    }

    fn end(&self) -> Vec<Act> {
        Vec::new()
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let pass = match self.loss {
            0.0 => Pass::All,
            1.0 => Pass::None,
            _ => Pass::Some,
        };
        Consequence::of_link(node, pass, self.delay.most.0)
    }

    fn describe(&self) -> String {
        let percent = |share: f64| share * 100.0;
        format!(
            "has a bad link: {}% of frames lost, {}% doubled, {} late",
            percent(self.loss),
            percent(self.duplicate),
            self.delay
        )
    }
}

struct Bad {
    node: NodeId,
    spec: Impair,
}

impl Rule for Bad {
    fn on_frame(&mut self, frame: &Frame, rng: &mut ChaCha8Rng) -> Verdict {
        if frame.from != self.node && frame.to != self.node {
            return Verdict::Pass;
        }
        // Every draw is made for every frame, so that one share never shifts another's draws.
        let (lost, doubled) =
            (rng.random::<f64>() < self.spec.loss, rng.random::<f64>() < self.spec.duplicate);
        let delay = rng.random_range(self.spec.delay.least.0..=self.spec.delay.most.0);
        match (lost, doubled) {
            (true, _) => Verdict::Drop,
            (_, true) => Verdict::Duplicate(delay),
            _ if delay > 0 => Verdict::Delay(delay),
            _ => Verdict::Pass,
        }
    }
}
