//! What has happened, for workloads and the nemesis; and what their timers are for.

use crate::fault::FaultId;
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::site::{ClientId, NodeId};
use lockstorm_agent::LeftBehind;

/// What a timer of the run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
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
    /// A fault of the plan strikes.
    FaultBegins(FaultId),
    FaultEnds(FaultId),
    /// A process that runs and stands in turns has run for long enough, or stood.
    Turn(FaultId),
    /// From now on, all is drawn from this seed.
    Reseed(u64),
    /// The workload's time is over: all faults end.
    Recovery,
    /// A node is switched on for the first time.
    PowerOn(NodeId),
    /// Try again to mount.
    Remount(NodeId),
    /// The site is not ready, or the workload not done, after a long time.
    Overdue,
    /// The counter was not read in time.
    NoCounter,
    /// What was under way on the export when its lock had been given up has come to an end.
    Settled,
    /// The server did not tell in time what is left on the export.
    NoLook,
}

/// What has happened, for workloads and the nemesis.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Every client is ready: the workload begins.
    Began,
    /// A client is ready again after a restart of its node.
    Returned(ClientId),
    /// A system call has failed because a fault wanted it.
    CallFailed(FaultId),
    /// A client's node has lost its power.
    Lost(ClientId),
    Answered {
        client: ClientId,
        operation: Operation,
        answer: Answer,
    },
    /// A client calls its lock.
    Called {
        client: ClientId,
        operation: Operation,
    },
    /// A client has entered its critical section.
    Entered(ClientId),
    /// A client has left its critical section.
    Left(ClientId),
    /// Reading the counter, or writing it, came to an end, good or bad.
    Counted(ClientId),
    /// The counter's value on the server.
    CounterRead(u64),
    /// What is left on the export.
    LeftBehind(LeftBehind),
    Timer(Timer),
    /// The message has come that a fault of the plan waited for, by its index.
    Caught(FaultId),
    /// A node has booted so far that it takes commands.
    Configured(NodeId),
    /// A node's clock is as the faults in force want it.
    ClockSet(NodeId),
    /// A node's clock could not be set, and why.
    ClockFailed(NodeId, String),
    /// The server's disk is as full as the faults in force want it; or why it is not.
    DiskFilled(Result<(), String>),
    /// A prober has written a line.
    Said(String),
    /// The server (again) serves.
    ServerReady,
    Overdue,
}
