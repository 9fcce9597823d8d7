//! What a run has covered: the situations that it was in, and which followed which.

use crate::history::{Event, EventKind};
use crate::plan::Plan;
use crate::units::Nanos;
use crate::verdict::situation::Situations;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The coverage of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Each with the time at which it was first seen, from the begin of the workload on.
    pub situations: Vec<(String, Nanos)>,
    /// Which followed which, by their places in the list.
    pub steps: BTreeSet<(usize, usize)>,
}

impl Coverage {
    pub fn of(plan: &Plan, history: &[Event]) -> Coverage {
        let began = history.iter().find(|event| event.kind == EventKind::WorkloadBegan);
        let began_ns = began.map_or(0, |event| event.at_ns);
        Coverage::of_walk(began_ns, &Situations::walk(plan, history))
    }

    fn of_walk(began_ns: u64, walk: &[(u64, String)]) -> Coverage {
        let mut coverage = Coverage::default();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut before = None;
        for (at_ns, situation) in walk {
            let place = *places.entry(situation).or_insert_with(|| {
                let at = Nanos(at_ns.saturating_sub(began_ns));
                coverage.situations.push((situation.clone(), at));
                coverage.situations.len() - 1
            });
            coverage.steps.extend(before.map(|before| (before, place)));
            before = Some(place);
        }
        coverage
    }

    /// All that counts as covered: situations, and steps from one to the next.
    pub fn states(&self) -> impl Iterator<Item = String> {
        let name = |place: &usize| self.situations.get(*place).map(|(name, _)| name.as_str());
        let steps = self.steps.iter().filter_map(move |(from, to)| {
            let (from, to) = (name(from)?, name(to)?);
            Some(format!("{from} -> {to}"))
        });
        self.situations.iter().map(|(name, _)| name.clone()).chain(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_covers_situations_and_the_steps_between_them() {
        let walk = [(5, "a"), (7, "b"), (9, "a"), (11, "c")];
        let walk = walk.map(|(at_ns, situation)| (at_ns, situation.to_owned()));
        let coverage = Coverage::of_walk(5, &walk);
        let firsts = [("a", 0), ("b", 2), ("c", 6)];
        let firsts = firsts.map(|(situation, at)| (situation.to_owned(), Nanos(at)));
        assert_eq!(coverage.situations, firsts);
        let states: Vec<String> = coverage.states().collect();
        assert_eq!(states, ["a", "b", "c", "a -> b", "a -> c", "b -> a"]);
    }
}
