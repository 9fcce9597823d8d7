//! Frames: TCP over IPv4 over Ethernet, so that whatever a fault does to a frame it can do to
//! these.
//!
//! What a message says is in the run's [`Book`]: the bytes carry its number there, and of ONC-RPC
//! (RFC 5531) and COMPOUND (RFC 8881, section 16.2) the words by which a fault finds and changes
//! the operation of a call and the status of a reply. Whoever receives the frame reads it, unless
//! the checksum says that the bytes were damaged.

use super::rpc::{Body, Errno, Reply, Rpc};
use crate::rpc::NFS4ERR_OP_ILLEGAL;
use crate::site::NodeId;
use std::rc::Rc;

/// One TCP segment; with a message, or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub from: End,
    pub to: End,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub message: Option<Carried>,
}

/// A message as its frame carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its number in the book.
    pub number: u64,
    /// What somebody on the way has made of it: of a call's operation one that no server knows, of
    /// that answer another error.
    pub changed: Option<u32>,
}

impl From<u64> for Carried {
    fn from(number: u64) -> Carried {
        Carried { number, changed: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    pub node: NodeId,
    pub port: u16,
}

pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// Every message takes as much of the stream: about what a COMPOUND of a lock comes to (bytes).
pub const MESSAGE: usize = 200;
/// Of a call: how much of it is left where its operation's number stands (bytes).
pub const OPERATION_LEFT: usize = 8;

/// Where the words of a message stand in it (bytes).
mod at {
    pub const MARK: usize = 0;
    pub const XID: usize = 4;
    pub const KIND: usize = 8;
    /// Of a reply: COMPOUND's status, behind an empty verifier.
    pub const STATUS: usize = 28;
    pub const NUMBER: usize = 32;
    /// The operation's number, and of a reply its status.
    pub const OPERATION: usize = super::MESSAGE - super::OPERATION_LEFT;
    pub const RESULT: usize = super::MESSAGE - 4;
}

/// Any operation: what it is, the book says.
const SOME_OPERATION: u32 = 53;

const ETHERNET: usize = 14;
const IP: usize = 20;
const TCP: usize = 20;
const HEADERS: usize = ETHERNET + IP + TCP;
const PROTOCOL_TCP: u8 = 6;

/// All messages of a run, by their numbers.
#[derive(Default)]
pub struct Book(Vec<Rc<Rpc>>);

impl Book {
    pub fn enter(&mut self, rpc: Rpc) -> u64 {
        self.0.push(Rc::new(rpc));
        self.0.len() as u64 - 1
    }

    pub fn read(&self, number: u64) -> Option<Rc<Rpc>> {
        self.0.get(usize::try_from(number).ok()?).cloned()
    }
}

impl Segment {
    /// How much of the stream it takes.
    pub fn length(&self) -> u32 {
        let message = if self.message.is_some() { MESSAGE as u32 } else { 0 };
        message + u32::from(self.flags & SYN != 0)
    }

    /// The frame that carries it.
    pub fn encode(&self, book: &Book) -> Rc<[u8]> {
        let mut bytes = [0; HEADERS + MESSAGE];
        let length = HEADERS + if self.message.is_some() { MESSAGE } else { 0 };
        let bytes = &mut bytes[..length];
        bytes[..6].copy_from_slice(&mac(self.to.node));
        bytes[6..12].copy_from_slice(&mac(self.from.node));
        bytes[12..14].copy_from_slice(&[8, 0]);
        let ip = &mut bytes[ETHERNET..];
        ip[0] = 0x45;
        ip[2..4].copy_from_slice(&((length - ETHERNET) as u16).to_be_bytes());
        (ip[8], ip[9]) = (64, PROTOCOL_TCP);
        ip[12..16].copy_from_slice(&address(self.from.node));
        ip[16..20].copy_from_slice(&address(self.to.node));
        let sum = !folded(sum(&ip[..IP]));
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let tcp = &mut ip[IP..];
        tcp[..2].copy_from_slice(&self.from.port.to_be_bytes());
        tcp[2..4].copy_from_slice(&self.to.port.to_be_bytes());
        tcp[4..8].copy_from_slice(&self.seq.to_be_bytes());
        tcp[8..12].copy_from_slice(&self.ack.to_be_bytes());
        (tcp[12], tcp[13]) = (5 << 4, self.flags);
        tcp[14..16].copy_from_slice(&[0xff, 0xff]);
        if let Some(carried) = self.message {
            carried.write(&mut tcp[TCP..], book);
        }
        let sum = !tcp_sum(ip);
        ip[IP + 16..IP + 18].copy_from_slice(&sum.to_be_bytes());
        Rc::from(&*bytes)
    }

    /// Reads a frame; `None` for what is none of ours, and what was changed on its way.
    pub fn decode(frame: &[u8]) -> Option<Segment> {
        let length = frame.len();
        if length != HEADERS && length != HEADERS + MESSAGE || frame[12..14] != [8, 0] {
            return None;
        }
        let ip = &frame[ETHERNET..];
        let (source, target) = (node(&ip[12..16])?, node(&ip[16..20])?);
        let intact = folded(sum(&ip[..IP])) == 0xffff && tcp_sum(ip) == 0xffff;
        if !intact || frame[..6] != mac(target) {
            return None;
        }
        let tcp = &ip[IP..];
        let word = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
        Some(Segment {
            from: End { node: source, port: (word(0) >> 16) as u16 },
            to: End { node: target, port: word(0) as u16 },
            seq: word(4),
            ack: word(8),
            flags: tcp[13],
            message: (length > HEADERS).then(|| Carried::read(&tcp[TCP..])),
        })
    }
}

impl Carried {
    fn write(self, to: &mut [u8], book: &Book) {
        let mut put = |at: usize, word: u32| to[at..at + 4].copy_from_slice(&word.to_be_bytes());
        put(at::NUMBER, (self.number >> 32) as u32);
        put(at::NUMBER + 4, self.number as u32);
        let rpc = book.read(self.number);
        let xid = rpc.as_ref().map_or(0, |rpc| rpc.xid as u32);
        put(at::MARK, 1 << 31 | (MESSAGE - 4) as u32);
        put(at::XID, xid);
        let Some(Body::Reply(reply)) = rpc.as_ref().map(|rpc| &rpc.body) else {
            return put(at::OPERATION, self.changed.unwrap_or(SOME_OPERATION));
        };
        let is_illegal = *reply == Reply::Compound(Err(Errno::Illegal));
        let known = if is_illegal { NFS4ERR_OP_ILLEGAL } else { 0 };
        put(at::KIND, 1);
        put(at::STATUS, known);
        put(at::OPERATION, if is_illegal { NFS4ERR_OP_ILLEGAL } else { SOME_OPERATION });
        put(at::RESULT, known);
    }

    fn read(from: &[u8]) -> Carried {
        let word =
            |at: usize| from[at..at + 4].iter().fold(0, |all, byte| all << 8 | u32::from(*byte));
        let number = u64::from(word(at::NUMBER)) << 32 | u64::from(word(at::NUMBER + 4));
        let changed = match (word(at::KIND), word(at::OPERATION), word(at::RESULT)) {
            (0, SOME_OPERATION, _) | (1, _, 0) => None,
            (0, operation, _) => Some(operation),
            (_, _, status) => Some(status),
        };
        Carried { number, changed }
    }
}

/// As the plan numbers them: the server is 1.
fn octet(node: NodeId) -> u8 {
    node.index() as u8 + 1
}

fn mac(node: NodeId) -> [u8; 6] {
    [2, 0, 0, 0, 0, octet(node)]
}

fn address(node: NodeId) -> [u8; 4] {
    [10, 0, 0, octet(node)]
}

fn node(address: &[u8]) -> Option<NodeId> {
    match *address {
        [10, 0, 0, last] => usize::from(last).checked_sub(1).map(NodeId::at),
        _ => None,
    }
}

/// The Internet checksum (RFC 1071), before the carries are folded.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum()
}

fn folded(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// Over the pseudo header and the segment (RFC 9293, section 3.1).
fn tcp_sum(ip: &[u8]) -> u16 {
    let length = (ip.len() - IP) as u32;
    folded(sum(&ip[12..20]) + u32::from(PROTOCOL_TCP) + length + sum(&ip[IP..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::wire::{Frame, Passing};
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};
    use proptest::prelude::*;

    fn any_segment() -> impl Strategy<Value = Segment> {
        let end = || {
            (0usize..17, any::<u16>()).prop_map(|(node, port)| End { node: NodeId::at(node), port })
        };
        let message = prop::option::of(any::<u64>().prop_map(Carried::from));
        let numbers = (any::<u32>(), any::<u32>(), any::<u8>());
        (end(), end(), numbers, message).prop_map(|(from, to, (seq, ack, flags), message)| {
            Segment { from, to, seq, ack, flags, message }
        })
    }

    proptest! {
        #[test]
        fn a_segment_comes_out_of_its_frame_as_it_went_in(segment in any_segment()) {
            prop_assert_eq!(Segment::decode(&segment.encode(&Book::default())), Some(segment));
        }

        #[test]
        fn no_byte_of_a_frame_can_be_changed_unnoticed(
            segment in any_segment(), at: prop::sample::Index, by in 1u8..,
        ) {
            let mut bytes = segment.encode(&Book::default()).to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            // The sender's address is nobody's business but the switch's.
            prop_assume!(!(6..12).contains(&at));
            prop_assert_eq!(Segment::decode(&bytes), None);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            Segment::decode(&bytes);
        }

        #[test]
        fn others_take_the_frames_for_what_they_are(segment in any_segment()) {
            let bytes = segment.encode(&Book::default());
            let packet = SlicedPacket::from_ethernet(&bytes).unwrap();
            let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) =
                (packet.net, packet.transport) else { panic!("no TCP over IPv4") };
            let sum = tcp.to_header().calc_checksum_ipv4(&ip.header().to_header(), tcp.payload());
            prop_assert_eq!(sum.unwrap(), tcp.checksum());
            prop_assert_eq!(ip.header().to_header().calc_header_checksum(),
                ip.header().header_checksum());
            let (from, to) = (segment.from, segment.to);
            let frame = Frame { from: from.node, to: to.node, bytes: bytes.clone() };
            let flow = Passing { now: 0, frame: &frame }.flow().unwrap();
            prop_assert_eq!((flow.from.1, flow.to.1), (from.port, to.port));
        }
    }
}
