use super::story::story;
use super::story::{kernel_plan, plan};
use super::{Shows, expect, judged, not_judged};
use crate::lock::profile::{Ppm, Renewed};
use crate::site::clock::Clock;
use lockstorm_reports::Invariant::BreakAfterLifetime;
use rstest::rstest;

// The lock's lifetime is 15 s, its slop 10 s, and it promises to be broken within 5 s more.
#[rstest]
#[case::broken_in_time(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    27s c2 enters"
)]
#[case::entered_at_the_very_deadline(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    31s c2 enters"
)]
#[case::never_broken(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    60s workload ends"
)]
#[case::the_run_ended_before_the_deadline(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    30s workload ends"
)]
#[case::broken_too_late(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    40s c2 enters"
)]
#[case::a_refresh_begins_anew(
    Shows::Kept(1),
    "
    1s c1 acquires
    2s c2 asks
    10s c1 refreshes 15s
    11s c1 dies
    39s c2 enters"
)]
#[case::nobody_asked(
    Shows::Vacuous,
    "
    1s c1 acquires
    3s c1 dies
    90s workload ends"
)]
#[case::one_that_does_not_wait_gives_no_time(
    Shows::Vacuous,
    "
    1s c1 acquires
    3s c1 dies
    60s c2 tries
    60s c2 is told busy
    90s workload ends"
)]
#[case::one_that_asks_later_is_owed_the_bound_from_then(
    Shows::Broken(1, 65_000),
    "
    1s c1 acquires
    3s c1 dies
    60s c2 asks
    90s workload ends"
)]
#[case::one_that_asks_again_and_again(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    3s c1 dies
    20s c2 asks for 4s
    24s c2 is told timeout
    24.4s c2 asks for 4s
    28.4s c2 is told timeout
    28.9s c2 asks for 4s
    33s c2 is told timeout
    90s workload ends"
)]
#[case::one_that_gave_up(
    Shows::Vacuous,
    "
    1s c1 acquires
    3s c1 dies
    20s c2 asks for 4s
    24s c2 is told timeout
    90s workload ends"
)]
#[case::the_asker_is_cut_off_too(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    10s c2 is cut
    90s workload ends"
)]
#[case::the_asker_is_owed_everything_anew_when_it_is_well_again(
    Shows::Broken(1, 73_000),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    10s c2 is cut
    25s c2 is healed      // its timers have doubled: well again at 43 s
    90s workload ends"
)]
#[case::the_server_is_down(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    10s server dies
    90s workload ends"
)]
#[case::the_server_came_back_and_its_grace_is_over(
    Shows::Broken(1, 94_000),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    10s server dies
    15s server boots      // in grace until 49 s, and c2 tries again 15 s later
    99s workload ends"
)]
#[case::an_impaired_asker_is_not_blamed(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    10s c2 is impaired
    90s workload ends"
)]
#[case::clocks_within_the_assumption_make_the_lock_look_younger(
    Shows::Kept(1),
    "
    0s c2 clock -8s
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    38s c2 enters"
)]
#[case::but_not_by_more_than_that(
    Shows::Broken(1, 39_000),
    "
    0s c2 clock -8s
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    40s c2 enters"
)]
#[case::clocks_beyond_the_assumption_are_not_judged(
    Shows::Vacuous,
    "
    0s c2 clock -20s
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    90s workload ends"
)]
#[case::an_owner_that_is_cut_off_while_it_releases(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 is cut
    3s c1 leaves
    80s c1 is healed
    81s c1 is told not_held
    90s workload ends"
)]
#[case::an_owner_that_is_cut_off_for_a_while_only(
    Shows::Kept(1),
    "
    1s c1 acquires
    1s c2 asks
    1.5s c1 is cut
    2s c1 leaves
    26s c2 enters
    40s c1 is healed
    41s c1 is told not_held
    42s c2 releases"
)]
#[case::an_owner_that_may_renew_at_any_moment(
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 calls refresh 15s
    90s workload ends"
)]
#[case::an_owner_that_stays_inside_in_silence(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    1s c2 asks
    90s c1 releases"
)]
#[case::an_owner_that_refreshes(
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    12s c1 refreshes 15s
    24s c1 refreshes 15s
    36s c1 refreshes 15s
    37s c1 releases
    37s c2 enters"
)]
#[case::a_release_that_failed_leaves_the_lock_behind_or_has_freed_it(
    Shows::Broken(1, 169_012),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 leaves
    2s c1 is told error     // it may have touched the lock, until 2.012 s
    180s workload ends"
)]
#[case::a_release_that_may_have_come_before_a_cut(
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 leaves
    2s c1 is cut
    100s c1 is healed
    101s c1 is told ok"
)]
#[case::another_may_have_got_it_and_not_know(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    2s c3 asks
    3s c1 dies
    27s c2 is cut        // it may have broken the lock just before
    56s workload ends"
)]
#[case::but_that_ends_too(
    Shows::Broken(1, 57_012),
    "
    1s c1 acquires
    2s c2 asks
    2s c3 asks
    3s c1 dies
    27s c2 is cut           // what it had sent may arrive until 27.012 s
    60s workload ends"
)]
#[case::an_acquire_that_failed_may_have_got_it(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    2s c3 asks
    3s c1 dies
    27s c2 is told error
    56s workload ends"
)]
#[case::an_owner_that_lost_its_lock_and_left(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    20s c1 calls refresh 15s
    20s c1 is told not_held
    20s c1 leaves without release
    90s workload ends"
)]
#[case::a_lock_that_was_released_need_not_be_broken(
    Shows::Vacuous,
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    90s workload ends"
)]
#[case::entered_at_the_deadline_to_the_instant(
    Shows::Kept(1),
    "
    1s c1 asks
    1.5s c1 enters
    2s c2 asks
    3s c1 dies
    31.5s c2 enters"
)]
#[case::a_refresh_asked_for_a_longer_lifetime(
    Shows::Broken(1, 78_000),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 refreshes 60s
    4s c1 dies
    90s workload ends"
)]
#[case::a_refresh_was_in_flight_when_its_process_ended(
    Shows::Broken(1, 34_012),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 calls refresh 15s
    4s c1 adapter fails
    90s workload ends"
)]
#[case::the_first_who_waited_in_vain_counts(
    Shows::Broken(1, 45_000),
    "
    1s c1 acquires
    3s c1 dies
    40s c3 asks
    50s c2 asks
    90s workload ends"
)]
#[case::what_failed_after_the_deadline_excuses_nobody(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    40s c3 asks
    41s c3 is told error
    90s workload ends"
)]
#[case::one_that_asks_when_it_is_well_again_is_owed_the_whole_time(
    Shows::Broken(1, 73_000),
    "
    1s c1 acquires
    3s c1 dies
    10s c2 is cut
    25s c2 is healed      // well again at 43 s
    50s c2 asks
    90s workload ends"
)]
#[case::its_own_next_process_asks(
    Shows::Broken(1, 31_000),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 dies
    4s c1 boots
    5s c1 asks
    90s workload ends"
)]
#[case::its_own_next_process_entered_early(
    Shows::Vacuous,
    "
    1s c1 acquires
    3s c1 dies
    4s c1 boots
    5s c1 acquires
    6s c1 releases
    60s workload ends"
)]
#[case::its_owner_asks_anew_and_has_not_released(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c2 asks
    2s c1 leaves without release
    3s c1 asks
    90s workload ends"
)]
#[case::another_was_inside_all_the_time(
    Shows::Vacuous,
    "
    1s c2 acquires
    2s c1 acquires
    3s c3 asks
    3s c1 dies
    10s c2 refreshes 15s
    20s c2 refreshes 15s
    30s c2 refreshes 15s
    40s c2 refreshes 15s
    45s workload ends"
)]
#[case::clocks_that_were_off_long_before_excuse_nobody(
    Shows::Broken(1, 80_000),
    "
    0s c2 clock +20s
    1s c2 clock 0s
    50s c1 acquires
    51s c2 asks
    52s c1 dies
    90s workload ends"
)]
fn a_story_of_a_lock_left_behind(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), BreakAfterLifetime, shows, text);
}

#[test]
fn a_lock_that_reads_no_clock_still_waits_by_one_that_drifts() {
    let mut plan = plan();
    plan.profile.assumes.clock_skew = None;
    let text = "
        0s c2 clock 0s drifts -100000
        1s c1 acquires
        2s c2 asks
        3s c1 dies
        33s c2 enters";
    expect(&plan, BreakAfterLifetime, Shows::Vacuous, text);
    let doubt = "clocks were further off than the lock assumes";
    assert_eq!(not_judged(&plan, BreakAfterLifetime, text), [(1, doubt.into())]);
    plan.profile.assumes.clock_rate = Some(Ppm(100_000));
    expect(&plan, BreakAfterLifetime, Shows::Kept(1), text);
    let later = text.replace("33s", "35s");
    expect(&plan, BreakAfterLifetime, Shows::Broken(1, 34_333), &later);
}

#[test]
fn a_lock_without_a_lifetime_cannot_promise_it() {
    let text = "1s c1 acquires\n 2s c2 asks\n 90s workload ends";
    expect(&kernel_plan(), BreakAfterLifetime, Shows::NotPromised, text);
}

#[test]
fn a_lock_that_renews_itself_is_old_only_when_its_owner_cannot() {
    let mut plan = plan();
    let long = "1s c1 acquires\n 2s c2 asks\n 90s c1 releases\n 90s c2 enters";
    expect(&plan, BreakAfterLifetime, Shows::Broken(1, 31_000), long);
    plan.profile.lifetime.as_mut().unwrap().renewed = Renewed::Itself;
    expect(&plan, BreakAfterLifetime, Shows::Vacuous, long);
    let dead = "1s c1 acquires\n 2s c2 asks\n 40s c1 dies\n 99s workload ends";
    expect(&plan, BreakAfterLifetime, Shows::Broken(1, 70_012), dead);
    let cut = "1s c1 acquires\n 2s c2 asks\n 40s c1 is cut\n 99s c1 is healed\n 99s workload ends";
    expect(&plan, BreakAfterLifetime, Shows::Broken(1, 70_012), cut);
    let healed = cut.replace("99s c1 is healed", "60s c1 is healed");
    expect(&plan, BreakAfterLifetime, Shows::Vacuous, &healed);
}

#[test]
fn one_who_goes_by_what_it_watches_watches_from_when_it_asks() {
    let mut plan = plan();
    let late = "1s c1 acquires\n 2s c1 dies\n 40s c2 asks\n 66s c2 enters\n 99s workload ends";
    expect(&plan, BreakAfterLifetime, Shows::Broken(1, 45_000), late);
    plan.profile.break_bound.as_mut().unwrap().watched = true;
    expect(&plan, BreakAfterLifetime, Shows::Kept(1), late);
    let never = "1s c1 acquires\n 2s c1 dies\n 40s c2 asks\n 99s workload ends";
    expect(&plan, BreakAfterLifetime, Shows::Broken(1, 70_000), never);
}

// Found by the brute-force judge: for each there is a legal story.
#[rstest]
#[case::the_lock_is_anothers_from_its_entry_on_whatever_the_former_owner_has_in_flight(
    "
    1s c1 acquires
    2s c2 asks
    2s c3 asks
    20s c1 calls is_held
    28s c2 enters
    30s c2 releases
    31s c1 dies
    75s c3 is told timeout"
)]
#[case::an_owner_that_acquired_twice_and_released_once_may_hold_or_not(
    "
    1s c1 acquires
    5s c1 tries
    7s c1 is told ok
    8s c1 leaves
    9s c1 is told ok
    10s c2 asks
    80s c2 is told timeout"
)]
#[case::an_acquire_that_was_answered_later_than_a_lifetime_may_have_been_broken(
    "
    1s c2 asks
    1s c3 asks
    30s c3 enters
    32s c3 releases
    40s c1 asks
    41s c2 enters
    42s c2 dies
    80s c1 is told timeout"
)]
fn an_owner_is_not_blamed_where(#[case] text: &str) {
    let (result, findings) = judged(&plan(), &story(text), BreakAfterLifetime);
    assert_eq!(findings, [], "{}", result.note);
}

#[test]
fn one_that_watches_begins_to_watch_anew_with_each_call() {
    let mut plan = plan();
    plan.profile.break_bound.as_mut().unwrap().watched = true;
    let text = "
        1s c1 acquires
        2s c2 asks for 8s
        3s c1 dies
        10s c2 is told timeout
        10s c2 asks
        38s c2 enters";
    expect(&plan, BreakAfterLifetime, Shows::Kept(1), text);
}

#[rstest]
#[case::an_acquire_that_failed(
    "an acquire was disturbed or failed, and may have got the lock",
    "2s c3 asks\n 27s c3 is told error"
)]
#[case::those_who_waited_were_cut_off(
    "those who waited, or the server, were disturbed",
    "10s c2 is cut"
)]
fn what_rests_on_a_doubt_is_counted(#[case] why: &str, #[case] then: &str) {
    let text = format!("1s c1 acquires\n 2s c2 asks\n 2s c1 dies\n {then}\n 56s workload ends");
    assert_eq!(not_judged(&plan(), BreakAfterLifetime, &text), [(1, why.into())]);
}

#[test]
fn an_owner_that_asked_once_more_is_not_blamed_and_that_is_counted() {
    let text = "
        1s c1 acquires
        5s c1 tries
        7s c1 is told ok
        8s c1 leaves
        9s c1 is told ok
        10s c2 asks
        250s workload ends";
    let why = "its owner had asked for it once more while it was inside";
    assert_eq!(not_judged(&plan(), BreakAfterLifetime, text), [(1, why.into())]);
}

#[test]
fn on_a_busy_host_all_may_be_late() {
    let mut plan = plan();
    plan.blueprint.clock = Clock::Real;
    let text = "1s c1 acquires\n 2s c2 asks\n 3s c1 dies\n 90s workload ends";
    expect(&plan, BreakAfterLifetime, Shows::Broken(1, 61_000), text);
}
