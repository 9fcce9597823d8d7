//! The calls that clients made of their lock, each with its answer.

use super::spans::Moment;
use crate::history::{Event, Operation, What};
use crate::lock::adapter::Answer;
use std::collections::BTreeMap;

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    pub client: String,
    pub operation: Operation,
    pub called: Moment,
    pub end: End,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum End {
    Answered(Moment, Answer),
    /// The caller died first: nobody knows whether it was done.
    Died(Moment),
    /// Still in flight at the end of the run.
    Open,
}

impl Call {
    /// The moment after which the call can do nothing any more.
    pub fn over(&self) -> Moment {
        match &self.end {
            End::Answered(at, _) | End::Died(at) => *at,
            End::Open => Moment::NEVER,
        }
    }

    pub fn answer(&self) -> Option<&Answer> {
        match &self.end {
            End::Answered(_, answer) => Some(answer),
            _ => None,
        }
    }

    /// The lock itself says that its caller's hold is over: released, or not held any more.
    pub fn says_it_is_over(&self) -> bool {
        matches!(
            (&self.operation, self.answer()),
            (Operation::Release, Some(Answer::Ok { .. }))
                | (_, Some(Answer::NotHeld | Answer::Ok { held: Some(false) }))
        )
    }

    pub fn is_acquire(&self) -> bool {
        matches!(self.operation, Operation::Acquire { .. })
    }
}

/// Pairs calls with answers. What does not pair goes to `contradictions`.
pub fn calls(history: &[Event], contradictions: &mut Vec<String>) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    for (index, event) in history.iter().enumerate() {
        let now = Moment { at_ns: event.at_ns, line: index + 1 };
        match &event.what {
            What::Called { client, call, operation } => {
                if open.insert(*call, calls.len()).is_some() {
                    contradictions.push(format!("line {}: call {call} is made twice", now.line));
                }
                calls.push(Call {
                    client: client.clone(),
                    operation: operation.clone(),
                    called: now,
                    end: End::Open,
                });
            }
            What::Answered { client, call, answer } => {
                match open.remove(call).map(|index| &mut calls[index]) {
                    Some(made) if made.client == *client => {
                        made.end = End::Answered(now, answer.clone());
                    }
                    _ => contradictions.push(format!(
                        "line {}: {client} answers call {call}, which it does not owe",
                        now.line
                    )),
                }
            }
            What::NodeDied { node: client, .. } | What::AdapterFailed { client, .. } => {
                open.retain(|_, index| {
                    let mine = calls[*index].client == *client;
                    if mine {
                        calls[*index].end = End::Died(now);
                    }
                    !mine
                });
            }
            _ => {}
        }
    }
    calls
}
