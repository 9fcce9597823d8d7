//! Who could reach the server, and when all had settled.

use super::story::{plan, story};
use crate::check::Evidence;
use crate::check::spans::{Line, Moment};
use crate::history::EventKind;
use crate::plan::Plan;
use crate::units::{Nanos, SECOND};

/// Times of the contact of c1 in whole seconds, rounded down.
fn seconds(times: &[(u64, u64)]) -> Vec<(u64, u64)> {
    times.iter().map(|(from, until)| (from / SECOND, until / SECOND)).collect()
}

/// When c1 is well within the first 200 s.
fn well(plan: &Plan, text: &str) -> Vec<(u64, u64)> {
    let history = story(text);
    let evidence = Evidence::of(plan, &history);
    seconds(&evidence.contact("c1").well(0, 200 * SECOND))
}

#[test]
fn after_a_disturbance_it_takes_as_long_to_settle_and_a_first_wait() {
    assert_eq!(well(&plan(), "10s c1 is cut\n 20s c1 is healed"), [(0, 10), (33, 200)]);
    assert_eq!(well(&plan(), "10s c2 is cut\n 20s c2 is healed"), [(0, 200)]);
    assert_eq!(well(&plan(), "10s server is cut\n 20s server is healed"), [(0, 10), (33, 200)]);
    assert_eq!(well(&plan(), "10s c1 is cut"), [(0, 10)]);
    assert_eq!(well(&plan(), "10s c1 is cut\n 10s c1 is healed"), [(0, 200)], "for no time");
    let long = well(&plan(), "0s c1 is cut\n 100s c1 is healed\n 110s c1 is cut");
    assert_eq!(long, []);
}

#[test]
fn a_client_is_well_as_soon_as_its_system_calls_fail_no_longer() {
    let text = "10s c1 has system calls fail\n 20s c1 is healed";
    assert_eq!(well(&plan(), text), [(0, 10), (20, 200)]);
    assert_eq!(well(&plan(), "10s c1 has a call refused\n 20s c1 is healed"), [(0, 10), (33, 200)]);
}

#[test]
fn one_that_begins_before_the_last_has_settled_goes_on_with_it() {
    let one = "
        10s c1 is cut
        20s c1 is healed
        30s server is cut
        40s server is healed";
    assert_eq!(well(&plan(), one), [(0, 10), (73, 200)]);
    let two = one.replace("30s", "34s");
    assert_eq!(well(&plan(), &two), [(0, 10), (33, 34), (49, 200)]);
    let at_once = one.replace("30s", "33.0001s");
    assert_eq!(well(&plan(), &at_once), [(0, 10), (50, 200)]);
}

#[test]
fn a_client_that_has_booted_and_mounted_is_well() {
    let crash = "10s c1 dies\n 40s c1 boots";
    assert_eq!(well(&plan(), crash), [(0, 10), (40, 200)]);
    let cut_before = "5s c1 is cut\n 10s c1 dies\n 30s c1 is healed\n 40s c1 boots";
    assert_eq!(well(&plan(), cut_before), [(0, 5), (40, 200)]);
    let cut_still = "5s c1 is cut\n 10s c1 dies\n 40s c1 boots\n 50s c1 is healed";
    assert_eq!(well(&plan(), cut_still), [(0, 5), (98, 200)]);
}

#[test]
fn a_server_that_restarts_grants_nothing_before_its_grace_time_is_over() {
    // The grace time of 30 s, a second for each client and one more, and a client's last wait.
    assert_eq!(well(&plan(), "10s server dies\n 20s server boots"), [(0, 10), (69, 200)]);
    assert_eq!(well(&plan(), "1s server boots"), [(0, 200)], "a new one has none");
}

#[test]
fn what_is_begun_while_nothing_can_be_sent_takes_effect_afterwards() {
    let effect = |text: &str, at_ms: u64| {
        let (plan, history) = (plan(), story(text));
        let evidence = Evidence::of(&plan, &history);
        let called = Moment { at_ns: at_ms * 1_000_000, line: Line::Number(1) };
        let effect = evidence.contact("c1").earliest_effect(called);
        if effect == Moment::NEVER { u64::MAX } else { effect.at_ns / 1_000_000 }
    };
    let cut = "10s c1 is cut\n 20s c1 is healed";
    assert_eq!(effect(cut, 9_999), 9_999);
    assert_eq!(effect(cut, 10_000), 10_000, "it may have gone out before");
    assert_eq!(effect(cut, 10_001), 20_000);
    assert_eq!(effect(cut, 20_000), 20_000);
    assert_eq!(effect("10s c1 is cut", 11_000), u64::MAX);
    assert_eq!(effect("10s server is cut\n 20s server is healed", 11_000), 20_000);
    assert_eq!(effect("10s c1 is impaired\n 20s c1 is healed", 11_000), 11_000);
    assert_eq!(effect("10s c1 sends in vain\n 20s c1 is healed", 11_000), 20_000);
    assert_eq!(effect("10s server sends in vain\n 20s server is healed", 11_000), 11_000);
    // Whatever else is done to its frames meanwhile: what is lost is lost.
    let both = "5s c2 is cut\n 6s c1 is impaired\n 10s server is cut\n 20s server is healed";
    assert_eq!(effect(both, 11_000), 20_000);
    assert_eq!(effect("10s server dies\n 20s server boots", 11_000), 20_000);
}

#[test]
fn what_was_sent_before_may_still_arrive_for_as_long_as_a_frame_can_be_under_way() {
    let mut plan = plan();
    let silent = |plan: &Plan, text: &str| {
        let history = story(text);
        let evidence = Evidence::of(plan, &history);
        seconds(evidence.contact("c1").silent())
    };
    plan.blueprint.wire.latency.most = Nanos::from_secs(3);
    assert_eq!(silent(&plan, "10s c1 is cut\n 20s c1 is healed"), [(13, 20)]);
    assert_eq!(silent(&plan, "10s c1 is cut\n 12s c1 is healed"), []);
    assert_eq!(silent(&plan, "10s c1 is impaired\n 20s c1 is healed"), []);
    assert_eq!(silent(&plan, "10s server sends in vain\n 20s server is healed"), []);
    assert_eq!(silent(&plan, "10s server dies\n 20s server boots"), [(10, 20)], "it is gone");
}

#[test]
fn a_slow_wire_takes_longer_to_settle() {
    let mut plan = plan();
    plan.blueprint.wire.latency.most = Nanos::from_secs(1);
    // Ten delays for the first retransmission, and one for what it sends.
    assert_eq!(well(&plan, "10s c1 is cut\n 20s c1 is healed"), [(0, 10), (41, 200)]);
}

#[test]
fn one_that_the_plan_does_not_name_is_known_by_what_the_history_says_of_it() {
    let well = |text: &str| {
        let (plan, history) = (plan(), story(text));
        let evidence = Evidence::of(&plan, &history);
        seconds(&evidence.contact("c9").well(0, 200 * SECOND))
    };
    assert_eq!(well("1s c9 asks\n 10s c9 is cut\n 20s c9 is healed"), [(0, 10), (33, 200)]);
    assert_eq!(well("10s c9 dies"), [(0, 10)]);
}

#[test]
fn a_kernel_is_at_work_again_before_its_node_is_ready() {
    let mut history = story("10s c1 dies\n 20s c1 boots");
    for event in &mut history {
        if matches!(event.kind, EventKind::NodeBooted { .. }) {
            event.at_ns = 15 * SECOND;
        }
    }
    let plan = plan();
    let evidence = Evidence::of(&plan, &history);
    let booted = |at_s: u64| evidence.contact("c1").booted_after(at_s * SECOND);
    let at_15s = Some(15 * SECOND);
    assert_eq!([9, 10, 14, 15].map(booted), [None, at_15s, at_15s, None]);
    assert_eq!(seconds(&evidence.contact("c1").well(0, 200 * SECOND)), [(0, 10), (20, 200)]);
}

#[test]
fn what_a_report_draws_of_contact_and_of_the_server_is_known() {
    let text =
        "1s server boots\n 2s c1 boots\n 10s c1 is cut\n 20s c1 is healed\n 30s server boots";
    let (plan, history) = (plan(), story(text));
    let evidence = Evidence::of(&plan, &history);
    assert_eq!(seconds(evidence.contact("c1").cut_off()), [(10, 20)]);
    assert_eq!(evidence.server_ready(), Some(SECOND));
    assert_eq!(Evidence::of(&plan, &history[3..]).server_ready(), Some(30 * SECOND));
}
