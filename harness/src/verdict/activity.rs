//! What each client's lock was doing, from the history.

use crate::history::{Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use std::collections::BTreeMap;

/// By client: what it does from which time on (ns).
#[derive(Default)]
pub struct Activities(BTreeMap<String, Vec<(u64, String)>>);

/// What is known of a client.
#[derive(Default)]
struct Client {
    is_dead: bool,
    /// The call that has not been answered.
    pending: Option<(u64, &'static str)>,
    holds: bool,
    is_inside: bool,
}

impl Client {
    fn words(&self) -> String {
        let rest = match (self.is_inside, self.holds) {
            (true, _) => "inside",
            (false, true) => "holds",
            (false, false) => "",
        };
        match (self.is_dead, self.pending) {
            (true, _) => "dead".into(),
            (false, None) => rest.into(),
            (false, Some((_, call))) if rest.is_empty() || call == "release" => {
                format!("in {call}")
            }
            (false, Some((_, call))) => format!("in {call}, {rest}"),
        }
    }
}

impl Activities {
    pub fn of(history: &[Event]) -> Activities {
        let mut activities = Activities::default();
        let mut clients: BTreeMap<&str, Client> = BTreeMap::new();
        for event in history {
            let Some(name) = subject(&event.kind) else {
                continue;
            };
            let client = clients.entry(name).or_default();
            follow(client, &event.kind);
            let told = activities.0.entry(name.to_owned()).or_default();
            let words = client.words();
            if told.last().is_none_or(|(_, last)| *last != words) {
                told.push((event.at_ns, words));
            }
        }
        activities
    }

    /// What a client's lock was doing at a time; nothing of a node without a lock.
    pub fn at(&self, client: &str, at_ns: u64) -> &str {
        let told = self.0.get(client).map_or(&[][..], Vec::as_slice);
        let next = told.partition_point(|(from, _)| *from <= at_ns);
        next.checked_sub(1).map_or("", |last| told[last].1.as_str())
    }
}

/// Whom an event is about.
fn subject(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::Called { client, .. }
        | EventKind::Answered { client, .. }
        | EventKind::Entered { client }
        | EventKind::Left { client } => Some(client),
        EventKind::NodeDied { node, .. } | EventKind::NodeReady { node, .. } => Some(node),
        _ => None,
    }
}

fn follow(client: &mut Client, kind: &EventKind) {
    match kind {
        EventKind::Called { call, operation, .. } => {
            client.pending = Some((*call, operation.name()));
            // Whoever asks for it does not have it, whatever became of it before.
            client.holds &= !matches!(operation, Operation::Acquire { .. });
        }
        EventKind::Answered { call, answer, .. } => {
            let Some((number, name)) = client.pending else { return };
            if number != *call {
                return;
            }
            client.pending = None;
            let is_done = matches!(answer, Answer::Ok { .. });
            if is_done && name == (Operation::Acquire { timeout: None }).name() {
                client.holds = true;
            }
            if name == Operation::Release.name() && (is_done || *answer == Answer::NotHeld) {
                client.holds = false;
            }
        }
        EventKind::Entered { .. } => client.is_inside = true,
        EventKind::Left { .. } => client.is_inside = false,
        EventKind::NodeDied { .. } => *client = Client { is_dead: true, ..Client::default() },
        EventKind::NodeReady { .. } => client.is_dead = false,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_followed_through_its_calls_and_a_crash() {
        let client = || "c1".to_owned();
        let called = |call, operation| EventKind::Called { client: client(), call, operation };
        let answered = |call| EventKind::Answered {
            client: client(),
            call,
            answer: Answer::Ok { held: None },
        };
        let died = || EventKind::NodeDied { node: client(), by_plan: true, cause: String::new() };
        let kinds = [
            called(1, Operation::Acquire { timeout: None }),
            answered(1),
            EventKind::Entered { client: client() },
            called(2, Operation::IsHeld),
            answered(2),
            EventKind::Left { client: client() },
            called(3, Operation::Release),
            answered(3),
            died(),
            EventKind::NodeReady { node: client(), options: String::new() },
        ];
        let history: Vec<Event> = kinds
            .into_iter()
            .enumerate()
            .map(|(at, kind)| Event { at_ns: 10 * (at as u64 + 1), kind })
            .collect();
        let activities = Activities::of(&history);
        let told: Vec<&str> = (0..=10).map(|at| activities.at("c1", 10 * at + 5)).collect();
        assert_eq!(
            told,
            [
                "",
                "in acquire",
                "holds",
                "inside",
                "in is_held, inside",
                "inside",
                "holds",
                "in release",
                "",
                "dead",
                "",
            ]
        );
        assert_eq!(activities.at("server", 50), "");
    }
}
