//! Random histories: right ones are never accused, wrong ones are caught, nonsense is harmless.

use super::perfect_lock::{self, Bug};
use super::story::{Teller, plan};
use crate::check::{Evidence, check};
use crate::history::Event;
use crate::history::tests::any_event;
use crate::verdict::{Circumstances, judge};
use lockstorm_reports::{Invariant, Status};
use proptest::prelude::*;
use rstest::rstest;
use std::collections::BTreeMap;

/// How many times each invariant was judged and violated, over many seeds.
fn tally(bug: Bug, seeds: std::ops::Range<u64>) -> BTreeMap<Invariant, (u64, u64)> {
    let plan = plan();
    let mut tally = BTreeMap::new();
    for seed in seeds {
        let history = perfect_lock::history(seed, bug);
        let evidence = Evidence::of(&plan, &history);
        assert_eq!(evidence.contradictions, [""; 0], "seed {seed}");
        let (results, findings) = check(&evidence);
        for result in results {
            assert_ne!(result.status, Status::Unknown, "seed {seed}: {}", result.note);
            let (judged, violations) = tally.entry(result.invariant).or_default();
            *judged += result.judged;
            *violations += result.violations;
        }
        if bug == Bug::None {
            assert_eq!(findings, [], "seed {seed}");
        }
    }
    tally
}

#[test]
fn a_perfect_lock_is_never_accused_and_every_checker_judges_it() {
    for (invariant, (judged, violations)) in tally(Bug::None, 0..300) {
        assert!(judged > 20, "{invariant:?} was judged only {judged} times");
        assert_eq!(violations, 0, "{invariant:?}");
    }
}

#[rstest]
#[case::grants_always(Bug::GrantsAlways, Invariant::MutualExclusion)]
#[case::breaks_early(Bug::BreaksEarly, Invariant::NoEarlyBreak)]
#[case::never_breaks(Bug::NeverBreaks, Invariant::BreakAfterLifetime)]
#[case::releases_others(Bug::ReleasesOthers, Invariant::OwnerOnlyRelease)]
#[case::loses_counts(Bug::LosesCounts, Invariant::NoLostUpdate)]
#[case::claims_to_hold(Bug::ClaimsToHold, Invariant::HonestIsHeld)]
#[case::keeps_on_release(Bug::KeepsOnRelease, Invariant::ReleaseFrees)]
#[case::leaks_descriptors(Bug::LeaksDescriptors, Invariant::NoDescriptorLeak)]
fn a_lock_with_one_bug_is_caught(#[case] bug: Bug, #[case] invariant: Invariant) {
    let (_, violations) = tally(bug, 0..100)[&invariant];
    assert!(violations > 3, "{bug:?}: caught only {violations} times");
}

/// Lets a stranger into a hold while its owner is inside with a claim.
fn intrude(mut history: Vec<Event>, pick: prop::sample::Index) -> Option<Vec<Event>> {
    let plan = plan();
    let evidence = Evidence::of(&plan, &history);
    let spans = evidence.holds.iter().flat_map(|hold| hold.exclusive());
    let spans: Vec<_> =
        spans.filter(|span| span.until.at_ns.min(evidence.end_ns) > span.from.at_ns + 10).collect();
    if spans.is_empty() {
        return None;
    }
    let span = spans[pick.index(spans.len())];
    let mut teller = Teller::from_call(1_000_000);
    teller.now = span.from.at_ns + 1;
    teller.ask("stranger");
    teller.now += 3;
    teller.enter("stranger");
    teller.now += 3;
    teller.leave("stranger");
    history.extend(teller.events);
    history.sort_by_key(|event| event.at_ns);
    Some(history)
}

proptest! {
    #[test]
    fn an_injected_overlap_is_always_caught(seed: u64, pick: prop::sample::Index) {
        let history = intrude(perfect_lock::history(seed, Bug::None), pick);
        prop_assume!(history.is_some());
        let (plan, history) = (plan(), history.unwrap());
        let (results, _) = check(&Evidence::of(&plan, &history));
        prop_assert_eq!(results[0].invariant, Invariant::MutualExclusion);
        prop_assert_eq!(results[0].status, Status::Violated);
    }

    #[test]
    fn any_events_are_judged_without_a_panic(
        mut history in prop::collection::vec(any_event(), 0..60),
        in_order: bool,
    ) {
        if in_order {
            history.sort_by_key(|event| event.at_ns);
        }
        let report = judge(&plan(), &history, Circumstances::default());
        for result in &report.invariants {
            prop_assert_ne!(result.status, Status::Unknown, "{}", result.note);
        }
        lockstorm_reports::terminal::render(&report, Default::default());
    }
}
