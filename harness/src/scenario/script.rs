//! Script steps: an exact story, one line a step.
//!
//! ```text
//! - c1: acquire -> ok
//! - c2: acquire timeout 2s -> timeout
//! - c3: acquire                  # begins, and is not waited for
//! - at +15s                      # virtual time passes
//! - cut c1                       # a fault strikes ...
//! - clock c2 +8s
//! - impair: {node: c3, loss: 0.1}  # any of them, with all that it can say
//! - heal c1                      # ... and ends
//! - end impair c3
//! - c3: -> ok within 12s         # the answer that was not waited for
//! - c1: release -> not held
//! ```
//!
//! The grammar; words are separated by blanks:
//!
//! ```text
//! step        = CLIENT ":" call [ "->" expectation ]
//!             | CLIENT ":" "->" expectation
//!             | "at" "+"DURATION
//!             | ( "cut" | "crash" ) NODE
//!             | "clock" NODE [ "+" | "-" ]DURATION
//!             | ( "heal" | "restart" | "end" FAULT ) NODE
//! call        = "acquire" [ "timeout" DURATION ]       (0s: does not wait)
//!             | "release"
//!             | "refresh" [ DURATION ]
//!             | "is_held"
//! expectation = answer [ "within" DURATION ]
//! answer      = "ok" | "busy" | "timeout" | "not held" | "held" | "error" | "any"
//! ```

use crate::fault::clock::Clock;
use crate::fault::crash::Crash;
use crate::fault::cut::Cut;
use crate::fault::{OF_MESSAGES, Strike};
use crate::suggest::{closest, listed};
use crate::units::Nanos;
use std::fmt;
use std::str::FromStr;

/// One step of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask a client's lock for something. Without `expect` the answer is left for a later
    /// [`Step::Await`].
    Call { client: String, call: Call, expect: Option<Expectation> },
    /// Wait for the answer to the client's last call.
    Await { client: String, expect: Expectation },
    /// Let virtual time pass.
    Pass(Nanos),
    /// A fault strikes, and is in force until it is ended.
    Strike(Strike),
    /// The latest fault of a kind ends that is in force at a node; one that is switched on again by
    /// that is waited for.
    End { kind: &'static str, node: String },
}

/// What a step asks of a client's lock.
#[derive(Clone, Copy, Debug, PartialEq)]
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    pub answer: ExpectedAnswer,
    /// Counted from the step that names it; `None`: whenever it comes.
    pub within: Option<Nanos>,
}

/// The answer a step expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedAnswer {
    Ok,
    Busy,
    Timeout,
    NotHeld,
    /// `is_held -> held`.
    Held,
    Error,
    /// Whichever comes: locks differ in it, and the checkers judge what comes of it.
    Any,
}

const ANSWERS: [(&str, ExpectedAnswer); 7] = [
    ("ok", ExpectedAnswer::Ok),
    ("busy", ExpectedAnswer::Busy),
    ("timeout", ExpectedAnswer::Timeout),
    ("not held", ExpectedAnswer::NotHeld),
    ("held", ExpectedAnswer::Held),
    ("error", ExpectedAnswer::Error),
    ("any", ExpectedAnswer::Any),
];

/// The words for the end of the faults that scripts have most.
const ENDS: [(&str, &str); 2] = [("heal", "cut"), ("restart", "crash")];

const CALLS: [&str; 4] = ["acquire", "release", "refresh", "is_held"];

fn names<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    table.iter().map(|(name, _)| *name).collect()
}

/// "`word` is not a KIND; did you mean `x`?", or the list of those there are.
fn unknown(word: &str, kind: &str, known: &[&'static str]) -> String {
    let shown: String = word.chars().take(40).collect();
    match closest(word, known.iter().copied()) {
        Some(near) => format!("`{shown}` is not {kind}; did you mean `{near}`?"),
        None => format!("`{shown}` is not {kind}; expected {}", listed(known)),
    }
}

impl FromStr for Step {
    type Err = String;

    /// Parses a whole step on one line. The error says what was expected.
    fn from_str(text: &str) -> Result<Step, String> {
        let text = text.trim();
        if let Some((client, rest)) = text.split_once(':') {
            return Step::of_client(client.trim(), rest);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.split_first() {
            None => Err("an empty step; expected such as `c1: acquire -> ok` or `at +15s`".into()),
            Some((&"at", rest)) => pass(&rest.join(" ")),
            Some((&"end", rest)) => end(rest),
            Some((word, rest)) => {
                if let Some((_, kind)) = ENDS.iter().find(|(name, _)| name == word) {
                    return Ok(Step::End { kind, node: only_node(word, rest)? });
                }
                match Strike::KINDS.iter().find(|kind| *kind == word) {
                    Some(kind) => strike(kind, rest).map(Step::Strike),
                    None => Err(unknown_step(word, rest)),
                }
            }
        }
    }
}

fn unknown_step(word: &str, rest: &[&str]) -> String {
    // `c1 acquire -> ok` is an easy slip, and YAML takes it for a plain string.
    if rest.first().is_some_and(|call| CALLS.contains(call)) {
        return format!(
            "`{word} {rest}` names a client without a colon; did you mean `{word}: {rest}`?",
            rest = rest.join(" ")
        );
    }
    let mut known = of_steps();
    known.extend(names(&ENDS));
    known.extend(["end", "at"]);
    match closest(word, known.iter().copied()) {
        Some(_) => unknown(word, "a step", &known),
        None => {
            let plain = unknown(word, "a step", &known);
            format!("{plain}, or a client and its call such as `c1: acquire -> ok`")
        }
    }
}

impl Step {
    /// Parses what follows `CLIENT:`.
    fn of_client(client: &str, text: &str) -> Result<Step, String> {
        if client.is_empty() || client.contains(char::is_whitespace) {
            return Err(format!("`{client}` is not the name of a client; expected such as `c1`"));
        }
        let client = client.to_string();
        let (call, expect) = match text.split_once("->") {
            Some((call, expect)) => (call.trim(), Some(expect.parse()?)),
            None => (text.trim(), None),
        };
        match (call.is_empty(), expect) {
            (true, Some(expect)) => Ok(Step::Await { client, expect }),
            (true, None) => Err(format!(
                "`{client}:` asks for nothing; expected a call ({}) or `-> ANSWER`",
                listed(&CALLS)
            )),
            (false, expect) => Ok(Step::Call { client, call: call.parse()?, expect }),
        }
    }

    /// The client or node the step names.
    pub fn actor(&self) -> Option<&str> {
        match self {
            Step::Call { client, .. } | Step::Await { client, .. } => Some(client),
            Step::Strike(strike) => Some(strike.target()),
            Step::End { node, .. } => Some(node),
            Step::Pass(_) => None,
        }
    }

    /// What stands after `CLIENT: ` in a client's step.
    fn client_text(&self) -> Option<(&str, String)> {
        match self {
            Step::Call { client, call, expect: Some(expect) } => {
                Some((client, format!("{call} -> {expect}")))
            }
            Step::Call { client, call, .. } => Some((client, call.to_string())),
            Step::Await { client, expect } => Some((client, format!("-> {expect}"))),
            _ => None,
        }
    }
}

fn pass(time: &str) -> Result<Step, String> {
    match time.strip_prefix('+') {
        Some(span) => Ok(Step::Pass(span.parse()?)),
        None => Err(format!("`at` counts from the step before it; did you mean `at +{time}`?")),
    }
}

/// The one word that is left, which is a node.
fn only_node(word: &str, rest: &[&str]) -> Result<String, String> {
    match rest {
        [] => Err(format!("`{word}` of which node? expected such as `{word} c1`")),
        [node] => Ok((*node).to_owned()),
        [node, rest @ ..] => {
            Err(format!("`{}` is too much; expected `{word} {node}`", rest.join(" ")))
        }
    }
}

/// The kinds of faults that a step can strike and end.
fn of_steps() -> Vec<&'static str> {
    let kinds = Strike::KINDS.iter().filter(|kind| !OF_MESSAGES.contains(kind));
    kinds.copied().collect()
}

/// A fault for which a line of text is enough.
fn strike(kind: &str, words: &[&str]) -> Result<Strike, String> {
    match kind {
        "cut" => Ok(Strike::Cut(Cut::of(only_node(kind, words)?))),
        "crash" => Ok(Strike::Crash(Crash::of(only_node(kind, words)?))),
        "clock" => {
            let Some((node, step)) = words.split_first() else {
                return Err(only_node(kind, words).unwrap_err());
            };
            if step.is_empty() {
                return Err(format!(
                    "`clock {node}` does not say how far it steps; did you mean `clock {node} +8s`?"
                ));
            }
            let step = step.join(" ").parse()?;
            Ok(Strike::Clock(Clock { node: (*node).to_owned(), step, drift_ppm: 0, stands: false }))
        }
        _ => {
            let node = words.first().unwrap_or(&"c1");
            Err(format!(
                "`{kind}` has more to say than a line can; write `- {kind}: {{node: {node}, ...}}`"
            ))
        }
    }
}

fn end(words: &[&str]) -> Result<Step, String> {
    let Some((word, rest)) = words.split_first() else {
        return Err("`end` of which fault? expected such as `end cut c1`".into());
    };
    match Strike::KINDS.iter().find(|kind| *kind == word) {
        Some(kind) => Ok(Step::End { kind, node: only_node(&format!("end {kind}"), rest)? }),
        None => Err(unknown(word, "a fault", &of_steps())),
    }
}

/// The line of text that says all of a fault, if there is one.
fn text_of(strike: &Strike) -> Option<String> {
    match strike {
        Strike::Cut(Cut { node, service: None }) => Some(format!("cut {node}")),
        Strike::Crash(crash) if *crash == Crash::of(crash.node.clone()) => {
            Some(format!("crash {}", crash.node))
        }
        Strike::Clock(Clock { node, step, drift_ppm: 0, stands: false }) => {
            let plus = if step.0 < 0 { "" } else { "+" };
            Some(format!("clock {node} {plus}{step}"))
        }
        _ => None,
    }
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Call, String> {
        let (word, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        match (word, rest) {
            ("acquire", "") => Ok(Call::Acquire { timeout: None }),
            ("acquire", rest) => match rest.strip_prefix("timeout ") {
                Some(timeout) => Ok(Call::Acquire { timeout: Some(timeout.parse()?) }),
                None => Err(format!(
                    "`acquire {rest}` is not understood; expected `acquire` or `acquire timeout 2s`"
                )),
            },
            ("release", "") => Ok(Call::Release),
            ("refresh", "") => Ok(Call::Refresh { lifetime: None }),
            ("refresh", lifetime) => Ok(Call::Refresh { lifetime: Some(lifetime.parse()?) }),
            ("is_held", "") => Ok(Call::IsHeld),
            ("release" | "is_held", rest) => {
                Err(format!("`{rest}` is too much after `{word}`; expected `-> ANSWER` or nothing"))
            }
            _ => Err(unknown(word, "a call", &CALLS)),
        }
    }
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Expectation, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let within = words.iter().position(|word| *word == "within");
        let answer = words[..within.unwrap_or(words.len())].join(" ");
        let within = match within {
            Some(at) if at + 1 == words.len() => {
                return Err("`within` without a duration; expected such as `within 12s`".into());
            }
            Some(at) => Some(words[at + 1..].join(" ").parse()?),
            None => None,
        };
        match ANSWERS.iter().find(|(name, _)| *name == answer) {
            Some((_, answer)) => Ok(Expectation { answer: *answer, within }),
            None if answer.is_empty() => {
                Err(format!("`->` without an answer; expected {}", listed(&names(&ANSWERS))))
            }
            None => Err(unknown(&answer, "an answer", &names(&ANSWERS))),
        }
    }
}

impl fmt::Display for Step {
    /// The canonical text, which parses back to the same step, but for faults that have more to say
    /// than a line of text can.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Pass(span) => write!(f, "at +{span}"),
            Step::Strike(strike) => match text_of(strike) {
                Some(text) => f.write_str(&text),
                None => {
                    let (kind, does) = (strike.kind(), strike.fault().describe());
                    write!(f, "{kind} {} ({does})", strike.target())
                }
            },
            Step::End { kind, node } => match ENDS.iter().find(|(_, ended)| ended == kind) {
                Some((word, _)) => write!(f, "{word} {node}"),
                None => write!(f, "end {kind} {node}"),
            },
            Step::Call { .. } | Step::Await { .. } => {
                let (client, text) = self.client_text().unwrap_or_default();
                write!(f, "{client}: {text}")
            }
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Acquire { timeout: None } => f.write_str("acquire"),
            Call::Acquire { timeout: Some(timeout) } => write!(f, "acquire timeout {timeout}"),
            Call::Release => f.write_str("release"),
            Call::Refresh { lifetime: None } => f.write_str("refresh"),
            Call::Refresh { lifetime: Some(lifetime) } => write!(f, "refresh {lifetime}"),
            Call::IsHeld => f.write_str("is_held"),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)?;
        match self.within {
            Some(within) => write!(f, " within {within}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ExpectedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = ANSWERS.iter().find(|(_, answer)| answer == self);
        f.write_str(found.map_or("?", |(name, _)| name))
    }
}

mod yaml;

#[cfg(test)]
mod tests;
