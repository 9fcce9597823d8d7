//! The search: scenarios that nobody has written, derived from one that somebody has.
//!
//! Nothing of the site or of the checkers is different for it. What is here makes scenarios, and
//! learns from what came of them; `cli/search` has them run, side by side.
//!
//! - [`stories`]: what is searched where nobody names a story;
//! - [`points`]: the places of a run at which a fault can strike, from a run without faults;
//! - [`strikes`]: what can happen at such a place;
//! - [`sweep`]: every fault at every place, those that are alike told as one;
//! - [`pairs`]: a second fault where the run is another because of the first;
//! - [`explore`]: scenarios at random, and from those that came to something new;
//! - [`fingerprint`]: which violations are the same;
//! - [`known`]: which of them somebody knows already;
//! - [`shrink`]: the smallest scenario that shows the same violation;
//! - [`explain`]: what a violation depends on;
//! - [`bisect`]: between which two of a row it came, or went.

pub mod bisect;
pub mod explain;
pub mod explore;
pub mod fingerprint;
pub mod known;
pub mod pairs;
mod parts;
pub mod points;
pub mod shrink;
pub mod stories;
pub mod strikes;
pub mod sweep;
#[cfg(test)]
mod tests;

use crate::scenario::Scenario;
use crate::units::hex;
use sha2::{Digest, Sha256};

/// So many hex digits of a scenario's hash tell it apart from the others of a search.
const DIGITS: usize = 12;

/// The same without faults, and without what its author expected of them.
pub fn calm(scenario: &mut Scenario) {
    scenario.faults.clear();
    scenario.expect = Default::default();
    scenario.known_bug = None;
}

/// The scenario under a name that says what is in it: among the runs of a search, the same scenario
/// is the same run.
pub fn named_by_content(mut scenario: Scenario, prefix: &str) -> Scenario {
    scenario.name.clear();
    let text = serde_yaml::to_string(&scenario).unwrap_or_default();
    let hash = hex(&Sha256::digest(text.as_bytes()));
    scenario.name = format!("{prefix}-{}", &hash[..DIGITS]);
    scenario
}
