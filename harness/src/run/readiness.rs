//! The readiness: how far every node has come on its way to readiness.

use crate::plan::Plan;
use crate::site::NodeId;
use crate::units::SECOND;

/// All nodes are ready this long after power-on, or never (virtual ns).
pub const READY_WITHIN: u64 = 300 * SECOND;
/// How far a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// No power, or it boots.
    Absent,
    Configured,
    /// The server is about to serve, or to stop.
    Changing,
    /// The server serves; the client has mounted.
    Ready,
}

pub struct Readiness {
    progress: Vec<Progress>,
}

impl Readiness {
    pub fn new(nodes: usize) -> Readiness {
        Readiness { progress: vec![Progress::Absent; nodes] }
    }

    pub fn progress(&self, node: NodeId) -> Progress {
        self.progress[node.index()]
    }

    pub fn advance(&mut self, node: NodeId, progress: Progress) {
        self.progress[node.index()] = progress;
    }

    pub fn forget(&mut self, node: NodeId) {
        self.progress[node.index()] = Progress::Absent;
    }

    pub fn serves(&self) -> bool {
        self.progress[NodeId::SERVER.index()] == Progress::Ready
    }

    /// The nodes that are not ready, in words.
    pub fn unready(&self, plan: &Plan) -> String {
        let nodes = plan.blueprint.nodes.iter().zip(&self.progress);
        let waiting = nodes.map(|(node, progress)| {
            let state = match progress {
                Progress::Absent => "does not boot",
                Progress::Configured | Progress::Changing => "does not come to serve or mount",
                Progress::Ready => "has no adapter that is ready",
            };
            format!("{} {state}", node.name)
        });
        waiting.collect::<Vec<_>>().join(", ")
    }
}
