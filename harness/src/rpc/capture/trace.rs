//! Puts calls and replies together, frame by frame.

use super::passage::{Change, Direction, Key};
use super::{Call, Done, Passage};
use crate::rpc::flow::{Content, Flow, packet};
use crate::rpc::message::{Kind, Message};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// How the capture says that the wire has lost a frame.
const LOST: &str = "lost on the way to ";
/// And that a fault holds it back.
const LATE: &str = "late by ";

/// What the wire did to a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    is_lost: bool,
    late_ns: u64,
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The nodes' names, by the interface of the capture on which they send.
    nodes: Vec<String>,
    /// On which interface an address sends.
    hosts: BTreeMap<IpAddr, usize>,
    directions: HashMap<Flow, Direction>,
    calls: Vec<Traced>,
    /// The call that waits for a reply on a flow, by the flow of the call and its XID.
    asked: HashMap<(Flow, u32), usize>,
    /// The same between two hosts, whatever the connection: a client that has lost its connection
    /// sends what was not answered again on the next.
    unanswered: HashMap<(IpAddr, IpAddr, u32), usize>,
}

#[derive(Debug)]
struct Traced {
    call: Call,
    flow: Flow,
}

impl Traced {
    fn passage(&mut self, key: Key) -> &mut Passage {
        match key.is_reply {
            true => self.call.reply.get_or_insert_default(),
            false => &mut self.call.call,
        }
    }
}

impl Trace {
    pub fn interface(&mut self, name: Option<String>) {
        let number = self.nodes.len();
        self.nodes.push(name.unwrap_or_else(|| format!("interface {number}")));
    }

    /// A frame that was sent on an interface, and the messages that are whole by it.
    pub fn frame(
        &mut self,
        now: u64,
        interface: usize,
        frame: &[u8],
        comment: Option<&str>,
        messages: Vec<Message>,
    ) {
        let Some(packet) = packet(frame) else {
            return;
        };
        let flow = packet.flow;
        self.hosts.entry(flow.from.0).or_insert(interface);
        let way = Way {
            is_lost: comment.is_some_and(|comment| self.is_lost(&flow, comment)),
            late_ns: comment.and_then(late).unwrap_or(0),
        };
        if let Content::Segment(segment) = packet.content {
            let calls = &mut self.calls;
            let direction = self.directions.entry(flow).or_default();
            if segment.syn {
                direction.begin(segment.sequence.wrapping_add(1));
            }
            let length = segment.payload.len() as u32;
            if length > 0 {
                direction.frame(
                    now,
                    (segment.sequence, length),
                    way.is_lost,
                    &mut |key, change| {
                        let Some(traced) = calls.get_mut(key.call) else { return };
                        apply(traced.passage(key), now, change, way.late_ns);
                    },
                );
            }
        }
        for message in messages {
            self.message(now, message, way);
        }
    }

    /// The name of the node that has an address, if that has sent anything.
    fn node(&self, host: IpAddr) -> Option<&str> {
        self.nodes.get(*self.hosts.get(&host)?).map(String::as_str)
    }

    fn is_lost(&self, flow: &Flow, comment: &str) -> bool {
        let Some(names) = comment.strip_prefix(LOST) else {
            return false;
        };
        match self.node(flow.to.0) {
            Some(node) => names.split(", ").any(|name| name == node),
            None => true,
        }
    }

    fn message(&mut self, now: u64, message: Message, way: Way) {
        let flow = message.flow;
        match message.kind {
            Kind::Call => self.call(now, message, way),
            Kind::Reply => {
                let Some(call) = self.asked.get(&(flow.back(), message.xid)).copied() else {
                    return;
                };
                let key = Key { call, is_reply: true };
                let passage = self.passage(now, &message, key, way);
                let Some(traced) = self.calls.get_mut(call) else { return };
                match &mut traced.call.reply {
                    Some(known) => merge(known, passage),
                    none => *none = Some(passage),
                }
                if message.called_ns.is_some() {
                    traced.call.status = message.status.map(|status| status.to_string());
                    traced.call.operations =
                        message.operations.into_iter().map(Done::from).collect();
                    traced.call.trouble = message.trouble.map(str::to_owned);
                }
                if passage.passed_ns.is_some() {
                    self.unanswered.remove(&(flow.to.0, flow.from.0, message.xid));
                }
            }
            Kind::Broken => {
                let passage = Passage { sent_ns: now, passed_ns: Some(now), ..Passage::default() };
                self.calls.push(Traced { call: call(message, passage), flow });
            }
        }
    }

    fn call(&mut self, now: u64, message: Message, way: Way) {
        let flow = message.flow;
        let hosts = (flow.from.0, flow.to.0, message.xid);
        let before = self.unanswered.get(&hosts).copied().filter(|index| {
            self.calls.get(*index).is_some_and(|traced| is_same(&traced.call, &message))
        });
        let index = before.unwrap_or(self.calls.len());
        let passage = self.passage(now, &message, Key { call: index, is_reply: false }, way);
        self.asked.insert((flow, message.xid), index);
        match self.calls.get_mut(index) {
            Some(traced) => merge(&mut traced.call.call, passage),
            None => {
                if message.program.is_some() {
                    self.unanswered.insert(hosts, index);
                }
                self.calls.push(Traced { call: call(message, passage), flow });
            }
        }
    }

    fn passage(&mut self, now: u64, message: &Message, key: Key, way: Way) -> Passage {
        let Way { is_lost, late_ns } = way;
        let mut passage = match message.place {
            Some(place) => self.directions.entry(message.flow).or_default().message(place, key),
            None => Passage {
                sent_ns: now,
                passed_ns: (!is_lost).then_some(now),
                lost: u32::from(is_lost),
                ..Passage::default()
            },
        };
        if passage.passed_ns.is_some() {
            passage.late_ns = late_ns;
        }
        passage
    }

    /// All calls, by the time when they were sent.
    pub fn finish(mut self) -> Vec<Call> {
        let calls = std::mem::take(&mut self.calls).into_iter();
        let name = |host| self.node(host).map_or_else(|| host.to_string(), str::to_owned);
        let calls = calls.map(|Traced { call, flow }| Call {
            from: name(flow.from.0),
            to: name(flow.to.0),
            ..call
        });
        let mut calls: Vec<Call> = calls.collect();
        calls.sort_by_key(Call::at_ns);
        calls
    }
}

fn apply(passage: &mut Passage, now: u64, change: Change, late_ns: u64) {
    match change {
        Change::Again { is_lost } => {
            passage.sent_again += 1;
            passage.lost += u32::from(is_lost);
        }
        Change::Passed if passage.passed_ns.is_none() => {
            passage.passed_ns = Some(now);
            passage.late_ns = late_ns;
        }
        Change::Passed => {}
    }
}

/// `late by 1.234000000 s`, in nanoseconds.
fn late(comment: &str) -> Option<u64> {
    let (seconds, ns) = comment.strip_prefix(LATE)?.strip_suffix(" s")?.split_once('.')?;
    let (seconds, ns) = (seconds.parse::<u64>().ok()?, ns.parse::<u64>().ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(ns)
}

/// The same message once more, as a message of its own.
fn merge(known: &mut Passage, again: Passage) {
    known.sent_again += again.sent_again + 1;
    known.lost += again.lost;
    if known.passed_ns.is_none() {
        (known.passed_ns, known.late_ns) = (again.passed_ns, again.late_ns);
    }
}

fn is_same(known: &Call, message: &Message) -> bool {
    let names = message.operations.iter().map(|operation| operation.name);
    known.program == message.program_name
        && known.procedure == message.procedure
        && names.eq(known.operations.iter().map(|done| done.operation.as_str()))
}

fn call(message: Message, call: Passage) -> Call {
    Call {
        from: String::new(),
        to: String::new(),
        xid: message.xid,
        program: message.program_name.to_owned(),
        version: message.version,
        minor: message.minor,
        procedure: message.procedure.to_owned(),
        status: None,
        call,
        reply: None,
        operations: message.operations.into_iter().map(Done::from).collect(),
        trouble: message.trouble.map(str::to_owned),
    }
}
