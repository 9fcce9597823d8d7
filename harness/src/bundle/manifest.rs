//! What a bundle says of itself.

use crate::units::is_key;
use crate::verdict::recheck::{CONSOLES, FILES, HISTORY};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the format of bundles.
pub const FORMAT: u32 = 1;
/// The first file of a bundle.
pub const MANIFEST: &str = "bundle.json";
/// Where the files of the run are.
pub const RUN: &str = "run";

/// More than any run has left so far, less than fills a disk.
pub(super) const UNPACKED_MAX: u64 = 4 << 30;
pub(super) const FILES_MAX: usize = 10_000;
/// What a path of the archive's format has room for.
const PATH_MAX: usize = 255;

/// What is in a bundle: its file bundle.json.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format: 1.
    pub format: u32,
    /// The version of lockstorm that made the bundle.
    pub lockstorm: String,
    /// The commit of lockstorm's repository that it was built from, if that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The name of the run's directory.
    pub run: String,
    /// What the run needs besides the harness.
    pub parts: Vec<Part>,
    /// Every other file of the bundle, in its order.
    pub files: Vec<Entry>,
}

/// Something that a run is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub kind: PartKind,
    /// What people call it: `6.12`, `flufl.lock@8.2.0`, the layers of an image.
    pub name: String,
    /// Its name in the cache: the key of its recipe, or the first 16 hex digits of its SHA-256.
    pub key: String,
    /// The command that builds it, in a checkout of lockstorm or in `recipe`; empty where the
    /// bundle has the part itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub built_by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    Kernel,
    NodeImage,
    Lock,
}

impl PartKind {
    pub fn words(self) -> &'static str {
        match self {
            PartKind::Kernel => "kernel",
            PartKind::NodeImage => "node image",
            PartKind::Lock => "lock",
        }
    }
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub path: String,
    pub size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads it, whoever has written it; or says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            let found = format.map_or("none".into(), |format| format.to_string());
            return Err(format!(
                "its format is {found}, and this lockstorm reads {FORMAT}; take the lockstorm that \
                 made it, or a newer one"
            ));
        }
        let manifest: Manifest =
            serde_json::from_value(value).map_err(|error| error.to_string())?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.files.len() > FILES_MAX {
            return Err(format!("{} files, of at most {FILES_MAX}", self.files.len()));
        }
        let sizes = self.files.iter().map(|file| file.size);
        let whole = sizes.fold(0, u64::saturating_add);
        if whole > UNPACKED_MAX {
            return Err(format!("{whole} bytes when it is unpacked, of at most {UNPACKED_MAX}"));
        }
        let mut paths = BTreeSet::new();
        for file in &self.files {
            if !is_place(&file.path) {
                return Err(format!("`{}` is no place in a bundle", shown(&file.path)));
            }
            if !paths.insert(file.path.as_str()) {
                return Err(format!("`{}` is there twice", shown(&file.path)));
            }
        }
        for path in &paths {
            let above = path.match_indices('/').map(|(at, _)| &path[..at]);
            if let Some(file) = above.into_iter().find(|above| paths.contains(above)) {
                return Err(format!("`{}` is a file and a directory", shown(file)));
            }
        }
        for needed in ["plan.yaml", HISTORY] {
            if !paths.contains(format!("{RUN}/{needed}").as_str()) {
                return Err(format!("{needed} of the run is missing"));
            }
        }
        match self.parts.iter().find(|part| !is_key(&part.key)) {
            Some(part) => Err(format!("`{}` is no key", shown(&part.key))),
            None => Ok(()),
        }
    }

    /// What the run needs, one line each, with the command that builds it.
    pub fn parts_words(&self, indent: &str) -> String {
        let line = |part: &Part| {
            let what = format!("{} {}", part.kind.words(), shown(&part.name));
            let from = match part.built_by.is_empty() {
                true => "in the bundle".into(),
                false => format!("`{}` builds it", shown(&part.built_by)),
            };
            format!("{indent}{what} ({}): {from}\n", shown(&part.key))
        };
        self.parts.iter().map(line).collect()
    }

    /// The commit that it was made with, and the version, for people.
    pub fn maker(&self) -> String {
        let version = shown(&self.lockstorm);
        match &self.commit {
            Some(commit) => format!("lockstorm {version}, commit {}", shown(commit)),
            None => format!("lockstorm {version}"),
        }
    }
}

/// Of a stranger's text, what can be printed, on a line.
fn shown(text: &str) -> String {
    lockstorm_reports::text::clean_name(text).chars().take(PATH_MAX).collect()
}

/// Whether a bundle may have a file there: none leads out of it, and of a run there are only files
/// that a run leaves.
fn is_place(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    let is_part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(is_plain);
    let parts: Vec<&str> = path.split('/').collect();
    if path.len() > PATH_MAX || !parts.iter().all(|part| is_part(part)) {
        return false;
    }
    match parts.as_slice() {
        [RUN, file] => FILES.iter().any(|(known, _)| known == file),
        [RUN, CONSOLES, file] => file.ends_with(".log"),
        ["lock", file] => file.strip_suffix(".erofs").is_some_and(is_key),
        ["kernel", key, "linux" | "arguments"] => is_key(key),
        ["recipe", _, ..] => true,
        _ => false,
    }
}
