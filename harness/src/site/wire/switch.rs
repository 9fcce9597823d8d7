//! The learning switch between the nodes.

use super::link::{Link, LinkSpec};
use super::rule::{Fate, Passing, Rule};
use crate::seeds;
use crate::site::NodeId;
use crate::site::blueprint::WireBlueprint;
use crate::units::NanosRange;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Addresses that the switch keeps; a guest may invent more, and they go everywhere.
const LEARNED_MAX: usize = 1024;

/// A frame on its way from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub from: NodeId,
    pub to: NodeId,
    pub bytes: Rc<[u8]>,
}

impl Frame {
    /// Whether it comes from a node or goes to it.
    pub fn concerns(&self, node: NodeId) -> bool {
        self.from == node || self.to == node
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(u64);

struct Laid {
    id: RuleId,
    rule: Box<dyn Rule>,
    hits: u64,
}

/// What the switch decided for one frame: when its copies arrive. None: it is lost, or held back.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    pub arrivals: Vec<u64>,
    /// A rule has kept it, and will send it by itself.
    pub held: bool,
    /// How long rules hold the first arrival back, beyond what the wire takes (ns).
    pub late_ns: u64,
}

/// A frame that a rule has sent by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    pub frame: Frame,
    pub route: Route,
}

pub struct Switch {
    latency: NanosRange,
    spec: LinkSpec,
    rng: ChaCha8Rng,
    learned: BTreeMap<[u8; 6], NodeId>,
    /// Each node's way to the switch.
    links: Vec<Link>,
    rules: Vec<Laid>,
    next_rule: u64,
    /// When the last frame of a pair arrives: links keep the order of what they carry.
    last_arrival: BTreeMap<(NodeId, NodeId), u64>,
}

impl Switch {
    pub fn new(nodes: usize, wire: &WireBlueprint) -> Switch {
        Switch {
            latency: wire.latency,
            spec: LinkSpec { bandwidth: wire.bandwidth, queue: wire.queue },
            rng: seeds::generator(wire.seed),
            learned: BTreeMap::new(),
            links: (0..nodes).map(|_| Link::default()).collect(),
            rules: Vec::new(),
            next_rule: 0,
            last_arrival: BTreeMap::new(),
        }
    }

    /// Draws from another seed from now on.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = seeds::generator(seed);
    }

    /// Lays a rule over the wire until it is lifted.
    pub fn lay(&mut self, rule: Box<dyn Rule>) -> RuleId {
        let id = RuleId(self.next_rule);
        self.next_rule += 1;
        self.rules.push(Laid { id, rule, hits: 0 });
        id
    }

    /// Lifts a rule; answers how many frames it decided about, and the frames that it lets go now.
    pub fn lift(&mut self, id: RuleId, now: u64) -> (u64, Vec<Sent>) {
        let Some(index) = self.rules.iter().position(|laid| laid.id == id) else {
            return (0, Vec::new());
        };
        let Laid { mut rule, hits, .. } = self.rules.remove(index);
        (hits, self.send_all(rule.let_go(), None, now))
    }

    /// When a rule next has something to send by itself (ns), if one has.
    pub fn next_at(&self) -> Option<u64> {
        self.rules.iter().filter_map(|laid| laid.rule.next_at()).min()
    }

    /// What rules have to tell those who laid them.
    pub fn signals(&mut self) -> Vec<u64> {
        self.rules.iter_mut().flat_map(|laid| laid.rule.signals()).collect()
    }

    /// What rules send by themselves at `now`.
    pub fn due(&mut self, now: u64) -> Vec<Sent> {
        let mut sent = Vec::new();
        for index in 0..self.rules.len() {
            let laid = &mut self.rules[index];
            if laid.rule.next_at().is_some_and(|at| at <= now) {
                let (id, frames) = (laid.id, laid.rule.due(now));
                sent.extend(self.send_all(frames, Some(id), now));
            }
        }
        sent
    }

    fn send_all(&mut self, frames: Vec<Frame>, by: Option<RuleId>, now: u64) -> Vec<Sent> {
        let frames = frames.into_iter();
        let sent = frames.map(|frame| {
            let route = self.route_past(&frame, by, now);
            Sent { frame, route }
        });
        sent.collect()
    }

    /// The nodes a frame goes to: the one its address was learned of, else all others. Frames
    /// shorter than an Ethernet header go nowhere.
    pub fn receivers(&mut self, from: NodeId, bytes: &[u8]) -> Vec<NodeId> {
        let (Some(to), Some(sender)) = (address(bytes, 0), address(bytes, 6)) else {
            return Vec::new();
        };
        // The lowest bit of the first byte marks a group address.
        let known = self.learned.contains_key(&sender) || self.learned.len() < LEARNED_MAX;
        if sender[0] & 1 == 0 && known {
            self.learned.insert(sender, from);
        }
        match self.learned.get(&to).filter(|_| to[0] & 1 == 0) {
            Some(&node) if node == from => Vec::new(),
            Some(&node) => vec![node],
            None => NodeId::all(self.links.len()).filter(|&node| node != from).collect(),
        }
    }

    /// Decides about one frame that is sent at `now`.
    pub fn route(&mut self, frame: &Frame, now: u64) -> Route {
        self.route_past(frame, None, now)
    }

    /// The same of a frame that a rule has sent, which is not asked about it.
    fn route_past(&mut self, frame: &Frame, by: Option<RuleId>, now: u64) -> Route {
        let fate = self.ask_rules(frame, by, now);
        if fate.is_held() {
            return Route { arrivals: Vec::new(), held: true, late_ns: 0 };
        }
        let latency = self.draw_latency();
        let (link, length) = (&mut self.links[frame.from.index()], frame.bytes.len());
        let Some(left) = link.put(length, now, &self.spec) else {
            return Route { arrivals: Vec::new(), held: false, late_ns: 0 };
        };
        let in_order = self.last_arrival.entry((frame.from, frame.to)).or_default();
        let arrival = |delay_ns: &u64| match delay_ns {
            // Those that nothing delays keep their order.
            0 => (left + latency).max(*in_order),
            _ => (left + latency).saturating_add(*delay_ns),
        };
        let arrivals: Vec<u64> = fate.delays().iter().map(arrival).collect();
        if let Some(0) = fate.delays().first() {
            *in_order = arrivals[0];
        }
        for at in &arrivals {
            link.carries(length, *at);
        }
        Route { arrivals, held: false, late_ns: fate.delays().iter().min().copied().unwrap_or(0) }
    }

    /// What the rules in force decide together.
    fn ask_rules(&mut self, frame: &Frame, by: Option<RuleId>, now: u64) -> Fate {
        let mut fate = Fate::pass();
        for last in [false, true] {
            let others = self.rules.iter_mut().filter(|laid| Some(laid.id) != by);
            for laid in others.filter(|laid| laid.rule.comes_last() == last) {
                if last && fate.is_lost() {
                    break;
                }
                let decided = laid.rule.on_frame(&Passing { now, frame });
                if !decided.is_pass() {
                    laid.hits += 1;
                    fate = fate.and(&decided);
                }
            }
        }
        fate
    }

    fn draw_latency(&mut self) -> u64 {
        if self.latency.least == self.latency.most {
            return self.latency.least.0;
        }
        self.rng.random_range(self.latency.least.0..=self.latency.most.0)
    }
}

fn address(bytes: &[u8], at: usize) -> Option<[u8; 6]> {
    if bytes.len() < 14 {
        return None;
    }
    bytes[at..at + 6].try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Protocol;
    use crate::units::{Bytes, Nanos};
    use proptest::prelude::*;

    const LATENCY: u64 = 100;

    fn wire(least: u64, most: u64) -> WireBlueprint {
        let latency = NanosRange { least: Nanos(least), most: Nanos(most) };
        WireBlueprint { latency, bandwidth: None, queue: WireBlueprint::queue(), seed: 1 }
    }

    fn switch(nodes: usize) -> Switch {
        Switch::new(nodes, &wire(LATENCY, LATENCY))
    }

    /// A frame from one node to another, by their places.
    fn frame(from: usize, to: usize) -> Frame {
        let bytes = Rc::from(ethernet(to as u8, from as u8));
        Frame { from: NodeId::at(from), to: NodeId::at(to), bytes }
    }

    fn receivers(switch: &mut Switch, from: usize, bytes: &[u8]) -> Vec<usize> {
        let nodes = switch.receivers(NodeId::at(from), bytes);
        nodes.into_iter().map(NodeId::index).collect()
    }

    fn sent(at: u64) -> Sent {
        Sent { frame: frame(0, 1), route: Route { arrivals: vec![at], held: false, late_ns: 0 } }
    }

    fn ethernet(to: u8, from: u8) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from];
        bytes.extend([8, 0]);
        bytes
    }

    /// Decides the same about every frame.
    #[derive(Clone, Debug)]
    struct Always(Fate);
    impl Rule for Always {
        fn on_frame(&mut self, _: &Passing) -> Fate {
            self.0.clone()
        }
    }

    /// Holds every frame back for a time, and the rest until it is lifted.
    struct Holds {
        for_ns: u64,
        held: Vec<(u64, Frame)>,
    }
    impl Rule for Holds {
        fn on_frame(&mut self, passing: &Passing) -> Fate {
            self.held.push((passing.now + self.for_ns, passing.frame.clone()));
            Fate::held()
        }
        fn next_at(&self) -> Option<u64> {
            self.held.first().map(|(at, _)| *at)
        }
        fn due(&mut self, now: u64) -> Vec<Frame> {
            let due = self.held.iter().take_while(|(at, _)| *at <= now).count();
            self.held.drain(..due).map(|(_, frame)| frame).collect()
        }
        fn let_go(&mut self) -> Vec<Frame> {
            self.held.drain(..).map(|(_, frame)| frame).collect()
        }
    }

    #[test]
    fn a_frame_to_an_unknown_address_goes_everywhere_and_to_a_learned_one_only_there() {
        let mut switch = switch(3);
        assert_eq!(receivers(&mut switch, 0, &ethernet(2, 0)), [1, 2]);
        assert_eq!(receivers(&mut switch, 2, &ethernet(0, 2)), [0]);
        assert_eq!(receivers(&mut switch, 0, &ethernet(2, 0)), [2]);
    }

    #[test]
    fn a_broadcast_goes_everywhere_and_teaches_nothing_about_itself() {
        let mut switch = switch(3);
        let mut bytes = ethernet(0, 1);
        bytes[..6].fill(0xff);
        assert_eq!(receivers(&mut switch, 1, &bytes), [0, 2]);
        bytes[6..12].fill(0xff);
        assert_eq!(receivers(&mut switch, 1, &bytes), [0, 2]);
    }

    #[test]
    fn a_guest_that_invents_addresses_does_not_fill_the_memory() {
        let mut switch = switch(2);
        for number in 0..3 * LEARNED_MAX as u32 {
            let mut bytes = ethernet(1, 0);
            bytes[8..12].copy_from_slice(&number.to_be_bytes());
            receivers(&mut switch, 0, &bytes);
        }
        assert_eq!(switch.learned.len(), LEARNED_MAX);
    }

    #[test]
    fn a_rule_counts_what_it_decided_and_ends_when_it_is_lifted() {
        let mut switch = switch(2);
        let id = switch.lay(Box::new(Always(Fate::lost())));
        assert_eq!(switch.route(&frame(0, 1), 0).arrivals, [0; 0]);
        assert_eq!(switch.lift(id, 0), (1, Vec::new()));
        assert_eq!(switch.route(&frame(0, 1), 0).arrivals, [100]);
    }

    #[test]
    fn two_rules_that_lose_the_same_frame_have_both_hit_it() {
        let mut switch = switch(2);
        let ids = [(); 2].map(|()| switch.lay(Box::new(Always(Fate::lost()))));
        switch.route(&frame(0, 1), 0);
        assert_eq!(ids.map(|id| switch.lift(id, 0).0), [1, 1]);
    }

    #[test]
    fn what_a_rule_holds_back_comes_later_and_passes_the_other_rules() {
        let mut switch = switch(2);
        let holds = switch.lay(Box::new(Holds { for_ns: 50, held: Vec::new() }));
        assert_eq!(switch.route(&frame(0, 1), 7).arrivals, [0; 0]);
        assert_eq!(switch.next_at(), Some(57));
        assert_eq!(switch.due(57), [sent(157)]);
        switch.route(&frame(0, 1), 60);
        let loses = switch.lay(Box::new(Always(Fate::lost())));
        let lost = Route { arrivals: Vec::new(), held: false, late_ns: 0 };
        assert_eq!(switch.due(110).remove(0).route, lost, "a later fault loses it");
        switch.route(&frame(0, 1), 120);
        assert_eq!(switch.lift(loses, 121), (2, Vec::new()));
        assert_eq!(switch.lift(holds, 122), (3, vec![sent(222)]));
    }

    #[test]
    fn a_node_that_floods_its_link_loses_what_does_not_fit() {
        let wire = WireBlueprint { queue: Bytes(16 << 10), ..wire(10_000_000_000, 10_000_000_000) };
        let mut switch = Switch::new(2, &wire);
        let arrived = (0..10_000).filter(|_| !switch.route(&frame(0, 1), 0).arrivals.is_empty());
        assert_eq!(arrived.count(), (16 << 10) / 14);
    }

    fn any_fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            1 => Just(Fate::lost()),
            2 => Just(Fate::pass()),
            2 => (1u64..50).prop_map(Fate::delayed),
            2 => prop::collection::vec(0u64..50, 2..4).prop_map(Fate::copies),
        ]
    }

    proptest! {
        #[test]
        fn a_link_without_rules_loses_nothing_and_keeps_the_order(
            gaps in prop::collection::vec(0u64..200, 1..100), seed in any::<u64>()
        ) {
            let mut switch = Switch::new(2, &WireBlueprint { seed, ..wire(50, 500) });
            let (mut now, mut last) = (0, 0);
            for gap in gaps {
                now += gap;
                let arrivals = switch.route(&frame(0, 1), now).arrivals;
                prop_assert_eq!(arrivals.len(), 1);
                prop_assert!(arrivals[0] >= now + 50 && arrivals[0] >= last);
                last = arrivals[0];
            }
        }

        #[test]
        fn fates_add_up_in_any_order_lost_is_lost_delays_are_added_and_copies_multiplied(
            fates in prop::collection::vec(any_fate(), 0..4), turn in 0usize..4,
        ) {
            let sum = |fates: &[Fate]| fates.iter().fold(Fate::pass(), |sum, fate| sum.and(fate));
            let mut turned = fates.clone();
            turned.rotate_left(turn.min(fates.len()));
            let all = sum(&fates);
            prop_assert_eq!(&all, &sum(&turned));
            let copies: usize = fates.iter().map(|fate| fate.delays().len()).product();
            prop_assert_eq!(all.delays().len(), copies.min(64));
            if copies > 0 {
                let least: u64 = fates.iter().map(|fate| fate.delays()[0]).sum();
                prop_assert_eq!(all.delays()[0], least);
            }
        }

        /// Whatever was laid and lifted before, only the rules in force count.
        #[test]
        fn any_sequence_of_lay_and_lift_comes_to_the_sum_of_the_rules_in_force(
            steps in prop::collection::vec(
                (any_fate(), any::<bool>(), any::<prop::sample::Index>()), 1..12),
        ) {
            let mut switch = switch(2);
            let mut in_force: Vec<(RuleId, Fate)> = Vec::new();
            for (number, (fate, lifts, which)) in steps.into_iter().enumerate() {
                if lifts && !in_force.is_empty() {
                    let (id, _) = in_force.remove(which.index(in_force.len()));
                    switch.lift(id, 0);
                } else {
                    in_force.push((switch.lay(Box::new(Always(fate.clone()))), fate));
                }
                // Far apart, so that the order of the link plays no part.
                let now = number as u64 * 1_000_000;
                let sum = in_force.iter().fold(Fate::pass(), |sum, (_, fate)| sum.and(fate));
                let expected: Vec<u64> =
                    sum.delays().iter().map(|delay| now + LATENCY + delay).collect();
                prop_assert_eq!(switch.route(&frame(0, 1), now).arrivals, expected);
            }
        }

        #[test]
        fn no_bytes_that_a_guest_sends_upset_the_switch(
            bytes in prop::collection::vec(any::<u8>(), 0..64)
        ) {
            let mut switch = switch(4);
            prop_assert!(receivers(&mut switch, 3, &bytes).iter().all(|&node| node < 3));
            let frame = Frame { bytes: bytes.into(), ..frame(3, 0) };
            Passing { now: 0, frame: &frame }.flow();
            switch.route(&frame, 0);
        }
    }

    #[test]
    fn a_frame_tells_the_conversation_that_it_belongs_to() {
        let packet = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
            .tcp(900, 2049, 7, 1024);
        let mut bytes = Vec::new();
        packet.write(&mut bytes, b"call").unwrap();
        let frame = Frame { bytes: bytes.into(), ..frame(1, 0) };
        let flow = Passing { now: 0, frame: &frame }.flow().unwrap();
        assert_eq!((flow.from.1, flow.to.1, flow.protocol), (900, 2049, Protocol::Tcp));
        assert_eq!(flow.from.0.to_string(), "10.0.0.2");
    }
}
