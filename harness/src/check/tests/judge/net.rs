//! Who can reach the server, and what an outage leaves behind.
//!
//! - A frame that is sent while it surely is lost never arrives; one that is sent before may arrive
//!   as long afterwards as a frame can be under way.
//! - TCP doubles its timer with every try (RFC 6298, 5.5), so after an outage it takes at most as
//!   long again until it has tried once more, and where the connection was lost, the client waits
//!   before it connects again: until then a link is not settled.
//! - A client renews its lease when two thirds of it are over (nfs4_schedule_state_renewal in
//!   fs/nfs/nfs4renewd.c), so an outage may come when only a third is left. The server forgets the
//!   locks of one whose lease has run out (RFC 8881, 8.3).
//! - After a restart the server grants nothing new for its grace time, and who does not claim its
//!   locks in it loses them (RFC 8881, 8.4.2).

use super::parameters::{Parameters, Tick};
use crate::history::Consequence;
use crate::history::consequence::{Frames, Pass};
use crate::site::ClientId;

/// A state that comes and goes, and lingers until what it left behind has settled.
#[derive(Clone, Default)]
struct Spell {
    on: bool,
    /// When it began, if it has not settled in between.
    since: Tick,
    /// When it has settled; nothing, as long as it never was on.
    settled: Option<Tick>,
}

impl Spell {
    fn set(&mut self, on: bool, now: Tick, again: Tick) {
        if on && !self.on && !self.lingers(now) {
            self.since = now;
        }
        if self.on && !on {
            self.settled = Some(now + (now - self.since) + again);
        }
        self.on = on;
    }

    fn begin_anew(&mut self, now: Tick) {
        (self.since, self.settled) = (now, None);
    }

    fn lingers(&self, now: Tick) -> bool {
        self.on || self.settled.is_some_and(|settled| now <= settled)
    }
}

/// The way between one client and the server.
#[derive(Clone, Default)]
struct Link {
    node_up: bool,
    /// A frame that is sent now may arrive.
    up: bool,
    down: bool,
    /// Some frames may be lost.
    loses: bool,
    /// Frames may be lost or late.
    disturbed: Spell,
    /// So many of them that the lease may not be renewed.
    lossy: Spell,
    /// When a frame was last sent that may have arrived.
    up_last: Option<Tick>,
    down_last: Option<Tick>,
    /// When the client was last unable, perhaps, to reach the server in time.
    unsettled_last: Option<Tick>,
    /// It may have missed the grace time.
    missed_grace: bool,
    /// When its lease may last have run out.
    lease_risk: Option<Tick>,
    /// When the server may last have forgotten what it has open: by that, or by a restart.
    state_lost: Option<Tick>,
}

pub struct Net {
    links: Vec<Link>,
    server_off: Spell,
    grace_until: Option<Tick>,
    /// Until when clients may wait before they try again whether it serves.
    retry_until: Tick,
    /// Since when the server has served without a break: it knows of no older leases.
    served_from: Tick,
    lease: Tick,
    grace: Tick,
    delay: Tick,
    again: Tick,
}

impl Net {
    pub fn new(parameters: &Parameters) -> Net {
        let link = Link { node_up: true, up: true, down: true, ..Link::default() };
        Net {
            links: vec![link; parameters.clients.len()],
            server_off: Spell::default(),
            grace_until: None,
            retry_until: 0,
            served_from: 0,
            lease: parameters.lease,
            grace: parameters.grace,
            delay: parameters.delay,
            again: parameters.delay + parameters.reconnect,
        }
    }

    /// The server loses power, or serves again.
    pub fn server(&mut self, up: bool, now: Tick) {
        self.server_off.set(!up, now, self.again);
        if up {
            self.grace_until = Some(now + self.grace);
            self.served_from = now;
            self.retry_until = self.server_off.settled.unwrap_or(now);
            let settled = self.server_off.settled.max(self.grace_until);
            self.server_off.settled = settled;
        } else {
            self.links.iter_mut().for_each(|link| link.state_lost = Some(now));
        }
    }

    pub fn serves(&self) -> bool {
        !self.server_off.on
    }

    /// A client's node loses power, or has booted: its connections are new, and nothing lingers.
    pub fn node(&mut self, client: ClientId, up: bool, now: Tick) {
        let link = &mut self.links[client.index()];
        link.node_up = up;
        if up {
            link.disturbed.begin_anew(now);
            link.lossy.begin_anew(now);
            link.missed_grace = false;
        }
    }

    /// What the faults in force do to one client's frames from now on.
    pub fn faults<'a>(
        &mut self,
        client: ClientId,
        name: &str,
        now: Tick,
        in_force: impl Iterator<Item = &'a Consequence>,
        ticks: impl Fn(u64) -> Tick,
    ) {
        let frames: Vec<&Frames> = in_force.filter_map(Consequence::frames).collect();
        let of = |from: &str, to: &str| -> Vec<&Frames> {
            frames.iter().copied().filter(|frames| frames.go(from, to)).collect()
        };
        let (up, down) = (of(name, "server"), of("server", name));
        let passes = |frames: &[&Frames]| frames.iter().all(|frames| frames.pass != Pass::None);
        let all = |frames: &[&Frames]| frames.iter().all(|frames| frames.pass == Pass::All);
        let late = |frames: &[&Frames]| frames.iter().map(|frames| ticks(frames.late_ns)).sum();
        let late: Tick = Tick::max(late(&up), late(&down));
        let link = &mut self.links[client.index()];
        link.loses = !all(&up) || !all(&down);
        let lossy = link.loses || late >= self.lease / 3;
        (link.up, link.down) = (passes(&up), passes(&down));
        link.lossy.set(lossy, now, self.again);
        link.disturbed.set(lossy || late > 0, now, self.again);
    }

    /// Notes what holds at this instant; each client was in contact with the server at some time
    /// since then.
    pub fn look(&mut self, now: Tick, contact: &[Tick]) {
        let server_up = !self.server_off.on;
        for (client, contact) in ClientId::all(contact.len()).zip(contact) {
            let well = self.well_from(client).is_some_and(|from| from <= now);
            let link = &mut self.links[client.index()];
            if !well {
                link.unsettled_last = Some(now);
            }
            if link.node_up && server_up {
                link.up_last = if link.up { Some(now) } else { link.up_last };
                link.down_last = if link.down { Some(now) } else { link.down_last };
            }
            let unsettled = link.lossy.lingers(now) || now <= self.retry_until;
            link.missed_grace |= unsettled && self.grace_until == Some(now);
            let renewed = (link.lossy.since + 1).saturating_sub(self.lease * 2 / 3 + 1);
            let renewed = renewed.max(*contact).max(self.served_from);
            let ran_out = unsettled && server_up && now >= renewed + self.lease;
            if ran_out || link.missed_grace {
                link.lease_risk = Some(now);
                link.state_lost = Some(now);
            }
            link.missed_grace &= unsettled;
        }
    }

    /// Since when a client reaches the server in time, as far as anybody knows.
    pub fn well_from(&self, client: ClientId) -> Option<Tick> {
        let link = &self.links[client.index()];
        let well = link.node_up && !link.disturbed.on && !self.server_off.on;
        well.then(|| link.disturbed.settled.max(self.server_off.settled).unwrap_or(0))
    }

    /// Whether frames between a client and the server may be lost now.
    pub fn is_lossy(&self, client: ClientId) -> bool {
        self.links[client.index()].loses || self.server_off.on
    }

    /// When a client was last not well.
    pub fn unsettled_last(&self, client: ClientId) -> Option<Tick> {
        self.links[client.index()].unsettled_last
    }

    /// When a client's lease may last have run out.
    pub fn lease_risk(&self, client: ClientId) -> Option<Tick> {
        self.links[client.index()].lease_risk
    }

    /// When the server may last have forgotten what a client has open: its lease had run out, or
    /// the server was started again.
    pub fn state_lost(&self, client: ClientId) -> Option<Tick> {
        self.links[client.index()].state_lost
    }

    /// The latest time at which something that a client has sent until now can reach the server.
    pub fn last_arrival(&self, client: ClientId) -> Option<Tick> {
        self.links[client.index()].up_last.map(|sent| sent + self.delay)
    }

    /// Whether a client can send something now that may arrive.
    pub fn sends(&self, client: ClientId) -> bool {
        let link = &self.links[client.index()];
        link.node_up && link.up && self.serves()
    }

    /// Whether something that a client has sent can reach the server now.
    pub fn arrives(&self, client: ClientId, now: Tick) -> bool {
        self.serves() && self.last_arrival(client).is_some_and(|last| now <= last)
    }

    /// Whether the server can tell a client now what it did at `done`.
    pub fn returns_now(&self, client: ClientId, done: Tick, now: Tick) -> bool {
        done <= now && self.links[client.index()].down_last == Some(now)
    }

    /// Whether what the server did at `done` can be known to the client now.
    pub fn returns(&self, client: ClientId, done: Tick, now: Tick) -> bool {
        let sent = self.links[client.index()].down_last;
        sent.is_some_and(|sent| sent >= done && now - sent <= self.delay)
    }
}
