//! The situation that a site is in, without names and times: what runs have in common that came to
//! the same point by other ways.
//!
//! A search counts the situations that its runs have been in, and knows violations again by those
//! in which they happened.

use crate::check::names;
use crate::history::{Consequence, Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use crate::units::SECOND;
use lockstorm_reports::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// What is followed through a history.
pub struct Situations<'a> {
    /// How long a claim lasts that nobody renews (ns).
    lifetime: Option<u64>,
    grace_ns: u64,
    server_name: &'a str,
    /// By name.
    clients: BTreeMap<&'a str, Client>,
    server: Server,
    /// The faults that are in force: kind, and whom they hit.
    faults: BTreeMap<usize, (&'a str, &'a str)>,
}

/// What is known of a client.
#[derive(Default)]
struct Client {
    does: Does,
    /// The call that has not been answered.
    pending: Option<(u64, Does)>,
    /// It got its lock, or renewed it, last (ns).
    claimed_ns: u64,
    is_dead: bool,
    clock_is_wrong: bool,
    /// The kinds of faults that have hit it since it began to ask for the lock.
    hit: BTreeSet<String>,
}

/// What a client's lock is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Does {
    #[default]
    Nothing,
    Asks,
    Holds,
    Refreshes,
    Releases,
}

#[derive(Default)]
struct Server {
    is_dead: bool,
    ready_ns: Option<u64>,
    clock_is_wrong: bool,
    /// Since anybody began to ask who has the lock, or wants it.
    hit: BTreeSet<String>,
}

impl Does {
    fn words(self) -> &'static str {
        match self {
            Does::Nothing => "idle",
            Does::Asks => "asks",
            Does::Holds => "holds",
            Does::Refreshes => "refreshes",
            Does::Releases => "releases",
        }
    }
}

impl<'a> Situations<'a> {
    pub fn new(plan: &'a Plan) -> Situations<'a> {
        Situations {
            lifetime: plan.lifetime().map(|lifetime| lifetime.0),
            grace_ns: u64::from(plan.blueprint.server.grace_s) * SECOND,
            server_name: names::server(plan),
            clients: names::clients(plan).map(|name| (name, Client::default())).collect(),
            server: Server::default(),
            faults: BTreeMap::new(),
        }
    }

    /// Every situation of a run, each once.
    pub fn of(plan: &Plan, history: &[Event]) -> BTreeSet<String> {
        Situations::walk(plan, history).into_iter().map(|(_, situation)| situation).collect()
    }

    /// The situations of a run one after the other, each with the time at which it began (ns).
    pub fn walk(plan: &Plan, history: &[Event]) -> Vec<(u64, String)> {
        let mut situations = Situations::new(plan);
        let mut walk: Vec<(u64, String)> = Vec::new();
        for event in history {
            situations.follow(event);
            let words = situations.words(event.at_ns, None);
            if walk.last().is_none_or(|(_, last)| *last != words) {
                walk.push((event.at_ns, words));
            }
        }
        walk
    }

    /// The situation in which a violation happened: of those who are part of it, and of the server.
    pub fn before(plan: &Plan, history: &[Event], finding: &Finding) -> String {
        let mut situations = Situations::new(plan);
        for event in history.iter().take_while(|event| event.at_ns <= finding.at_ns) {
            situations.follow(event);
        }
        let those: BTreeSet<&str> = finding.holds.iter().map(|hold| hold.client.as_str()).collect();
        situations.words(finding.at_ns, Some(&those))
    }

    fn follow(&mut self, event: &'a Event) {
        match &event.kind {
            EventKind::Called { client, call, operation } => {
                let does = asked(operation);
                if let Some(one) = self.clients.get_mut(client.as_str()) {
                    one.called(*call, does);
                    if does == Some(Does::Asks) {
                        one.hit = in_force(&self.faults, client);
                    }
                }
                let asks = |one: &Client| one.does != Does::Nothing;
                if does == Some(Does::Asks)
                    && self.clients.values().filter(|c| asks(c)).count() <= 1
                {
                    self.server.hit = in_force(&self.faults, self.server_name);
                }
            }
            EventKind::Answered { client, call, answer } => {
                if let Some(one) = self.clients.get_mut(client.as_str()) {
                    one.answered(*call, answer, event.at_ns);
                }
            }
            EventKind::FaultStruck { fault, kind, node, consequences, .. } => {
                self.strike(fault.index(), kind, node, consequences);
            }
            EventKind::FaultEnded { fault, .. } => {
                self.faults.remove(&fault.index());
            }
            EventKind::NodeDied { node, .. } => self.power(node, true, event.at_ns),
            EventKind::NodeReady { node, .. } => self.power(node, false, event.at_ns),
            EventKind::AdapterKilled { client } => self.power(client, true, event.at_ns),
            EventKind::AdapterReady { client, .. } => self.power(client, false, event.at_ns),
            EventKind::ClockSet { node, offset_ns, drift_ppm } => {
                let is_wrong = *offset_ns != 0 || *drift_ppm != 0;
                match self.clients.get_mut(node.as_str()) {
                    Some(client) => client.clock_is_wrong = is_wrong,
                    None => self.server.clock_is_wrong = is_wrong,
                }
            }
            _ => {}
        }
    }

    /// A fault begins: it is told of whoever it may do something to.
    fn strike(&mut self, fault: usize, kind: &'a str, node: &'a str, all: &[Consequence]) {
        self.faults.insert(fault, (kind, node));
        for (name, client) in &mut self.clients {
            let parts = |from, to| {
                all.iter().filter_map(Consequence::frames).any(|frames| frames.go(from, to))
            };
            // What happens to all frames of the server is told of the server.
            let is_parted = node != self.server_name
                && (parts(name, self.server_name) || parts(self.server_name, name));
            if *name == node || is_parted {
                client.hit.insert(kind.to_owned());
            }
        }
        if node == self.server_name {
            self.server.hit.insert(kind.to_owned());
        }
    }

    fn power(&mut self, node: &str, is_off: bool, at_ns: u64) {
        match self.clients.get_mut(node) {
            Some(client) if is_off => {
                let hit = std::mem::take(&mut client.hit);
                *client = Client { is_dead: true, hit, ..Client::default() };
            }
            Some(client) => client.is_dead = false,
            None => {
                self.server.is_dead = is_off;
                // The first time it serves there is nothing that could be reclaimed.
                let again = self.server.ready_ns.is_some() || is_off;
                self.server.ready_ns = again.then_some(at_ns);
            }
        }
    }

    fn words(&self, now_ns: u64, only: Option<&BTreeSet<&str>>) -> String {
        let told = |(name, client): (&&str, &Client)| {
            let conditions = client.conditions(now_ns, self.lifetime);
            let is_told = match only {
                Some(only) => only.contains(*name),
                None => client.does != Does::Nothing || !conditions.is_empty(),
            };
            is_told.then(|| with(client.does.words(), &conditions))
        };
        let mut words: Vec<String> = self.clients.iter().filter_map(told).collect();
        words.sort();
        // Three who wait are as two.
        let mut kept: Vec<String> = Vec::new();
        for word in words {
            if kept.iter().rev().take_while(|last| **last == word).count() < 2 {
                kept.push(word);
            }
        }
        let server = self.server_conditions(now_ns);
        if !server.is_empty() {
            kept.push(with("server", &server));
        }
        kept.join("; ")
    }

    fn server_conditions(&self, now_ns: u64) -> Vec<String> {
        let server = &self.server;
        let in_grace = !server.is_dead
            && server.ready_ns.is_some_and(|ready| now_ns < ready.saturating_add(self.grace_ns));
        let mut conditions = Vec::new();
        for (is, word) in [
            (server.is_dead, "down"),
            (in_grace, "in grace"),
            (server.clock_is_wrong, "wrong clock"),
        ] {
            if is {
                conditions.push(word.to_owned());
            }
        }
        conditions.extend(server.hit.iter().map(|kind| format!("hit by {kind}")));
        conditions
    }
}

impl Client {
    fn called(&mut self, call: u64, does: Option<Does>) {
        if let Some(does) = does {
            self.pending = Some((call, self.does));
            self.does = does;
        }
    }

    fn answered(&mut self, call: u64, answer: &Answer, at_ns: u64) {
        let Some((_, before)) = self.pending.take_if(|(pending, _)| *pending == call) else {
            return;
        };
        let is_done = matches!(answer, Answer::Ok { .. });
        self.does = match self.does {
            Does::Asks | Does::Refreshes if is_done => {
                self.claimed_ns = at_ns;
                Does::Holds
            }
            Does::Asks => Does::Nothing,
            Does::Refreshes => before,
            _ => Does::Nothing,
        };
    }

    fn conditions(&self, now_ns: u64, lifetime: Option<u64>) -> Vec<String> {
        let claims = matches!(self.does, Does::Holds | Does::Refreshes | Does::Releases);
        let is_late = claims
            && lifetime.is_some_and(|lifetime| now_ns > self.claimed_ns.saturating_add(lifetime));
        let mut conditions = Vec::new();
        let known =
            [(self.is_dead, "dead"), (is_late, "late"), (self.clock_is_wrong, "wrong clock")];
        for (is, word) in known {
            if is {
                conditions.push(word.to_owned());
            }
        }
        conditions.extend(self.hit.iter().map(|kind| format!("hit by {kind}")));
        conditions
    }
}

/// None: a question that changes nothing.
fn asked(operation: &Operation) -> Option<Does> {
    match operation {
        Operation::Acquire { .. } => Some(Does::Asks),
        Operation::Release => Some(Does::Releases),
        Operation::Refresh { .. } => Some(Does::Refreshes),
        Operation::IsHeld => None,
    }
}

fn in_force(faults: &BTreeMap<usize, (&str, &str)>, node: &str) -> BTreeSet<String> {
    let those = faults.values().filter(|(_, hit)| *hit == node);
    those.map(|(kind, _)| (*kind).to_owned()).collect()
}

fn with(word: &str, conditions: &[String]) -> String {
    match conditions.is_empty() {
        true => word.to_owned(),
        false => format!("{word} ({})", conditions.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story::{plan, story};
    use crate::verdict::{Circumstances, judge};

    fn situations(text: &str) -> Vec<String> {
        Situations::of(&plan(), &story(text)).into_iter().collect()
    }

    #[test]
    fn situations_are_without_names_and_times() {
        let one = situations(
            "1s c1 acquires\n1s c2 asks\n2s c1 releases\n2s c2 enters\n9s workload ends",
        );
        let other = situations(
            "3s c2 acquires\n5s c1 asks\n6s c2 releases\n6s c1 enters\n9s workload ends",
        );
        assert_eq!(one, other);
        assert!(one.contains(&"asks; holds".to_owned()), "{one:?}");
    }

    #[test]
    fn a_violation_is_known_again_by_its_situation() {
        let situation = |text: &str| {
            let history = story(text);
            let report = judge(&plan(), &history, Circumstances::default());
            report.findings[0].situation.clone()
        };
        let plain = situation("1s c1 acquires\n2s c2 acquires\n3s c2 releases\n9s workload ends");
        assert_eq!(plain, "holds; holds");
        let skewed =
            situation("0s c2 clock +60s\n1s c1 acquires\n2s c2 acquires\n9s workload ends");
        assert_eq!(skewed, "holds; holds (wrong clock)");
    }
}
