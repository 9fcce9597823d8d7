use crate::units::NanosRange;
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
