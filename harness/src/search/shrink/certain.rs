//! A small scenario that fails with some seeds, made to fail with more.

use crate::scenario::{CyclesSpec, Scenario, WorkloadSpec};
use crate::units::{Nanos, NanosRange};

/// A client more is a chance more, up to here.
const CLIENTS_MOST: u8 = 4;
/// So many times as much gives luck a chance.
const MORE: u32 = 5;

/// The same story with more chances: longer faults, less time between rounds, more rounds, clients.
/// What comes first is preferred.
pub fn more_chances(scenario: &Scenario) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = Vec::new();
    let mut longer = scenario.clone();
    for fault in &mut longer.faults {
        fault.lasts = fault.lasts.map(|lasts| Nanos(lasts.0.saturating_mul(2)));
    }
    found.push(longer);
    if let WorkloadSpec::Cycles(cycles) = &scenario.workload {
        let with = |change: &dyn Fn(&mut CyclesSpec)| {
            let mut cycles = cycles.clone();
            change(&mut cycles);
            Scenario { workload: WorkloadSpec::Cycles(cycles), ..scenario.clone() }
        };
        let think = NanosRange { least: Nanos::ZERO, most: Nanos::ZERO };
        let rounds = cycles.rounds.map(|rounds| rounds.saturating_mul(MORE));
        found.push(with(&|cycles| cycles.think = think));
        found.push(with(&|cycles| cycles.rounds = rounds));
        found.push(with(&|cycles| (cycles.rounds, cycles.think) = (rounds, think)));
    }
    if scenario.site.clients < CLIENTS_MOST {
        let mut more = scenario.clone();
        more.site.clients += 1;
        found.push(more);
    }
    found.retain(|other| other != scenario);
    found
}

#[cfg(test)]
mod tests {
    use super::super::samples::scenario;
    use super::*;

    #[test]
    fn more_chances_are_another_scenario_each() {
        let story = scenario("workload: {cycles: {rounds: 2}}\nsite: {clients: 4}");
        let found = more_chances(&story);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|other| *other != story));
        let forever = scenario(
            "site: {clients: 2}\n\
             faults: [{when: {at: 1s}, strike: {nfsd: {}}, for: 3s}]",
        );
        let found = more_chances(&forever);
        assert_eq!(found[0].faults[0].lasts, Some(Nanos::from_secs(6)));
        assert!(found.iter().any(|other| other.site.clients == 3));
    }
}
