use super::story::{kernel_plan, plan, story};
use super::{Shows, expect, judged, not_judged};
use crate::lock::profile::Renewed;
use crate::site::settings::NodeSettings;
use lockstorm_reports::Class;
use lockstorm_reports::Invariant::MutualExclusion;
use rstest::rstest;

#[rstest]
#[case::one_after_the_other(
    Shows::Kept(2),
    "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    2s c2 enters
    3s c2 releases"
)]
#[case::two_at_once(
    Shows::Broken(1, 2_000),
    "
    1s c1 acquires
    2s c2 acquires
    3s c1 releases
    4s c2 releases"
)]
#[case::three_at_once_are_three_pairs(
    Shows::Broken(3, 2_000),
    "
    1s c1 acquires
    2s c2 acquires
    2500ms c3 acquires
    3s c1 releases"
)]
#[case::at_one_instant_the_order_of_the_lines_counts(
    Shows::Broken(1, 2_000),
    "
    1s c1 acquires
    2s c2 acquires
    2s c1 releases"
)]
#[case::entered_at_the_instant_the_other_left(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c2 asks
    2s c1 leaves
    2s c2 enters"
)]
#[case::entered_after_the_claim_of_one_that_stays(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c2 asks
    20s c2 enters        // c1's claim was over at 16 s
    30s c1 releases
    31s c2 releases"
)]
#[case::entered_at_the_very_end_of_the_claim(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c2 asks
    16s c2 enters
    30s c1 releases"
)]
#[case::entered_just_before_the_end_of_the_claim(
    Shows::Broken(1, 15_999),
    "
    1s c1 acquires
    2s c2 asks
    15.999s c2 enters
    30s c1 releases"
)]
#[case::a_refresh_prolongs_the_claim(
    Shows::Broken(1, 20_000),
    "
    1s c1 acquires
    2s c2 asks
    10s c1 refreshes 15s
    20s c2 enters"
)]
#[case::a_refresh_that_failed_prolongs_nothing(
    Shows::Kept(2),
    "
    1s c1 acquires
    10s c1 calls refresh 15s
    11s c1 is told error
    11s c2 asks
    20s c2 enters"
)]
#[case::a_refresh_can_shorten_the_claim(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c1 refreshes 3s
    3s c2 asks
    6s c2 enters"
)]
#[case::a_refresh_in_flight_may_have_shortened_the_claim(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c1 calls refresh 3s
    3s c2 asks
    6s c2 enters"
)]
#[case::a_refresh_answered_late_is_no_claim_before_its_answer(
    Shows::Kept(2),
    "
    1s c1 acquires
    14s c1 calls refresh 15s
    15s c2 asks
    17s c2 enters        // c1 knew of no claim after 16 s
    18s c2 releases
    19s c1 is told ok"
)]
#[case::a_refresh_that_is_granted_while_another_holds(
    Shows::Broken(1, 19_000),
    "
    1s c1 acquires
    14s c1 calls refresh 15s
    15s c2 asks
    17s c2 enters
    19s c1 is told ok"
)]
#[case::a_dead_owner_is_in_no_critical_section(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c1 dies
    2s c2 asks
    3s c2 enters"
)]
#[case::one_that_waited_long_has_its_claim_all_the_same(
    Shows::Broken(1, 41_000),
    "
    0s c1 acquires
    1s c2 asks
    14s c1 refreshes 15s
    28s c1 refreshes 15s
    40s c1 releases
    40s c2 enters        // its call alone would have covered it until 16 s
    40.5s c3 asks
    41s c3 enters"
)]
#[case::one_that_waited_long_may_have_been_broken_before_it_knew(
    Shows::Kept(3),
    "
    0s c1 asks           // granted at once, and broken after 16 s; the answer is late
    16s c2 acquires
    17s c2 releases
    17s c3 acquires
    20s c1 enters"
)]
#[case::one_that_waited_longer_than_a_lifetime_enters_within_a_claim(
    Shows::Broken(1, 30_000),
    "
    0s c1 acquires
    2s c2 asks
    14s c1 refreshes 15s
    28s c1 refreshes 15s
    30s c2 enters"
)]
#[case::one_that_was_told_it_does_not_hold_is_no_holder(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c1 calls refresh 15s
    2s c1 is told not_held
    3s c2 acquires"
)]
#[case::only_one_client(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases"
)]
#[case::nobody_got_it(
    Shows::Vacuous,
    "
    1s c1 asks
    2s c2 asks"
)]
#[case::one_clock_far_ahead(
    Shows::Beyond(1, 5_000),
    "
    1s c2 clock +11s
    2s c1 acquires
    3s c2 asks
    5s c2 enters"
)]
#[case::one_that_asks_again_holds_what_it_held(
    Shows::Broken(1, 5_000),
    "
    1s c1 acquires
    2s c1 tries
    2s c1 is told busy
    5s c2 acquires"
)]
#[case::a_second_grant_prolongs_no_claim_surely(
    Shows::Kept(2),
    "
    1s c1 acquires
    10s c1 asks
    10s c1 is told ok
    20s c2 acquires      // c1's claim was surely over at 16 s, and possibly at 25 s
    21s c1 releases"
)]
#[case::a_second_grant_may_be_witnessed_or_not(
    Shows::Broken(1, 5_000),
    "
    1s c1 acquires
    2s c1 acquires
    5s c2 acquires
    6s c1 releases"
)]
#[case::a_lock_that_was_lost_and_got_anew_is_held(
    Shows::Broken(1, 12_000),
    "
    1s c1 acquires
    2s c1 calls is_held
    2s c1 is told lost
    10s c1 asks
    10s c1 is told ok
    12s c2 acquires
    13s c1 releases"
)]
#[case::a_pair_that_meets_twice_is_one_pair(
    Shows::Broken(1, 15_500),
    "
    1s c1 acquires
    14s c1 calls refresh 15s
    15s c2 asks
    15.5s c2 enters      // c1's first claim ends at 16 s, and its next begins at 19 s
    19s c1 is told ok"
)]
#[case::one_that_waited_while_another_came_and_went_has_its_claim_all_the_same(
    Shows::Broken(1, 20_000),
    "
    0s c2 asks
    1s c1 acquires
    10s c1 releases
    17s c2 enters        // obtained after 10 s at the earliest
    20s c3 acquires"
)]
#[case::what_another_is_granted_later_does_not_prolong_a_claim(
    Shows::Broken(1, 19_000),
    "
    1s c1 acquires
    14s c1 calls refresh 15s
    15s c2 asks
    17s c2 enters        // its claim is over by 31 s
    19s c1 is told ok
    35s c3 acquires"
)]
#[case::what_is_asked_while_nothing_can_be_sent_is_obtained_afterwards(
    Shows::Broken(1, 30_000),
    "
    1s c1 is cut
    2s c1 asks
    20s c1 is healed
    21s c1 enters        // obtained at 20 s at the earliest
    30s c2 acquires"
)]
#[case::one_that_is_told_otherwise_later_has_not_got_it_anew(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c1 calls is_held
    2s c1 is told lost
    3s c2 acquires
    4s c1 calls is_held
    4s c1 is told held
    5s c1 releases"
)]
#[case::the_clocks_were_right_again_when_it_asked(
    Shows::Broken(1, 7_000),
    "
    5s c1 clock +60s
    6s c1 clock 0s
    6s c1 asks
    6.1s c1 enters
    7s c2 acquires"
)]
fn a_story_of_a_lock_with_a_lifetime(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), MutualExclusion, shows, text);
}

#[rstest]
#[case::it_never_runs_out(
    Shows::Broken(1, 90_000),
    "
    1s c1 acquires
    2s c2 asks
    90s c2 enters
    91s c1 releases"
)]
#[case::it_ends_with_its_owner(
    Shows::Kept(2),
    "
    1s c1 acquires
    2s c2 asks
    3s c1 adapter fails
    3s c2 enters"
)]
fn a_story_of_a_lock_without_a_lifetime(#[case] shows: Shows, #[case] text: &str) {
    expect(&kernel_plan(), MutualExclusion, shows, text);
}

#[test]
fn two_that_may_have_been_inside_together_by_right_are_not_judged() {
    let text = "
        1s c1 asks
        4s c1 enters         // obtained between 1 s and 4 s: its claim ends by 19 s
        17s c2 acquires
        30s c1 releases";
    expect(&plan(), MutualExclusion, Shows::Kept(2), text);
    let doubt = "the claim of the one who was inside may have been over";
    assert_eq!(not_judged(&plan(), MutualExclusion, text), [(1, doubt.into())]);
    let later = text.replace("17s", "20s");
    assert_eq!(not_judged(&plan(), MutualExclusion, &later), []);
}

/// Clocks are far apart from 5 s to 6 s; c1 and c2 are inside together at 20 s.
#[rstest]
#[case::long_over(Shows::Broken(1, 20_000), "", None)]
#[case::nobody_has_left_since(
    Shows::Beyond(1, 20_000),
    "4s c3 acquires",
    Some("; the lock has not been at rest since")
)]
#[case::one_that_may_have_looked_then_still_waits(
    Shows::Beyond(1, 20_000),
    "4s c3 asks for 30s",
    Some("; whoever asked then was still asking")
)]
#[case::one_that_left_since(Shows::Broken(1, 20_000), "4s c3 acquires\n 7s c3 releases", None)]
fn what_happened_beyond_the_assumptions_counts_for_as_long_as_it_may_act(
    #[case] shows: Shows,
    #[case] before: &str,
    #[case] told: Option<&str>,
) {
    let (acquired, released) = before.split_once('\n').unwrap_or((before, ""));
    let end = if before.contains("asks") { "34s c3 is told timeout" } else { "" };
    let text = format!(
        "
        {acquired}
        5s c1 clock +60s
        6s c1 clock 0s
        {released}
        19s c1 acquires
        20s c2 acquires
        21s c1 releases
        {end}"
    );
    let (_, findings) = judged(&plan(), &story(&text), MutualExclusion);
    let mine = findings.iter().find(|found| found.holds.iter().all(|h| h.client != "c3"));
    let mine = mine.unwrap();
    let beyond = matches!(shows, Shows::Beyond(..));
    assert_eq!((mine.at_ns, mine.class == Class::BeyondAssumptions), (20_000_000_000, beyond));
    let why = "clocks were up to 60.000 s apart; the lock assumes at most 10.000 s";
    let expected: Vec<String> = told.into_iter().map(|told| format!("{why}{told}")).collect();
    assert_eq!(mine.beyond, expected);
}

#[test]
fn an_nfs_version_that_the_lock_does_not_assume_is_beyond() {
    let mut plan = plan();
    plan.blueprint.mount.version = "4.0".into();
    let text = "1s c1 acquires\n 2s c2 acquires";
    expect(&plan, MutualExclusion, Shows::Beyond(1, 2_000), text);
}

#[test]
fn what_is_not_promised_is_not_judged() {
    let mut plan = plan();
    plan.profile.promises.clear();
    let text = "1s c1 acquires\n 2s c2 acquires";
    expect(&plan, MutualExclusion, Shows::NotPromised, text);
}

#[test]
fn a_lock_that_does_not_claim_nfs_breaks_no_promise() {
    let mut plan = plan();
    plan.profile.assumes.network = false;
    let text = "1s c1 acquires\n 2s c2 acquires\n 3s c1 releases";
    expect(&plan, MutualExclusion, Shows::Beyond(1, 2_000), text);
}

#[test]
fn who_cannot_be_told_apart_is_beyond_what_most_locks_assume() {
    let text = "1s c1 acquires\n 2s c2 acquires\n 3s c1 releases";
    let told = |settings: [NodeSettings; 2]| {
        let mut plan = plan();
        let [_, c1, c2, ..] = &mut plan.blueprint.nodes[..] else { panic!("too few nodes") };
        [c1.settings, c2.settings] = settings;
        let (_, mut findings) = judged(&plan, &story(text), MutualExclusion);
        plan.profile.assumes.shared_names = true;
        expect(&plan, MutualExclusion, Shows::Broken(1, 2_000), text);
        findings.remove(0).beyond
    };
    let named = |name: &str| NodeSettings { host_name: Some(name.into()), ..Default::default() };
    let contained = || NodeSettings { pid_namespace: true, ..Default::default() };
    assert_eq!(told([named("a"), named("b")]), [""; 0]);
    assert_eq!(told([named("a"), named("a")]), ["c1 and c2 have the same host name, a"]);
    assert_eq!(told([named("c2"), contained()]), ["c1 and c2 have the same host name, c2"]);
    assert_eq!(
        told([contained(), contained()]),
        ["the processes of c1 and c2 have the same number, 1"]
    );
}

#[test]
fn what_was_under_way_when_the_server_restarted_may_be_done_twice() {
    let text = "
        1s c1 acquires
        2s c1 leaves
        3s server dies
        4s server boots
        5s c2 acquires
        6s c1 is told ok
        7s c3 acquires";
    let mut plan = plan();
    expect(&plan, MutualExclusion, Shows::Broken(1, 7_000), text);
    plan.profile.assumes.exactly_once = true;
    expect(&plan, MutualExclusion, Shows::Beyond(1, 7_000), text);
    // Whom the restart met in no call has nothing done twice.
    let before = text.replace("6s c1 is told ok", "").replace("2s c1 leaves", "2s c1 releases");
    expect(&plan, MutualExclusion, Shows::Broken(1, 7_000), &before);
}

#[rstest]
#[case::as_long_as_a_lease(40, "4.2", true)]
#[case::a_moment(3, "4.2", false)]
// Sessions are of NFSv4.1 and later: before, answers are remembered for two minutes.
#[case::as_long_as_a_lease_of_4_0(40, "4.0", false)]
#[case::three_minutes(180, "3", true)]
fn what_was_under_way_when_its_answer_was_forgotten_may_be_done_twice(
    #[case] cut_s: u64,
    #[case] version: &str,
    #[case] beyond: bool,
) {
    let at = |s: u64| cut_s + s;
    let text = format!(
        "1s c1 acquires\n 2s c1 leaves\n 2.1s c1 is cut\n {}s c1 is healed\n {}s c2 acquires\n
         {}.5s c1 is told ok\n {}s c3 acquires",
        at(2),
        at(3),
        at(3),
        at(4)
    );
    let mut plan = plan();
    plan.scenario.site.nfs.version = version.into();
    plan.profile.assumes.exactly_once = true;
    let shows = if beyond { Shows::Beyond } else { Shows::Broken };
    expect(&plan, MutualExclusion, shows(1, at(4) * 1_000), &text);
    // What it has asked for only then, it asks for once.
    let later = text.replace("2s c1 leaves\n 2.1s c1 is cut", "1.5s c1 is cut\n 2s c1 leaves");
    assert_ne!(later, text);
    expect(&plan, MutualExclusion, Shows::Broken(1, at(4) * 1_000), &later);
    plan.profile.assumes.exactly_once = false;
    expect(&plan, MutualExclusion, Shows::Broken(1, at(4) * 1_000), &text);
}

#[test]
fn a_heartbeat_keeps_a_claim_for_as_long_as_nothing_disturbs_its_owner() {
    let mut plan = plan();
    let text = "1s c1 acquires\n 2s c2 asks\n 60s c2 enters\n 61s c1 releases";
    expect(&plan, MutualExclusion, Shows::Kept(2), text);
    plan.profile.lifetime.as_mut().unwrap().renewed = Renewed::Itself;
    expect(&plan, MutualExclusion, Shows::Broken(1, 60_000), text);
    // How long before the cut it was renewed, nobody knows.
    let cut = text.replace("60s c2", "40s c1 is cut\n 44s c1 is healed\n 60s c2");
    expect(&plan, MutualExclusion, Shows::Kept(2), &cut);
    // Nor whether it has begun, if its owner was cut off when it asked.
    let late = "0.5s c1 is cut\n 1s c1 asks\n 2s c1 is healed\n 3s c1 enters\n 60s c2 acquires";
    expect(&plan, MutualExclusion, Shows::Kept(2), late);
    let dead =
        text.replace("60s c2", "40s c1 adapter fails\n 41s c2").replace("61s c1 releases", "");
    expect(&plan, MutualExclusion, Shows::Kept(2), &dead);
}

#[test]
fn one_that_was_to_be_killed_may_have_lost_its_lock_before_its_death_is_known() {
    let text = "
        1s c1 acquires
        2s c2 asks
        3s c1 is killed
        3.5s c2 enters
        4s c1 adapter is killed";
    expect(&kernel_plan(), MutualExclusion, Shows::Kept(2), text);
    let before = text.replace("3s c1 is killed", "2.9s c2 enters\n 3s c1 is killed");
    let before = before.replace("3.5s c2 enters", "");
    expect(&kernel_plan(), MutualExclusion, Shows::Broken(1, 2_900), &before);
}
