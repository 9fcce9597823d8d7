//! What a history says beyond doubt at each instant: who calls, who is inside, who is well.

use super::clocks::Clocks;
use super::net::Net;
use super::parameters::{Parameters, Tick};
use crate::fault::FaultId;
use crate::history::{Consequence, Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::site::{ClientId, NodeId};
use std::collections::BTreeMap;

pub struct Call {
    pub at: Tick,
    pub operation: Operation,
    /// When it is answered, if it is.
    pub until: Option<Tick>,
    /// What it asks for may have been sent.
    pub sent: bool,
    /// Frames between the client and the server may have been lost at some time of it.
    pub lossy: bool,
}

/// A client's increment of the counter that is under way.
pub struct Counting {
    /// What it will say that it has read, if it ever says so.
    pub read: Option<u16>,
    began: Tick,
}

/// What a client's kernel may have kept of the counter.
pub struct Kept {
    pub value: u16,
    pub at: Tick,
}

#[derive(Default)]
pub struct Client {
    pub alive: bool,
    /// Which of its processes runs; each is another holder.
    pub process: u8,
    pub call: Option<Call>,
    pub inside: bool,
    /// It has been told that it does not hold any more.
    pub told: bool,
    /// It was told that it has the lock, and has neither called release since nor been told that
    /// it is lost.
    pub believes: bool,
    /// Its last call of acquire that it made without the lock.
    pub acquired: Tick,
    /// Since when it keeps asking for the lock.
    pub asks_since: Option<Tick>,
    /// It has ever called its lock.
    pub called: bool,
    asked_last: Tick,
    pub counting: Option<Counting>,
    pub kept: Option<Kept>,
    /// It was in contact with the server at some time since then.
    contact: Tick,
}

pub struct Scene<'a> {
    pub parameters: &'a Parameters,
    /// A story with any wrong in it is none.
    pub strict: bool,
    pub now: Tick,
    pub clients: Vec<Client>,
    pub net: Net,
    pub clocks: Clocks,
    pub anybody_counted: bool,
    history: &'a [Event],
    faults: BTreeMap<FaultId, &'a [Consequence]>,
}

impl<'a> Scene<'a> {
    pub fn new(parameters: &'a Parameters, history: &'a [Event], strict: bool) -> Scene<'a> {
        let client = |_| Client { alive: true, ..Client::default() };
        Scene {
            parameters,
            strict,
            now: 0,
            clients: parameters.clients.iter().map(client).collect(),
            net: Net::new(parameters),
            clocks: Clocks::new(1 + parameters.clients.len(), parameters.tick_ns),
            anybody_counted: false,
            history,
            faults: BTreeMap::new(),
        }
    }

    pub fn client(&self, name: &str) -> Option<ClientId> {
        self.parameters.clients.iter().position(|client| client == name).map(ClientId::at)
    }

    pub fn advance(&mut self, now: Tick) {
        self.now = now;
        self.look();
    }

    fn look(&mut self) {
        let contact: Vec<_> = self.clients.iter().map(|client| client.contact).collect();
        self.net.look(self.now, &contact);
        self.clocks.look(self.now);
        for (id, client) in ClientId::all(self.clients.len()).zip(&mut self.clients) {
            if let Some(call) = &mut client.call {
                call.sent |= self.net.sends(id);
                call.lossy |= self.net.is_lossy(id);
            }
        }
    }

    /// What changes with the event of this index, once all that it says has been made of it.
    pub fn apply(&mut self, index: usize) {
        let event = &self.history[index];
        match &event.kind {
            EventKind::NodeDied { node, .. } => self.power(node, false),
            EventKind::NodeBooted { node } => self.clock(node, 0, 0),
            EventKind::NodeReady { node, .. } => self.power(node, true),
            EventKind::ClockSet { node, offset_ns, drift_ppm } => {
                self.clock(node, *offset_ns, *drift_ppm);
            }
            EventKind::FaultStruck { fault, consequences, .. } => {
                self.faults.insert(*fault, consequences);
                self.frames();
            }
            EventKind::FaultEnded { fault, .. } => {
                self.faults.remove(fault);
                self.frames();
            }
            _ => self.apply_to_client(index),
        }
        self.look();
    }

    fn power(&mut self, node: &str, up: bool) {
        let Some(client) = self.client(node) else {
            return self.net.server(up, self.now);
        };
        self.net.node(client, up, self.now);
        if !up {
            self.end_process(client);
            self.clients[client.index()].kept = None;
            self.clock(node, 0, 0);
        }
    }

    fn clock(&mut self, node: &str, offset_ns: i64, drift_ppm: i64) {
        let node = self.client(node).map_or(NodeId::SERVER, ClientId::node);
        self.clocks.set(node, self.now, offset_ns, drift_ppm);
    }

    fn frames(&mut self) {
        let clients = &self.parameters.clients;
        for (client, name) in ClientId::all(clients.len()).zip(clients) {
            let in_force = self.faults.values().copied().flatten();
            let tick_ns = self.parameters.tick_ns;
            let ticks = |ns: u64| Tick::try_from(ns / tick_ns).unwrap_or(Tick::MAX / 8);
            self.net.faults(client, name, self.now, in_force, ticks);
        }
    }

    fn end_process(&mut self, id: ClientId) {
        let client = &mut self.clients[id.index()];
        *client = Client {
            process: client.process + u8::from(client.alive),
            acquired: client.acquired,
            called: client.called,
            kept: client.kept.take(),
            ..Client::default()
        };
    }

    fn apply_to_client(&mut self, index: usize) {
        let now = self.now;
        let (name, kind) = match &self.history[index].kind {
            kind @ (EventKind::AdapterReady { client, .. }
            | EventKind::AdapterFailed { client, .. }
            | EventKind::Called { client, .. }
            | EventKind::Answered { client, .. }
            | EventKind::Entered { client }
            | EventKind::Left { client }
            | EventKind::CountBegan { client }
            | EventKind::CountDropped { client, .. }
            | EventKind::Counted { client, .. }
            | EventKind::CountFailed { client, .. }) => (client, kind),
            _ => return,
        };
        let Some(id) = self.client(name) else {
            return;
        };
        let read = self.read_of(index, name);
        let until = self.answer_to(index);
        let think = self.parameters.think;
        self.anybody_counted |= matches!(kind, EventKind::CountBegan { .. });
        let client = &mut self.clients[id.index()];
        match kind {
            EventKind::AdapterReady { .. } => client.alive = true,
            EventKind::AdapterFailed { .. } => self.end_process(id),
            EventKind::Called { operation, .. } => {
                client.calls(operation.clone(), now, think, until)
            }
            EventKind::Answered { answer, .. } => client.hears(answer, now),
            EventKind::Entered { .. } => client.inside = true,
            EventKind::Left { .. } => client.inside = false,
            EventKind::CountBegan { .. } => client.counting = Some(Counting { read, began: now }),
            EventKind::Counted { read, .. } => {
                let began = client.counting.take().map_or(0, |counting| counting.began);
                client.contact = client.contact.max(began);
                client.kept = Some(Kept { value: small(*read).saturating_add(1), at: now });
            }
            _ => client.counting = None,
        }
    }

    /// When the call that is made with this event is answered, later.
    fn answer_to(&self, index: usize) -> Option<Tick> {
        let EventKind::Called { call, .. } = &self.history[index].kind else {
            return None;
        };
        let answer = self.history[index + 1..].iter().find(
            |event| matches!(&event.kind, EventKind::Answered { call: other, .. } if other == call),
        );
        Tick::try_from(answer?.at_ns / self.parameters.tick_ns).ok()
    }

    /// What the count that begins with this event is said to have read, later.
    fn read_of(&self, index: usize, name: &str) -> Option<u16> {
        let later = self.history[index + 1..].iter();
        let ends = later.filter_map(|event| match &event.kind {
            EventKind::Counted { client, read } if client == name => Some(Some(small(*read))),
            EventKind::CountBegan { client }
            | EventKind::CountDropped { client, .. }
            | EventKind::CountFailed { client, .. }
            | EventKind::AdapterFailed { client, .. }
                if client == name =>
            {
                Some(None)
            }
            EventKind::NodeDied { node, .. } if node == name => Some(None),
            _ => None,
        });
        ends.into_iter().next().flatten()
    }
}

/// A value of the counter, which short histories keep small.
pub fn small(value: u64) -> u16 {
    value.try_into().unwrap_or(u16::MAX - 1)
}

impl Client {
    fn calls(&mut self, operation: Operation, now: Tick, think: Tick, until: Option<Tick>) {
        match operation {
            Operation::Acquire { timeout } => {
                if !self.believes {
                    self.acquired = now;
                }
                let waits = timeout.is_none_or(|timeout| timeout.0 > 0);
                let goes_on = self.asks_since.filter(|_| now - self.asked_last <= think);
                self.asks_since = waits.then(|| goes_on.unwrap_or(now));
            }
            Operation::Release => self.believes = false,
            _ => {}
        }
        self.called = true;
        self.call = Some(Call { at: now, operation, until, sent: false, lossy: false });
    }

    fn hears(&mut self, answer: &Answer, now: Tick) {
        let Some(call) = self.call.take() else {
            return;
        };
        if matches!(answer, Answer::Ok { held: None }) {
            self.contact = self.contact.max(call.at);
        }
        let lost = matches!(answer, Answer::NotHeld | Answer::Ok { held: Some(false) });
        match (call.operation, answer) {
            (Operation::Acquire { .. }, Answer::Ok { .. }) => {
                (self.told, self.believes, self.asks_since) = (false, true, None);
            }
            (Operation::Acquire { .. }, _) => self.asked_last = now,
            (Operation::Refresh { .. }, Answer::Ok { .. }) => {
                (self.told, self.believes) = (false, self.inside);
            }
            (Operation::Refresh { .. } | Operation::IsHeld, _) if lost => {
                (self.told, self.believes) = (true, false);
            }
            _ => {}
        }
    }
}
