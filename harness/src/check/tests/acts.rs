//! When something of a client's may have acted on the lock, and when the lock was at rest.

use super::story::{plan, story};
use crate::check::Evidence;
use crate::units::SECOND;

const TEXT: &str = "
    1s c1 acquires
    2s c1 dies
    20s c2 acquires
    21s c2 releases
    30s c3 asks
    32s c3 enters
    33s c3 releases";

#[test]
fn an_act_lasts_from_the_call_of_acquire_until_its_lock_is_surely_given_up() {
    let (plan, history) = (plan(), story(TEXT));
    let acts = Evidence::of(&plan, &history).acts;
    let stood: Vec<u64> = acts.stood.iter().map(|until| until / SECOND).collect();
    assert_eq!(stood, [20, 21, 33], "a dead owner's lock until the next one enters");
    let began = |at_s: u64| acts.began(at_s * SECOND) / SECOND;
    assert_eq!([0, 1, 20, 21, 22, 31, 33, 34].map(began), [0, 1, 1, 20, 22, 30, 30, 34]);
    let of_c3 = |at_s: u64| acts.began_of("c3", at_s * SECOND) / SECOND;
    assert_eq!([20, 31, 34].map(of_c3), [20, 30, 34]);
}

#[test]
fn acts_are_met_that_share_a_moment_with_a_time() {
    let (plan, history) = (plan(), story("1s c1 acquires\n 2s c1 releases\n 5s c1 acquires"));
    let acts = Evidence::of(&plan, &history).acts;
    let met = |from_s: u64, until_s: u64| {
        let met = acts.of_client("c1", from_s * SECOND, until_s * SECOND).into_iter();
        let mut met: Vec<u64> = met.map(|(from, _)| from / SECOND).collect();
        met.dedup();
        met
    };
    assert_eq!(met(0, 0), [0; 0]);
    assert_eq!(met(0, 1), [1]);
    assert_eq!(met(2, 4), [1, 2]);
    assert_eq!(met(3, 4), [0; 0]);
    assert_eq!(met(2, 5), [1, 2, 5]);
    assert_eq!(met(9, 9), [5]);
    assert_eq!(acts.of_client("c9", 0, u64::MAX), []);
}

#[test]
fn the_lock_is_at_rest_when_nobody_is_inside_and_nothing_is_under_way_but_acquires() {
    let (plan, history) = (plan(), story(TEXT));
    let acts = Evidence::of(&plan, &history).acts;
    let rest = |at_s: u64| acts.rest_after(at_s * SECOND) / SECOND;
    // (c1's lock may stand until 20 s, when c2 takes it over.)
    assert_eq!([0, 1, 10, 20, 21, 25, 31, 32, 40].map(rest), [0, 21, 21, 21, 21, 25, 31, 33, 40]);
}
