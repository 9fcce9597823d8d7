//! What was not judged, since it rests on something that nobody can know.

use lockstorm_reports::NotJudged;
use std::collections::BTreeMap;

/// How many cases were not judged, by reason.
#[derive(Clone, Debug, Default)]
pub struct Doubts(BTreeMap<&'static str, u64>);

impl Doubts {
    /// One more case, in words that follow "4 not judged:".
    pub fn add(&mut self, reason: &'static str) {
        self.add_all(reason, 1);
    }

    pub fn add_all(&mut self, reason: &'static str, count: usize) {
        if count > 0 {
            *self.0.entry(reason).or_default() += count as u64;
        }
    }

    /// As the report tells it, the most frequent first.
    pub fn told(self) -> Vec<NotJudged> {
        let told = |(reason, count): (&str, u64)| NotJudged { count, reason: reason.to_owned() };
        let mut all: Vec<NotJudged> = self.0.into_iter().map(told).collect();
        all.sort_by_key(|doubt| std::cmp::Reverse(doubt.count));
        all
    }
}
