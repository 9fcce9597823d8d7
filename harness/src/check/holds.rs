//! Who held, when, and until when it had a claim to: what every checker starts from.
//!
//! # Claims
//!
//! A lock with a lifetime L does not protect its owner for ever, so an interval counts only as
//! long as the owner has a *claim*. The harness cannot see when the lock was obtained (between
//! the call of acquire and its answer), so the claim's end is a lower bound of the true one:
//!
//! - the lock was obtained after the call, so the claim lasts at least until call + L;
//! - a lock that was free only when an earlier owner's claim had ended was obtained after that
//!   end, so the claim lasts at least until that end + L. Without this rule the claim of a
//!   client that had waited for longer than L would be over before it began, and nothing that
//!   happens to it would count;
//! - a refresh that was answered `ok` moves the end to its *call* + its lifetime, and counts
//!   from its *answer*: between the old end and the answer the owner could not know.
//!   A refresh in flight can only shorten the claim (it may ask for less time than is left).
//!
//! A lower bound can hide an overlap by the time an answer took; it cannot invent one.

use super::spans::{Moment, Span};
use crate::history::{Event, Operation, What};
use crate::lock::adapter::Answer;
use crate::lock::profile::Primitive;
use crate::plan::Plan;
use std::collections::BTreeMap;

/// One witness interval and its claims.
#[derive(Clone, Debug)]
pub struct Hold {
    pub client: String,
    /// When its acquire was called.
    pub acquire_called_ns: u64,
    pub entered: Moment,
    pub exit: Exit,
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

    /// When nobody else may be inside: while it is inside and has a claim.
    pub fn exclusive(&self) -> impl Iterator<Item = Span> + '_ {
        let inside = self.inside();
        let spans = self.claims.iter().map(move |claim| claim.and(inside));
        spans.filter(|span| !span.is_empty())
    }

    /// When its lock stands by right: until it is released or its lifetime is over. Death does
    /// not end it.
    pub fn claimed(&self) -> impl Iterator<Item = Span> + '_ {
        let released = match self.exit {
            Exit::Left(at) => at,
            Exit::Died(_) | Exit::Open => Moment::NEVER,
        };
        let all = Span::new(self.entered, released);
        let spans = self.claims.iter().map(move |claim| claim.and(all));
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
pub fn holds(plan: &Plan, history: &[Event], contradictions: &mut Vec<String>) -> Vec<Hold> {
    let mut derive = Derive {
        lifetime: lifetime(plan),
        kernel_managed: matches!(plan.profile.primitive, Primitive::Posix | Primitive::Flock),
        holds: Vec::new(),
        clients: BTreeMap::new(),
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
    contradictions: &'a mut Vec<String>,
}

#[derive(Default)]
struct Client {
    /// The acquire in flight, or the one that was answered `ok` last: call number and time.
    acquire: Option<(u64, u64)>,
    acquired: bool,
    /// Refreshes in flight: call number to time and lifetime.
    refreshes: BTreeMap<u64, (u64, u64)>,
    inside: Option<usize>,
    last: Option<usize>,
    /// The latest end of a claim of its holds before `last`.
    ended_ns: u64,
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
        let state = self.client(client);
        match operation {
            Operation::Acquire { .. } => {
                state.acquire = Some((call, now.at_ns));
                state.acquired = false;
            }
            Operation::Refresh { lifetime } => {
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
            Operation::Release | Operation::IsHeld => {}
        }
    }

    fn answered(&mut self, now: Moment, client: &str, call: u64, answer: &Answer) {
        let ok = matches!(answer, Answer::Ok { .. });
        let has_lifetime = self.lifetime.is_some();
        let state = self.client(client);
        if state.acquire.is_some_and(|(id, _)| id == call) {
            state.acquired = ok;
        }
        let refresh = state.refreshes.remove(&call);
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
        let acquire_called_ns = acquire.map_or(now.at_ns, |(_, at_ns)| at_ns);
        let until = match self.lifetime {
            Some(lifetime) => {
                let base = acquire_called_ns.max(self.free_from(client, now));
                Moment::at(base.saturating_add(lifetime))
            }
            None => Moment::NEVER,
        };
        let index = self.holds.len();
        self.holds.push(Hold {
            client: client.to_owned(),
            acquire_called_ns,
            entered: now,
            exit: Exit::Open,
            claims: vec![Span::new(now, until)],
        });
        let ended = self.ended_before(client, now);
        let state = self.client(client);
        state.ended_ns = ended;
        state.acquired = false;
        state.inside = Some(index);
        state.last = Some(index);
    }

    /// The latest end of another client's claim before `now`: the lock cannot have been obtained
    /// earlier.
    fn free_from(&self, client: &str, now: Moment) -> u64 {
        let others = self.clients.keys().filter(|name| *name != client);
        let ends = others.map(|name| self.ended_before(name, now));
        ends.max().unwrap_or(0)
    }

    /// The latest end of the client's claims that ended before `now`.
    fn ended_before(&self, client: &str, now: Moment) -> u64 {
        let Some(state) = self.clients.get(client) else {
            return 0;
        };
        let last = state.last.map(|index| &self.holds[index]);
        let ends = last.into_iter().flat_map(Hold::claimed);
        let ends = ends.filter(|span| span.until <= now);
        ends.map(|span| span.until.at_ns).fold(state.ended_ns, u64::max)
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
