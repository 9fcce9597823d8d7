//! Writes histories, and tells them again as stories of one line an event.

use super::parameters::Tick;
use crate::fault::FaultId;
use crate::history::consequence::Pass;
use crate::history::{Consequence, Event, EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::site::NodeId;
use crate::units::{Nanos, SECOND};

/// Writes what happens second by second. Clients go by their nodes.
#[derive(Default)]
pub struct Pen {
    pub now: Tick,
    pub events: Vec<Event>,
    calls: u64,
    open: [u64; 4],
}

impl Pen {
    pub fn write(&mut self, kind: EventKind) {
        self.events.push(Event { at_ns: u64::from(self.now) * SECOND, kind });
    }

    pub fn call(&mut self, client: NodeId, operation: Operation) {
        self.calls += 1;
        self.open[client.index()] = self.calls;
        self.write(EventKind::Called { client: client.to_string(), call: self.calls, operation });
    }

    pub fn answer(&mut self, client: NodeId, answer: Answer) {
        let call = self.open[client.index()];
        self.write(EventKind::Answered { client: client.to_string(), call, answer });
    }

    pub fn boot(&mut self, node: NodeId) {
        let name = node.to_string();
        self.write(EventKind::NodeBooted { node: name.clone() });
        self.write(EventKind::NodeReady { node: name.clone(), options: String::new() });
        if !node.is_server() {
            let (library, version) = (String::new(), String::new());
            self.write(EventKind::AdapterReady { client: name, library, version });
        }
    }

    /// A fault hits the frames that a node sends, those that are sent to it, or both.
    pub fn strike(
        &mut self,
        fault: FaultId,
        node: NodeId,
        kind: &str,
        (from, to): (bool, bool),
        pass: Pass,
        late: Tick,
    ) {
        let late_ns = u64::from(late) * SECOND;
        let mut consequences = Consequence::of_link(&node.to_string(), pass, late_ns);
        consequences.retain(|consequence| {
            let frames = consequence.frames();
            frames.is_some_and(|frames| if frames.from.is_some() { from } else { to })
        });
        let (kind, detail) = (kind.into(), String::new());
        self.write(EventKind::FaultStruck {
            fault,
            kind,
            node: node.to_string(),
            detail,
            consequences,
        });
    }
}

pub fn error() -> Answer {
    let errno = Some("EIO".into());
    Answer::Error { errno, class: "OSError".into(), message: "it failed".into() }
}

/// An event as a line, in the words of the stories where they have some.
pub fn tell(event: &Event) -> String {
    let (who, what) = match &event.kind {
        EventKind::Called { client, operation, .. } => (client.as_str(), words_of(operation)),
        EventKind::Answered { client, answer, .. } => {
            (client.as_str(), format!("is told {}", answer_words(answer)))
        }
        EventKind::Entered { client } => (client.as_str(), "enters".into()),
        EventKind::Left { client } => (client.as_str(), "leaves".into()),
        EventKind::CountBegan { client } => (client.as_str(), "begins to count".into()),
        EventKind::Counted { client, read } => (client.as_str(), format!("counted {read}")),
        EventKind::CountDropped { client, .. } => (client.as_str(), "drops its count".into()),
        EventKind::CountFailed { client, .. } => (client.as_str(), "fails to count".into()),
        EventKind::CounterRead { value } => ("counter", format!("is {value}")),
        EventKind::NodeDied { node, .. } => (node.as_str(), "dies".into()),
        EventKind::NodeBooted { node } => (node.as_str(), "boots".into()),
        EventKind::NodeReady { node, .. } => (node.as_str(), "is ready".into()),
        EventKind::AdapterReady { client, .. } => (client.as_str(), "adapter is ready".into()),
        EventKind::AdapterFailed { client, .. } => (client.as_str(), "adapter fails".into()),
        EventKind::ClockSet { node, offset_ns, drift_ppm } => {
            let offset = *offset_ns as f64 / SECOND as f64;
            (node.as_str(), format!("clock {offset:+}s drifts {drift_ppm}"))
        }
        EventKind::FaultStruck { fault, kind, node, consequences, .. } => {
            let frames = consequences.iter().find_map(Consequence::frames);
            let late = frames.map_or(Nanos::ZERO, |frames| Nanos(frames.late_ns));
            (node.as_str(), format!("is hit by {kind} (fault {}, late by {late})", fault.number()))
        }
        EventKind::FaultEnded { fault, .. } => ("fault", format!("{} ends", fault.number())),
        EventKind::WorkloadEnded { .. } => ("workload", "ends".into()),
        other => ("event", format!("{other:?}")),
    };
    format!("{} {who} {what}", Nanos(event.at_ns))
}

fn words_of(operation: &Operation) -> String {
    match operation {
        Operation::Acquire { timeout: None } => "asks".into(),
        Operation::Acquire { timeout: Some(Nanos::ZERO) } => "tries".into(),
        Operation::Acquire { timeout: Some(timeout) } => format!("asks for {timeout}"),
        Operation::Refresh { lifetime } => format!("calls refresh {lifetime}"),
        other => format!("calls {}", other.name()),
    }
}

fn answer_words(answer: &Answer) -> &'static str {
    match answer {
        Answer::Ok { held: None } => "ok",
        Answer::Ok { held: Some(true) } => "held",
        Answer::Ok { held: Some(false) } => "lost",
        Answer::Busy => "busy",
        Answer::Timeout => "timeout",
        Answer::NotHeld => "not_held",
        Answer::Unsupported => "unsupported",
        Answer::Error { .. } => "error",
    }
}
