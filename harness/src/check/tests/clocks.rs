use super::story::{plan, story};
use super::{Shows, expect, judged};
use crate::check::Evidence;
use crate::units::{Nanos, SECOND};
use lockstorm_reports::Invariant;
use rstest::rstest;

fn skew_s(text: &str, from_s: u64, until_s: u64) -> f64 {
    let (plan, history) = (plan(), story(text));
    let clocks = Evidence::of(&plan, &history).clocks;
    clocks.largest_skew(from_s * SECOND, until_s * SECOND) as f64 / SECOND as f64
}

#[test]
fn a_clock_that_was_never_set_stands_at_nought() {
    assert_eq!(skew_s("5s c1 clock +8s", 0, 4), 0.0);
    assert_eq!(skew_s("5s c1 clock +8s", 0, 5), 8.0);
    assert_eq!(skew_s("5s c1 clock -8s", 9, 9), 8.0);
}

#[test]
fn two_clocks_on_either_side_add_up() {
    assert_eq!(skew_s("5s c1 clock +8s\n 6s c2 clock -4s", 0, 9), 12.0);
}

#[test]
fn clocks_that_all_stand_off_alike_are_not_skewed() {
    let all = "
        0s server clock +9s
        0s c1 clock +9s
        0s c2 clock +9s
        0s c3 clock +9s";
    assert_eq!(skew_s(all, 1, 9), 0.0);
}

#[test]
fn a_drift_grows_until_it_is_set_right() {
    let text = "
        10s c1 clock 0s drifts 100000
        60s c1 clock 0s";
    assert_eq!(skew_s(text, 0, 20), 1.0);
    assert_eq!(skew_s(text, 0, 90), 5.0, "just before it was set right");
    assert_eq!(skew_s(text, 60, 90), 0.0, "just after");
    let slow = "0s c1 clock +8s drifts -100000";
    assert_eq!((skew_s(slow, 10, 10), skew_s(slow, 10, 20)), (7.0, 7.0));
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let mut history = story("0s c1 clock +1s\n 0s c2 clock -1s");
    for (event, sign) in history.iter_mut().zip([1, -1]) {
        if let crate::history::EventKind::ClockSet { offset_ns, drift_ppm, .. } = &mut event.kind {
            (*offset_ns, *drift_ppm) = (sign * i64::MAX, sign * i64::MAX);
        }
    }
    let plan = plan();
    let clocks = Evidence::of(&plan, &history).clocks;
    assert_eq!(clocks.largest_skew(0, u64::MAX), u64::MAX);
}

/// When two clocks were more than 4 s apart within 100 s, in whole seconds.
fn apart_s(text: &str) -> Vec<(u64, u64)> {
    let (plan, history) = (plan(), story(text));
    let clocks = Evidence::of(&plan, &history).clocks;
    let apart = clocks.apart(4 * SECOND, 100 * SECOND);
    apart.into_iter().map(|(from, until)| (from / SECOND, until / SECOND)).collect()
}

#[test]
fn when_clocks_are_too_far_apart_is_known_to_the_instant() {
    assert_eq!(apart_s("5s c1 clock +4s"), []);
    assert_eq!(apart_s("5s c1 clock +5s\n 9s c1 clock 0s"), [(5, 9)]);
    assert_eq!(apart_s("5s c1 clock +3s\n 9s c2 clock -2s\n 20s c1 clock 0s"), [(9, 20)]);
    assert_eq!(apart_s("10s c1 clock 0s drifts 100000"), [(50, 100)]);
    assert_eq!(apart_s("10s c1 clock 0s drifts 100000\n 30s c1 clock 0s"), []);
    // It comes nearer, and is not near before it is set right.
    assert_eq!(apart_s("10s c1 clock +5s drifts -100000\n 40s c1 clock 0s"), [(10, 40)]);
}

/// c2 is let in while c1 is inside, at 11 s; the clocks have never been more than 5 s apart.
#[rstest]
#[case::set_between_writing_and_reading(
    Shows::Beyond(1, 11_000),
    "0s server clock -5s\n 1s c1 acquires\n 10s server clock +5s\n 11s c2 acquires"
)]
#[case::set_before(
    Shows::Broken(1, 11_000),
    "0s server clock -5s\n 0.5s server clock +5s\n 1s c1 acquires\n 11s c2 acquires"
)]
#[case::written_again(
    Shows::Beyond(1, 17_000),
    "1s c1 acquires\n 4s server clock -5s\n 5s c1 refreshes 15s\n 10s server clock +5s\n 17s c2 acquires"
)]
fn a_clock_that_was_set_after_a_stamp_was_written_counts_with_both_offsets(
    #[case] shows: Shows,
    #[case] text: &str,
) {
    let mut plan = plan();
    plan.profile.assumes.clock_skew = Some(Nanos::from_secs(6));
    expect(&plan, Invariant::MutualExclusion, shows, text);
}

#[test]
fn a_clock_that_stood_still_is_told_of_as_such() {
    let text = "0s c1 clock 0s drifts -1000000\n 1s c2 acquires\n 2s c3 acquires";
    let mut plan = plan();
    plan.profile.assumes.clock_skew = None;
    let (_, findings) = judged(&plan, &story(text), Invariant::MutualExclusion);
    let why =
        "the clocks of c1 stood still; the lock assumes that clocks are off by at most 500 ppm";
    assert_eq!(findings[0].beyond, [why]);
}

/// c3's acquire fails at 2 s: it may have got the lock, with a time stamp by the server's clock.
#[rstest]
#[case::set_while_it_may_stand(Shows::Beyond(1, 22_000), "10s server clock +5s\n", "")]
#[case::set_when_another_had_taken_it(Shows::Broken(1, 22_000), "", "13s server clock +5s\n")]
fn what_an_acquire_that_failed_may_have_written_counts_until_another_enters(
    #[case] shows: Shows,
    #[case] before: &str,
    #[case] after: &str,
) {
    let mut plan = plan();
    plan.profile.assumes.clock_skew = Some(Nanos::from_secs(6));
    let text = format!(
        "
        0s server clock -5s
        1s c3 asks
        2s c3 is told error
        {before}
        11s c1 acquires
        12s c1 releases
        {after}
        21s c1 acquires
        22s c2 acquires"
    );
    let text = if before.is_empty() { text } else { text.replace("12s c1 releases", "") };
    let text = if before.is_empty() { text } else { text.replace("21s c1 acquires", "") };
    expect(&plan, Invariant::MutualExclusion, shows, &text);
}
