//! The calls that clients made of their lock, each with its answer.

use super::spans::Moment;
use crate::history::{Event, EventKind, Operation};
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
    /// When its caller had the answer, or was gone; `NEVER` when it still waits.
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

    /// The lock itself says that its caller does not hold it.
    pub fn says_not_held(&self) -> bool {
        matches!(self.answer(), Some(Answer::NotHeld | Answer::Ok { held: Some(false) }))
    }

    /// It was answered `ok`: done.
    pub fn is_ok(&self) -> bool {
        matches!(self.answer(), Some(Answer::Ok { .. }))
    }

    /// Its answer leaves open what happened: it failed, or there is none.
    pub fn is_indeterminate(&self) -> bool {
        matches!(self.answer(), None | Some(Answer::Error { .. }))
    }

    pub fn is_acquire(&self) -> bool {
        matches!(self.operation, Operation::Acquire { .. })
    }
}

/// All calls.
#[derive(Debug, Default)]
pub struct Calls {
    /// In the order in which they were made.
    all: Vec<Call>,
    /// Every client's own, in the same order.
    by_client: BTreeMap<String, Vec<usize>>,
}

impl Calls {
    /// In the order in which they were made.
    pub fn iter(&self) -> std::slice::Iter<'_, Call> {
        self.all.iter()
    }

    pub fn acquires(&self) -> impl Iterator<Item = &Call> {
        self.iter().filter(|call| call.is_acquire())
    }

    /// The calls that a client made at `from` or later.
    pub fn of_client<'a>(
        &'a self,
        client: &str,
        from: Moment,
    ) -> impl Iterator<Item = &'a Call> + use<'a> {
        let own = self.by_client.get(client).map_or(&[][..], Vec::as_slice);
        let first = own.partition_point(|index| self.all[*index].called < from);
        own[first..].iter().map(|index| &self.all[*index])
    }

    /// The clients that called, each once.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        self.by_client.keys().map(String::as_str)
    }
}

/// Pairs calls with answers. What does not pair goes to `contradictions`.
pub fn calls(history: &[Event], contradictions: &mut Vec<String>) -> Calls {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    for (index, event) in history.iter().enumerate() {
        let now = Moment::of(event, index);
        match &event.kind {
            EventKind::Called { client, call, operation } => {
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
            EventKind::Answered { client, call, answer } => {
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
            EventKind::NodeDied { node: client, .. }
            | EventKind::AdapterFailed { client, .. }
            | EventKind::AdapterKilled { client } => {
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
    let mut by_client: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        by_client.entry(call.client.clone()).or_default().push(index);
    }
    Calls { all: calls, by_client }
}
