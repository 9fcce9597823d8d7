use super::story::{kernel_plan, plan};
use super::{Shows, expect, not_judged};
use crate::units::Nanos;
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
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    121s workload ends"
)]
#[case::nobody_waits(
    Shows::Vacuous,
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
    Shows::Vacuous,
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
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c3 asks
    26s c2 acquires
    30s c1 leaves
    30s c1 is told not_held
    160s workload ends"
)]
#[case::another_died_with_it(
    Shows::Vacuous,
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
    Shows::Vacuous,
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
#[case::while_one_is_away_that_never_used_the_lock(
    Shows::Broken(1, 122_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    60s c3 is cut
    90s c3 is healed
    230s workload ends"
)]
#[case::while_one_is_away_that_may_have_a_delegation_its_lease_may_run_out_first(
    Shows::Broken(1, 169_000),
    "
    0.5s c3 tries
    0.5s c3 is told busy
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    60s c3 is cut
    230s workload ends"
)]
#[case::while_the_one_who_waits_is_away_nothing_is_demanded(
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    60s c2 is cut
    90s c2 is healed
    230s workload ends"
)]
#[case::one_that_asks_when_all_are_well_again(
    Shows::Broken(1, 245_000),
    "
    1s c1 acquires
    2s c1 releases
    60s server is cut
    90s server is healed     // settled at 123 s
    125s c2 asks
    250s workload ends"
)]
#[case::an_acquire_that_failed_may_have_got_it(
    Shows::Vacuous,
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
#[case::one_that_tries_and_is_kept_waiting_for_long(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    3s c2 tries
    130s c2 is told busy
    140s workload ends"
)]
#[case::one_that_gives_up_at_the_very_end_of_the_bound(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    3s c2 asks for 120s
    123s c2 is told timeout
    140s workload ends"
)]
#[case::another_waits_when_one_gets_it_at_the_very_end_of_the_bound(
    Shows::Kept(1),
    "
    1s c1 acquires
    1s c2 asks
    1s c3 asks
    2s c1 releases
    122s c2 enters
    123s c2 releases"
)]
#[case::the_first_who_waited_in_vain_counts(
    Shows::Broken(1, 125_000),
    "
    1s c1 acquires
    2s c1 releases
    5s c3 asks
    10s c2 asks
    140s workload ends"
)]
#[case::an_owner_that_asked_whether_it_holds_owes_one_release(
    Shows::Broken(1, 122_000),
    "
    1s c1 acquires
    1s c2 asks
    1.5s c1 calls is_held
    1.5s c1 is told held
    2s c1 releases
    130s workload ends"
)]
#[case::an_acquire_of_the_dead_did_nothing_after_its_death(
    Shows::Broken(1, 178_000),
    "
    1s c3 asks
    3s c3 dies
    10s c1 acquires
    10s c2 asks
    11s c1 releases
    100s c3 boots
    200s workload ends"
)]
#[case::a_release_whose_system_call_failed_frees_nothing_and_its_owner_asks_again(
    Shows::Broken(1, 122_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 calls release
    2s c1 has system calls fail
    2s c1 has unlink fail of /lock
    2s c1 is told ok
    2.04s c1 is healed
    4s c1 asks
    130s workload ends"
)]
#[case::one_that_asked_while_its_system_calls_failed_may_have_got_it(
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    1.9s c3 asks
    1.95s c3 has system calls fail
    1.99s c3 is healed
    2s c1 releases
    130s workload ends"
)]
fn a_story_of_releases(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), ReleaseFrees, shows, text);
}

#[rstest]
#[case::an_acquire_that_failed(
    "an acquire was disturbed or failed, and may have got the lock",
    "3s c3 is told error"
)]
#[case::an_acquire_that_was_disturbed(
    "an acquire was disturbed or failed, and may have got the lock",
    "3s c3 is cut"
)]
#[case::one_that_may_have_a_delegation_was_disturbed(
    "a client that had used the lock, or the server, was disturbed",
    "3s c3 is told timeout\n 60s c3 is cut\n 90s c3 is healed"
)]
fn what_rests_on_a_doubt_is_counted(#[case] why: &str, #[case] then: &str) {
    let text = format!(
        "
        1s c1 acquires
        1s c2 asks
        1s c3 asks
        2s c1 releases
        {then}
        130s workload ends"
    );
    expect(&plan(), ReleaseFrees, Shows::Vacuous, &text);
    assert_eq!(not_judged(&plan(), ReleaseFrees, &text), [(1, why.into())]);
}

#[test]
fn an_acquire_that_could_send_nothing_has_not_got_it() {
    let text = "
        1s c1 acquires
        1s c3 is cut
        1.5s c3 asks
        2s c2 asks
        3s c1 releases
        180s workload ends";
    // c3 may have a delegation, and keep it for as long as its lease lasts.
    expect(&plan(), ReleaseFrees, Shows::Broken(1, 170_000), text);
}

#[test]
fn a_slow_wire_makes_everybody_slow() {
    let mut plan = plan();
    plan.blueprint.wire.latency.most = Nanos::from_secs(1);
    let text = "
        1s c1 acquires
        1s c2 asks
        2s c1 releases
        200s workload ends";
    expect(&plan, ReleaseFrees, Shows::Vacuous, text);
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

#[test]
fn who_thinks_for_minutes_before_it_asks_again_is_not_asking_meanwhile() {
    let mut plan = kernel_plan();
    let crate::scenario::WorkloadSpec::Cycles(cycles) = &mut plan.scenario.workload else {
        panic!("the clients of a story go round and round");
    };
    cycles.think.most = Nanos::from_secs(200);
    let story = "
        1s c1 acquires
        1s c2 asks for 2s
        2s c1 releases
        3s c2 is told timeout
        190s c2 asks for 2s
        191s c2 enters";
    expect(&plan, ReleaseFrees, Shows::Kept(1), story);
}
