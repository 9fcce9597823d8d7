//! The ideal lock: who may take it, what is true of it, and what is wrong.
//!
//! - Whoever calls acquire may get the lock when it is free, when it is its own node's, or when its
//!   lifetime is over: counted from the instant at which it was obtained or renewed, with clocks
//!   that agree as far as the profile assumes. A refresh may get it likewise.
//! - A lock that renews itself is not over while its owner's process runs, reaches the server, and
//!   means to hold it.
//! - A release frees the caller's own lock and nothing else.
//! - Whatever is not so is a wrong: of a promise that the profile makes, or of none. It is no wrong
//!   when the run has left what the lock assumes since one of those who met had asked for the lock.

use super::parameters::{NEVER, Tick};
use super::scene::Scene;
use super::world::{Before, Hold, Left, Lock, Record, Sent, Stay, World};
use super::wrongs::Wrongs;
use crate::site::ClientId;
use lockstorm_reports::Invariant;

/// What one who asks finds.
#[derive(Clone, Copy, PartialEq)]
pub enum Finds {
    /// It may take the lock.
    Open,
    /// Its own process has the lock already.
    Own,
    /// Another has it.
    Taken(ClientId),
}

/// What a wrong would come to.
#[derive(Clone, Copy, PartialEq)]
pub enum Charge {
    /// The lock's assumptions were left: nothing.
    Excused,
    Wrong,
    /// The story must not have it.
    Refused,
}

/// Those who meet where something goes wrong: since one of them asked for the lock, the clocks
/// should have agreed.
#[derive(Clone, Copy, Default)]
pub struct Met<'a> {
    pub clients: &'a [ClientId],
    /// Since when instead.
    pub since: Option<Tick>,
    /// Whose lease should have been kept, too.
    pub lease_of: Option<ClientId>,
}

impl<'a> Met<'a> {
    pub fn of(clients: &'a [ClientId]) -> Met<'a> {
        Met { clients, ..Met::default() }
    }

    pub fn with_lease_of(self, client: ClientId) -> Met<'a> {
        Met { lease_of: Some(client), ..self }
    }

    pub fn since(since: Tick) -> Met<'a> {
        Met { since: Some(since), ..Met::default() }
    }
}

impl Scene<'_> {
    pub fn finds(&self, world: &World, client: ClientId) -> Finds {
        match &world.lock {
            Lock::Free { .. } => Finds::Open,
            Lock::Held(record) if record.owner == client => {
                let same = record.process == self.clients[client.index()].process;
                if same { Finds::Own } else { Finds::Open }
            }
            Lock::Held(record) if self.is_over(record) => Finds::Open,
            Lock::Held(record) => Finds::Taken(record.owner),
        }
    }

    /// Whether the lifetime of a lock is over.
    pub fn is_over(&self, record: &Record) -> bool {
        if record.stay.life == NEVER || self.now < record.stay.end() {
            return false;
        }
        if !self.parameters.renews_itself {
            return true;
        }
        let owner = &self.clients[record.owner.index()];
        let renewing = owner.alive && owner.believes && owner.process == record.process;
        let gap_from = (self.now - record.stay.life).max(record.stay.since);
        !renewing || self.net.unsettled_last(record.owner).is_some_and(|last| last >= gap_from)
    }

    /// Whether another surely has the lock.
    pub fn is_anothers(&self, world: &World, client: ClientId) -> bool {
        if world.minds[client.index()].beside {
            return false;
        }
        let Some(record) = world.record().filter(|record| record.owner != client) else {
            return false;
        };
        let skew = self.skew_since(self.clients[record.owner.index()].acquired);
        record.stay.life == NEVER || self.surely_stands(record.owner, record.stay, skew)
    }

    /// Whether a client surely has the lock.
    pub fn is_own(&self, world: &World, client: ClientId) -> bool {
        if world.minds[client.index()].beside {
            return true;
        }
        let Some(record) = world.record().filter(|record| record.owner == client) else {
            return false;
        };
        let skew = self.skew_since(self.clients[client.index()].acquired);
        let same = record.process == self.clients[client.index()].process;
        same && (record.stay.life == NEVER || self.surely_stands(client, record.stay, skew))
    }

    /// By how much the clocks of a lock that reads clocks may have misled it.
    pub fn skew_since(&self, since: Tick) -> Tick {
        self.parameters.skew_ns.map_or(0, |_| self.clocks.ticks_since(since))
    }

    /// Whether a client is inside, with a claim: it has not been told that the lock is lost, and
    /// its lifetime is not over.
    pub fn has_claim(&self, world: &World, client: ClientId) -> bool {
        let here = &self.clients[client.index()];
        let hold = world.minds[client.index()].hold;
        let valid = hold.is_some_and(|hold| !hold.void && self.stands(client, hold.stay));
        here.inside && !here.told && valid
    }

    /// Whether a stay surely is not over: for its lifetime is not, or since it renews itself, and
    /// its owner has been well all the while.
    pub fn stands(&self, client: ClientId, stay: Stay) -> bool {
        self.surely_stands(client, stay, 0)
    }

    /// The same by whatever clock.
    fn surely_stands(&self, client: ClientId, stay: Stay, skew: Tick) -> bool {
        let owner = &self.clients[client.index()];
        let beats = self.parameters.renews_itself
            && owner.alive
            && owner.believes
            && self.net.unsettled_last(client).is_none_or(|last| last < stay.since);
        self.now + skew < stay.end() || beats
    }

    /// What it comes to that these clients meet where a promise is broken.
    pub fn charge(&self, met: Met) -> Charge {
        let acquired = |client: &ClientId| self.clients[client.index()].acquired;
        let asked = met.clients.iter().map(acquired).min().unwrap_or(self.now);
        let since = met.since.unwrap_or(asked);
        let skewed =
            self.parameters.skew_ns.is_some_and(|most| self.clocks.largest_since(since) > most);
        let rate = self.clocks.largest_rate_since(since);
        let fast = self.parameters.rate_ppm.is_some_and(|most| rate > most);
        let lease = self.parameters.lease_kept
            && met.lease_of.is_some_and(|client| {
                // To get a lock renews the lease.
                let renewed = self.clients[client.index()].acquired + self.parameters.lease;
                self.net.lease_risk(client).is_some_and(|risk| risk >= renewed)
            });
        match () {
            () if self.parameters.outside || skewed || fast || lease => Charge::Excused,
            () if self.strict => Charge::Refused,
            () => Charge::Wrong,
        }
    }

    /// Adds a wrong, if it is one; false when the story must not go on.
    pub fn blame(&self, world: &mut World, met: Met, promise: Option<Invariant>) -> bool {
        let charge = self.charge(met);
        if charge == Charge::Wrong {
            let wrong =
                promise.map_or(Wrongs::UNPROMISED, |promise| self.parameters.wrong(promise));
            world.wrongs = world.wrongs.and(wrong);
        }
        charge != Charge::Refused
    }

    /// A client gets the lock, with this lifetime.
    pub fn take(&self, world: &mut World, client: ClientId, life: Tick) {
        let stay = Stay { since: self.now, life };
        let before = match &world.lock {
            Lock::Free { since, released: true, left } => Before::Released(*since, *left),
            // Who was not told has not had it, as far as those know who wait.
            Lock::Held(record) if self.has_got_it(world, record) => record.before,
            Lock::Held(record)
                if record.owner != client || !self.clients[client.index()].believes =>
            {
                Before::Broken(record.stay)
            }
            _ => Before::Settled,
        };
        let process = self.clients[client.index()].process;
        let own = world.record().filter(|r| (r.owner, r.process) == (client, process));
        let nested = own.is_some_and(|record| record.nested);
        world.lock = Lock::Held(Record { owner: client, process, stay, nested, before });
        self.arrived(world, client);
        let mind = &mut world.minds[client.index()];
        mind.hold = Some(Hold { stay, void: false, wrongly: false });
        mind.done = Some(self.now);
    }

    /// What a client has sent before arrives before, or not at all: they are one stream of bytes.
    pub fn arrived(&self, world: &mut World, client: ClientId) {
        world
            .flights
            .retain(|flight| flight.client != client || matches!(flight.what, Sent::Write(_)));
    }

    /// The lock of its owner is gone, and it is nobody's.
    pub fn free(&self, world: &mut World, released: bool, left: Option<Left>) {
        world.lock = Lock::Free { since: self.now, released, left };
    }

    /// A client that lost the lock beyond what is promised has no claim to it any more.
    pub fn void(&self, world: &mut World, client: ClientId) {
        if let Some(hold) = &mut world.minds[client.index()].hold {
            hold.void = true;
        }
    }
}
