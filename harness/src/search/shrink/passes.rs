//! What can be taken out of a scenario, part by part.

use super::{brief, tree};
use crate::lock::profile::Profile;
use crate::scenario::{Scenario, WorkloadSpec};
use crate::search::parts::{steps, without_faults, without_steps};
use crate::source::{KeyPath, Segment};
use std::ops::Range;
use tree::Path;

/// A kind of parts.
pub struct Parts {
    pub count: fn(&Scenario, &Profile) -> usize,
    /// The scenario without some of them; `None`: without them it is none.
    pub without: fn(&Scenario, &Profile, Range<usize>) -> Option<Scenario>,
}

pub const FAULTS: Parts = Parts {
    count: |scenario, _| scenario.faults.len(),
    without: |scenario, _, gone| Some(without_faults(scenario, |index| gone.contains(&index))),
};

pub const STEPS: Parts = Parts {
    count: |scenario, _| steps(scenario).len(),
    without: |scenario, _, gone| {
        let has_any = !steps(scenario).is_empty();
        has_any.then(|| without_steps(scenario, |index| gone.contains(&index)))
    },
};

/// Whatever is not the default: of the site, the lock, the workload, the faults.
pub const SETTINGS: Parts = Parts {
    count: |scenario, profile| settings(&brief::value(scenario, profile)).len(),
    without: |scenario, profile, gone| {
        let mut value = brief::value(scenario, profile);
        let places = settings(&value);
        // Those below a place stand behind it, and so do later items of a list.
        for place in places.get(gone)?.iter().rev() {
            value = tree::without(&value, place).unwrap_or(value);
        }
        let left = brief::read(&value, profile)?;
        Some(Scenario { name: scenario.name.clone(), ..left })
    },
};

/// What is a part of another kind, or of every scenario.
const KEPT: [&str; 5] = ["about", "lock", "lock.name", "site.clients", "workload.cycles.rounds"];

fn settings(brief: &serde_yaml::Value) -> Vec<Path> {
    let is_kept = |path: &Path| {
        let begins = |keys: &[&str]| {
            let keys = keys.iter().map(|key| Segment::Key((*key).into()));
            path.len() >= keys.len() && path.iter().zip(keys).all(|(one, other)| *one == other)
        };
        let is_whole = |length| path.len() <= length;
        KEPT.contains(&KeyPath(path.clone()).to_string().as_str())
            || begins(&["expect"])
            || begins(&["faults"]) && is_whole(2)
            || begins(&["workload"]) && is_whole(2)
            || begins(&["workload", "script"]) && is_whole(3)
    };
    tree::places(brief).into_iter().filter(|path| !is_kept(path)).collect()
}

/// The scenario on fewer clients, the fewest first: those that are named become the first ones.
pub fn fewer_clients(scenario: &Scenario, profile: &Profile) -> Vec<Option<Scenario>> {
    let value = brief::value(scenario, profile);
    let parts = ["site", "workload", "faults"].iter().filter_map(|key| value.get(*key));
    let named = |word: &String| word.strip_prefix('c')?.parse::<u8>().ok();
    let mut used: Vec<u8> = parts.flat_map(tree::words).filter_map(|w| named(&w)).collect();
    used.sort_unstable();
    used.dedup();
    let renamed = tree::with_words(&value, &|word| {
        let number = word.strip_prefix('c')?.parse::<u8>().ok()?;
        let place = used.iter().position(|used| *used == number)?;
        Some(format!("c{}", place + 1))
    });
    let renamed = brief::read(&renamed, profile).map(|renamed| Scenario {
        name: scenario.name.clone(),
        about: scenario.about.clone(),
        lock: scenario.lock.clone(),
        ..renamed
    });
    let most = used.last().copied().unwrap_or(0);
    let on = |clients: u8| {
        let with = |mut scenario: Scenario| {
            scenario.site.clients = clients;
            scenario
        };
        let as_it_is = (most <= clients).then(|| with(scenario.clone()));
        [renamed.clone().filter(|_| most > clients).map(with), as_it_is]
    };
    let least = used.len().max(1) as u8;
    (least..scenario.site.clients).flat_map(on).filter(Option::is_some).collect()
}

/// The scenario with fewer rounds, the fewest first.
pub fn fewer_rounds(scenario: &Scenario) -> Vec<Option<Scenario>> {
    let WorkloadSpec::Cycles(cycles) = &scenario.workload else {
        return Vec::new();
    };
    let most = cycles.rounds.unwrap_or(u32::MAX);
    let with = |rounds: u32| {
        let cycles = crate::scenario::CyclesSpec { rounds: Some(rounds), ..cycles.clone() };
        Some(Scenario { workload: WorkloadSpec::Cycles(cycles), ..scenario.clone() })
    };
    ROUNDS.iter().copied().filter(|rounds| *rounds < most).map(with).collect()
}

const ROUNDS: [u32; 9] = [1, 2, 3, 4, 5, 7, 10, 20, 50];

#[cfg(test)]
mod tests {
    use super::super::samples::{profile, scenario};
    use super::*;

    #[test]
    fn settings_are_all_that_can_be_left_out() {
        let story = scenario(
            "site: {clients: 4, nfs: {options: [soft, noac]}, nodes: {c2: {clock: 1h}}}\n\
             faults: [{when: {at: 1s}, strike: {cut: {node: c1}}, for: 2s}]",
        );
        let profile = profile();
        let found = settings(&brief::value(&story, &profile));
        let found: Vec<String> = found.into_iter().map(|path| KeyPath(path).to_string()).collect();
        let wanted = "site site.nfs site.nfs.options site.nfs.options[0] site.nfs.options[1] \
            site.nodes site.nodes.c2 site.nodes.c2.clock faults[0].when faults[0].when.at \
            faults[0].strike faults[0].strike.cut faults[0].strike.cut.node faults[0].for";
        assert_eq!(found.join(" "), wanted);
        let all = (SETTINGS.without)(&story, &profile, 1..8).unwrap();
        assert!(all.site.nfs.options.is_empty() && all.site.nodes.is_empty());
        assert_eq!(all.site.clients, 4);
        assert_eq!((SETTINGS.without)(&story, &profile, 8..9), None);
    }

    #[test]
    fn on_fewer_clients_those_that_are_named_keep_their_parts_under_other_names() {
        let story = scenario(
            "site: {clients: 5, nodes: {c4: {clock: 1h}}}\n\
             faults: [{when: {at: 1s}, strike: {cut: {node: c2}}}]",
        );
        let found: Vec<Scenario> =
            fewer_clients(&story, &profile()).into_iter().flatten().collect();
        let told = |story: &Scenario| {
            let node = story.site.nodes.keys().next().cloned().unwrap();
            (story.site.clients, node, story.faults[0].strike.target().to_owned())
        };
        let told: Vec<_> = found.iter().map(told).collect();
        let one = |clients, node: &str, hit: &str| (clients, node.to_owned(), hit.to_owned());
        assert_eq!(told, [one(2, "c2", "c1"), one(3, "c2", "c1"), one(4, "c4", "c2")]);
    }

    #[test]
    fn a_story_without_an_end_can_be_given_one() {
        let rounds = |story: &Scenario| match &story.workload {
            WorkloadSpec::Cycles(cycles) => cycles.rounds,
            WorkloadSpec::Script(_) => None,
        };
        let story = scenario("workload: {cycles: {rounds: 3}}");
        let found: Vec<_> =
            fewer_rounds(&story).into_iter().flatten().map(|s| rounds(&s)).collect();
        assert_eq!(found, [Some(1), Some(2)]);
        assert_eq!(fewer_rounds(&scenario("")).len(), ROUNDS.len());
    }
}
