//! Locks that must not be held up for too long between two steps of one call.

use super::story::{plan, story};
use super::{Shows, expect, judged};
use crate::check::Evidence;
use crate::lock::profile::{Pause, Renewed};
use crate::plan::Plan;
use crate::units::{Nanos, SECOND};
use lockstorm_reports::Invariant::MutualExclusion;
use rstest::rstest;

/// c3 looks at c1's lock and is held up; when it is back it breaks whose lock it finds, and c2
/// and c1 are inside together.
const HELD_UP: &str = "
    1s c1 acquires
    2s c3 asks
    3s c3 is cut
    4s c1 releases
    24s c3 is healed
    29s c2 acquires
    30s c1 acquires
    31s c1 releases";

fn assuming(pause: Option<Pause>) -> Plan {
    let mut plan = plan();
    plan.profile.assumes.pause = pause;
    plan
}

#[rstest]
#[case::any_pause(None, Shows::Broken(1, 30_000))]
#[case::less_than_its_lifetime(Some(Pause::Lifetime), Shows::Beyond(1, 30_000))]
#[case::less_than_ten_seconds(Some(Pause::Within(Nanos::from_secs(10))), Shows::Beyond(1, 30_000))]
#[case::less_than_a_minute(Some(Pause::Within(Nanos::from_secs(60))), Shows::Broken(1, 30_000))]
fn a_lock_copes_with(#[case] pause: Option<Pause>, #[case] shows: Shows) {
    expect(&assuming(pause), MutualExclusion, shows, HELD_UP);
}

#[test]
fn how_long_it_may_have_been_is_told() {
    let (_, findings) = judged(&assuming(Some(Pause::Lifetime)), &story(HELD_UP), MutualExclusion);
    let why =
        "c3 may have been held up in a call for 45.012 s; the lock assumes less than 15.000 s";
    assert_eq!(findings[0].beyond, [why]);
}

#[test]
fn one_that_made_no_call_or_died_was_held_up_in_none() {
    let plan = assuming(Some(Pause::Lifetime));
    let quiet = HELD_UP.replace("2s c3 asks", "");
    expect(&plan, MutualExclusion, Shows::Broken(1, 30_000), &quiet);
    let dead = HELD_UP.replace("3s c3 is cut", "3s c3 dies").replace("24s c3 is healed", "");
    expect(&plan, MutualExclusion, Shows::Broken(1, 30_000), &dead);
}

#[test]
fn a_heartbeat_is_at_work_without_a_call() {
    let mut plan = assuming(Some(Pause::Lifetime));
    let text = "
        1s c3 acquires
        2s c3 is cut
        25s c3 is healed
        29s c2 acquires
        30s c1 acquires
        31s c1 releases";
    expect(&plan, MutualExclusion, Shows::Broken(1, 30_000), text);
    plan.profile.lifetime.as_mut().unwrap().renewed = Renewed::Itself;
    expect(&plan, MutualExclusion, Shows::Beyond(1, 30_000), text);
}

#[test]
fn a_wire_may_hold_up_everybody() {
    let mut plan = assuming(Some(Pause::Lifetime));
    plan.blueprint.wire.latency.most = Nanos::from_secs(8);
    let text = "1s c1 acquires\n 2s c2 acquires\n 3s c1 releases";
    expect(&plan, MutualExclusion, Shows::Beyond(1, 2_000), text);
}

#[test]
fn a_short_pause_is_none_however_long_the_call_lasts() {
    let later = HELD_UP.replace("29s c2", "70s c2").replace("30s c1", "71s c1");
    let later = later.replace("31s c1", "72s c1");
    let minute = |ns| assuming(Some(Pause::Within(Nanos(ns))));
    expect(&minute(60 * SECOND), MutualExclusion, Shows::Broken(1, 71_000), &later);
    // 45 s, and the time between two steps: what it is to be less than is too long.
    let (plan, history) = (minute(SECOND), story(&later));
    let steps_ns = Evidence::of(&plan, &history).bounds.steps_apart_ns();
    let settled_ns = Evidence::of(&plan, &history).contact("c3").settled(4 * SECOND);
    let longest_ns = settled_ns - 3 * SECOND + steps_ns;
    expect(&minute(longest_ns), MutualExclusion, Shows::Beyond(1, 71_000), &later);
    expect(&minute(longest_ns + 1), MutualExclusion, Shows::Broken(1, 71_000), &later);
}

#[test]
fn a_process_that_is_stopped_is_held_up() {
    let stopped = HELD_UP.replace("3s c3 is cut", "3s c3 is stopped");
    expect(&assuming(Some(Pause::Lifetime)), MutualExclusion, Shows::Beyond(1, 30_000), &stopped);
    let another = stopped.replace("3s c3", "3s c2").replace("24s c3", "24s c2");
    expect(&assuming(Some(Pause::Lifetime)), MutualExclusion, Shows::Broken(1, 30_000), &another);
}
