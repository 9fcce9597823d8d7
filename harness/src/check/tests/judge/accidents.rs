//! What befalls the simulated place: cuts, bad links, deaths, clocks.

use super::pen::{name, node_name};
use super::setup::Kind;
use super::simulate::{Sim, Step};
use super::terms::Tick;
use crate::history::What;
use crate::history::consequence::Pass;
use rand::RngExt;

impl Sim<'_> {
    pub(super) fn strike(&mut self, node: usize) {
        if self.nodes[node].off {
            return;
        }
        let (fault, lasts) = (self.faults, self.rng.random_range(1..=16));
        match self.rng.random_range(0..20) {
            0..7 => {
                self.pen.strike(fault, node, "cut", Pass::None, 0);
                self.nodes[node].cuts += 1;
                self.outage(node, lasts);
            }
            7..10 => {
                self.pen.strike(fault, node, "impair", Pass::Some, 0);
                self.nodes[node].bad += 1;
                self.outage(node, lasts);
            }
            10..12 if self.nodes[node].late == 0 => {
                let late = self.rng.random_range(1..=3);
                self.pen.strike(fault, node, "impair", Pass::All, late);
                self.nodes[node].late = late;
                self.after(lasts, lasts, node, Step::Heal(fault));
            }
            12..16 => self.die(node, lasts),
            16..19 => self.set_clock(node),
            _ if node > 0 && !self.nodes[node].ended => self.end_process(node),
            _ => {}
        }
        self.faults += 1;
    }

    /// A node is hard to reach for so long; its lease may run out before it is back.
    fn outage(&mut self, node: usize, lasts: Tick) {
        let fault = self.faults;
        let lingers = self.rng.random_range(0..=lasts);
        let back = self.pen.now + lasts + lingers;
        self.nodes[node].back = self.nodes[node].back.max(self.pen.now);
        self.after(lasts, lasts, node, Step::Heal(fault));
        self.nodes[node].settles.push((fault, back));
        let clients = if node == 0 { 1..self.nodes.len() } else { node..node + 1 };
        for client in clients.filter(|_| self.setup.lock == Kind::Kernel) {
            let idle = self.pen.now - self.nodes[client].contact;
            let old = self.rng.random_range(0..=(self.setup.lease * 2 / 3).min(idle));
            let expires = self.setup.lease - old;
            if expires < lasts + lingers && self.rng.random_bool(0.8) {
                self.after(expires, expires, client, Step::Expire);
            }
        }
    }

    pub(super) fn heal(&mut self, node: usize, fault: usize) {
        let struck = self.pen.events.iter().find_map(|event| match &event.what {
            What::FaultStruck { fault: other, kind, .. } if *other == fault => {
                Some((kind == "cut", event.at_ns))
            }
            _ => None,
        });
        let here = &mut self.nodes[node];
        let settles = here.settles.iter().position(|(other, _)| *other == fault);
        match (settles, struck) {
            (Some(place), Some((cut, _))) => {
                let (_, back) = here.settles.swap_remove(place);
                here.back = here.back.max(back);
                *(if cut { &mut here.cuts } else { &mut here.bad }) -= 1;
            }
            _ => here.late = 0,
        }
        self.pen.write(What::FaultEnded { fault, effect: "frames were hit".into() });
    }

    fn die(&mut self, node: usize, lasts: Tick) {
        let by_plan = true;
        self.pen.write(What::NodeDied { node: node_name(node), by_plan, cause: "power".into() });
        self.nodes[node].off = true;
        self.nodes[node].clock = 0;
        if node > 0 && self.setup.lock == Kind::Kernel {
            let lease = self.setup.lease;
            self.after(0, lease, node, Step::Expire);
        }
        self.leave_all(node);
        if node == 0 || self.rng.random_bool(0.7) {
            self.after(lasts, lasts, node, Step::Boot);
        }
    }

    /// The node's process is gone, and nobody answers for it.
    fn leave_all(&mut self, node: usize) {
        let here = &mut self.nodes[node];
        (here.call, here.inside) = (None, false);
        if node > 0 {
            here.process += 1;
        }
    }

    pub(super) fn boot(&mut self, node: usize) {
        if !self.nodes[node].off {
            return;
        }
        self.pen.boot(node);
        (self.nodes[node].off, self.nodes[node].ended) = (false, false);
        if node == 0 {
            let grace = self.rng.random_range(0..=self.setup.grace);
            self.nodes[0].back = self.nodes[0].back.max(self.pen.now + grace);
        } else {
            self.after(0, 4, node, Step::Ask);
        }
    }

    fn end_process(&mut self, node: usize) {
        if self.setup.lock == Kind::Kernel {
            self.after(0, 2, node, Step::Expire);
        }
        self.leave_all(node);
        self.nodes[node].ended = true;
        let (client, cause) = (name(node - 1), "it ended".into());
        self.pen.write(What::AdapterFailed { client, cause });
    }

    /// A step within what the lock assumes, mostly.
    fn set_clock(&mut self, node: usize) {
        let most = i64::from(self.setup.slop) + i64::from(self.rng.random_bool(0.2));
        let step = self.rng.random_range(-most..=most);
        self.nodes[node].clock = step;
        let offset_ns = step * 1_000_000_000;
        self.pen.write(What::ClockSet { node: node_name(node), offset_ns, drift_ppm: 0 });
    }
}
