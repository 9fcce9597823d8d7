//! One end of a TCP connection (RFC 9293): in order, once, and again until it is acknowledged.
//!
//! What an NFS client notices of TCP is here: sequence numbers, the retransmission timer with its
//! back-off (RFC 6298), resets. Windows and congestion control are not: nobody sends that much.
//! Times are those of the end's own monotonic clock (ns).

use super::frame::{ACK, Carried, End, RST, SYN, Segment};
use crate::units::{MILLISECOND, SECOND};
use std::collections::{BTreeMap, VecDeque};

/// TCP_RTO_MIN and TCP_RTO_MAX in include/net/tcp.h.
const RTO_LEAST: u64 = 200 * MILLISECOND;
const RTO_MOST: u64 = 120 * SECOND;
/// Before the first round trip has been measured (RFC 6298, section 2; TCP_TIMEOUT_INIT).
const RTO_FIRST: u64 = SECOND;
/// tcp_syn_retries in Documentation/networking/ip-sysctl.rst.
const SYN_RETRIES: u32 = 6;
/// An NFS client gives a connection up on which nothing has been acknowledged for so long: timeo of
/// 60 s and two more tries (xs_tcp_set_socket_timeouts in net/sunrpc/xprtsock.c).
const USER_TIMEOUT: u64 = 180 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SynSent,
    SynReceived,
    Established,
    Closed,
}

#[derive(Debug)]
pub struct Tcp {
    local: End,
    remote: End,
    state: State,
    /// The first byte that is not acknowledged, and the next one to be sent.
    unacknowledged: u32,
    next: u32,
    /// The next byte that is to come.
    expected: u32,
    sent: VecDeque<Sent>,
    /// What came before its turn, by sequence number.
    early: BTreeMap<u32, Carried>,
    /// What came has yet to be acknowledged.
    owes: bool,
    timer: Timer,
    deadline: Option<u64>,
    /// When something was sent last that is not acknowledged.
    sent_at: u64,
    /// Since when what was sent has waited for an acknowledgement.
    stuck_since: u64,
}

#[derive(Debug)]
struct Sent {
    seq: u32,
    flags: u8,
    message: Option<Carried>,
    at: u64,
    again: bool,
}

/// What a segment brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Messages, in order, each once.
    pub messages: Vec<Carried>,
    pub opened: bool,
    pub closed: bool,
}

impl Tcp {
    /// Asks the other end for a connection.
    pub fn connect(local: End, remote: End, first: u32, now: u64, out: &mut Vec<Segment>) -> Tcp {
        let mut tcp = Tcp::new(local, remote, State::SynSent, first);
        tcp.transmit(SYN, None, now, out);
        tcp
    }

    /// Answers one that asks for a connection.
    pub fn accept(syn: &Segment, first: u32, now: u64, out: &mut Vec<Segment>) -> Tcp {
        let mut tcp = Tcp::new(syn.to, syn.from, State::SynReceived, first);
        tcp.expected = syn.seq.wrapping_add(1);
        tcp.transmit(SYN | ACK, None, now, out);
        tcp
    }

    fn new(local: End, remote: End, state: State, first: u32) -> Tcp {
        Tcp {
            local,
            remote,
            state,
            unacknowledged: first,
            next: first,
            expected: 0,
            sent: VecDeque::new(),
            early: BTreeMap::new(),
            owes: false,
            timer: Timer::default(),
            deadline: None,
            sent_at: 0,
            stuck_since: 0,
        }
    }

    pub fn is_open(&self) -> bool {
        self.state == State::Established
    }

    /// Whether a segment is for this end.
    pub fn takes(&self, segment: &Segment) -> bool {
        (segment.to, segment.from) == (self.local, self.remote)
    }

    /// When its timer goes off.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    pub fn send(&mut self, message: u64, now: u64, out: &mut Vec<Segment>) {
        self.transmit(ACK, Some(message.into()), now, out);
    }

    fn transmit(&mut self, flags: u8, message: Option<Carried>, now: u64, out: &mut Vec<Segment>) {
        let sent = Sent { seq: self.next, flags, message, at: now, again: false };
        let segment = self.segment(&sent);
        self.next = self.next.wrapping_add(segment.length());
        self.owes = false;
        self.sent_at = now;
        out.push(segment);
        if self.sent.is_empty() {
            self.stuck_since = now;
            self.deadline = Some(now + self.timer.timeout());
        }
        self.sent.push_back(sent);
    }

    fn segment(&self, sent: &Sent) -> Segment {
        let Sent { seq, flags, message, .. } = *sent;
        let (from, to, ack) = (self.local, self.remote, self.expected);
        Segment { from, to, seq, ack, flags, message }
    }

    /// Acknowledges what came, unless what was sent meanwhile has done it.
    pub fn acknowledge(&mut self, out: &mut Vec<Segment>) {
        if std::mem::take(&mut self.owes) {
            let (from, to, seq, ack) = (self.local, self.remote, self.next, self.expected);
            out.push(Segment { from, to, seq, ack, flags: ACK, message: None });
        }
    }

    pub fn receive(&mut self, segment: &Segment, now: u64, out: &mut Vec<Segment>) -> Received {
        let mut received = Received::default();
        if segment.flags & RST != 0 {
            let known = match self.state {
                State::SynSent => segment.ack == self.next,
                _ => segment.seq == self.expected,
            };
            if known {
                self.close();
                received.closed = true;
            }
            return received;
        }
        match self.state {
            State::Closed => return received,
            State::SynSent => {
                let fits = segment.flags == SYN | ACK && segment.ack == self.next;
                if !fits {
                    return received;
                }
                self.expected = segment.seq.wrapping_add(1);
                received.opened = true;
                self.owes = true;
            }
            State::SynReceived if segment.flags & SYN != 0 => {
                self.transmit_again(now, out);
                return received;
            }
            State::SynReceived if segment.ack != self.next => return received,
            // Its answer, once more: it has not heard that it was heard.
            State::Established if segment.flags & SYN != 0 => self.owes = true,
            State::SynReceived | State::Established => {}
        }
        self.state = State::Established;
        let misses = self.unacknowledged == segment.ack && segment.message.is_none();
        self.acknowledged(segment.ack, now);
        // Told what the other end has, it sends what that lacks (RFC 8985), once in a while.
        if misses && !self.sent.is_empty() && now >= self.sent_at + RTO_LEAST {
            self.transmit_again(now, out);
        }
        if let Some(message) = segment.message {
            self.take(segment.seq, message, &mut received.messages);
            let in_order = !received.messages.is_empty();
            if !in_order {
                self.owes = true;
                self.acknowledge(out);
            }
        }
        received
    }

    /// A message has come: it, and what had come before its turn, is handed on when it is next.
    fn take(&mut self, seq: u32, message: Carried, messages: &mut Vec<Carried>) {
        if is_before(seq, self.expected) {
            return;
        }
        self.early.insert(seq, message);
        while let Some(next) = self.early.remove(&self.expected) {
            messages.push(next);
            self.expected = self.expected.wrapping_add(super::frame::MESSAGE as u32);
            self.owes = true;
        }
    }

    fn acknowledged(&mut self, ack: u32, now: u64) {
        let news = is_before(self.unacknowledged, ack) && !is_before(self.next, ack);
        if !news {
            return;
        }
        self.unacknowledged = ack;
        while let Some(first) = self.sent.front().filter(|first| is_before(first.seq, ack)) {
            // Karn's algorithm: of one that was sent twice, nobody knows which was acknowledged.
            if !first.again {
                self.timer.measured(now - first.at);
            }
            self.sent.pop_front();
        }
        self.timer.tries = 0;
        self.stuck_since = now;
        self.deadline = (!self.sent.is_empty()).then(|| now + self.timer.timeout());
    }

    /// Its timer may have gone off: sends again what was not acknowledged. False: it gives up.
    pub fn look_at_timer(&mut self, now: u64, out: &mut Vec<Segment>) -> bool {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return true;
        }
        self.timer.tries += 1;
        let too_long = match self.state {
            State::SynSent => self.timer.tries > SYN_RETRIES,
            _ => now - self.stuck_since >= USER_TIMEOUT,
        };
        if too_long {
            self.close();
            return false;
        }
        self.transmit_again(now, out);
        true
    }

    fn transmit_again(&mut self, now: u64, out: &mut Vec<Segment>) {
        for sent in &mut self.sent {
            sent.again = true;
        }
        out.extend(self.sent.iter().map(|sent| self.segment(sent)));
        self.owes = false;
        self.sent_at = now;
        self.deadline = Some(now + self.timer.timeout());
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.sent.clear();
        self.deadline = None;
    }
}

/// What a segment of no connection is answered with (RFC 9293, section 3.10.7.1).
pub fn reset(segment: &Segment) -> Option<Segment> {
    if segment.flags & RST != 0 {
        return None;
    }
    let ack = segment.seq.wrapping_add(segment.length());
    let (from, to, seq) = (segment.to, segment.from, segment.ack);
    Some(Segment { from, to, seq, ack, flags: RST | ACK, message: None })
}

/// The retransmission timer.
#[derive(Debug, Default)]
struct Timer {
    /// The smoothed round trip and its variation (ns).
    smoothed: Option<(u64, u64)>,
    /// How many times in a row it has gone off.
    tries: u32,
}

impl Timer {
    /// RFC 6298, section 2.
    fn measured(&mut self, trip: u64) {
        self.smoothed = Some(match self.smoothed {
            None => (trip, trip / 2),
            Some((smoothed, variation)) => {
                ((7 * smoothed + trip) / 8, (3 * variation + smoothed.abs_diff(trip)) / 4)
            }
        });
    }

    fn timeout(&self) -> u64 {
        let first = match self.smoothed {
            None => RTO_FIRST,
            Some((smoothed, variation)) => (smoothed + 4 * variation).max(RTO_LEAST),
        };
        first.saturating_mul(1 << self.tries.min(20)).min(RTO_MOST)
    }
}

fn is_before(one: u32, two: u32) -> bool {
    (one.wrapping_sub(two) as i32) < 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::NodeId;
    use proptest::prelude::*;

    const CLIENT: End = End { node: NodeId::at(1), port: 700 };
    const SERVER: End = End { node: NodeId::SERVER, port: 2049 };

    /// What an adversary does with the segment that is next.
    #[derive(Clone, Copy, Debug)]
    enum Deed {
        Send,
        Pass(usize),
        Copy(usize),
        Lose(usize),
        Wait,
    }

    fn any_deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            3 => Just(Deed::Send),
            6 => (0usize..8).prop_map(Deed::Pass),
            2 => (0usize..8).prop_map(Deed::Copy),
            3 => (0usize..8).prop_map(Deed::Lose),
            2 => Just(Deed::Wait),
        ]
    }

    /// Both ends and what is between them.
    struct Wire {
        now: u64,
        ends: [Option<Tcp>; 2],
        under_way: Vec<Segment>,
        got: Vec<u64>,
    }

    impl Wire {
        fn deliver(&mut self, segment: Segment) {
            let mut out = Vec::new();
            let end = usize::from(segment.to == SERVER);
            match &mut self.ends[end] {
                None => self.ends[end] = Some(Tcp::accept(&segment, 9, self.now, &mut out)),
                Some(tcp) => {
                    let received = tcp.receive(&segment, self.now, &mut out);
                    self.got.extend(received.messages.iter().map(|carried| carried.number));
                    tcp.acknowledge(&mut out);
                }
            }
            self.under_way.extend(out);
        }

        fn wait(&mut self) {
            self.now += SECOND;
            for tcp in self.ends.iter_mut().flatten() {
                assert!(tcp.look_at_timer(self.now, &mut self.under_way));
            }
        }
    }

    proptest! {
        #[test]
        fn messages_come_once_and_in_order_whatever_the_wire_does(
            first in prop_oneof![Just(u32::MAX - 300), any::<u32>()],
            deeds in prop::collection::vec(any_deed(), 0..120),
        ) {
            let mut wire = Wire { now: 0, ends: [None, None], under_way: vec![], got: vec![] };
            let mut sent = 0;
            wire.ends[0] = Some(Tcp::connect(CLIENT, SERVER, first, 0, &mut wire.under_way));
            for deed in deeds {
                let waiting = wire.under_way.len();
                match deed {
                    Deed::Send => if let Some(tcp) = &mut wire.ends[0] && tcp.is_open() {
                        tcp.send(sent, wire.now, &mut wire.under_way);
                        sent += 1;
                    },
                    Deed::Wait => wire.wait(),
                    Deed::Pass(at) | Deed::Copy(at) | Deed::Lose(at) if at < waiting => {
                        let segment = wire.under_way[at].clone();
                        if !matches!(deed, Deed::Copy(_)) {
                            wire.under_way.remove(at);
                        }
                        if !matches!(deed, Deed::Lose(_)) {
                            wire.deliver(segment);
                        }
                    }
                    _ => {}
                }
            }
            // From here on nothing is lost.
            for _ in 0..200 {
                for segment in std::mem::take(&mut wire.under_way) {
                    wire.deliver(segment);
                }
                if wire.under_way.is_empty() { wire.wait(); }
            }
            prop_assert_eq!(wire.got, (0..sent).collect::<Vec<_>>());
        }
    }

    #[test]
    fn tries_are_twice_as_far_apart_each_time_up_to_two_minutes() {
        let mut out = Vec::new();
        let mut tcp = Tcp::connect(CLIENT, SERVER, 0, 0, &mut out);
        let answer = Tcp::accept(&out[0], 5, 0, &mut Vec::new());
        let answer = answer.segment(&answer.sent[0]);
        assert!(tcp.receive(&answer, MILLISECOND, &mut out).opened);
        let mut now = 0;
        tcp.send(1, now, &mut out);
        let gaps = std::iter::from_fn(|| {
            let deadline = tcp.deadline()?;
            let gap = deadline - std::mem::replace(&mut now, deadline);
            tcp.look_at_timer(now, &mut out);
            Some(gap / MILLISECOND)
        });
        let gaps: Vec<u64> = gaps.collect();
        assert_eq!(gaps[..4], [200, 400, 800, 1600]);
        assert_eq!(*gaps.last().unwrap(), 102_400, "then 180 s are over");
    }
}
