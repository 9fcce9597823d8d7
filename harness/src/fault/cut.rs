use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cut a node off the network: every frame to and from it is lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    pub node: String,
}
