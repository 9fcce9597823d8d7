//! The plan: scenario and seed, expanded to explicit data.
//!
//! A plan needs nothing else to run again: no defaults, no draws, no profile on disk. It prints
//! to the same bytes every time, and the run's history depends on it alone (and on the kernel
//! and the node image, whose keys it names).

mod bounds;
mod changed;
mod expand;
mod hash;
mod on_host;
mod repeated;
mod validate;

pub use changed::{Difference, differences};
pub use expand::{Lock, NODE_MEMORY_MIB, Parts, WALL_START_S, expand};
pub use hash::PlanHash;
pub use on_host::beyond;

use crate::fault::{FaultId, Strike};
use crate::kernel::Kernels;
use crate::lock::profile::Profile;
use crate::scenario::script::Step;
use crate::scenario::{Scenario, WorkloadSpec};
use crate::site::blueprint::Blueprint;
use crate::source::{Diagnostics, Document, KeyPath, Problem, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the plan's own format.
pub const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub format: u32,
    pub seed: u64,
    /// Key of the default kernel's recipe, of the node image's recipe, as `ci/setup` computes them.
    pub kernel_key: String,
    pub image_key: String,
    /// The kernels of nodes that do not run the default one.
    #[serde(default, skip_serializing_if = "Kernels::are_default")]
    pub kernels: Kernels,
    /// The scenario with every default and override filled in.
    pub scenario: Scenario,
    /// The profile of the lock under test, as it was.
    pub profile: Profile,
    /// The image that holds the lock, where that is not the node image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_image: Option<LockImage>,
    /// The site: nodes, addresses, seeds, latencies.
    pub blueprint: Blueprint,
    /// Seed of the hold and think times of each client (ChaCha8).
    pub workload_seeds: BTreeMap<String, u64>,
}

/// A lock that was brought from outside the node image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockImage {
    /// The first 16 hex digits of its SHA-256: its name in the cache.
    pub key: String,
    /// What it was made from, for people: `flufl.lock@8.2.0`.
    pub from: String,
}

impl Plan {
    /// The lock under test as the user named it: `flufl.lock`, `flufl.lock@8.2.0`.
    pub fn lock_label(&self) -> &str {
        self.lock_image.as_ref().map_or(&self.profile.name, |image| &image.from)
    }

    /// The lifetime of the lock under test; `None` for a lock without one.
    pub fn lifetime(&self) -> Option<crate::units::Nanos> {
        let profile = self.profile.lifetime?;
        Some(self.scenario.lock.lifetime.unwrap_or(profile.default))
    }

    /// The fault that a script's step strikes with: they are counted on after the scenario's own.
    pub fn fault_of_step(&self, step: usize) -> FaultId {
        FaultId::at(self.scenario.faults.len() + step)
    }

    /// A fault, whether it is the scenario's own or a script's.
    pub fn strike(&self, fault: FaultId) -> Option<&Strike> {
        match fault.index().checked_sub(self.scenario.faults.len()) {
            None => Some(&self.scenario.faults[fault.index()].strike),
            Some(step) => match self.steps().get(step)? {
                Step::Strike(strike) => Some(strike),
                _ => None,
            },
        }
    }

    /// Whether it is no reason to doubt the run that this fault missed.
    pub fn may_miss(&self, fault: FaultId) -> bool {
        self.scenario.faults.get(fault.index()).is_some_and(|fault| fault.may_miss)
    }

    /// Every fault that may strike.
    pub fn strikes(&self) -> impl Iterator<Item = &Strike> {
        let last = self.scenario.faults.len() + self.steps().len();
        (0..last).filter_map(|index| self.strike(FaultId::at(index)))
    }

    /// The steps of a script; none where the workload is another.
    fn steps(&self) -> &[Step] {
        match &self.scenario.workload {
            WorkloadSpec::Script(steps) => steps,
            WorkloadSpec::Cycles(_) => &[],
        }
    }

    /// The plan as YAML: the same plan, the same bytes.
    pub fn to_yaml(&self) -> Result<String, serde_yaml::Error> {
        serde_yaml::to_string(self)
    }

    /// Reads a plan that was saved, whoever has edited it since.
    pub fn from_source(source: Source) -> Result<Plan, Diagnostics> {
        let document = Document::parse(source)?;
        let format = document.value.get("format").and_then(|format| format.as_u64());
        if format.is_some_and(|format| format != u64::from(FORMAT)) {
            let message = format!("a plan of another format; expected {FORMAT}");
            let problem = Problem::new(KeyPath::keys("format"), message);
            return Err(document.diagnose(problem).into());
        }
        let plan: Plan = document.read().map_err(|p| document.diagnose(p))?;
        let problems = validate::problems(&plan);
        match problems.is_empty() {
            true => Ok(plan),
            false => Err(document.diagnose_all(problems)),
        }
    }
}

#[cfg(test)]
mod tests;
