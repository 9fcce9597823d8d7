//! All TCP streams of a wire, in bounded memory.

use super::flow::{Flow, Segment};
use super::record::Place;
use super::stream::Stream;
use super::xdr::Broken;
use std::collections::BTreeMap;

/// Directions of connections that are followed; of more, the one that said nothing for longest is
/// forgotten.
const STREAMS_MAX: usize = 1024;
/// What all streams together may keep (bytes).
const HELD_MAX: usize = 32 << 20;

#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: BTreeMap<Flow, Followed>,
    held: usize,
    ticks: u64,
}

#[derive(Debug, Default)]
struct Followed {
    stream: Stream,
    /// When it last said something.
    tick: u64,
}

impl Streams {
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes a segment of a flow; `each` is given the messages that are whole by it.
    pub fn take(
        &mut self,
        flow: Flow,
        segment: &Segment,
        each: &mut dyn FnMut(&[u8], Place),
    ) -> Result<(), Broken> {
        if segment.rst {
            self.reset(flow, segment.sequence);
            return Ok(());
        }
        self.ticks += 1;
        if !self.streams.contains_key(&flow) {
            self.make_room();
        }
        let followed = self.streams.entry(flow).or_default();
        followed.tick = self.ticks;
        let before = followed.stream.held();
        let outcome = followed.stream.take(segment, each);
        self.held = self.held + followed.stream.held() - before;
        while self.held > HELD_MAX && self.forget_the_oldest() {}
        outcome
    }

    /// A reset ends both directions.
    fn reset(&mut self, flow: Flow, sequence: u32) {
        let known = self.streams.get(&flow);
        if known.is_some_and(|followed| !followed.stream.is_near(sequence)) {
            return;
        }
        for flow in [flow, flow.back()] {
            if let Some(followed) = self.streams.get_mut(&flow) {
                self.held -= followed.stream.held();
                followed.stream.end();
            }
        }
    }

    fn make_room(&mut self) {
        while self.streams.len() >= STREAMS_MAX && self.forget_the_oldest() {}
    }

    fn forget_the_oldest(&mut self) -> bool {
        let oldest = self.streams.iter().min_by_key(|(_, followed)| followed.tick);
        let Some(flow) = oldest.map(|(flow, _)| *flow) else {
            return false;
        };
        if let Some(followed) = self.streams.remove(&flow) {
            self.held -= followed.stream.held();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::flow::Protocol;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn flow(port: u16) -> Flow {
        let host = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        Flow { protocol: Protocol::Tcp, from: (host(2), port), to: (host(1), 2049) }
    }

    fn segment(sequence: u32, payload: &[u8]) -> Segment<'_> {
        Segment { sequence, syn: false, rst: false, payload }
    }

    fn syn(sequence: u32) -> Segment<'static> {
        Segment { sequence, syn: true, rst: false, payload: &[] }
    }

    /// A message that could be a call.
    fn message(number: u8, length: usize) -> Vec<u8> {
        let mut body = vec![0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0, 2];
        body.resize(12 + length, number);
        [&(body.len() as u32 | 1 << 31).to_be_bytes(), &body[..]].concat()
    }

    fn numbers(streams: &mut Streams, flow: Flow, segments: &[Segment]) -> Vec<u8> {
        let mut out = Vec::new();
        for segment in segments {
            let _ = streams.take(flow, segment, &mut |message, _| out.push(message[3]));
        }
        out
    }

    #[test]
    fn a_lost_segment_is_waited_for_and_a_retransmission_says_nothing_new() {
        let (bytes, mut streams) = ([message(1, 50), message(2, 50)].concat(), Streams::default());
        let parts =
            [syn(9), segment(60, &bytes[50..]), segment(10, &bytes[..50]), segment(10, &bytes)];
        assert_eq!(numbers(&mut streams, flow(1), &parts[..2]), [0; 0]);
        assert!(streams.held() > 0);
        assert_eq!(numbers(&mut streams, flow(1), &parts[2..]), [1, 2]);
        assert_eq!(streams.held(), 0);
    }

    #[test]
    fn a_port_that_is_used_again_is_another_connection_and_a_repeated_syn_is_not() {
        let (first, second) = (message(1, 30), message(2, 30));
        let mut streams = Streams::default();
        let parts = [
            syn(100),
            segment(101, &first[..20]),
            syn(100),
            segment(121, &first[20..]),
            syn(7_000),
            segment(7_001, &second),
            segment(101, &first),
        ];
        assert_eq!(numbers(&mut streams, flow(1), &parts), [1, 2]);
    }

    #[test]
    fn a_stream_that_is_joined_in_the_middle_is_followed_from_its_next_message() {
        let (tail, next) = ([7; 33], message(3, 30));
        let parts = [segment(500, &tail), segment(533, &next), segment(533, &next)];
        assert_eq!(numbers(&mut Streams::default(), flow(1), &parts), [3]);
    }

    #[test]
    fn after_a_reset_nothing_is_read_until_the_next_connection() {
        let (bytes, mut streams) = (message(1, 30), Streams::default());
        let reset = Segment { sequence: 31, syn: false, rst: true, payload: &[] };
        let parts = [syn(0), segment(1, &bytes[..30]), reset, segment(31, &bytes[30..])];
        assert_eq!(numbers(&mut streams, flow(1), &parts), [0; 0]);
        assert_eq!(streams.held(), 0);
        assert_eq!(numbers(&mut streams, flow(1), &[syn(50), segment(51, &bytes)]), [1]);
    }

    #[test]
    fn a_broken_stream_is_told_once() {
        let mut streams = Streams::default();
        let mut told = |segment: &Segment| streams.take(flow(1), segment, &mut |_, _| ()).is_err();
        assert!(!told(&syn(0)));
        assert!(told(&segment(1, &[0xff; 8])));
        assert!(!told(&segment(9, &[0xff; 8])));
        assert!(!told(&syn(100)));
        assert!(told(&segment(101, &[0xff; 8])));
    }

    #[test]
    fn whoever_opens_many_connections_or_leaves_gaps_does_not_fill_the_memory() {
        let mut streams = Streams::default();
        let junk = [1; 1400];
        for port in 0..3_000 {
            numbers(&mut streams, flow(port), &[syn(0)]);
            for number in 0..200u32 {
                numbers(&mut streams, flow(port), &[segment(10 + number * 1500, &junk)]);
            }
        }
        assert!(streams.streams.len() <= STREAMS_MAX && streams.held() <= HELD_MAX);
        let all: usize = streams.streams.values().map(|followed| followed.stream.held()).sum();
        assert_eq!(all, streams.held());
    }

    proptest! {
        #[test]
        fn cut_doubled_overlapping_and_reordered_segments_give_the_same_messages(
            lengths in prop::collection::vec(0usize..60, 1..12),
            cuts in prop::collection::vec((0usize..900, 1usize..200), 0..20),
            order in any::<prop::sample::Index>(),
            begun in prop_oneof![any::<u32>(), Just(u32::MAX - 100)],
        ) {
            let bytes: Vec<u8> =
                lengths.iter().enumerate().flat_map(|(at, one)| message(at as u8, *one)).collect();
            let first = begun.wrapping_add(1);
            // Pieces that cover everything, and some more, in whatever order.
            let whole = (0..bytes.len()).step_by(37).map(|at| (at, 37));
            let mut pieces: Vec<(usize, usize)> = whole.chain(cuts).collect();
            let turn = order.index(pieces.len());
            pieces.rotate_left(turn);
            if turn % 2 == 0 {
                pieces.reverse();
            }
            let mut parts = vec![syn(begun)];
            for (at, length) in pieces {
                let at = at.min(bytes.len());
                let end = (at + length).min(bytes.len());
                parts.push(segment(first.wrapping_add(at as u32), &bytes[at..end]));
            }
            let found = numbers(&mut Streams::default(), flow(1), &parts);
            let all: Vec<u8> = (0..lengths.len() as u8).collect();
            prop_assert_eq!(found, all);
        }

        #[test]
        fn garbage_upsets_nobody(
            parts in prop::collection::vec(
                (any::<u32>(), 0u8..8, prop::collection::vec(any::<u8>(), 0..80)), 0..60),
        ) {
            let mut streams = Streams::default();
            for (sequence, flags, payload) in &parts {
                let segment = Segment {
                    sequence: sequence % 400,
                    syn: *flags == 1,
                    rst: *flags == 2,
                    payload,
                };
                numbers(&mut streams, flow(u16::from(*flags) % 2), &[segment]);
            }
            prop_assert!(streams.held() <= HELD_MAX);
        }
    }
}
