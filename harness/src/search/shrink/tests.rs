use super::samples::{profile, scenario};
use super::*;
use crate::fault::Strike;
use crate::scenario::random::{BOUNDS, scenario as random};
use crate::units::{Nanos, SECOND};
use proptest::prelude::*;
use std::convert::Infallible;

/// Shrinks by an oracle that needs no run; answers the result, and how often it was asked.
fn shrunk(story: &Scenario, fails: impl Fn(&Scenario) -> bool) -> (Scenario, usize) {
    let mut asked = 0;
    let answer = |some: &[Scenario]| {
        asked += some.len();
        Ok::<_, Infallible>(some.iter().map(|it| Some(fails(it))).collect())
    };
    let found = shrink(story, &profile(), answer).unwrap();
    assert!(found.is_finished);
    (found.scenario, asked)
}

/// Two faults that matter among many that do not, and settings that do not either.
fn large() -> Scenario {
    let mut faults = String::from("faults:\n");
    for index in 0..12 {
        let strike = match index {
            4 => "{cut: {node: c4}}",
            9 => "{crash: {node: server, keep: 0.37}}",
            _ => "{impair: {node: c2, loss: 0.1, delay: 3ms..7ms}}",
        };
        faults.push_str(&format!(
            "- {{when: {{at: {}.7s}}, strike: {strike}, for: 47.313s}}\n",
            index + 1
        ));
    }
    scenario(&format!(
        "site: {{clients: 5, nfs: {{version: '4.0', options: [soft, noac]}}, wire: {{latency: 3ms..9ms}}, \
         disk: {{flush: 2ms}}, nodes: {{c3: {{clock: 1h}}}}}}\n\
         workload: {{cycles: {{time: 55s, hold: 1.3s..2.7s, think: 17ms..130ms, refresh: 1.7s, \
         timeout: 33s}}}}\n{faults}"
    ))
}

fn has(scenario: &Scenario, kind: &str) -> bool {
    scenario.faults.iter().any(|fault| fault.strike.kind() == kind)
}

#[test]
fn what_has_no_part_in_a_failure_goes() {
    let (small, asked) = shrunk(&large(), |it| has(it, "cut") && has(it, "crash"));
    let text = text(&small, &profile());
    insta::assert_snapshot!(text);
    assert!(asked < 150, "{asked}");
}

#[test]
fn what_has_a_part_in_it_stays_and_becomes_round() {
    let fails = |it: &Scenario| {
        let lasts = |fault: &crate::fault::FaultSpec| {
            matches!(fault.strike, Strike::Cut(_))
                && fault.lasts.is_some_and(|lasts| lasts.0 > 31 * SECOND)
        };
        it.faults.iter().any(lasts) && it.site.nfs.options == ["soft"] && it.site.clients >= 2
    };
    let mut story = large();
    story.site.nfs.options.pop();
    let (small, _) = shrunk(&story, fails);
    assert_eq!(small.faults[0].lasts, Some(Nanos::from_secs(40)));
    assert_eq!((small.faults.len(), small.site.clients), (1, 2));
    assert_eq!(small.faults[0].strike.target(), "c2", "it is one of those that are left");
}

#[test]
fn a_story_that_fails_without_anything_becomes_the_shortest_there_is() {
    let (small, _) = shrunk(&large(), |_| true);
    let text = text(&small, &profile());
    assert!(text.lines().count() <= 8, "{text}");
}

#[test]
fn steps_of_a_script_go_with_what_ends_them() {
    let mut story = scenario("");
    let script =
        ["c1: acquire -> ok", "cut c1", "c2: acquire", "at +37.2s", "heal c1", "c2: -> ok"];
    let script = script.iter().map(|step| step.parse().unwrap()).collect();
    story.workload = crate::scenario::WorkloadSpec::Script(script);
    let (small, _) = shrunk(&story, |it| {
        crate::search::parts::steps(it).iter().any(|step| step.to_string() == "cut c1")
    });
    let steps: Vec<String> =
        crate::search::parts::steps(&small).iter().map(ToString::to_string).collect();
    assert_eq!(steps, ["cut c1"]);
}

#[test]
fn who_has_had_enough_is_given_what_there_is() {
    let mut left = 3;
    let mut smallest = None;
    let answer = |some: &[Scenario]| {
        let answers = some.iter().map(|it| {
            left -= 1;
            (left >= 0).then(|| {
                smallest = Some(it.clone());
                true
            })
        });
        Ok::<_, Infallible>(answers.collect())
    };
    let found = shrink(&large(), &profile(), answer).unwrap();
    assert!(
        !found.is_finished
            && Size::of(&found.scenario, &profile()) < Size::of(&large(), &profile())
    );
}

#[test]
fn an_error_of_the_caller_ends_it() {
    let answer = |_: &[Scenario]| Err::<Vec<Option<bool>>, &str>("no");
    assert_eq!(shrink(&large(), &profile(), answer).err(), Some("no"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever the story, and whichever two of its faults matter.
    #[test]
    fn it_ends_at_exactly_what_matters(seed in 0u64..10_000, one in 0usize..99, two in 0usize..99) {
        let profile = profile();
        let story = random(seed, &profile, &BOUNDS);
        let kinds: Vec<&str> = story.faults.iter().map(|fault| fault.strike.kind()).collect();
        let wanted: Vec<&str> = match kinds.len() {
            0 => Vec::new(),
            count => vec![kinds[one % count], kinds[two % count]],
        };
        let fails = |it: &Scenario| wanted.iter().all(|kind| has(it, kind));
        let (small, asked) = shrunk(&story, fails);
        prop_assert!(fails(&small));
        prop_assert!(makes_sense(&small, &profile));
        prop_assert!(Size::of(&small, &profile) <= Size::of(&story, &profile));
        let mut needed = wanted.clone();
        needed.sort_unstable();
        needed.dedup();
        // One that waits for another cannot be without it.
        prop_assert!(small.faults.len() >= needed.len() && small.faults.len() <= needed.len() + 2);
        prop_assert!(asked < 400, "{}", asked);
        // What it came to, it comes to again.
        let again = shrunk(&small, fails).0;
        prop_assert_eq!(again, small);
    }

    /// An oracle without any sense cannot make it return what does not fail, or go on for ever.
    #[test]
    fn it_ends_whatever_it_is_told(seed in 0u64..10_000, luck in any::<u64>()) {
        let profile = profile();
        let story = random(seed, &profile, &BOUNDS);
        let fails = |it: &Scenario| {
            let text = serde_yaml::to_string(it).unwrap();
            text.bytes().fold(luck, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 3 == 0
        };
        let (small, _) = shrunk(&story, fails);
        prop_assert!(small == story || fails(&small));
    }
}
