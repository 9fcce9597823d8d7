//! What a fault may do to the site, as data: the nemesis writes it into the history when the fault
//! strikes, and checkers read it and never the fault's name.

use serde::{Deserialize, Serialize};

/// Holds from the fault's strike to its end. What stays behind afterwards (a retransmission that
/// is still to come, a lost lease, a wrong clock) follows from the times, and is the checkers' to
/// work out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Something may happen to the frames that `from` sends to `to`.
    Frames(Frames),
    /// A node is without power. When it really was, its deaths and boots tell.
    Power { node: String },
    /// A node's wall clock is set. To what, the events of the clock tell.
    WallClock { node: String },
}

/// The frames that are sent from one node to another while a fault is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frames {
    /// Their sender; any node where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Their receiver; any node where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    pub pass: Pass,
    /// How much later than otherwise one that arrives may arrive at most (ns).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_ns: u64,
}

/// How many of the frames arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        let node = Some(node.to_owned());
        let frames = |from, to| Consequence::Frames(Frames { from, to, pass, late_ns });
        vec![frames(node.clone(), None), frames(None, node)]
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

impl Frames {
    /// Whether they may be on their way from one node to another.
    pub fn go(&self, from: &str, to: &str) -> bool {
        let is = |party: &Option<String>, node| party.as_deref().is_none_or(|name| name == node);
        from != to && is(&self.from, from) && is(&self.to, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_link_go_to_and_from_its_node_and_nowhere_else() {
        let link = Consequence::of_link("c1", Pass::None, 0);
        let go = |from, to| link.iter().filter_map(Consequence::frames).any(|f| f.go(from, to));
        assert!(go("c1", "server") && go("server", "c1") && go("c2", "c1"));
        assert!(!go("c2", "server") && !go("c1", "c1"));
    }
}
