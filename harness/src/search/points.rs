//! The places of a run at which a fault can strike: each call of NFS that a lock makes, and its
//! reply, and the boundaries between the lock's own calls.

use crate::check::names;
use crate::fault::passes::ordinal;
use crate::fault::{Asked, Calls, Passes, Phase, Section, Trigger};
use crate::history::{Event, EventKind, Operation};
use crate::plan::Plan;
use crate::rpc::capture::{Call, Done, Passage};
use crate::run::COUNTER;
use crate::units::Nanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A place at which a fault can strike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The same in every run of the story that comes there: client, which of its calls of the lock,
    /// operation, path, how many such ones before.
    pub name: String,
    /// In words.
    pub about: String,
    /// Whom it is about.
    pub client: String,
    pub at_ns: u64,
    /// What a fault waits for that strikes there.
    pub trigger: Trigger,
    /// What tells it from other points, without whose it is and how often it comes: points that
    /// have it in common are alike, and one is tried for all.
    pub alike: String,
    /// The same of the last point of this client by which anything had changed: a machine that
    /// fails before the next one fails as it would have there.
    pub since: String,
    /// It is a message about a question, which changes nothing.
    pub asks_only: bool,
}

impl Point {
    /// The operation of NFS, and whether its call is meant or its reply, if it is a message.
    pub fn message(&self) -> Option<(&str, Phase)> {
        match &self.trigger {
            Trigger::Rpc(passes) => Some((&passes.op, passes.phase)),
            _ => None,
        }
    }
}

/// All points of a run without faults, by time.
pub fn points(plan: &Plan, history: &[Event], calls: &[Call]) -> Vec<Point> {
    let lives = Lives::of(plan, history);
    let mut points = boundaries(&lives, history);
    points.extend(messages(plan, &lives, calls));
    points.sort_by(|one, other| (one.at_ns, &one.name).cmp(&(other.at_ns, &other.name)));
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for point in &mut points {
        match point.since.is_empty() {
            true => point.since = last.get(&point.client).unwrap_or(&point.alike).clone(),
            false => drop(last.insert(point.client.clone(), point.since.clone())),
        }
    }
    points
}

/// What each client's lock was doing, from when to when.
struct Lives {
    began_ns: u64,
    by_client: BTreeMap<String, Vec<Stage>>,
}

/// One call of a lock, or a stay in the critical section.
struct Stage {
    what: What,
    /// The nth of its kind, of this client.
    nth: u32,
    from_ns: u64,
    until_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Acquire,
    Inside,
    Refresh,
    Release,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            What::Acquire => "acquire",
            What::Inside => "inside",
            What::Refresh => "refresh",
            What::Release => "release",
        }
    }
}

impl Lives {
    fn of(plan: &Plan, history: &[Event]) -> Lives {
        let clients = names::clients(plan).map(|client| (client.to_owned(), Vec::new()));
        let mut lives = Lives { began_ns: u64::MAX, by_client: clients.collect() };
        let mut called: BTreeMap<u64, What> = BTreeMap::new();
        for event in history {
            match &event.kind {
                EventKind::WorkloadBegan => lives.began_ns = event.at_ns,
                EventKind::Called { client, call, operation } => {
                    let what = [
                        (Asked::Acquire, What::Acquire),
                        (Asked::Refresh, What::Refresh),
                        (Asked::Release, What::Release),
                    ];
                    let what = what.into_iter().find(|(asked, _)| asked.is(operation));
                    if let Some((_, what)) = what {
                        called.insert(*call, what);
                        lives.begin(client, what, event.at_ns);
                    }
                }
                EventKind::Answered { client, call, .. } => {
                    if let Some(what) = called.get(call) {
                        lives.end(client, *what, event.at_ns);
                    }
                }
                EventKind::Entered { client } => lives.begin(client, What::Inside, event.at_ns),
                EventKind::Left { client } => lives.end(client, What::Inside, event.at_ns),
                _ => {}
            }
        }
        lives
    }

    fn begin(&mut self, client: &str, what: What, at_ns: u64) {
        let stages = self.by_client.entry(client.to_owned()).or_default();
        let before = stages.iter().filter(|stage| stage.what == what).count();
        let nth = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        stages.push(Stage { what, nth, from_ns: at_ns, until_ns: u64::MAX });
    }

    fn end(&mut self, client: &str, what: What, at_ns: u64) {
        let stages = self.by_client.entry(client.to_owned()).or_default();
        if let Some(stage) = stages.iter_mut().rev().find(|stage| stage.what == what) {
            stage.until_ns = at_ns;
        }
    }

    /// What a client was doing; a call of the lock rather than the stay in which it was made.
    fn at(&self, client: &str, at_ns: u64) -> Option<&Stage> {
        let stages = self.by_client.get(client)?.iter();
        let those = stages.filter(|stage| (stage.from_ns..=stage.until_ns).contains(&at_ns));
        those.max_by_key(|stage| (stage.what != What::Inside, stage.from_ns))
    }

    /// Whether another holds the lock, or gives it back.
    fn others(&self, client: &str, at_ns: u64) -> &'static str {
        let mut others = self.by_client.keys().filter(|other| *other != client);
        let holds =
            |other: &String| self.at(other, at_ns).is_some_and(|it| it.what != What::Acquire);
        if others.any(holds) { "another holds" } else { "free" }
    }
}

/// The boundaries between the lock's own calls: each is asked for, the critical section entered and
/// left.
fn boundaries(lives: &Lives, history: &[Event]) -> Vec<Point> {
    let mut points = Vec::new();
    let mut seen: BTreeMap<(String, &'static str), u32> = BTreeMap::new();
    for event in history {
        let (client, word) = match &event.kind {
            EventKind::Entered { client } => (client, "entered"),
            EventKind::Left { client } => (client, "left"),
            EventKind::Called { client, operation, .. } if Asked::Acquire.is(operation) => {
                (client, "acquire")
            }
            EventKind::Called { client, operation, .. } if Asked::Refresh.is(operation) => {
                (client, "refresh")
            }
            _ => continue,
        };
        let count = seen.entry((client.clone(), word)).or_default();
        *count += 1;
        let section =
            || Section { count: *count, client: Some(client.clone()), after: Nanos::ZERO };
        let calls = |op| {
            let (client, after) = (Some(client.clone()), Nanos::ZERO);
            Trigger::Calls(Calls { op, count: *count, client, after })
        };
        let trigger = match word {
            "entered" => Trigger::Entered(section()),
            "left" => Trigger::Left(section()),
            "acquire" => calls(Asked::Acquire),
            _ => calls(Asked::Refresh),
        };
        let alike = format!("{word}{} | {}", haste(&event.kind), lives.others(client, event.at_ns));
        points.push(Point {
            name: format!("{client}.{word}{count}"),
            about: match word {
                "entered" => format!("{client} has entered, for the {} time", ordinal(*count)),
                "left" => {
                    format!(
                        "{client} has left, the {} time, and is about to release",
                        ordinal(*count)
                    )
                }
                other => format!("{client} calls {other}, for the {} time", ordinal(*count)),
            },
            client: client.clone(),
            at_ns: event.at_ns,
            trigger,
            since: alike.clone(),
            alike,
            asks_only: false,
        });
    }
    points
}

/// Who asks only once does otherwise than who waits.
fn haste(event: &EventKind) -> &'static str {
    match event {
        EventKind::Called {
            operation: Operation::Acquire { timeout: Some(Nanos::ZERO) }, ..
        } => " once",
        _ => "",
    }
}

/// A message as a tap on the wire counts it.
struct Message<'a> {
    at_ns: u64,
    client: &'a str,
    phase: Phase,
    call: &'a Call,
}

/// The calls that locks make, and their replies.
fn messages(plan: &Plan, lives: &Lives, calls: &[Call]) -> Vec<Point> {
    let server = names::server(plan);
    let mut messages: Vec<Message> = Vec::new();
    for call in calls {
        let client = if call.from == server { &call.to } else { &call.from };
        let mut add = |phase, passage: Option<Passage>| {
            if let Some(at_ns) = passage.and_then(|passage| passage.passed_ns)
                && at_ns >= lives.began_ns
            {
                messages.push(Message { at_ns, client, phase, call });
            }
        };
        add(Phase::Call, Some(call.call));
        add(Phase::Reply, call.reply);
    }
    messages.sort_by_key(|message| message.at_ns);
    let mut counts: BTreeMap<(&str, &str, bool), u32> = BTreeMap::new();
    let mut ordinals: BTreeMap<String, u32> = BTreeMap::new();
    let mut points = Vec::new();
    for message in &messages {
        let is_reply = message.phase == Phase::Reply;
        let made = message.call.operations.iter();
        let made = made.filter(|done| !is_reply || done.status.is_some());
        let mut names: Vec<&str> = made.map(|done| done.operation.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            *counts.entry((message.client, name, is_reply)).or_default() += 1;
        }
        let Some(stage) = lives.at(message.client, message.call.at_ns()) else { continue };
        let Some(main) = main(message) else { continue };
        let Some(nth) = counts.get(&(message.client, main.operation.as_str(), is_reply)) else {
            continue;
        };
        points.push(point(message, (stage, main, *nth), lives, &mut ordinals));
    }
    points
}

/// The operation for whose sake it was sent; none of what is no lock's.
fn main<'a>(message: &Message<'a>) -> Option<&'a Done> {
    let is_reply = message.phase == Phase::Reply;
    let main = message.call.main();
    let done = main.into_iter().rev().find(|done| !is_reply || done.status.is_some())?;
    // The counter that clients increment is what the lock is there for, and not the lock.
    let is_counter = done.path.as_deref().is_some_and(|path| path.trim_matches('/') == COUNTER);
    (!is_counter && done.operation != "SEQUENCE").then_some(done)
}

fn point(
    message: &Message,
    (stage, main, nth): (&Stage, &Done, u32),
    lives: &Lives,
    ordinals: &mut BTreeMap<String, u32>,
) -> Point {
    let Message { client, phase, call, .. } = *message;
    let role = role(main);
    let status = match phase {
        Phase::Call => "",
        Phase::Reply => main.status.as_deref().map_or("", outcome),
    };
    let word = match phase {
        Phase::Call => "call",
        Phase::Reply => "reply",
    };
    let (operation, what) = (&main.operation, stage.what.word());
    let name = format!("{client}.{what}{}.{operation}{}.{word}", stage.nth, slug(&role));
    let ordinal = ordinals.entry(name.clone()).or_default();
    *ordinal += 1;
    let others = lives.others(client, message.at_ns);
    let alike = format!("{what} | {operation} {role} {word} {status} | {others}");
    // Before a call has come, and by one that only asks, nothing is changed.
    let has_changed = phase == Phase::Reply && changes(main);
    let since = if has_changed { alike.clone() } else { String::new() };
    let asks_only = !changes(main);
    let path = call.about().unwrap_or_default();
    let told = match phase {
        Phase::Call => format!("call of {operation} {path}"),
        Phase::Reply => format!("reply to {operation} {path}: {status}"),
    };
    Point {
        name: format!("{name}{ordinal}"),
        about: format!("{client}, {what} {}: {}", stage.nth, told.trim_end()),
        client: client.to_owned(),
        at_ns: message.at_ns,
        trigger: Trigger::Rpc(Passes {
            op: operation.clone(),
            phase,
            from: Some(client.to_owned()),
            path: None,
            status: None,
            nth,
            after: Nanos::ZERO,
        }),
        alike,
        since,
        asks_only,
    }
}

/// Whether it changes what others see: a name, a file, a lock.
fn changes(done: &Done) -> bool {
    match done.operation.as_str() {
        "OPEN" => done.arguments.contains("create"),
        "ACCESS" | "GETATTR" | "LOOKUP" | "READ" | "READDIR" | "READDIRPLUS" | "READLINK"
        | "CLOSE" | "DELEGRETURN" | "LOCKT" | "TEST" | "FREE_STATEID" | "TEST_STATEID"
        | "RENEW" | "COMMIT" | "CB_RECALL" | "CB_GETATTR" => false,
        _ => true,
    }
}

fn outcome(status: &str) -> &str {
    match status {
        "NFS4_OK" | "NFS3_OK" => "ok",
        other => other,
    }
}

/// A path without what is one client's alone, or of one attempt: names with numbers in them.
fn role(done: &Done) -> String {
    let own = |path: &String| {
        let mut role = String::new();
        for word in path.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let (name, end) = match word.char_indices().next_back() {
                Some((last, c)) if !c.is_ascii_alphanumeric() => word.split_at(last),
                _ => (word, ""),
            };
            let is_hex = name.len() >= 6 && name.chars().all(|c| c.is_ascii_hexdigit());
            match name.find(|c: char| c.is_ascii_digit()) {
                // Of a file that was removed while it was open, the client's own name for it.
                Some(_) if name.starts_with("nfs") => role.push_str("nfs#"),
                Some(_) => role.push('#'),
                None if is_hex => role.push('#'),
                None => role.push_str(name),
            }
            role.push_str(end);
        }
        role
    };
    match (&done.path, &done.from) {
        (Some(path), Some(from)) => format!("{} = {}", own(path), own(from)),
        (Some(path), None) => own(path),
        (None, _) => String::new(),
    }
}

/// Of a role, what can be part of a file's name.
fn slug(role: &str) -> String {
    let first = role.split(" = ").next().unwrap_or_default();
    let first = first.rsplit('/').next().unwrap_or_default();
    let kept: String =
        first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(16).collect();
    match kept.trim_matches('-') {
        "" => String::new(),
        kept => format!("-{kept}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(path: &str, from: Option<&str>) -> Done {
        Done {
            operation: "LINK".into(),
            path: Some(path.into()),
            from: from.map(str::to_owned),
            arguments: String::new(),
            status: None,
            result: String::new(),
        }
    }

    #[test]
    fn a_role_is_the_same_for_every_client_and_every_attempt() {
        let one = role(&done("/lock", Some("/lock.c3.165.1650e63a.0")));
        assert_eq!(one, "/lock = /lock.#.#.#.#");
        assert_eq!(one, role(&done("/lock", Some("/lock.c1.113.ecdcfa2f.12"))));
        assert_eq!(role(&done("/lock|c1|113|6957846113866777731", None)), "/lock|#|#|#");
        assert_eq!(role(&done("/.nfs00000000000000c800000001", None)), "/.nfs#");
        assert_eq!(role(&done("/locks/a.lck", None)), "/locks/a.lck");
    }

    #[test]
    fn a_name_of_a_file_has_what_can_be_read_of_the_path() {
        assert_eq!(slug("/lock = /lock.#.#"), "-lock");
        assert_eq!(slug("/lock.#.#"), "-lock");
        assert_eq!(slug("/"), "");
    }
}
