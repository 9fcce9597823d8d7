//! Calls that wait for their replies.

use super::flow::Flow;
use super::header::Wrapping;
use super::nfs4::Asked;
use std::collections::{BTreeMap, HashMap};

/// Calls without a reply that are kept, and what they may take (bytes). Of more, the oldest is
/// forgotten.
const CALLS_MAX: usize = 4096;
const BYTES_MAX: usize = 16 << 20;
/// What an operation takes beside its words (bytes).
const OPERATION: usize = 256;

/// A call, as its reply needs it.
#[derive(Debug)]
pub(super) struct Pending {
    pub at_ns: u64,
    pub program: u32,
    pub version: u32,
    pub procedure: u32,
    pub wrapping: Wrapping,
    pub asked: Asked,
}

impl Pending {
    fn bytes(&self) -> usize {
        let operations = self.asked.operations.iter();
        operations.map(|operation| OPERATION + operation.words()).sum::<usize>() + OPERATION
    }
}

/// By the flow of the call and its XID.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: HashMap<(Flow, u32), (u64, Pending)>,
    by_age: BTreeMap<u64, (Flow, u32)>,
    bytes: usize,
    made: u64,
}

impl Calls {
    pub fn insert(&mut self, flow: Flow, xid: u32, call: Pending) {
        // Sent again over UDP, or the number of one that was never answered.
        self.take(flow, xid);
        self.made += 1;
        self.bytes += call.bytes();
        self.calls.insert((flow, xid), (self.made, call));
        self.by_age.insert(self.made, (flow, xid));
        while (self.calls.len() > CALLS_MAX || self.bytes > BYTES_MAX)
            && let Some((_, (flow, xid))) = self.by_age.first_key_value()
        {
            let (flow, xid) = (*flow, *xid);
            self.take(flow, xid);
        }
    }

    /// The call of a reply; `flow` is the call's.
    pub fn take(&mut self, flow: Flow, xid: u32) -> Option<Pending> {
        let (age, call) = self.calls.remove(&(flow, xid))?;
        self.by_age.remove(&age);
        self.bytes -= call.bytes();
        Some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::flow::Protocol;
    use crate::rpc::message::Operation;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn calls_that_are_never_answered_do_not_fill_the_memory() {
        let host = (IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
        let flow = Flow { protocol: Protocol::Udp, from: host, to: host };
        let mut calls = Calls::default();
        let call = |arguments: usize| Pending {
            at_ns: 0,
            program: 0,
            version: 0,
            procedure: 0,
            wrapping: Wrapping::Plain,
            asked: Asked {
                operations: vec![Operation {
                    arguments: "x".repeat(arguments),
                    ..Operation::default()
                }],
                ..Asked::default()
            },
        };
        (0..10_000).for_each(|xid| calls.insert(flow, xid, call(9)));
        assert_eq!(calls.calls.len(), CALLS_MAX);
        (0..100).for_each(|xid| calls.insert(flow, xid, call(1 << 20)));
        assert!(calls.bytes <= BYTES_MAX && calls.calls.len() == calls.by_age.len());
        assert!(calls.take(flow, 99).is_some() && calls.take(flow, 99).is_none());
        let left: Vec<u32> = calls.by_age.values().map(|(_, xid)| *xid).collect();
        left.iter().for_each(|xid| drop(calls.take(flow, *xid)));
        assert_eq!(calls.bytes, 0);
    }
}
