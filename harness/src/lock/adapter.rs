//! The adapter protocol: one JSON object a line on the adapter's standard input and output.
//!
//! `containers/locks/README.md` teaches it to those who write adapters.

use serde::{Deserialize, Serialize};

/// What the harness asks of a lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// `timeout` in seconds: `None` waits for ever, zero does not wait.
    Acquire {
        timeout: Option<f64>,
    },
    Release,
    /// `lifetime` in seconds.
    Refresh {
        lifetime: f64,
    },
    IsHeld,
    Quit,
}

/// What a lock answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Done; `held` is the answer to `is_held`.
    Ok {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<bool>,
    },
    /// A non-blocking acquire was refused.
    Busy,
    /// An acquire with a time limit ran out of it.
    Timeout,
    /// The library says that the caller does not hold the lock.
    NotHeld,
    /// The lock has no such operation.
    Unsupported,
    /// An exception: the call may or may not have happened.
    Error {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errno: Option<String>,
        class: String,
        message: String,
    },
}
