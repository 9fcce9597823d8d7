//! When something of a client's may have acted on the lock, and when the lock was at rest.

use super::bounds::Bounds;
use super::calls::Calls;
use super::contact::Contacts;
use super::counts::Count;
use super::holds::{Exit, Hold};
use super::spans::{Moment, merged};
use std::collections::BTreeMap;

/// Times in nanoseconds, both ends included.
#[derive(Debug, Default)]
pub struct Acts {
    all: Sorted,
    by_client: BTreeMap<String, Sorted>,
    /// Of each hold: until when its lock may stand, whether or not by right.
    pub stood: Vec<u64>,
    /// When somebody was inside, or anything but an acquire was under way.
    busy: Vec<(u64, u64)>,
}

/// Spans by begin, with the latest end of each and all before it.
#[derive(Debug, Default)]
struct Sorted(Vec<(u64, u64, u64)>);

impl Sorted {
    fn of(mut spans: Vec<(u64, u64)>) -> Sorted {
        spans.sort_unstable();
        let mut latest = 0;
        let spans = spans.into_iter().map(|(from, until)| {
            latest = until.max(latest);
            (from, until, latest)
        });
        Sorted(spans.collect())
    }

    /// The first of those that last at `at`.
    fn first_at(&self, at: u64) -> Option<(u64, u64)> {
        // The first up to which the latest end is late enough is that late itself.
        let first = self.0.partition_point(|(_, _, latest)| *latest < at);
        let &(from, until, _) = self.0.get(first)?;
        (from <= at).then_some((from, until))
    }

    /// Those that share a moment with the time from `from` to `until`.
    fn meeting(&self, from: u64, until: u64) -> impl Iterator<Item = (u64, u64)> {
        let first = self.0.partition_point(|(_, _, latest)| *latest < from);
        let some = self.0[first..].iter().take_while(move |(begin, ..)| *begin <= until);
        let some = some.filter(move |(_, end, _)| *end >= from);
        some.map(|(begin, end, _)| (*begin, *end))
    }
}

impl Acts {
    /// Derives them. An act lasts from the call of acquire until the hold that came of it is
    /// surely given up, or until the call is over if none did.
    pub fn of(
        calls: &Calls,
        holds: &[Hold],
        counts: &[Count],
        (contacts, bounds): (&Contacts, &Bounds),
    ) -> Acts {
        let mut by_client: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        let (mut busy, mut stood) = (Vec::new(), Vec::new());
        for (index, hold) in holds.iter().enumerate() {
            let until = stands_until(holds, index, (calls, contacts, bounds)).at_ns;
            let acts = by_client.entry(hold.client.clone()).or_default();
            acts.push((hold.acquire_called.at_ns, until));
            stood.push(until);
            busy.push((hold.entered.at_ns, until));
        }
        for call in calls.iter() {
            let contact = contacts.of_client(&call.client);
            let span = (call.called.at_ns, contact.latest_effect(call, bounds).at_ns);
            by_client.entry(call.client.clone()).or_default().push(span);
            if !call.is_acquire() {
                busy.push(span);
            }
        }
        for count in counts {
            let span = (count.began.at_ns, count.over.at_ns);
            by_client.entry(count.client.to_owned()).or_default().push(span);
            busy.push(span);
        }
        let all = by_client.values().flatten().copied().collect();
        let by_client = by_client.into_iter().map(|(client, spans)| (client, Sorted::of(spans)));
        Acts { all: Sorted::of(all), by_client: by_client.collect(), stood, busy: merged(busy) }
    }

    /// The begin of the first act, of whomever, that was still going on at `at`; `at` if none was.
    pub fn began(&self, at: u64) -> u64 {
        self.all.first_at(at).map_or(at, |(from, _)| from)
    }

    /// The same of one client's acts.
    pub fn began_of(&self, client: &str, at: u64) -> u64 {
        let own = self.by_client.get(client).and_then(|own| own.first_at(at));
        own.map_or(at, |(from, _)| from)
    }

    /// A client's acts that were going on at any time from `from` to `until`.
    pub fn of_client(&self, client: &str, from: u64, until: u64) -> Vec<(u64, u64)> {
        let own = self.by_client.get(client);
        own.map_or_else(Vec::new, |own| own.meeting(from, until).collect())
    }

    /// The first moment from `at` on at which nobody is inside, and nothing is under way but
    /// acquires: whatever had been done wrong by then is done.
    pub fn rest_after(&self, at: u64) -> u64 {
        let begun = self.busy.partition_point(|(from, _)| *from <= at);
        match self.busy[..begun].last() {
            Some((_, until)) if *until > at => *until,
            _ => at,
        }
    }
}

/// Until when a hold's lock may stand, whether or not by right.
fn stands_until(
    holds: &[Hold],
    index: usize,
    (calls, contacts, bounds): (&Calls, &Contacts, &Bounds),
) -> Moment {
    let hold = &holds[index];
    let left = hold.inside().until;
    if hold.exit == Exit::Open {
        return Moment::NEVER;
    }
    if let Some(over) = hold.said_over(calls) {
        return over.over().max(left);
    }
    let contact = contacts.of_client(&hold.client);
    let own = hold.own_calls(calls).map(|call| contact.latest_effect(call, bounds));
    let own = own.fold(left, Moment::max);
    // Nobody said that it is over: whoever enters next has got it, or has broken it.
    let next = holds.partition_point(|other| other.entered <= left);
    own.max(holds.get(next).map_or(Moment::NEVER, |next| next.entered))
}
