//! Changes histories, so that most of them become such as no good lock has.

use super::pen::error;
use crate::history::{Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::site::ClientId;
use crate::units::SECOND;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Changes a history in one to three places.
pub fn garble(history: &mut Vec<Event>, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..=3) {
        match rng.random_range(0..9) {
            0 | 1 => answer_at_another_time(history, rng),
            2 => answer_otherwise(history, rng),
            3 => forget_a_call(history, rng),
            4 => count_otherwise(history, rng),
            5 => forget_a_fault(history, rng),
            6 | 7 => intrude(history, rng),
            _ => shift_a_client(history, rng),
        }
        history.sort_by_key(|event| event.at_ns);
    }
}

/// Whose event it is, if it is a client's.
fn client_of(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Called { client, .. }
        | EventKind::Answered { client, .. }
        | EventKind::Entered { client }
        | EventKind::Left { client }
        | EventKind::CountBegan { client }
        | EventKind::CountDropped { client, .. }
        | EventKind::Counted { client, .. }
        | EventKind::CountFailed { client, .. }
        | EventKind::AdapterReady { client, .. }
        | EventKind::AdapterFailed { client, .. } => Some(client),
        EventKind::NodeDied { node, .. } | EventKind::NodeBooted { node } => Some(node),
        _ => None,
    }
}

fn pick(history: &[Event], rng: &mut ChaCha8Rng, of: impl Fn(&EventKind) -> bool) -> Option<usize> {
    let fit: Vec<_> = (0..history.len()).filter(|index| of(&history[*index].kind)).collect();
    (!fit.is_empty()).then(|| fit[rng.random_range(0..fit.len())])
}

/// Moves an answer, and the entry that follows it, to where nothing of the client's forbids it.
fn answer_at_another_time(history: &mut [Event], rng: &mut ChaCha8Rng) {
    let Some(index) = pick(history, rng, |kind| matches!(kind, EventKind::Answered { .. })) else {
        return;
    };
    let client = client_of(&history[index]).map(str::to_owned);
    let of_client = |event: &&Event| client_of(event) == client.as_deref();
    let enters = |event: &Event| matches!(event.kind, EventKind::Entered { .. });
    let from = history[..index].iter().rev().find(of_client).map_or(0, |event| event.at_ns);
    let mut later = history[index + 1..].iter().filter(of_client).peekable();
    let entered = later.next_if(|event| enters(event)).is_some();
    let until = later.next().map_or(history[history.len() - 1].at_ns, |event| event.at_ns);
    let at_ns = rng.random_range(from / SECOND..=until / SECOND) * SECOND;
    let next = history[index + 1..].iter().position(|event| of_client(&event));
    history[index].at_ns = at_ns;
    if let (true, Some(next)) = (entered, next) {
        history[index + 1 + next].at_ns = at_ns;
    }
}

fn answer_otherwise(history: &mut [Event], rng: &mut ChaCha8Rng) {
    let of_acquire: Vec<u64> = history
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Called { call, operation: Operation::Acquire { .. }, .. } => Some(*call),
            _ => None,
        })
        .collect();
    let fits = |kind: &EventKind| match kind {
        EventKind::Answered { call, .. } => !of_acquire.contains(call),
        _ => false,
    };
    let Some(index) = pick(history, rng, fits) else {
        return;
    };
    if let EventKind::Answered { answer, .. } = &mut history[index].kind {
        *answer = match answer {
            Answer::Ok { held: Some(held) } => Answer::Ok { held: Some(!*held) },
            Answer::Ok { held: None } if rng.random() => Answer::NotHeld,
            Answer::Ok { held: None } => error(),
            _ => Answer::Ok { held: None },
        };
    }
}

/// A refresh, a release or a question was never made.
fn forget_a_call(history: &mut Vec<Event>, rng: &mut ChaCha8Rng) {
    let fits = |kind: &EventKind| match kind {
        EventKind::Called { operation, .. } => !matches!(operation, Operation::Acquire { .. }),
        _ => false,
    };
    if let Some(index) = pick(history, rng, fits)
        && let EventKind::Called { call, .. } = history[index].kind
    {
        history.retain(|event| match &event.kind {
            EventKind::Called { call: other, .. } | EventKind::Answered { call: other, .. } => {
                *other != call
            }
            _ => true,
        });
    }
}

fn count_otherwise(history: &mut [Event], rng: &mut ChaCha8Rng) {
    let fits = |kind: &EventKind| {
        matches!(kind, EventKind::Counted { .. } | EventKind::CounterRead { .. })
    };
    let up = rng.random();
    if let Some(index) = pick(history, rng, fits)
        && let EventKind::Counted { read: value, .. } | EventKind::CounterRead { value } =
            &mut history[index].kind
    {
        *value = if up { *value + 1 } else { value.saturating_sub(1) };
    }
}

fn forget_a_fault(history: &mut Vec<Event>, rng: &mut ChaCha8Rng) {
    if let Some(index) = pick(history, rng, |kind| matches!(kind, EventKind::FaultStruck { .. }))
        && let EventKind::FaultStruck { fault, .. } = history[index].kind
    {
        history.retain(|event| match &event.kind {
            EventKind::FaultStruck { fault: other, .. }
            | EventKind::FaultEnded { fault: other, .. } => *other != fault,
            _ => true,
        });
    }
}

/// A client that was idle enters, and leaves.
fn intrude(history: &mut Vec<Event>, rng: &mut ChaCha8Rng) {
    let client = ClientId::at(rng.random_range(0..2)).to_string();
    let own: Vec<_> =
        history.iter().filter(|event| client_of(event) == Some(client.as_str())).collect();
    let ends = |event: &Event| match &event.kind {
        EventKind::Answered { answer, call, .. } => {
            let call = *call;
            let release = history.iter().any(|event| match &event.kind {
                EventKind::Called { call: other, operation, .. } => {
                    *other == call && *operation == Operation::Release
                }
                _ => false,
            });
            release && !matches!(answer, Answer::Error { .. })
        }
        _ => false,
    };
    let until = history.last().map_or(0, |event| event.at_ns);
    let mut gaps = vec![(0, own.first().map_or(until, |event| event.at_ns))];
    for (index, event) in own.iter().enumerate().filter(|(_, event)| ends(event)) {
        gaps.push((event.at_ns, own.get(index + 1).map_or(until, |next| next.at_ns)));
    }
    gaps.retain(|(from, until)| until - from >= 2 * SECOND);
    if gaps.is_empty() {
        return;
    }
    let (from, until) = gaps[rng.random_range(0..gaps.len())];
    let mut times: Vec<u64> =
        (0..4).map(|_| rng.random_range(from / SECOND + 1..until / SECOND) * SECOND).collect();
    times.sort_unstable();
    let call = history.len() as u64 + 1_000;
    let (acquire, release) = (Operation::Acquire { timeout: None }, Operation::Release);
    let ok = || Answer::Ok { held: None };
    let client = || client.clone();
    let events = [
        (0, EventKind::Called { client: client(), call, operation: acquire }),
        (1, EventKind::Answered { client: client(), call, answer: ok() }),
        (1, EventKind::Entered { client: client() }),
        (2, EventKind::Left { client: client() }),
        (2, EventKind::Called { client: client(), call: call + 1, operation: release }),
        (3, EventKind::Answered { client: client(), call: call + 1, answer: ok() }),
    ];
    history.extend(events.map(|(time, kind)| Event { at_ns: times[time], kind }));
}

/// All that a client does comes some seconds later, or earlier.
fn shift_a_client(history: &mut [Event], rng: &mut ChaCha8Rng) {
    let client = ClientId::at(rng.random_range(0..2)).to_string();
    let by = rng.random_range(1..=4) * SECOND;
    let later = rng.random();
    let end = history.last().map_or(0, |event| event.at_ns);
    for event in history.iter_mut().filter(|e| client_of(e) == Some(client.as_str())) {
        event.at_ns =
            if later { (event.at_ns + by).min(end) } else { event.at_ns.saturating_sub(by) };
    }
}

/// Whether a harness can have written such a history: calls and answers, stays and counts of each
/// client come as its workload makes them.
pub fn is_well_formed(history: &[Event]) -> bool {
    let mut clients: BTreeMap<&str, ClientState> = BTreeMap::new();
    let in_order = history.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns);
    in_order
        && history.iter().all(|event| {
            client_of(event).is_none_or(|client| clients.entry(client).or_default().goes_on(event))
        })
        && clients.values().all(|state| state.enters.is_none() && state.releases.is_none())
}

/// Where a client is.
#[derive(Default)]
struct ClientState {
    dead: bool,
    call: Option<(u64, Operation)>,
    inside: bool,
    counting: bool,
    /// It has got the lock, and enters at this time.
    enters: Option<u64>,
    /// It has left, and calls release at this time.
    releases: Option<u64>,
    /// It has been told that the lock is lost.
    told: bool,
}

impl ClientState {
    fn goes_on(&mut self, event: &Event) -> bool {
        let now = |due: &mut Option<u64>, is_it: bool| match due.take() {
            Some(at) => at == event.at_ns && is_it,
            None => true,
        };
        let entered = matches!(event.kind, EventKind::Entered { .. });
        let ended =
            matches!(event.kind, EventKind::NodeDied { .. } | EventKind::AdapterFailed { .. });
        let release = Operation::Release;
        let releases =
            matches!(&event.kind, EventKind::Called { operation, .. } if *operation == release);
        if entered && self.enters.is_none()
            || !now(&mut self.enters, entered)
            || !now(&mut self.releases, releases || ended)
        {
            return false;
        }
        match &event.kind {
            EventKind::NodeDied { .. } | EventKind::AdapterFailed { .. } => {
                let was_alive = !self.dead;
                *self = ClientState { dead: true, ..ClientState::default() };
                return was_alive || matches!(event.kind, EventKind::NodeDied { .. });
            }
            EventKind::NodeBooted { .. } => return self.dead,
            EventKind::AdapterReady { .. } => return std::mem::take(&mut self.dead),
            _ if self.dead => return false,
            EventKind::Called { call, operation, .. } => {
                let outside = !self.inside || *operation != Operation::Release;
                let free = self.call.is_none();
                self.call = Some((*call, operation.clone()));
                return outside && free;
            }
            EventKind::Answered { call, answer, .. } => {
                let Some((open, operation)) = self.call.take() else {
                    return false;
                };
                let acquired = matches!(operation, Operation::Acquire { .. })
                    && matches!(answer, Answer::Ok { .. });
                let lost = matches!(answer, Answer::NotHeld | Answer::Ok { held: Some(false) });
                self.told = lost || self.told && !acquired;
                self.enters = (acquired && !self.inside).then_some(event.at_ns);
                return open == *call && is_answer_to(&operation, answer);
            }
            EventKind::Entered { .. } => self.inside = true,
            EventKind::Left { .. } => {
                let well = self.inside && !self.counting && self.call.is_none();
                self.inside = false;
                self.releases = (!self.told).then_some(event.at_ns);
                return well;
            }
            EventKind::CountBegan { .. } => return !std::mem::replace(&mut self.counting, true),
            _ => return std::mem::take(&mut self.counting),
        }
        true
    }
}

fn is_answer_to(operation: &Operation, answer: &Answer) -> bool {
    match (operation, answer) {
        (_, Answer::Error { .. }) => true,
        (Operation::Acquire { .. }, answer) => *answer != Answer::NotHeld,
        (Operation::IsHeld, answer) => *answer != Answer::Ok { held: None },
        (_, answer) => !matches!(answer, Answer::Busy | Answer::Timeout),
    }
}
