//! When a client may have lost its lease, and whom that excuses.

use super::story::{kernel_plan, story};
use super::{Shows, expect, judged};
use crate::check::Evidence;
use crate::lock::profile::LeaseAssumption;
use crate::plan::Plan;
use crate::units::Nanos;
use lockstorm_reports::Class;
use lockstorm_reports::Invariant::MutualExclusion;
use rstest::rstest;

/// A lock like fcntl, which assumes that leases are kept: 30 s, and a grace time of 30 s.
fn leased() -> Plan {
    let mut plan = kernel_plan();
    plan.profile.assumes.lease = Some(LeaseAssumption::Kept);
    plan
}

/// At 15 s, c2 is granted the lock that c1 holds.
const GRANTED_TWICE: &str = "
    1s c1 acquires
    15s c2 acquires
    16s c1 releases
    17s c2 releases";

fn disturbed(disturbance: &str) -> String {
    let (before, after) = GRANTED_TWICE.split_once("15s").unwrap();
    format!("{before}{disturbance}\n15s{after}")
}

#[rstest]
#[case::nothing(Shows::Broken(1, 15_000), "")]
// The last renewal may be 20 s old when it begins.
#[case::a_cut_of_twelve_seconds(Shows::Beyond(1, 15_000), "2s c1 is cut\n 14s c1 is healed")]
// TCP tries again as long after a cut as that lasted.
#[case::a_cut_of_nine_seconds(Shows::Beyond(1, 15_000), "2s c1 is cut\n 11s c1 is healed")]
#[case::a_cut_of_three_seconds(Shows::Broken(1, 15_000), "2s c1 is cut\n 5s c1 is healed")]
// Each is short; but nobody may have tried in the gaps.
#[case::cuts_with_short_gaps(
    Shows::Beyond(1, 15_000),
    "
    2s c1 is cut
    4s c1 is healed
    4.5s c1 is cut
    6.5s c1 is healed
    7s c1 is cut
    9s c1 is healed"
)]
#[case::a_cut_of_another(Shows::Broken(1, 15_000), "2s c3 is cut\n 14s c3 is healed")]
#[case::a_cut_of_the_server(Shows::Beyond(1, 15_000), "2s server is cut\n 11s server is healed")]
#[case::a_cut_of_the_server_after_one_of_the_owner(
    Shows::Beyond(1, 15_000),
    "
    2s c1 is cut
    5s c1 is healed
    6s server is cut
    9s server is healed"
)]
#[case::frames_that_are_lost_by_chance(
    Shows::Beyond(1, 15_000),
    "2s c1 is impaired\n 11s c1 is healed"
)]
#[case::frames_that_all_arrive(Shows::Broken(1, 15_000), "2s c1 is slow\n 14s c1 is healed")]
#[case::a_restart_within_which_all_was_reclaimed(
    Shows::Broken(1, 15_000),
    "2s server dies\n 13s server boots"
)]
// It asks for its lease by its own clock, which stood still.
#[case::it_stood_still_for_nine_seconds(
    Shows::Broken(1, 15_000),
    "2s c1 is paused\n 11s c1 is healed"
)]
#[case::it_stood_still_for_twelve_seconds(
    Shows::Beyond(1, 15_000),
    "2s c1 is paused\n 14s c1 is healed"
)]
#[case::it_stood_still_and_was_cut_off(
    Shows::Beyond(1, 15_000),
    "2s c1 is cut\n 11s c1 is healed\n 11s c1 is paused\n 12s c1 is healed"
)]
#[case::the_servers_disk_failed(Shows::Beyond(1, 15_000), "2s server has a bad disk")]
#[case::the_servers_disk_was_slow(
    Shows::Broken(1, 15_000),
    "2s server has a slow disk\n 3s server is healed"
)]
fn a_story_of_a_lease(#[case] shows: Shows, #[case] disturbance: &str) {
    expect(&leased(), MutualExclusion, shows, &disturbed(disturbance));
}

#[test]
fn a_lock_that_assumes_no_lease_is_not_excused_by_a_lost_one() {
    let text = disturbed("2s c1 is cut\n 14s c1 is healed");
    expect(&kernel_plan(), MutualExclusion, Shows::Broken(1, 15_000), &text);
}

#[test]
fn a_lease_is_lost_no_earlier_than_its_rest_has_run_out() {
    let text = disturbed("2s c1 is cut\n 14.9s c1 is healed").replace("15s", "11s");
    let text = text.replace("14.9s c1 is healed\n", "");
    let healed = format!("{text}\n 40s c1 is healed");
    expect(&leased(), MutualExclusion, Shows::Broken(1, 11_000), &healed);
    let later = healed.replace("11s", "12s");
    expect(&leased(), MutualExclusion, Shows::Beyond(1, 12_000), &later);
}

#[test]
fn a_wire_so_slow_that_renewals_come_late_loses_leases_by_itself() {
    let mut plan = leased();
    plan.blueprint.wire.latency.most = Nanos::from_secs(5);
    expect(&plan, MutualExclusion, Shows::Broken(1, 15_000), GRANTED_TWICE);
    plan.blueprint.wire.latency.most = Nanos::from_secs(10);
    expect(&plan, MutualExclusion, Shows::Beyond(1, 15_000), GRANTED_TWICE);
}

/// Like scenarios/late-reclaim.yaml: the owner is cut off while the server restarts, and a waiter
/// is granted the lock in the middle of the grace time.
const LATE_RECLAIM: &str = "
    0s c1 acquires
    1s c2 asks
    9s server dies
    15s c1 is cut
    19s server boots
    31s c2 enters
    33s c1 is healed
    95s c1 releases";

#[test]
fn one_that_is_back_well_within_the_grace_time_has_lost_nothing() {
    let mut plan = leased();
    (plan.blueprint.server.lease_s, plan.blueprint.server.grace_s) = (60, 60);
    expect(&plan, MutualExclusion, Shows::Broken(1, 31_000), LATE_RECLAIM);
    // Whether it is back before the grace time is over, at 79 s, nobody knows.
    let later = LATE_RECLAIM.replace("33s", "45s").replace("31s", "78s");
    let later = later.replace("78s c2 enters\n", "").replace("95s", "78s c2 enters\n 95s");
    expect(&plan, MutualExclusion, Shows::Beyond(1, 78_000), &later);
    // It was out of contact for long before the server lost power.
    plan.blueprint.server.lease_s = 30;
    let before = LATE_RECLAIM.replace("9s server dies", "1s c1 is cut\n 12s server dies");
    let before = before.replace("    15s c1 is cut\n", "");
    expect(&plan, MutualExclusion, Shows::Beyond(1, 31_000), &before);
}

#[test]
fn on_a_slow_wire_it_takes_longer_to_reclaim() {
    let mut plan = leased();
    (plan.blueprint.server.lease_s, plan.blueprint.server.grace_s) = (60, 60);
    let text = LATE_RECLAIM.replace("31s c2 enters", "").replace("95s", "50s c2 enters\n 95s");
    expect(&plan, MutualExclusion, Shows::Broken(1, 50_000), &text);
    plan.blueprint.wire.latency.most = Nanos::from_secs(1);
    expect(&plan, MutualExclusion, Shows::Beyond(1, 50_000), &text);
}

#[test]
fn the_longest_between_two_renewals_follows_from_lease_and_wire() {
    let renewal_ms = |lease_s, latency_s| {
        let mut plan = leased();
        plan.blueprint.server.lease_s = lease_s;
        if latency_s > 0 {
            plan.blueprint.wire.latency.most = Nanos::from_secs(latency_s);
        }
        Evidence::of(&plan, &story("1s c1 acquires")).recovery.renewal_ns() / 1_000_000
    };
    assert_eq!(renewal_ms(30, 0), 20_200, "two thirds");
    assert_eq!(renewal_ms(6, 0), 7_200, "a third, and the least wait");
    assert_eq!(renewal_ms(6, 3), 14_200, "a round trip, the least wait, and a frame's way");
}

/// Until when the lock of a kernel that lost power at 10 s surely stands, in milliseconds.
#[rstest]
#[case::for_what_is_left_of_its_lease("", 19_799)]
#[case::until_the_next_kernel_of_that_name_boots("15s c1 boots", 15_000)]
#[case::that_boots_when_all_is_over("60s c1 boots", 19_799)]
#[case::for_less_if_it_had_stood_still("4s c1 is paused\n 7s c1 is healed", 16_799)]
fn a_dead_kernels_lock_stands(#[case] and: &str, #[case] until_ms: u64) {
    let (before, after) = if and.contains("boots") { ("", and) } else { (and, "") };
    let text = format!("1s c1 acquires\n {before}\n 10s c1 dies\n {after}\n 90s c2 acquires");
    let (plan, history) = (leased(), story(&text));
    let evidence = Evidence::of(&plan, &history);
    assert_eq!(evidence.holds[0].claim.surely_until().at_ns / 1_000_000, until_ms);
}

/// c1 reclaims its lock after a restart, and loses the new lease.
const LOST_AFTER_RECLAIM: &str = "
    5s c1 acquires
    6.9s server dies
    9.9s server boots
    15s c1 is impaired
    34.2s c1 is healed
    34.4s c2 acquires
    36s c1 releases";

#[test]
fn a_lease_that_was_had_anew_after_a_restart_can_be_lost_as_well() {
    let mut plan = leased();
    (plan.blueprint.server.lease_s, plan.blueprint.server.grace_s) = (17, 30);
    expect(&plan, MutualExclusion, Shows::Beyond(1, 34_400), LOST_AFTER_RECLAIM);
    // Without that trouble it has the whole grace time to reclaim, and loses nothing.
    let calm = LOST_AFTER_RECLAIM.replace("15s c1 is impaired", "");
    let calm = calm.replace("34.2s c1 is healed", "");
    expect(&plan, MutualExclusion, Shows::Broken(1, 34_400), &calm);
}

/// c3 loses its lease, and its lock to c1; when it is back it releases, and c2 is let in.
const LATE_RELEASE: &str = "
    1s c3 acquires
    2s c3 is cut
    3s c3 leaves
    20s c1 acquires
    30s c3 is healed
    31s c3 is told ok
    32s c2 acquires
    40s c1 releases
    41s c2 releases";

#[test]
fn a_third_that_lost_its_lease_may_have_freed_anothers_lock() {
    let (_, findings) = judged(&leased(), &story(LATE_RELEASE), MutualExclusion);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let holders: Vec<&str> = findings[0].holds.iter().map(|hold| hold.client.as_str()).collect();
    assert_eq!((findings[0].at_ns, holders), (32_000_000_000, vec!["c1", "c2"]));
    assert_eq!(findings[0].class, Class::BeyondAssumptions);
    let why = "c3 may have lost its lease; the lock assumes that leases are kept";
    assert_eq!(findings[0].beyond, [why]);
}

#[test]
fn a_third_that_was_well_excuses_nobody() {
    let well = LATE_RELEASE.replace("2s c3 is cut", "").replace("30s c3 is healed", "");
    let well = well.replace("31s c3 is told ok", "").replace("3s c3 leaves", "3s c3 releases");
    expect(&leased(), MutualExclusion, Shows::Broken(1, 32_000), &well);
}

/// c1 has lost its lease; then c2 and c3 are inside together, at once or after a rest.
#[rstest]
#[case::while_it_is_inside(Shows::Beyond(1, 60_000), "")]
#[case::after_a_rest(Shows::Broken(1, 60_000), "50s c1 releases")]
fn what_was_done_without_a_lease_counts_until_the_lock_has_been_at_rest(
    #[case] shows: Shows,
    #[case] rest: &str,
) {
    let text = format!(
        "
        1s c1 acquires
        2s c1 is cut
        47s c1 is healed
        {rest}
        59s c2 acquires
        60s c3 acquires
        61s c3 releases"
    );
    let text = text.replace("61s c3 releases", "61s c3 releases\n 62s c2 releases");
    let (_, findings) = judged(&leased(), &story(&text), MutualExclusion);
    let of_others = findings.iter().filter(|found| found.holds.iter().all(|h| h.client != "c1"));
    let of_others: Vec<_> = of_others.collect();
    let class = match shows {
        Shows::Beyond(..) => Class::BeyondAssumptions,
        _ => Class::BrokenPromise,
    };
    assert_eq!(of_others.len(), 1, "{findings:#?}");
    assert_eq!((of_others[0].at_ns, of_others[0].class), (60_000_000_000, class), "{findings:#?}");
}
