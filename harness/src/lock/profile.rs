//! Lock profiles: `containers/locks/NAME/profile.yaml`.

use crate::units::Nanos;
use lockstorm_reports::Invariant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One lock implementation: how it is started, what it promises, what it assumes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub kind: Kind,
    pub summary: String,
    /// The pinned version; the adapter reports the one that really ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The layer of the node image that holds it.
    pub layer: String,
    /// The adapter's command, run in the lock's own directory of the image.
    pub start: Vec<String>,
    pub primitive: Primitive,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// Invariants, each with the sentence of the documentation it rests on.
    #[serde(default)]
    pub promises: BTreeMap<Invariant, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_bound: Option<BreakBound>,
    #[serde(default)]
    pub assumes: Assumptions,
    /// For controls: the invariant that it is known to break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks: Option<Invariant>,
    #[serde(default)]
    pub options: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Library,
    Primitive,
    /// Known good or known bad, to prove the checkers.
    Control,
    /// An adapter that breaks the protocol, to prove the harness.
    Misbehaving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Primitive {
    Link,
    Posix,
    Flock,
    Create,
    Mkdir,
    Symlink,
    Rename,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    pub default: Nanos,
    pub least: Nanos,
}

/// A lock that its owner left is broken at the latest `lifetime + slop + within` after the last
/// refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakBound {
    pub slop: Nanos,
    pub within: Nanos,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumptions {
    /// The largest skew between any two clocks; `None`: clocks play no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew: Option<Nanos>,
    /// NFS versions; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nfs: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}
