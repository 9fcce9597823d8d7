//! What befalls the simulated place: cuts, bad links, deaths, clocks.

use super::parameters::Tick;
use super::setup::Kind;
use super::simulate::{Counting, InForce, Sent, Sim, Step};
use crate::fault::FaultId;
use crate::history::consequence::Pass;
use crate::history::{EventKind, Operation};
use crate::site::{ClientId, NodeId};
use crate::units::SECOND;
use rand::RngExt;

impl Sim<'_> {
    pub(super) fn strike(&mut self, node: NodeId) {
        if self.nodes[node.index()].off {
            return;
        }
        let lasts = self.rng.random_range(1..=16);
        match self.rng.random_range(0..20) {
            0..5 => self.outage(node, "cut", (true, true), false, lasts),
            5 => self.outage(node, "cut sent", (true, false), false, lasts),
            6 => self.outage(node, "cut received", (false, true), false, lasts),
            7..10 => self.outage(node, "impair", (false, false), true, lasts),
            10..12 => self.slow_down(node, lasts),
            12..16 => self.die(node, lasts),
            16..19 => self.set_clock(node),
            _ if !node.is_server() && !self.nodes[node.index()].ended => self.end_process(node),
            _ => {}
        }
        self.faults += 1;
    }

    /// A node is hard to reach for so long; its lease may run out before it is back.
    fn outage(&mut self, node: NodeId, kind: &str, lost: (bool, bool), some: bool, lasts: Tick) {
        let fault = FaultId::at(self.faults);
        let pass = if some { Pass::Some } else { Pass::None };
        let ways = if some { (true, true) } else { lost };
        self.pen.strike(fault, node, kind, ways, pass, 0);
        let lingers = self.rng.random_range(0..=lasts);
        let back = self.pen.now + lasts + lingers;
        let (from, to) = lost;
        self.nodes[node.index()].faults.push(InForce { fault, from, to, some, late: 0, back });
        self.after(lasts, lasts, node, Step::Heal(fault));
        let clients = ClientId::all(self.setup.clients).map(ClientId::node);
        let hit = clients.filter(|client| node.is_server() || *client == node);
        for client in hit.filter(|_| self.setup.lock == Kind::Kernel) {
            let idle = self.pen.now - self.nodes[client.index()].contact;
            let old = self.rng.random_range(0..=(self.setup.lease * 2 / 3).min(idle));
            let expires = self.setup.lease - old;
            let reaches = some || !(from && !node.is_server() || to && node.is_server());
            if expires < lasts + lingers && !reaches && self.rng.random_bool(0.8) {
                self.after(expires, expires, client, Step::Expire);
            }
        }
    }

    fn slow_down(&mut self, node: NodeId, lasts: Tick) {
        let (fault, late) = (FaultId::at(self.faults), self.rng.random_range(1..=3));
        self.pen.strike(fault, node, "impair", (true, true), Pass::All, late);
        let (from, to, some, back) = (false, false, false, 0);
        self.nodes[node.index()].faults.push(InForce { fault, from, to, some, late, back });
        self.after(lasts, lasts, node, Step::Heal(fault));
    }

    pub(super) fn heal(&mut self, node: NodeId, fault: FaultId) {
        let here = &mut self.nodes[node.index()];
        if let Some(place) = here.faults.iter().position(|one| one.fault == fault) {
            let healed = here.faults.swap_remove(place);
            here.back = here.back.max(healed.back);
        }
        self.pen.write(EventKind::FaultEnded { fault, effect: "frames were hit".into() });
    }

    fn die(&mut self, node: NodeId, lasts: Tick) {
        let by_plan = true;
        self.pen.write(EventKind::NodeDied {
            node: node.to_string(),
            by_plan,
            cause: "power".into(),
        });
        if !node.is_server() {
            self.leave_ghosts(node);
        }
        self.nodes[node.index()].off = true;
        self.nodes[node.index()].clock = (0, self.pen.now, 0);
        if !node.is_server() && self.setup.lock == Kind::Kernel {
            self.after(0, self.setup.lease, node, Step::Expire);
        }
        self.leave_all(node);
        if node.is_server() || self.rng.random_bool(0.7) {
            self.after(lasts, lasts, node, Step::Boot);
        }
    }

    /// What a client has sent and is still under way may arrive without it.
    fn leave_ghosts(&mut self, client: NodeId) {
        let late = self.late(client);
        let disturbed = self.is_disturbed(client);
        let own: Vec<_> = self.queue.iter().filter(|due| due.2 == client).copied().collect();
        for (_, _, _, process, step) in own {
            let sent = match (step, &self.nodes[client.index()].call) {
                (Step::Write(value), _) => Sent::Write(value),
                (Step::Poll, _) => Sent::Acquire,
                (Step::Arrive, Some(Operation::Release)) => Sent::Release,
                (Step::Arrive, Some(Operation::Refresh { lifetime })) => {
                    Sent::Refresh(Tick::try_from(lifetime.0 / SECOND).unwrap_or(Tick::MAX))
                }
                _ => continue,
            };
            let living = process == self.nodes[client.index()].process;
            if living && !disturbed && self.rng.random_bool(0.5) {
                self.after(0, late, client, Step::Ghost(sent));
            }
        }
    }

    /// The node's process is gone, and nobody answers for it.
    fn leave_all(&mut self, node: NodeId) {
        let here = &mut self.nodes[node.index()];
        (here.call, here.inside, here.counting) = (None, false, Counting::No);
        if !node.is_server() {
            here.process += 1;
        }
    }

    pub(super) fn boot(&mut self, node: NodeId) {
        if !self.nodes[node.index()].off {
            return;
        }
        self.pen.boot(node);
        (self.nodes[node.index()].off, self.nodes[node.index()].ended) = (false, false);
        if node.is_server() {
            let grace = self.rng.random_range(0..=self.setup.grace);
            self.nodes[NodeId::SERVER.index()].back =
                self.nodes[NodeId::SERVER.index()].back.max(self.pen.now + grace);
        } else {
            self.after(0, 4, node, Step::Ask);
        }
    }

    fn end_process(&mut self, node: NodeId) {
        if self.setup.lock == Kind::Kernel {
            self.after(0, 2, node, Step::Expire);
        }
        self.leave_all(node);
        self.nodes[node.index()].ended = true;
        let (client, cause) = (node.to_string(), "it ended".into());
        self.pen.write(EventKind::AdapterFailed { client, cause });
    }

    /// A step within what the lock assumes, mostly; or a drift, which is never within it.
    fn set_clock(&mut self, node: NodeId) {
        let most = i64::from(self.setup.slop) + i64::from(self.rng.random_bool(0.2));
        let step = self.rng.random_range(-most..=most) * 1_000;
        let drift_ppm = match self.rng.random_range(0..10) {
            0 => 100_000,
            1 => -100_000,
            _ => 0,
        };
        self.nodes[node.index()].clock = (step, self.pen.now, drift_ppm);
        let offset_ns = step * 1_000_000;
        self.pen.write(EventKind::ClockSet { node: node.to_string(), offset_ns, drift_ppm });
    }
}
