//! From frames to messages.

use super::flow::{Content, Flow, Packet, packet};
use super::handles::{Handles, join};
use super::header::{self, Header, Wrapping};
use super::item::Reading;
use super::message::{Kind, Message, Operation, Status};
use super::nfs4::{self, Asked, Side};
use super::pending::{Calls, Pending};
use super::programs::{Callbacks, Language, Program};
use super::record::Place;
use super::streams::Streams;
use super::xdr::{Broken, Reader};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

/// Senders of which it is known whether they compute checksums.
const SENDERS_MAX: usize = 256;

/// Follows every conversation on a wire, and tells the calls and replies of NFS and its companions
/// when they have passed. What it keeps is bounded, whatever the frames hold.
///
/// Give it the frames in the order in which they pass, without those that something else loses:
/// what is lost is sent again, and a message is told once, when the last part of it that was
/// missing has passed.
#[derive(Debug, Default)]
pub struct Decoder {
    streams: Streams,
    dialogue: Dialogue,
    /// Whether the first frame of a sender had a good checksum: then a bad one is no message. Where
    /// a host leaves checksums to a card that is not there, all are bad.
    senders: BTreeMap<IpAddr, bool>,
}

impl Decoder {
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// A frame passes at `now_ns`: the messages that are whole by it.
    pub fn frame(&mut self, now_ns: u64, frame: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        let Some(packet) = packet(frame) else {
            return messages;
        };
        // A bare acknowledgment says nothing.
        if let Content::Segment(segment) = &packet.content
            && segment.payload.is_empty()
            && !segment.syn
            && !segment.rst
        {
            return messages;
        }
        if !self.is_taken(&packet) {
            return messages;
        }
        let (flow, dialogue) = (packet.flow, &mut self.dialogue);
        match packet.content {
            Content::Segment(segment) => {
                let mut each = |bytes: &[u8], place| {
                    messages.push(dialogue.message(now_ns, flow, bytes, Some(place)));
                };
                if let Err(Broken(why)) = self.streams.take(flow, &segment, &mut each) {
                    messages.push(blank(now_ns, flow, Kind::Broken, why));
                }
            }
            // A datagram of something else is no trouble of NFS.
            Content::Datagram(bytes) => {
                let message = dialogue.message(now_ns, flow, bytes, None);
                messages.extend(message.program.is_some().then_some(message));
            }
        }
        messages
    }

    /// Whether the receiver takes a packet, or throws it away for its checksum.
    fn is_taken(&mut self, packet: &Packet) -> bool {
        let sender = packet.flow.from.0;
        if self.senders.get(&sender) == Some(&false) {
            return true;
        }
        let holds = packet.checksum_holds();
        if self.senders.len() < SENDERS_MAX {
            self.senders.entry(sender).or_insert(holds);
        }
        holds || self.senders.get(&sender) == Some(&false)
    }
}

/// What calls and replies teach about those to come.
#[derive(Debug, Default)]
struct Dialogue {
    calls: Calls,
    callbacks: Callbacks,
    handles: Handles,
}

impl Dialogue {
    fn message(&mut self, now_ns: u64, flow: Flow, bytes: &[u8], place: Option<Place>) -> Message {
        let mut xdr = Reader::new(bytes);
        let mut message = match Header::read(&mut xdr) {
            Ok(Header::Call(call)) => self.call(now_ns, flow, &call, xdr),
            Ok(Header::Reply(reply)) => self.reply(now_ns, flow, &reply, xdr),
            Err(Broken(why)) => blank(now_ns, flow, Kind::Call, why),
        };
        message.place = place;
        message
    }

    fn call(&mut self, now_ns: u64, flow: Flow, call: &header::Call, xdr: Reader) -> Message {
        let header::Call { xid, program: number, version, procedure, wrapping } = *call;
        let program = self.callbacks.program(number, version);
        let mut asked = Asked::default();
        let mut status = None;
        let server = server(&flow, &program, Kind::Call);
        let outcome = unwrapped(xdr, wrapping).and_then(|xdr| match program.language {
            Language::Compound(side) if procedure == 1 => {
                nfs4::call(xdr, side, self.handles.of(server), &mut asked)
            }
            Language::Rows(_) => self.arguments(xdr, &program, procedure, server, &mut asked),
            _ => Ok(()),
        });
        if let Language::Rows(_) = program.language {
            status = asked.operations.first().and_then(|operation| operation.status);
        }
        if let Some(program) = asked.program {
            self.callbacks.learn(program);
        }
        let message = Message {
            at_ns: now_ns,
            flow,
            place: None,
            xid,
            kind: Kind::Call,
            program: NonZeroU32::new(number),
            program_name: program.name,
            version,
            procedure: program.language.procedure(procedure),
            minor: asked.minor,
            status,
            operations: asked.operations.clone(),
            called_ns: None,
            trouble: outcome.err().map(|Broken(why)| why),
        };
        let call = Pending { at_ns: now_ns, program: number, version, procedure, wrapping, asked };
        self.calls.insert(flow, xid, call);
        message
    }

    /// The arguments of a procedure that has a row.
    fn arguments(
        &mut self,
        xdr: Reader,
        program: &Program,
        procedure: u32,
        server: IpAddr,
        asked: &mut Asked,
    ) -> Result<(), Broken> {
        let row = program.language.row(procedure).ok_or(Broken("an unknown procedure"))?;
        let mut reading = Reading::new(xdr);
        let outcome = reading.read(row.arguments);
        let Reading { found, words, .. } = reading;
        let names = self.handles.of(server);
        let first = found.handle.map(|handle| names.path(handle));
        let directory = found.second_handle.map(|handle| names.path(handle));
        let mut operation = Operation {
            name: row.name,
            number: row.number,
            arguments: words,
            ..Operation::default()
        };
        operation.status = found.status;
        operation.path = match (found.name, &directory, &first) {
            (Some(name), Some(directory), _) | (Some(name), None, Some(directory)) => {
                Some(join(Some(directory), name))
            }
            // The directory that is mounted. Paths begin there, as they do over NFSv4.
            (Some(name), None, None) => {
                operation.arguments = format!("directory={}", super::handles::shown(name));
                Some("/".into())
            }
            (None, ..) => first.clone(),
        };
        if directory.is_some() {
            let old = found.old_name.map(|old| join(first.as_ref(), old));
            operation.from = old.or(first);
            asked.source = found.handle.map(Into::into);
        }
        asked.operations.push(operation);
        outcome
    }

    fn reply(&mut self, now_ns: u64, flow: Flow, reply: &header::Reply, xdr: Reader) -> Message {
        let Some(mut call) = self.calls.take(flow.back(), reply.xid) else {
            let mut message = blank(now_ns, flow, Kind::Reply, "its call was not seen");
            message.xid = reply.xid;
            return message;
        };
        let program = self.callbacks.program(call.program, call.version);
        let mut status = reply.refusal.map(|(code, name)| Status { code, name });
        let mut trouble = reply.refusal.map(|_| "refused");
        if reply.refusal.is_none() {
            let server = server(&flow, &program, Kind::Reply);
            let outcome = self.results(xdr, &program, &mut call, server, &mut status);
            trouble = outcome.err().map(|Broken(why)| why);
        }
        Message {
            at_ns: now_ns,
            flow,
            place: None,
            xid: reply.xid,
            kind: Kind::Reply,
            program: NonZeroU32::new(call.program),
            program_name: program.name,
            version: call.version,
            procedure: program.language.procedure(call.procedure),
            minor: call.asked.minor,
            status,
            operations: call.asked.operations,
            called_ns: Some(call.at_ns),
            trouble,
        }
    }

    fn results(
        &mut self,
        xdr: Reader,
        program: &Program,
        call: &mut Pending,
        server: IpAddr,
        status: &mut Option<Status>,
    ) -> Result<(), Broken> {
        let xdr = unwrapped(xdr, call.wrapping)?;
        let names = self.handles.of(server);
        match program.language {
            Language::Compound(side) if call.procedure == 1 => {
                let outcome = nfs4::reply(xdr, side, names, &mut call.asked);
                *status = outcome.0;
                outcome.1
            }
            Language::Rows(_) => {
                let Some(row) = program.language.row(call.procedure) else { return Ok(()) };
                let Some(operation) = call.asked.operations.first_mut() else { return Ok(()) };
                let mut reading = Reading::new(xdr);
                let outcome = reading.read(row.results);
                // The answer of a `_RES` call is empty: its status was an argument.
                operation.status = reading.found.status.or(operation.status);
                *status = operation.status;
                names.learn_from(operation, &reading.found, call.asked.source.as_deref());
                operation.result = reading.words;
                outcome
            }
            _ => Ok(()),
        }
    }
}

/// The host whose file handles a message speaks of.
fn server(flow: &Flow, program: &Program, kind: Kind) -> IpAddr {
    let is_back = matches!(program.language, Language::Compound(Side::Back));
    match is_back == (kind == Kind::Call) {
        true => flow.from.0,
        false => flow.to.0,
    }
}

/// The body within what protects it: RFC 2203, section 5.3.2.
fn unwrapped(mut xdr: Reader, wrapping: Wrapping) -> Result<Reader, Broken> {
    match wrapping {
        Wrapping::Plain => Ok(xdr),
        Wrapping::Integrity => {
            let mut body = Reader::new(xdr.opaque()?);
            body.u32()?;
            Ok(body)
        }
        Wrapping::Hidden => Err(Broken("encrypted")),
    }
}

fn blank(at_ns: u64, flow: Flow, kind: Kind, trouble: &'static str) -> Message {
    Message {
        at_ns,
        flow,
        place: None,
        xid: 0,
        kind,
        program: None,
        program_name: "?",
        version: 0,
        procedure: "?",
        minor: None,
        status: None,
        operations: Vec::new(),
        called_ns: None,
        trouble: Some(trouble),
    }
}
