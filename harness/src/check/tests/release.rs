use super::story::{kernel_plan, plan};
use super::{Shows, expect, not_judged};
use lockstorm_reports::Invariant::OwnerOnlyRelease;
use rstest::rstest;

#[rstest]
#[case::a_late_release_harms_nobody(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 leaves
    30s c1 is told not_held
    31s c2 releases
    31s c3 acquires"
)]
#[case::a_late_release_lets_a_third_in(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 leaves
    30s c1 is told ok
    31s c3 acquires"
)]
#[case::a_late_release_lets_its_own_caller_in(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 releases
    31s c1 acquires"
)]
#[case::after_a_late_release_the_owner_is_told_it_does_not_hold(
    Shows::Broken(1, 32_000),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 releases
    31s c2 leaves
    32s c2 is told not_held"
)]
#[case::after_a_late_release_the_owner_asks_and_does_not_hold(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 releases
    31s c2 calls is_held
    31s c2 is told lost"
)]
#[case::a_release_that_says_it_did_nothing_has_done_nothing(
    Shows::Kept(1),
    "
    0s c2 clock +8s
    1s c1 acquires
    26s c2 acquires
    30s c1 leaves
    30s c1 is told not_held
    34s c2 calls is_held
    34s c2 is told lost"
)]
#[case::a_client_that_may_hold_without_knowing_is_no_former_owner(
    Shows::Vacuous,
    "
    1s c1 asks
    2s c1 is told error
    3s c2 acquires
    4s c1 calls release
    4s c1 is told ok
    5s c3 acquires"
)]
#[case::the_second_release_of_two_grants(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 acquires
    3s c1 releases
    4s c2 asks
    5s c1 calls release
    5.1s c2 enters
    5.2s c1 is told ok
    6s c2 releases"
)]
#[case::told_so_after_its_own_claim_is_over(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 releases
    50s c2 calls is_held
    50s c2 is told lost"
)]
#[case::a_third_enters_after_the_next_owners_claim(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 releases
    30s c3 asks
    60s c3 enters"
)]
#[case::a_release_in_flight_when_its_callers_claim_ended(
    Shows::Broken(1, 33_000),
    "
    1s c1 acquires
    2s c1 is cut
    3s c1 leaves
    26s c2 asks
    27s c2 enters
    32s c1 is healed
    32.5s c1 is told ok
    33s c3 acquires"
)]
#[case::a_slow_release_within_its_callers_claim_hands_over(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 leaves
    2.1s c2 acquires
    2.5s c1 is told ok
    2.6s c2 releases"
)]
#[case::a_removal_that_met_its_own_result(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 releases
    31s c2 leaves
    31s server dies
    32s server boots
    33s c2 is told not_held"
)]
#[case::a_release_by_one_that_never_held(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c2 calls release
    2s c2 is told not_held
    3s c1 releases
    3s c3 acquires"
)]
#[case::a_release_by_one_that_never_held_lets_a_third_in(
    Shows::Broken(1, 3_000),
    "
    1s c1 acquires
    2s c2 calls release
    2s c2 is told ok
    3s c3 acquires"
)]
#[case::a_second_release(
    Shows::Broken(1, 5_000),
    "
    1s c1 acquires
    2s c1 releases
    3s c2 acquires
    4s c1 calls release
    4s c1 is told ok
    5s c3 acquires"
)]
#[case::a_third_that_had_asked_in_vain_for_long_breaks_the_next_owners_claim(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 releases
    28s c3 asks
    35s c3 enters"
)]
#[case::the_owner_is_told_so_once_another_has_broken_its_claim(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    28s c1 releases
    28s c3 asks
    35s c3 enters
    36s c2 calls is_held
    36s c2 is told lost"
)]
#[case::a_third_that_was_cut_off_had_not_asked_in_vain(
    Shows::Broken(1, 35_000),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    27s c3 is cut
    28s c1 releases
    28s c3 asks
    34s c3 is healed
    35s c3 enters"
)]
#[case::a_lock_that_is_also_broken_early_by_itself_tells_nothing(
    Shows::Vacuous,
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 releases
    31s c3 acquires
    100s c3 leaves
    100s c3 is told ok
    101s c2 leaves
    101s c2 is told ok
    110s c1 acquires
    112s c2 asks
    115s c2 enters"
)]
#[case::nobody_released_late(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    2s c2 acquires
    3s c2 releases"
)]
#[case::clocks_beyond_the_assumption(
    Shows::Beyond(1, 31_000),
    "
    1s c1 acquires
    26s c2 asks
    26s c3 clock +30s
    27s c2 enters
    30s c1 releases
    31s c3 acquires"
)]
#[case::a_third_enters_at_once_after_the_next_owners_claim(
    Shows::Kept(1),
    "
    1s c1 acquires
    26s c2 asks
    27s c2 enters
    30s c1 releases
    60s c3 acquires"
)]
#[case::its_own_next_hold_is_not_anothers(
    Shows::Vacuous,
    "
    1s c1 acquires
    26s c2 acquires
    27s c2 releases
    28s c1 leaves
    28.001s c1 is told error     // it may act until 28.013 s
    28.002s c1 acquires
    28.5s c1 calls is_held
    28.5s c1 is told lost"
)]
fn a_story_of_late_releases(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), OwnerOnlyRelease, shows, text);
}

#[rstest]
#[case::another_asked_who_may_have_broken_it_early(
    "the next owner lost its lock while another was asking, who may have broken it",
    "29s c3 asks"
)]
#[case::its_own_clock_is_ahead(
    "by a clock that differed, the next owner's lifetime was over",
    "26.5s c2 clock +8s"
)]
fn what_the_owner_is_told_is_no_proof_where(#[case] why: &str, #[case] and: &str) {
    let text = |and: &str| {
        let (before, after) = match and.starts_with("29s") {
            true => ("", and),
            false => (and, ""),
        };
        format!(
            "
            1s c1 acquires
            26s c2 acquires
            {before}
            28s c1 leaves
            {after}
            30s c1 is told ok
            34s c2 calls is_held
            34s c2 is told lost"
        )
    };
    expect(&plan(), OwnerOnlyRelease, Shows::Broken(1, 34_000), &text(""));
    expect(&plan(), OwnerOnlyRelease, Shows::Vacuous, &text(and));
    assert_eq!(not_judged(&plan(), OwnerOnlyRelease, &text(and)), [(1, why.into())]);
}

#[test]
fn releases_among_early_breaks_are_counted_as_not_judged() {
    let text = "
        1s c1 acquires
        26s c2 asks
        27s c2 enters
        30s c1 releases
        31s c3 acquires
        100s c3 leaves
        100s c3 is told ok
        101s c2 leaves
        101s c2 is told ok
        110s c1 acquires
        112s c2 asks
        115s c2 enters";
    let why = "claims were also broken early without any release";
    assert_eq!(not_judged(&plan(), OwnerOnlyRelease, text), [(1, why.into())]);
}

#[rstest]
#[case::a_release_by_one_that_never_held_lets_a_third_in(
    Shows::Broken(1, 3_000),
    "
    1s c1 acquires
    2s c2 calls release
    2s c2 is told ok
    3s c3 acquires"
)]
#[case::a_release_that_takes_long_hands_over(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 leaves
    40s c2 acquires
    50s c1 is told ok
    51s c2 releases"
)]
fn a_story_without_a_lifetime(#[case] shows: Shows, #[case] text: &str) {
    expect(&kernel_plan(), OwnerOnlyRelease, shows, text);
}

#[test]
fn a_cautious_lock_that_cannot_ask_and_says_that_it_is_not_held_proves_nothing() {
    let text = |trouble: &str| {
        format!(
            "
            1s c1 acquires
            26s c2 acquires
            28s c1 leaves
            30s c1 is told ok
            {trouble}
            34s c2 calls is_held
            35s c2 is told lost"
        )
    };
    expect(&plan(), OwnerOnlyRelease, Shows::Broken(1, 35_000), &text(""));
    expect(&plan(), OwnerOnlyRelease, Shows::Kept(1), &text("33s server is impaired"));
}

#[test]
fn an_owner_whose_own_release_failed_may_have_lost_its_lock_by_that() {
    let text = "
        1s c1 acquires
        26s c2 acquires
        28s c1 leaves
        30s c1 is told ok
        31s c2 leaves
        32s c2 is told error
        33s c2 calls release
        34s c2 is told not_held";
    expect(&plan(), OwnerOnlyRelease, Shows::Kept(1), text);
}
