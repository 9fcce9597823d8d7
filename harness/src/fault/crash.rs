use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cut a node's power. A server keeps only the sectors that were flushed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    pub node: String,
}
