//! Shrinking: the smallest scenario that shows the same violation.
//!
//! Delta debugging (Zeller and Hildebrandt, 2002): parts are taken out, many at once and then ever
//! fewer, as long as the rest fails; then numbers are made rounder, by bisection between what they
//! are and where nothing happens. It begins anew until nothing more can be done. It knows nothing
//! of runs: whether a scenario fails is asked of its caller, about several at a time.

mod brief;
pub mod certain;
mod numbers;
mod passes;
#[cfg(test)]
pub mod samples;
mod size;
#[cfg(test)]
mod tests;
mod tree;

pub use brief::text;
pub use size::Size;

use crate::lock::profile::Profile;
use crate::scenario::Scenario;
use crate::search::sweep::makes_sense;
use passes::{FAULTS, Parts, SETTINGS, STEPS};
use std::collections::BTreeMap;

/// So many scenarios are asked about at a time. The result does not depend on how many of them
/// are really tried side by side.
const ASKED: usize = 2;

/// What shrinking came to.
#[derive(Debug)]
pub struct Shrunk {
    pub scenario: Scenario,
    /// Nothing more can be taken out; otherwise its caller had enough.
    pub is_finished: bool,
}

/// Shrinks a scenario that fails. `fails` answers for each of those that it is asked about, and
/// `None` where it will not be asked any more; all that it is asked about make sense.
pub fn shrink<E>(
    scenario: &Scenario,
    profile: &Profile,
    fails: impl FnMut(&[Scenario]) -> Result<Vec<Option<bool>>, E>,
) -> Result<Shrunk, E> {
    let size = Size::of(scenario, profile);
    let best = scenario.clone();
    let mut shrinker = Shrinker { profile, fails, best, size, known: BTreeMap::new() };
    loop {
        let before = shrinker.size;
        let is_finished = match shrinker.round() {
            Ok(()) if shrinker.size < before => continue,
            Ok(()) => true,
            Err(Stop::Spent) => false,
            Err(Stop::Failed(error)) => return Err(error),
        };
        return Ok(Shrunk { scenario: shrinker.best, is_finished });
    }
}

/// Why it ends before its end.
enum Stop<E> {
    Spent,
    Failed(E),
}

struct Shrinker<'a, F> {
    profile: &'a Profile,
    fails: F,
    /// The smallest that fails, and its size.
    best: Scenario,
    size: Size,
    /// What came of those that were asked about, by their text.
    known: BTreeMap<String, bool>,
}

impl<E, F: FnMut(&[Scenario]) -> Result<Vec<Option<bool>>, E>> Shrinker<'_, F> {
    fn round(&mut self) -> Result<(), Stop<E>> {
        self.take_out(&FAULTS)?;
        self.take_out(&STEPS)?;
        let fewer = passes::fewer_clients(&self.best, self.profile);
        self.first(&fewer)?;
        let fewer = passes::fewer_rounds(&self.best);
        self.lowest(&fewer)?;
        self.take_out(&SETTINGS)?;
        self.one_for_each_range()?;
        self.rounder_numbers()
    }

    /// Takes out all parts, then halves, quarters, and at last each by itself.
    fn take_out(&mut self, parts: &Parts) -> Result<(), Stop<E>> {
        let mut chunk = (parts.count)(&self.best, self.profile);
        while chunk > 0 {
            let mut at = 0;
            loop {
                let count = (parts.count)(&self.best, self.profile);
                let starts: Vec<usize> = (at..count).step_by(chunk).take(ASKED).collect();
                let Some(last) = starts.last() else { break };
                let without = |from: &usize| {
                    (parts.without)(&self.best, self.profile, *from..count.min(from + chunk))
                };
                let candidates: Vec<_> = starts.iter().map(without).collect();
                at = match self.first(&candidates)? {
                    // What follows stands in its place now.
                    Some(index) => starts[index],
                    None => last + chunk,
                };
            }
            chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
        }
        Ok(())
    }

    /// In place of a range, its most or its least.
    fn one_for_each_range(&mut self) -> Result<(), Stop<E>> {
        let brief = brief::value(&self.best, self.profile);
        for (path, ends) in numbers::ranges(&brief) {
            let now = brief::value(&self.best, self.profile);
            let with = |end| self.read(&tree::with(&now, &path, end));
            let candidates = ends.map(with);
            self.first(&candidates)?;
        }
        Ok(())
    }

    fn rounder_numbers(&mut self) -> Result<(), Stop<E>> {
        // One that has become the default is none of them any more, and the next has its place: its
        // turn comes in the next round.
        for index in 0.. {
            let brief = brief::value(&self.best, self.profile);
            let spots = numbers::spots(&brief, self.profile);
            let Some(spot) = spots.get(index) else { break };
            let with = |units: &u64| self.read(&numbers::with(&brief, spot, *units));
            let ladder: Vec<_> = spot.ladder().iter().map(with).collect();
            let rounder: Vec<_> = spot.rounder().iter().map(with).collect();
            if !self.lowest(&ladder)? {
                self.first(&rounder)?;
            }
        }
        Ok(())
    }

    fn read(&self, value: &serde_yaml::Value) -> Option<Scenario> {
        let read = brief::read(value, self.profile)?;
        Some(Scenario { name: self.best.name.clone(), ..read })
    }

    /// Goes on with the first one that fails; answers which that is.
    fn first(&mut self, candidates: &[Option<Scenario>]) -> Result<Option<usize>, Stop<E>> {
        for (chunk, some) in candidates.chunks(ASKED).enumerate() {
            if let Some(index) = self.ask(some)?.iter().position(|fails| *fails) {
                self.accept(&some[index]);
                return Ok(Some(chunk * ASKED + index));
            }
        }
        Ok(None)
    }

    /// Goes on with the first one that fails, of a list in which those behind one that fails are
    /// taken to fail, too. Answers whether any did.
    fn lowest(&mut self, candidates: &[Option<Scenario>]) -> Result<bool, Stop<E>> {
        // Between those that do not fail and those that do.
        let (mut low, mut high) = (0, candidates.len());
        let mut is_begun = false;
        while low < high {
            let third = (high - low) / 3;
            let asked = match is_begun {
                false => [low, (low + high) / 2],
                true => [low + third, high - 1 - third],
            };
            is_begun = true;
            let some = asked.map(|index| candidates[index].clone());
            match self.ask(&some)?.as_slice() {
                [true, ..] => high = asked[0],
                [_, true] => (low, high) = (asked[0] + 1, asked[1]),
                _ => low = asked[1] + 1,
            }
        }
        let found = candidates.get(high);
        if let Some(found) = found {
            self.accept(found);
        }
        Ok(found.is_some())
    }

    fn accept(&mut self, candidate: &Option<Scenario>) {
        if let Some(smaller) = candidate {
            self.size = Size::of(smaller, self.profile);
            self.best = smaller.clone();
        }
    }

    /// Which of these fail. Those that are none, make no sense or are no smaller do not.
    fn ask(&mut self, candidates: &[Option<Scenario>]) -> Result<Vec<bool>, Stop<E>> {
        let key = |scenario: &Scenario| serde_yaml::to_string(scenario).unwrap_or_default();
        let mut wanted: BTreeMap<String, Scenario> = BTreeMap::new();
        let mut keys = Vec::new();
        for candidate in candidates {
            let sound = candidate.as_ref().filter(|it| {
                makes_sense(it, self.profile) && Size::of(it, self.profile) < self.size
            });
            let key = sound.map(|it| (key(it), it));
            if let Some((key, it)) = &key
                && !self.known.contains_key(key)
            {
                wanted.insert(key.clone(), (*it).clone());
            }
            keys.push(key.map(|(key, _)| key));
        }
        if !wanted.is_empty() {
            let (names, scenarios): (Vec<String>, Vec<Scenario>) = wanted.into_iter().unzip();
            let answers = (self.fails)(&scenarios).map_err(Stop::Failed)?;
            for (name, answer) in names.into_iter().zip(answers) {
                self.known.insert(name, answer.ok_or(Stop::Spent)?);
            }
        }
        let fails =
            |key: Option<String>| key.is_some_and(|key| self.known.get(&key) == Some(&true));
        Ok(keys.into_iter().map(fails).collect())
    }
}
