//! Which lock for a site: each lock in the site's own stories, the best first, with what that rests
//! on.

mod markdown;
#[cfg(test)]
pub(crate) mod samples;
mod text;

pub use markdown::markdown;
pub use text::text;

use crate::text::{counted, seconds};
use crate::{Class, Waiting};
use serde::{Deserialize, Serialize};

/// The version of [`Advice`].
pub const FORMAT: u32 = 1;

/// All that was found out for one site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of lockstorm that made the runs.
    pub lockstorm: String,
    /// The site's file.
    pub site: String,
    /// What was tried, a story each.
    pub stories: Vec<Story>,
    /// The best first.
    pub locks: Vec<Row>,
    /// What was not tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// What happens at the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    pub name: String,
    /// In a sentence.
    pub about: String,
}

/// A lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub lock: String,
    /// What it is, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    pub standing: Standing,
    /// Runs that were judged, and those of them that prove nothing.
    pub runs: u64,
    pub unknown: u64,
    /// What fell, the gravest first; each promise once a story.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fell: Vec<Fall>,
    /// When nothing goes wrong: critical sections in a minute, of all clients together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sections_per_minute: Option<f64>,
    /// When nothing goes wrong: from asking to being in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// How long nobody got the lock after something failed, at worst; a story each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<Outage>,
    /// The command that tries it again.
    pub reproduce: String,
}

/// What became of a lock, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Every promise was kept in every story.
    Kept,
    /// What fell, fell where one of the lock's stated assumptions did not hold.
    BeyondAssumptions,
    /// A promise was broken.
    Broken,
    /// Nothing fell, and not every story has been tried to its end.
    Unknown,
}

impl Standing {
    pub fn words(self) -> &'static str {
        match self {
            Standing::Kept => "kept its promises",
            Standing::BeyondAssumptions => "beyond its assumptions",
            Standing::Broken => "broke a promise",
            Standing::Unknown => "unknown",
        }
    }
}

/// A promise that was not kept in a story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fall {
    pub class: Class,
    pub story: String,
    /// The promise, in words.
    pub invariant: String,
    /// In so many of the story's runs.
    pub seen: u64,
    pub of: u64,
    /// The assumption that did not hold; empty for a broken promise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub assumption: String,
    /// What happened, in a sentence.
    pub text: String,
    /// The command that shows it.
    pub reproduce: String,
}

/// How long nobody got the lock after something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    pub story: String,
    /// At worst (ns); absent: nobody got it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_ns: Option<u64>,
}

/// What was not tried, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub what: String,
    pub why: String,
}

impl Fall {
    /// The promise, and in how many runs it fell, in words.
    pub fn words(&self) -> String {
        format!("{} in {} of {} ({})", self.invariant, self.seen, self.of, self.class.words())
    }
}

/// What fell in a story, in words.
fn told(falls: &[&Fall]) -> String {
    falls.iter().map(|fall| fall.words()).collect::<Vec<_>>().join(", ")
}

impl Advice {
    /// As JSON, with a line feed at its end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Puts the best lock first: by what fell, then by how many runs showed it, then by how long
    /// one waits.
    pub fn rank(&mut self) {
        self.locks.sort_by_key(|row| {
            let fell: u64 = row.fell.iter().map(|fall| fall.seen).sum();
            let waits = row.waiting.map_or(u64::MAX, |waiting| waiting.median_ns);
            (row.standing, fell, waits, row.lock.clone())
        });
    }
}

impl Row {
    /// The advice, in a sentence or two.
    pub fn sentence(&self) -> String {
        let runs = counted(self.runs, "run");
        let mut told = match (self.standing, self.fell.first()) {
            (Standing::Kept, _) => format!("It kept every promise that it makes, in {runs}."),
            (Standing::BeyondAssumptions, Some(fall)) => format!(
                "It is sound as long as its assumptions hold, and at this site they do not: {}, in \
                 `{}`.",
                fall.assumption, fall.story
            ),
            (_, Some(fall)) => format!(
                "Do not rely on it here: {} broke in {} of {} runs of `{}`.",
                fall.invariant, fall.seen, fall.of, fall.story
            ),
            (_, None) => {
                format!("Nothing fell in {runs}, but not every story could be tried to its end.")
            }
        };
        if let Some(outage) = self.outages.iter().find(|outage| outage.longest_ns.is_none()) {
            told += &format!(
                " After the failure of `{}` nobody got it any more: somebody has to remove it by \
                 hand.",
                outage.story
            );
        }
        told
    }

    /// What fell, story by story, in the order in which it is told.
    pub fn fell_by_story(&self) -> Vec<(&str, Vec<&Fall>)> {
        let mut by_story: Vec<(&str, Vec<&Fall>)> = Vec::new();
        for fall in &self.fell {
            match by_story.iter_mut().find(|(story, _)| *story == fall.story) {
                Some((_, falls)) => falls.push(fall),
                None => by_story.push((&fall.story, vec![fall])),
            }
        }
        by_story
    }

    /// How long nobody got it after a failure of this story, in words; empty where the story was
    /// not tried.
    pub fn outage(&self, story: &str) -> String {
        match self.outages.iter().find(|outage| outage.story == story) {
            Some(Outage { longest_ns: Some(ns), .. }) => seconds(*ns),
            Some(_) => "for ever".into(),
            None => String::new(),
        }
    }

    /// Sections a minute, and the median and the slowest hundredth of waiting, in words.
    pub fn speed(&self) -> [String; 3] {
        let per_minute = self.sections_per_minute.map(|count| format!("{count:.1}"));
        let waits = |ns: fn(&Waiting) -> u64| self.waiting.as_ref().map(|w| seconds(ns(w)));
        [per_minute, waits(|w| w.median_ns), waits(|w| w.p99_ns)].map(Option::unwrap_or_default)
    }
}

impl Advice {
    /// The stories in which something fails, whose outage is a column.
    pub fn failing(&self) -> impl Iterator<Item = &Story> {
        let has = |story: &&Story| {
            let mut outages = self.locks.iter().flat_map(|row| &row.outages);
            outages.any(|outage| outage.story == story.name)
        };
        self.stories.iter().filter(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_lock_comes_first() {
        let mut advice = samples::advice();
        advice.locks.reverse();
        advice.rank();
        let names: Vec<&str> = advice.locks.iter().map(|row| row.lock.as_str()).collect();
        assert_eq!(names, ["flock", "link", "flufl.lock", "mylock"]);
    }

    #[test]
    fn json_is_read_as_it_was_written() {
        let advice = samples::advice();
        assert_eq!(serde_json::from_str::<Advice>(&advice.json()).unwrap(), advice);
    }
}
