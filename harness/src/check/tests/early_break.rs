use super::story::{kernel_plan, plan, story};
use super::{Shows, expect, judged, not_judged};
use crate::units::Nanos;
use lockstorm_reports::Invariant::NoEarlyBreak;
use rstest::rstest;

#[rstest]
#[case::a_dead_owners_lock_is_broken_early(
    Shows::Broken(1, 10_000),
    "
    1s c1 acquires
    2s c1 dies
    3s c2 asks
    10s c2 enters"
)]
#[case::a_dead_owners_lock_is_broken_in_time(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c1 dies
    3s c2 asks
    26s c2 enters"
)]
#[case::a_living_owners_lock_is_broken_early(
    Shows::Broken(1, 10_000),
    "
    1s c1 acquires
    3s c2 asks
    10s c2 enters"
)]
#[case::broken_early_by_one_that_waited_longer_than_a_lifetime(
    Shows::Broken(1, 24_000),
    "
    1s c1 acquires
    3s c2 asks
    10s c1 refreshes 15s
    11s c1 dies
    24s c2 enters"
)]
#[case::the_owner_released(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 leaves
    3s c1 dies
    3s c2 enters"
)]
#[case::a_refresh_moves_the_end(
    Shows::Broken(1, 20_000),
    "
    1s c1 acquires
    8s c1 refreshes 15s
    9s c1 dies
    9s c2 asks
    20s c2 enters"
)]
#[case::an_entry_that_was_granted_long_before_is_no_break(
    Shows::Kept(1),
    "
    0s c2 asks               // granted at once, but the answer is lost
    20s c1 acquires          // rightly breaks the lock of c2
    21s c2 enters
    22s c1 releases"
)]
#[case::the_owners_own_node_may_know_better(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c1 dies
    4s c1 boots
    5s c2 asks
    5s c1 acquires"
)]
#[case::what_its_own_node_took_over_it_may_hand_on(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c1 dies
    4s c1 boots
    5s c2 asks
    5s c1 acquires
    6s c1 releases
    7s c2 enters"
)]
#[case::an_owner_that_lost_its_lock_early_and_left(
    Shows::Broken(1, 4_000),
    "
    1s c1 acquires
    2s c1 calls refresh 15s
    2s c1 is told not_held
    2s c1 leaves without release
    3s c2 asks
    4s c2 enters"
)]
#[case::a_release_that_cannot_reach_the_server_frees_nothing(
    Shows::Broken(1, 8_000),
    "
    1s c1 acquires
    2s c1 is cut
    3s c1 leaves
    4s c2 asks
    8s c2 enters
    30s c1 is healed
    31s c1 is told not_held"
)]
#[case::a_release_that_was_cut_off_may_have_arrived(
    Shows::Kept(1),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 leaves
    2.1s c1 is cut
    8s c2 enters"
)]
#[case::asking_again_gives_up_nothing(
    Shows::Broken(1, 4_000),
    "
    1s c1 acquires
    2s c1 tries
    2s c1 is told busy
    3s c1 dies
    4s c2 acquires"
)]
#[case::the_first_release_of_two_grants_may_free_it(
    Shows::Kept(1),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 acquires
    3s c1 releases
    4s c2 enters
    5s c1 calls release
    5s c1 is told not_held"
)]
#[case::what_it_sends_in_vain_frees_nothing(
    Shows::Broken(1, 8_000),
    "
    1s c1 acquires
    2s c1 sends in vain
    3s c1 leaves
    4s c2 asks
    8s c2 enters"
)]
#[case::nobody_else_asked(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    3s c2 acquires
    4s c2 releases"
)]
#[case::clocks_beyond_the_assumption(
    Shows::Beyond(1, 10_000),
    "
    1s c1 acquires
    2s c1 dies
    3s c2 asks
    3s c2 clock +30s
    10s c2 enters"
)]
#[case::only_the_owner_asked_once_more(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 tries
    3s c1 is told busy
    4s c1 releases"
)]
fn a_story_of_breaking(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), NoEarlyBreak, shows, text);
}

#[test]
fn whether_it_was_early_is_not_judged_where_nobody_knows_when_the_lock_was_obtained() {
    let text = "1s c1 asks\n 4s c1 enters\n 5s c1 dies\n 6s c2 asks\n 17s c2 enters";
    expect(&plan(), NoEarlyBreak, Shows::Kept(1), text);
    let doubt = "the owner's lifetime may have been over, or not";
    assert_eq!(not_judged(&plan(), NoEarlyBreak, text), [(1, doubt.into())]);
    let later = text.replace("17s", "20s");
    assert_eq!(not_judged(&plan(), NoEarlyBreak, &later), []);
}

/// Like filelock-soft-rw: a lifetime of 90 s, which a contender times by its own clock.
#[rstest]
#[case::a_clock_that_nobody_assumes(100_000, 82_900, Shows::Beyond(1, 82_900))]
#[case::a_slewed_clock(500, 90_960, Shows::Kept(1))]
#[case::earlier_than_a_slewed_clock(500, 90_950, Shows::Broken(1, 90_950))]
#[case::a_slow_clock_is_no_excuse(-500, 90_960, Shows::Broken(1, 90_960))]
fn a_fast_clock_ends_a_lifetime_early(
    #[case] drift_ppm: i64,
    #[case] enters_ms: u64,
    #[case] shows: Shows,
) {
    let mut plan = plan();
    plan.profile.assumes.clock_skew = None;
    plan.scenario.lock.lifetime = Some(Nanos::from_secs(90));
    let text = format!(
        "
        0s c2 clock 0s drifts {drift_ppm}
        1s c1 acquires
        2s c1 dies
        3s c2 asks
        {enters_ms}ms c2 enters"
    );
    expect(&plan, NoEarlyBreak, shows, &text);
}

#[test]
fn what_a_clock_was_off_by_is_told() {
    let text = "
        0s c2 clock 0s drifts 100000
        1s c1 acquires
        2s c1 dies
        3s c2 asks
        10s c2 enters";
    let mut plan = plan();
    plan.profile.assumes.clock_skew = None;
    let (_, findings) = judged(&plan, &story(text), NoEarlyBreak);
    let why = "the clock of c2 ran 100000 ppm fast; the lock assumes at most 500 ppm";
    assert_eq!(findings[0].beyond, [why]);
}

#[test]
fn a_lock_without_a_lifetime_cannot_promise_it() {
    let text = "1s c1 acquires\n 2s c2 acquires";
    expect(&kernel_plan(), NoEarlyBreak, Shows::NotPromised, text);
}
