//! A comparison in words, for every renderer.

use super::{ALPHA, Change, Comparison, Kind};
use crate::text::counted;
use std::collections::BTreeSet;

impl Comparison {
    /// What a reader wants to know first.
    pub fn conclusion(&self) -> String {
        let sure = |worse: bool| {
            let sure = self.changes.iter().filter(|change| change.sure);
            sure.filter(|change| change.kind.is_worse() == worse && change.is_about_runs()).count()
        };
        let (worse, better) = (sure(true) as u64, sure(false) as u64);
        match (worse, better) {
            (0, 0) => format!("Nothing has surely changed{}", self.doubt_words()),
            (0, _) => format!("{} for the better, none for the worse", counted(better, "change")),
            (_, 0) => format!("{} for the worse", counted(worse, "change")),
            _ => format!("{} for the worse, {better} for the better", counted(worse, "change")),
        }
    }

    /// What is left open, and what it would take to know.
    fn doubt_words(&self) -> String {
        let doubts = self.doubts().count() as u64;
        let seeds = self.doubts().map(|change| change.seeds_to_be_sure).max().flatten();
        let would_tell = match seeds {
            Some(seeds) => format!(": {seeds} seeds on each side would tell"),
            None => String::new(),
        };
        match doubts {
            0 => String::new(),
            _ => format!(
                ", but {} for the worse may be no chance{would_tell}",
                counted(doubts, "change")
            ),
        }
    }

    /// The locks with the versions that are compared: `flufl.lock: 10.0.0 -> 10.1.0`.
    pub fn versions(&self) -> Vec<String> {
        let locks: BTreeSet<&String> =
            self.base.locks.keys().chain(self.new.locks.keys()).collect();
        let all = |versions: Option<&BTreeSet<String>>| match versions {
            None => "not run".into(),
            Some(versions) if versions.is_empty() => "no version".into(),
            Some(versions) => Vec::from_iter(versions.iter().map(String::as_str)).join(", "),
        };
        let lines = locks.into_iter().map(|lock| {
            let (base, new) = (all(self.base.locks.get(lock)), all(self.new.locks.get(lock)));
            match base == new {
                true => format!("{lock}: {new}, as before"),
                false => format!("{lock}: {base} -> {new}"),
            }
        });
        lines.collect()
    }

    /// The changes under the titles that they are shown under; a title may have none.
    pub fn sections(&self) -> [(&'static str, Vec<&Change>); 4] {
        let pick = |choose: fn(&Change) -> bool| -> Vec<&Change> {
            self.changes.iter().filter(|change| choose(change)).collect()
        };
        [
            ("Worse", pick(|change| change.sure && change.kind.is_worse())),
            (
                "Better",
                pick(|change| change.sure && change.is_about_runs() && !change.kind.is_worse()),
            ),
            ("May be chance", pick(|change| !change.sure)),
            ("Came or went", pick(|change| !change.is_about_runs())),
        ]
    }
}

impl Change {
    /// Whether both sets have runs to say so.
    pub fn is_about_runs(&self) -> bool {
        !matches!(self.kind, Kind::New | Kind::Gone)
    }

    /// The set that the example and the command are from.
    pub fn shown_by(&self) -> &'static str {
        let in_new = match self.frequency {
            Some(frequency) => frequency.new > 0,
            None => self.kind != Kind::Gone,
        };
        if in_new { "new" } else { "base" }
    }

    /// In a few words: `broken: mutual exclusion is violated`.
    pub fn title(&self) -> String {
        match self.symptom {
            Some(symptom) => format!("{}: {}", self.kind.words(), symptom.words()),
            None => self.kind.words().into(),
        }
    }

    /// What chance has to do with it.
    pub fn chance(&self) -> Option<String> {
        let p = self.p_value?;
        let percent = match p * 100.0 {
            percent if percent < 0.01 => "less than 0.01".into(),
            percent if percent < 1.0 => format!("{percent:.2}"),
            percent => format!("{percent:.0}"),
        };
        let sure = match (self.sure, self.seeds_to_be_sure) {
            (true, _) => String::new(),
            (false, None) => ", so it may have been so all along: more seeds would tell".into(),
            (false, Some(seeds)) => format!(
                ", so it may have been so all along: {seeds} seeds on each side would tell, if it \
                 shows as often in them"
            ),
        };
        let test = if self.frequency.is_some() { "Fisher's exact" } else { "the Mann-Whitney" };
        Some(format!(
            "If nothing had changed, as large a difference would show in {percent} % of \
             comparisons (by {test} test){sure}."
        ))
    }

    /// What "surely" means, for a footnote.
    pub fn sure_words() -> String {
        format!(
            "A change is called sure when sets that do not differ would show one like it in {} % \
             of comparisons at most. With fewer than five seeds on each side nothing can be sure.",
            ALPHA * 100.0
        )
    }
}
