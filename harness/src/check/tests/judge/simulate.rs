//! A lock in a simulated place, second by second: an ideal one, or one with a planted defect.
//!
//! It shares nothing with the rules of the judge: what takes effect here does so at one instant,
//! drawn at random, and is not looked for afterwards.

use super::pen::{Pen, error, name, node_name};
use super::setup::{Kind, Setup};
use super::terms::Tick;
use crate::history::{Event, Operation, What};
use crate::lock::adapter::Answer;
use crate::units::{Nanos, SECOND};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// What is wrong with a lock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Defect {
    None,
    /// It grants what another has, now and then.
    GrantsTwice,
    /// It breaks a lock when half of its lifetime is over.
    BreaksEarly,
    NeverBreaks,
    /// A release frees the lock, whoever has it.
    ReleasesAny,
    /// It does not write what it says that it has counted, now and then.
    LosesCounts,
    /// It always says that it is held.
    SaysHeld,
    /// What was released cannot be had.
    StaysTaken,
    /// A refresh changes nothing.
    ForgetsRefresh,
}

pub const DEFECTS: [Defect; 8] = [
    Defect::GrantsTwice,
    Defect::BreaksEarly,
    Defect::NeverBreaks,
    Defect::ReleasesAny,
    Defect::LosesCounts,
    Defect::SaysHeld,
    Defect::StaysTaken,
    Defect::ForgetsRefresh,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Ask,
    /// A try to take the lock reaches the server.
    Poll,
    /// The open call reaches the server.
    Arrive,
    /// Its answer reaches the client.
    Hear(Heard),
    Act,
    Read,
    Write(u64),
    Wrote(u64),
    Beat,
    Strike,
    Heal(usize),
    Boot,
    /// The server finds that a lease has run out.
    Expire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    Ok,
    Held(bool),
    Busy,
    Timeout,
    NotHeld,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Owner {
    pub client: usize,
    pub process: u32,
    pub since: Tick,
    /// What the server's clock said then.
    pub stamp: i64,
    pub life: Tick,
}

#[derive(Default)]
pub(super) struct Node {
    pub off: bool,
    /// Its process has ended by itself.
    pub ended: bool,
    pub process: u32,
    /// Faults that lose all of its frames, and some.
    pub cuts: u32,
    pub bad: u32,
    pub late: Tick,
    /// When what an outage leaves behind has settled.
    pub settles: Vec<(usize, Tick)>,
    /// After an outage, nothing gets through before.
    pub back: Tick,
    /// When it last reached the server.
    pub contact: Tick,
    pub clock: i64,
    pub call: Option<Operation>,
    pub inside: bool,
    pub rounds: u32,
    pub leaves: Tick,
    pub gives_up: Tick,
    /// Whose lock it has seen, and since when.
    pub watched: Option<(usize, Tick, Tick)>,
}

/// When, in which order, which node, which of its processes, and what.
type Due = (Tick, u32, usize, u32, Step);

pub struct Sim<'a> {
    pub(super) setup: &'a Setup,
    pub(super) rng: &'a mut ChaCha8Rng,
    pub(super) pen: Pen,
    pub(super) nodes: Vec<Node>,
    pub(super) faults: usize,
    pub(super) lock: Option<Owner>,
    pub(super) released: bool,
    defect: Defect,
    queue: BTreeSet<Due>,
    order: u32,
    file: u64,
    /// How late a lock that reads one clock finds a lifetime over.
    patience: Tick,
    /// How often a stay is long.
    long: f64,
}

/// A history of one lock, of a minute or less; now and then it waits long for nothing.
pub fn simulate(setup: &Setup, defect: Defect, rng: &mut ChaCha8Rng) -> Vec<Event> {
    let patience = rng.random_range(0..=setup.slop);
    let end = rng.random_range(12..=45);
    let waits = if defect == Defect::StaysTaken { 0.3 } else { 0.04 };
    let idle = if rng.random_bool(waits) { rng.random_range(110..=170) } else { 0 };
    let mut sim = Sim {
        setup,
        rng,
        pen: Pen::default(),
        nodes: (0..=setup.clients).map(|_| Node::default()).collect(),
        faults: 0,
        lock: None,
        released: false,
        defect,
        queue: BTreeSet::new(),
        order: 0,
        file: 0,
        patience,
        long: if matches!(defect, Defect::None | Defect::GrantsTwice) { 0.3 } else { 0.7 },
    };
    sim.run(end, idle);
    sim.pen.events
}

impl Sim<'_> {
    fn run(&mut self, end: Tick, idle: Tick) {
        for client in 1..self.nodes.len() {
            self.nodes[client].rounds = self.rng.random_range(1..=3);
            self.after(0, 4, client, Step::Ask);
        }
        for _ in 0..self.rng.random_range(0..=2) {
            let node = self.rng.random_range(0..self.nodes.len());
            self.after(1, end, node, Step::Strike);
        }
        while let Some((at, _, node, process, step)) = self.queue.pop_first() {
            if at > end + idle {
                break;
            }
            self.pen.now = at;
            let own = matches!(step, Step::Strike | Step::Heal(_) | Step::Boot);
            let begins = at > end && matches!(step, Step::Ask | Step::Strike);
            if step == Step::Expire {
                self.expire(node, process);
            } else if !begins && (own || self.nodes[node].process == process) {
                self.step(node, step);
            }
        }
        self.pen.now = end + idle;
        if self.rng.random_bool(0.7) {
            self.pen.write(What::CounterRead { value: self.file });
        }
        self.pen.write(What::WorkloadEnded { completed: true, why: String::new() });
    }

    fn step(&mut self, node: usize, step: Step) {
        match step {
            Step::Strike => self.strike(node),
            Step::Heal(fault) => self.heal(node, fault),
            Step::Boot => self.boot(node),
            Step::Expire => {}
            Step::Ask => self.ask(node),
            Step::Act => self.act(node),
            _ if !self.gets_through(node) => self.after(1, 1, node, step),
            Step::Poll => self.poll(node),
            Step::Arrive => self.arrive(node),
            Step::Hear(heard) => self.hear(node, heard),
            Step::Read => {
                let value = self.file;
                self.send(node, Step::Write(value));
            }
            Step::Write(value) => {
                if self.defect != Defect::LosesCounts || self.rng.random_bool(0.6) {
                    self.file = value + 1;
                }
                self.send(node, Step::Wrote(value));
            }
            Step::Wrote(read) => {
                self.pen.write(What::Counted { client: node_name(node), read });
                self.after(0, 2, node, Step::Act);
            }
            Step::Beat => self.beat(node),
        }
    }

    pub(super) fn after(&mut self, least: Tick, most: Tick, node: usize, step: Step) {
        let at = self.pen.now + self.rng.random_range(least..=most);
        self.order += 1;
        let process = self.nodes[node].process;
        self.queue.insert((at, self.order, node, process, step));
    }

    /// Something is on its way to the server, or back.
    pub(super) fn send(&mut self, node: usize, step: Step) {
        let late = self.nodes[node].late + self.nodes[0].late;
        self.after(0, 1 + late, node, step);
    }

    /// The server finds that the lease of a process has run out, if it has not been renewed.
    fn expire(&mut self, client: usize, process: u32) {
        let here = &self.nodes[client];
        let renewed = here.process == process && self.pen.now < here.contact + self.setup.lease;
        let own = self.lock.is_some_and(|own| (own.client, own.process) == (client, process));
        if own && !renewed {
            self.lock = None;
        }
    }

    /// Whether what is due between a client and the server gets through now.
    fn gets_through(&mut self, client: usize) -> bool {
        let of = |node: &Node| (node.off || node.cuts > 0, node.back, node.bad);
        let (here, there) = (of(&self.nodes[client]), of(&self.nodes[0]));
        let bad = here.2 + there.2 > 0 && self.rng.random_bool(0.5);
        let through = !(here.0 || there.0 || bad) && here.1.max(there.1) <= self.pen.now;
        if through {
            self.nodes[client].contact = self.pen.now;
        }
        through
    }

    pub(super) fn is_disturbed(&self, client: usize) -> bool {
        [client, 0].iter().any(|node| {
            let node = &self.nodes[*node];
            node.off || node.cuts + node.bad > 0 || node.late > 0 || node.back > self.pen.now
        })
    }

    pub(super) fn call(&mut self, client: usize, operation: Operation, step: Step) {
        self.pen.call(client - 1, operation.clone());
        self.nodes[client].call = Some(operation);
        self.send(client, step);
    }

    fn ask(&mut self, client: usize) {
        let node = &mut self.nodes[client];
        if node.rounds == 0 {
            return;
        }
        node.rounds -= 1;
        node.watched = None;
        let limit = match self.rng.random_range(0..10) {
            0..6 => None,
            6..9 => Some(self.rng.random_range(2..=9)),
            _ => Some(0),
        };
        self.nodes[client].gives_up = limit.map_or(Tick::MAX, |limit| self.pen.now + limit);
        let timeout = limit.map(|limit| Nanos::from_secs(limit.into()));
        self.call(client, Operation::Acquire { timeout }, Step::Poll);
    }

    fn poll(&mut self, client: usize) {
        let twice = self.defect == Defect::GrantsTwice && self.rng.random_bool(0.3);
        if self.can_take(client) || twice {
            self.take(client, self.setup.lifetime);
            if self.setup.lock == Kind::Heartbeat {
                self.after(1, 1, client, Step::Beat);
            }
            let failed = self.is_disturbed(client) && self.rng.random_bool(0.2);
            self.send(client, Step::Hear(if failed { Heard::Error } else { Heard::Ok }));
        } else if self.nodes[client].gives_up <= self.pen.now {
            let tried =
                self.nodes[client].call == Some(Operation::Acquire { timeout: Some(Nanos::ZERO) });
            self.send(client, Step::Hear(if tried { Heard::Busy } else { Heard::Timeout }));
        } else if self.is_disturbed(client) && self.rng.random_bool(0.05) {
            self.send(client, Step::Hear(Heard::Error));
        } else {
            self.after(1, self.setup.within - 2, client, Step::Poll);
        }
    }

    fn can_take(&mut self, client: usize) -> bool {
        let now = self.pen.now;
        let Some(owner) = self.lock else {
            return !(self.defect == Defect::StaysTaken && self.released);
        };
        if owner.client == client {
            let restarted = owner.process != self.nodes[client].process;
            if restarted && (self.setup.lock == Kind::Kernel || self.rng.random_bool(0.3)) {
                return true;
            }
            if self.nodes[client].inside {
                return false;
            }
        }
        let never = self.defect == Defect::NeverBreaks;
        if never || matches!(self.setup.lock, Kind::Kernel | Kind::Plain) {
            return false;
        }
        let (mut life, slop) = (owner.life, self.setup.slop);
        if self.defect == Defect::BreaksEarly {
            life /= 2;
        }
        match self.setup.lock {
            Kind::Clocked => {
                let age = i64::from(now) + self.nodes[client].clock - owner.stamp;
                age >= i64::from(life + slop)
            }
            Kind::Heartbeat => {
                let seen = (owner.client, owner.since);
                let known = self.nodes[client].watched.filter(|w| (w.0, w.1) == seen);
                let from = known.map_or(now, |watched| watched.2);
                self.nodes[client].watched = Some((seen.0, seen.1, from));
                now >= from + life + self.patience
            }
            _ => now >= owner.since + life + self.patience,
        }
    }

    fn take(&mut self, client: usize, life: Tick) {
        let (since, process) = (self.pen.now, self.nodes[client].process);
        let stamp = i64::from(since) + self.nodes[0].clock;
        self.lock = Some(Owner { client, process, since, stamp, life });
    }

    fn owns(&self, client: usize) -> bool {
        let process = self.nodes[client].process;
        self.lock.is_some_and(|owner| (owner.client, owner.process) == (client, process))
    }

    /// A call other than acquire reaches the server.
    fn arrive(&mut self, client: usize) {
        let owns = self.owns(client);
        let heard = match self.nodes[client].call.clone() {
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
            Some(Operation::IsHeld) => Heard::Held(owns || self.defect == Defect::SaysHeld),
            _ => return,
        };
        let failed = self.is_disturbed(client) && self.rng.random_bool(0.2);
        self.send(client, Step::Hear(if failed { Heard::Error } else { heard }));
    }

    fn hear(&mut self, client: usize, heard: Heard) {
        let call = self.nodes[client].call.take();
        self.pen.answer(
            client - 1,
            match heard {
                Heard::Ok => Answer::Ok { held: None },
                Heard::Held(held) => Answer::Ok { held: Some(held) },
                Heard::Busy => Answer::Busy,
                Heard::Timeout => Answer::Timeout,
                Heard::NotHeld => Answer::NotHeld,
                Heard::Error => error(),
            },
        );
        let lost = matches!(heard, Heard::NotHeld | Heard::Held(false));
        let node = &mut self.nodes[client];
        match call {
            Some(Operation::Acquire { .. }) if heard == Heard::Ok && !node.inside => {
                node.inside = true;
                self.pen.write(What::Entered { client: name(client - 1) });
                let most =
                    if self.rng.random_bool(self.long) { 3 * self.setup.lifetime } else { 4 };
                self.nodes[client].leaves = self.pen.now + self.rng.random_range(0..=most);
                self.after(0, 2, client, Step::Act);
            }
            Some(Operation::Release) if heard == Heard::Error && self.rng.random_bool(0.5) => {
                self.call(client, Operation::Release, Step::Arrive);
            }
            _ if node.inside && lost && self.rng.random_bool(0.8) => {
                node.inside = false;
                self.pen.write(What::Left { client: name(client - 1) });
                self.after(0, 3, client, Step::Ask);
            }
            _ if node.inside => self.after(0, 2, client, Step::Act),
            _ => self.after(0, 3, client, Step::Ask),
        }
    }

    /// One thing inside the critical section, or its end.
    fn act(&mut self, client: usize) {
        if self.pen.now >= self.nodes[client].leaves {
            self.nodes[client].inside = false;
            self.pen.write(What::Left { client: name(client - 1) });
            return self.call(client, Operation::Release, Step::Arrive);
        }
        let has_lifetime = !matches!(self.setup.lock, Kind::Kernel | Kind::Plain);
        match self.rng.random_range(0..10) {
            0..3 => {
                self.pen.write(What::CountBegan { client: name(client - 1) });
                self.send(client, Step::Read);
            }
            3..6 => self.call(client, Operation::IsHeld, Step::Arrive),
            6..8 if has_lifetime => {
                let fixed = self.setup.lock == Kind::Heartbeat || self.rng.random_bool(0.7);
                let life = if fixed { self.setup.lifetime } else { 2 };
                let lifetime = Nanos::from_secs(life.into());
                self.call(client, Operation::Refresh { lifetime }, Step::Arrive);
            }
            8 if self.setup.lock != Kind::Kernel => {
                let timeout = Some(Nanos::ZERO);
                self.nodes[client].gives_up = self.pen.now;
                self.call(client, Operation::Acquire { timeout }, Step::Poll);
            }
            _ => self.after(1, 5, client, Step::Act),
        }
    }

    /// A lock that renews itself does so every second, as long as it is there.
    fn beat(&mut self, client: usize) {
        if self.owns(client) {
            let life = self.setup.lifetime;
            self.take(client, life);
            self.after(1, 1, client, Step::Beat);
        }
    }
}
