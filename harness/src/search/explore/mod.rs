//! Exploring: scenarios at random, and mutations of those that came to situations in which none
//! before had been, as fuzzers do it.
//!
//! Scenarios are made in generations. What a generation is made of depends on the seed and on what
//! those before have covered, and on nothing else: not on how many runs are made side by side, nor
//! on which ends first.
//!
//! - [`draw`]: a scenario at random; [`faults`]: its faults; [`near`]: times that mean something;
//! - [`mutate`]: what is nearly as another;
//! - [`coverage`]: what a run has covered; [`corpus`]: the scenarios that are kept, and
//!   [`index`]: what is written down of them.

pub mod corpus;
pub mod coverage;
pub mod draw;
pub mod faults;
pub mod index;
pub mod mutate;
pub mod near;

use crate::lock::profile::{Profile, Renewed};
use crate::scenario::random::Draw;
use crate::scenario::{Scenario, WorkloadSpec};
use crate::search::stories::{PATIENCE, is_freed};
use crate::search::sweep::makes_sense;
use crate::seeds;
use corpus::{Corpus, Entry, News};
use coverage::Coverage;
use draw::WIDE;
use mutate::{Parent, SEED_MAX, mutated};

/// How many trials a generation has.
pub const GENERATION: usize = 16;

/// The share of trials that are drawn anew, whatever there is to mutate.
const FRESH: f64 = 0.25;
/// The share of those that are mutated from a scenario of another lock.
const FOREIGN: f64 = 0.1;
/// Of so many scenarios of the corpus the one is mutated that promises most.
const CONTENDERS: usize = 3;

/// A lock that is explored.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As in tables.
    pub label: String,
    pub profile: Profile,
}

/// A run that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Of the subjects.
    pub subject: usize,
    pub scenario: Scenario,
    pub seed: u64,
}

/// A search at random.
pub struct Explorer {
    seed: u64,
    subjects: Vec<Subject>,
    /// Whether what runs cover decides what is tried next.
    is_guided: bool,
    /// Scenarios to begin with.
    given: Vec<Entry>,
    corpus: Corpus,
    generation: u64,
}

impl Explorer {
    pub fn new(seed: u64, subjects: Vec<Subject>, is_guided: bool, given: Vec<Entry>) -> Explorer {
        let corpus = Corpus::default();
        Explorer { seed, subjects, is_guided, given, corpus, generation: 0 }
    }

    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    pub fn corpus(&self) -> &Corpus {
        &self.corpus
    }

    /// What is to be tried next: first what was given to begin with, then a generation after the
    /// other. Each lock has its turn.
    pub fn generation(&mut self) -> Vec<Trial> {
        let given = std::mem::take(&mut self.given);
        if !given.is_empty() {
            return given.iter().filter_map(|entry| self.given_trial(entry)).collect();
        }
        let generation = self.generation;
        self.generation += 1;
        if self.subjects.is_empty() {
            return Vec::new();
        }
        let trial = |place| {
            let number = generation * GENERATION as u64 + place as u64;
            let subject = (number % self.subjects.len() as u64) as usize;
            self.trial(number, subject)
        };
        let trials: Vec<(Trial, Option<usize>)> = (0..GENERATION).map(trial).collect();
        for parent in trials.iter().filter_map(|(_, parent)| *parent) {
            self.corpus.entries[parent].children += 1;
        }
        trials.into_iter().map(|(trial, _)| trial).collect()
    }

    /// What came of a trial. It is told in the order of the trials, whatever order they ended in.
    pub fn learn(&mut self, trial: &Trial, coverage: Coverage) -> News {
        let label = &self.subjects[trial.subject].label;
        self.corpus.learn(label, &trial.scenario, trial.seed, coverage)
    }

    fn given_trial(&self, entry: &Entry) -> Option<Trial> {
        let subject = self.subjects.iter().position(|subject| subject.label == entry.lock)?;
        let scenario = self.fitted(entry.scenario.as_ref()?, subject)?;
        Some(Trial { subject, scenario, seed: entry.seed })
    }

    /// A trial, and the place in the corpus of what it was made of.
    fn trial(&self, number: u64, subject: usize) -> (Trial, Option<usize>) {
        let profile = &self.subjects[subject].profile;
        let seed = seeds::derive(self.seed, &format!("explore/{number}"));
        let mut draw = Draw::new(seed, "explore/mutate", profile, &WIDE);
        let mutant = match self.is_guided && !draw.chance(FRESH) {
            true => self.mutant(subject, &mut draw),
            false => None,
        };
        match mutant {
            Some((parent, (scenario, seed))) => (Trial { subject, scenario, seed }, Some(parent)),
            None => {
                let scenario = draw::scenario(seed, profile);
                (Trial { subject, scenario, seed: draw.within(&(1..=SEED_MAX)) }, None)
            }
        }
    }

    fn mutant(&self, subject: usize, draw: &mut Draw) -> Option<(usize, (Scenario, u64))> {
        let entries = &self.corpus.entries;
        let place = self.chosen(subject, draw)?;
        let other = &entries[self.chosen(subject, draw)?];
        let parent = &entries[place];
        let scenario = self.fitted(parent.scenario.as_ref()?, subject)?;
        let (seed, moments) = (parent.seed, &parent.moments);
        let parent = Parent { scenario: &scenario, seed, moments };
        Some((place, mutated(parent, other.scenario.as_ref(), draw)?))
    }

    /// The place of one of the corpus: of the same lock, as a rule, and rather one that came to
    /// what few runs came to, and of which not many were made yet.
    fn chosen(&self, subject: usize, draw: &mut Draw) -> Option<usize> {
        let label = &self.subjects[subject].label;
        let any = draw.chance(FOREIGN);
        let entries = &self.corpus.entries;
        let fits = |place: &usize| any || entries[*place].lock == *label;
        let places: Vec<usize> = (0..entries.len()).filter(fits).collect();
        if places.is_empty() {
            return None;
        }
        let contenders: Vec<usize> = (0..CONTENDERS).map(|_| *draw.one_of(&places)).collect();
        contenders.into_iter().min_by_key(|place| self.corpus.weariness(&entries[*place]))
    }

    /// A scenario, perhaps of another lock, for this one; none where it cannot be.
    fn fitted(&self, scenario: &Scenario, subject: usize) -> Option<Scenario> {
        let profile = &self.subjects[subject].profile;
        let mut scenario = scenario.clone();
        if scenario.lock.name == profile.name {
            scenario.lock.fill_in(profile);
            return Some(draw::named(scenario));
        }
        scenario.lock.name.clone_from(&profile.name);
        scenario.lock.options.clear();
        let least = profile.lifetime.map(|known| known.least);
        scenario.lock.lifetime =
            scenario.lock.lifetime.filter(|lifetime| least.is_some_and(|least| *lifetime >= least));
        if let WorkloadSpec::Cycles(cycles) = &mut scenario.workload {
            let by_calls = profile.lifetime.is_some_and(|known| known.renewed == Renewed::ByCalls);
            cycles.refresh = cycles.refresh.filter(|_| by_calls);
            cycles.timeout = cycles.timeout.or((!is_freed(profile)).then_some(PATIENCE));
        }
        let known = &profile.assumes.nfs;
        if !known.is_empty() && !known.contains(&scenario.site.nfs.version) {
            return None;
        }
        scenario.lock.fill_in(profile);
        let scenario = draw::named(scenario);
        makes_sense(&scenario, profile).then_some(scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::draw::tests::profile;
    use super::*;
    use crate::units::Nanos;

    fn explorer(seed: u64, is_guided: bool, locks: &[&str]) -> Explorer {
        let subject = |name: &&str| Subject { label: (*name).into(), profile: profile(name) };
        Explorer::new(seed, locks.iter().map(subject).collect(), is_guided, Vec::new())
    }

    /// What a run of a trial might have covered.
    fn coverage(trial: &Trial) -> Coverage {
        let kinds = trial.scenario.faults.iter().map(|fault| fault.strike.kind());
        let situations: std::collections::BTreeSet<&str> = kinds.collect();
        let situations = situations.into_iter().map(|kind| (kind.to_owned(), Nanos(1)));
        Coverage { situations: situations.collect(), ..Coverage::default() }
    }

    fn learn_all(explorer: &mut Explorer, trials: &[Trial]) {
        for trial in trials {
            explorer.learn(trial, coverage(trial));
        }
    }

    fn generations(mut explorer: Explorer, count: usize) -> Vec<Trial> {
        let mut all = Vec::new();
        for _ in 0..count {
            let trials = explorer.generation();
            learn_all(&mut explorer, &trials);
            all.extend(trials);
        }
        all
    }

    #[test]
    fn a_seed_makes_the_same_trials_and_another_seed_others() {
        let of = |seed| generations(explorer(seed, true, &["link", "flufl.lock"]), 6);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn every_lock_has_its_turn_and_every_trial_makes_sense() {
        let locks = ["link", "flufl.lock", "fcntl", "filelock-soft"];
        let explorer = explorer(1, true, &locks);
        let subjects = explorer.subjects().to_vec();
        let trials = generations(explorer, 12);
        assert_eq!(trials.len(), 12 * GENERATION);
        for (place, subject) in subjects.iter().enumerate() {
            let of = trials.iter().filter(|trial| trial.subject == place);
            assert_eq!(of.clone().count(), trials.len() / locks.len());
            for trial in of {
                assert_eq!(trial.scenario.lock.name, subject.profile.name);
                assert!(makes_sense(&trial.scenario, &subject.profile), "{:?}", trial.scenario);
            }
        }
    }

    #[test]
    fn unguided_trials_take_no_notice_of_what_is_covered() {
        let mut one = explorer(1, false, &["link"]);
        let first = one.generation();
        let blind = one.generation();
        let mut other = explorer(1, false, &["link"]);
        assert_eq!(other.generation(), first);
        learn_all(&mut other, &first);
        assert_eq!(other.generation(), blind);
        let mut guided = explorer(1, true, &["link"]);
        let first = guided.generation();
        learn_all(&mut guided, &first);
        assert_ne!(guided.generation(), blind);
    }

    #[test]
    fn what_was_given_is_tried_first_by_the_locks_that_are_there() {
        let given = |lock: &str| Entry {
            name: "x-5".into(),
            lock: lock.into(),
            seed: 5,
            moments: Vec::new(),
            coverage: Coverage::default(),
            scenario: Some(draw::scenario(5, &profile("link"))),
            children: 0,
        };
        let link = Subject { label: "link".into(), profile: profile("link") };
        let given = vec![given("link"), given("other")];
        let mut explorer = Explorer::new(1, vec![link], true, given);
        let first = explorer.generation();
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].seed, 5);
        assert_eq!(explorer.generation().len(), GENERATION);
    }
}
