//! The simulated site itself: the calendar of what happens, the wire, the disk, and the nodes.

use super::agent::{Agent, Setting};
use super::client::Client;
use super::clock::Clock;
use super::frame::{Book, Segment};
use super::locks::{Defect, Lock};
use super::node::{Io, Machine, Now, Role};
use super::server::{Disk, Manners};
use crate::plan::Plan;
use crate::rpc::Listener;
use crate::seeds;
use crate::site::clock::Calendar;
use crate::site::disk::trouble::{Trouble, TroubleId};
use crate::site::wire::{Frame, Rule, RuleId, Sent, Switch};
use crate::site::{Happening, NodeId, Site, SiteError, Statistics, blueprint};
use crate::units::{MICROSECOND, MILLISECOND, SECOND};
use lockstorm_agent::{Command, Message};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// As that of the real site's control channel (ns).
const CONTROL_LATENCY: u64 = 50 * MICROSECOND;
/// From power-on to the agent's hello (ns).
const BOOT: (u64, u64) = (300 * MILLISECOND, 3 * SECOND);
/// Of the counter's writes each so many-th is lost by a site that loses some.
const LOSES_EACH: u64 = 10;

/// How a run has left its site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aftermath {
    /// How far each node's wall clock is from the true time (ns); `None`: it has no power.
    pub clocks: Vec<Option<i64>>,
    /// Rules that lie over the wire.
    pub rules: usize,
}

/// A site in memory. See [`super`] for its parts.
pub struct SimSite<'a> {
    now: u64,
    plan: &'a Plan,
    lock: Lock,
    manners: Manners,
    calendar: Calendar<Event>,
    wire: Switch,
    /// When the wire's rules are asked next.
    wire_due: Option<u64>,
    book: Rc<RefCell<Book>>,
    disk: Disk,
    nodes: Vec<Node>,
    happenings: VecDeque<Happening>,
    statistics: Statistics,
    rng: ChaCha8Rng,
    rules: usize,
    /// Where its aftermath is left when it is finished.
    aftermath: Rc<RefCell<Aftermath>>,
    /// Room for what a node sends and says, used over and over.
    out: Vec<Segment>,
    said: Vec<Message>,
}

struct Node {
    machine: Option<Machine>,
    /// Which power-on it is: events are for one life of a node.
    life: u32,
    commands: u64,
    /// The ports that its kernels have used.
    ports: u16,
    /// Since when it has stood still, and what has been kept for it.
    pause: Option<(u64, Vec<Event>)>,
    /// Of its processes, each life another.
    seed: u64,
}

enum Event {
    Frame {
        frame: Frame,
        life: u32,
    },
    Command {
        node: NodeId,
        life: u32,
        id: u64,
        command: Box<Command>,
    },
    Booted {
        node: NodeId,
        life: u32,
    },
    Timer(u64),
    /// A rule of the wire has something to send by itself.
    Wire,
}

impl Node {
    fn wake_at(&self) -> Option<u64> {
        if self.pause.is_some() {
            return None;
        }
        self.machine.as_ref()?.wake_at
    }
}

impl<'a> SimSite<'a> {
    /// Builds the site; no node has power yet.
    pub fn new(plan: &'a Plan, lock: Lock) -> SimSite<'a> {
        let nodes = plan.blueprint.nodes.iter().map(|node| Node {
            machine: None,
            life: 0,
            commands: 0,
            ports: 0,
            pause: None,
            seed: seeds::derive(node.seed, "process"),
        });
        let mut rng = seeds::generator(seeds::derive(plan.seed, "simulated"));
        let manners = Manners { courteous: rng.random(), ends_grace_early: rng.random() };
        let loses = (lock.defect == Defect::LosesCounts).then_some(LOSES_EACH);
        SimSite {
            now: 0,
            plan,
            lock,
            manners,
            calendar: Calendar::default(),
            wire: Switch::new(plan.blueprint.nodes.len(), &plan.blueprint.wire),
            wire_due: None,
            book: Rc::default(),
            disk: Disk::new(loses),
            nodes: nodes.collect(),
            happenings: VecDeque::new(),
            statistics: Statistics::default(),
            rng,
            rules: 0,
            aftermath: Rc::default(),
            out: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Where it will leave what a run has left of it.
    pub fn aftermath(&self) -> Rc<RefCell<Aftermath>> {
        Rc::clone(&self.aftermath)
    }

    /// The next thing happens: of an event and a node that wakes at the same instant, the event.
    /// False when there is none.
    fn step(&mut self) -> bool {
        let awake = NodeId::all(self.nodes.len())
            .zip(&self.nodes)
            .filter_map(|(id, node)| Some((node.wake_at()?, id)));
        match (self.calendar.next_at(), awake.min()) {
            (Some(at), wake) if wake.is_none_or(|(wake_at, _)| at <= wake_at) => self.take_event(),
            (_, Some((at, node))) => {
                self.now = self.now.max(at);
                self.at(node, |machine, io, disk, _| machine.look_at_clock(io, disk));
            }
            _ => return false,
        }
        true
    }

    fn take_event(&mut self) {
        let Some((at, event)) = self.calendar.pop() else {
            return;
        };
        self.now = self.now.max(at);
        let Some(event) = self.kept_for_later(event) else {
            return;
        };
        match event {
            Event::Timer(token) => self.happenings.push_back(Happening::Timer(token)),
            Event::Wire => self.rules_are_due(),
            Event::Booted { node, life } => {
                if self.lives(node, life) {
                    self.happenings.push_back(Happening::Message { node, message: Message::Hello });
                }
            }
            Event::Frame { frame, life } => {
                if self.lives(frame.to, life)
                    && let Some(segment) = Segment::decode(&frame.bytes)
                    && segment.to.node == frame.to
                {
                    self.at(frame.to, |machine, io, disk, _| machine.receive(&segment, io, disk));
                }
            }
            Event::Command { node, life, id, command } => {
                if self.lives(node, life) {
                    let now = self.now;
                    self.at(node, |machine, io, disk, setting| {
                        machine.obey(id, *command, now, setting, io, disk);
                    });
                }
            }
        }
    }

    /// What happens to a node that stands still waits, or is lost if it is a frame.
    fn kept_for_later(&mut self, event: Event) -> Option<Event> {
        let node = match &event {
            Event::Frame { frame, .. } => frame.to,
            Event::Command { node, .. } | Event::Booted { node, .. } => *node,
            Event::Timer(_) | Event::Wire => return Some(event),
        };
        let Some((_, kept)) = &mut self.nodes[node.index()].pause else {
            return Some(event);
        };
        if !matches!(event, Event::Frame { .. }) {
            kept.push(event);
        }
        None
    }

    fn lives(&self, node: NodeId, life: u32) -> bool {
        self.nodes[node.index()].life == life && self.nodes[node.index()].machine.is_some()
    }

    /// Something happens to a node; then everybody in it goes on who can, and what it has sent
    /// and said goes its ways.
    fn at(
        &mut self,
        node: NodeId,
        happens: impl FnOnce(&mut Machine, &mut Io, &mut Disk, &Setting),
    ) {
        let state = &mut self.nodes[node.index()];
        let Some(machine) = &mut state.machine else {
            return;
        };
        let now = Now {
            monotonic: machine.clock.monotonic(self.now),
            wall: machine.clock.wall(self.now),
        };
        let (mut out, mut said) = (std::mem::take(&mut self.out), std::mem::take(&mut self.said));
        let mut book = self.book.borrow_mut();
        let mut io = Io { now, book: &mut book, out: &mut out, said: &mut said };
        let setting = Setting {
            blueprint: &self.plan.blueprint,
            lock: self.lock,
            manners: self.manners,
            process_seed: state.seed.wrapping_add(u64::from(state.life)),
            node,
        };
        happens(machine, &mut io, &mut self.disk, &setting);
        machine.run_until_idle(&mut io);
        drop(book);
        if let Role::Client { kernel, .. } = &machine.role {
            state.ports = kernel.ports();
        }
        let deadline = machine.deadline();
        machine.wake_at = deadline.map(|deadline| machine.clock.true_time(deadline).max(self.now));
        for segment in out.drain(..) {
            self.forward(node, &segment);
        }
        let messages = said.drain(..).map(|message| Happening::Message { node, message });
        self.happenings.extend(messages);
        (self.out, self.said) = (out, said);
    }

    fn forward(&mut self, from: NodeId, segment: &Segment) {
        self.statistics.frames += 1;
        let bytes = segment.encode(&self.book.borrow());
        for to in self.wire.receivers(from, &bytes) {
            let frame = Frame { from, to, bytes: bytes.clone() };
            for at in self.wire.route(&frame, self.now).arrivals {
                self.arrives(frame.clone(), at);
            }
        }
        self.after_rules();
    }

    fn sent_by_rule(&mut self, Sent { frame, route }: Sent) {
        for at in route.arrivals {
            self.arrives(frame.clone(), at);
        }
    }

    fn after_rules(&mut self) {
        self.happenings.extend(self.wire.signals().into_iter().map(Happening::Signal));
        self.await_rules();
    }

    fn arrives(&mut self, frame: Frame, at: u64) {
        let life = self.nodes[frame.to.index()].life;
        self.calendar.enter(at, Event::Frame { frame, life });
    }

    /// Rules that send by themselves are asked when they want to.
    fn await_rules(&mut self) {
        if let Some(at) = self.wire.next_at()
            && self.wire_due.is_none_or(|due| at < due)
        {
            self.wire_due = Some(at);
            self.calendar.enter(at.max(self.now), Event::Wire);
        }
    }

    fn rules_are_due(&mut self) {
        self.wire_due = None;
        for sent in self.wire.due(self.now) {
            self.sent_by_rule(sent);
        }
        self.after_rules();
    }
}

impl Site for SimSite<'_> {
    fn now(&self) -> u64 {
        self.now
    }

    fn lateness(&self) -> u64 {
        0
    }

    fn forget_lateness(&mut self) {}

    fn statistics(&self) -> Statistics {
        self.statistics
    }

    fn has_power(&self, node: NodeId) -> bool {
        self.nodes[node.index()].machine.is_some()
    }

    fn lay(&mut self, rule: Box<dyn Rule>) -> RuleId {
        self.rules += 1;
        let id = self.wire.lay(rule);
        self.await_rules();
        id
    }

    fn reseed(&mut self, seed: u64) {
        self.wire.reseed(seed);
    }

    fn lift(&mut self, id: RuleId) -> u64 {
        self.rules -= 1;
        let (hits, let_go) = self.wire.lift(id, self.now);
        for sent in let_go {
            self.sent_by_rule(sent);
        }
        hits
    }

    fn listener(&self) -> Box<dyn Listener> {
        Box::new(super::listener::SimListener::new(Rc::clone(&self.book)))
    }

    fn set_timer(&mut self, at: u64, token: u64) {
        self.calendar.enter(at.max(self.now), Event::Timer(token));
    }

    fn send(&mut self, node: NodeId, command: Command) -> u64 {
        let state = &mut self.nodes[node.index()];
        state.commands += 1;
        let (id, life, command) = (state.commands, state.life, Box::new(command));
        let event = Event::Command { node, life, id, command };
        self.calendar.enter(self.now + CONTROL_LATENCY, event);
        id
    }

    fn power_on(&mut self, node: NodeId) -> Result<(), SiteError> {
        let blueprint = &self.plan.blueprint;
        let lease = u64::from(blueprint.server.lease_s) * SECOND;
        let state = &mut self.nodes[node.index()];
        state.life += 1;
        state.pause = None;
        let (life, ports) = (state.life, state.ports);
        state.machine = Some(Machine {
            clock: Clock::power_on(self.now, blueprint.wall_start_s),
            role: match blueprint.node(node).role {
                blueprint::Role::Server => Role::Server(None),
                blueprint::Role::Client => Role::Client {
                    kernel: Box::new(Client::new(node, u64::from(life), lease, ports)),
                    process: None,
                },
            },
            agent: Agent::default(),
            on_network: false,
            wake_at: None,
        });
        let boot = self.rng.random_range(BOOT.0..=BOOT.1);
        self.calendar.enter(self.now + boot, Event::Booted { node, life });
        Ok(())
    }

    fn power_off(
        &mut self,
        node: NodeId,
        keep: &mut dyn FnMut(u64) -> bool,
    ) -> Result<usize, SiteError> {
        (self.nodes[node.index()].machine, self.nodes[node.index()].pause) = (None, None);
        Ok(match self.plan.blueprint.node(node).role {
            blueprint::Role::Server => self.disk.lose_power(keep),
            blueprint::Role::Client => 0,
        })
    }

    fn lay_trouble(&mut self, trouble: Trouble, seed: u64) -> TroubleId {
        self.disk.troubles.lay(trouble, seed)
    }

    fn lift_trouble(&mut self, id: TroubleId) -> u64 {
        self.disk.troubles.lift(id)
    }

    fn pause(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.machine.is_some() {
            state.pause.get_or_insert((self.now, Vec::new()));
        }
    }

    fn resume(&mut self, node: NodeId) -> u64 {
        let Some((since, kept)) = self.nodes[node.index()].pause.take() else {
            return 0;
        };
        if let Some(machine) = &mut self.nodes[node.index()].machine {
            machine.clock.stood_still(since, self.now);
        }
        for event in kept {
            self.calendar.enter(self.now, event);
        }
        self.at(node, |_, _, _, _| {});
        self.now - since
    }

    fn advance(&mut self) -> Result<Happening, SiteError> {
        loop {
            if let Some(happening) = self.happenings.pop_front() {
                return Ok(happening);
            }
            if !self.step() {
                return Ok(Happening::Idle);
            }
        }
    }

    fn finish(&mut self) -> Result<(), SiteError> {
        let clocks = self.nodes.iter().map(|node| {
            let machine = node.machine.as_ref()?;
            Some(machine.clock.error_ns(self.now))
        });
        let clocks = clocks.collect();
        *self.aftermath.borrow_mut() = Aftermath { clocks, rules: self.rules };
        Ok(())
    }
}
