//! What became of the messages in one direction of a connection.

use super::Passage;
use crate::rpc::record::Place;
use std::collections::{BTreeMap, VecDeque};

/// Frames and messages that are remembered: more than a sender has under way.
const REMEMBERED: usize = 256;
/// What is further from what is expected than this belongs to another connection (bytes).
const WINDOW: i64 = 1 << 25;

/// A frame as it passed.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at_ns: u64,
    sequence: u32,
    length: u32,
    is_lost: bool,
}

impl Sent {
    fn covers(&self, sequence: u32) -> bool {
        sequence.wrapping_sub(self.sequence) < self.length
    }
}

/// Where a passage is kept: which call, and whether it is the reply's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub call: usize,
    pub is_reply: bool,
}

#[derive(Clone, Copy, Debug)]
struct Carried {
    place: Place,
    key: Key,
    has_passed: bool,
}

/// What a frame changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The message has been sent again.
    Again { is_lost: bool },
    /// All of it has passed.
    Passed,
}

#[derive(Debug, Default)]
pub(super) struct Direction {
    frames: VecDeque<Sent>,
    messages: VecDeque<Carried>,
    begun: Option<u32>,
    /// The sequence number up to which all has passed, and what has passed beyond.
    passed: Option<u32>,
    beyond: BTreeMap<u32, u32>,
    /// The highest sequence number that was sent.
    highest: Option<u32>,
}

impl Direction {
    /// A connection begins at a sequence number. If it is the one that is there, its SYN was sent
    /// again.
    pub fn begin(&mut self, sequence: u32) {
        if self.begun != Some(sequence) {
            *self = Direction {
                begun: Some(sequence),
                passed: Some(sequence),
                highest: Some(sequence),
                ..Direction::default()
            };
        }
    }

    /// A frame with these bytes passes. `change` is told what becomes of messages by it.
    pub fn frame(
        &mut self,
        at_ns: u64,
        (sequence, length): (u32, u32),
        is_lost: bool,
        change: &mut dyn FnMut(Key, Change),
    ) {
        let sent = Sent { at_ns, sequence, length, is_lost };
        let highest = *self.highest.get_or_insert(sequence);
        if distance(sequence, highest) < 0 {
            let again = self.messages.iter().filter(|message| sent.covers(message.place.sequence));
            again.for_each(|message| change(message.key, Change::Again { is_lost }));
        }
        let end = sequence.wrapping_add(length);
        if distance(end, highest) > 0 {
            self.highest = Some(end);
        }
        remember(&mut self.frames, sent);
        if !is_lost {
            self.pass(sequence, end);
        }
        self.tell_passed(change);
    }

    /// A message is whole by the frame that has passed last. Answers its passage so far.
    pub fn message(&mut self, place: Place, key: Key) -> Passage {
        let mut frames = self.frames.iter().filter(|sent| sent.covers(place.sequence)).peekable();
        let sent_ns = frames.peek().map_or(0, |sent| sent.at_ns);
        let (mut sent, mut lost) = (0u32, 0u32);
        for frame in frames {
            sent += 1;
            lost += u32::from(frame.is_lost);
        }
        let has_passed = self.has_passed(&place);
        let passed_ns = self.frames.back().filter(|_| has_passed).map(|sent| sent.at_ns);
        remember(&mut self.messages, Carried { place, key, has_passed });
        Passage { sent_ns, passed_ns, sent_again: sent.saturating_sub(1), lost, late_ns: 0 }
    }

    fn has_passed(&self, place: &Place) -> bool {
        let end = place.sequence.wrapping_add(place.length);
        self.passed.is_some_and(|passed| distance(passed, end) >= 0)
    }

    fn pass(&mut self, sequence: u32, end: u32) {
        let mut passed = *self.passed.get_or_insert(sequence);
        let ahead = distance(sequence, passed);
        if ahead.abs() > WINDOW {
            return;
        }
        if ahead > 0 {
            let known = self.beyond.entry(sequence).or_insert(end);
            if distance(end, *known) > 0 {
                *known = end;
            }
            while self.beyond.len() > REMEMBERED {
                self.beyond.pop_last();
            }
            return;
        }
        let mut next = Some(end);
        while let Some(end) = next {
            if distance(end, passed) > 0 {
                passed = end;
            }
            // Keys wrap with the numbers, so that the order of the map is not theirs.
            let found = self.beyond.iter().find(|(from, _)| distance(**from, passed) <= 0);
            let found = found.map(|(from, _)| *from);
            next = found.and_then(|from| self.beyond.remove(&from));
        }
        self.passed = Some(passed);
    }

    fn tell_passed(&mut self, change: &mut dyn FnMut(Key, Change)) {
        for index in 0..self.messages.len() {
            let message = self.messages[index];
            if !message.has_passed && self.has_passed(&message.place) {
                self.messages[index].has_passed = true;
                change(message.key, Change::Passed);
            }
        }
        // What has passed and will not be sent again need not be looked at again.
        while self.messages.len() > 8 && self.messages.front().is_some_and(|one| one.has_passed) {
            self.messages.pop_front();
        }
    }
}

/// How far one sequence number is ahead of another; they wrap.
fn distance(one: u32, other: u32) -> i64 {
    i64::from(one.wrapping_sub(other) as i32)
}

fn remember<T>(all: &mut VecDeque<T>, one: T) {
    if all.len() == REMEMBERED {
        all.pop_front();
    }
    all.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { call: 7, is_reply: false };

    fn sent(
        direction: &mut Direction,
        at_ns: u64,
        bytes: (u32, u32),
        is_lost: bool,
    ) -> Vec<Change> {
        let mut told = Vec::new();
        direction.frame(at_ns, bytes, is_lost, &mut |key, change| {
            assert_eq!(key, KEY);
            told.push(change);
        });
        told
    }

    #[test]
    fn a_message_of_two_frames_has_passed_with_the_later_one_that_is_not_lost() {
        let mut direction = Direction::default();
        direction.begin(u32::MAX - 9);
        sent(&mut direction, 1, (u32::MAX - 9, 100), true);
        sent(&mut direction, 2, (90, 50), false);
        let passage = direction.message(Place { sequence: u32::MAX - 9, length: 150 }, KEY);
        assert_eq!(passage, Passage { sent_ns: 1, lost: 1, ..Passage::default() });
        let again = [Change::Again { is_lost: true }];
        assert_eq!(sent(&mut direction, 3, (u32::MAX - 9, 100), true), again);
        let told = sent(&mut direction, 4, (u32::MAX - 9, 100), false);
        assert_eq!(told, [Change::Again { is_lost: false }, Change::Passed]);
        assert_eq!(sent(&mut direction, 5, (90, 50), false), []);
    }

    #[test]
    fn what_was_never_delivered_stays_lost_when_the_port_is_used_again() {
        let mut direction = Direction::default();
        direction.begin(10);
        sent(&mut direction, 1, (10, 40), true);
        assert_eq!(direction.message(Place { sequence: 10, length: 40 }, KEY).passed_ns, None);
        direction.begin(5_000);
        direction.begin(5_000);
        assert_eq!(sent(&mut direction, 2, (5_000, 40), false), []);
        direction.begin(5_000);
        let place = Place { sequence: 5_000, length: 40 };
        assert_eq!(direction.message(place, KEY).passed_ns, Some(2));
    }
}
