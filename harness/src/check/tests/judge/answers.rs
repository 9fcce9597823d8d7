//! What each event of a history says of the worlds that it may have come from.

use super::parameters::{NEVER, Tick};
use super::rules::Met;
use super::scene::{Call, Scene, small};
use super::world::{Before, Count, Flight, Lock, Mind, Record, Sent, Stay, World};
use crate::history::{Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::site::ClientId;
use lockstorm_reports::Invariant;

impl Scene<'_> {
    /// Whether a world can be the one in which the event happened; and what it then is.
    ///
    /// The scene is still that of the instant before.
    pub fn fits(&self, world: &mut World, event: &Event) -> bool {
        match &event.kind {
            EventKind::NodeDied { node, .. } => self.dies(world, node),
            EventKind::CounterRead { value } => return self.counter_is(world, small(*value)),
            EventKind::AdapterFailed { client, .. }
            | EventKind::Called { client, .. }
            | EventKind::Answered { client, .. }
            | EventKind::Entered { client }
            | EventKind::CountBegan { client }
            | EventKind::CountDropped { client, .. }
            | EventKind::Counted { client, .. }
            | EventKind::CountFailed { client, .. } => {
                let known = self.client(client);
                return known.is_none_or(|client| self.fits_client(world, client, &event.kind));
            }
            _ => {}
        }
        true
    }

    fn fits_client(&self, world: &mut World, client: ClientId, kind: &EventKind) -> bool {
        match kind {
            EventKind::AdapterFailed { .. } => self.ends(world, client, NEVER),
            EventKind::Called { .. } => world.minds[client.index()].forget(),
            EventKind::Answered { answer, .. } => {
                let call = self.clients[client.index()].call.as_ref();
                let fits = call.is_none_or(|call| self.answers(world, client, call, answer));
                world.minds[client.index()].forget();
                return fits;
            }
            EventKind::CountBegan { .. } => world.minds[client.index()].count = Count::Begun,
            EventKind::Counted { .. } => return self.counted(world, client),
            EventKind::CountFailed { .. } => self.count_fails(world, client, NEVER),
            EventKind::CountDropped { .. } => {
                let count = std::mem::take(&mut world.minds[client.index()].count);
                return count != Count::Written;
            }
            _ => {}
        }
        true
    }

    fn dies(&self, world: &mut World, node: &str) {
        if let Some(client) = self.client(node) {
            let until = self.net.last_arrival(client).unwrap_or(0);
            self.ends(world, client, until);
            self.flights_of_the_dead(world, client, until);
        }
    }

    /// A process ends; what it has sent may still arrive.
    fn ends(&self, world: &mut World, client: ClientId, until: Tick) {
        if let Some(call) = &self.clients[client.index()].call {
            self.still_open(world, client, call, until);
        }
        self.count_fails(world, client, until);
        world.minds[client.index()] = Mind::default();
    }

    /// A call ends without anybody knowing whether it took effect: it may, later.
    fn still_open(&self, world: &mut World, client: ClientId, call: &Call, until: Tick) {
        let what = match &call.operation {
            Operation::Acquire { .. } => Sent::Acquire,
            Operation::Release => Sent::Release,
            Operation::Refresh { lifetime } => {
                let life = lifetime.0 / self.parameters.tick_ns;
                Sent::Refresh(life.try_into().unwrap_or(NEVER))
            }
            Operation::IsHeld => return,
        };
        if world.minds[client.index()].done.is_none() {
            let process = self.clients[client.index()].process;
            world.send(Flight { client, process, what, until });
        }
    }

    fn answers(&self, world: &mut World, client: ClientId, call: &Call, answer: &Answer) -> bool {
        let done = world.minds[client.index()].done;
        if matches!(answer, Answer::Error { .. }) {
            self.still_open(world, client, call, NEVER);
            return true;
        }
        let known = |done: Tick| self.net.returns(client, done, self.now);
        match (&call.operation, answer) {
            (Operation::Acquire { .. }, Answer::Ok { .. }) => {
                self.knows(world, client);
                done.is_some_and(known)
            }
            (Operation::Acquire { .. }, _) => done.is_none(),
            (Operation::Refresh { .. }, Answer::Ok { .. }) => {
                done.is_some_and(known) && self.meets(world, client)
            }
            (Operation::Refresh { .. }, Answer::NotHeld) => self.denies(world, client, call),
            (Operation::Release, Answer::Ok { .. }) => self.released(world, client),
            (Operation::Release, Answer::NotHeld) => {
                let mind = &world.minds[client.index()];
                !mind.foreign && self.denies(world, client, call)
            }
            (Operation::IsHeld, Answer::Ok { held: Some(true) }) => {
                let promise = Some(Invariant::HonestIsHeld);
                let owner = world.record().map_or(client, |record| record.owner);
                world.minds[client.index()].yes
                    || self.blame(world, Met::of(&[client, owner]).with_lease_of(client), promise)
            }
            (Operation::IsHeld, Answer::NotHeld | Answer::Ok { .. }) => {
                self.denies(world, client, call)
            }
            _ => done.is_none(),
        }
    }

    /// It is told that it does not hold: true, or not to be known, or a lie that no profile
    /// forbids.
    fn denies(&self, world: &mut World, client: ClientId, call: &Call) -> bool {
        let met = [client];
        let met = Met::of(&met).with_lease_of(client);
        world.minds[client.index()].no || call.lossy || self.blame(world, met, None)
    }

    fn released(&self, world: &mut World, client: ClientId) -> bool {
        let (Lock::Free { left, .. }
        | Lock::Held(Record { before: Before::Released(_, left), .. })) = &mut world.lock
        else {
            return self.knows_release(world, client);
        };
        *left = left.filter(|left| left.owner != client);
        self.knows_release(world, client)
    }

    fn knows_release(&self, world: &World, client: ClientId) -> bool {
        let mind = &world.minds[client.index()];
        match mind.done {
            Some(done) => self.net.returns(client, done, self.now),
            // There was nothing to release, as the server has told it.
            None => {
                let call = self.clients[client.index()].call.as_ref();
                let told = call
                    .is_some_and(|call| call.sent && self.net.returns(client, call.at, self.now));
                mind.yes && told
            }
        }
    }

    fn knows(&self, world: &mut World, client: ClientId) {
        let mind = &world.minds[client.index()];
        if let Lock::Held(record) = &mut world.lock
            && mind.done.is_some()
            && record.before != Before::Settled
        {
            // Who has taken it since then and has not been told waits for it from now on.
            let stay = Stay { since: self.now, life: self.parameters.lifetime };
            let own = record.owner == client;
            record.before = if own { Before::Settled } else { Before::Broken(stay) };
        }
    }

    /// Two that are inside meet when one of them enters, or hears that it still holds. One of them
    /// has a claim, and the other has one too, or has got in while another had the lock.
    pub fn meets(&self, world: &mut World, client: ClientId) -> bool {
        let here = &self.clients[client.index()];
        if !here.inside {
            return true;
        }
        let claims = |world: &World, one: ClientId| match world.minds[one.index()].hold {
            Some(hold) if one == client => !hold.void && self.stands(client, hold.stay),
            _ => self.has_claim(world, one),
        };
        let stays = |world: &World, one: ClientId| {
            let wrongly = world.minds[one.index()].hold.is_some_and(|hold| hold.wrongly);
            let unaware = self.clients[one.index()].inside && !self.clients[one.index()].told;
            claims(world, one) || unaware && wrongly
        };
        let meet = |world: &World, other: ClientId| {
            claims(world, client) && stays(world, other)
                || stays(world, client) && claims(world, other)
        };
        let others = ClientId::all(self.clients.len()).filter(|other| *other != client);
        let met: Vec<_> = others.filter(|other| meet(world, *other)).collect();
        let promise = Some(Invariant::MutualExclusion);
        met.into_iter().all(|other| self.blame(world, Met::of(&[client, other]), promise))
    }
}

impl Mind {
    /// The call is over: what it came to is known, or in the lock.
    fn forget(&mut self) {
        (self.done, self.foreign, self.yes, self.no) = (None, false, false, false);
    }
}
