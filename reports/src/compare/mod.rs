//! What has changed between two result sets: between two versions of a lock, say.
//!
//! A run is one draw of a scenario's chance (its seed), so what differs between two sets may be
//! luck. A change counts as *sure* when it would be seen in fewer than [`ALPHA`] of all
//! comparisons in which nothing has changed:
//!
//! - how often something happens: Fisher's exact test on the runs with and without it;
//! - how long acquire takes: Mann and Whitney's test on the medians of the runs, and the typical
//!   run must be slower (or faster) by a factor of [`FACTOR`] and by [`LEAST_NS`];
//! - many tests at once are held to the limit together (Benjamini and Hochberg).
//!
//! A violation is a fact however rare it is, so one that was never seen before is told even
//! when it may be chance that it was not: as a change that is not sure. With fewer than five
//! seeds on each side nothing can be sure.

mod pairs;
mod seeds;
pub mod statistics;
#[cfg(test)]
mod tests;
mod words;

use crate::set::{Counts, Judged, ResultSet, RunSummary};
use crate::text::{counted, seconds, span};
use crate::{Class, Invariant, Verdict};
use pairs::Pair;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statistics::{mann_whitney, significant};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the comparison's format.
pub const FORMAT: u32 = 1;
/// The share of comparisons of equal sets in which anything is called sure.
pub const ALPHA: f64 = 0.01;
/// A typical run that is slower by less is not called slower, however sure that is.
pub const FACTOR: f64 = 1.2;
/// Nor when acquire takes only this much longer.
pub const LEAST_NS: u64 = 1_000_000;

/// Two sets, side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// [`FORMAT`].
    pub format: u32,
    pub base: Side,
    pub new: Side,
    /// The gravest first.
    pub changes: Vec<Change>,
    /// How many combinations of lock and scenario are in both sets, without a change.
    pub unchanged: u64,
    /// What else differs between the sets, and may be the reason.
    pub notes: Vec<String>,
}

/// One of the sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    pub about: String,
    pub lockstorm: String,
    pub runs: u64,
    /// The locks, each with the versions that ran.
    pub locks: BTreeMap<String, BTreeSet<String>>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    pub kind: Kind,
    /// Not to be explained by chance.
    pub sure: bool,
    pub lock: String,
    pub scenario: String,
    /// What happens in the scenario, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The versions that ran before and after.
    pub base_version: String,
    pub new_version: String,
    /// What happens more or less often; absent when it is not about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symptom: Option<Symptom>,
    /// In how many runs, before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<Frequency>,
    /// How long acquire takes in a typical run, before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waited>,
    /// How probable such a difference is when nothing has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Of a change that is not sure: how many seeds on each side would make it so, if it shows as
    /// often in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds_to_be_sure: Option<u64>,
    /// The change in a sentence.
    pub text: String,
    /// What happened in one run that shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub example: String,
    /// The command that makes that run again, with the version that shows it.
    pub reproduce: String,
}

/// What kind of change it is, the gravest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It never happened, and now it does.
    Broken,
    MoreOften,
    Slower,
    /// It happened, and does no more.
    Fixed,
    LessOften,
    Faster,
    /// The lock was not run in this scenario before.
    New,
    /// It was, and is no more.
    Gone,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Broken,
        Kind::MoreOften,
        Kind::Slower,
        Kind::Fixed,
        Kind::LessOften,
        Kind::Faster,
        Kind::New,
        Kind::Gone,
    ];

    /// In a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Broken => "broken",
            Kind::MoreOften => "more often",
            Kind::Slower => "slower",
            Kind::Fixed => "fixed",
            Kind::LessOften => "less often",
            Kind::Faster => "faster",
            Kind::New => "new",
            Kind::Gone => "gone",
        }
    }

    /// Whether it is for the worse.
    pub fn is_worse(self) -> bool {
        matches!(self, Kind::Broken | Kind::MoreOften | Kind::Slower)
    }
}

/// What can happen in a run that should not.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Symptom {
    BrokenPromise(Invariant),
    UnmetStep,
    BeyondAssumptions(Invariant),
    Unknown,
    NotMade,
}

impl Symptom {
    /// In words that follow "in 3 of 20 runs:".
    pub fn words(self) -> String {
        match self {
            Symptom::BrokenPromise(invariant) => format!("{} is violated", invariant.words()),
            Symptom::UnmetStep => "a step does not end as the script expects".into(),
            Symptom::BeyondAssumptions(invariant) => {
                format!("{} is violated beyond the lock's assumptions", invariant.words())
            }
            Symptom::Unknown => "the run proves nothing".into(),
            Symptom::NotMade => "the run cannot be made".into(),
        }
    }

    fn shows(self, run: &RunSummary) -> bool {
        let Some(judged) = run.judged() else {
            return self == Symptom::NotMade;
        };
        let violates = |invariant: Invariant, class: Class| {
            let mut mine = judged.invariants.iter().filter(|i| i.invariant == invariant);
            mine.any(|result| result.class == Some(class))
        };
        match self {
            Symptom::BrokenPromise(invariant) => violates(invariant, Class::BrokenPromise),
            Symptom::BeyondAssumptions(invariant) => violates(invariant, Class::BeyondAssumptions),
            Symptom::UnmetStep => {
                judged.verdict == Verdict::Violated && !judged.unmet_steps.is_empty()
            }
            Symptom::Unknown => judged.verdict == Verdict::Unknown,
            Symptom::NotMade => false,
        }
    }

    /// Whether the run could have shown it: one that proves nothing does not count as clean.
    fn judged_in(self, run: &RunSummary) -> bool {
        match (self, run.judged()) {
            (Symptom::NotMade, _) => true,
            (Symptom::Unknown, judged) => judged.is_some(),
            (_, judged) => {
                let conclusive = |judged: &Judged| judged.verdict != Verdict::Unknown;
                judged.is_some_and(conclusive) || self.shows(run)
            }
        }
    }
}

/// Runs with a symptom, and runs that could have shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frequency {
    pub base: u64,
    pub base_of: u64,
    pub new: u64,
    pub new_of: u64,
}

/// The median over the runs of their median waiting time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waited {
    pub base_ns: u64,
    pub new_ns: u64,
}

impl Comparison {
    /// Holds `new` against `base`.
    pub fn of(base: &ResultSet, new: &ResultSet) -> Comparison {
        Comparison::between((base, None), (new, None))
    }

    /// The same, with the names of the sets' directories, for the commands.
    pub fn between(
        (base, base_directory): (&ResultSet, Option<&str>),
        (new, new_directory): (&ResultSet, Option<&str>),
    ) -> Comparison {
        let cells = Pair::all((base, base_directory), (new, new_directory));
        let mut changes = frequencies(&cells);
        changes.extend(waits(&cells));
        changes.extend(cells.iter().filter_map(came_or_went));
        for change in &mut changes {
            let mut known = new.header.scenarios.iter().chain(&base.header.scenarios);
            let about = known.find(|entry| entry.name == change.scenario);
            change.about = about.map(|entry| entry.about.clone()).unwrap_or_default();
        }
        changes.sort_by(|a, b| {
            let key = |change: &Change| (!change.sure, change.kind, change.symptom);
            let name = |change: &Change| (change.lock.clone(), change.scenario.clone());
            (key(a), name(a)).cmp(&(key(b), name(b)))
        });
        let changed: BTreeSet<(&str, &str)> =
            changes.iter().map(|change| (&*change.lock, &*change.scenario)).collect();
        let unchanged = cells.iter().filter(|cell| !changed.contains(&(cell.lock, cell.scenario)));
        Comparison {
            format: FORMAT,
            base: Side::of(base, &cells, |cell| &cell.base),
            new: Side::of(new, &cells, |cell| &cell.new),
            unchanged: unchanged.count() as u64,
            notes: notes(base, new),
            changes,
        }
    }

    /// What is surely worse than before.
    pub fn regressions(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.sure && change.kind.is_worse())
    }

    /// What may be worse than before, and may be chance.
    pub fn doubts(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| !change.sure && change.kind.is_worse())
    }
}

impl Side {
    fn of<'a>(
        set: &ResultSet,
        cells: &'a [Pair<'a>],
        mine: impl Fn(&'a Pair<'a>) -> &'a Vec<&'a RunSummary>,
    ) -> Side {
        let mut locks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for cell in cells {
            let runs = mine(cell);
            if !runs.is_empty() {
                locks.entry(cell.lock.to_owned()).or_default().extend(cell.versions_of(runs));
            }
        }
        Side {
            about: set.header.about.clone(),
            lockstorm: set.header.lockstorm.clone(),
            runs: set.runs.len() as u64,
            locks,
        }
    }
}

// --- How often -----------------------------------------------------------------------------

/// Every symptom that was seen, on either side.
fn symptoms(pair: &Pair) -> BTreeSet<Symptom> {
    let mut all = BTreeSet::new();
    for run in pair.base.iter().chain(&pair.new) {
        let seen = run.judged().into_iter().flat_map(|judged| &judged.invariants);
        let violated = seen.filter_map(|result| match result.class? {
            Class::BrokenPromise => Some(Symptom::BrokenPromise(result.invariant)),
            Class::BeyondAssumptions => Some(Symptom::BeyondAssumptions(result.invariant)),
            Class::ScriptExpectation => None,
        });
        all.extend(violated);
        let others = [Symptom::UnmetStep, Symptom::Unknown, Symptom::NotMade];
        all.extend(others.into_iter().filter(|symptom| symptom.shows(run)));
    }
    all
}

fn frequencies(cells: &[Pair]) -> Vec<Change> {
    let mut found = Vec::new();
    for pair in cells.iter().filter(|pair| pair.is_in_both()) {
        for symptom in symptoms(pair) {
            let frequency = Frequency::of(symptom, pair);
            if frequency.base_of > 0 && frequency.new_of > 0 {
                found.push((frequency_change(pair, symptom, frequency), frequency.p_value()));
            }
        }
    }
    let p_values: Vec<f64> = found.iter().map(|(_, p)| *p).collect();
    let sure = significant(&p_values, ALPHA);
    let counts: Vec<Frequency> = found.iter().filter_map(|(change, _)| change.frequency).collect();
    let seeds = seeds::to_be_sure(&counts);
    let changes = found.into_iter().zip(sure).zip(seeds);
    let changes = changes.map(|(((change, p), sure), seeds)| {
        let seeds_to_be_sure = seeds.filter(|_| !sure);
        Change { sure, p_value: Some(p), seeds_to_be_sure, ..change }
    });
    // What happened before and still does, more or less often by chance, is no news.
    let news = |change: &Change| change.sure || matches!(change.kind, Kind::Broken | Kind::Fixed);
    changes.filter(news).collect()
}

impl Frequency {
    fn of(symptom: Symptom, pair: &Pair) -> Frequency {
        let count = |runs: &[&RunSummary]| {
            let shown = runs.iter().filter(|run| symptom.shows(run)).count() as u64;
            (shown, runs.iter().filter(|run| symptom.judged_in(run)).count() as u64)
        };
        let ((base, base_of), (new, new_of)) = (count(&pair.base), count(&pair.new));
        Frequency { base, base_of, new, new_of }
    }
}

fn frequency_change(pair: &Pair, symptom: Symptom, frequency: Frequency) -> Change {
    let Frequency { base, base_of, new, new_of } = frequency;
    let more = u128::from(new) * u128::from(base_of) > u128::from(base) * u128::from(new_of);
    let kind = match (base, new) {
        (0, _) => Kind::Broken,
        (_, 0) => Kind::Fixed,
        _ if more => Kind::MoreOften,
        _ => Kind::LessOften,
    };
    let text = format!(
        "{} in {new} of {}; before, in {base} of {base_of}",
        symptom.words(),
        counted(new_of, "run")
    );
    let shown_by = if new > 0 { &pair.new } else { &pair.base };
    let example = shown_by.iter().copied().find(|run| symptom.shows(run));
    let mut change = pair.change(kind, text, example);
    if let Some(told) = example.and_then(|run| told(run, symptom)) {
        change.example = told;
    }
    change.symptom = Some(symptom);
    change.frequency = Some(frequency);
    change
}

/// What the run says about this very symptom.
fn told(run: &RunSummary, symptom: Symptom) -> Option<String> {
    let judged = run.judged()?;
    match symptom {
        Symptom::BrokenPromise(invariant) | Symptom::BeyondAssumptions(invariant) => {
            let headline = judged.headlines.iter().find(|told| told.invariant == invariant)?;
            Some(format!("at {}: {}", seconds(headline.at_ns), headline.text))
        }
        Symptom::UnmetStep => judged.unmet_steps.first().cloned(),
        Symptom::Unknown => judged.unknown_because.first().cloned(),
        Symptom::NotMade => None,
    }
}

// --- How long ------------------------------------------------------------------------------

fn medians(runs: &[&RunSummary]) -> Vec<u64> {
    let judged = runs.iter().filter_map(|run| run.judged());
    let mut all: Vec<u64> = judged.filter_map(|judged| Some(judged.waiting?.median_ns)).collect();
    all.sort_unstable();
    all
}

fn waits(cells: &[Pair]) -> Vec<Change> {
    let mut tested = Vec::new();
    for pair in cells {
        let (base, new) = (medians(&pair.base), medians(&pair.new));
        let (Some(&base_ns), Some(&new_ns)) = (base.get(base.len() / 2), new.get(new.len() / 2))
        else {
            continue;
        };
        tested.push((pair, Waited { base_ns, new_ns }, mann_whitney(&base, &new)));
    }
    let p_values: Vec<f64> = tested.iter().map(|(_, _, p)| *p).collect();
    let sure = significant(&p_values, ALPHA);
    let sure = tested.into_iter().zip(sure).filter(|(_, sure)| *sure);
    let changes = sure.filter_map(|((pair, waited, p), _)| {
        let mut change = waiting_change(pair, waited)?;
        change.p_value = Some(p);
        Some(change)
    });
    changes.collect()
}

fn waiting_change(pair: &Pair, waited: Waited) -> Option<Change> {
    let Waited { base_ns, new_ns } = waited;
    let (less, more) = (base_ns.min(new_ns), base_ns.max(new_ns));
    if more - less < LEAST_NS || (more as f64) < less as f64 * FACTOR {
        return None;
    }
    let kind = if new_ns > base_ns { Kind::Slower } else { Kind::Faster };
    let text =
        format!("acquire typically takes {}; before, it took {}", span(new_ns), span(base_ns));
    let waited_in = |run: &&&RunSummary| run.judged().and_then(|judged| judged.waiting).is_some();
    let mut change = pair.change(kind, text, pair.new.iter().find(waited_in).copied());
    change.example.clear();
    change.waiting = Some(waited);
    Some(change)
}

// --- The rest ------------------------------------------------------------------------------

fn came_or_went(pair: &Pair) -> Option<Change> {
    let (kind, runs, was) = match (pair.base.is_empty(), pair.new.is_empty()) {
        (true, false) => (Kind::New, &pair.new, "was not run before"),
        (false, true) => (Kind::Gone, &pair.base, "is not run any more"),
        _ => return None,
    };
    let counts = Counts::of(runs.iter().copied());
    let ends: Vec<String> =
        counts.present().map(|(outcome, count)| format!("{count} {}", outcome.words())).collect();
    let text = format!("{was}: {}", ends.join(", "));
    let example = runs.iter().copied().min_by_key(|run| run.outcome());
    Some(pair.change(kind, text, example))
}

fn notes(base: &ResultSet, new: &ResultSet) -> Vec<String> {
    let mut notes = Vec::new();
    if base.header.lockstorm != new.header.lockstorm {
        notes.push(format!(
            "lockstorm itself differs: {} before, {} now",
            base.header.lockstorm, new.header.lockstorm
        ));
    }
    let kernels = |set: &ResultSet| -> BTreeSet<String> {
        let judged = set.runs.iter().filter_map(RunSummary::judged);
        judged.map(|judged| judged.kernel_key.clone()).collect()
    };
    let (before, now) = (kernels(base), kernels(new));
    if before != now && !before.is_empty() && !now.is_empty() {
        notes.push("the kernel of the nodes differs, so that equal seeds are other runs".into());
    }
    for (set, which) in [(base, "base"), (new, "new")] {
        if set.cut_short {
            notes.push(format!("the {which} set is of a job that was killed"));
        }
    }
    notes
}
