//! What makes a scenario the proof of a bug that somebody has reported.

use lockstorm_reports::Invariant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bug that the scenario shows: where it was reported, in what it is and in what it is not.
/// `lockstorm known-bugs` runs both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownBug {
    /// Where: `tox-dev/filelock#574`, a commit, a page.
    pub report: String,
    /// The promise that it breaks. Left out: an answer that the script does not expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows: Option<Invariant>,
    /// What has the bug.
    pub bad: Variant,
    /// What does not have it.
    pub good: Variant,
}

/// What the scenario is run with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Variant {
    /// As for `--lock`; the scenario's own where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// As for `--kernel`; the default one where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// As for `--set`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
}

impl Variant {
    /// In the words of the command line; `lock` is the scenario's.
    pub fn words(&self, lock: &str) -> String {
        let lock = self.lock.as_deref().unwrap_or(lock);
        let kernel = self.kernel.iter().map(|kernel| format!("Linux {kernel}"));
        let words = std::iter::once(lock.to_owned()).chain(kernel).chain(self.set.iter().cloned());
        words.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_told_as_one_would_ask_for_it() {
        assert_eq!(Variant::default().words("flock"), "flock");
        let variant = Variant {
            lock: Some("filelock@3.29.4".into()),
            kernel: Some("server=6.1".into()),
            set: vec!["site.nfs.version=4.0".into()],
        };
        let words = "filelock@3.29.4, Linux server=6.1, site.nfs.version=4.0";
        assert_eq!(variant.words("flock"), words);
    }
}
