use super::{Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::seeds;
use crate::site::NodeId;
use crate::site::wire::{Fate, Frame, Passing, Rule};
use crate::units::{MILLISECOND, Nanos, NanosRange, Rate, SECOND};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Impair a node's link, in both directions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impair {
    pub node: String,
    /// Share of frames that are lost: 0 to 1.
    #[serde(default)]
    pub loss: f64,
    /// Share of frames that arrive twice: 0 to 1.
    #[serde(default)]
    pub duplicate: f64,
    /// Added to every frame's delay; frames may overtake each other, so that a range is a jitter.
    #[serde(default)]
    pub delay: NanosRange,
    /// Frames are lost in bursts of so many on average, and as often; default: each by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<f64>,
    /// Share of frames of which a bit arrives wrong: 0 to 1. The receiver sees it by the checksum,
    /// and drops them; those that carry no TCP do not arrive at all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub corrupt: f64,
    /// Share of frames of which a bit of what they carry arrives wrong, and the checksum fits: 0 to
    /// 1. No lock stands that, and after the first one nothing is a broken promise any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undetected: f64,
    /// Share of frames that arrive after the next one, or 50 ms late if none comes: 0 to 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reorder: f64,
    /// The link carries so much in each direction, and what would have to wait for more than 2 s is
    /// lost; default: as much as the site's wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Rate>,
}

fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

impl Fault for Impair {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, node: NodeId, seed: u64) -> Vec<Effect> {
        vec![Effect::Wire(Box::new(Bad::new(node, self.clone(), seed)))]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let pass = match self.loss {
            1.0 => Pass::None,
            0.0 if self.corrupt + self.undetected == 0.0 && self.bandwidth.is_none() => Pass::All,
            _ => Pass::Some,
        };
        let held = if self.reorder > 0.0 { HELD_MOST } else { 0 };
        let queued = if self.bandwidth.is_some() { QUEUED_MOST } else { 0 };
        let late_ns = self.delay.most.0 + held + queued;
        let corruption = (self.undetected > 0.0).then_some(Consequence::Corruption);
        Consequence::of_link(node, pass, late_ns).into_iter().chain(corruption).collect()
    }

    fn describe(&self) -> String {
        let percent = |share: f64| share * 100.0;
        let mut words = format!(
            "has a bad link: {}% of frames lost, {}% doubled, {} late",
            percent(self.loss),
            percent(self.duplicate),
            self.delay
        );
        if let Some(burst) = self.burst {
            words.push_str(&format!(", in bursts of about {burst}"));
        }
        let shares = [
            (self.corrupt, "corrupt"),
            (self.undetected, "corrupt, which nothing tells"),
            (self.reorder, "behind the next"),
        ];
        for (share, what) in shares {
            if share > 0.0 {
                words.push_str(&format!(", {}% {what}", percent(share)));
            }
        }
        if let Some(bandwidth) = self.bandwidth {
            words.push_str(&format!(", at {bandwidth}"));
        }
        words
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let mut problems = Vec::new();
        let shares = [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("corrupt", self.corrupt),
            ("undetected", self.undetected),
            ("reorder", self.reorder),
        ];
        for (key, share) in shares {
            // Not `<`: a share may be "not a number" too.
            if !(0.0..=1.0).contains(&share) {
                let message = format!("`{key}` is {share}; expected a share from 0 to 1");
                problems.push((Some(key), message));
            }
        }
        if self.delay.most > DELAY_MAX {
            let message = format!("`delay` is {}; expected 0s to {DELAY_MAX}", self.delay.most);
            problems.push((Some("delay"), message));
        }
        if let Some(burst) = self.burst {
            let known = (1.0..=BURST_MOST).contains(&burst);
            if !known {
                let message = format!("`burst` is {burst}; expected 1 to {BURST_MOST} frames");
                problems.push((Some("burst"), message));
            } else if self.loss == 0.0 || self.loss == 1.0 {
                let message = "`burst` says how frames are lost; expected a `loss` between 0 and 1";
                problems.push((Some("burst"), message.into()));
            }
        }
        if self.bandwidth.is_some_and(|rate| rate < BANDWIDTH_LEAST) {
            let message = format!("`bandwidth` is too little; expected {BANDWIDTH_LEAST} or more");
            problems.push((Some("bandwidth"), message));
        }
        let shares = shares.iter().all(|(_, share)| *share == 0.0);
        if shares && self.delay.most == Nanos::ZERO && self.bandwidth.is_none() {
            let message = "this impairs nothing; expected such as `loss`, `duplicate`, `delay`, \
                `corrupt`, `reorder` or `bandwidth`";
            problems.push((None, message.into()));
        }
        problems
    }
}

/// Nothing on the wire takes longer.
const DELAY_MAX: Nanos = Nanos::from_secs(10);

/// More would be a cut.
const BURST_MOST: f64 = 10_000.0;
/// A frame of 1500 bytes takes 1.2 s.
const BANDWIDTH_LEAST: Rate = Rate(10_000);
/// How long a frame waits for the next one (ns).
const HELD_MOST: u64 = 50 * MILLISECOND;
/// How long a frame waits for its turn on a slow link (ns).
const QUEUED_MOST: u64 = 2 * SECOND;
/// Where the IPv4 header begins.
const IP: usize = 14;
/// Where the checksum stands in a TCP header (RFC 9293, section 3.1).
const TCP_CHECKSUM: usize = 16;

/// A direction of a link.
type Way = (NodeId, NodeId);

struct Bad {
    node: NodeId,
    spec: Impair,
    rng: ChaCha8Rng,
    /// Of what links did not suffer at first, so that these draws change no others.
    more: ChaCha8Rng,
    /// Of what nothing tells, for the same reason.
    unnoticed: ChaCha8Rng,
    in_burst: BTreeMap<Way, bool>,
    /// Until when a slow link is busy.
    busy: BTreeMap<Way, u64>,
    /// Frames that wait for the next one, and until when they do.
    held: BTreeMap<Way, (u64, Frame)>,
    /// Frames that are sent on now.
    ready: Vec<(u64, Frame)>,
}

impl Bad {
    fn new(node: NodeId, spec: Impair, seed: u64) -> Bad {
        Bad {
            node,
            spec,
            rng: seeds::generator(seed),
            more: seeds::generator(seeds::derive(seed, "more")),
            unnoticed: seeds::generator(seeds::derive(seed, "unnoticed")),
            in_burst: BTreeMap::new(),
            busy: BTreeMap::new(),
            held: BTreeMap::new(),
            ready: Vec::new(),
        }
    }

    /// Whether a frame is lost in a burst, or begins one (Gilbert's model).
    fn bursts(&mut self, way: Way, mean: f64) -> bool {
        let loss = self.spec.loss;
        let in_burst = self.in_burst.entry(way).or_default();
        let goes_on = 1.0 - 1.0 / mean;
        let begins = loss / (mean * (1.0 - loss));
        *in_burst = self.more.random::<f64>() < if *in_burst { goes_on } else { begins };
        *in_burst
    }

    /// How long a frame waits on a slow link; `None`: for too long.
    fn queues(&mut self, way: Way, now: u64, length: usize) -> Option<u64> {
        let Some(bandwidth) = self.spec.bandwidth else {
            return Some(0);
        };
        let busy = self.busy.get(&way).copied().unwrap_or(0).max(now);
        let done = busy.saturating_add(bandwidth.time_of(length as u64));
        let waits = done - now;
        (waits <= QUEUED_MOST).then(|| {
            self.busy.insert(way, done);
            waits
        })
    }

    /// What becomes of a frame beside being lost, doubled or delayed. `None`: it goes its way.
    fn is_changed(&mut self, passing: &Passing, way: Way) -> Option<Fate> {
        let Passing { now, frame } = *passing;
        let (corrupts, holds) = (self.more.random::<f64>(), self.more.random::<f64>());
        if corrupts < self.spec.corrupt {
            if let Some(bytes) = flipped(&frame.bytes, &mut self.more) {
                self.ready.push((now, Frame { bytes: bytes.into(), ..frame.clone() }));
            }
            return Some(Fate::lost());
        }
        if self.unnoticed.random::<f64>() < self.spec.undetected
            && let Some(bytes) = falsified(&frame.bytes, &mut self.unnoticed)
        {
            self.ready.push((now, Frame { bytes: bytes.into(), ..frame.clone() }));
            return Some(Fate::lost());
        }
        if holds < self.spec.reorder && !self.held.contains_key(&way) {
            self.held.insert(way, (now + HELD_MOST, frame.clone()));
            return Some(Fate::lost());
        }
        None
    }
}

/// Where a frame's TCP segment lies; `None` if it has none.
fn segment(bytes: &[u8]) -> Option<Range<usize>> {
    let ip = bytes.get(IP..)?;
    let is_tcp = bytes[12..IP] == [8, 0] && ip.first()? >> 4 == 4 && *ip.get(9)? == 6;
    let header = usize::from(ip.first()? & 15) * 4;
    let length = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
    (is_tcp && header < length && length <= ip.len()).then_some(IP + header..IP + length)
}

/// A frame with a bit of its TCP segment wrong, which the checksum does not forgive; `None` if it
/// has none.
fn flipped(bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let segment = segment(bytes)?;
    let (byte, bit) = (rng.random_range(segment), rng.random_range(0..8));
    let mut bytes = bytes.to_vec();
    bytes[byte] ^= 1 << bit;
    Some(bytes)
}

/// A frame with a bit wrong of what its TCP segment carries, and a checksum that says that all is
/// well (RFC 1624, equation 3); `None` if it carries nothing.
fn falsified(bytes: &[u8], rng: &mut ChaCha8Rng) -> Option<Vec<u8>> {
    let segment = segment(bytes)?;
    let header = usize::from(bytes.get(segment.start + 12)? >> 4) * 4;
    let carried = segment.start + header..segment.end;
    if carried.is_empty() || header < TCP_CHECKSUM + 2 {
        return None;
    }
    let (byte, bit) = (rng.random_range(carried), rng.random_range(0..8));
    let mut bytes = bytes.to_vec();
    // A word that begins at an even place of the segment; the last may be half a word.
    let word = byte - (byte - segment.start) % 2;
    let read = |bytes: &[u8]| {
        let low = if word + 1 < segment.end { bytes[word + 1] } else { 0 };
        u16::from_be_bytes([bytes[word], low])
    };
    let before = read(&bytes);
    bytes[byte] ^= 1 << bit;
    let place = segment.start + TCP_CHECKSUM;
    let checksum = u16::from_be_bytes([bytes[place], bytes[place + 1]]);
    let mut sum = u32::from(!checksum) + u32::from(!before) + u32::from(read(&bytes));
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[place..place + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    Some(bytes)
}

impl Rule for Bad {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        if !passing.frame.concerns(self.node) {
            return Fate::pass();
        }
        // Every draw is made for every frame, so that one share never shifts another's draws.
        let lost = self.rng.random::<f64>() < self.spec.loss;
        let doubled = self.rng.random::<f64>() < self.spec.duplicate;
        let delay = self.spec.delay;
        let mut draw = || self.rng.random_range(delay.least.0..=delay.most.0);
        let delays = [draw(), draw()];
        let way = (passing.frame.from, passing.frame.to);
        let lost = match self.spec.burst {
            Some(mean) => self.bursts(way, mean),
            None => lost,
        };
        // The next frame of its direction is there: it comes behind it.
        if let Some((_, held)) = self.held.remove(&way) {
            self.ready.push((passing.now, held));
        }
        if lost {
            return Fate::lost();
        }
        let Some(waits) = self.queues(way, passing.now, passing.frame.bytes.len()) else {
            return Fate::lost();
        };
        if let Some(fate) = self.is_changed(passing, way) {
            return fate;
        }
        match doubled {
            true => Fate::copies(delays.iter().map(|delay| delay + waits).collect()),
            false => Fate::delayed(delays[0] + waits),
        }
    }

    fn next_at(&self) -> Option<u64> {
        let held = self.held.values().map(|(until, _)| *until);
        self.ready.iter().map(|(at, _)| *at).chain(held).min()
    }

    fn due(&mut self, now: u64) -> Vec<Frame> {
        let late: Vec<Way> =
            self.held.iter().filter(|(_, (until, _))| *until <= now).map(|(way, _)| *way).collect();
        let late: Vec<_> = late.iter().filter_map(|way| self.held.remove(way)).collect();
        self.ready.drain(..).chain(late).map(|(_, frame)| frame).collect()
    }

    fn let_go(&mut self) -> Vec<Frame> {
        let held = std::mem::take(&mut self.held).into_values();
        self.ready.drain(..).chain(held).map(|(_, frame)| frame).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::wire::Frame;

    const C1: NodeId = NodeId::at(1);

    /// A frame to the server.
    fn frame(from: NodeId, bytes: &[u8]) -> Frame {
        Frame { from, to: NodeId::SERVER, bytes: bytes.into() }
    }

    fn fates(spec: Impair, from: NodeId) -> Vec<Fate> {
        let mut rule = Bad::new(C1, spec, 3);
        let frame = frame(from, &[0; 14]);
        (0..1000).map(|now| rule.on_frame(&Passing { now, frame: &frame })).collect()
    }

    fn spec(loss: f64, duplicate: f64, delay: &str) -> Impair {
        let delay = delay.parse().unwrap();
        Impair { node: "c1".into(), loss, duplicate, delay, ..Impair::default() }
    }

    fn more(yaml: &str) -> Impair {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn bursts_lose_their_share_in_fewer_and_longer_pieces() {
        let fates = fates(more("{node: c1, loss: 0.2, burst: 8}"), C1);
        let lost: Vec<bool> = fates.iter().map(|fate| *fate == Fate::lost()).collect();
        let share = lost.iter().filter(|lost| **lost).count();
        assert!((120..300).contains(&share), "{share}");
        let pieces = lost.chunk_by(|one, two| one == two).filter(|piece| piece[0]).count();
        assert!((share / 16..share / 4).contains(&pieces), "{share} in {pieces}");
    }

    #[test]
    fn a_held_frame_comes_behind_the_next_one_or_late() {
        let mut rule = Bad::new(C1, more("{node: c1, reorder: 1}"), 3);
        let frame = |mark| frame(C1, &[mark; 14]);
        let mut pass = |now, mark| {
            let fate = rule.on_frame(&Passing { now, frame: &frame(mark) });
            assert_eq!(fate, Fate::lost());
            let due = rule.next_at().filter(|at| *at <= now).map(|_| rule.due(now));
            (due.unwrap_or_default(), rule.next_at())
        };
        assert_eq!(pass(5, 1), (vec![], Some(5 + HELD_MOST)));
        // Its follower is held in turn, and it is let go.
        assert_eq!(pass(9, 2), (vec![frame(1)], Some(9 + HELD_MOST)));
        assert_eq!(rule.due(9 + HELD_MOST), [frame(2)]);
        assert_eq!(rule.let_go(), []);
    }

    #[test]
    fn a_slow_link_takes_one_frame_after_the_other_and_loses_what_would_wait_too_long() {
        let mut rule = Bad::new(C1, more("{node: c1, bandwidth: 1Mbit}"), 3);
        let frame = frame(C1, &[0; 1250]);
        let mut pass = || rule.on_frame(&Passing { now: 0, frame: &frame });
        let takes = |number: u64| Fate::delayed(number * 10 * MILLISECOND);
        assert_eq!([pass(), pass(), pass()], [takes(1), takes(2), takes(3)]);
        let passed = (0..1000).filter(|_| pass() != Fate::lost()).count();
        assert_eq!(passed, 197, "2 s of them in all");
    }

    #[test]
    fn a_corrupt_frame_differs_in_one_bit_of_its_segment_and_without_one_it_is_lost() {
        use etherparse::PacketBuilder;
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 2], [10, 0, 0, 1], 9);
        let mut bytes = Vec::new();
        packet.tcp(700, 2049, 5, 9).write(&mut bytes, &[7; 40]).unwrap();
        let mut rng = seeds::generator(1);
        for _ in 0..200 {
            let wrong = flipped(&bytes, &mut rng).unwrap();
            let bits = bytes.iter().zip(&wrong).map(|(one, two)| (one ^ two).count_ones());
            assert_eq!(bits.sum::<u32>(), 1);
            assert_eq!(bytes[..34], wrong[..34], "the headers before it are whole");
        }
        assert_eq!(flipped(&[0xff; 60], &mut rng), None);
        assert_eq!(flipped(&bytes[..40], &mut rng), None);
    }

    #[test]
    fn a_falsified_frame_differs_in_one_bit_of_what_it_carries_and_its_checksum_is_right() {
        use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 2], [10, 0, 0, 1], 9);
        let mut bytes = Vec::new();
        packet.tcp(700, 2049, 5, 9).write(&mut bytes, &[7; 41]).unwrap();
        let mut rng = seeds::generator(1);
        for _ in 0..500 {
            let wrong = falsified(&bytes, &mut rng).unwrap();
            let differ = bytes.iter().zip(&wrong).filter(|(one, two)| one != two).count();
            assert!((2..=3).contains(&differ), "a byte, and one or two of the checksum");
            assert_eq!(bytes[..50], wrong[..50], "the headers before the checksum are whole");
            let sliced = SlicedPacket::from_ethernet(&wrong).unwrap();
            let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("no segment") };
            let ends = ([10, 0, 0, 2], [10, 0, 0, 1]);
            let is_right = tcp.to_header().calc_checksum_ipv4_raw(ends.0, ends.1, tcp.payload());
            let is_right = is_right.unwrap();
            assert_eq!(tcp.checksum(), is_right);
            let bits = tcp.payload().iter().map(|byte| (byte ^ 7).count_ones());
            assert_eq!(bits.sum::<u32>(), 1);
        }
        let mut bare = Vec::new();
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 2], [10, 0, 0, 1], 9);
        packet.tcp(700, 2049, 5, 9).write(&mut bare, &[]).unwrap();
        assert_eq!(falsified(&bare, &mut rng), None);
        assert_eq!(falsified(&[0xff; 60], &mut rng), None);
    }

    #[test]
    fn what_the_newer_keys_may_do_to_frames_is_told() {
        let told = |yaml: &str| {
            let consequences = more(yaml).consequences("c1");
            let frames = consequences[0].frames().unwrap();
            (frames.pass, frames.late_ns)
        };
        assert_eq!(told("{node: c1, corrupt: 0.1}"), (Pass::Some, 0));
        assert_eq!(told("{node: c1, reorder: 0.1, delay: 1s}"), (Pass::All, SECOND + HELD_MOST));
        assert_eq!(told("{node: c1, bandwidth: 1Mbit}"), (Pass::Some, QUEUED_MOST));
        let problems = |yaml: &str| more(yaml).problems().len();
        assert_eq!(problems("{node: c1, corrupt: 0.1}"), 0);
        assert_eq!(problems("{node: c1, corrupt: 1.1}"), 1);
        assert_eq!(problems("{node: c1, burst: 3}"), 2);
        assert_eq!(problems("{node: c1, burst: 0.5, loss: 0.1}"), 1);
        assert_eq!(problems("{node: c1, bandwidth: 1kbit}"), 1);
    }

    #[test]
    fn every_copy_of_a_doubled_frame_is_delayed() {
        let fates = fates(spec(0.0, 0.5, "5ms..9ms"), C1);
        let doubled = fates.iter().filter(|fate| fate.delays().len() == 2).count();
        assert!((400..600).contains(&doubled), "{doubled}");
        let late = |delay: &u64| (5_000_000..=9_000_000).contains(delay);
        assert!(fates.iter().all(|fate| fate.delays().iter().all(late)));
    }

    #[test]
    fn its_share_of_frames_is_lost_and_others_links_are_left_alone() {
        let lost = fates(spec(0.3, 0.0, "0s"), C1).iter().filter(|f| **f == Fate::lost()).count();
        assert!((250..350).contains(&lost), "{lost}");
        assert!(fates(spec(0.3, 0.9, "1s"), NodeId::at(2)).iter().all(Fate::is_pass));
    }
}
