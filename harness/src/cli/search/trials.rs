//! Scenarios that a search has made, run side by side into its result set.

use crate::cli::batch::{self, BatchOptions, Job, Pair, SetDirectory, Witness};
use crate::cli::exit::Failure;
use crate::scenario::Scenario;
use crate::units::hex;
use lockstorm_reports::set::RunSummary;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// So many hex digits of a scenario's hash tell it apart from the others of a search.
const DIGITS: usize = 12;

/// A run that a search wants: a lock in a scenario, with a seed.
pub struct Trial {
    pub pair: Pair,
    pub seed: u64,
}

/// Where a search's runs go, and how they are made.
pub struct Trials<'a> {
    pub set: &'a SetDirectory,
    pub options: &'a BatchOptions,
}

impl Trials<'_> {
    /// Makes those that the set does not have yet. Answers all of them, in their order; none for
    /// one that the budget left out.
    pub fn make(
        &self,
        trials: &[Trial],
        witness: &dyn Witness,
    ) -> Result<Vec<Option<RunSummary>>, Failure> {
        let made = self.set.made()?;
        let jobs = trials.iter().map(|trial| Job { pair: &trial.pair, seed: trial.seed });
        let mut wanted: BTreeMap<_, Job> = BTreeMap::new();
        for job in jobs.filter(|job| !made.contains(&job.key())) {
            wanted.entry(job.key()).or_insert(job);
        }
        // In the order in which they were asked for.
        let order = trials.iter().map(|trial| Job { pair: &trial.pair, seed: trial.seed });
        let jobs: Vec<Job> = order.filter_map(|job| wanted.remove(&job.key())).collect();
        batch::run_seen(&jobs, self.set, self.options, witness)?;
        self.find(trials)
    }

    /// Those of them that the set has.
    pub fn find(&self, trials: &[Trial]) -> Result<Vec<Option<RunSummary>>, Failure> {
        let all = self.set.read()?.runs.into_iter();
        let all: BTreeMap<_, RunSummary> =
            all.map(|run| ((run.lock.clone(), run.scenario.clone(), run.seed), run)).collect();
        let found = trials.iter().map(|trial| {
            let job = Job { pair: &trial.pair, seed: trial.seed };
            all.get(&job.key()).cloned()
        });
        Ok(found.collect())
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::overrides::Overrides;

    #[test]
    fn the_same_scenario_has_the_same_name_and_another_another() {
        let calm = crate::scenario::load::load("calm", &Overrides::default()).unwrap().scenario;
        let one = named_by_content(calm.clone(), "shrink");
        let renamed = Scenario { name: "other".into(), ..calm.clone() };
        assert_eq!(one, named_by_content(renamed, "shrink"));
        let mut other = calm;
        other.site.clients += 1;
        assert_ne!(one.name, named_by_content(other, "shrink").name);
    }
}
