use super::{Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::rpc::Flow;
use crate::site::NodeId;
use crate::site::wire::tcp::{self, Segment};
use crate::site::wire::{Fate, Frame, Passing, Rule};
use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reset a node's TCP connections with the server: both ends get a RST in the other's name, at the
/// next frame that passes, as from a firewall that has forgotten them. New ones can be made at
/// once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// A client, `owner`, or `server` for those of all clients.
    pub node: String,
    /// Again and again; default: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Nanos>,
}

const EVERY_LEAST: Nanos = Nanos::from_millis(100);
const EVERY_MOST: Nanos = Nanos::from_secs(3600);
/// Where an NFS server listens.
const NFS: u16 = 2049;
/// Connections that are followed; a guest may invent more, and they are left alone.
const FOLLOWED_MAX: usize = 1024;

impl Fault for Reset {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, node: NodeId, _: u64) -> Vec<Effect> {
        let every = self.every.map(|every| every.0.max(1));
        let (begun, known, due) = (None, BTreeMap::new(), Vec::new());
        vec![Effect::Wire(Box::new(Resets { node, every, begun, resets: 0, known, due }))]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        Consequence::of_link(node, Pass::Some, 0)
    }

    fn describe(&self) -> String {
        match self.every {
            None => "has its connections reset".into(),
            Some(every) => format!("has its connections reset every {every}"),
        }
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let wrong = self.every.filter(|every| !(EVERY_LEAST..=EVERY_MOST).contains(every));
        let message = |every| format!("`every` is {every}; expected {EVERY_LEAST} to {EVERY_MOST}");
        wrong.map(|every| (Some("every"), message(every))).into_iter().collect()
    }
}

struct Resets {
    node: NodeId,
    every: Option<u64>,
    /// When it saw its first frame (ns).
    begun: Option<u64>,
    resets: u64,
    /// Connections, by the flow from their client.
    known: BTreeMap<Flow, Known>,
    /// What it has to send, and when it wanted to.
    due: Vec<(u64, Frame)>,
}

/// What is known of a connection.
#[derive(Clone, Copy, Default)]
struct Known {
    /// What its client, and its server, will send next.
    next: [Option<u32>; 2],
    /// The round in which it was reset, or in which it began.
    round: u64,
    is_reset: bool,
}

/// A segment of a connection with an NFS server: whether that has sent it, and the connection, by
/// the flow from its client.
fn of_nfs(bytes: &[u8]) -> Option<(Segment, bool, Flow)> {
    let segment = Segment::of(bytes)?;
    let flow = segment.flow;
    match (flow.from.1 == NFS, flow.to.1 == NFS) {
        (true, _) => Some((segment, true, flow.back())),
        (false, true) => Some((segment, false, flow)),
        _ => None,
    }
}

impl Resets {
    /// How many times connections were to be reset by now.
    fn round(&mut self, now: u64) -> u64 {
        let begun = *self.begun.get_or_insert(now);
        1 + self.every.map_or(0, |every| (now - begun) / every)
    }

    /// Tells the receiver of a frame, in its sender's name, that the connection is gone; or the
    /// sender in the receiver's.
    fn tell(&mut self, passing: &Passing, receiver: bool, sequence: u32, expects: u32) {
        let Passing { now, frame } = *passing;
        let (reset, from, to) = match receiver {
            true => (tcp::reset(&frame.bytes, sequence, expects), frame.from, frame.to),
            false => (tcp::reset_back(&frame.bytes, sequence, expects), frame.to, frame.from),
        };
        self.due.extend(reset.map(|bytes| (now, Frame { from, to, bytes: bytes.into() })));
    }
}

impl Rule for Resets {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        if !passing.frame.concerns(self.node) {
            return Fate::pass();
        }
        let round = self.round(passing.now);
        let Some((segment, by_server, connection)) = of_nfs(&passing.frame.bytes) else {
            return Fate::pass();
        };
        let full = self.known.len() >= FOLLOWED_MAX;
        if segment.resets || (full && !self.known.contains_key(&connection)) {
            return Fate::pass();
        }
        let by = usize::from(by_server);
        if segment.opens && !by_server {
            // One that is made after the reset of this round has its peace until the next.
            let began_in = if self.resets == 0 { 0 } else { round };
            let next = [Some(segment.next()), None];
            let known = Known { next, round: began_in, is_reset: false };
            self.known.insert(connection, known);
            return Fate::pass();
        }
        let known = self.known.entry(connection).or_default();
        if segment.opens || (known.round >= round && !known.is_reset) {
            known.next[by] = Some(segment.next());
            return Fate::pass();
        }
        let Known { next, is_reset, .. } = *known;
        (known.round, known.is_reset) = (round, true);
        if is_reset {
            // One end has not understood: what it expects, it says itself.
            self.tell(passing, false, segment.expects, segment.next());
            return Fate::lost();
        }
        self.resets += 1;
        let ahead = |next: Option<u32>, seen: u32| match next {
            Some(next) if (next.wrapping_sub(seen) as i32) > 0 => next,
            _ => seen,
        };
        let expects = next[by].unwrap_or(segment.sequence);
        self.tell(passing, true, expects, segment.expects);
        let expects = ahead(next[1 - by], segment.expects);
        self.tell(passing, false, expects, segment.next());
        Fate::lost()
    }

    fn next_at(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    fn due(&mut self, _: u64) -> Vec<Frame> {
        self.due.drain(..).map(|(_, frame)| frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND;
    use etherparse::PacketBuilder;

    const C1: NodeId = NodeId::at(1);
    const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 2], 700);
    const SERVER: ([u8; 4], u16) = ([10, 0, 0, 1], NFS);

    fn rule(yaml: &str) -> Box<dyn Rule> {
        let fault: Reset = serde_yaml::from_str(yaml).unwrap();
        match fault.effects(C1, 1).pop() {
            Some(Effect::Wire(rule)) => rule,
            _ => panic!("no rule"),
        }
    }

    /// A segment with so much to say.
    fn frame(by_server: bool, syn: bool, seq: u32, ack: u32, length: usize) -> Frame {
        let ends = [(C1, CLIENT), (NodeId::SERVER, SERVER)];
        let [from, to] = if by_server { [ends[1], ends[0]] } else { ends };
        let packet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4(from.1.0, to.1.0, 64)
            .tcp(from.1.1, to.1.1, seq, 1000);
        let packet = if syn { packet.syn() } else { packet.ack(ack) };
        let mut bytes = Vec::new();
        packet.write(&mut bytes, &vec![7; length]).unwrap();
        Frame { from: from.0, to: to.0, bytes: bytes.into() }
    }

    /// The RSTs that a rule sends: to whom, and with which numbers.
    fn resets(rule: &mut dyn Rule) -> Vec<(NodeId, u32)> {
        let sent = rule.due(0);
        let read = |frame: &Frame| {
            let segment = Segment::of(&frame.bytes).unwrap();
            assert!(segment.resets && frame.to != frame.from);
            (frame.to, segment.sequence)
        };
        sent.iter().map(read).collect()
    }

    fn pass(rule: &mut dyn Rule, now: u64, frame: &Frame) -> bool {
        rule.on_frame(&Passing { now, frame }).is_pass()
    }

    #[test]
    fn both_ends_are_told_in_the_others_name_what_they_expect_next() {
        let mut rule = rule("{node: c1}");
        assert!(!pass(&mut *rule, 5, &frame(false, false, 1000, 5000, 100)));
        assert_eq!(rule.next_at(), Some(5));
        assert_eq!(resets(&mut *rule), [(NodeId::SERVER, 1000), (C1, 5000)]);
        assert_eq!(rule.next_at(), None);
    }

    #[test]
    fn a_new_connection_is_left_alone_after_that() {
        let mut rule = rule("{node: c1}");
        pass(&mut *rule, 0, &frame(false, false, 1000, 5000, 100));
        resets(&mut *rule);
        assert!(pass(&mut *rule, SECOND, &frame(false, true, 9000, 0, 0)));
        assert!(pass(&mut *rule, 2 * SECOND, &frame(false, false, 9001, 1, 100)));
        assert!(pass(&mut *rule, 3 * SECOND, &frame(true, false, 1, 9101, 100)));
        assert_eq!(resets(&mut *rule), []);
    }

    #[test]
    fn an_end_that_talks_on_is_told_again_with_the_number_that_it_says_it_expects() {
        let mut rule = rule("{node: c1}");
        pass(&mut *rule, 0, &frame(false, false, 1000, 5000, 100));
        resets(&mut *rule);
        assert!(!pass(&mut *rule, 9, &frame(true, false, 5000, 900, 10)));
        assert_eq!(resets(&mut *rule), [(NodeId::SERVER, 900)]);
    }

    #[test]
    fn every_so_often_it_happens_again_and_what_was_on_its_way_is_counted_in() {
        let mut rule = rule("{node: c1, every: 2s}");
        pass(&mut *rule, 0, &frame(false, false, 1000, 5000, 100));
        resets(&mut *rule);
        pass(&mut *rule, SECOND, &frame(false, true, 9000, 0, 0));
        assert!(pass(&mut *rule, SECOND, &frame(true, false, 1, 9001, 50)));
        assert!(!pass(&mut *rule, 2 * SECOND, &frame(false, false, 9001, 1, 100)));
        // The server's 50 bytes are under way, and arrive before its RST does.
        assert_eq!(resets(&mut *rule), [(NodeId::SERVER, 9001), (C1, 51)]);
    }

    #[test]
    fn other_nodes_and_what_is_not_nfs_are_left_alone() {
        let mut rule = rule("{node: c1}");
        let other = Frame { from: NodeId::at(2), ..frame(false, false, 1, 1, 1) };
        assert!(pass(&mut *rule, 0, &other));
        let garbage = Frame { bytes: [8; 60].into(), ..frame(false, false, 1, 1, 1) };
        assert!(pass(&mut *rule, 0, &garbage));
    }

    #[test]
    fn a_time_that_makes_no_sense_is_refused() {
        let problems = |yaml: &str| serde_yaml::from_str::<Reset>(yaml).unwrap().problems();
        assert_eq!(problems("{node: c1, every: 3s}"), []);
        let expected = "`every` is 1ms; expected 100ms to 3600s".to_owned();
        assert_eq!(problems("{node: c1, every: 1ms}"), [(Some("every"), expected)]);
    }
}
