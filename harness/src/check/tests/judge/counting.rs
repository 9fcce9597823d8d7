//! The counter: a file that each client reads, and to which it writes one more.
//!
//! - Who has a claim to the lock reads what is in the file, and from then until it has written
//!   nobody else with a claim writes: else an update is lost.
//! - Who has none may read and write at any time, and spoil what others do: that is its own fault,
//!   and what is in the file then, nobody knows until somebody with a claim has read it.
//! - A kernel whose files the server has forgotten (by a lease that ran out, or a restart) may read
//!   what it had left there itself; see "what a kernel kept" in the stories of lost updates.
//! - What the dead have sent arrives as late as a frame can be; what a living node could not write
//!   at once may be written at any time.

use super::parameters::{NEVER, Tick};
use super::rules::Met;
use super::scene::Scene;
use super::steps::Steps;
use super::world::{CLIENTS_MAX, Count, Flight, Sent, World};
use crate::site::ClientId;
use lockstorm_reports::Invariant;

const LOST: Option<Invariant> = Some(Invariant::NoLostUpdate);

impl Steps<'_, '_> {
    pub fn of_count(&mut self, client: ClientId) {
        let (scene, world) = (self.scene, self.world);
        let Some(counting) = &scene.clients[client.index()].counting else {
            return;
        };
        let claim = scene.has_claim(world, client);
        match world.minds[client.index()].count {
            Count::Begun => {
                let value = counting.read.or(world.file).unwrap_or(0);
                let true_now = world.file.is_none_or(|file| file == value);
                let reads = move |world: &mut World| {
                    world.minds[client.index()].count = Count::Read { value, overtaken: false };
                    if claim && true_now {
                        world.file = Some(value);
                    }
                };
                if true_now || !claim || self.may_be_stale(client, value) {
                    self.add(client, "reads the counter", reads);
                } else {
                    let what = "reads what is not in the counter";
                    self.add_wrong(Met::of(&[client]), LOST, what, reads);
                }
            }
            Count::Read { value, overtaken } if scene.net.arrives(client, scene.now) => {
                let writes = move |world: &mut World| {
                    write(world, client, value + 1, claim);
                    world.minds[client.index()].count = Count::Written;
                };
                if claim && overtaken {
                    self.add_wrong(
                        Met::of(&[client]),
                        LOST,
                        "writes over the count of another",
                        writes,
                    );
                } else {
                    self.add(client, "writes the counter", writes);
                }
            }
            _ => {}
        }
    }

    /// Whether its kernel may give a client a value that it had left in the file earlier.
    fn may_be_stale(&self, client: ClientId, value: u16) -> bool {
        let kept = self.scene.clients[client.index()].kept.as_ref();
        let state_lost = self.scene.net.state_lost(client);
        kept.is_some_and(|kept| {
            kept.value == value && state_lost.is_some_and(|state_lost| state_lost >= kept.at)
        })
    }

    pub fn late_write(&mut self, index: usize) {
        let flight = &self.world.flights[index];
        let (client, what) = (flight.client, flight.what);
        if let Sent::Write(value) = what {
            self.add(client, "writes the counter after all", |world| {
                world.flights.remove(index);
                write(world, client, value, false);
            });
        }
    }
}

fn write(world: &mut World, client: ClientId, value: u16, claim: bool) {
    world.file = claim.then_some(value);
    for (other, mind) in ClientId::all(CLIENTS_MAX).zip(&mut world.minds) {
        if let Count::Read { overtaken, .. } = &mut mind.count {
            *overtaken |= claim && other != client;
        }
    }
}

impl Scene<'_> {
    /// A client has read `read` and written one more, as it says.
    pub fn counted(&self, world: &mut World, client: ClientId) -> bool {
        let counts = self.clients[client.index()].counting.is_some();
        let count = std::mem::take(&mut world.minds[client.index()].count);
        count == Count::Written || !counts
    }

    /// A client's count has failed or its process has ended: what it has read it may still write.
    pub fn count_fails(&self, world: &mut World, client: ClientId, until: Tick) {
        if let Count::Read { value, .. } = std::mem::take(&mut world.minds[client.index()].count) {
            let (process, what) = (self.clients[client.index()].process, Sent::Write(value + 1));
            world.send(Flight { client, process, what, until });
        }
    }

    /// The counter at the end, as the server has it.
    pub fn counter_is(&self, world: &mut World, value: u16) -> bool {
        let everybody: Vec<_> = ClientId::all(self.clients.len()).collect();
        let known = world.file.is_none_or(|file| file == value) || !self.anybody_counted;
        known || self.blame(world, Met::of(&everybody), LOST)
    }

    /// Nodes that live may write at any time; what the dead have sent arrives or is gone.
    pub fn flights_of_the_dead(&self, world: &mut World, client: ClientId, until: Tick) {
        let of_client = world.flights.iter_mut().filter(|flight| flight.client == client);
        of_client.for_each(|flight| flight.until = flight.until.min(until));
        world.flights.sort();
    }

    /// Forgets what can arrive no more, and sets a time to what can, now that its sender is well.
    pub fn flights_of_the_past(&self, world: &mut World) {
        world.flights.retain(|flight| flight.until == NEVER || flight.until >= self.now);
        for flight in &mut world.flights {
            let well = self.net.well_from(flight.client).is_some_and(|from| from <= self.now);
            if well && flight.until == NEVER && !matches!(flight.what, Sent::Write(_)) {
                flight.until = self.now + self.parameters.delay;
            }
        }
        world.flights.sort();
    }
}
