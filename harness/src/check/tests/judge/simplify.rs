//! Worlds that no future tells apart become one.

use super::parameters::{NEVER, Tick};
use super::scene::Scene;
use super::world::{Before, Hold, Left, Lock, Stay, World};
use crate::site::ClientId;

/// The stay of a lock without a lifetime, whenever it began.
const FOR_EVER: Stay = Stay { since: 0, life: NEVER };
/// A stay that is over.
const OVER: Stay = Stay { since: 0, life: 0 };

impl Scene<'_> {
    pub fn simplify(&self, world: &mut World) {
        for client in ClientId::all(self.clients.len()) {
            self.simplify_client(world, client);
        }
        let first = ClientId::all(self.clients.len())
            .filter_map(|client| self.may_wait_since(client))
            .min();
        let agree = self.clocks.agree();
        let waits = first.unwrap_or(self.now);
        let old = |stay: Stay| self.forget_age(stay, waits);
        let old_left = |left: Option<Left>| {
            let left = left.filter(|left| left.stay.life != NEVER);
            left.map(|left| Left { stay: old(left.stay), ..left })
        };
        let got_it = world.record().is_some_and(|record| self.has_got_it(world, record));
        match &mut world.lock {
            Lock::Free { since, released, left } => {
                if agree {
                    *since = if *released { waits.max(*since) } else { 0 };
                }
                *left = old_left(*left);
            }
            Lock::Held(record) => {
                let since = record.stay.since;
                record.stay = old(record.stay);
                if got_it && self.is_over(record) && agree {
                    record.stay.since = 0;
                }
                // How long a lease has lasted since the lock was got.
                if self.parameters.kernel && self.now < since + self.parameters.lease {
                    record.stay.since = since;
                }
                match &mut record.before {
                    Before::Released(since, left) => {
                        if agree {
                            *since = waits.max(*since);
                        }
                        *left = old_left(*left);
                    }
                    Before::Broken(stay) => *stay = old(*stay),
                    Before::Settled => {}
                }
            }
        }
    }

    fn simplify_client(&self, world: &mut World, client: ClientId) {
        let here = &self.clients[client.index()];
        let mind = &mut world.minds[client.index()];
        if mind.done.is_some_and(|done| self.net.returns_now(client, done, self.now)) {
            mind.done = Some(0);
        }
        let idle = here.call.is_none() && (here.told || !here.inside);
        if idle && !here.believes {
            (mind.hold, mind.beside) = (None, false);
        }
        if let Some(Hold { stay, .. }) = &mut mind.hold {
            let over = stay.life != NEVER && !self.stands(client, *stay);
            *stay = if over { OVER } else { simple(*stay) };
        }
    }
}

impl Scene<'_> {
    /// The same stay, as old as can be, if its age makes no difference to one who waits since then.
    fn forget_age(&self, stay: Stay, waits: Tick) -> Stay {
        let slop = self.parameters.bound.map_or(0, |bound| bound.slop);
        let past = stay.life != NEVER && stay.end() + slop <= waits.min(self.now);
        match past && self.clocks.agree() {
            true => Stay { since: 0, life: stay.life },
            false => simple(stay),
        }
    }
}

fn simple(stay: Stay) -> Stay {
    if stay.life == NEVER { FOR_EVER } else { stay }
}
