//! The search: scenarios that nobody has written, derived from one that somebody has.
//!
//! Nothing of the site or of the checkers is different for it. What is here makes scenarios, and
//! learns from what came of them; `cli/search` has them run, side by side.
//!
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
pub mod strikes;
pub mod sweep;
#[cfg(test)]
mod tests;

use crate::lock::profile::{Profile, Renewed};
use crate::scenario::{CyclesSpec, Scenario, WorkloadSpec};
use crate::units::{MILLISECOND, Nanos, NanosRange, SECOND, hex};
use sha2::{Digest, Sha256};

/// So many hex digits of a scenario's hash tell it apart from the others of a search.
const DIGITS: usize = 12;

/// How long a run without faults goes on: all have had their turns by then.
const TIME: Nanos = Nanos::from_secs(30);
/// Who waits for a lock that nobody may ever free gives up after this: by then it is certain that a
/// release has not freed it (`check::release_frees`).
const PATIENCE: Nanos = Nanos::from_secs(150);

/// An owner asks so often whether it holds: once before it goes, and not when it refreshes.
const ASKS: Nanos = Nanos(700 * MILLISECOND);

/// The story that is searched where nobody names one: short, and with all that a lock does in it.
/// Whoever comes first finds nobody, the others wait; each comes twice, and stays long enough to
/// renew its lock.
pub fn story(scenario: &mut Scenario, profile: &Profile) {
    let renewed = profile.lifetime.map(|lifetime| lifetime.renewed);
    let hold = NanosRange { least: Nanos(1_200 * MILLISECOND), most: Nanos(1_800 * MILLISECOND) };
    // Long enough that who has met a fault is well again when it asks anew.
    let think = NanosRange { least: Nanos(2 * SECOND), most: Nanos(3 * SECOND) };
    scenario.about = "Three clients take turns, twice each.".into();
    scenario.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(2),
        time: TIME,
        hold,
        think,
        timeout: (!is_freed(profile)).then_some(PATIENCE),
        refresh: (renewed == Some(Renewed::ByCalls)).then_some(Nanos(SECOND)),
        is_held: Some(ASKS),
        recover: true,
    });
    calm(scenario);
}

/// Whether somebody frees the lock of a client that is gone; else all others wait in vain.
fn is_freed(profile: &Profile) -> bool {
    profile.lifetime.is_some() || profile.primitive.is_kernel_managed()
}

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
