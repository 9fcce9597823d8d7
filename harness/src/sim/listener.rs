//! Who understands the frames of a simulated site: each message by the names that NFSv4.1 has for
//! what it asks.

use super::frame::{Book, MESSAGE, OPERATION_LEFT, Segment};
use super::rpc::{Body, Call, Done, Errno, Op, Reply, Rpc};
use crate::rpc::{Flow, Kind, Listener, Message, NFS4ERR_OP_ILLEGAL, Operation, Place, Status};
use crate::site::NodeId;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::rc::Rc;

/// NFS, in RFC 8881.
const PROGRAM: NonZeroU32 = NonZeroU32::new(100_003).unwrap();

pub struct SimListener {
    book: Rc<RefCell<Book>>,
    /// The messages that have been told.
    told: BTreeSet<u64>,
    /// What was asked, by client and number: a reply does not say it.
    asked: BTreeMap<(NodeId, u64), (u64, Operation)>,
}

impl SimListener {
    pub fn new(book: Rc<RefCell<Book>>) -> SimListener {
        SimListener { book, told: BTreeSet::new(), asked: BTreeMap::new() }
    }

    fn operations(&mut self, now_ns: u64, segment: &Segment, rpc: &Rpc) -> Option<Content> {
        match &rpc.body {
            Body::Call(call) => {
                let asked = operation(call);
                self.asked.insert((segment.from.node, rpc.xid), (now_ns, asked.clone()));
                Some(Content { kind: Kind::Call, called_ns: None, operation: asked })
            }
            Body::Reply(reply) => {
                let asked = self.asked.get(&(segment.to.node, rpc.xid));
                let (called_ns, mut operation) = asked?.clone();
                operation.status = Some(status(reply));
                Some(Content { kind: Kind::Reply, called_ns: Some(called_ns), operation })
            }
        }
    }
}

/// What one message asks or answers.
struct Content {
    kind: Kind,
    called_ns: Option<u64>,
    operation: Operation,
}

impl Listener for SimListener {
    fn frame(&mut self, now_ns: u64, frame: &[u8]) -> Vec<Message> {
        let Some(segment) = Segment::decode(frame) else {
            return Vec::new();
        };
        let told = segment.message.map(|carried| carried.number);
        let Some(number) = told.filter(|number| self.told.insert(*number)) else {
            return Vec::new();
        };
        let rpc = self.book.borrow().read(number);
        let content = rpc.and_then(|rpc| Some((rpc.xid, self.operations(now_ns, &segment, &rpc)?)));
        let message = content.zip(Flow::of(frame)).map(|((xid, content), flow)| Message {
            at_ns: now_ns,
            flow,
            place: Some(Place { sequence: segment.seq, length: MESSAGE as u32 }),
            xid: xid as u32,
            kind: content.kind,
            program: Some(PROGRAM),
            program_name: "nfs",
            version: 4,
            procedure: "COMPOUND",
            minor: Some(1),
            status: content.operation.status,
            operations: vec![content.operation],
            called_ns: content.called_ns,
            trouble: None,
        });
        message.into_iter().collect()
    }
}

fn operation(call: &Call) -> Operation {
    let op = match call {
        Call::ExchangeId { .. } => return named("EXCHANGE_ID"),
        Call::CreateSession { .. } => return named("CREATE_SESSION"),
        Call::Compound { op, .. } => op,
    };
    let (name, path) = match op {
        Op::Renew => ("SEQUENCE", None),
        Op::Look(name) => ("LOOKUP", Some(name)),
        Op::Open(name) | Op::Create { name, .. } => ("OPEN", Some(name)),
        Op::Link { to, .. } => ("LINK", Some(to)),
        Op::Mkdir(name) | Op::Symlink { name, .. } => ("CREATE", Some(name)),
        Op::Rename { to, .. } => ("RENAME", Some(to)),
        Op::Remove(name) | Op::RemoveFile { name, .. } => ("REMOVE", Some(name)),
        Op::Touch(name) => ("SETATTR", Some(name)),
        Op::Write { name, .. } | Op::Swap { name, .. } => ("WRITE", Some(name)),
        Op::Commit(name) => ("COMMIT", Some(name)),
        Op::Lock { name, .. } => ("LOCK", Some(name)),
        Op::Unlock { name, .. } => ("LOCKU", Some(name)),
        Op::ReclaimComplete => ("RECLAIM_COMPLETE", None),
    };
    let path = path.map(|name| format!("/{name}").into());
    let arguments = match op {
        Op::Lock { reclaim: true, .. } => "reclaim".into(),
        _ => String::new(),
    };
    Operation { path, arguments, ..named(name) }
}

fn named(name: &'static str) -> Operation {
    Operation { name, remaining: OPERATION_LEFT as u32, ..Operation::default() }
}

fn status(reply: &Reply) -> Status {
    let (code, name) = match reply {
        Reply::BadSession => (10052, "NFS4ERR_BADSESSION"),
        Reply::Misordered => (10063, "NFS4ERR_SEQ_MISORDERED"),
        Reply::CreateSession(None) => (10022, "NFS4ERR_STALE_CLIENTID"),
        Reply::Compound(Err(errno)) => of_errno(*errno),
        Reply::Compound(Ok(Done::Looked { file: None, .. })) => (2, "NFS4ERR_NOENT"),
        _ => (0, "NFS4_OK"),
    };
    Status { code, name }
}

fn of_errno(errno: Errno) -> (u32, &'static str) {
    match errno {
        Errno::Exists => (17, "NFS4ERR_EXIST"),
        Errno::NoEntry => (2, "NFS4ERR_NOENT"),
        Errno::Again => (10010, "NFS4ERR_DENIED"),
        Errno::Grace => (10013, "NFS4ERR_GRACE"),
        Errno::NoGrace => (10033, "NFS4ERR_NO_GRACE"),
        Errno::Io => (5, "NFS4ERR_IO"),
        Errno::Illegal => (NFS4ERR_OP_ILLEGAL, "NFS4ERR_OP_ILLEGAL"),
    }
}
