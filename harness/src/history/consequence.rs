//! What a fault may do to the site, as data: the nemesis writes it into the history when the fault
//! strikes, and checkers read it and never the fault's name.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// Holds from the fault's strike to its end. What stays behind afterwards (a retransmission that
/// is still to come, a lost lease, a wrong clock) follows from the times, and is the checkers' to
/// work out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Something may happen to the frames that `from` sends to `to`.
    Frames(Frames),
    /// A call of a client's is answered with an error, and what it asks for is surely not done. Its
    /// connection may have to be made anew.
    Refusal {
        node: String,
        /// The operation of NFS that is; left out: any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        op: Option<String>,
    },
    /// Frames may arrive with other bytes than were sent, and nothing tells. Who got one may have
    /// done what nobody had asked for.
    Corruption,
    /// A node is without power. When it really was, its deaths and boots tell.
    Power { node: String },
    /// A node has another host name from its next boot on, and keeps it.
    HostName { node: String, host_name: String },
    /// A node's wall clock is set. To what, the events of the clock tell.
    WallClock { node: String },
    /// A node stands still, its clocks with it. What it has not finished it does when it goes on.
    /// When it really stood, the events of its clock tell.
    Pause { node: String },
    /// The server's disk takes so much longer for a request, and for a flush (ns). If it `fails`,
    /// calls may fail until the server has been restarted after that, and what has been answered
    /// may then be lost. It may be, too, if the disk `forgets` what was flushed.
    Disk {
        #[serde(default, skip_serializing_if = "is_zero")]
        late_ns: u64,
        #[serde(default, skip_serializing_if = "is_zero")]
        flush_late_ns: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fails: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forgets: bool,
    },
    /// The process of a client's lock is killed. When it died, an event tells.
    Kill { node: String },
    /// The process of a client's lock does not run, and its kernel does.
    Stop { node: String },
    /// System calls of a client's process fail, and what they ask for is surely not done. Its
    /// kernel is well.
    CallsFail { node: String },
}

/// The frames that are sent from one node to another while a fault is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frames {
    /// Their sender; any node where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// Their receiver; any node where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
    pub pass: Pass,
    /// How much later than otherwise one that arrives may arrive at most (ns).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_ns: u64,
}

/// One of these nodes. A single one is written as its name, several as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party(Vec<String>);

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [name] => serializer.serialize_str(name),
            names => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Party, D::Error> {
        deserializer.deserialize_any(PartyVisitor)
    }
}

impl JsonSchema for Party {
    fn schema_name() -> Cow<'static, str> {
        "Party".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One of these nodes: a single name, or a list of names",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        })
    }
}

struct PartyVisitor;

impl<'de> de::Visitor<'de> for PartyVisitor {
    type Value = Party;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a node, or a list of names")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Party, E> {
        Ok(Party(vec![name.to_owned()]))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut all: A) -> Result<Party, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = all.next_element()? {
            names.push(name);
        }
        Ok(Party(names))
    }
}

/// How many of the frames arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Surely none.
    None,
    /// Nobody knows which.
    Some,
    /// Surely all, perhaps late or more than once.
    All,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Consequence {
    /// The frames of one node, in both directions.
    pub fn of_link(node: &str, pass: Pass, late_ns: u64) -> Vec<Consequence> {
        let node = Some(Party(vec![node.to_owned()]));
        let frames = |from, to| Consequence::Frames(Frames { from, to, pass, late_ns });
        vec![frames(node.clone(), None), frames(None, node)]
    }

    /// The same of a fault that has been waiting for this operation of NFS.
    pub fn of_operation(self, op: &str) -> Consequence {
        match self {
            Consequence::Refusal { node, .. } => Consequence::Refusal { node, op: Some(op.into()) },
            other => other,
        }
    }

    /// The frames that it is about, if it is about frames.
    pub fn frames(&self) -> Option<&Frames> {
        match self {
            Consequence::Frames(frames) => Some(frames),
            _ => None,
        }
    }

    /// What faults of histories that do not tell it did, by their kinds.
    pub(super) fn of_kind(kind: &str, node: &str) -> Vec<Consequence> {
        /// The longest delay that such a fault could have (ns).
        const LATE_MOST: u64 = 10_000_000_000;
        match kind {
            "cut" => Consequence::of_link(node, Pass::None, 0),
            "impair" => Consequence::of_link(node, Pass::Some, LATE_MOST),
            "crash" => vec![Consequence::Power { node: node.to_owned() }],
            "clock" => vec![Consequence::WallClock { node: node.to_owned() }],
            _ => Vec::new(),
        }
    }
}

impl Party {
    fn is(&self, node: &str) -> bool {
        self.0.iter().any(|name| name == node)
    }
}

impl From<Vec<String>> for Party {
    fn from(names: Vec<String>) -> Party {
        Party(names)
    }
}

impl Frames {
    /// Whether they may be on their way from one node to another.
    pub fn go(&self, from: &str, to: &str) -> bool {
        let is = |party: &Option<Party>, node| party.as_ref().is_none_or(|party| party.is(node));
        from != to && is(&self.from, from) && is(&self.to, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_goes_through_json_and_a_single_node_is_written_as_before() {
        let frames = |from: &[&str]| {
            let from = from.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (from, to) = (Some(from.into()), None);
            Consequence::Frames(Frames { from, to, pass: Pass::None, late_ns: 0 })
        };
        for (group, json) in [
            (&["c1"][..], r#"{"frames":{"from":"c1","pass":"none"}}"#),
            (&["c1", "c2"], r#"{"frames":{"from":["c1","c2"],"pass":"none"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&frames(group)).unwrap(), json);
            assert_eq!(serde_json::from_str::<Consequence>(json).unwrap(), frames(group));
        }
    }

    #[test]
    fn frames_of_a_link_go_to_and_from_its_node_and_nowhere_else() {
        let link = Consequence::of_link("c1", Pass::None, 0);
        let go = |from, to| link.iter().filter_map(Consequence::frames).any(|f| f.go(from, to));
        assert!(go("c1", "server") && go("server", "c1") && go("c2", "c1"));
        assert!(!go("c2", "server") && !go("c1", "c1"));
    }
}
