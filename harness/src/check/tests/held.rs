use super::story::{kernel_plan, plan};
use super::{Shows, expect, not_judged};
use crate::lock::profile::Renewed;
use lockstorm_reports::Invariant::HonestIsHeld;
use rstest::rstest;

#[rstest]
#[case::told_the_truth_after_the_loss(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 calls is_held
    28s c1 is told lost"
)]
#[case::told_not_held_after_the_loss(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 calls is_held
    28s c1 is told not_held"
)]
#[case::told_a_lie_after_the_loss(
    Shows::Broken(1, 28_000),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 calls is_held
    28s c1 is told held"
)]
#[case::told_a_lie_after_its_own_release(
    Shows::Broken(1, 3_000),
    "
    1s c1 acquires
    2s c1 releases
    2s c2 acquires
    3s c1 calls is_held
    3s c1 is told held"
)]
#[case::told_a_lie_without_ever_having_had_it(
    Shows::Broken(1, 3_000),
    "
    2s c2 acquires
    3s c1 calls is_held
    3s c1 is told held"
)]
#[case::told_twice_what_is_not_so(
    Shows::Broken(1, 30_000),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 calls is_held
    28s c1 is told lost
    30s c1 calls is_held
    30s c1 is told held"
)]
#[case::expired_but_nobody_has_taken_it(
    Shows::Vacuous,
    "
    1s c1 acquires
    20s c1 calls is_held
    20s c1 is told held"
)]
#[case::an_owner_that_holds_and_says_so(
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 calls is_held
    2s c1 is told held"
)]
#[case::refreshed_in_time(
    Shows::Vacuous,
    "
    1s c1 acquires
    10s c1 refreshes 15s
    20s c2 acquires          // early: mutual exclusion's to judge
    21s c1 calls is_held
    21s c1 is told held"
)]
#[case::a_refresh_whose_answer_took_long_may_have_come_late(
    Shows::Vacuous,
    "
    1s c1 acquires
    10s c1 calls refresh 15s
    24s c1 is told ok
    28s c2 acquires
    29s c1 calls is_held
    29s c1 is told held"
)]
#[case::it_may_have_been_obtained_as_late_as_it_was_answered(
    Shows::Vacuous,
    "
    1s c1 asks
    14s c1 enters
    17s c2 acquires
    18s c1 calls is_held
    18s c1 is told held"
)]
#[case::the_next_owner_came_while_it_was_asked(
    Shows::Vacuous,
    "
    1s c1 acquires
    26s c2 asks
    27s c1 calls is_held
    28s c2 enters
    28s c1 is told held"
)]
#[case::the_next_owner_left_while_it_was_asked(
    Shows::Vacuous,
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 calls is_held
    29s c2 releases
    29s c1 is told held"
)]
#[case::the_next_owners_claim_is_over_as_well(
    Shows::Vacuous,
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    50s c1 calls is_held
    50s c1 is told held"
)]
#[case::an_acquire_that_failed_may_have_got_it(
    Shows::Vacuous,
    "
    1s c1 asks
    2s c1 is told error
    3s c2 acquires
    4s c1 calls is_held
    4s c1 is told held"
)]
#[case::a_lock_that_does_not_say(
    Shows::Vacuous,
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 calls is_held
    28s c1 is told error"
)]
#[case::the_process_after_a_restart_remembers_nothing(
    Shows::Broken(1, 40_000),
    "
    1s c1 acquires
    2s c1 dies
    26s c2 asks
    27s c2 enters
    30s c1 boots
    40s c1 calls is_held
    40s c1 is told held"
)]
#[case::clocks_beyond_the_assumption(
    Shows::Beyond(1, 28_000),
    "
    1s c1 acquires
    20s c3 clock +30s
    26s c2 asks
    27s c2 enters
    28s c1 calls is_held
    28s c1 is told held"
)]
#[case::a_refresh_for_longer_may_have_been_done(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 refreshes 60s
    30s c2 acquires
    31s c1 calls is_held
    31s c1 is told held"
)]
#[case::a_refresh_that_failed_may_have_been_done(
    Shows::Vacuous,
    "
    1s c1 acquires
    10s c1 calls refresh 15s
    10s c1 is told error
    18s c2 acquires
    20s c1 calls is_held
    20s c1 is told held"
)]
#[case::a_refresh_that_failed_when_all_was_over_renews_nothing(
    Shows::Broken(1, 28_000),
    "
    1s c1 acquires
    20s c1 calls refresh 15s
    20s c1 is told error
    27s c2 acquires
    28s c1 calls is_held
    28s c1 is told held"
)]
#[case::a_second_grant_may_have_renewed_it(
    Shows::Vacuous,
    "
    1s c1 acquires
    10s c1 asks
    10s c1 is told ok
    18s c2 acquires
    20s c1 calls is_held
    20s c1 is told held"
)]
#[case::by_a_clock_within_the_assumption_its_claim_may_last(
    Shows::Vacuous,
    "
    0s c2 clock -8s
    1s c1 acquires
    17s c2 acquires
    20s c1 calls is_held
    20s c1 is told held"
)]
#[case::what_it_is_told_now_says_nothing_of_before(
    Shows::Vacuous,
    "
    1s c1 asks
    2s c1 is told error
    3s c2 acquires
    4s c1 calls is_held
    4s c1 is told lost"
)]
#[case::what_failed_was_not_held_in_the_locks_own_words(
    Shows::Broken(1, 4_000),
    "
    1s c1 asks
    2s c1 is told error
    2s c1 calls release
    2s c1 is told not_held
    3s c2 acquires
    4s c1 calls is_held
    4s c1 is told held"
)]
fn a_story_of_questions(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), HonestIsHeld, shows, text);
}

#[test]
fn a_lock_without_a_lifetime_is_held_until_it_says_otherwise() {
    let text = "
        1s c1 acquires
        90s c2 acquires
        91s c1 calls is_held
        91s c1 is told held";
    expect(&kernel_plan(), HonestIsHeld, Shows::Vacuous, text);
}

#[rstest]
#[case::its_acquire_failed(
    "the client's last acquire failed, so that it may hold",
    "
    1s c1 asks
    2s c1 is told error
    3s c2 acquires
    4s c1 calls is_held
    4s c1 is told held"
)]
#[case::its_claim_may_last(
    "the client's own claim may not have been over",
    "
    1s c1 asks
    14s c1 enters
    17s c2 acquires
    18s c1 calls is_held
    18s c1 is told held"
)]
fn who_may_hold_is_not_called_a_liar(#[case] why: &str, #[case] text: &str) {
    assert_eq!(not_judged(&plan(), HonestIsHeld, text), [(1, why.into())]);
}

#[test]
fn what_failed_long_ago_is_no_doubt() {
    let text = "
        1s c1 asks
        2s c1 is told error
        3s c1 acquires
        4s c1 releases
        5s c2 acquires
        6s c1 calls is_held
        6s c1 is told held";
    expect(&plan(), HonestIsHeld, Shows::Broken(1, 6_000), text);
}

#[test]
fn one_that_was_granted_twice_may_hold_after_one_release() {
    let text = "
        1s c1 acquires
        2s c1 acquires
        3s c1 releases
        4s c2 acquires
        5s c1 calls is_held
        5s c1 is told held";
    expect(&kernel_plan(), HonestIsHeld, Shows::Vacuous, text);
    let released = text.replace("4s c2", "3.5s c1 calls release\n 3.5s c1 is told ok\n 4s c2");
    expect(&kernel_plan(), HonestIsHeld, Shows::Broken(1, 5_000), &released);
}

#[test]
fn a_heartbeat_renews_until_for_a_lifetime_none_can_have_arrived() {
    let mut plan = plan();
    plan.profile.lifetime.as_mut().unwrap().renewed = Renewed::Itself;
    let text = |cut: &str| {
        format!(
            "
            1s c1 acquires
            {cut}
            30s c2 acquires
            70s c1 calls is_held
            70s c1 is told held"
        )
    };
    expect(&plan, HonestIsHeld, Shows::Vacuous, &text(""));
    expect(&plan, HonestIsHeld, Shows::Broken(1, 70_000), &text("10s c1 is cut"));
    let short = text("10s c1 is cut\n 20s c1 is healed");
    expect(&plan, HonestIsHeld, Shows::Vacuous, &short);
}

#[test]
fn one_that_says_that_it_does_not_hold_leaves_no_doubt() {
    let text = "
        1s c1 acquires
        10s c2 acquires
        11s c1 calls is_held
        11s c1 is told lost";
    assert_eq!(not_judged(&plan(), HonestIsHeld, text), []);
    let held = text.replace("lost", "held");
    assert_eq!(not_judged(&plan(), HonestIsHeld, &held).len(), 1);
}
