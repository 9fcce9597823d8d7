//! Faults that strike again and again: a plan has each of their strikes by itself.

use crate::fault::trigger::STRIKES_MAX;
use crate::fault::{Every, FaultSpec, Trigger};
use crate::scenario::{Scenario, WorkloadSpec};
use crate::seeds;
use crate::units::Nanos;
use rand::RngExt;

/// Puts the times of every strike in place of `every`. The first keeps its place in the list, so
/// that others may refer to it; the rest stand at its end.
pub fn spelled_out(scenario: &mut Scenario, seed: u64) {
    let until = match &scenario.workload {
        WorkloadSpec::Cycles(cycles) => cycles.time,
        WorkloadSpec::Script(_) => Nanos(u64::MAX),
    };
    let mut more = Vec::new();
    for (index, fault) in scenario.faults.iter_mut().enumerate() {
        let Trigger::Every(every) = &fault.when else {
            continue;
        };
        let mut times = times(every, until, seeds::derive(seed, &format!("every/{index}")));
        let rest = times.split_off(times.len().min(1));
        // Sound ones strike once at least.
        fault.when = Trigger::At(times.first().copied().unwrap_or(every.from));
        let again = |at| FaultSpec { when: Trigger::At(at), ..fault.clone() };
        more.extend(rest.into_iter().map(again));
    }
    scenario.faults.extend(more);
}

fn times(every: &Every, until: Nanos, seed: u64) -> Vec<Nanos> {
    let (mut rng, mut at) = (seeds::generator(seed), every.from.0);
    let most = every.times.unwrap_or(STRIKES_MAX).min(STRIKES_MAX);
    let mut times = Vec::new();
    while times.len() < most as usize {
        at = at.saturating_add(rng.random_range(every.gap.least.0..=every.gap.most.0));
        if at >= until.0 {
            break;
        }
        times.push(Nanos(at));
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(faults: &str) -> Scenario {
        let text = format!(
            "name: story\nlock: {{name: fcntl}}\nworkload: {{cycles: {{time: 60s}}}}\nfaults:\n{faults}"
        );
        let mut scenario = serde_yaml::from_str(&text).unwrap();
        spelled_out(&mut scenario, 7);
        scenario
    }

    fn at(fault: &FaultSpec) -> u64 {
        match fault.when {
            Trigger::At(at) => at.0,
            _ => panic!("{:?}", fault.when),
        }
    }

    #[test]
    fn every_strike_has_its_time_and_the_first_its_place() {
        let scenario = scenario(
            "  - {when: {every: {gap: 9s..11s, from: 5s}}, strike: {cut: {node: c1}}, for: 1s}\n\
             \x20 - {when: {at: 1s}, strike: {cut: {node: c2}}}\n",
        );
        let times: Vec<u64> = scenario.faults.iter().map(at).collect();
        assert_eq!((times.len(), times[1]), (6, 1_000_000_000));
        let gaps: Vec<u64> = [&times[..1], &times[2..]].concat();
        let gaps = gaps.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.into_iter().all(|gap| (9_000_000_000..=11_000_000_000).contains(&gap)));
        assert!(scenario.faults[2..].iter().all(|fault| fault.strike.target() == "c1"));
    }

    #[test]
    fn no_more_than_so_many_times() {
        let scenario =
            scenario("  - {when: {every: {gap: 1s, times: 3}}, strike: {cut: {node: c1}}}\n");
        assert_eq!(
            scenario.faults.iter().map(at).collect::<Vec<_>>(),
            [1, 2, 3].map(|s| s * 1_000_000_000)
        );
    }
}
