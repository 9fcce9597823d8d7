//! A simulated lock that is right by construction, under random faults; and the same with one
//! bug. Everything that reaches the lock does so at an instant between call and answer that the
//! history does not show, as in a real run.

use super::story::Teller;
use crate::history::consequence::Pass;
use crate::history::{Event, Operation, What};
use crate::lock::adapter::Answer;
use crate::units::Nanos;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const LIFETIME: u64 = 15 * S;
const GRACE: u64 = 30 * S;
const END: u64 = 400 * S;
const CLIENTS: [&str; 3] = ["c1", "c2", "c3"];

/// What is wrong with the lock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bug {
    None,
    /// It always says yes.
    GrantsAlways,
    /// It breaks a lock after half its lifetime.
    BreaksEarly,
    NeverBreaks,
    /// A release frees the lock, whoever holds it.
    ReleasesOthers,
    /// It loses every tenth count.
    LosesCounts,
    /// It always says that it is held.
    ClaimsToHold,
    /// A release does nothing, and nobody breaks the lock.
    KeepsOnRelease,
    /// Every round leaves a descriptor open.
    LeaksDescriptors,
}

/// What reaches a process or the site next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Ask,
    Poll,
    Entered,
    GaveUp,
    Act,
    CountRead,
    CountWrite(u64),
    Counted(u64),
    Refreshed,
    RefreshAnswered(bool),
    HeldAsked,
    HeldAnswered(bool),
    Released,
    ReleaseAnswered(bool),
    Cut,
    Heal,
    Die,
    Boot,
    Clock,
}

/// Runs the lock for 400 virtual seconds.
pub fn history(seed: u64, bug: Bug) -> Vec<Event> {
    let mut sim = Sim {
        rng: ChaCha8Rng::seed_from_u64(seed),
        bug,
        teller: Teller::default(),
        queue: BinaryHeap::new(),
        order: 0,
        lock: None,
        counter: 0,
        counts: 0,
        tokens: 0,
        processes: BTreeMap::new(),
        away: BTreeMap::new(),
        open_until: BTreeMap::new(),
    };
    sim.run();
    sim.teller.events
}

/// Time, order, node, the life of its process, step.
type Due = (u64, u64, &'static str, u32, Step);

struct Process {
    life: u32,
    token: u64,
    /// When it means to leave.
    leaves: u64,
    gives_up: u64,
    rounds: u64,
}

struct Sim {
    rng: ChaCha8Rng,
    bug: Bug,
    teller: Teller,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    /// The owner's token and when its lifetime is over.
    lock: Option<(u64, u64)>,
    counter: u64,
    counts: u64,
    tokens: u64,
    processes: BTreeMap<&'static str, Process>,
    /// Nodes that are cut off or down: since when.
    away: BTreeMap<&'static str, u64>,
    /// After an outage: until when retransmission may take.
    open_until: BTreeMap<&'static str, u64>,
}

impl Sim {
    fn run(&mut self) {
        for client in CLIENTS {
            let process = Process { life: 0, token: 0, leaves: 0, gives_up: u64::MAX, rounds: 0 };
            self.processes.insert(client, process);
            self.after(0, 500 * MS, client, Step::Ask);
        }
        for node in ["server", "c1", "c2", "c3"] {
            for fault in [Step::Cut, Step::Die, Step::Clock] {
                let at = self.rng.random_range(S..2 * END);
                self.push(at, node, fault);
            }
        }
        while let Some(Reverse((at, _, node, life, step))) = self.queue.pop() {
            if at > END {
                break;
            }
            let stale = self.processes.get(node).is_some_and(|p| p.life != life);
            if stale && !matches!(step, Step::Cut | Step::Heal | Step::Die | Step::Boot) {
                continue;
            }
            self.teller.now = at;
            self.step(node, step);
        }
        self.teller.now = END;
        let value = self.counter;
        self.teller.write(What::CounterRead { value });
        self.teller.write(What::WorkloadEnded { completed: true, why: String::new() });
    }

    fn push(&mut self, at: u64, node: &'static str, step: Step) {
        self.order += 1;
        let life = self.processes.get(node).map_or(0, |process| process.life);
        self.queue.push(Reverse((at, self.order, node, life, step)));
    }

    fn after(&mut self, least: u64, most: u64, node: &'static str, step: Step) {
        let at = self.teller.now + self.rng.random_range(least..=most);
        self.push(at, node, step);
    }

    /// Puts off what cannot pass between client and server now; true if it did.
    fn put_off(&mut self, client: &'static str, step: Step) -> bool {
        let now = self.teller.now;
        if self.away.contains_key(client) || self.away.contains_key("server") {
            self.after(50 * MS, 200 * MS, client, step);
            return true;
        }
        let open = [client, "server"].map(|node| self.open_until.get(node).copied());
        let open = open.into_iter().flatten().max().unwrap_or(0);
        if open > now {
            self.after(0, open - now, client, step);
            return true;
        }
        false
    }

    fn step(&mut self, node: &'static str, step: Step) {
        let by_itself = matches!(
            step,
            Step::Ask | Step::Act | Step::Cut | Step::Heal | Step::Die | Step::Boot | Step::Clock
        );
        if !by_itself && self.put_off(node, step) {
            return;
        }
        match step {
            Step::Ask => self.ask(node),
            Step::Poll => self.poll(node),
            Step::Entered => self.entered(node),
            Step::GaveUp => {
                self.teller.answer(node, Answer::Timeout);
                self.after(0, 500 * MS, node, Step::Ask);
            }
            Step::Act => self.act(node),
            Step::Cut | Step::Heal | Step::Die | Step::Boot | Step::Clock => {
                self.fault(node, step);
            }
            _ => self.effect(node, step),
        }
    }

    fn ask(&mut self, client: &'static str) {
        let limit = self.rng.random_bool(0.2).then_some(4 * S);
        let timeout = limit.map(Nanos);
        self.teller.call(client, Operation::Acquire { timeout });
        let gives_up = limit.map_or(u64::MAX, |limit| self.teller.now + limit);
        self.process(client).gives_up = gives_up;
        self.after(0, 20 * MS, client, Step::Poll);
    }

    fn poll(&mut self, client: &'static str) {
        let now = self.teller.now;
        let lifetime_over = |expires: u64| match self.bug {
            Bug::BreaksEarly => now + LIFETIME / 2 >= expires,
            Bug::NeverBreaks | Bug::KeepsOnRelease => false,
            _ => now >= expires,
        };
        let free = match self.lock {
            None => true,
            Some((_, expires)) => lifetime_over(expires) || self.bug == Bug::GrantsAlways,
        };
        if free {
            self.tokens += 1;
            self.lock = Some((self.tokens, now + LIFETIME));
            self.process(client).token = self.tokens;
            self.after(0, 20 * MS, client, Step::Entered);
            if self.rng.random_bool(0.02) {
                // The answer is lost for longer than a lifetime, perhaps.
                self.fault(client, Step::Cut);
            }
        } else if self.process(client).gives_up <= now {
            self.after(0, 20 * MS, client, Step::GaveUp);
        } else {
            self.after(10 * MS, 2 * S, client, Step::Poll);
        }
    }

    fn entered(&mut self, client: &'static str) {
        self.teller.enter(client);
        let long = self.rng.random_bool(0.1);
        let most = if long { 60 * S } else { 2 * S };
        let stay = self.rng.random_range(0..most);
        self.process(client).leaves = self.teller.now + stay;
        self.after(0, stay, client, Step::Act);
    }

    /// One thing inside the critical section, or its end.
    fn act(&mut self, client: &'static str) {
        if self.teller.now >= self.process(client).leaves {
            self.teller.leave(client);
            self.after(0, 20 * MS, client, Step::Released);
        } else if self.rng.random_bool(0.6) {
            let name = client.to_owned();
            self.teller.write(What::CountBegan { client: name });
            self.after(0, 10 * MS, client, Step::CountRead);
        } else if self.rng.random_bool(0.4) {
            self.teller.call(client, Operation::IsHeld);
            self.after(0, 20 * MS, client, Step::HeldAsked);
        } else {
            let lifetime = Nanos(LIFETIME);
            self.teller.call(client, Operation::Refresh { lifetime });
            self.after(0, 20 * MS, client, Step::Refreshed);
        }
    }

    /// What reaches the server, and what comes back.
    fn effect(&mut self, client: &'static str, step: Step) {
        let now = self.teller.now;
        let mine = self.lock.is_some_and(|(token, _)| token == self.process(client).token);
        match step {
            Step::CountRead => {
                let read = self.counter;
                self.after(0, 10 * MS, client, Step::CountWrite(read));
            }
            Step::CountWrite(read) => {
                self.counts += 1;
                if self.bug != Bug::LosesCounts || !self.counts.is_multiple_of(10) {
                    self.counter = read + 1;
                }
                self.after(0, 10 * MS, client, Step::Counted(read));
            }
            Step::Counted(read) => {
                let client = client.to_owned();
                self.teller.write(What::Counted { client, read });
            }
            Step::Refreshed => {
                if mine && let Some((_, expires)) = &mut self.lock {
                    *expires = now + LIFETIME;
                }
                self.after(0, 20 * MS, client, Step::RefreshAnswered(mine));
            }
            Step::Released => {
                let frees = mine && self.bug != Bug::KeepsOnRelease;
                if frees || self.bug == Bug::ReleasesOthers {
                    self.lock = None;
                }
                let done = mine || self.bug == Bug::ReleasesOthers;
                self.after(0, 20 * MS, client, Step::ReleaseAnswered(done));
            }
            Step::RefreshAnswered(ok) | Step::ReleaseAnswered(ok) => {
                let ok = if ok { Answer::Ok { held: None } } else { Answer::NotHeld };
                self.teller.answer(client, ok);
            }
            Step::HeldAsked => {
                let held = mine || self.bug == Bug::ClaimsToHold;
                self.after(0, 20 * MS, client, Step::HeldAnswered(held));
            }
            Step::HeldAnswered(held) => {
                self.teller.answer(client, Answer::Ok { held: Some(held) });
            }
            _ => {}
        }
        match step {
            Step::ReleaseAnswered(_) => {
                self.count_descriptors(client);
                self.after(0, 500 * MS, client, Step::Ask);
            }
            Step::Counted(_) | Step::RefreshAnswered(_) | Step::HeldAnswered(_) => {
                let left = self.process(client).leaves.saturating_sub(now);
                self.after(0, left.min(12 * S), client, Step::Act);
            }
            _ => {}
        }
    }

    /// Now and then a log is open. Some more counts make up for the few rounds.
    fn count_descriptors(&mut self, client: &'static str) {
        let process = self.process(client);
        process.rounds += 1;
        let rounds = process.rounds;
        for _ in 0..3 {
            let leaked = if self.bug == Bug::LeaksDescriptors { rounds } else { rounds.min(5) };
            let open = 4 + leaked + self.rng.random_range(0..3);
            self.teller.write(What::Descriptors { client: client.to_owned(), open });
        }
    }

    fn fault(&mut self, node: &'static str, step: Step) {
        let now = self.teller.now;
        match step {
            Step::Cut if !self.away.contains_key(node) => {
                self.teller.strike("cut", node, Pass::None);
                self.away.insert(node, now);
                self.after(S, 60 * S, node, Step::Heal);
            }
            Step::Die if !self.away.contains_key(node) => {
                self.teller.die(node, true);
                self.away.insert(node, now);
                if let Some(process) = self.processes.get_mut(node) {
                    process.life += 1;
                    process.rounds = 0;
                }
                self.after(S, 60 * S, node, Step::Boot);
            }
            Step::Heal => {
                self.teller.heal(node);
                self.back(node, 0);
            }
            Step::Boot => {
                self.teller.boot(node);
                if node == "server" {
                    self.back(node, GRACE);
                } else {
                    // It has mounted: a new kernel has new timers.
                    self.away.remove(node);
                    self.open_until.remove(node);
                    self.after(0, S, node, Step::Ask);
                }
            }
            Step::Clock => {
                let step = self.rng.random_range(-5_000..5_000);
                self.teller.clock(node, &format!("{step}ms"), 0);
            }
            _ => {}
        }
    }

    fn back(&mut self, node: &'static str, grace: u64) {
        let now = self.teller.now;
        let since = self.away.remove(node).unwrap_or(now);
        let settled = now + (now - since).max(grace);
        self.open_until.insert(node, settled);
    }

    fn process(&mut self, client: &'static str) -> &mut Process {
        self.processes.get_mut(client).expect("a client of the simulation")
    }
}
