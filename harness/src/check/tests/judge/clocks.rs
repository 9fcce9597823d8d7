//! The nodes' wall clocks: how far apart any two of them have been.

use super::parameters::Tick;
use crate::site::NodeId;
use crate::units::SECOND;

#[derive(Clone, Copy, Default)]
struct Clock {
    set: Tick,
    offset_ns: i128,
    drift_ppm: i128,
}

/// The server's clock and the clients'.
pub struct Clocks {
    tick_ns: u64,
    clocks: Vec<Clock>,
    /// The skew at each tick at which there was any, the latest last.
    skews: Vec<(Tick, u64)>,
    /// The largest rate of each tick at which a clock was not true, in ppm.
    rates: Vec<(Tick, u64)>,
}

impl Clocks {
    pub fn new(nodes: usize, tick_ns: u64) -> Clocks {
        Clocks {
            tick_ns,
            clocks: vec![Clock::default(); nodes],
            skews: Vec::new(),
            rates: Vec::new(),
        }
    }

    pub fn set(&mut self, node: NodeId, now: Tick, offset_ns: i64, drift_ppm: i64) {
        self.look(now);
        self.clocks[node.index()] =
            Clock { set: now, offset_ns: offset_ns.into(), drift_ppm: drift_ppm.into() };
        self.look(now);
    }

    /// Notes the skew of this instant. Between two settings it is largest at an end.
    pub fn look(&mut self, now: Tick) {
        let stands = self.clocks.iter().map(|clock| {
            let ran = i128::from(now - clock.set) * i128::from(self.tick_ns);
            clock.offset_ns + ran * clock.drift_ppm / 1_000_000
        });
        let (least, most) = (stands.clone().min().unwrap_or(0), stands.max().unwrap_or(0));
        let rate =
            self.clocks.iter().map(|clock| clock.drift_ppm.unsigned_abs()).max().unwrap_or(0);
        if rate > 0 {
            self.rates.push((now, u64::try_from(rate).unwrap_or(u64::MAX)));
        }
        if most > least {
            self.skews.push((now, u64::try_from(most - least).unwrap_or(u64::MAX)));
        }
    }

    /// Whether all clocks have always agreed.
    pub fn agree(&self) -> bool {
        self.skews.is_empty() && self.rates.is_empty()
    }

    /// The largest skew from `since` until now, in nanoseconds.
    pub fn largest_since(&self, since: Tick) -> u64 {
        let late = self.skews.iter().rev().take_while(|(at, _)| *at >= since);
        late.map(|(_, skew)| *skew).max().unwrap_or(0)
    }

    /// How far from true any clock ran since then, in ppm.
    pub fn largest_rate_since(&self, since: Tick) -> u64 {
        let late = self.rates.iter().rev().take_while(|(at, _)| *at >= since);
        late.map(|(_, rate)| *rate).max().unwrap_or(0)
    }

    /// The same in ticks, rounded up.
    pub fn ticks_since(&self, since: Tick) -> Tick {
        let ticks = self.largest_since(since).div_ceil(self.tick_ns);
        Tick::try_from(ticks).unwrap_or(Tick::MAX).min(Tick::MAX / 4)
    }
}

#[test]
fn the_skew_is_what_two_clocks_were_apart_at_most() {
    let mut clocks = Clocks::new(3, SECOND);
    clocks.set(NodeId::at(1), 5, 8_000_000_000, 0);
    clocks.set(NodeId::at(2), 6, -1_000_000_000, -100_000);
    clocks.look(16);
    clocks.set(NodeId::at(1), 16, 0, 0);
    assert_eq!(clocks.largest_since(0), 10 * SECOND);
    clocks.set(NodeId::at(2), 17, 0, 0);
    clocks.look(20);
    assert_eq!((clocks.ticks_since(17), clocks.ticks_since(18)), (3, 0));
}
