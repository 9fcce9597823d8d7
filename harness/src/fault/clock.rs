use super::{Act, Fault};
use crate::history::Consequence;
use crate::site::NodeId;
use crate::units::SignedNanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Step a node's wall clock, let it drift, or both. The end of `for` takes the step back and the
/// rate to true; what it drifted meanwhile stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    pub node: String,
    /// How far to step: `8s` ahead, `-2m` back.
    #[serde(default)]
    pub step: SignedNanos,
    /// How fast it runs from then on, in parts per million: 1000 gains a millisecond a second.
    /// Within +-100000, the limit of adjtimex(2)'s tick.
    #[serde(default)]
    pub drift_ppm: i64,
}

impl Fault for Clock {
    fn target(&self) -> &str {
        &self.node
    }

    fn begin(&self, _: NodeId) -> Vec<Act> {
        vec![Act::SetClock { step_ns: self.step.0, drift_ppm: self.drift_ppm }]
    }

    fn end(&self) -> Vec<Act> {
        vec![Act::SetClock { step_ns: -self.step.0, drift_ppm: 0 }]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::WallClock { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        match (self.step.0, self.drift_ppm) {
            (_, 0) => format!("has its clock stepped by {}", self.step),
            (0, ppm) => format!("has its clock drift by {ppm} ppm"),
            (_, ppm) => format!("has its clock stepped by {} and drift by {ppm} ppm", self.step),
        }
    }
}
