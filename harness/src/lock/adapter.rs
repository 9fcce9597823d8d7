//! The adapter protocol: one JSON object a line on the adapter's standard input and output.
//!
//! `containers/locks/README.md` teaches it to those who write adapters.

use lockstorm_reports::text::clean;
use schemars::JsonSchema;
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl Request {
    /// The request as a line, with the number that the answer echoes.
    pub fn numbered(&self, id: u64) -> String {
        let mut line = serde_json::to_value(self).expect("a request is always JSON");
        line["id"] = id.into();
        line.to_string()
    }
}

/// A line of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The first line: the adapter has loaded its library, which says its own version.
    Ready {
        library: String,
        version: String,
    },
    Answer {
        id: u64,
        answer: Answer,
    },
}

impl Reply {
    /// Understands a line; the error is what is wrong with it, in words that follow "the adapter".
    pub fn parse(line: &str) -> Result<Reply, String> {
        #[derive(Deserialize)]
        struct Ready {
            library: String,
            version: String,
        }
        // A parser's words quote the line, which may be anything.
        let words = |error: serde_json::Error| clean(&error.to_string());
        let quoted: String = line.chars().take(80).flat_map(char::escape_default).collect();
        let mut value: serde_json::Value = serde_json::from_str(line)
            .map_err(|_| format!("wrote what is no JSON: \"{quoted}\""))?;
        if let Some(ready) = value.get_mut("ready") {
            let ready = Ready::deserialize(ready.take());
            let Ready { library, version } = ready
                .map_err(|e| format!("said that it is ready, but {}: \"{quoted}\"", words(e)))?;
            return Ok(Reply::Ready { library, version });
        }
        let id = value.get("id").and_then(serde_json::Value::as_u64);
        let id = id.ok_or_else(|| format!("wrote an answer without a number: \"{quoted}\""))?;
        let answer = Answer::deserialize(value)
            .map_err(|e| format!("wrote what is no answer ({}): \"{quoted}\"", words(e)))?;
        Ok(Reply::Answer { id, answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_adapter_wrote_does_not_steer_the_terminal_that_shows_it() {
        let long = "x".repeat(60_000);
        for answer in ["time\u{1b}[2Jout", &long] {
            let line = serde_json::json!({"id": 4, "answer": answer}).to_string();
            let said = Reply::parse(&line).unwrap_err();
            assert!(!said.contains(char::is_control) && said.len() < 1_000, "{said}");
        }
    }
}
