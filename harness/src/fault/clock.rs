use crate::units::SignedNanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Step a node's wall clock, let it drift, or both. The end of `for` sets it right again.
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
