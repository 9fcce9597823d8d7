//! Cues: what has happened, for workloads and the nemesis; and what their timers are for.

use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::site::NodeId;

/// A client's index: 0 is `c1`.
pub type ClientId = usize;

/// What a timer of the run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A client's time in its critical section is over.
    HoldOver(ClientId),
    /// A client refreshes its lock.
    Refresh(ClientId),
    /// A client asks whether it still holds its lock.
    AskHeld(ClientId),
    /// A client begins its next round.
    Round(ClientId),
    /// A script's pause is over, or the time for an answer.
    Step(usize),
    FaultBegins(usize),
    FaultEnds(usize),
    /// A node is switched on for the first time.
    PowerOn(NodeId),
    /// Try again to mount.
    Remount(NodeId),
    /// The site is not ready, or the workload not done, after a long time.
    Overdue,
    /// The counter was not read in time.
    NoCounter,
}

/// What has happened, for workloads and the nemesis.
#[derive(Clone, Debug, PartialEq)]
pub enum Cue {
    /// Every client is ready: the workload begins.
    Began,
    /// A client is ready again after a restart of its node.
    Returned(ClientId),
    /// A client's node has lost its power.
    Lost(ClientId),
    Answered {
        client: ClientId,
        operation: Operation,
        answer: Answer,
    },
    /// A client has entered its critical section.
    Entered(ClientId),
    /// A client has left its critical section.
    Left(ClientId),
    /// Reading the counter, or writing it, came to an end, good or bad.
    Counted(ClientId),
    /// The counter's value on the server.
    CounterRead(u64),
    Timer(Wake),
    /// The server (again) serves.
    ServerReady,
    Overdue,
}
