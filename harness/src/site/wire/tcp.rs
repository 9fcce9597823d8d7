//! TCP as rules of the wire need it: what a frame carries, and frames that end a connection
//! (RFC 9293, section 3.5.2).

use crate::rpc::{Flow, Protocol};
use etherparse::{Ethernet2Header, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use std::net::IpAddr;

/// Hops that a frame of ours may make; the site has one.
const TIME_TO_LIVE: u8 = 64;

/// Where the checksum stands in a TCP header.
const CHECKSUM: usize = 16;

/// What a frame carries of a stream of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub flow: Flow,
    /// The number of its first byte.
    pub sequence: u32,
    /// How many numbers it takes: SYN and FIN take one each.
    pub length: u32,
    /// Which byte its sender expects next.
    pub expects: u32,
    /// It opens a connection, or agrees to that (SYN).
    pub opens: bool,
    /// It ends one at once (RST).
    pub resets: bool,
}

impl Segment {
    /// The segment of a frame; none of what is not TCP.
    pub fn of(frame: &[u8]) -> Option<Segment> {
        let flow = Flow::of(frame).filter(|flow| flow.protocol == Protocol::Tcp)?;
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            return None;
        };
        let flags = u32::from(tcp.syn()) + u32::from(tcp.fin());
        Some(Segment {
            flow,
            sequence: tcp.sequence_number(),
            length: u32::try_from(tcp.payload().len()).unwrap_or(u32::MAX).saturating_add(flags),
            expects: tcp.acknowledgment_number(),
            opens: tcp.syn(),
            resets: tcp.rst(),
        })
    }

    /// The number of the byte that follows it.
    pub fn next(&self) -> u32 {
        self.sequence.wrapping_add(self.length)
    }
}

/// A frame of the sender of `frame` that ends the connection at its receiver, who takes it only if
/// it expects `sequence` (RFC 5961, section 3.2). None of what is not TCP over IPv4.
pub fn reset(frame: &[u8], sequence: u32, expects: u32) -> Option<Vec<u8>> {
    let (ethernet, _) = Ethernet2Header::from_slice(frame).ok()?;
    build(frame, (ethernet.source, ethernet.destination), sequence, expects, false)
}

/// The same of its receiver, which ends the connection at its sender.
pub fn reset_back(frame: &[u8], sequence: u32, expects: u32) -> Option<Vec<u8>> {
    let (ethernet, _) = Ethernet2Header::from_slice(frame).ok()?;
    build(frame, (ethernet.destination, ethernet.source), sequence, expects, true)
}

fn build(
    frame: &[u8],
    (source, destination): ([u8; 6], [u8; 6]),
    sequence: u32,
    expects: u32,
    back: bool,
) -> Option<Vec<u8>> {
    let flow = Segment::of(frame)?.flow;
    let flow = if back { flow.back() } else { flow };
    let (IpAddr::V4(from), IpAddr::V4(to)) = (flow.from.0, flow.to.0) else {
        return None;
    };
    let builder = PacketBuilder::ethernet2(source, destination)
        .ipv4(from.octets(), to.octets(), TIME_TO_LIVE)
        .tcp(flow.from.1, flow.to.1, sequence, 0)
        .rst()
        .ack(expects);
    let mut bytes = Vec::with_capacity(builder.size(0));
    builder.write(&mut bytes, &[]).ok()?;
    Some(bytes)
}

/// What a frame carries of its stream of bytes.
pub fn payload(frame: &[u8]) -> Option<&[u8]> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    match packet.transport? {
        TransportSlice::Tcp(tcp) => Some(tcp.payload()),
        _ => None,
    }
}

/// The same frame with other bytes from `at` on in what it carries, and a checksum that holds. None
/// of what is not TCP over IPv4, or is too short for them.
pub fn rewritten(frame: &[u8], at: usize, bytes: &[u8]) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) =
        (&packet.net, &packet.transport)
    else {
        return None;
    };
    let mut payload = tcp.payload().to_vec();
    payload.get_mut(at..at.checked_add(bytes.len())?)?.copy_from_slice(bytes);
    let header = tcp.to_header();
    let sum = header.calc_checksum_ipv4(&ip.header().to_header(), &payload).ok()?;
    // What follows the segment is not the segment's.
    let start = tcp.payload().as_ptr() as usize - frame.as_ptr() as usize;
    let checksum = start.checked_sub(header.header_len())? + CHECKSUM;
    let mut rewritten = frame.to_vec();
    rewritten.get_mut(start..start + payload.len())?.copy_from_slice(&payload);
    rewritten.get_mut(checksum..checksum + 2)?.copy_from_slice(&sum.to_be_bytes());
    Some(rewritten)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
            .tcp(700, 2049, u32::MAX, 1000)
            .ack(77);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        bytes
    }

    #[test]
    fn numbers_wrap() {
        let segment = Segment::of(&frame(&[1, 2, 3])).unwrap();
        assert_eq!((segment.sequence, segment.length, segment.next()), (u32::MAX, 3, 2));
        assert_eq!(segment.expects, 77);
    }

    #[test]
    fn a_reset_goes_the_same_way_or_back() {
        let sent = frame(&[0; 8]);
        let there = reset(&sent, 5, 6).unwrap();
        assert_eq!(there[..12], sent[..12]);
        let segment = Segment::of(&there).unwrap();
        assert_eq!(segment.flow, Segment::of(&sent).unwrap().flow);
        assert_eq!((segment.sequence, segment.length, segment.expects), (5, 0, 6));
        let back = reset_back(&sent, 5, 6).unwrap();
        assert_eq!((&back[..6], &back[6..12]), (&sent[6..12], &sent[..6]));
        assert_eq!(Segment::of(&back).unwrap().flow, Segment::of(&sent).unwrap().flow.back());
        let packet = SlicedPacket::from_ethernet(&back).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
        assert!(tcp.rst() && tcp.ack());
    }

    #[test]
    fn what_is_written_into_a_frame_has_a_checksum_that_holds() {
        let sent = frame(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let other = rewritten(&sent, 4, &[9, 9]).unwrap();
        assert_eq!(payload(&other), Some(&[1, 2, 3, 4, 9, 9, 7, 8][..]));
        assert_eq!(other, frame(&[1, 2, 3, 4, 9, 9, 7, 8]));
        assert_eq!(rewritten(&sent, 7, &[9, 9]), None);
        assert_eq!(rewritten(&[0; 60], 0, &[9]), None);
    }

    #[test]
    fn what_is_no_tcp_has_no_segment_and_no_end() {
        assert_eq!(Segment::of(&[0; 60]), None);
        assert_eq!(reset(&[0; 60], 0, 0), None);
    }
}
