use super::story::{kernel_plan, plan, story};
use super::{Evidence, Shows, expect, judged, not_judged};
use crate::check::no_lost_update::stale_reads;
use crate::lock::profile::LeaseAssumption;
use crate::units::Nanos;
use lockstorm_reports::Class;
use lockstorm_reports::Invariant::NoLostUpdate;
use rstest::rstest;

#[rstest]
#[case::every_count_is_there(
    Shows::Kept(4),
    "
    1s c1 acquires
    1s c1 counts 0
    1s c1 counts 1
    2s c1 releases
    2s c2 acquires
    2s c2 counts 2
    3s c2 releases
    4s counter is 3"
)]
#[case::one_reads_an_old_value(
    Shows::Broken(1, 2_000),
    "
    1s c1 acquires
    1s c1 counts 0
    2s c1 releases
    2s c2 acquires
    2s c2 counts 0
    3s c2 releases
    4s counter is 1"
)]
#[case::the_last_count_is_missing_at_the_end(
    Shows::Broken(1, 4_000),
    "
    1s c1 acquires
    1s c1 counts 0
    2s c1 releases
    4s counter is 0"
)]
#[case::the_first_reads_what_nobody_wrote(
    Shows::Broken(1, 1_000),
    "
    1s c1 acquires
    1s c1 counts 5"
)]
#[case::a_count_past_its_claim_may_land(
    Shows::Kept(3),
    "
    1s c1 acquires
    1s c1 counts 0
    2s c1 begins to count
    26s c2 asks
    27s c2 enters
    27s c2 counts 1          // not judged: c1's second is pending
    30s c1 counted 1         // it wrote 2 over the 2 of c2, or before it
    30s c1 releases
    31s c2 counts 2          // not judged: reads what is true from now on
    32s c2 counts 3
    33s c2 releases
    34s counter is 4"
)]
#[case::after_a_pending_count_the_file_is_judged_again(
    Shows::Broken(1, 32_000),
    "
    1s c1 acquires
    2s c1 begins to count
    26s c2 asks
    27s c2 enters
    30s c1 counted 0
    30s c1 releases
    31s c2 counts 1
    32s c2 counts 1"
)]
#[case::a_count_of_the_dead_is_over_a_little_later(
    Shows::Broken(1, 28_500),
    "
    1s c1 acquires
    2s c1 begins to count
    3s c1 dies
    4s c2 asks
    27s c2 enters
    28s c2 counts 1
    28.5s c2 counts 1"
)]
#[case::a_failed_count_may_land_while_its_node_lives(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 begins to count
    3s c1 fails to count
    4s c1 releases
    27s c2 acquires
    28s c2 counts 1
    28.5s c2 counts 1
    40s counter is 7"
)]
#[case::a_count_without_a_lock_is_not_judged(
    Shows::Kept(1),
    "
    1s c1 acquires
    1s c1 counts 0
    2s c1 releases
    3s c2 begins to count
    3s c2 counted 7"
)]
#[case::two_holders_that_counted_one_after_the_other(
    Shows::Kept(2),
    "
    1s c1 acquires
    1s c2 acquires
    2s c1 begins to count
    3s c2 begins to count
    4s c2 counted 1
    5s c1 counted 0"
)]
#[case::two_holders_that_read_the_same(
    Shows::Broken(1, 5_000),
    "
    1s c1 acquires
    1s c2 acquires
    2s c1 begins to count
    3s c2 begins to count
    4s c2 counted 0
    5s c1 counted 0"
)]
#[case::a_dropped_count_writes_nothing(
    Shows::Kept(2),
    "
    1s c1 acquires
    1s c1 begins to count
    26s c2 asks
    27s c2 enters
    28s c2 counts 0
    29s c1 calls is_held
    29s c1 is told lost
    29s c1 drops its count
    29s c1 leaves without release
    29.5s c2 counts 1
    30s c2 releases"
)]
#[case::a_count_that_spans_the_section(
    Shows::Broken(1, 4_000),
    "
    1s c1 acquires
    1s c1 begins to count
    1.5s c2 acquires
    1.5s c2 begins to count
    3s c1 counted 0
    3s c1 releases
    4s c2 counted 0
    4s c2 releases"
)]
#[case::nobody_counted(
    Shows::Vacuous,
    "
    1s c1 acquires
    2s c1 releases
    3s counter is 0"
)]
fn a_story_of_counts(#[case] shows: Shows, #[case] text: &str) {
    expect(&plan(), NoLostUpdate, shows, text);
}

#[test]
fn without_a_lifetime_every_count_inside_is_judged() {
    let text = "
        1s c1 acquires
        1s c1 begins to count
        90s c1 counted 0
        90s c1 releases
        91s c2 acquires
        91s c2 counts 0";
    expect(&kernel_plan(), NoLostUpdate, Shows::Broken(1, 91_000), text);
}

#[test]
fn a_count_of_the_dead_may_be_on_the_wire_for_as_long_as_this_wire_can_take() {
    let text = "
        1s c1 acquires
        2s c1 begins to count
        12s c1 dies
        12s c2 asks
        16s c2 enters
        16s c2 counts 0
        19s c2 counts 0
        20s c2 counts 1";
    let mut plan = plan();
    plan.blueprint.wire.latency.most = Nanos::from_secs(10);
    expect(&plan, NoLostUpdate, Shows::Vacuous, text);
    let doubts = not_judged(&plan, NoLostUpdate, text);
    let told: Vec<(u64, &str)> = doubts.iter().map(|(n, why)| (*n, why.as_str())).collect();
    let pending = "another count was pending, which may have been written or not";
    assert_eq!(told, [(3, pending), (1, "a count failed, or was never answered")]);
    plan.blueprint.wire.latency.most = Nanos::from_secs(1);
    expect(&plan, NoLostUpdate, Shows::Broken(1, 19_000), text);
}

#[test]
fn clocks_beyond_the_assumption_class_it() {
    let text = "
        0s c3 clock -11s
        1s c1 acquires
        1s c1 counts 0
        2s c1 releases
        2s c2 acquires
        2s c2 counts 0";
    expect(&plan(), NoLostUpdate, Shows::Beyond(1, 2_000), text);
}

/// c1 is cut off past its lease, and what it had read it writes when it is back; by then others
/// have counted on.
const LATE_WRITER: &str = "
    1s c1 acquires
    1s c1 begins to count
    2s c1 is cut
    20s c2 acquires
    20s c2 counts 0
    21s c2 releases
    47s c1 is healed
    48s c1 counted 0
    48s c1 releases
    50s c2 acquires
    50s c2 counts 1
    51s c2 releases
    52s c3 acquires
    52s c3 counts 2
    53s c3 releases";

#[test]
fn an_update_that_one_without_a_lease_overwrote_is_lost_beyond_the_assumptions() {
    let mut plan = kernel_plan();
    plan.profile.assumes.lease = Some(LeaseAssumption::Kept);
    let (_, findings) = judged(&plan, &story(LATE_WRITER), NoLostUpdate);
    assert!(!findings.is_empty());
    assert!(findings.iter().all(|found| found.class == Class::BeyondAssumptions), "{findings:#?}");
}

/// c1 is cut off past its lease, and others count on; when it is back, its kernel still has the
/// counter as c1 had left it.
const STALE_CACHE: &str = "
    1s c1 acquires
    1s c1 counts 0
    2s c1 releases
    2s c1 is cut
    20s c2 acquires
    20s c2 counts 1
    20s c2 counts 2
    21s c2 releases
    47s c1 is healed
    50s c1 acquires
    50s c1 counts 1
    51s c1 releases
    52s c2 acquires
    52s c2 counts 2
    53s c2 releases
    54s counter is 3";

#[test]
fn what_a_kernel_kept_past_its_lease_accuses_no_lock() {
    expect(&plan(), NoLostUpdate, Shows::Kept(5), STALE_CACHE);
}

#[test]
fn what_a_kernel_kept_past_its_lease_is_told_in_a_note() {
    let (plan, history) = (plan(), story(STALE_CACHE));
    let notes = stale_reads(&Evidence::of(&plan, &history));
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].starts_with("c1 read 1 from the counter at 50.000 s"), "{notes:#?}");
}

#[test]
fn what_a_kernel_kept_past_the_servers_restart_accuses_no_lock() {
    let text = "
        1s c1 acquires
        1s c1 counts 0
        2s c1 releases
        3s server dies
        12s server boots
        14s c2 acquires
        14s c2 counts 1
        15s c2 releases
        16s c1 acquires
        16s c1 counts 1
        17s c1 releases";
    expect(&plan(), NoLostUpdate, Shows::Kept(2), text);
}

#[rstest]
#[case::it_kept_its_lease(
    50_000,
    "
    1s c1 acquires
    1s c1 counts 0
    2s c1 releases
    2s c1 is cut
    5s c1 is healed
    20s c2 acquires
    20s c2 counts 1
    21s c2 releases
    50s c1 acquires
    50s c1 counts 1"
)]
#[case::it_had_seen_more(
    50_000,
    "
    1s c1 acquires
    1s c1 counts 0
    1s c1 counts 1
    2s c1 releases
    2s c1 is cut
    47s c1 is healed
    50s c1 acquires
    50s c1 counts 1"
)]
#[case::its_machine_began_anew(
    50_000,
    "
    1s c1 acquires
    1s c1 counts 0
    2s c1 releases
    2s c1 is cut
    20s c2 acquires
    20s c2 counts 1
    21s c2 releases
    47s c1 is healed
    48s c1 dies
    49s c1 boots
    50s c1 acquires
    50s c1 counts 1"
)]
#[case::it_has_counted_since(
    152_000,
    "
    1s c1 acquires
    1s c1 counts 0
    2s c1 releases
    2s c1 is cut
    47s c1 is healed
    100s c1 acquires
    100s c1 counts 1
    101s c1 releases
    150s c2 acquires
    150s c2 counts 2
    151s c2 releases
    152s c1 acquires
    152s c1 counts 2"
)]
fn what_a_kernel_cannot_have_kept_accuses_the_lock(#[case] at_ms: u64, #[case] text: &str) {
    expect(&plan(), NoLostUpdate, Shows::Broken(1, at_ms), text);
}
