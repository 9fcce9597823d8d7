//! The corpus: scenarios that came to situations in which none before had been.

use super::coverage::Coverage;
use crate::scenario::Scenario;
use crate::units::Nanos;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Of the moments at which a run came to something new, so many are kept.
const MOMENTS_MAX: usize = 8;

/// A scenario that is kept, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Of its file, without the ending.
    pub name: String,
    /// As in tables.
    pub lock: String,
    pub seed: u64,
    /// When its run came to what was new then, from the begin of the workload on.
    pub moments: Vec<Nanos>,
    pub coverage: Coverage,
    /// It has a file of its own.
    #[serde(skip)]
    pub scenario: Option<Scenario>,
    /// How many scenarios were made of it.
    #[serde(skip)]
    pub children: u64,
}

/// The corpus of a search, and how often its runs were in each state.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    pub entries: Vec<Entry>,
    /// By lock and state: in how many runs. What a lock comes to says nothing of another.
    seen: BTreeMap<String, BTreeMap<String, u64>>,
}

/// What a run has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    pub situations: usize,
    pub steps: usize,
}

impl Corpus {
    /// Learns what a run has covered; keeps its scenario if any of that is new.
    pub fn learn(
        &mut self,
        lock: &str,
        scenario: &Scenario,
        seed: u64,
        coverage: Coverage,
    ) -> News {
        let is_new = self.cover(lock, &coverage);
        let firsts = coverage.situations.iter().filter(|(name, _)| is_new.contains(name));
        let moments: Vec<Nanos> = firsts.map(|(_, at)| *at).collect();
        let news =
            News { situations: moments.len(), steps: is_new.len().saturating_sub(moments.len()) };
        if !is_new.is_empty() {
            let name = format!("{}-{seed}", scenario.name);
            let moments = moments.into_iter().take(MOMENTS_MAX).collect();
            let (lock, scenario) = (lock.to_owned(), Some(scenario.clone()));
            self.entries.push(Entry { name, lock, seed, moments, coverage, scenario, children: 0 });
        }
        news
    }

    /// Counts what a run has covered; answers what of it is new.
    pub fn cover(&mut self, lock: &str, coverage: &Coverage) -> BTreeSet<String> {
        let seen = self.seen.entry(lock.to_owned()).or_default();
        let is_new = coverage.states().filter(|state| !seen.contains_key(state)).collect();
        for state in coverage.states() {
            *seen.entry(state).or_default() += 1;
        }
        is_new
    }

    /// How many situations the runs of all locks have been in.
    pub fn situations(&self) -> usize {
        self.count(|state| !state.contains(" -> "))
    }

    /// How many steps from one to the next were seen.
    pub fn steps(&self) -> usize {
        self.count(|state| state.contains(" -> "))
    }

    fn count(&self, counts: impl Fn(&str) -> bool) -> usize {
        self.seen.values().flat_map(BTreeMap::keys).filter(|state| counts(state)).count()
    }

    /// How little an entry promises: how many runs have been in that of its situations that the
    /// fewest have been in, and how many scenarios were made of it.
    pub fn weariness(&self, entry: &Entry) -> u64 {
        self.rarity(entry).saturating_add(entry.children)
    }

    fn rarity(&self, entry: &Entry) -> u64 {
        let Some(seen) = self.seen.get(&entry.lock) else { return 0 };
        let names = entry.coverage.situations.iter().map(|(name, _)| name);
        names.filter_map(|name| seen.get(name).copied()).min().unwrap_or(u64::MAX)
    }
}

/// What corpora cover together, each entry once.
pub fn merged(corpora: impl IntoIterator<Item = Vec<Entry>>) -> Vec<Entry> {
    let mut names = BTreeSet::new();
    let all = corpora.into_iter().flatten();
    all.filter(|entry| names.insert((entry.lock.clone(), entry.name.clone()))).collect()
}

/// As few entries as cover all that these cover, or nearly as few: first the one that covers most,
/// then always the one that adds most (greedy set cover).
pub fn minimised(entries: Vec<Entry>) -> Vec<Entry> {
    let states = |entry: &Entry| -> BTreeSet<(String, String)> {
        entry.coverage.states().map(|state| (entry.lock.clone(), state)).collect()
    };
    let mut left: Vec<_> = entries.iter().map(|entry| (entry, states(entry))).collect();
    let mut kept: BTreeSet<(&str, &str)> = BTreeSet::new();
    // Of those that add as much, the first.
    while let Some(best) = (0..left.len()).rev().max_by_key(|place| left[*place].1.len()) {
        let (entry, added) = left.swap_remove(best);
        if added.is_empty() {
            break;
        }
        kept.insert((&entry.lock, &entry.name));
        for (_, states) in &mut left {
            states.retain(|state| !added.contains(state));
        }
    }
    let is_kept = |entry: &&Entry| kept.contains(&(entry.lock.as_str(), entry.name.as_str()));
    entries.iter().filter(is_kept).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn coverage(walk: &[u8]) -> Coverage {
        let situations: Vec<u8> = BTreeSet::from_iter(walk).into_iter().copied().collect();
        let place = |state: &u8| situations.iter().position(|one| one == state).unwrap();
        let steps = walk.windows(2).map(|pair| (place(&pair[0]), place(&pair[1]))).collect();
        let named = situations.iter().map(|state| (format!("s{state}"), Nanos((*state).into())));
        Coverage { situations: named.collect(), steps }
    }

    fn entry(number: usize, lock: &str, walk: &[u8]) -> Entry {
        Entry {
            name: format!("e{number}"),
            lock: lock.into(),
            seed: 1,
            moments: Vec::new(),
            coverage: coverage(walk),
            scenario: None,
            children: 0,
        }
    }

    fn covered(entries: &[Entry]) -> BTreeSet<(String, String)> {
        let states = |entry: &Entry| {
            let lock = entry.lock.clone();
            entry.coverage.states().map(move |state| (lock.clone(), state)).collect::<Vec<_>>()
        };
        entries.iter().flat_map(states).collect()
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let walk = proptest::collection::vec(0..12_u8, 1..8);
        let one = (walk, prop_oneof![Just("a"), Just("b")]);
        proptest::collection::vec(one, 0..20).prop_map(|all| {
            let numbered = all.iter().enumerate();
            numbered.map(|(number, (walk, lock))| entry(number, lock, walk)).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_covered_is_covered_by_the_minimised_and_by_the_merged(
            one in entries(), other in entries()
        ) {
            let least = minimised(one.clone());
            prop_assert_eq!(covered(&least), covered(&one));
            prop_assert_eq!(minimised(least.clone()), least);
            // Entries of one name are one entry: those of the first corpus stand.
            let other: Vec<Entry> = other
                .into_iter()
                .map(|entry| Entry { name: format!("other-{}", entry.name), ..entry })
                .collect();
            let both = merged([one.clone(), other.clone(), one.clone()]);
            prop_assert_eq!(both.len(), one.len() + other.len());
            prop_assert_eq!(covered(&both), covered(&[one, other].concat()));
        }
    }

    #[test]
    fn one_that_covers_all_is_enough() {
        let least = minimised(vec![
            entry(1, "a", &[1, 2]),
            entry(2, "a", &[1, 2, 3]),
            entry(3, "a", &[2, 3]),
        ]);
        assert_eq!(least.len(), 1);
        assert_eq!(least[0].name, "e2");
    }

    #[test]
    fn what_was_seen_before_of_the_same_lock_is_not_kept() {
        let calm = crate::scenario::load::load("calm", &Default::default()).unwrap().scenario;
        let mut corpus = Corpus::default();
        let news = corpus.learn("a", &calm, 1, coverage(&[1, 2]));
        assert_eq!(news, News { situations: 2, steps: 1 });
        assert_eq!(corpus.learn("a", &calm, 2, coverage(&[1, 2])), News::default());
        assert_eq!(corpus.learn("a", &calm, 3, coverage(&[2, 1])).steps, 1);
        corpus.learn("b", &calm, 1, coverage(&[1, 2]));
        let names: Vec<_> = corpus.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["calm-1", "calm-3", "calm-1"]);
        assert_eq!((corpus.situations(), corpus.steps()), (4, 3));
        assert_eq!(corpus.rarity(&corpus.entries[0]), 3);
        assert_eq!(corpus.rarity(&corpus.entries[2]), 1);
    }
}
