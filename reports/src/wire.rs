//! The NFS calls around a violation, as a sequence diagram shows them.

use crate::text::{clean, counted, span};
use crate::{Finding, text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What went over the wire before a violation, about the lock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wire {
    /// Who called or was called, in the order in which they stand beside each other.
    pub nodes: Vec<String>,
    /// By the time when they were sent; at most a few dozen, the ones that matter most.
    pub calls: Vec<WireCall>,
    /// How many more there were about the lock in that time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Who took whose lock away, in a sentence; absent where it cannot be said surely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
}

/// One call of NFS, or of the server back to a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WireCall {
    /// When it was sent for the first time.
    pub at_ns: u64,
    pub from: String,
    pub to: String,
    /// The operations for whose sake it was sent: `LINK`.
    pub operations: String,
    /// What they are about: `/lock = /lock.c1`, `/old -> /new`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// `ok`, or the error; absent: nobody heard of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Fate::is_answered")]
    pub fate: Fate,
    /// When its reply had passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_ns: Option<u64>,
    /// How often call and reply were sent after the first time.
    #[serde(default, skip_serializing_if = "is_none")]
    pub sent_again: u32,
    /// How much later than the wire takes the call or its reply came, by a fault.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_ns: u64,
    /// What the client's lock was doing: `in acquire`, `inside`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lock: String,
}

/// How a call went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    #[default]
    Answered,
    /// It never arrived.
    CallLost,
    /// It was executed, and its caller never heard of it.
    ReplyLost,
    /// It arrived, and there was no reply.
    Unanswered,
}

impl Fate {
    fn is_answered(&self) -> bool {
        *self == Fate::Answered
    }

    fn words(self) -> Option<&'static str> {
        match self {
            Fate::Answered => None,
            Fate::CallLost => Some("call lost"),
            Fate::ReplyLost => Some("reply lost"),
            Fate::Unanswered => Some("no reply"),
        }
    }
}

impl WireCall {
    /// `LINK /lock = /lock.c1`.
    pub fn what(&self) -> String {
        clean(&format!("{} {}", self.operations, self.path))
    }

    /// What became of it, in few words: `ok`, `reply lost`.
    pub fn outcome(&self) -> String {
        match (&self.status, self.fate.words()) {
            (Some(status), Some(fate)) => format!("{}, {fate}", clean(status)),
            (Some(status), None) => clean(status),
            (None, fate) => fate.unwrap_or("-").into(),
        }
    }

    /// What is odd about its way, in words.
    pub fn oddities(&self) -> Vec<String> {
        let mut all = Vec::new();
        match self.sent_again {
            0 => {}
            1 => all.push("sent again".into()),
            times => all.push(format!("sent again {times} times")),
        }
        if self.late_ns > 0 {
            all.push(format!("late by {}", span(self.late_ns)));
        }
        all
    }

    /// All of it in a line.
    pub fn words(&self) -> String {
        let mut words = format!("{}: {}", self.what(), self.outcome());
        for oddity in self.oddities() {
            words.push_str(", ");
            words.push_str(&oddity);
        }
        words
    }

    /// Whether there is more to it than a good answer.
    pub fn is_good(&self) -> bool {
        self.fate.is_answered() && self.status.as_deref() == Some("ok")
    }
}

/// A line of a sequence diagram, from the top down.
pub enum Row<'a> {
    Call(&'a WireCall),
    /// The instant at which the promise was broken.
    Violation,
}

impl Wire {
    /// The rows of the diagram for a finding.
    pub fn rows(&self, finding: &Finding) -> Vec<Row<'_>> {
        let before = self.calls.partition_point(|call| call.at_ns <= finding.at_ns);
        let (before, after) = self.calls.split_at(before);
        let mut rows: Vec<Row> = before.iter().map(Row::Call).collect();
        rows.push(Row::Violation);
        rows.extend(after.iter().map(Row::Call));
        rows
    }

    /// In which column a node stands.
    pub fn column(&self, node: &str) -> Option<usize> {
        self.nodes.iter().position(|one| one == node)
    }

    /// How many are not shown, in a sentence.
    pub fn omission(&self) -> Option<String> {
        (self.left_out > 0).then(|| {
            format!(
                "{} of that time about the lock left out; `lockstorm wire` shows all.",
                counted(self.left_out, "more call")
            )
        })
    }
}

/// Microseconds matter between calls.
pub fn moment(ns: u64) -> String {
    let micros = ns / 1_000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// What the line across a diagram says.
pub fn violation_words(finding: &Finding) -> String {
    format!("{} is broken, at {}", finding.invariant.words(), text::seconds(finding.at_ns))
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_none(number: &u32) -> bool {
    *number == 0
}
