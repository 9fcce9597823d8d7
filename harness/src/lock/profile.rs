//! Lock profiles: `containers/locks/NAME/profile.yaml`.

mod assumptions;

pub use assumptions::{Assumptions, LeaseAssumption, Pause, Ppm};

use super::layer::{Install, Layer};
use crate::name::{RULE, is_name};
use crate::source::{Diagnostics, Document, KeyPath, Problem, Source};
use crate::units::{Mebibytes, Nanos};
use lockstorm_reports::Invariant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// One lock implementation: how it is started, what it promises, what it assumes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The lock's name, in reports and in the paths of results; of a shipped lock, its directory's.
    pub name: String,
    pub kind: Kind,
    /// What it is, in one line.
    pub summary: String,
    /// The pinned version; the adapter reports the one that really ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The layer of the node image that holds it.
    pub layer: Layer,
    /// What brings it there.
    #[serde(default, skip_serializing_if = "Install::is_none")]
    pub install: Install,
    /// What the package manager calls it, if that is not the profile's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Memory of each client's node, where its runtime needs more than the harness would give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Mebibytes>,
    /// The adapter's command, run in the lock's own directory of the image.
    pub start: Vec<String>,
    /// What it locks by.
    pub primitive: Primitive,
    /// For a lock that others may break after a while; left out: it stands until it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// Invariants, each with the sentence of the documentation it rests on.
    #[serde(default)]
    pub promises: BTreeMap<Invariant, String>,
    /// Names on the export that are no litter, as patterns ([`lockstorm_agent::glob`]): what the
    /// lock leaves there on purpose when nobody has it. For the promise of cleanliness.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<String>,
    /// For the promise `break_after_lifetime`: within what time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_bound: Option<BreakBound>,
    /// What it has to be able to rely on.
    #[serde(default)]
    pub assumes: Assumptions,
    /// For controls: the invariant that it is known to break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks: Option<Invariant>,
    /// Defaults of what is passed on to the adapter; a scenario may override each.
    #[serde(default)]
    pub options: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What people install.
    Library,
    /// A system call or two, as a reference.
    Primitive,
    /// Known good or known bad, to prove the checkers.
    Control,
    /// An adapter that breaks the protocol, to prove the harness.
    Misbehaving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Primitive {
    /// link(2): the name is there, or it is not.
    Link,
    /// fcntl(2) record locks, owned by a process.
    Posix,
    /// fcntl(2) record locks, owned by an open file description.
    Ofd,
    /// flock(2).
    Flock,
    /// open(2) with O_EXCL.
    Create,
    /// mkdir(2).
    Mkdir,
    /// symlink(2).
    Symlink,
    /// rename(2).
    Rename,
    /// Nothing at all.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// Where a scenario says none.
    pub default: Nanos,
    /// The shortest that it can have.
    pub least: Nanos,
    /// Who keeps the lock young while it is held.
    #[serde(default, skip_serializing_if = "Renewed::is_by_calls")]
    pub renewed: Renewed,
}

/// What renews a lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Renewed {
    /// Its owner's calls.
    #[default]
    ByCalls,
    /// The lock itself, by a heartbeat (of a thread or a timer), for as long as its process runs
    /// and reaches the server.
    Itself,
    /// Nobody: it has no refresh.
    Never,
}

impl Renewed {
    fn is_by_calls(&self) -> bool {
        *self == Renewed::ByCalls
    }
}

/// A lock that its owner left is broken at the latest `lifetime + slop + within` after the last
/// refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakBound {
    /// How much longer than its lifetime a lock is left alone, since clocks may differ.
    pub slop: Nanos,
    /// How long it may take from then on until a contender has broken it.
    pub within: Nanos,
    /// Contenders go by no timestamp: each watches for the whole time itself that nothing changes,
    /// and one that begins to ask late begins to watch late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watched: bool,
}

impl Primitive {
    /// The kernel frees the lock when its owner's process ends.
    pub fn is_kernel_managed(self) -> bool {
        matches!(self, Primitive::Posix | Primitive::Ofd | Primitive::Flock)
    }
}

/// What a node can have, in MiB.
pub const MEMORY_MIB: std::ops::RangeInclusive<u32> = 32..=4096;

const NFS_VERSIONS: [&str; 4] = ["3", "4.0", "4.1", "4.2"];

impl Profile {
    /// Reads `directory/profile.yaml`, of a directory that has the lock's name.
    pub fn load(directory: &Path) -> Result<Profile, Diagnostics> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        Profile::read(&directory.join("profile.yaml"), Some(&name))
    }

    /// Reads a profile; its lock's name must be `name`, if there is one.
    pub fn read(file: &Path, name: Option<&str>) -> Result<Profile, Diagnostics> {
        let document = Document::parse(Source::read(file)?)?;
        let profile: Profile = document.read().map_err(|p| document.diagnose(p))?;
        let problems = profile.problems(name);
        match problems.is_empty() {
            true => Ok(profile),
            false => Err(document.diagnose_all(problems)),
        }
    }

    /// Its owner may refresh it.
    pub fn is_refreshed(&self) -> bool {
        self.lifetime.is_some_and(|known| known.renewed != Renewed::Never)
    }

    /// What the package manager calls it.
    pub fn package(&self) -> &str {
        self.package.as_deref().unwrap_or(&self.name)
    }

    /// How far from true a clock may run for this lock; `None`: it measures no time.
    pub fn clock_rate(&self) -> Option<Ppm> {
        // Whatever measures a lifetime does it by a clock.
        self.assumes.clock_rate.or(self.lifetime.map(|_| Ppm::SLEWED))
    }

    /// Everything that the types cannot say.
    fn problems(&self, directory: Option<&str>) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut add = |key: &str, message: String| {
            found.push(Problem::new(KeyPath::keys(key), message));
        };
        if !is_name(&self.name) {
            add("name", format!("a lock's name is part of file names; expected {RULE}"));
        }
        if let Some(directory) = directory
            && self.name != directory
        {
            let name = &self.name;
            add(
                "name",
                format!("`{name}` lies in the directory `{directory}`; expected the same name"),
            );
        }
        if self.start.first().is_none_or(String::is_empty) {
            add("start", "no command; expected such as `[python3, adapter.py]`".into());
        }
        for version in &self.assumes.nfs {
            if !NFS_VERSIONS.contains(&version.as_str()) {
                let known = NFS_VERSIONS.join(", ");
                add("assumes.nfs", format!("no NFS version `{version}`; expected of {known}"));
            }
        }
        if let Some(memory) = self.memory
            && !MEMORY_MIB.contains(&memory.0)
        {
            let (least, most) = MEMORY_MIB.into_inner();
            add("memory", format!("a node cannot have {memory}; expected {least} to {most} MiB"));
        }
        self.check_lifetime(&mut add);
        self.check_control(&mut add);
        found
    }

    fn check_lifetime(&self, add: &mut impl FnMut(&str, String)) {
        if let Some(lifetime) = self.lifetime {
            if lifetime.least == Nanos::ZERO {
                add("lifetime.least", "`least` is 0s; expected a time".into());
            }
            if lifetime.default < lifetime.least {
                add("lifetime.default", "`default` is below `least`; expected no less".into());
            }
        }
        for (invariant, name) in [
            (Invariant::BreakAfterLifetime, "promises.break_after_lifetime"),
            (Invariant::NoEarlyBreak, "promises.no_early_break"),
        ] {
            if self.promises.contains_key(&invariant) && self.lifetime.is_none() {
                add(
                    name,
                    "a lock without lifetimes is not broken; expected `lifetime:` too".into(),
                );
            }
        }
        if self.assumes.pause == Some(Pause::Lifetime) && self.lifetime.is_none() {
            let message = "a lock without lifetimes has none to compare a pause with; expected a \
                duration such as 15s";
            add("assumes.pause", message.into());
        }
        if !self.stays.is_empty() && !self.promises.contains_key(&Invariant::Cleanliness) {
            let message = "what stays of a lock that does not promise to leave nothing; expected \
                `cleanliness` among the promises";
            add("stays", message.into());
        }
        let promised = self.promises.contains_key(&Invariant::BreakAfterLifetime);
        match self.break_bound {
            Some(_) if !promised => {
                let message = "a bound for a break that is not promised; expected \
                    `break_after_lifetime` among the promises";
                add("break_bound", message.into());
            }
            None if promised => {
                let message = "this is promised without a bound; expected \
                    `break_bound: {slop: 10s, within: 5s}` too";
                add("promises.break_after_lifetime", message.into());
            }
            _ => {}
        }
    }

    fn check_control(&self, add: &mut impl FnMut(&str, String)) {
        let Some(breaks) = self.breaks else {
            return;
        };
        if self.kind != Kind::Control {
            add(
                "breaks",
                "only a control is known to break something; expected `kind: control`".into(),
            );
        }
        if !self.promises.contains_key(&breaks) {
            let message = "what it breaks is not among its promises, so nobody would look; \
                expected it there";
            add("breaks", message.into());
        }
    }
}

#[cfg(test)]
mod tests;
