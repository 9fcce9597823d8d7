//! The tap: listens to the wire for the calls that faults wait for, and holds the frame that brings
//! one until the fault has struck.

use crate::fault::{Caught, Exists, FaultId, Nearness, NodeState, Passes, Reaches};
use crate::rpc::{Kind, Listener, Message};
use crate::site::ClientId;
use crate::site::blueprint::Blueprint;
use crate::site::wire::{Fate, Frame, Passing, Rule};
use crate::units::SECOND;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is shared between the rule on the wire and the nemesis.
pub struct Tap {
    listener: Box<dyn Listener>,
    clients: Vec<Client>,
    waits: Vec<Wait>,
    /// Calls count from when the workload begins.
    is_counting: bool,
    /// How long a lease is (ns).
    lease: u64,
    /// The messages that faults waited for.
    caught: BTreeMap<FaultId, Caught>,
    /// The clients that have come into a state that faults waited for.
    came: BTreeMap<FaultId, ClientId>,
    signals: Vec<FaultId>,
    /// The frames that pass as soon as the faults have struck that waited for them, and when.
    held: Vec<(u64, Frame)>,
}

struct Client {
    name: String,
    /// When its last call passed (ns), until its lease has expired after that.
    called: Option<u64>,
}

/// A fault that waits.
struct Wait {
    fault: FaultId,
    awaited: Awaited,
    seen: u32,
    nearest: Option<Nearness>,
}

/// What faults wait for that the wire can tell.
pub enum Awaited {
    Passes(Passes),
    Reaches(Reaches),
    Exists(Exists),
}

impl Awaited {
    fn nth(&self) -> u32 {
        match self {
            Awaited::Passes(passes) => passes.nth,
            Awaited::Reaches(reaches) => reaches.nth,
            Awaited::Exists(exists) => exists.nth,
        }
    }
}

impl Tap {
    pub fn new(
        listener: Box<dyn Listener>,
        blueprint: &Blueprint,
        waits: impl Iterator<Item = (FaultId, Awaited)>,
    ) -> Tap {
        let wait = |(fault, awaited)| Wait { fault, awaited, seen: 0, nearest: None };
        let clients = blueprint.clients().iter();
        Tap {
            listener,
            clients: clients.map(|node| Client { name: node.name.clone(), called: None }).collect(),
            waits: waits.map(wait).collect(),
            is_counting: false,
            lease: u64::from(blueprint.server.lease_s) * SECOND,
            caught: BTreeMap::new(),
            came: BTreeMap::new(),
            signals: Vec::new(),
            held: Vec::new(),
        }
    }

    /// The workload has begun.
    pub fn begin(&mut self) {
        self.is_counting = true;
    }

    /// The message that a fault was signalled for.
    pub fn take(&mut self, fault: FaultId) -> Option<Caught> {
        self.caught.remove(&fault)
    }

    /// The client by whose state, or whose file, a fault was signalled.
    pub fn take_client(&mut self, fault: FaultId) -> Option<ClientId> {
        self.came.remove(&fault)
    }

    /// Why a fault has not struck that waited: what it waited for, and what came nearest.
    pub fn why_not(&self, fault: FaultId) -> Option<String> {
        let wait = self.waits.iter().find(|wait| wait.fault == fault)?;
        let passes = match &wait.awaited {
            Awaited::Passes(passes) => passes,
            Awaited::Reaches(reaches) => {
                return Some(waited_in_vain(&reaches.describe(), wait.seen));
            }
            Awaited::Exists(exists) => return Some(waited_in_vain(&exists.describe(), wait.seen)),
        };
        let what = passes.describe();
        Some(match (&wait.nearest, wait.seen) {
            (_, 1..) => format!("it waited for {what}, and {} came", wait.seen),
            (None, _) => format!("it waited for {what}, and no {} came", passes.op),
            (Some(nearest), _) => format!("it waited for {what}; {}", nearest.describe()),
        })
    }

    /// A message passes: signals the faults that waited for it.
    fn on_message(&mut self, message: &Message, frame: &Frame) {
        // Callbacks are made by the server; every conversation is some client's.
        let Some(id) = frame.from.client().or(frame.to.client()) else {
            return;
        };
        let Some(client) = self.clients.get_mut(id.index()) else {
            return;
        };
        if message.kind == Kind::Call && frame.from.client().is_some() {
            client.called = Some(message.at_ns);
        }
        if !self.is_counting {
            return;
        }
        for wait in &mut self.waits {
            match &wait.awaited {
                Awaited::Passes(passes) => {
                    let nearness = passes.nearness(message, &client.name);
                    if nearness != Some(Nearness::Match) {
                        wait.nearest = wait.nearest.take().max(nearness);
                        continue;
                    }
                    let op = passes.op.clone();
                    if wait.is_the_one() {
                        let (message, frame) = (message.clone(), frame.clone());
                        self.caught.insert(wait.fault, Caught { client: id, op, message, frame });
                        self.signals.push(wait.fault);
                    }
                }
                Awaited::Reaches(reaches) if reaches.is_met_by(message, &client.name) => {
                    wait.come(id, &mut self.came, &mut self.signals);
                }
                Awaited::Exists(exists) if exists.is_met_by(message) => {
                    wait.come(id, &mut self.came, &mut self.signals);
                }
                _ => {}
            }
        }
    }

    /// When the next lease expires that a fault waits for (ns).
    fn next_expiry(&self) -> Option<u64> {
        let waits = || {
            self.waits.iter().filter_map(|wait| match &wait.awaited {
                Awaited::Reaches(reaches) if reaches.is == NodeState::LeaseExpired => Some(reaches),
                _ => None,
            })
        };
        let clients = self
            .clients
            .iter()
            .filter(|client| self.is_counting && waits().any(|one| one.is_about(&client.name)));
        clients.filter_map(|client| client.called).min().map(|called| called + self.lease)
    }

    /// Signals the faults that waited for a lease that has expired by now.
    fn expire(&mut self, now: u64) {
        for (index, client) in self.clients.iter_mut().enumerate() {
            if client.called.is_none_or(|called| called + self.lease > now) {
                continue;
            }
            client.called = None;
            for wait in &mut self.waits {
                if let Awaited::Reaches(reaches) = &wait.awaited
                    && reaches.is == NodeState::LeaseExpired
                    && reaches.is_about(&client.name)
                {
                    wait.come(ClientId::at(index), &mut self.came, &mut self.signals);
                }
            }
        }
    }
}

impl Wait {
    /// One more has come: whether it is the one that is waited for.
    fn is_the_one(&mut self) -> bool {
        self.seen += 1;
        self.seen == self.awaited.nth()
    }

    fn come(
        &mut self,
        client: ClientId,
        came: &mut BTreeMap<FaultId, ClientId>,
        signals: &mut Vec<FaultId>,
    ) {
        if self.is_the_one() {
            came.insert(self.fault, client);
            signals.push(self.fault);
        }
    }
}

/// What a fault waited for that has not struck, and how often that has come.
pub fn waited_in_vain(what: &str, seen: u32) -> String {
    match seen {
        0 => format!("it waited for {what}, and it never came to that"),
        1 => format!("it waited for {what}, and it came to that once"),
        _ => format!("it waited for {what}, and it came to that {seen} times"),
    }
}

/// The rule that a [`Tap`] lays over the wire.
pub struct TapRule(pub Rc<RefCell<Tap>>);

impl Rule for TapRule {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        let mut tap = self.0.borrow_mut();
        let messages = tap.listener.frame(passing.now, &passing.frame.bytes);
        let before = tap.caught.len();
        for message in messages.iter().filter(|message| message.kind != Kind::Broken) {
            tap.on_message(message, passing.frame);
        }
        if tap.caught.len() == before {
            return Fate::pass();
        }
        tap.held.push((passing.now, passing.frame.clone()));
        Fate::held()
    }

    fn comes_last(&self) -> bool {
        true
    }

    fn signals(&mut self) -> Vec<u64> {
        self.0.borrow_mut().signals.drain(..).map(FaultId::token).collect()
    }

    fn next_at(&self) -> Option<u64> {
        let tap = self.0.borrow();
        let held = tap.held.first().map(|(at, _)| *at);
        held.into_iter().chain(tap.next_expiry()).min()
    }

    fn due(&mut self, now: u64) -> Vec<Frame> {
        self.0.borrow_mut().expire(now);
        self.let_go()
    }

    fn let_go(&mut self) -> Vec<Frame> {
        self.0.borrow_mut().held.drain(..).map(|(_, frame)| frame).collect()
    }
}
