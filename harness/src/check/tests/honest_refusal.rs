use super::story::{kernel_plan, plan};
use super::{Shows, expect, not_judged};
use crate::units::Nanos;
use lockstorm_reports::Invariant::HonestRefusal;
use rstest::rstest;

#[rstest]
#[case::nobody_has_ever_held(
    Shows::Broken(1, 2_000),
    "
    1s c1 tries
    2s c1 is told busy"
)]
#[case::nobody_has_ever_held_and_others_were_refused_before(
    Shows::Broken(2, 1_010),
    "
    1s c1 tries
    1.01s c1 is told busy
    2s c2 tries
    2.01s c2 is told busy"
)]
#[case::one_that_waits_in_vain(
    Shows::Broken(1, 11_000),
    "
    1s c1 asks for 10s
    11s c1 is told timeout"
)]
#[case::one_that_had_no_time_for_an_attempt(
    Shows::Vacuous,
    "
    1s c1 asks for 1s
    2s c1 is told timeout"
)]
#[case::another_holds(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c2 tries
    2s c2 is told busy
    3s c3 asks for 2s
    5s c3 is told timeout"
)]
#[case::another_held_while_it_asked(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c2 asks for 10s
    3s c1 releases
    12s c2 is told timeout"
)]
#[case::another_held_shortly_before(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    122s c2 tries
    122s c2 is told busy"
)]
#[case::another_held_long_before(
    Shows::Broken(1, 123_000),
    "
    1s c1 acquires
    2s c1 releases
    123s c2 tries
    123s c2 is told busy"
)]
#[case::it_held_itself_shortly_before(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    3s c1 tries
    3s c1 is told busy"
)]
#[case::it_is_inside_itself(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 tries
    2s c1 is told busy"
)]
#[case::an_error_is_honest(
    Shows::Vacuous,
    "
    1s c1 tries
    2s c1 is told error"
)]
#[case::one_that_had_time_for_no_program_to_start(
    Shows::Vacuous,
    "
    1s c1 asks for 4s
    5s c1 is told timeout"
)]
fn a_story_of_refusals(#[case] shows: Shows, #[case] story: &str) {
    expect(&kernel_plan(), HonestRefusal, shows, story);
}

#[rstest]
#[case::another_was_asking(
    Shows::Vacuous,
    "
    1s c2 asks
    2s c1 tries
    2s c1 is told busy
    3s c2 enters"
)]
#[case::two_stood_in_each_others_way(
    Shows::Vacuous,
    "
    1s c1 tries
    1.01s c2 tries
    1.02s c1 is told busy
    1.03s c2 is told busy
    100s c3 tries
    101s c3 is told busy"
)]
#[case::another_had_failed_to_get_it(
    Shows::Vacuous,
    "
    1s c2 tries
    1.1s c2 is told error
    300s c1 tries
    300s c1 is told busy"
)]
#[case::another_had_failed_to_get_it_and_a_third_did_since(
    Shows::Broken(1, 300_000),
    "
    1s c2 tries
    1.1s c2 is told error
    2s c3 acquires
    3s c3 releases
    300s c1 tries
    300s c1 is told busy"
)]
#[case::another_had_failed_to_get_it_and_has_got_it_itself_since(
    Shows::Vacuous,
    "
    1s c2 tries
    1.1s c2 is told error
    2s c2 acquires
    3s c2 releases
    300s c1 tries
    300s c1 is told busy"
)]
#[case::it_had_failed_to_get_it_itself(
    Shows::Vacuous,
    "
    1s c1 tries
    1.1s c1 is told error
    300s c1 tries
    300s c1 is told busy"
)]
#[case::a_release_had_failed(
    Shows::Vacuous,
    "
    1s c2 acquires
    2s c2 leaves
    3s c2 is told error
    300s c1 tries
    300s c1 is told busy"
)]
#[case::a_release_that_had_failed_was_made_again(
    Shows::Vacuous,
    "
    1s c2 acquires
    2s c2 leaves
    3s c2 is told error
    4s c2 calls release
    5s c2 is told ok
    300s c1 tries
    300s c1 is told busy"
)]
#[case::a_release_is_under_way(
    Shows::Vacuous,
    "
    1s c2 acquires
    2s c2 leaves
    300s c1 tries
    300s c1 is told busy"
)]
#[case::what_was_released_was_not_held(
    Shows::Vacuous,
    "
    1s c2 acquires
    2s c2 leaves
    3s c2 is told not_held
    300s c1 tries
    300s c1 is told busy"
)]
#[case::an_owner_died_with_it(
    Shows::Vacuous,
    "
    1s c2 acquires
    2s c2 adapter fails
    300s c1 tries
    300s c1 is told busy"
)]
#[case::one_died_asking(
    Shows::Vacuous,
    "
    1s c2 asks
    2s c2 adapter fails
    300s c1 tries
    300s c1 is told busy"
)]
#[case::an_owner_that_died_with_it_was_followed_by_another(
    Shows::Broken(1, 300_000),
    "
    1s c2 acquires
    2s c2 adapter fails
    60s c3 acquires
    61s c3 releases
    300s c1 tries
    300s c1 is told busy"
)]
fn a_story_of_refusals_beside_what_nobody_knows(#[case] shows: Shows, #[case] story: &str) {
    expect(&plan(), HonestRefusal, shows, story);
}

#[rstest]
#[case::it_was_cut_off(
    Shows::Vacuous,
    "
    1s c1 is cut
    2s c1 tries
    3s c1 is healed
    8s c1 is told busy"
)]
#[case::another_had_been_cut_off(
    Shows::Vacuous,
    "
    1s c2 is cut
    2s c2 is healed
    300s c1 tries
    300s c1 is told busy"
)]
#[case::another_had_been_cut_off_and_a_third_held_since(
    Shows::Broken(1, 300_000),
    "
    1s c2 is cut
    2s c2 is healed
    60s c3 acquires
    61s c3 releases
    300s c1 tries
    300s c1 is told busy"
)]
#[case::another_had_been_slow(
    Shows::Vacuous,
    "
    1s c2 is slow
    2s c2 is healed
    300s c1 tries
    300s c1 is told busy"
)]
#[case::the_server_is_in_its_grace_time(
    Shows::Vacuous,
    "
    1s server dies
    2s server boots
    10s c1 tries
    10s c1 is told busy"
)]
#[case::the_server_had_lost_its_power(
    Shows::Vacuous,
    "
    1s server dies
    2s server boots
    300s c1 tries
    300s c1 is told busy"
)]
#[case::a_call_of_its_was_refused(
    Shows::Broken(1, 1_010),
    "
    1s c1 has a call refused
    1s c1 tries
    1.01s c1 is told busy
    3s c1 is healed"
)]
#[case::system_calls_of_its_failed(
    Shows::Broken(1, 2_000),
    "
    1s c1 has system calls fail
    2s c1 tries
    2s c1 is told busy"
)]
#[case::system_calls_of_its_failed_while_it_waited(
    Shows::Vacuous,
    "
    1s c1 has system calls fail
    1s c1 asks for 10s
    3s c1 is healed
    11s c1 is told timeout"
)]
#[case::a_call_of_its_was_refused_while_it_waited(
    Shows::Vacuous,
    "
    1s c1 has a call refused
    1s c1 asks for 10s
    3s c1 is healed
    11s c1 is told timeout"
)]
fn a_story_of_refusals_on_an_ill_site(#[case] shows: Shows, #[case] story: &str) {
    expect(&plan(), HonestRefusal, shows, story);
}

#[test]
fn who_caches_no_directory_knows_earlier_that_the_lock_is_free() {
    let mut plan = kernel_plan();
    let story = "
        1s c1 acquires
        2s c1 releases
        63s c2 tries
        63s c2 is told busy";
    expect(&plan, HonestRefusal, Shows::Vacuous, story);
    plan.blueprint.mount.options = vec!["noac".into()];
    expect(&plan, HonestRefusal, Shows::Broken(1, 63_000), story);
}

#[test]
fn what_is_not_judged_is_counted_with_its_reason() {
    let story = "
        1s c1 asks for 1s
        2s c1 is told timeout
        3s c1 acquires
        4s c1 releases
        5s c2 tries
        5s c2 is told busy
        6s c3 tries
        6s c3 is told error
        7s c2 tries
        7s c2 is told busy
        8s c3 is cut
        9s c2 tries
        9s c2 is told busy";
    let told = not_judged(&kernel_plan(), HonestRefusal, story);
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told.iter().all(|(count, _)| *count == 1), "{told:#?}");
}

#[test]
fn on_a_slow_wire_an_attempt_takes_longer() {
    let mut plan = kernel_plan();
    let story = "1s c1 asks for 10s\n 11s c1 is told timeout";
    expect(&plan, HonestRefusal, Shows::Broken(1, 11_000), story);
    plan.blueprint.wire.latency.most = Nanos::from_millis(100);
    expect(&plan, HonestRefusal, Shows::Vacuous, story);
}
