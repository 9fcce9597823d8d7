//! What may happen at an instant without anybody seeing it.

use super::parameters::{NEVER, Tick};
use super::rules::{Charge, Finds, Met};
use super::scene::Scene;
use super::world::{Flight, Left, Lock, Sent, World};
use crate::history::Operation;
use crate::site::ClientId;
use lockstorm_reports::Invariant;

/// What happened, for people who read a story.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deed {
    pub client: ClientId,
    pub what: &'static str,
}

/// A world that another may come to.
pub type Next = (World, Deed);

impl Scene<'_> {
    /// All that may happen next.
    pub fn steps(&self, world: &World) -> Vec<Next> {
        let mut found = Steps { scene: self, world, next: Vec::new() };
        for client in ClientId::all(self.clients.len()) {
            found.of_call(client);
            found.of_count(client);
        }
        for flight in 0..world.flights.len() {
            found.of_flight(flight);
        }
        found.of_owner();
        found.next
    }

    /// Notes what is true for those who are asking.
    pub fn note(&self, world: &mut World) {
        for client in ClientId::all(self.clients.len()) {
            let call = self.clients[client.index()].call.as_ref().map(|call| &call.operation);
            let no = !self.is_own(world, client);
            let (yes, no) = match call {
                None | Some(Operation::Acquire { .. }) => continue,
                // Once it has freed the lock, a release asks no more what is true.
                Some(Operation::Release) if world.minds[client.index()].done.is_some() => continue,
                Some(Operation::Release) => {
                    (world.record().is_none_or(|record| record.owner != client), no)
                }
                Some(_) => (!self.is_anothers(world, client), no),
            };
            let mind = &mut world.minds[client.index()];
            (mind.yes, mind.no) = (mind.yes | yes, mind.no | no);
        }
    }
}

pub(super) struct Steps<'a, 'b> {
    pub scene: &'a Scene<'b>,
    pub world: &'a World,
    next: Vec<Next>,
}

impl Steps<'_, '_> {
    pub fn add(&mut self, client: ClientId, what: &'static str, change: impl FnOnce(&mut World)) {
        let mut world = self.world.clone();
        change(&mut world);
        self.next.push((world, Deed { client, what }));
    }

    /// Like [`Steps::add`], unless the wrong that it does must not be.
    pub fn add_wrong(
        &mut self,
        met: Met,
        promise: Option<Invariant>,
        what: &'static str,
        change: impl FnOnce(&mut World),
    ) {
        let mut world = self.world.clone();
        if self.scene.blame(&mut world, met, promise) {
            change(&mut world);
            self.next.push((world, Deed { client: met.clients[0], what }));
        }
    }

    fn of_call(&mut self, client: ClientId) {
        let scene = self.scene;
        let Some(call) = &scene.clients[client.index()].call else {
            return;
        };
        let open = self.world.minds[client.index()].done.is_none();
        if !open || !call.sent || !scene.net.arrives(client, scene.now) {
            return;
        }
        match call.operation {
            Operation::Acquire { .. } => self.acquire(client),
            Operation::Refresh { lifetime } => {
                let life = lifetime.0 / scene.parameters.tick_ns;
                self.refresh(client, life.try_into().unwrap_or(NEVER));
            }
            Operation::Release => self.release(client),
            Operation::IsHeld => self.look(client),
        }
    }

    fn acquire(&mut self, client: ClientId) {
        let (scene, life) = (self.scene, self.scene.parameters.lifetime);
        match scene.finds(self.world, client) {
            Finds::Open => self.add(client, "gets the lock", |w| scene.take(w, client, life)),
            Finds::Own => {
                let nest = |world: &mut World| {
                    if let Lock::Held(record) = &mut world.lock {
                        record.nested = true;
                    }
                };
                self.add(client, "gets its own lock anew", |world| {
                    scene.take(world, client, life);
                    nest(world);
                });
                let over = self.world.record().is_some_and(|record| scene.is_over(record));
                if scene.clients[client.index()].believes && !over {
                    self.add(client, "gets its own lock once more", |world| {
                        world.minds[client.index()].done = Some(scene.now);
                        nest(world);
                    });
                }
            }
            Finds::Taken(owner) => self.intrude(client, owner, life),
        }
    }

    fn refresh(&mut self, client: ClientId, life: Tick) {
        let scene = self.scene;
        match scene.finds(self.world, client) {
            Finds::Taken(owner) => self.intrude(client, owner, life),
            _ => self.add(client, "renews the lock", |world| scene.take(world, client, life)),
        }
    }

    /// The lock is another's, and yet a client gets it: from the other, or beside it.
    fn intrude(&mut self, client: ClientId, owner: ClientId, life: Tick) {
        let scene = self.scene;
        if !self.is_time_for_wrongs(client) {
            return;
        }
        let both = [client, owner];
        let both = Met::of(&both);
        let promise = (scene.parameters.lifetime != NEVER).then_some(Invariant::NoEarlyBreak);
        let excused = scene.charge(both) == Charge::Excused;
        self.add_wrong(both, promise, "takes the lock of another", |world| {
            if excused {
                scene.void(world, owner);
            }
            scene.take(world, client, life);
            got_wrongly(world, client, !excused);
        });
        if !excused {
            self.add_wrong(both, promise, "is let in beside another", |world| {
                let lock = world.lock.clone();
                scene.take(world, client, life);
                world.lock = lock;
                world.minds[client.index()].beside = true;
                got_wrongly(world, client, true);
            });
        }
    }

    /// A wrong is done as early as it can be, or as late: what lies between explains nothing more.
    fn is_time_for_wrongs(&self, client: ClientId) -> bool {
        let now = self.scene.now;
        let call = self.scene.clients[client.index()].call.as_ref();
        call.is_some_and(|call| now == call.at || call.until == Some(now))
    }

    fn release(&mut self, client: ClientId) {
        let (scene, world) = (self.scene, self.world);
        let done = |world: &mut World| {
            scene.arrived(world, client);
            let mind = &mut world.minds[client.index()];
            (mind.done, mind.hold, mind.beside) = (Some(scene.now), None, false);
        };
        if world.minds[client.index()].beside {
            self.add(client, "releases what it had beside another", done);
            return;
        }
        let Some(record) = world.record() else {
            return;
        };
        let left = Left { owner: client, stay: record.stay };
        if record.owner == client {
            self.add(client, "releases the lock", |world| {
                done(world);
                scene.free(world, true, Some(left));
            });
            if record.nested {
                self.add(client, "releases the lock once", |world| {
                    world.minds[client.index()].done = Some(scene.now);
                });
            }
        } else if !scene.is_over(record) && self.is_time_for_wrongs(client) {
            let owner = record.owner;
            let both = [client, owner];
            let both = Met::of(&both).with_lease_of(client);
            let excused = scene.charge(both) == Charge::Excused;
            let promise = Some(Invariant::OwnerOnlyRelease);
            self.add_wrong(both, promise, "releases the lock of another", |world| {
                if excused {
                    scene.void(world, owner);
                }
                let mind = &mut world.minds[client.index()];
                (mind.done, mind.foreign) = (Some(scene.now), true);
                scene.free(world, true, Some(left));
            });
        }
    }

    /// A lock that its owner's calls renew may be renewed by a question, too.
    fn look(&mut self, client: ClientId) {
        let scene = self.scene;
        let own = scene.finds(self.world, client) == Finds::Own;
        if own && scene.parameters.lifetime != NEVER && !scene.parameters.renews_itself {
            self.add(client, "renews the lock as it is asked", |world| {
                if let Lock::Held(record) = &mut world.lock {
                    record.stay.since = scene.now;
                    if let Some(hold) = &mut world.minds[client.index()].hold {
                        hold.stay.since = scene.now;
                    }
                }
                world.minds[client.index()].done = Some(scene.now);
            });
        }
    }

    fn of_flight(&mut self, index: usize) {
        let scene = self.scene;
        let Flight { client: sender, process, what, until } = self.world.flights[index];
        let client = sender;
        let arrives = match until {
            NEVER => scene.net.arrives(client, scene.now),
            _ => scene.now <= until && scene.net.serves(),
        };
        if !arrives {
            return;
        }
        let owns = self.world.record().is_some_and(|r| (r.owner, r.process) == (sender, process));
        let land = |world: &mut World| {
            world.flights.remove(index);
        };
        match what {
            Sent::Write(_) => self.late_write(index),
            Sent::Acquire if scene.finds(self.world, client) == Finds::Open => {
                let life = scene.parameters.lifetime;
                self.add(client, "gets the lock after all", |world| {
                    land(world);
                    let mind = world.minds[client.index()];
                    scene.take(world, client, life);
                    world.minds[client.index()] = mind;
                    if let Lock::Held(record) = &mut world.lock {
                        record.process = process;
                    }
                });
            }
            Sent::Release if owns => self.add(client, "releases the lock after all", |world| {
                land(world);
                let stay = world.record().map(|record| record.stay);
                scene.free(world, true, stay.map(|stay| Left { owner: sender, stay }));
            }),
            Sent::Refresh(life) if owns => self.add(client, "renews the lock after all", |world| {
                land(world);
                if let Lock::Held(record) = &mut world.lock {
                    (record.stay.since, record.stay.life) = (scene.now, life);
                }
            }),
            _ => {}
        }
    }

    /// What a kernel that manages the lock does by itself.
    fn of_owner(&mut self) {
        let scene = self.scene;
        let Some(record) = self.world.record().filter(|_| scene.parameters.kernel) else {
            return;
        };
        let owner = record.owner;
        let here = &scene.clients[owner.index()];
        if !here.alive || here.process != record.process {
            self.add(owner, "is dead, and the kernel frees its lock", |world| {
                scene.free(world, false, None);
            });
        } else if scene.net.lease_risk(owner) == Some(scene.now)
            && scene.now >= record.stay.since + scene.parameters.lease
        {
            let met = [owner];
            let met = Met::of(&met).with_lease_of(owner);
            let excused = scene.charge(met) == Charge::Excused;
            self.add_wrong(met, None, "loses its lease, and the lock with it", |world| {
                scene.free(world, false, None);
                if excused {
                    scene.void(world, owner);
                }
            });
        }
    }
}

fn got_wrongly(world: &mut World, client: ClientId, wrongly: bool) {
    if let Some(hold) = &mut world.minds[client.index()].hold {
        hold.wrongly = wrongly;
    }
}
