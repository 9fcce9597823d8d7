//! Spans of the run: half-open, in the order of the history.

use crate::history::Event;
use std::fmt;

/// A moment of the history.
///
/// Moments at the same time are ordered by their lines: the writer's order is what happened.
/// A moment that has no line of its own (a lifetime runs out) stands before the lines of its
/// time: at the very end of a claim, the next owner is welcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub at_ns: u64,
    pub line: Line,
}

/// Where a moment stands among the lines of history.jsonl that have its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    #[default]
    BeforeAll,
    /// At the line of this number; the first is 1.
    Number(usize),
    AfterAll,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::BeforeAll => f.write_str("before all"),
            Line::Number(number) => number.fmt(f),
            Line::AfterAll => f.write_str("after all"),
        }
    }
}

impl Moment {
    /// After everything.
    pub const NEVER: Moment = Moment { at_ns: u64::MAX, line: Line::AfterAll };

    /// Right after this one, before the next line.
    pub fn next(self) -> Moment {
        let line = match self.line {
            Line::BeforeAll => Line::Number(1),
            Line::Number(number) => Line::Number(number + 1),
            Line::AfterAll => Line::AfterAll,
        };
        Moment { line, ..self }
    }

    /// The time itself, before anything that was written at it.
    pub fn at(at_ns: u64) -> Moment {
        Moment { at_ns, line: Line::BeforeAll }
    }

    /// After everything that was written at a time.
    pub fn after(at_ns: u64) -> Moment {
        Moment { at_ns, line: Line::AfterAll }
    }

    /// That of an event, by its place in the history.
    pub fn of(event: &Event, index: usize) -> Moment {
        Moment { at_ns: event.at_ns, line: Line::Number(index + 1) }
    }
}

/// From a moment to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Moment,
    pub until: Moment,
}

impl Span {
    pub fn new(from: Moment, until: Moment) -> Span {
        Span { from, until }
    }

    pub fn is_empty(&self) -> bool {
        self.from >= self.until
    }

    pub fn contains(&self, moment: Moment) -> bool {
        self.from <= moment && moment < self.until
    }

    /// What both have in common; empty when they do not meet.
    pub fn and(&self, other: Span) -> Span {
        Span { from: self.from.max(other.from), until: self.until.min(other.until) }
    }
}

/// Merges times (not moments) into disjoint spans in order; touching ones become one.
pub fn merged(mut times: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    times.retain(|(from, until)| from < until);
    times.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::new();
    for (from, until) in times {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => out.push((from, until)),
        }
    }
    out
}

/// What of `from..until` is in none of the (merged) `times`.
pub fn outside(times: &[(u64, u64)], from: u64, until: u64) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    let mut at = from;
    for &(start, end) in times {
        if start > at && at < until {
            out.push((at, start.min(until)));
        }
        at = at.max(end);
    }
    if at < until {
        out.push((at, until));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_times_merge_and_the_rest_is_outside() {
        let times = merged(vec![(5, 7), (1, 2), (2, 3), (9, 9), (6, 8)]);
        assert_eq!(times, [(1, 3), (5, 8)]);
        assert_eq!(outside(&times, 0, 10), [(0, 1), (3, 5), (8, 10)]);
        assert_eq!(outside(&times, 2, 6), [(3, 5)]);
        assert_eq!(outside(&times, 6, 7), []);
        assert_eq!(outside(&times, 3, 3), []);
        assert_eq!(outside(&[], 1, 1), []);
    }

    fn moment(at_ns: u64, line: usize) -> Moment {
        Moment { at_ns, line: Line::Number(line) }
    }

    #[test]
    fn a_lifetime_that_runs_out_makes_room_at_that_instant() {
        let claim = Span::new(moment(1, 4), Moment::at(9));
        assert!(!claim.contains(moment(9, 7)));
        assert!(!claim.contains(moment(1, 3)));
        assert!(claim.contains(moment(8, 9)));
        assert!(!claim.contains(claim.until));
    }
}
