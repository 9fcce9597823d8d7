//! The trigger that aims at one call: a call of NFS passes the switch, or its reply.

use crate::rpc::{Kind, Message, Operation};
use crate::units::Nanos;
use lockstorm_agent::glob;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A call that passes the switch, or its reply, before it is delivered. What another fault loses
/// does not pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Passes {
    /// An operation of NFS, as its RFC spells it: LINK, OPEN, LOCK, REMOVE ...
    pub op: String,
    /// Whether the call is meant, or its reply.
    #[serde(default)]
    pub phase: Phase,
    /// Only this client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Only of files like this: `*.lck` is a name, `/locks/*` a path from the root of the export.
    /// Of LINK and RENAME the new name counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only replies that say so: `ok`, or a status as the RFC spells it (NFS4ERR_EXIST).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The nth such one, counted from 1 from the begin of the workload on.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    #[schemars(range(min = 1))]
    pub nth: u32,
    /// Strike this long after that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: Nanos,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Call,
    Reply,
}

/// The word for every status of success.
pub const OK: &str = "ok";

fn first() -> u32 {
    1
}

fn is_first(nth: &u32) -> bool {
    *nth == 1
}

fn is_zero(span: &Nanos) -> bool {
    *span == Nanos::ZERO
}

/// How near a message came to what a trigger waits for: the more, the nearer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// The operation, but of another client.
    OtherClient(String),
    /// Of that client, but of another file.
    OtherPath(String),
    /// Of that file, but with another outcome.
    OtherStatus(String),
    Match,
}

impl Passes {
    /// How near a message of this client comes to what is waited for; `None`: it is about something
    /// else.
    pub fn nearness(&self, message: &Message, client: &str) -> Option<Nearness> {
        let kind = match self.phase {
            Phase::Call => Kind::Call,
            Phase::Reply => Kind::Reply,
        };
        if message.kind != kind {
            return None;
        }
        let made = message.operations.iter().filter(|operation| operation.name == self.op);
        let made = made.filter(|operation| kind == Kind::Call || operation.status.is_some());
        made.map(|operation| self.of_operation(operation, client)).max()
    }

    fn of_operation(&self, operation: &Operation, client: &str) -> Nearness {
        if self.from.as_deref().is_some_and(|from| from != client) {
            return Nearness::OtherClient(client.to_owned());
        }
        let path = operation.path.as_deref().unwrap_or("");
        if self.path.as_deref().is_some_and(|pattern| !glob::matches(pattern, path)) {
            return Nearness::OtherPath(path.to_owned());
        }
        let status = operation.status.map(|status| match status.is_ok() {
            true => OK.to_owned(),
            false => status.to_string(),
        });
        match (&self.status, status) {
            (Some(wanted), Some(status)) if *wanted != status => Nearness::OtherStatus(status),
            _ => Nearness::Match,
        }
    }

    /// What is waited for, in words.
    pub fn describe(&self) -> String {
        let what = match self.phase {
            Phase::Call => "call",
            Phase::Reply => "reply",
        };
        let mut words = format!("the {} {what} of {}", ordinal(self.nth), self.op);
        for (word, value) in [("of", &self.path), ("by", &self.from), ("with", &self.status)] {
            if let Some(value) = value {
                words.push_str(&format!(" {word} {value}"));
            }
        }
        words
    }
}

impl Nearness {
    /// What came instead, in words.
    pub fn describe(&self) -> String {
        match self {
            Nearness::OtherClient(client) => format!("one of {client} came"),
            Nearness::OtherPath(path) => format!("one of {path} came"),
            Nearness::OtherStatus(status) => format!("one with {status} came"),
            Nearness::Match => "one came".into(),
        }
    }
}

/// 1st, 2nd, 3rd, 11th ...
pub fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{Flow, Protocol, Status};

    fn link(kind: Kind, path: &str, code: u32) -> Message {
        let end = |last: u8| ([10, 0, 0, last].into(), 2049);
        let status = Status { code, name: if code == 17 { "NFS4ERR_EXIST" } else { "NFS4_OK" } };
        let status = (kind == Kind::Reply).then_some(status);
        Message {
            at_ns: 0,
            flow: Flow { protocol: Protocol::Tcp, from: end(2), to: end(1) },
            place: None,
            xid: 1,
            kind,
            program: std::num::NonZeroU32::new(100_003),
            program_name: "nfs",
            version: 4,
            procedure: "COMPOUND",
            minor: Some(2),
            status,
            operations: vec![
                Operation { name: "SEQUENCE", ..Operation::default() },
                Operation { name: "LINK", path: Some(path.into()), status, ..Operation::default() },
            ],
            called_ns: None,
            trouble: None,
        }
    }

    fn waits(text: &str) -> Passes {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn a_call_is_told_by_operation_client_and_path() {
        let call = link(Kind::Call, "/locks/a.lck", 0);
        let nearness = |text: &str| waits(text).nearness(&call, "c1");
        assert_eq!(nearness("op: LINK"), Some(Nearness::Match));
        assert_eq!(nearness("{op: LINK, from: c1, path: '*.lck'}"), Some(Nearness::Match));
        assert_eq!(nearness("op: RENAME"), None);
        assert_eq!(nearness("{op: LINK, phase: reply}"), None);
        let other = Nearness::OtherClient("c1".into());
        assert_eq!(nearness("{op: LINK, from: c2, path: '*.x'}"), Some(other));
        let other = Nearness::OtherPath("/locks/a.lck".into());
        assert_eq!(nearness("{op: LINK, path: '*.x'}"), Some(other));
    }

    #[test]
    fn a_reply_is_told_by_its_status_too() {
        let (good, bad) = (link(Kind::Reply, "/a", 0), link(Kind::Reply, "/a", 17));
        let ok = waits("{op: LINK, phase: reply, status: ok}");
        assert_eq!(ok.nearness(&good, "c1"), Some(Nearness::Match));
        let other = Nearness::OtherStatus("NFS4ERR_EXIST".into());
        assert_eq!(ok.nearness(&bad, "c1"), Some(other));
        let exists = waits("{op: LINK, phase: reply, status: NFS4ERR_EXIST}");
        assert_eq!(exists.nearness(&bad, "c1"), Some(Nearness::Match));
    }

    #[test]
    fn what_is_waited_for_reads_as_a_sentence() {
        let passes = waits("{op: LINK, phase: reply, from: c1, path: '*.lck', status: ok, nth: 2}");
        assert_eq!(passes.describe(), "the 2nd reply of LINK of *.lck by c1 with ok");
        assert_eq!([1, 3, 11, 21].map(ordinal), ["1st", "3rd", "11th", "21st"]);
    }
}
