//! What a call or a reply says.

use super::flow::Flow;
use super::record::Place;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

/// A call or a reply, as soon as all of it has passed.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// When its last byte passed (ns).
    pub at_ns: u64,
    /// From its sender to its receiver.
    pub flow: Flow,
    /// Where it lies in its sender's stream of bytes; a datagram lies in none.
    pub place: Option<Place>,
    pub xid: u32,
    pub kind: Kind,
    /// The number of the program, and its name; no number for what cannot be read, and for a reply
    /// whose call was not seen.
    pub program: Option<NonZeroU32>,
    pub program_name: &'static str,
    pub version: u32,
    /// The name of the procedure: `COMPOUND` in NFSv4, whose operations say more.
    pub procedure: &'static str,
    /// The minor version of NFSv4, or of its callbacks.
    pub minor: Option<u32>,
    /// Of a reply: COMPOUND's, or its procedure's.
    pub status: Option<Status>,
    /// A COMPOUND's operations; one of any other procedure. A reply has its call's, and their
    /// outcome as far as it was made.
    pub operations: Vec<Operation>,
    /// Of a reply: when its call had passed (ns), if it was seen.
    pub called_ns: Option<u64>,
    /// Why there is no more of it: what it says makes no sense from there on.
    pub trouble: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Call,
    Reply,
    /// No message: what its sender says on this connection makes no sense from here on, and is
    /// ignored until it opens a new one.
    Broken,
}

/// One operation of NFSv4, or a procedure of another program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operation {
    /// As its RFC spells it: `LINK`, `CB_RECALL`, `OPEN`.
    pub name: &'static str,
    /// Its number there.
    pub number: u32,
    /// What it is done to. Of `LINK` and `RENAME`, the new name. A file whose name was not seen
    /// is `fh:` and a short hash of its handle.
    pub path: Option<Arc<str>>,
    /// Of `LINK` and `RENAME`, the old name.
    pub from: Option<Arc<str>>,
    /// Its other arguments in words.
    pub arguments: String,
    /// How many bytes of its call there are from its number to the end; 0 of what is no COMPOUND.
    pub remaining: u32,
    /// Its outcome, once there is one.
    pub status: Option<Status>,
    /// What came back beside the status, in words.
    pub result: String,
}

impl Operation {
    /// How many bytes its words take.
    pub(super) fn words(&self) -> usize {
        let paths = [&self.path, &self.from].into_iter().flatten().map(|path| path.len());
        self.arguments.len() + self.result.len() + paths.sum::<usize>()
    }
}

/// How an operation ended: the number that was sent, and its name in the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub code: u32,
    /// `NFS4ERR_DENIED`; `?` of a number that no RFC has.
    pub name: &'static str,
}

impl Status {
    pub fn is_ok(&self) -> bool {
        self.code == 0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "?" => write!(f, "{}", self.code),
            name => f.write_str(name),
        }
    }
}

/// Operations that say how, and not what is done: each tier is less of a reason to send a call than
/// the next, and all of them less than any other operation.
const HOUSEKEEPING: [&[&str]; 4] = [
    &["SEQUENCE", "CB_SEQUENCE"],
    &["PUTFH", "PUTROOTFH", "PUTPUBFH", "SAVEFH", "RESTOREFH", "GETFH"],
    &["GETATTR"],
    &["ACCESS"],
];

impl Message {
    /// The operations for whose sake it was sent.
    pub fn main(&self) -> impl Iterator<Item = &Operation> {
        let names = self.operations.iter().map(|operation| operation.name);
        let highest = names.map(rank).max().unwrap_or(0);
        self.operations.iter().filter(move |operation| rank(operation.name) == highest)
    }
}

/// How much of a reason an operation is to send a call.
pub fn rank(operation: &str) -> usize {
    let tier = HOUSEKEEPING.iter().position(|names| names.contains(&operation));
    tier.unwrap_or(HOUSEKEEPING.len())
}
