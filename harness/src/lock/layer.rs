//! Layers of the node image: a language's runtime and the locks that need it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of the node image that set-up can leave out (`ci/setup --locks`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Always there: adapters of programs are written in it too.
    Python,
    Programs,
    Node,
    Go,
    Rust,
    Java,
}

impl Layer {
    /// As profiles and `ci/setup --locks` write it.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Python => "python",
            Layer::Programs => "programs",
            Layer::Node => "node",
            Layer::Go => "go",
            Layer::Rust => "rust",
            Layer::Java => "java",
        }
    }

    /// The variable and value with which an adapter in `directory` finds its libraries, where its
    /// language does not look beside it.
    pub fn search_path(self, directory: &str) -> Option<(&'static str, String)> {
        match self {
            Layer::Python | Layer::Programs => Some(("PYTHONPATH", format!("{directory}/site"))),
            Layer::Node => Some(("NODE_PATH", "/usr/lib/lockstorm/lib/node".into())),
            Layer::Go | Layer::Rust | Layer::Java => None,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What brings a lock beside its adapter, from the file in its directory that says which version:
/// see containers/locks/README.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Install {
    /// Nothing: the adapter is all there is.
    #[default]
    None,
    /// requirements.txt, each line pinned with a hash.
    Pip,
    /// package.json and package-lock.json.
    Npm,
    /// packages: Debian's names, one a line.
    Debian,
    /// Cargo.toml and Cargo.lock: the adapter is compiled.
    Cargo,
    /// main.go: the adapter is compiled.
    Go,
    /// Adapter.java: the adapter is compiled.
    Javac,
}

impl Install {
    pub fn is_none(&self) -> bool {
        *self == Install::None
    }
}
