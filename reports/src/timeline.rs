//! The timeline of a run: who waited, who held, who was cut off, which clock stood where.
//!
//! A part of the report document. A run of 100,000 events has more spans than anybody can look
//! at, so short ones of a kind that lie close together are told as one with a
//! [`count`](ActivitySpan::count); those around a violation never are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that has a place in time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// When the workload began: what comes before is nodes that boot.
    pub began_ns: u64,
    /// The time of the last event.
    pub until_ns: u64,
    /// Shorter spans than this may have been put together; 0: all are as they were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resolution_ns: u64,
    pub clients: Vec<ClientLane>,
    pub server: Vec<ServerSpan>,
    /// The clocks that did not stand on the harness's time all along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<ClockLane>,
}

/// One client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientLane {
    pub client: String,
    /// What it did, by time.
    pub activity: Vec<ActivitySpan>,
    /// What was done to it, by time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condition: Vec<ConditionSpan>,
}

/// What a client did for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActivitySpan {
    pub from_ns: u64,
    pub until_ns: u64,
    pub activity: Activity,
    /// How it ended, where that is worth knowing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// How many spans were put together to this one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
    /// Of several: the time that they come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_ns: Option<u64>,
}

/// What a client can do with a lock.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It has called acquire and has no answer.
    Waiting,
    /// It is in its critical section.
    Holding,
    /// It still is, and its claim is surely over.
    Overstayed,
}

impl Activity {
    /// In one word.
    pub fn words(self) -> &'static str {
        match self {
            Activity::Waiting => "waiting",
            Activity::Holding => "holding",
            Activity::Overstayed => "overstayed",
        }
    }
}

/// A client's trouble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionSpan {
    pub from_ns: u64,
    pub until_ns: u64,
    pub condition: Condition,
}

/// What can be done to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Off the network.
    CutOff,
    /// Its machine stands still.
    Paused,
    /// Without power, or not yet back.
    Dead,
}

impl Condition {
    /// In a word or two.
    pub fn words(self) -> &'static str {
        match self {
            Condition::CutOff => "cut off",
            Condition::Paused => "paused",
            Condition::Dead => "dead",
        }
    }
}

/// The server's state for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerSpan {
    pub from_ns: u64,
    pub until_ns: u64,
    pub state: ServerState,
}

/// What a server can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    Up,
    /// Its grace time after a restart, in which clients reclaim what they had; at most so long,
    /// since it ends early when all have.
    Grace,
    /// Without power, or not yet serving.
    Down,
}

impl ServerState {
    /// In one word.
    pub fn words(self) -> &'static str {
        match self {
            ServerState::Up => "up",
            ServerState::Grace => "grace",
            ServerState::Down => "down",
        }
    }
}

/// One node's wall clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClockLane {
    pub node: String,
    /// Straight lines between the points; two points at one time are a step.
    pub points: Vec<ClockPoint>,
}

/// How far a clock stood from the harness's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockPoint {
    pub at_ns: u64,
    pub offset_ns: i64,
}

/// What plots are drawn from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plots {
    /// How long acquire took, of all that got the lock: by time, in steps of 1, 2, 5.
    pub waiting: Vec<Bucket>,
    /// How many critical sections were entered, in equal parts of the run.
    pub holds: Vec<Bucket>,
}

/// How many from a time to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    pub from_ns: u64,
    pub until_ns: u64,
    pub count: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_one(number: &u64) -> bool {
    *number == 1
}

fn one() -> u64 {
    1
}
