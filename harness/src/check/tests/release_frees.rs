use super::story::{kernel_plan, plan};
use super::{Shows, expect};
use lockstorm_reports::Invariant::ReleaseFrees;
use rstest::rstest;

#[rstest]
#[case::a_waiter_gets_what_was_released(
    Shows::Kept(1),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    3s c2 enters"
)]
#[case::a_waiter_gets_it_at_the_very_end_of_the_bound(
    Shows::Kept(1),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    122s c2 enters"
)]
#[case::a_waiter_waits_in_vain(
    Shows::Broken(1, 122_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    130s workload ends"
)]
#[case::a_waiter_gets_it_too_late(
    Shows::Broken(1, 122_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    123s c2 enters"
)]
#[case::a_waiter_that_asks_again_and_again(
    Shows::Broken(1, 122_000),
    "
    1s c1 acquires
    1s c2 asks for 60s
    2s c1 releases
    61s c2 is told timeout
    61.2s c2 asks for 90s
    140s workload ends"
)]
#[case::the_former_owner_waits_in_vain(
    Shows::Broken(1, 123_000),
    "
    1s c1 acquires
    2s c1 releases
    3s c1 asks
    130s workload ends"
)]
#[case::the_run_ends_first(
    Shows::NotTried,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    121s workload ends"
)]
#[case::nobody_waits(
    Shows::NotTried,
    "
    1s c1 acquires
    2s c1 releases
    3s c2 tries
    3s c2 is told busy
    200s workload ends"
)]
#[case::a_release_that_failed_and_is_not_held(
    Shows::Broken(1, 124_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 leaves
    3s c1 is told error
    4s c1 calls is_held
    4s c1 is told lost
    130s workload ends"
)]
#[case::a_release_that_failed_and_is_held(
    Shows::NotTried,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 leaves
    3s c1 is told error
    4s c1 calls is_held
    4s c1 is told held
    130s workload ends"
)]
#[case::another_is_inside(
    Shows::NotTried,
    "
    1s c1 acquires
    1s c3 asks
    26s c2 acquires
    30s c1 leaves
    30s c1 is told not_held
    160s workload ends"
)]
#[case::another_died_with_it(
    Shows::NotTried,
    "
    1s c1 acquires
    1s c3 asks
    26s c2 acquires
    27s c2 dies
    28s c2 boots
    30s c1 leaves
    30s c1 is told not_held
    160s workload ends"
)]
#[case::one_that_died_releasing_may_have_kept_it(
    Shows::NotTried,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 leaves
    2.1s c1 dies
    3s c1 boots
    4s c1 calls release
    4s c1 is told not_held
    160s workload ends"
)]
#[case::whoever_enters_next_proves_that_the_dead_have_it_no_more(
    Shows::Broken(1, 151_000),
    "
    1s c1 acquires
    2s c1 dies
    3s c1 boots
    4s c3 asks
    27s c2 acquires
    31s c2 releases
    160s workload ends"
)]
#[case::while_a_node_is_away_nothing_is_demanded(
    Shows::NotTried,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    60s c3 is cut
    90s c3 is healed
    230s workload ends"
)]
#[case::when_all_are_well_again_it_is_demanded_anew(
    Shows::Broken(1, 240_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    60s c3 is cut
    90s c3 is healed         // settled at 120 s
    250s workload ends"
)]
#[case::an_acquire_that_failed_may_have_got_it(
    Shows::NotTried,
    "
    1s c1 acquires
    1s c2 asks
    1s c3 asks
    2s c1 releases
    3s c3 is told error
    130s workload ends"
)]
#[case::an_acquire_that_failed_before_somebody_entered_has_not_got_it(
    Shows::Broken(1, 132_000),
    "
    1s c3 asks
    2s c3 is told error
    11s c1 acquires
    11s c2 asks
    12s c1 releases
    140s workload ends"
)]
#[case::clocks_beyond_the_assumption(
    Shows::Beyond(1, 122_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    60s c3 clock +30s
    130s workload ends"
)]
fn a_story_of_releases(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), ReleaseFrees, shows, text);
}

#[test]
fn a_lock_without_a_lifetime_is_freed_too() {
    let text = "
        1s c1 acquires
        1s c2 asks
        2s c1 releases
        130s workload ends";
    expect(&kernel_plan(), ReleaseFrees, Shows::Broken(1, 122_000), text);
}
