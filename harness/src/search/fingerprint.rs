//! Which violations are the same: those of one lock that break one promise in one situation.

use crate::units::hex;
use lockstorm_reports::Class;
use lockstorm_reports::set::{Headline, RunSummary};
use sha2::{Digest, Sha256};

/// So many hex digits tell them apart.
const DIGITS: usize = 8;

/// A violation without what differs from run to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    pub lock: String,
    /// The broken promise, in words.
    pub invariant: &'static str,
    pub class: Class,
    /// See [`crate::verdict::situation`].
    pub situation: String,
}

impl Fingerprint {
    /// Those of a run: of each promise that was broken, its first violation.
    pub fn of(run: &RunSummary) -> Vec<Fingerprint> {
        let of = |headline: &Headline| Fingerprint {
            lock: run.lock.clone(),
            invariant: headline.invariant.words(),
            class: headline.class,
            situation: headline.situation.clone(),
        };
        run.judged().map_or_else(Vec::new, |judged| judged.headlines.iter().map(of).collect())
    }

    /// Its name in files and lists.
    pub fn id(&self) -> String {
        let text = format!("{}\n{}\n{:?}\n{}", self.lock, self.invariant, self.class, self.situation);
        let mut id = hex(&Sha256::digest(text.as_bytes()));
        id.truncate(DIGITS);
        id
    }

    /// Whether it is the same bug in a smaller run: what befell those who had no part in it may be
    /// gone there.
    pub fn is_like(&self, other: &Fingerprint) -> bool {
        (&self.lock, self.invariant, self.class) == (&other.lock, other.invariant, other.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(situation: &str, class: Class) -> Fingerprint {
        let invariant = "mutual exclusion";
        Fingerprint { lock: "a".into(), invariant, class, situation: situation.into() }
    }

    #[test]
    fn a_fingerprint_is_of_lock_promise_class_and_situation() {
        let one = fingerprint("holds; holds", Class::BrokenPromise);
        assert_eq!(one.id().len(), DIGITS);
        assert_eq!(one.id(), fingerprint("holds; holds", Class::BrokenPromise).id());
        assert_ne!(one.id(), fingerprint("asks; holds", Class::BrokenPromise).id());
        assert_ne!(one.id(), fingerprint("holds; holds", Class::BeyondAssumptions).id());
    }

    #[test]
    fn a_smaller_run_may_come_to_it_in_another_situation_but_not_to_another_class() {
        let one = fingerprint("holds; holds (hit by cut)", Class::BrokenPromise);
        assert!(one.is_like(&fingerprint("holds; holds", Class::BrokenPromise)));
        assert!(!one.is_like(&fingerprint("holds; holds", Class::BeyondAssumptions)));
    }
}
