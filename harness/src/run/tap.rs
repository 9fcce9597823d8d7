//! The tap: listens to the wire for the calls that faults wait for, and holds the frame that brings
//! one until the fault has struck.

use crate::fault::{Caught, FaultId, Nearness, Passes};
use crate::rpc::{Kind, Listener, Message};
use crate::site::blueprint::NodeBlueprint;
use crate::site::wire::{Fate, Frame, Passing, Rule};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is shared between the rule on the wire and the nemesis.
pub struct Tap {
    listener: Box<dyn Listener>,
    /// The clients' names.
    clients: Vec<String>,
    waits: Vec<Wait>,
    /// Calls count from when the workload begins.
    is_counting: bool,
    caught: BTreeMap<FaultId, Caught>,
    signals: Vec<FaultId>,
    /// The frames that pass as soon as the faults have struck that waited for them, and when.
    held: Vec<(u64, Frame)>,
}

/// A fault that waits.
struct Wait {
    fault: FaultId,
    passes: Passes,
    seen: u32,
    nearest: Option<Nearness>,
}

impl Tap {
    pub fn new(
        listener: Box<dyn Listener>,
        clients: &[NodeBlueprint],
        waits: impl Iterator<Item = (FaultId, Passes)>,
    ) -> Tap {
        let wait = |(fault, passes)| Wait { fault, passes, seen: 0, nearest: None };
        Tap {
            listener,
            clients: clients.iter().map(|node| node.name.clone()).collect(),
            waits: waits.map(wait).collect(),
            is_counting: false,
            caught: BTreeMap::new(),
            signals: Vec::new(),
            held: Vec::new(),
        }
    }

    /// The workload has begun.
    pub fn begin(&mut self) {
        self.is_counting = true;
    }

    /// What a fault was signalled for.
    pub fn take(&mut self, fault: FaultId) -> Option<Caught> {
        self.caught.remove(&fault)
    }

    /// Why a fault has not struck that waited: what it waited for, and what came nearest.
    pub fn why_not(&self, fault: FaultId) -> Option<String> {
        let wait = self.waits.iter().find(|wait| wait.fault == fault)?;
        let what = wait.passes.describe();
        Some(match (&wait.nearest, wait.seen) {
            (_, 1..) => format!("it waited for {what}, and {} came", wait.seen),
            (None, _) => format!("it waited for {what}, and no {} came", wait.passes.op),
            (Some(nearest), _) => format!("it waited for {what}; {}", nearest.describe()),
        })
    }

    /// A message passes: signals the faults that waited for it.
    fn on_message(&mut self, message: &Message, frame: &Frame) {
        // Callbacks are made by the server; every conversation is some client's.
        let Some(client) = frame.from.client().or(frame.to.client()) else {
            return;
        };
        let Some(name) = self.clients.get(client.index()) else {
            return;
        };
        for wait in &mut self.waits {
            let nearness = wait.passes.nearness(message, name);
            if nearness != Some(Nearness::Match) {
                wait.nearest = wait.nearest.take().max(nearness);
                continue;
            }
            wait.seen += 1;
            if wait.seen == wait.passes.nth {
                let op = wait.passes.op.clone();
                let caught = Caught { client, op, message: message.clone(), frame: frame.clone() };
                self.caught.insert(wait.fault, caught);
                self.signals.push(wait.fault);
            }
        }
    }
}

/// The rule that a [`Tap`] lays over the wire.
pub struct TapRule(pub Rc<RefCell<Tap>>);

impl Rule for TapRule {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        let mut tap = self.0.borrow_mut();
        let messages = tap.listener.frame(passing.now, &passing.frame.bytes);
        if !tap.is_counting {
            return Fate::pass();
        }
        let before = tap.signals.len();
        for message in messages.iter().filter(|message| message.kind != Kind::Broken) {
            tap.on_message(message, passing.frame);
        }
        if tap.signals.len() == before {
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
        self.0.borrow().held.first().map(|(at, _)| *at)
    }

    fn due(&mut self, _: u64) -> Vec<Frame> {
        self.let_go()
    }

    fn let_go(&mut self) -> Vec<Frame> {
        self.0.borrow_mut().held.drain(..).map(|(_, frame)| frame).collect()
    }
}
