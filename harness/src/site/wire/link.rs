//! A node's link: how long a frame takes from the node to the switch, and how much can be under
//! way.

use crate::units::{Bytes, Rate};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What every link of a site is like.
#[derive(Clone, Copy, Debug)]
pub struct LinkSpec {
    /// Without it, frames take no time beyond the wire's latency.
    pub bandwidth: Option<Rate>,
    /// The most that can be under way from one node, waiting or in flight. What comes on top of
    /// that is lost, as in a switch whose buffer is full.
    pub queue: Bytes,
}

/// The way from one node to the switch.
#[derive(Default)]
pub struct Link {
    /// When the last frame has been put on it (ns).
    busy_until: u64,
    /// When what is under way arrives (ns), and how much it is (bytes).
    under_way: BinaryHeap<Reverse<(u64, usize)>>,
    bytes: u64,
}

impl Link {
    /// Puts a frame on the link at `now`; answers when it has left the node (ns). `None`: too much
    /// is under way, and the frame is lost.
    pub fn put(&mut self, length: usize, now: u64, spec: &LinkSpec) -> Option<u64> {
        while let Some(Reverse((at, bytes))) = self.under_way.peek().copied()
            && at <= now
        {
            self.under_way.pop();
            self.bytes -= bytes as u64;
        }
        if self.bytes + length as u64 > spec.queue.0 {
            return None;
        }
        let Some(bandwidth) = spec.bandwidth else {
            return Some(now);
        };
        self.busy_until = self.busy_until.max(now) + bandwidth.time_of(length as u64);
        Some(self.busy_until)
    }

    /// A copy of a frame is under way until `at` (ns).
    pub fn carries(&mut self, length: usize, at: u64) {
        self.under_way.push(Reverse((at, length)));
        self.bytes += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(bandwidth: Option<u64>, queue: u64) -> LinkSpec {
        LinkSpec { bandwidth: bandwidth.map(Rate), queue: Bytes(queue) }
    }

    #[test]
    fn a_frame_takes_the_time_that_the_bandwidth_gives_it_and_waits_for_the_one_before() {
        let (mut link, spec) = (Link::default(), spec(Some(8_000_000), 10_000));
        assert_eq!(link.put(1000, 5, &spec), Some(1_000_005));
        assert_eq!(link.put(1000, 5, &spec), Some(2_000_005));
        assert_eq!(link.put(1000, 9_000_000, &spec), Some(10_000_000));
    }

    #[test]
    fn what_does_not_fit_into_the_queue_is_lost_until_something_has_arrived() {
        let (mut link, spec) = (Link::default(), spec(None, 1500));
        for _ in 0..2 {
            assert_eq!(link.put(700, 0, &spec), Some(0));
            link.carries(700, 100);
        }
        assert_eq!(link.put(700, 99, &spec), None);
        assert_eq!(link.put(700, 100, &spec), Some(100));
    }

    proptest! {
        #[test]
        fn no_more_is_under_way_than_the_queue_holds(
            frames in prop::collection::vec((14usize..1514, 0u64..50_000), 1..300),
        ) {
            let spec = spec(Some(10_000_000), 20_000);
            let (mut link, mut now) = (Link::default(), 0);
            for (length, gap) in frames {
                now += gap;
                if let Some(left) = link.put(length, now, &spec) {
                    prop_assert!(left >= now);
                    link.carries(length, left + 100_000);
                }
                prop_assert!(link.bytes <= spec.queue.0);
            }
        }
    }
}
