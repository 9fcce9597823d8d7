//! What notes and findings say.

use super::judged;
use super::story::{kernel_plan, plan, story};
use crate::check::message;
use crate::lock::profile::Renewed;
use crate::plan::Plan;
use lockstorm_reports::{Invariant, Invariant::*};
use rstest::rstest;
use std::panic::catch_unwind;

#[rstest]
#[case::of_critical_sections(
    MutualExclusion,
    "3 times among 3 critical sections",
    "1s c1 acquires\n 2s c2 acquires\n 3s c3 acquires"
)]
#[case::of_an_abandoned_lock(
    BreakAfterLifetime,
    "once among 1 abandoned lock",
    "1s c1 acquires\n 2s c2 asks\n 3s c1 dies\n 90s workload ends"
)]
#[case::of_a_count(NoLostUpdate, "once among 1 count", "1s c1 acquires\n 1s c1 counts 5")]
#[case::of_what_is_missing_at_the_end(
    NoLostUpdate,
    "once among 2 counts",
    "1s c1 acquires\n 1s c1 counts 0\n 2s c1 releases\n 4s counter is 0"
)]
#[case::of_a_refusal(HonestRefusal, "once among 1 refusal", "1s c1 tries\n 2s c1 is told busy")]
#[case::of_a_release(
    ReleaseFrees,
    "once among 1 release",
    "1s c1 acquires\n 1s c2 asks\n 2s c1 releases\n 130s workload ends"
)]
fn what_is_broken_is_counted_among_the_cases(
    #[case] invariant: Invariant,
    #[case] note: &str,
    #[case] text: &str,
) {
    let (result, _) = judged(&plan(), &story(text), invariant);
    assert_eq!(result.note, note);
}

#[rstest]
#[case::an_entry(
    MutualExclusion,
    "c1 was inside and within its claim when c2 entered; both held for 1.000 s.",
    "1s c1 acquires\n 2s c2 acquires\n 3s c1 releases"
)]
#[case::an_entry_at_the_end_of_the_run(
    MutualExclusion,
    "c1 was inside and within its claim when c2 entered.",
    "1s c1 acquires\n 2s c2 acquires"
)]
#[case::a_refresh(
    MutualExclusion,
    "c2 was inside and within its claim when c1 was told that it still holds; both held for \
     2.000 s.",
    "
    1s c1 acquires
    14s c1 calls refresh 15s
    15s c2 asks
    17s c2 enters
    19s c1 is told ok
    21s c1 releases"
)]
#[case::an_early_entry(
    NoEarlyBreak,
    "c2 entered at 10.000 s, 6.000 s before the claim of c1 was over; c1 had not released.",
    "1s c1 acquires\n 2s c1 dies\n 3s c2 asks\n 10s c2 enters"
)]
#[case::a_refusal(
    HonestRefusal,
    "c1 asked for the lock at 1.000 s and was told `busy` at 2.000 s; but nobody else had it, nor \
     could have had it at any time before.",
    "1s c1 tries\n 2s c1 is told busy"
)]
#[case::a_refusal_of_one_that_waited(
    HonestRefusal,
    "c1 asked for the lock at 1.000 s and was told `timeout` at 11.000 s; but nobody else had it, \
     nor could have had it at any time before.",
    "1s c1 asks for 10s\n 11s c1 is told timeout"
)]
fn a_finding_says(#[case] invariant: Invariant, #[case] words: &str, #[case] text: &str) {
    let (_, findings) = judged(&plan(), &story(text), invariant);
    assert_eq!(findings[0].explanation, words);
}

#[test]
fn a_claim_that_a_heartbeat_keeps_has_no_end_to_be_told() {
    let mut plan = plan();
    plan.profile.lifetime.as_mut().unwrap().renewed = Renewed::Itself;
    let text = "1s c1 acquires\n 2s c2 asks\n 60s c2 enters";
    let (_, findings) = judged(&plan, &story(text), NoEarlyBreak);
    let words = "c2 entered at 60.000 s, while the claim of c1 lasted; c1 had not released.";
    assert_eq!(findings[0].explanation, words);
}

#[test]
fn a_hold_is_reported_with_the_ends_that_it_has() {
    let ends = |plan: &Plan, text: &str| {
        let (_, findings) = judged(plan, &story(text), MutualExclusion);
        let holds = findings[0].holds.iter();
        holds.map(|hold| (hold.until_ns, hold.claim_until_ns)).collect::<Vec<_>>()
    };
    let text = "1s c1 acquires\n 2s c2 acquires\n 3s c1 releases";
    let (until, claim) = (Some(3_000_000_000), |at_s: u64| Some(at_s * 1_000_000_000));
    assert_eq!(ends(&plan(), text), [(until, claim(16)), (None, claim(17))]);
    assert_eq!(ends(&kernel_plan(), text), [(until, None), (None, None)]);
}

#[test]
fn a_panics_words_are_told_whatever_it_was_thrown_with() {
    let words = |panics: fn()| message(&*catch_unwind(panics).unwrap_err());
    assert_eq!(words(|| std::panic::resume_unwind(Box::new("so"))), "so");
    assert_eq!(words(|| std::panic::resume_unwind(Box::new(String::from("or so")))), "or so");
    assert_eq!(words(|| std::panic::resume_unwind(Box::new(7))), "no message");
}
