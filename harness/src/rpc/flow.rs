//! Which conversation a frame belongs to, and what of it the frame carries.

use etherparse::{IpPayloadSlice, NetSlice, SlicedPacket, TcpSlice, TransportSlice, UdpSlice};
use std::net::IpAddr;

/// The two ends of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    pub protocol: Protocol,
    pub from: (IpAddr, u16),
    pub to: (IpAddr, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Flow {
    /// The flow of a frame; none of what is neither TCP nor UDP.
    pub fn of(frame: &[u8]) -> Option<Flow> {
        packet(frame).map(|packet| packet.flow)
    }

    /// The other direction.
    pub fn back(&self) -> Flow {
        Flow { protocol: self.protocol, from: self.to, to: self.from }
    }
}

/// What a frame carries of a flow.
pub(super) struct Packet<'a> {
    pub flow: Flow,
    pub content: Content<'a>,
    transport: TransportSlice<'a>,
}

pub(super) enum Content<'a> {
    Segment(Segment<'a>),
    Datagram(&'a [u8]),
}

/// A TCP segment (RFC 9293, section 3.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub sequence: u32,
    pub syn: bool,
    pub rst: bool,
    pub payload: &'a [u8],
}

/// Looks into a frame. A fragment of an IP packet is none: it is not put together.
pub(super) fn packet(frame: &[u8]) -> Option<Packet<'_>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (from, to, payload): (IpAddr, IpAddr, &IpPayloadSlice) = match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), ip.payload())
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            (header.source_addr().into(), header.destination_addr().into(), ip.payload())
        }
        NetSlice::Arp(_) => return None,
    };
    if payload.fragmented {
        return None;
    }
    let transport = packet.transport?;
    let (protocol, ports, content) = match &transport {
        TransportSlice::Tcp(tcp) => {
            let segment = Segment {
                sequence: tcp.sequence_number(),
                syn: tcp.syn(),
                rst: tcp.rst(),
                payload: tcp.payload(),
            };
            let ports = (tcp.source_port(), tcp.destination_port());
            (Protocol::Tcp, ports, Content::Segment(segment))
        }
        TransportSlice::Udp(udp) => {
            let ports = (udp.source_port(), udp.destination_port());
            (Protocol::Udp, ports, Content::Datagram(udp.payload()))
        }
        _ => return None,
    };
    let flow = Flow { protocol, from: (from, ports.0), to: (to, ports.1) };
    Some(Packet { flow, content, transport })
}

impl Packet<'_> {
    /// Whether its receiver will take it for whole.
    pub fn checksum_holds(&self) -> bool {
        match &self.transport {
            TransportSlice::Tcp(tcp) => tcp_holds(tcp, &self.flow),
            TransportSlice::Udp(udp) => udp_holds(udp, &self.flow),
            _ => false,
        }
    }
}

fn tcp_holds(tcp: &TcpSlice, flow: &Flow) -> bool {
    let sum = match (flow.from.0, flow.to.0) {
        (IpAddr::V4(from), IpAddr::V4(to)) => tcp.calc_checksum_ipv4(from.octets(), to.octets()),
        (IpAddr::V6(from), IpAddr::V6(to)) => tcp.calc_checksum_ipv6(from.octets(), to.octets()),
        _ => return false,
    };
    sum.is_ok_and(|sum| is_same(sum, tcp.checksum()))
}

/// Over IPv4, 0 says that there is none (RFC 768).
fn udp_holds(udp: &UdpSlice, flow: &Flow) -> bool {
    let header = udp.to_header();
    let sum = match (flow.from.0, flow.to.0) {
        (IpAddr::V4(_), IpAddr::V4(_)) if header.checksum == 0 => return true,
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.calc_checksum_ipv4_raw(from.octets(), to.octets(), udp.payload())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            header.calc_checksum_ipv6_raw(from.octets(), to.octets(), udp.payload())
        }
        _ => return false,
    };
    sum.is_ok_and(|sum| is_same(sum, header.checksum))
}

/// In ones' complement 0 has two forms, and senders write either (RFC 1624, section 3).
fn is_same(one: u16, other: u16) -> bool {
    const NEGATIVE_ZERO: u16 = 0xffff;
    one % NEGATIVE_ZERO == other % NEGATIVE_ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_zero_are_the_same_checksum() {
        assert!(is_same(0, 0xffff) && is_same(0xffff, 0) && is_same(7, 7));
        assert!(!is_same(0, 1) && !is_same(0xfffe, 0xffff));
    }
}
