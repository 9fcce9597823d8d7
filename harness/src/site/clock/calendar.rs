//! The calendar: what happens next, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events in the order of their times; those of one instant in the order in which they were
/// entered, so that a run never depends on the heap's own order.
#[derive(Debug)]
pub struct Calendar<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: u64,
    rank: u64,
    event: E,
}

impl<E> Default for Calendar<E> {
    fn default() -> Self {
        Calendar { heap: BinaryHeap::new(), entered: 0 }
    }
}

impl<E> Calendar<E> {
    /// Enters an event at a time in nanoseconds of the harness's clock.
    pub fn enter(&mut self, at: u64, event: E) {
        self.entered += 1;
        self.heap.push(Reverse(Entry { at, rank: self.entered, event }));
    }

    /// The time of the next event.
    pub fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next event with its time, without taking it out.
    pub fn peek(&self) -> Option<(u64, &E)> {
        self.heap.peek().map(|Reverse(entry)| (entry.at, &entry.event))
    }

    /// Takes the next event out.
    pub fn pop(&mut self) -> Option<(u64, E)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }

    /// Strikes out every event that `keep` refuses.
    pub fn retain(&mut self, mut keep: impl FnMut(&E) -> bool) {
        self.heap.retain(|Reverse(entry)| keep(&entry.event));
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.rank) == (other.at, other.rank)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.rank).cmp(&(other.at, other.rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn events_of_one_instant_come_out_in_the_order_in_which_they_were_entered() {
        let mut calendar = Calendar::default();
        for (at, name) in [(5, "c"), (1, "a"), (5, "d"), (1, "b")] {
            calendar.enter(at, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| calendar.pop()).collect();
        assert_eq!(order, [(1, "a"), (1, "b"), (5, "c"), (5, "d")]);
    }

    #[test]
    fn events_that_are_struck_out_do_not_happen_and_the_others_keep_their_order() {
        let mut calendar = Calendar::default();
        for number in 0..100 {
            calendar.enter(number / 10, number);
        }
        calendar.retain(|number| number % 3 == 0);
        let order: Vec<_> =
            std::iter::from_fn(|| calendar.pop()).map(|(_, number)| number).collect();
        assert_eq!(order, (0..100).filter(|number| number % 3 == 0).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn the_calendar_is_a_stable_sort_by_time(times in prop::collection::vec(0u64..20, 0..200)) {
            let mut calendar = Calendar::default();
            for (number, at) in times.iter().enumerate() {
                calendar.enter(*at, number);
            }
            let numbered = times.iter().copied().enumerate();
            let mut expected: Vec<_> = numbered.map(|(n, at)| (at, n)).collect();
            expected.sort_by_key(|(at, _)| *at);
            prop_assert_eq!(std::iter::from_fn(|| calendar.pop()).collect::<Vec<_>>(), expected);
        }
    }
}
