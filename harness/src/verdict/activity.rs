//! What each client's lock was doing, from the history.

use crate::history::{Event, Operation, What};
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
            let Some(name) = subject(&event.what) else {
                continue;
            };
            let client = clients.entry(name).or_default();
            follow(client, &event.what);
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
fn subject(what: &What) -> Option<&str> {
    match what {
        What::Called { client, .. }
        | What::Answered { client, .. }
        | What::Entered { client }
        | What::Left { client } => Some(client),
        What::NodeDied { node, .. } | What::NodeReady { node, .. } => Some(node),
        _ => None,
    }
}

fn follow(client: &mut Client, what: &What) {
    match what {
        What::Called { call, operation, .. } => {
            client.pending = Some((*call, operation.name()));
            // Whoever asks for it does not have it, whatever became of it before.
            client.holds &= !matches!(operation, Operation::Acquire { .. });
        }
        What::Answered { call, answer, .. } => {
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
        What::Entered { .. } => client.is_inside = true,
        What::Left { .. } => client.is_inside = false,
        What::NodeDied { .. } => *client = Client { is_dead: true, ..Client::default() },
        What::NodeReady { .. } => client.is_dead = false,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_followed_through_its_calls_and_a_crash() {
        let client = || "c1".to_owned();
        let called = |call, operation| What::Called { client: client(), call, operation };
        let answered =
            |call| What::Answered { client: client(), call, answer: Answer::Ok { held: None } };
        let died = || What::NodeDied { node: client(), by_plan: true, cause: String::new() };
        let whats = [
            called(1, Operation::Acquire { timeout: None }),
            answered(1),
            What::Entered { client: client() },
            called(2, Operation::IsHeld),
            answered(2),
            What::Left { client: client() },
            called(3, Operation::Release),
            answered(3),
            died(),
            What::NodeReady { node: client(), options: String::new() },
        ];
        let history: Vec<Event> = whats
            .into_iter()
            .enumerate()
            .map(|(at, what)| Event { at_ns: 10 * (at as u64 + 1), what })
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
