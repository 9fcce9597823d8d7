//! Script steps: an exact story, one line a step.
//!
//! ```text
//! - c1: acquire -> ok
//! - c2: acquire timeout 2s -> timeout
//! - c3: acquire                  # begins, and is not waited for
//! - at +15s                      # virtual time passes
//! - cut c1                       # a fault: cut, heal, crash, restart
//! - c3: -> ok within 12s         # the answer that was not waited for
//! - c1: release -> not held
//! ```

use crate::units::Nanos;

/// One step of a script.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Step {
    /// Ask a client's lock for something. Without `expect` the answer is left for a later
    /// [`Step::Await`].
    Call {
        client: String,
        call: Call,
        expect: Option<Expectation>,
    },
    /// Wait for the answer to the client's last call.
    Await { client: String, expect: Expectation },
    /// Let virtual time pass.
    Pass(Nanos),
    /// Do something to the site: the verb and the node.
    Strike {
        verb: Verb,
        node: String,
        step: Option<i64>,
    },
}

#[derive(
    Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub enum Call {
    /// `timeout`: `None` waits for ever, zero does not wait.
    Acquire {
        timeout: Option<Nanos>,
    },
    Release,
    /// `lifetime`: `None` takes the scenario's.
    Refresh {
        lifetime: Option<Nanos>,
    },
    IsHeld,
}

/// The answer a step expects, and how soon.
#[derive(
    Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Expectation {
    pub answer: ExpectedAnswer,
    pub within: Option<Nanos>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub enum ExpectedAnswer {
    Ok,
    Busy,
    Timeout,
    NotHeld,
    /// `is_held -> held`.
    Held,
    Error,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub enum Verb {
    Cut,
    Heal,
    Crash,
    Restart,
    /// `clock c2 +8s`: the node's wall clock steps; `step` holds nanoseconds.
    Clock,
}
