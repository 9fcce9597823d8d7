//! The increments of the counter file, and for how long each may still be written.

use super::bounds::Bounds;
use super::spans::Moment;
use crate::history::{Event, EventKind};
use std::collections::BTreeMap;

/// One increment.
#[derive(Clone, Debug)]
pub struct Count<'a> {
    pub client: &'a str,
    pub began: Moment,
    /// When it was answered, and what it had read.
    pub counted: Option<(Moment, u64)>,
    /// From when on it can do nothing any more. One that failed or was never answered may be
    /// written for as long as its client's kernel lives, and is on the wire a little longer.
    pub over: Moment,
    /// It will never write.
    pub dropped: bool,
    /// What its client's kernel may have kept of the file.
    pub kept: Option<Kept>,
}

/// What a client's kernel may have kept of the file.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// When the last increment that was answered began; or the first, if none was.
    pub since_ns: u64,
    /// What that wrote. Unknown once another has begun, which may have read anew.
    pub value: Option<u64>,
}

/// Every increment, in the order in which they began.
pub fn counts<'a>(history: &'a [Event], bounds: &Bounds) -> Vec<Count<'a>> {
    let mut derive = Derive {
        bounds,
        counts: Vec::new(),
        open: BTreeMap::new(),
        pending: BTreeMap::new(),
        kept: BTreeMap::new(),
    };
    for (index, event) in history.iter().enumerate() {
        derive.event(Moment::of(event, index), &event.kind);
    }
    derive.counts
}

struct Derive<'a, 'b> {
    bounds: &'b Bounds,
    counts: Vec<Count<'a>>,
    open: BTreeMap<&'a str, usize>,
    /// Those that failed or were never answered: their clients' kernels may still write.
    pending: BTreeMap<&'a str, Vec<usize>>,
    kept: BTreeMap<&'a str, Kept>,
}

impl<'a> Derive<'a, '_> {
    fn event(&mut self, now: Moment, kind: &'a EventKind) {
        match kind {
            EventKind::CountBegan { client } => self.began(now, client),
            // It reads, and writes nothing.
            EventKind::CountDropped { client, .. } => {
                if let Some(index) = self.open.remove(client.as_str()) {
                    self.counts[index].dropped = true;
                    self.counts[index].over = now;
                }
            }
            EventKind::Counted { client, read } => {
                if let Some(index) = self.open.remove(client.as_str()) {
                    self.counts[index].counted = Some((now, *read));
                    self.counts[index].over = now;
                    let since_ns = self.counts[index].began.at_ns;
                    self.kept.insert(client, Kept { since_ns, value: read.checked_add(1) });
                }
            }
            EventKind::CountFailed { client, .. }
            | EventKind::AdapterFailed { client, .. }
            | EventKind::AdapterKilled { client } => {
                if let Some(index) = self.open.remove(client.as_str()) {
                    self.pending.entry(client).or_default().push(index);
                }
            }
            EventKind::NodeDied { node, .. } => {
                self.kept.remove(node.as_str());
                let failed = self.pending.remove(node.as_str()).unwrap_or_default();
                let over_ns = now.at_ns.saturating_add(self.bounds.in_flight_ns());
                for index in failed.into_iter().chain(self.open.remove(node.as_str())) {
                    self.counts[index].over = Moment::after(over_ns);
                }
            }
            _ => {}
        }
    }

    fn began(&mut self, now: Moment, client: &'a str) {
        if let Some(left) = self.open.insert(client, self.counts.len()) {
            self.pending.entry(client).or_default().push(left);
        }
        self.counts.push(Count {
            client,
            began: now,
            counted: None,
            over: Moment::NEVER,
            dropped: false,
            kept: self.kept.get(client).copied(),
        });
        let first = Kept { since_ns: now.at_ns, value: None };
        self.kept.entry(client).or_insert(first).value = None;
    }
}
