//! The NFS calls around a violation, as a sequence diagram of characters.

use super::{Page, Paint};
use crate::Finding;
use crate::text::{clean, clean_name, wrap};
use crate::wire::{Fate, Row, Wire, WireCall, moment, violation_words};

const MARGIN: &str = "    ";
/// What the columns of the nodes may take together, and one at most.
const LANES_MAX: usize = 40;
const LANE_MAX: usize = 9;
/// A text narrower than this cannot be read.
const TEXT_MIN: usize = 12;

pub fn sequence(page: &mut Page, finding: &Finding) {
    let Some(wire) = &finding.wire else {
        return;
    };
    if let Some(taken) = &wire.taken {
        page.row(&format!("{MARGIN}taken  "), &clean(taken));
    }
    let lanes = Lanes::of(wire);
    let time = wire.calls.iter().map(|call| moment(call.at_ns).len()).max().unwrap_or(0);
    let time = time.max(moment(finding.at_ns).len());
    page.out.push('\n');
    page.line(&format!("{MARGIN}{:time$}  {}", "", lanes.heads(wire)));
    for row in wire.rows(finding) {
        match row {
            Row::Call(call) => lanes.call(page, time, wire, call),
            Row::Violation => {
                let line = format!(
                    "{MARGIN}{:>time$}  {}  ",
                    moment(finding.at_ns),
                    "=".repeat(lanes.width())
                );
                let words = wrap(&violation_words(finding), lanes.room(page, time));
                for (index, part) in words.iter().enumerate() {
                    let first = if index == 0 { line.clone() } else { lanes.empty(time) };
                    let part = page.paint(Paint::Bad, part);
                    page.line(&format!("{first}{part}"));
                }
            }
        }
    }
    if let Some(omission) = wire.omission() {
        page.row(MARGIN, &omission);
    }
}

/// Where the lifelines are.
struct Lanes {
    count: usize,
    /// From one to the next.
    step: usize,
}

impl Lanes {
    fn of(wire: &Wire) -> Lanes {
        let count = wire.nodes.len().clamp(1, LANES_MAX / 2);
        let step = (LANES_MAX / count.saturating_sub(1).max(1)).clamp(2, LANE_MAX);
        Lanes { count, step }
    }

    fn width(&self) -> usize {
        (self.count - 1) * self.step + 1
    }

    /// What is left for words beside them.
    fn room(&self, page: &Page, time: usize) -> usize {
        let taken = MARGIN.len() + time + 2 + self.width() + 2;
        page.columns.saturating_sub(taken).max(TEXT_MIN)
    }

    /// The names, each from its lifeline on.
    fn heads(&self, wire: &Wire) -> String {
        let mut out = String::new();
        for (index, node) in wire.nodes.iter().take(self.count).enumerate() {
            let is_last = index + 1 == self.count;
            let room = if is_last { 12 } else { self.step - 1 };
            let name: String = clean_name(node).chars().take(room).collect();
            let width = if is_last { 0 } else { self.step };
            out.push_str(&format!("{name:width$}"));
        }
        out
    }

    fn lines(&self) -> Vec<char> {
        let is_line = |at: usize| at.is_multiple_of(self.step);
        (0..self.width()).map(|at| if is_line(at) { '|' } else { ' ' }).collect()
    }

    fn empty(&self, time: usize) -> String {
        let lines: String = self.lines().into_iter().collect();
        format!("{MARGIN}{:time$}  {lines}  ", "")
    }

    fn arrow(&self, from: usize, to: usize, is_lost: bool) -> String {
        let mut lines = self.lines();
        let (low, high) = (from.min(to) * self.step, from.max(to) * self.step);
        if high >= lines.len() || low == high {
            return lines.into_iter().collect();
        }
        for (at, place) in lines.iter_mut().enumerate().take(high).skip(low + 1) {
            if !at.is_multiple_of(self.step) {
                *place = '-';
            }
        }
        let (head, behind) = match to > from {
            true => (high - 1, low + (high - low).div_ceil(2)..high),
            false => (low + 1, low + 1..low + (high - low).div_ceil(2)),
        };
        match is_lost {
            false => lines[head] = if to > from { '>' } else { '<' },
            true => {
                let cross = if to > from { behind.start } else { behind.end };
                for at in behind {
                    lines[at] = if at.is_multiple_of(self.step) { '|' } else { ' ' };
                }
                lines[cross] = 'x';
            }
        }
        lines.into_iter().collect()
    }

    fn call(&self, page: &mut Page, time: usize, wire: &Wire, call: &WireCall) {
        let (from, to) = (wire.column(&call.from), wire.column(&call.to));
        let (from, to) = (from.unwrap_or(0), to.unwrap_or(0));
        let mut firsts = vec![format!(
            "{MARGIN}{:>time$}  {}  ",
            moment(call.at_ns),
            self.arrow(from, to, call.fate == Fate::CallLost)
        )];
        if call.fate == Fate::ReplyLost {
            firsts.push(format!("{MARGIN}{:time$}  {}  ", "", self.arrow(to, from, true)));
        }
        let words = wrap(&call.words(), self.room(page, time));
        for index in 0..words.len().max(firsts.len()) {
            let first = firsts.get(index).cloned().unwrap_or_else(|| self.empty(time));
            let part = words.get(index).map_or("", String::as_str);
            page.line(&format!("{first}{part}"));
        }
    }
}
