//! What a lock owes to those who wait for it.
//!
//! - A lock that its owner left behind, or holds on to in silence, can be had by whoever has asked
//!   for long enough and is well: lifetime, slop and `within` after it was last renewed.
//! - A lock that was released can be had within two minutes by those who wait and are well.
//!   Somebody else who is away may hold that up: it may have a delegation of the lock's file.
//! - To have it is to be told so: one who is well and waits for the answer does not have it yet.

use super::parameters::{Bound, NEVER, Tick};
use super::rules::Met;
use super::scene::Scene;
use super::world::{Before, Left, Lock, Record, Stay, World};
use crate::history::{Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::site::ClientId;
use lockstorm_reports::Invariant;

impl Scene<'_> {
    /// Since when a client keeps asking for the lock, in vain and in good health.
    pub fn waits_since(&self, client: ClientId) -> Option<Tick> {
        let here = &self.clients[client.index()];
        let asks = matches!(here.call.as_ref()?.operation, Operation::Acquire { .. });
        let well = self.net.well_from(client)?;
        here.asks_since.filter(|_| asks && !here.believes).map(|since| since.max(well))
    }

    /// The same of one who was told that it has waited in vain, and may go on.
    pub fn may_wait_since(&self, client: ClientId) -> Option<Tick> {
        let well = self.net.well_from(client).unwrap_or(self.now);
        self.clients[client.index()].asks_since.map(|since| since.max(well))
    }

    /// Whether somebody is told that it has waited in vain: until now, and not only nearly.
    pub fn gives_up(&self, event: &Event) -> bool {
        let EventKind::Answered { answer, .. } = &event.kind else {
            return false;
        };
        !matches!(answer, Answer::Ok { .. })
    }

    /// The instant is over, or the wait: adds the wrongs of what is overdue by now; false when
    /// there are any and there must be none.
    pub fn falls_due(&self, world: &mut World) -> bool {
        let lock = world.lock.clone();
        let stay = |left: Option<Left>| left.map(|left| left.stay);
        match &lock {
            Lock::Free { released: false, .. } => true,
            Lock::Free { since, left, .. } => {
                self.left_behind(world, stay(*left)) && self.released_in_vain(world, *since)
            }
            Lock::Held(record) if self.has_got_it(world, record) => match record.before {
                Before::Settled => true,
                Before::Broken(stay) => self.left_behind(world, Some(stay)),
                Before::Released(since, left) => {
                    self.left_behind(world, stay(left)) && self.released_in_vain(world, since)
                }
            },
            Lock::Held(record) => self.left_behind(world, self.last_renewed(record)),
        }
    }

    /// Whether the owner of a lock is well and waits for nothing but to be told that it has it.
    pub fn has_got_it(&self, world: &World, record: &Record) -> bool {
        let owner = record.owner;
        let this = record.process == self.clients[owner.index()].process;
        let well = self.net.well_from(owner).is_some_and(|from| from <= self.now);
        this && well
            && world.minds[owner.index()].done.is_some()
            && record.before != Before::Settled
    }

    /// The stay of a lock as long as it may have been renewed by itself.
    fn last_renewed(&self, record: &Record) -> Option<Stay> {
        let mut stay = record.stay;
        if self.parameters.renews_itself {
            let owner = &self.clients[record.owner.index()];
            let lives = owner.alive && owner.process == record.process;
            let last = self.net.last_arrival(record.owner)?;
            if lives && last >= self.now {
                return None;
            }
            stay.since = stay.since.max(last);
        }
        Some(stay)
    }

    fn left_behind(&self, world: &mut World, stay: Option<Stay>) -> bool {
        let (Some(stay), Some(bound)) = (stay, self.parameters.bound) else {
            return true;
        };
        if stay.life == NEVER {
            return true;
        }
        let Bound { slop, within, watched } = bound;
        let old = stay.life + slop + self.skew_since(stay.since);
        let waiting = ClientId::all(self.clients.len()).filter_map(|client| {
            let waits = self.waits_since(client)?;
            // A watch is that of one call: nothing says that the next one goes on with it.
            let watches =
                self.clients[client.index()].call.as_ref().map_or(waits, |call| call.at.max(waits));
            let from = if watched { stay.since.max(watches) } else { stay.since };
            Some((from + old).max(waits) + within)
        });
        let due = waiting.min().unwrap_or(NEVER);
        let promise = Some(Invariant::BreakAfterLifetime);
        self.now < due || self.blame(world, Met::since(stay.since), promise)
    }

    fn released_in_vain(&self, world: &mut World, free: Tick) -> bool {
        let waiting = ClientId::all(self.clients.len()).filter_map(|client| {
            let since = self.waits_since(client)?.max(free);
            let mut others = ClientId::all(self.clients.len()).filter(|other| *other != client);
            let away = others.any(|other| {
                let unsettled = self.net.unsettled_last(other);
                self.clients[other.index()].called && unsettled.is_some_and(|last| last >= since)
            });
            let recall = if away { self.parameters.recall_within } else { 0 };
            Some(since + self.parameters.free_within + recall)
        });
        let due = waiting.min().unwrap_or(NEVER);
        self.now < due || self.blame(world, Met::since(free), Some(Invariant::ReleaseFrees))
    }
}
