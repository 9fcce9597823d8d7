//! The plan: scenario and seed, expanded to explicit data.
//!
//! A plan needs nothing else to run again: no defaults, no draws, no profile on disk. It prints
//! to the same bytes every time, and the run's history depends on it alone (and on the kernel
//! and the node image, whose keys it names).

use crate::lock::profile::Profile;
use crate::scenario::Scenario;
use crate::site::blueprint::Blueprint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the plan's own format.
pub const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub format: u32,
    pub seed: u64,
    /// Key of the kernel's recipe, of the node image's recipe, as `ci/setup` computes them.
    pub kernel_key: String,
    pub image_key: String,
    /// The scenario with every default and override filled in.
    pub scenario: Scenario,
    /// The profile of the lock under test, as it was.
    pub profile: Profile,
    /// The site: nodes, addresses, seeds, latencies.
    pub blueprint: Blueprint,
    /// Seed of the hold and think times of each client (ChaCha8).
    pub workload_seeds: BTreeMap<String, u64>,
}

impl Plan {
    /// The lifetime of the lock under test; `None` for a lock without one.
    pub fn lifetime(&self) -> Option<crate::units::Nanos> {
        let profile = self.profile.lifetime?;
        Some(self.scenario.lock.lifetime.unwrap_or(profile.default))
    }
}
