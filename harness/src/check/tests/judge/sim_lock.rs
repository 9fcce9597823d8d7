//! The lock of the simulated place, as its server has it.

use super::parameters::Tick;
use super::setup::Kind;
use super::simulate::{Defect, Heard, Owner, Sent, Sim, Step};
use crate::history::Operation;
use crate::site::NodeId;
use crate::units::{Nanos, SECOND};
use rand::RngExt;

impl Sim<'_> {
    pub(super) fn poll(&mut self, client: NodeId) {
        let twice = self.defect == Defect::GrantsTwice && self.rng.random_bool(0.3);
        if self.can_take(client) || twice {
            self.take(client, self.setup.lifetime);
            if self.setup.lock == Kind::Heartbeat {
                self.after(1, 1, client, Step::Beat);
            }
            let failed = self.is_disturbed(client) && self.rng.random_bool(0.2);
            self.send(client, Step::Hear(if failed { Heard::Error } else { Heard::Ok }));
        } else if self.nodes[client.index()].gives_up <= self.pen.now {
            let tried = self.nodes[client.index()].call
                == Some(Operation::Acquire { timeout: Some(Nanos::ZERO) });
            self.send(client, Step::Hear(if tried { Heard::Busy } else { Heard::Timeout }));
        } else if self.rng.random_bool(if self.is_disturbed(client) { 0.05 } else { 0.002 }) {
            self.send(client, Step::Hear(Heard::Error));
        } else {
            self.after(1, self.setup.within - 2, client, Step::Poll);
        }
    }

    fn can_take(&mut self, client: NodeId) -> bool {
        let Some(owner) = self.lock else {
            return !(self.defect == Defect::StaysTaken && self.released);
        };
        if owner.client == client {
            let restarted = owner.process != self.nodes[client.index()].process;
            if restarted && (self.setup.lock == Kind::Kernel || self.rng.random_bool(0.3)) {
                return true;
            }
            if self.nodes[client.index()].inside {
                return false;
            }
        }
        let never = self.defect == Defect::NeverBreaks;
        !never
            && !matches!(self.setup.lock, Kind::Kernel | Kind::Plain)
            && self.finds_it_old(client, owner)
    }

    /// Whether a lock's lifetime is over, as a contender measures it.
    fn finds_it_old(&mut self, client: NodeId, owner: Owner) -> bool {
        let early = self.defect == Defect::BreaksEarly;
        let life = if early { owner.life / 2 } else { owner.life };
        let ms = |ticks: Tick| i64::from(ticks) * 1_000;
        let now = self.pen.now;
        if self.setup.lock == Kind::Clocked {
            return self.wall(client) - owner.stamp >= ms(life + self.setup.slop);
        }
        let mut from = owner.since;
        if self.setup.lock == Kind::Heartbeat {
            let known = self.nodes[client.index()].watched;
            let known = known.filter(|seen| (seen.0, seen.1) == (owner.client, owner.since));
            from = known.map_or(now, |watched| watched.2);
            self.nodes[client.index()].watched = Some((owner.client, owner.since, from));
        }
        let drift = self.nodes[client.index()].clock.2;
        ms(now - from) * (1_000_000 + drift) / 1_000_000 >= ms(life + self.patience)
    }

    pub(super) fn take(&mut self, client: NodeId, life: Tick) {
        let (since, process) = (self.pen.now, self.nodes[client.index()].process);
        self.lock = Some(Owner { client, process, since, stamp: self.wall(NodeId::SERVER), life });
    }

    fn owns(&self, client: NodeId) -> bool {
        let process = self.nodes[client.index()].process;
        self.lock.is_some_and(|owner| (owner.client, owner.process) == (client, process))
    }

    /// A call other than acquire reaches the server.
    pub(super) fn arrive(&mut self, client: NodeId) {
        let owns = self.owns(client);
        let heard = match self.nodes[client.index()].call.clone() {
            Some(Operation::Refresh { lifetime }) => {
                if owns && self.defect != Defect::ForgetsRefresh {
                    let life = Tick::try_from(lifetime.0 / SECOND).unwrap_or(Tick::MAX);
                    self.take(client, life);
                }
                if owns { Heard::Ok } else { Heard::NotHeld }
            }
            Some(Operation::Release) => {
                if owns || self.defect == Defect::ReleasesAny {
                    (self.lock, self.released) = (None, true);
                }
                let says_ok = owns || self.defect == Defect::ReleasesAny;
                if says_ok || self.setup.lock == Kind::Kernel { Heard::Ok } else { Heard::NotHeld }
            }
            Some(Operation::IsHeld) => {
                let renews = owns && self.setup.is_held_renews;
                if renews {
                    self.take(client, self.lock.map_or(0, |owner| owner.life));
                }
                Heard::Held(owns || self.defect == Defect::SaysHeld)
            }
            _ => return,
        };
        let failed = self.rng.random_bool(if self.is_disturbed(client) { 0.2 } else { 0.005 });
        self.send(client, Step::Hear(if failed { Heard::Error } else { heard }));
    }

    /// What the dead had sent arrives.
    pub(super) fn haunt(&mut self, client: NodeId, process: u32, sent: Sent) {
        if self.nodes[NodeId::SERVER.index()].off {
            return;
        }
        let owner = self.lock.filter(|own| (own.client, own.process) == (client, process));
        let living = self.nodes[client.index()].process == process;
        match sent {
            Sent::Write(value) => self.file = value + 1,
            // A client that is back has ended all that its former self had begun.
            _ if living || !self.nodes[client.index()].off => {}
            Sent::Acquire if self.can_take(client) => {
                self.take(client, self.setup.lifetime);
                self.lock = self.lock.map(|lock| Owner { process, ..lock });
            }
            Sent::Release if owner.is_some() => (self.lock, self.released) = (None, true),
            Sent::Refresh(life) if owner.is_some() => {
                self.take(client, life);
                self.lock = self.lock.map(|lock| Owner { process, ..lock });
            }
            _ => {}
        }
    }

    /// A lock that renews itself does so every second, as long as it is there.
    pub(super) fn beat(&mut self, client: NodeId) {
        if self.owns(client) {
            let life = self.setup.lifetime;
            self.take(client, life);
            self.after(1, 1, client, Step::Beat);
        }
    }

    /// The server finds that the lease of a process has run out, if it has not been renewed.
    pub(super) fn expire(&mut self, client: NodeId, process: u32) {
        let here = &self.nodes[client.index()];
        let renewed = here.process == process && self.pen.now < here.contact + self.setup.lease;
        let own = self.lock.is_some_and(|own| (own.client, own.process) == (client, process));
        if own && !renewed {
            self.lock = None;
        }
    }
}
