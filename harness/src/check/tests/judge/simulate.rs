//! A lock in a simulated place, second by second: an ideal one, or one with a planted defect.
//!
//! It shares nothing with the rules of the judge: what takes effect here does so at one instant,
//! drawn at random, and is not looked for afterwards. `sim_client.rs` is the client's part of it,
//! `sim_lock.rs` the lock's, `sim_faults.rs` what befalls them.

use super::parameters::Tick;
use super::pen::Pen;
use super::setup::Setup;
use crate::fault::FaultId;
use crate::history::{Event, EventKind, Operation};
use crate::site::{ClientId, NodeId};
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
    /// The next round begins.
    Ask,
    Act,
    /// A try to take the lock reaches the server.
    Poll,
    /// The open call reaches the server.
    Arrive,
    /// Its answer reaches the client.
    Hear(Heard),
    Read,
    Write(u64),
    Wrote(u64),
    /// What the dead had sent reaches the server.
    Ghost(Sent),
    Beat,
    Strike,
    Heal(FaultId),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    Acquire,
    Release,
    Refresh(Tick),
    Write(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Owner {
    pub client: NodeId,
    pub process: u32,
    pub since: Tick,
    /// What the server's clock said then, in milliseconds.
    pub stamp: i64,
    pub life: Tick,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Counting {
    #[default]
    No,
    /// Between the call and what it has read, or has written.
    Busy,
    Read(u64),
}

/// Faults that are in force.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct InForce {
    pub fault: FaultId,
    /// All frames from it, to it, are lost; or only some.
    pub from: bool,
    pub to: bool,
    pub some: bool,
    pub late: Tick,
    /// When all has settled, after it has ended.
    pub back: Tick,
}

#[derive(Default)]
pub(super) struct Node {
    pub off: bool,
    /// Its process has ended by itself.
    pub ended: bool,
    pub process: u32,
    pub faults: Vec<InForce>,
    /// After an outage, nothing gets through before.
    pub back: Tick,
    /// When it last reached the server.
    pub contact: Tick,
    /// The wall clock's offset (ms) when it was last set, when that was, and its drift (ppm).
    pub clock: (i64, Tick, i64),
    pub call: Option<Operation>,
    pub inside: bool,
    pub counting: Counting,
    pub rounds: u32,
    pub leaves: Tick,
    pub gives_up: Tick,
    /// Whose lock it has seen, from which time, and since when it has.
    pub watched: Option<(NodeId, Tick, Tick)>,
}

/// When, in which order, which node, which of its processes, and what.
type Due = (Tick, u32, NodeId, u32, Step);

pub struct Sim<'a> {
    pub(super) setup: &'a Setup,
    pub(super) defect: Defect,
    pub(super) rng: &'a mut ChaCha8Rng,
    pub(super) pen: Pen,
    pub(super) nodes: Vec<Node>,
    pub(super) faults: usize,
    pub(super) lock: Option<Owner>,
    pub(super) released: bool,
    pub(super) file: u64,
    /// How late a lock that reads one clock finds a lifetime over.
    pub(super) patience: Tick,
    /// How often a stay is long.
    pub(super) long: f64,
    pub(super) queue: BTreeSet<Due>,
    order: u32,
}

/// A history of one lock, of a minute or less; now and then it waits long for nothing.
pub fn simulate(setup: &Setup, defect: Defect, rng: &mut ChaCha8Rng) -> Vec<Event> {
    let patience = rng.random_range(0..=setup.slop);
    let end = rng.random_range(12..=45);
    let waits = if defect == Defect::StaysTaken { 0.4 } else { 0.03 };
    let idle = if rng.random_bool(waits) { rng.random_range(110..=170) } else { 0 };
    let stays = matches!(defect, Defect::ReleasesAny | Defect::SaysHeld | Defect::NeverBreaks);
    let mut sim = Sim {
        setup,
        defect,
        rng,
        pen: Pen::default(),
        nodes: (0..=setup.clients).map(|_| Node::default()).collect(),
        faults: 0,
        lock: None,
        released: false,
        file: 0,
        patience,
        long: if stays { 0.7 } else { 0.35 },
        queue: BTreeSet::new(),
        order: 0,
    };
    sim.run(end, idle);
    sim.pen.events
}

impl Sim<'_> {
    fn run(&mut self, end: Tick, idle: Tick) {
        for client in ClientId::all(self.setup.clients).map(ClientId::node) {
            self.nodes[client.index()].rounds = self.rng.random_range(1..=3);
            self.after(0, 4, client, Step::Ask);
        }
        for _ in 0..self.rng.random_range(0..=2) {
            let node = NodeId::at(self.rng.random_range(0..self.nodes.len()));
            self.after(1, end, node, Step::Strike);
        }
        while let Some((at, _, node, process, step)) = self.queue.pop_first() {
            if at > end + idle {
                break;
            }
            self.pen.now = at;
            let anyway = matches!(step, Step::Strike | Step::Heal(_) | Step::Boot | Step::Ghost(_));
            let begins = at > end && matches!(step, Step::Ask | Step::Strike);
            if step == Step::Expire {
                self.expire(node, process);
            } else if let Step::Ghost(sent) = step {
                self.haunt(node, process, sent);
            } else if !begins && (anyway || self.nodes[node.index()].process == process) {
                self.step(node, step);
            }
        }
        self.pen.now = end + idle;
        if self.rng.random_bool(0.7) {
            self.pen.write(EventKind::CounterRead { value: self.file });
        }
        self.pen.write(EventKind::WorkloadEnded { completed: true, why: String::new() });
    }

    fn step(&mut self, node: NodeId, step: Step) {
        match step {
            Step::Strike => self.strike(node),
            Step::Heal(fault) => self.heal(node, fault),
            Step::Boot => self.boot(node),
            Step::Ask => self.ask(node),
            Step::Act => self.act(node),
            _ if !self.gets_through(node, step) => self.after(1, 1, node, step),
            Step::Poll => self.poll(node),
            Step::Arrive => self.arrive(node),
            Step::Hear(heard) => self.hear(node, heard),
            Step::Read => {
                self.nodes[node.index()].counting = Counting::Read(self.file);
                self.after(0, 3, node, Step::Act);
            }
            Step::Write(value) => self.write(node, value),
            Step::Wrote(read) => {
                self.nodes[node.index()].counting = Counting::No;
                self.pen.write(EventKind::Counted { client: node.to_string(), read });
                self.after(0, 2, node, Step::Act);
            }
            Step::Beat => self.beat(node),
            Step::Ghost(_) | Step::Expire => {}
        }
    }

    pub(super) fn after(&mut self, least: Tick, most: Tick, node: NodeId, step: Step) {
        let at = self.pen.now + self.rng.random_range(least..=most);
        self.order += 1;
        let process = self.nodes[node.index()].process;
        self.queue.insert((at, self.order, node, process, step));
    }

    /// Something is on its way to the server, or back.
    pub(super) fn send(&mut self, node: NodeId, step: Step) {
        let late = self.late(node);
        self.after(0, 1 + late, node, step);
    }

    /// How much longer a frame between a client and the server may take now.
    pub(super) fn late(&self, client: NodeId) -> Tick {
        let in_force =
            [client, NodeId::SERVER].into_iter().flat_map(|node| &self.nodes[node.index()].faults);
        in_force.map(|fault| fault.late).sum()
    }

    /// Whether what is due between a client and the server gets through now.
    fn gets_through(&mut self, client: NodeId, step: Step) -> bool {
        let down = matches!(step, Step::Hear(_) | Step::Wrote(_));
        let (here, there) = (&self.nodes[client.index()], &self.nodes[NodeId::SERVER.index()]);
        let lost_here = here.faults.iter().any(|fault| if down { fault.to } else { fault.from });
        let lost_there = there.faults.iter().any(|fault| if down { fault.from } else { fault.to });
        let some = here.faults.iter().chain(&there.faults).any(|fault| fault.some);
        let back = here.back.max(there.back);
        let lost = here.off || there.off || lost_here || lost_there || back > self.pen.now;
        let dropped = lost || some && self.rng.random_bool(0.5);
        let through = !dropped;
        if through && !down {
            self.nodes[client.index()].contact = self.pen.now;
        }
        through
    }

    pub(super) fn is_disturbed(&self, client: NodeId) -> bool {
        [client, NodeId::SERVER].into_iter().any(|node| {
            let node = &self.nodes[node.index()];
            node.off || node.back > self.pen.now || node.faults.iter().any(|f| f.late == 0)
        })
    }

    /// What a node's wall clock says, in milliseconds.
    pub(super) fn wall(&self, node: NodeId) -> i64 {
        let (offset, set, drift) = self.nodes[node.index()].clock;
        let ran = i64::from(self.pen.now - set) * 1_000;
        i64::from(self.pen.now) * 1_000 + offset + ran * drift / 1_000_000
    }
}
