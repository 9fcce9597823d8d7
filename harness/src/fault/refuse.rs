use super::{CALLER, Caught, Effect, Fault};
use crate::history::Consequence;
use crate::rpc::{self, Kind, Place};
use crate::site::NodeId;
use crate::site::wire::tcp::{self, Segment};
use crate::site::wire::{Fate, Frame, Passing, Rule};
use crate::units::{Nanos, SECOND};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Answer the call that was waited for with an error, in the server's place: what it asks for is
/// not done.
///
/// On its way to the server the operation becomes one that no server knows, and the answer, which
/// says so, becomes the error on its way back. So all that belongs to the connection and the
/// session goes on as if the server had said it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refuse {
    /// The error, as RFC 8881 spells it: NFS4ERR_DELAY, NFS4ERR_IO, NFS4ERR_ACCESS, NFS4ERR_NOSPC
    /// ...
    pub with: String,
}

/// Errors that any server may give at any time, and that say nothing of names or state: a client
/// that is told of a name that is not there, or of a lease that it has lost, would act on a lie.
pub const ERRORS: &[&str] = &[
    "NFS4ERR_PERM",
    "NFS4ERR_IO",
    "NFS4ERR_ACCESS",
    "NFS4ERR_NOSPC",
    "NFS4ERR_ROFS",
    "NFS4ERR_DQUOT",
    "NFS4ERR_SERVERFAULT",
    "NFS4ERR_DELAY",
    "NFS4ERR_RESOURCE",
];

/// Operations whose refusal leaves nothing behind that client and server see differently. (One that
/// ends a state is none; nor are those that a client sends along with an OPEN.)
pub const OPERATIONS: &[&str] = &[
    "OPEN", "CREATE", "LINK", "RENAME", "REMOVE", "LOCK", "LOOKUP", "READ", "WRITE", "COMMIT",
    "READDIR", "READLINK",
];

/// OP_ILLEGAL has the number of the error that it gets (RFC 8881, section 18.52).
const ILLEGAL: u32 = rpc::NFS4ERR_OP_ILLEGAL;
/// The answer is there by then.
const LASTS: Nanos = Nanos(2 * SECOND);

impl Refuse {
    /// Whether a program can tell it from what is no error at all: to be refused a lock that
    /// another holds is EACCES or EAGAIN.
    pub fn means_an_error_of(&self, operation: &str) -> bool {
        operation != "LOCK" || self.with != "NFS4ERR_ACCESS"
    }
}

impl Fault for Refuse {
    fn target(&self) -> &str {
        CALLER
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        Vec::new()
    }

    fn effects_on(&self, caught: &Caught) -> Vec<Effect> {
        let message = &caught.message;
        let mut operations = message.operations.iter();
        let operation = operations.find(|operation| operation.name == caught.op);
        let (Some(place), Some(operation), Some(status)) =
            (message.place, operation, rpc::nfs4_status(&self.with))
        else {
            return Vec::new();
        };
        let Some(segment) = Segment::of(&caught.frame.bytes) else {
            return Vec::new();
        };
        if message.kind != Kind::Call || operation.remaining == 0 {
            return Vec::new();
        }
        vec![Effect::Wire(Box::new(RefuseCall {
            segment,
            place,
            number: place.sequence.wrapping_add(place.length).wrapping_sub(operation.remaining),
            xid: message.xid,
            operation: operation.number,
            status,
            due: BTreeMap::new(),
            sent: 0,
        }))]
    }

    fn needs_message(&self) -> bool {
        true
    }

    fn lasts(&self) -> Option<Nanos> {
        Some(LASTS)
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::Refusal { node: node.into(), op: None }]
    }

    fn describe(&self) -> String {
        format!("has a call answered with {}", self.with)
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        if ERRORS.contains(&self.with.as_str()) {
            return Vec::new();
        }
        let shown: String = self.with.chars().take(40).collect();
        let message = format!("`with` is `{shown}`; expected one of {}", ERRORS.join(", "));
        vec![(Some("with"), message)]
    }
}

struct RefuseCall {
    /// The one that brought the call.
    segment: Segment,
    place: Place,
    /// Where the operation's number stands in the stream of bytes.
    number: u32,
    xid: u32,
    operation: u32,
    status: u32,
    /// Frames that go on, rewritten, by when and in which order they came.
    due: BTreeMap<(u64, u64), Frame>,
    sent: u64,
}

impl RefuseCall {
    /// The call, with an operation that no server knows.
    fn call(&self, here: &Segment, bytes: &[u8]) -> Option<Vec<u8>> {
        if !self.place.overlaps(here.sequence, here.length) {
            return None;
        }
        let at = usize::try_from(self.number.wrapping_sub(here.sequence)).ok()?;
        tcp::rewritten(bytes, at, &ILLEGAL.to_be_bytes())
    }

    /// The answer to it, with the error instead.
    fn reply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let payload = tcp::payload(bytes)?;
        let (at, end) = record(payload, self.xid)?;
        // RFC 5531, section 9: xid, REPLY, MSG_ACCEPTED, the verifier, SUCCESS; then COMPOUND4res.
        let word = |at| word(payload, at);
        let verifier = usize::try_from(word(at + 16)?).ok()?.checked_next_multiple_of(4)?;
        let success = at + 20 + verifier;
        let is_refusal = word(at + 8) == Some(0)
            && word(success) == Some(0)
            && word(success + 4) == Some(ILLEGAL)
            && end >= success + 16
            && word(end - 8) == Some(ILLEGAL);
        if !is_refusal {
            return None;
        }
        let bytes = tcp::rewritten(bytes, success + 4, &self.status.to_be_bytes())?;
        let bytes = tcp::rewritten(&bytes, end - 8, &self.operation.to_be_bytes())?;
        tcp::rewritten(&bytes, end - 4, &self.status.to_be_bytes())
    }
}

/// The number that stands there (RFC 4506, section 4.2).
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_be_bytes(*word))
}

/// Where the reply with this number begins and ends in what a frame carries, without its mark, if
/// it is whole and of one fragment.
fn record(payload: &[u8], xid: u32) -> Option<(usize, usize)> {
    const REPLY: u32 = 1;
    const LENGTH: u32 = !(1 << 31);
    let word = |at| word(payload, at);
    let mut at = 0;
    loop {
        let length = usize::try_from(word(at)? & LENGTH).ok()?;
        let (begin, end) = (at + 4, at.checked_add(4)?.checked_add(length)?);
        if word(begin)? == xid && word(begin + 4)? == REPLY {
            return (end <= payload.len()).then_some((begin, end));
        }
        at = end;
    }
}

impl Rule for RefuseCall {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        let bytes = &passing.frame.bytes;
        let Some(here) = Segment::of(bytes) else {
            return Fate::pass();
        };
        let rewritten = match here.flow {
            flow if flow == self.segment.flow => self.call(&here, bytes),
            flow if flow == self.segment.flow.back() => self.reply(bytes),
            _ => None,
        };
        let Some(rewritten) = rewritten else {
            return Fate::pass();
        };
        self.sent += 1;
        let frame = Frame { bytes: rewritten.into(), ..passing.frame.clone() };
        self.due.insert((passing.now, self.sent), frame);
        Fate::held()
    }

    fn next_at(&self) -> Option<u64> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    fn due(&mut self, _: u64) -> Vec<Frame> {
        self.let_go()
    }

    fn let_go(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.due).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_one_of_nfs_and_every_operation_too() {
        assert!(ERRORS.iter().all(|name| rpc::nfs4_status(name).is_some()));
        assert!(OPERATIONS.iter().all(|name| rpc::operations().any(|known| known == *name)));
    }

    #[test]
    fn a_reply_is_found_behind_others_and_not_if_it_is_cut_short() {
        let record_of = |xid: u32, body: &[u8]| {
            let length = (1 << 31) | (8 + body.len()) as u32;
            let head = [length, xid, 1].map(u32::to_be_bytes).concat();
            [head, body.to_vec()].concat()
        };
        let both = [record_of(7, &[0; 12]), record_of(9, &[1; 4])].concat();
        assert_eq!(record(&both, 7), Some((4, 24)));
        assert_eq!(record(&both, 9), Some((28, 40)));
        assert_eq!(record(&both, 8), None);
        assert_eq!(record(&both[..30], 9), None);
        assert_eq!(record(&[0; 64], 9), None, "records of no length end, too");
    }
}
