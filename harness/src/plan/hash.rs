//! What a run is known by: the hash of its plan.

use super::Plan;
use crate::units::hex;
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256 of a plan as YAML: of the bytes of plan.yaml, as `sha256sum` says it.
///
/// On the virtual clock, two runs of one hash are one run. It prints as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanHash([u8; 32]);

impl PlanHash {
    /// The first 16 of its hexadecimal digits: enough to tell all runs apart that anybody makes.
    pub fn short(&self) -> String {
        hex(&self.0[..8])
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl Plan {
    /// What the plan's run is known by. It fails where the plan cannot be written as YAML.
    pub fn hash(&self) -> Result<PlanHash, serde_yaml::Error> {
        let yaml = self.to_yaml()?;
        Ok(PlanHash(Sha256::digest(yaml.as_bytes()).into()))
    }
}
