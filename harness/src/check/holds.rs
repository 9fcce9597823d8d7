//! Who was in its critical section, and when, by the witness; what became of each.
//!
//! A client that asks for the lock while it is inside gives nothing up: refused, it holds what it
//! held; granted once more (a reentrant lock), its hold goes on, and may end with the first
//! release.

use super::calls::{Call, Calls};
use super::claims::Claim;
use super::contact::Contacts;
use super::spans::{Moment, Span};
use crate::history::{Consequence, Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use std::collections::BTreeMap;

/// One witness interval.
#[derive(Clone, Debug)]
pub struct Hold {
    pub client: String,
    /// When its acquire was called.
    pub acquire_called: Moment,
    pub entered: Moment,
    pub exit: Exit,
    /// When its process ended, if it did before it had another hold; and whether its whole node,
    /// kernel and all, had lost power.
    pub gone: Option<Gone>,
    /// When its process was to be killed: from then on it may be gone, and its lock with it, though
    /// nobody knows yet.
    pub dying: Option<Moment>,
    /// When its lock may have been given up: the first release was called (and could reach the
    /// server), or its client began anew.
    pub released: Option<Moment>,
    /// When it was told that it does not hold any more: from then on it knows.
    pub told_lost: Option<Moment>,
    /// How many times it was granted: more than once to one that asked again while it was inside.
    pub grants: u32,
    /// Until when its lock stands by right.
    pub claim: Claim,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    pub at: Moment,
    pub lost_power: bool,
}

/// How a witness interval ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Release is about to be called.
    Left(Moment),
    /// The process ended, and perhaps its node with it: in no critical section any more, but its
    /// lock may stand.
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

    /// When nobody else may be inside: while it is inside, surely has a claim, and believes so.
    pub fn exclusive(&self) -> impl Iterator<Item = Span> + '_ {
        let mut inside = self.inside();
        let known = self.told_lost.into_iter().chain(self.dying);
        inside.until = known.fold(inside.until, Moment::min);
        self.claims_within(inside)
    }

    /// When its lock surely stands by right: until it may be released, or its lifetime may be over.
    /// Neither death nor bad news end that.
    pub fn claimed(&self) -> impl Iterator<Item = Span> + '_ {
        let released = self.released.unwrap_or(Moment::NEVER);
        self.claims_within(Span::new(self.entered, released))
    }

    fn claims_within(&self, time: Span) -> impl Iterator<Item = Span> + '_ {
        let spans = self.claim.surely.iter().map(move |claim| claim.and(time));
        spans.filter(|span| !span.is_empty())
    }

    /// Whether the process that held was gone at a moment: what its client does later is another's.
    pub fn died_before(&self, moment: Moment) -> bool {
        self.gone.is_some_and(|gone| gone.at <= moment)
    }

    /// The calls of its client that are about this hold: after it entered, until its process ends
    /// or its client asks anew.
    pub fn own_calls<'a>(&self, calls: &'a Calls) -> impl Iterator<Item = &'a Call> {
        let own = calls.of_client(&self.client, self.entered);
        own.take_while(|call| {
            let anew = call.is_acquire() && !self.inside().contains(call.called);
            !anew && !self.died_before(call.called)
        })
    }

    /// The call whose answer says that it is over: of its releases the last that it owes, or any
    /// call that is told that it does not hold.
    pub fn said_over<'a>(&self, calls: &'a Calls) -> Option<&'a Call> {
        let mut grants = self.grants;
        self.own_calls(calls).find(|call| {
            if matches!(call.operation, Operation::Release) && call.is_ok() {
                grants = grants.saturating_sub(1);
                return grants == 0;
            }
            call.says_not_held()
        })
    }

    /// As the report shows it.
    pub fn report(&self) -> lockstorm_reports::Hold {
        // What has no end is NEVER, or later than any time by as much as a clock may be off.
        let time = |moment: Moment| (moment.at_ns != u64::MAX).then_some(moment.at_ns);
        lockstorm_reports::Hold {
            client: self.client.clone(),
            from_ns: self.entered.at_ns,
            until_ns: time(self.inside().until),
            died: matches!(self.exit, Exit::Died(_)),
            claim_until_ns: time(self.claim.surely_until()),
        }
    }
}

/// Derives the holds, in the order in which they were entered, without their claims. What cannot
/// have happened goes to `contradictions`.
pub fn holds(
    history: &[Event],
    contacts: &Contacts,
    contradictions: &mut Vec<String>,
) -> Vec<Hold> {
    let clients = BTreeMap::new();
    let mut derive = Derive { holds: Vec::new(), clients, contacts, contradictions };
    for (index, event) in history.iter().enumerate() {
        derive.event(Moment::of(event, index), &event.kind);
    }
    derive.holds
}

struct Derive<'a> {
    holds: Vec<Hold>,
    clients: BTreeMap<String, Client>,
    contacts: &'a Contacts,
    contradictions: &'a mut Vec<String>,
}

#[derive(Default)]
struct Client {
    /// The acquire in flight, or the one that was answered `ok` last: its number and its call.
    acquire: Option<(u64, Moment)>,
    /// It was answered `ok`, and nobody has entered with it yet.
    acquired: bool,
    inside: Option<usize>,
    last: Option<usize>,
}

impl Derive<'_> {
    fn event(&mut self, now: Moment, kind: &EventKind) {
        match kind {
            EventKind::Called { client, call, operation } => {
                self.called(now, client, *call, operation)
            }
            EventKind::Answered { client, call, answer } => {
                self.answered(now, client, *call, answer)
            }
            EventKind::Entered { client } => self.entered(now, client),
            EventKind::Left { client } => match self.client(client).inside.take() {
                Some(hold) => self.holds[hold].exit = Exit::Left(now),
                None => self.contradiction(now, &format!("{client} leaves without being inside")),
            },
            EventKind::NodeDied { node, .. } => self.died(now, node, true),
            EventKind::FaultStruck { consequences, .. } => {
                for consequence in consequences {
                    if let Consequence::Kill { node } = consequence
                        && let Some(hold) = self.client(node).inside
                    {
                        self.holds[hold].dying.get_or_insert(now);
                    }
                }
            }
            EventKind::AdapterFailed { client, .. } | EventKind::AdapterKilled { client } => {
                self.died(now, client, false);
            }
            EventKind::NodeBooted { node } => {
                if self.client(node).inside.is_some() {
                    self.contradiction(now, &format!("{node} boots while it is inside"));
                }
                self.died(now, node, true);
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
                let state = self.client(client);
                state.acquire = Some((call, now));
                state.acquired = false;
                // Whoever asks while it is inside keeps what it has.
                if state.inside.is_none() {
                    self.release(client, now, false);
                }
            }
            Operation::Release => self.release(client, now, false),
            Operation::Refresh { .. } | Operation::IsHeld => {}
        }
    }

    /// The client gives up its last hold's lock, if it has not yet. What it calls while nothing
    /// reaches the server happens only after that. A dead process's lock is not given up by what
    /// the next one calls, but by its entering.
    fn release(&mut self, client: &str, now: Moment, also_of_the_dead: bool) {
        let Some(last) = self.client(client).last else {
            return;
        };
        let hold = &mut self.holds[last];
        let is_its_own = also_of_the_dead || !matches!(hold.exit, Exit::Died(_));
        if hold.released.is_none() && is_its_own {
            let effect = self.contacts.of_client(client).earliest_effect(now);
            hold.released = Some(effect);
        }
    }

    fn answered(&mut self, now: Moment, client: &str, call: u64, answer: &Answer) {
        let ok = matches!(answer, Answer::Ok { .. });
        let lost = matches!(answer, Answer::NotHeld | Answer::Ok { held: Some(false) });
        let state = self.client(client);
        let inside = state.inside;
        let of_acquire = state.acquire.is_some_and(|(id, _)| id == call);
        if of_acquire {
            state.acquired = ok;
        }
        let Some(index) = inside else {
            return;
        };
        let hold = &mut self.holds[index];
        if lost {
            hold.told_lost.get_or_insert(now);
        } else if of_acquire && ok && hold.told_lost.is_some() {
            // It had lost that lock, and has got one anew.
            hold.exit = Exit::Left(now);
            self.release(client, now, false);
            self.enter(now, client);
            // The witness may write a second entry, or none.
            self.client(client).acquired = true;
        } else if of_acquire && ok {
            hold.grants = hold.grants.saturating_add(1);
        }
    }

    fn entered(&mut self, now: Moment, client: &str) {
        let state = self.client(client);
        let (acquired, inside) = (state.acquired, state.inside.is_some());
        if !acquired {
            let how = if inside { "while it is inside" } else { "without a lock" };
            self.contradiction(now, &format!("{client} enters {how}"));
        }
        match inside {
            true => self.client(client).acquired = false,
            false => self.enter(now, client),
        }
    }

    fn enter(&mut self, now: Moment, client: &str) {
        // Whatever stood of a dead process's lock, its own node has now taken over.
        self.release(client, now, true);
        let index = self.holds.len();
        let state = self.client(client);
        let called = state.acquire.map_or(now, |(_, called)| called);
        state.acquired = false;
        state.inside = Some(index);
        state.last = Some(index);
        self.holds.push(Hold {
            client: client.to_owned(),
            acquire_called: called,
            entered: now,
            exit: Exit::Open,
            gone: None,
            dying: None,
            released: None,
            told_lost: None,
            grants: 1,
            claim: Claim::default(),
        });
    }

    fn died(&mut self, now: Moment, client: &str, lost_power: bool) {
        let state = self.client(client);
        state.acquire = None;
        state.acquired = false;
        let (inside, last) = (state.inside.take(), state.last);
        if let Some(hold) = last {
            self.holds[hold].gone.get_or_insert(Gone { at: now, lost_power });
        }
        if let Some(hold) = inside {
            self.holds[hold].exit = Exit::Died(now);
        }
    }
}
