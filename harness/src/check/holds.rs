//! Who held, when, and until when it had a claim to: what every checker starts from.
//!
//! # Claims
//!
//! A lock with a lifetime L does not protect its owner for ever, so an interval counts only as
//! long as the owner has a *claim*. The harness cannot see when the lock was obtained (between
//! the call of acquire and its answer), so the claim's end is a lower bound of the true one:
//!
//! - the lock was obtained after the call, so the claim lasts at least until call + L;
//! - it was not obtained within another's claim, but after that claim's end; unless it may have
//!   been obtained so long before that claim began that it had rightly been broken by then
//!   (the answer took longer than L). Without this rule the claim of a client that had waited
//!   for longer than L would be over before it began, and nothing that happens to it would count;
//! - a refresh that was answered `ok` moves the end to its *call* + its lifetime, and counts
//!   from its *answer*: between the old end and the answer the owner could not know.
//!   A refresh in flight can only shorten the claim (it may ask for less time than is left).
//!
//! A lower bound can hide an overlap by the time an answer took; it cannot invent one. One
//! overlap must not be hidden: whoever cannot have obtained the lock outside of a claim that
//! still lasts when it enters holds against that claim, whenever it was. Its own claim may be
//! over on paper, but it counts for the instant of the entry.

use super::outages::Outages;
use super::spans::{Moment, Span};
use crate::history::{Event, Operation, What};
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// One witness interval and its claims.
#[derive(Clone, Debug)]
pub struct Hold {
    pub client: String,
    /// When its acquire was called.
    pub acquire_called_ns: u64,
    pub entered: Moment,
    pub exit: Exit,
    /// When its lock was given up: release was called (and could reach the server), or its
    /// client began anew.
    pub released: Option<Moment>,
    /// When it was told that it does not hold any more: from then on it knows.
    pub told_lost: Option<Moment>,
    /// When its lock's lifetime covers it, in order, whether or not it is still inside.
    /// Never empty; without a lifetime, one span without end.
    pub claims: Vec<Span>,
}

/// How a witness interval ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Release is about to be called.
    Left(Moment),
    /// The node died or the adapter failed: in no critical section any more, but its lock
    /// may stand.
    Died(Moment),
    /// It never left.
    Open,
}

impl Hold {
    /// The witness interval.
    pub fn inside(&self) -> Span {
        let until = match self.exit {
            Exit::Left(at) | Exit::Died(at) => at,
            Exit::Open => Moment::NEVER,
        };
        Span::new(self.entered, until)
    }

    /// When nobody else may be inside: while it is inside, has a claim, and believes so.
    pub fn exclusive(&self) -> impl Iterator<Item = Span> + '_ {
        let mut inside = self.inside();
        inside.until = inside.until.min(self.told_lost.unwrap_or(Moment::NEVER));
        self.claims_within(inside)
    }

    /// When its lock stands by right: until it is released or its lifetime is over. Neither
    /// death nor bad news end that.
    pub fn claimed(&self) -> impl Iterator<Item = Span> + '_ {
        let released = self.released.unwrap_or(Moment::NEVER);
        self.claims_within(Span::new(self.entered, released))
    }

    fn is_of_the_living(&self) -> bool {
        !matches!(self.exit, Exit::Died(_))
    }

    fn claims_within(&self, time: Span) -> impl Iterator<Item = Span> + '_ {
        let spans = self.claims.iter().map(move |claim| claim.and(time));
        spans.filter(|span| !span.is_empty())
    }

    /// When its last claim ends by lifetime alone; `NEVER` without a lifetime.
    pub fn lifetime_over(&self) -> Moment {
        self.claims.last().map_or(Moment::NEVER, |claim| claim.until)
    }

    /// As the report shows it.
    pub fn report(&self) -> lockstorm_reports::Hold {
        let time = |moment: Moment| (moment != Moment::NEVER).then_some(moment.at_ns);
        lockstorm_reports::Hold {
            client: self.client.clone(),
            from_ns: self.entered.at_ns,
            until_ns: time(self.inside().until),
            died: matches!(self.exit, Exit::Died(_)),
            claim_until_ns: time(self.lifetime_over()),
        }
    }
}

/// Derives the holds, in the order in which they were entered. What cannot have happened goes
/// to `contradictions`.
pub fn holds(
    plan: &Plan,
    history: &[Event],
    outages: &Outages,
    contradictions: &mut Vec<String>,
) -> Vec<Hold> {
    let mut derive = Derive {
        lifetime: lifetime(plan),
        kernel_managed: plan.profile.primitive.is_kernel_managed(),
        holds: Vec::new(),
        clients: BTreeMap::new(),
        outages,
        contradictions,
    };
    for (index, event) in history.iter().enumerate() {
        derive.event(Moment { at_ns: event.at_ns, line: index + 1 }, &event.what);
    }
    derive.holds
}

/// The lock's lifetime in nanoseconds, if it has one.
pub fn lifetime(plan: &Plan) -> Option<u64> {
    let default = plan.profile.lifetime?.default;
    Some(plan.scenario.lock.lifetime.unwrap_or(default).0)
}

struct Derive<'a> {
    lifetime: Option<u64>,
    /// The kernel frees the lock when its owner's process ends.
    kernel_managed: bool,
    holds: Vec<Hold>,
    clients: BTreeMap<String, Client>,
    outages: &'a Outages,
    contradictions: &'a mut Vec<String>,
}

#[derive(Default)]
struct Client {
    /// The acquire in flight, or the one that was answered `ok` last: its number and its call.
    acquire: Option<(u64, Moment)>,
    acquired: bool,
    /// Refreshes in flight: call number to time and lifetime.
    refreshes: BTreeMap<u64, (u64, u64)>,
    inside: Option<usize>,
    last: Option<usize>,
    /// The holds that might still have a claim when its acquire was called.
    standing: Vec<usize>,
}

impl Derive<'_> {
    fn event(&mut self, now: Moment, what: &What) {
        match what {
            What::Called { client, call, operation } => self.called(now, client, *call, operation),
            What::Answered { client, call, answer } => self.answered(now, client, *call, answer),
            What::Entered { client } => self.entered(now, client),
            What::Left { client } => match self.client(client).inside.take() {
                Some(hold) => self.holds[hold].exit = Exit::Left(now),
                None => self.contradiction(now, &format!("{client} leaves without being inside")),
            },
            What::NodeDied { node, .. } => self.died(now, node),
            What::AdapterFailed { client, .. } => self.died(now, client),
            What::NodeBooted { node } => {
                if self.client(node).inside.is_some() {
                    self.contradiction(now, &format!("{node} boots while it is inside"));
                }
                self.died(now, node);
            }
            _ => {}
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.entry(name.to_owned()).or_default()
    }

    fn contradiction(&mut self, now: Moment, what: &str) {
        self.contradictions.push(format!("line {}: {what}", now.line));
    }

    fn called(&mut self, now: Moment, client: &str, call: u64, operation: &Operation) {
        match operation {
            Operation::Acquire { .. } => {
                // A dead process's lock is not given up by the next one's asking.
                self.release(client, now, Hold::is_of_the_living);
                let state = self.client(client);
                state.acquire = Some((call, now));
                state.acquired = false;
                let standing = self.clients.values().filter_map(|client| client.last);
                let standing = standing.collect();
                self.client(client).standing = standing;
            }
            Operation::Refresh { lifetime } => {
                let state = self.client(client);
                state.refreshes.insert(call, (now.at_ns, lifetime.0));
                let inside = state.inside;
                if let Some(hold) = inside
                    && self.lifetime.is_some()
                {
                    let end = Moment::at(now.at_ns.saturating_add(lifetime.0));
                    if let Some(claim) = self.holds[hold].claims.last_mut() {
                        claim.until = claim.until.min(end);
                    }
                }
            }
            Operation::Release => {
                self.release(client, now, Hold::is_of_the_living);
            }
            Operation::IsHeld => {}
        }
    }

    /// The client gives up its last hold's lock, if that is so. What it calls while nothing
    /// reaches the server happens only after that.
    fn release(&mut self, client: &str, now: Moment, if_so: fn(&Hold) -> bool) {
        let Some(last) = self.client(client).last else {
            return;
        };
        let hold = &mut self.holds[last];
        if hold.released.is_none() && if_so(hold) {
            let mut mute = self.outages.mute(client).into_iter();
            let mute = mute.find(|(from, until)| (from + 1..*until).contains(&now.at_ns));
            hold.released = Some(match mute {
                Some((_, u64::MAX)) => Moment::NEVER,
                Some((_, until)) => Moment::at(until),
                None => now,
            });
        }
    }

    fn answered(&mut self, now: Moment, client: &str, call: u64, answer: &Answer) {
        let ok = matches!(answer, Answer::Ok { .. });
        let has_lifetime = self.lifetime.is_some();
        let state = self.client(client);
        if state.acquire.is_some_and(|(id, _)| id == call) {
            state.acquired = ok;
        }
        let lost = matches!(answer, Answer::NotHeld | Answer::Ok { held: Some(false) });
        let refresh = state.refreshes.remove(&call);
        if let (Some(hold), true) = (state.inside, lost) {
            self.holds[hold].told_lost.get_or_insert(now);
            return;
        }
        if let (Some((called_ns, lifetime)), Some(hold), true) =
            (refresh, state.inside, ok && has_lifetime)
        {
            let until = Moment::at(called_ns.saturating_add(lifetime));
            let claims = &mut self.holds[hold].claims;
            match claims.last_mut() {
                Some(last) if last.until >= now => last.until = until,
                _ => claims.push(Span::new(now, until)),
            }
        }
    }

    fn entered(&mut self, now: Moment, client: &str) {
        let state = self.client(client);
        let (acquired, acquire, inside) = (state.acquired, state.acquire, state.inside);
        if inside.is_some() {
            self.contradiction(now, &format!("{client} enters while it is inside"));
            return;
        }
        if !acquired {
            self.contradiction(now, &format!("{client} enters without a lock"));
        }
        // Whatever stood of a dead process's lock, its own node has now taken over.
        self.release(client, now, |_| true);
        let called = acquire.map_or(now, |(_, called)| called);
        let until = self.claim_until(client, called, now);
        let index = self.holds.len();
        self.holds.push(Hold {
            client: client.to_owned(),
            acquire_called_ns: called.at_ns,
            entered: now,
            exit: Exit::Open,
            released: None,
            told_lost: None,
            claims: vec![Span::new(now, until)],
        });
        let state = self.client(client);
        state.acquired = false;
        state.inside = Some(index);
        state.last = Some(index);
    }

    /// The end of the claim of one that called acquire at `called` and enters `now`.
    fn claim_until(&self, client: &str, called: Moment, now: Moment) -> Moment {
        let Some(lifetime) = self.lifetime else {
            return Moment::NEVER;
        };
        let over = |obtained: Moment| Moment::at(obtained.at_ns.saturating_add(lifetime));
        // The earliest moment at which it can have been obtained.
        let mut obtained = called;
        for claim in self.claims_since(client, called) {
            if claim.until <= obtained {
                continue;
            }
            if over(obtained) <= claim.from {
                // Obtained then, it was over before this claim began.
                break;
            }
            if claim.contains(now) {
                return over(obtained).max(now.next());
            }
            obtained = claim.until;
        }
        over(obtained)
    }

    /// The claims of others that lasted after `called`, by their begin.
    fn claims_since(&self, client: &str, called: Moment) -> Vec<Span> {
        let standing = self.clients.get(client).map_or(&[][..], |c| &c.standing);
        let later = self.holds.partition_point(|hold| hold.entered < called);
        let later = later..self.holds.len();
        let indices: BTreeSet<usize> = standing.iter().copied().chain(later).collect();
        let holds = indices.into_iter().map(|index| &self.holds[index]);
        let others = holds.filter(|hold| hold.client != client);
        let mut claims: Vec<Span> = others.flat_map(Hold::claimed).collect();
        claims.retain(|claim| claim.until > called);
        claims.sort_by_key(|claim| claim.from);
        claims
    }

    fn died(&mut self, now: Moment, client: &str) {
        let kernel_managed = self.kernel_managed && self.lifetime.is_none();
        let state = self.client(client);
        state.acquire = None;
        state.acquired = false;
        state.refreshes.clear();
        if let Some(hold) = state.inside.take() {
            let hold = &mut self.holds[hold];
            hold.exit = Exit::Died(now);
            if kernel_managed && let Some(claim) = hold.claims.last_mut() {
                claim.until = now;
            }
        }
    }
}
