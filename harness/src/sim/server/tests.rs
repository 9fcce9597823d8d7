//! The server's state, against the sections of RFC 8881 that it is made from.

use super::*;
use crate::sim::rpc::Name;
use crate::site::NodeId;

const LEASE: u64 = 10;
const GRACE: u64 = 20;

/// A server and its stable storage, asked directly.
struct Scene {
    state: State,
    recorded: Recorded,
    now: u64,
}

impl Scene {
    fn new(courteous: bool, ends_grace_early: bool) -> Scene {
        let mut recorded = Recorded::default();
        let manners = Manners { courteous, ends_grace_early };
        recorded.restart();
        let state = State::new(1, manners, LEASE, GRACE, &mut recorded);
        Scene { state, recorded, now: 0 }
    }

    fn restart(&mut self) {
        self.recorded.restart();
        let (manners, incarnation) = (self.state.manners(), self.state.incarnation + 1);
        let grace_until = self.now + GRACE;
        self.state = State::new(incarnation, manners, LEASE, grace_until, &mut self.recorded);
    }

    /// The session of a client's incarnation.
    fn hello(&mut self, owner: NodeId, verifier: u64) -> u64 {
        let client = self.state.exchange_id(owner, verifier);
        self.state.create_session(client, self.now, &mut self.recorded).unwrap()
    }

    fn lock(&mut self, session: u64, reclaim: bool) -> Result<Done, Errno> {
        self.state.expire(self.now, &mut self.recorded);
        let client = self.state.client_of(session).unwrap_or(0);
        let name: Name = "lock".into();
        self.state.lock(Holder { client, owner: 0 }, &name, reclaim, self.now, &mut self.recorded)
    }
}

const OK: Result<Done, Errno> = Ok(Done::Ok);

#[test]
fn a_call_that_is_sent_again_is_answered_and_not_carried_out_again() {
    let mut scene = Scene::new(false, false);
    let session = scene.hello(NodeId::at(1), 1);
    let state = &mut scene.state;
    assert_eq!(state.sequence(session, 0, 1, 0), Verdict::New);
    assert_eq!(state.sequence(session, 0, 1, 0), Verdict::InProgress);
    let reply = Reply::Compound(OK);
    state.replied(session, 0, &reply);
    assert_eq!(state.sequence(session, 0, 1, 0), Verdict::Answered(reply));
    assert_eq!(state.sequence(session, 0, 2, 0), Verdict::New);
    assert_eq!(state.sequence(session, 0, 1, 0), Verdict::Answered(Reply::Misordered));
    assert_eq!(state.sequence(session, 1, 1, 0), Verdict::New, "another slot");
    scene.restart();
    let after = scene.state.sequence(session, 0, 3, 0);
    assert_eq!(after, Verdict::Answered(Reply::BadSession));
}

#[test]
fn a_lock_is_freed_by_the_end_of_a_lease_and_not_before() {
    let mut scene = Scene::new(false, false);
    let (one, two) = (scene.hello(NodeId::at(1), 1), scene.hello(NodeId::at(2), 1));
    assert_eq!(scene.lock(one, false), OK);
    scene.now = LEASE - 1;
    scene.state.sequence(two, 0, 1, scene.now);
    assert_eq!(scene.lock(two, false), Err(Errno::Again));
    scene.now = LEASE;
    assert_eq!(scene.lock(two, false), OK);
    assert_eq!(scene.state.client_of(one), None);
}

#[test]
fn a_courteous_server_keeps_what_nobody_else_wants() {
    let mut scene = Scene::new(true, false);
    let (one, two) = (scene.hello(NodeId::at(1), 1), scene.hello(NodeId::at(2), 1));
    assert_eq!(scene.lock(one, false), OK);
    scene.now = 5 * LEASE;
    assert_eq!(scene.state.sequence(one, 0, 1, scene.now), Verdict::New, "it is renewed");
    scene.now += LEASE - 1;
    assert_eq!(scene.lock(two, false), Err(Errno::Again));
    scene.now += 1;
    assert_eq!(scene.lock(two, false), OK);
}

#[test]
fn after_a_restart_locks_are_reclaimed_in_the_grace_time_and_nothing_else_is_granted() {
    let mut scene = Scene::new(false, false);
    let (one, _) = (scene.hello(NodeId::at(1), 1), scene.hello(NodeId::at(2), 1));
    assert_eq!(scene.lock(one, false), OK);
    scene.restart();
    let (one, two, three) = (
        scene.hello(NodeId::at(1), 1),
        scene.hello(NodeId::at(2), 1),
        scene.hello(NodeId::at(3), 1),
    );
    assert_eq!(scene.lock(two, false), Err(Errno::Grace));
    assert_eq!(scene.lock(three, true), Err(Errno::NoGrace), "it had nothing");
    assert_eq!(scene.lock(one, true), OK);
    scene.now = GRACE;
    let two = scene.hello(NodeId::at(2), 1);
    assert_eq!(scene.lock(two, true), Err(Errno::NoGrace));
    assert_eq!(scene.lock(two, false), OK, "the lease of the other is over by now");
    let one = scene.hello(NodeId::at(1), 1);
    assert_eq!(scene.lock(one, true), Err(Errno::NoGrace));
}

#[test]
fn who_has_lost_a_lock_to_another_cannot_reclaim_it_after_a_restart() {
    let mut scene = Scene::new(true, false);
    let (one, two) = (scene.hello(NodeId::at(1), 1), scene.hello(NodeId::at(2), 1));
    assert_eq!(scene.lock(one, false), OK);
    scene.now = LEASE;
    scene.state.sequence(two, 0, 1, scene.now);
    assert_eq!(scene.lock(two, false), OK);
    scene.restart();
    let one = scene.hello(NodeId::at(1), 1);
    assert_eq!(scene.lock(one, true), Err(Errno::NoGrace));
}

#[test]
fn a_second_restart_within_the_grace_time_takes_nothing_and_one_after_it_does() {
    let mut scene = Scene::new(false, false);
    let one = scene.hello(NodeId::at(1), 1);
    assert_eq!(scene.lock(one, false), OK);
    scene.restart();
    scene.restart();
    let again = scene.hello(NodeId::at(1), 1);
    assert_eq!(scene.lock(again, true), OK);
    scene.restart();
    scene.now = GRACE;
    let two = scene.hello(NodeId::at(2), 1);
    assert_eq!(scene.lock(two, false), OK);
    scene.restart();
    let one = scene.hello(NodeId::at(1), 1);
    assert_eq!(scene.lock(one, true), Err(Errno::NoGrace));
}

#[test]
fn the_grace_time_may_be_over_when_all_have_reclaimed() {
    let mut scene = Scene::new(false, true);
    let one = scene.hello(NodeId::at(1), 1);
    assert_eq!(scene.lock(one, false), OK);
    scene.restart();
    let (one, two) = (scene.hello(NodeId::at(1), 1), scene.hello(NodeId::at(2), 1));
    assert_eq!(scene.lock(one, true), OK);
    assert_eq!(scene.lock(two, false), Err(Errno::Grace));
    let client = scene.state.client_of(one).unwrap();
    scene.state.reclaim_complete(client);
    assert_eq!(scene.lock(two, false), Err(Errno::Again));
}

#[test]
fn a_client_that_restarts_has_nothing_left_and_what_it_had_sent_harms_it_no_more() {
    let mut scene = Scene::new(false, false);
    let old = scene.hello(NodeId::at(1), 1);
    assert_eq!(scene.lock(old, false), OK);
    // Sent before its power was cut, and not yet there.
    let new = scene.state.exchange_id(NodeId::at(1), 2);
    assert_eq!(scene.state.client_of(old), Some(1 << 32 | 1), "not before it is confirmed");
    let session = scene.state.create_session(new, 0, &mut scene.recorded).unwrap();
    assert_eq!(scene.state.client_of(old), None);
    let late = scene.state.exchange_id(NodeId::at(1), 1);
    assert_eq!(scene.state.client_of(session), Some(new));
    scene.state.exchange_id(NodeId::at(1), 3);
    assert_eq!(scene.state.create_session(late, 0, &mut scene.recorded), None);
    let two = scene.hello(NodeId::at(2), 1);
    assert_eq!(scene.lock(two, false), OK);
}
