//! The learning switch between the nodes.

use crate::units::NanosRange;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Addresses that the switch keeps; a guest may invent more, and they go everywhere.
const LEARNED_MAX: usize = 1024;

/// A port of the switch: the index of the node in the blueprint.
pub type Port = usize;

/// A frame on its way from one node to another.
#[derive(Clone, Debug)]
pub struct Frame {
    pub from: Port,
    pub to: Port,
    pub bytes: Rc<[u8]>,
}

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No opinion: the next rule is asked.
    Pass,
    /// It is lost.
    Drop,
    /// It arrives, this much later (ns). Later frames may overtake it.
    Delay(u64),
    /// It arrives, and again this much later (ns).
    Duplicate(u64),
}

/// A rule that a fault lays over the wire. Rules are asked in the order in which they were laid;
/// the first that does not pass decides.
pub trait Rule {
    fn on_frame(&mut self, frame: &Frame, rng: &mut ChaCha8Rng) -> Verdict;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(u64);

struct Laid {
    id: RuleId,
    rule: Box<dyn Rule>,
    hits: u64,
}

/// What the switch decided for one frame: when its copies arrive. None: it is lost.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    pub arrivals: Vec<u64>,
}

pub struct Switch {
    ports: usize,
    latency: NanosRange,
    rng: ChaCha8Rng,
    learned: BTreeMap<[u8; 6], Port>,
    rules: Vec<Laid>,
    next_rule: u64,
    /// When the last frame of a pair arrives: links keep the order of what they carry.
    last_arrival: BTreeMap<(Port, Port), u64>,
}

impl Switch {
    pub fn new(ports: usize, latency: NanosRange, seed: u64) -> Switch {
        Switch {
            ports,
            latency,
            rng: ChaCha8Rng::seed_from_u64(seed),
            learned: BTreeMap::new(),
            rules: Vec::new(),
            next_rule: 0,
            last_arrival: BTreeMap::new(),
        }
    }

    /// Lays a rule over the wire until it is lifted.
    pub fn lay(&mut self, rule: Box<dyn Rule>) -> RuleId {
        let id = RuleId(self.next_rule);
        self.next_rule += 1;
        self.rules.push(Laid { id, rule, hits: 0 });
        id
    }

    /// Lifts a rule; answers how many frames it decided about.
    pub fn lift(&mut self, id: RuleId) -> u64 {
        let hits = self.hits(id);
        self.rules.retain(|laid| laid.id != id);
        hits
    }

    /// How many frames a rule has decided about.
    pub fn hits(&self, id: RuleId) -> u64 {
        self.rules.iter().find(|laid| laid.id == id).map_or(0, |laid| laid.hits)
    }

    /// The ports a frame goes to: the one its address was learned on, else all others. Frames
    /// shorter than an Ethernet header go nowhere.
    pub fn ports_for(&mut self, from: Port, bytes: &[u8]) -> Vec<Port> {
        let (Some(to), Some(sender)) = (address(bytes, 0), address(bytes, 6)) else {
            return Vec::new();
        };
        // The lowest bit of the first byte marks a group address.
        let known = self.learned.contains_key(&sender) || self.learned.len() < LEARNED_MAX;
        if sender[0] & 1 == 0 && known {
            self.learned.insert(sender, from);
        }
        match self.learned.get(&to).filter(|_| to[0] & 1 == 0) {
            Some(&port) if port == from => Vec::new(),
            Some(&port) => vec![port],
            None => (0..self.ports).filter(|&port| port != from).collect(),
        }
    }

    /// Decides about one frame that is sent at `now`.
    pub fn route(&mut self, frame: &Frame, now: u64) -> Route {
        let verdict = self.ask_rules(frame);
        let sent = now + self.draw_latency();
        let in_order = self.last_arrival.entry((frame.from, frame.to)).or_default();
        let arrival = sent.max(*in_order);
        let arrivals = match verdict {
            Verdict::Drop => Vec::new(),
            Verdict::Delay(extra) => vec![sent + extra],
            Verdict::Pass | Verdict::Duplicate(_) => {
                *in_order = arrival;
                match verdict {
                    Verdict::Duplicate(extra) => vec![arrival, arrival + extra],
                    _ => vec![arrival],
                }
            }
        };
        Route { arrivals }
    }

    fn ask_rules(&mut self, frame: &Frame) -> Verdict {
        for laid in &mut self.rules {
            let verdict = laid.rule.on_frame(frame, &mut self.rng);
            if verdict != Verdict::Pass {
                laid.hits += 1;
                return verdict;
            }
        }
        Verdict::Pass
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
    use crate::units::Nanos;
    use proptest::prelude::*;

    fn fixed() -> NanosRange {
        NanosRange { least: Nanos(100), most: Nanos(100) }
    }

    fn frame(from: Port, to: Port) -> Frame {
        Frame { from, to, bytes: Rc::from(ethernet(to as u8, from as u8)) }
    }

    fn ethernet(to: u8, from: u8) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from];
        bytes.extend([8, 0]);
        bytes
    }

    struct DropAll;
    impl Rule for DropAll {
        fn on_frame(&mut self, _: &Frame, _: &mut ChaCha8Rng) -> Verdict {
            Verdict::Drop
        }
    }

    #[test]
    fn a_frame_to_an_unknown_address_goes_everywhere_and_to_a_learned_one_only_there() {
        let mut switch = Switch::new(3, fixed(), 1);
        assert_eq!(switch.ports_for(0, &ethernet(2, 0)), [1, 2]);
        assert_eq!(switch.ports_for(2, &ethernet(0, 2)), [0]);
        assert_eq!(switch.ports_for(0, &ethernet(2, 0)), [2]);
    }

    #[test]
    fn a_broadcast_goes_everywhere_and_teaches_nothing_about_itself() {
        let mut switch = Switch::new(3, fixed(), 1);
        let mut bytes = ethernet(0, 1);
        bytes[..6].fill(0xff);
        assert_eq!(switch.ports_for(1, &bytes), [0, 2]);
        bytes[6..12].fill(0xff);
        assert_eq!(switch.ports_for(1, &bytes), [0, 2]);
    }

    #[test]
    fn a_guest_that_invents_addresses_does_not_fill_the_memory() {
        let mut switch = Switch::new(2, fixed(), 1);
        for number in 0..3 * LEARNED_MAX as u32 {
            let mut bytes = ethernet(1, 0);
            bytes[8..12].copy_from_slice(&number.to_be_bytes());
            switch.ports_for(0, &bytes);
        }
        assert_eq!(switch.learned.len(), LEARNED_MAX);
    }

    #[test]
    fn a_rule_counts_what_it_decided_and_ends_when_it_is_lifted() {
        let mut switch = Switch::new(2, fixed(), 1);
        let id = switch.lay(Box::new(DropAll));
        assert_eq!(switch.route(&frame(0, 1), 0).arrivals, [0; 0]);
        assert_eq!(switch.lift(id), 1);
        assert_eq!(switch.route(&frame(0, 1), 0).arrivals, [100]);
    }

    proptest! {
        #[test]
        fn a_link_without_rules_loses_nothing_and_keeps_the_order(
            gaps in prop::collection::vec(0u64..200, 1..100), seed in any::<u64>()
        ) {
            let latency = NanosRange { least: Nanos(50), most: Nanos(500) };
            let mut switch = Switch::new(2, latency, seed);
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
        fn no_bytes_that_a_guest_sends_upset_the_switch(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut switch = Switch::new(4, fixed(), 1);
            prop_assert!(switch.ports_for(3, &bytes).iter().all(|&port| port < 4 && port != 3));
        }
    }
}
