//! Which nodes could not reach the network, and which were too unwell to demand anything of.

use super::spans::{merged, outside};
use crate::history::{Event, What};
use lockstorm_reports::FaultReport;
use std::collections::BTreeMap;

/// The name of the server in every plan.
pub const SERVER: &str = "server";

/// After an outage the kernel's retransmission and reconnection timers have doubled, so that
/// the next attempt may be as far off as the outage was long; they end doubling at 5 minutes.
const SETTLE_NS_MAX: u64 = 300_000_000_000;

/// Times, in nanoseconds, by node.
#[derive(Debug, Default)]
pub struct Outages {
    /// Surely without a frame in or out: cut off, or without power.
    mute: BTreeMap<String, Vec<(u64, u64)>>,
    /// Mute, impaired, or not yet settled afterwards.
    unwell: BTreeMap<String, Vec<(u64, u64)>>,
    /// Alive, and perhaps without contact: cut off or impaired.
    severed: BTreeMap<String, Vec<(u64, u64)>>,
}

impl Outages {
    /// Derives the outages. `grace_ns` is the server's grace time after a restart, in which it
    /// refuses to open files.
    pub fn of(history: &[Event], faults: &[FaultReport], grace_ns: u64) -> Outages {
        let mut mute: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        let mut unwell: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        let mut severed: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for (node, from, until) in without_power(history) {
            let settled = match node == SERVER {
                true => settled(from, until).max(until.saturating_add(grace_ns)),
                false => settled(from, until),
            };
            mute.entry(node.clone()).or_default().push((from, until));
            unwell.entry(node).or_default().push((from, settled));
        }
        for fault in faults {
            let until = fault.ended_ns.unwrap_or(u64::MAX);
            let Some(from) = fault.struck_ns else {
                continue;
            };
            match fault.kind.as_str() {
                // Power cuts show as deaths; clocks are a matter of the lock's assumptions.
                "crash" | "clock" => continue,
                "cut" => {
                    let mute = mute.entry(fault.node.clone()).or_default();
                    mute.push((from, until));
                }
                _ => {}
            }
            severed.entry(fault.node.clone()).or_default().push((from, until));
            let unwell = unwell.entry(fault.node.clone()).or_default();
            unwell.push((from, settled(from, until)));
        }
        let tidy = |all: BTreeMap<String, Vec<(u64, u64)>>| {
            let all = all.into_iter();
            all.map(|(node, times)| (node, merged(times))).collect()
        };
        Outages { mute: tidy(mute), unwell: tidy(unwell), severed: tidy(severed) }
    }

    /// Whether `client` may have lost its NFSv4 lease of `lease_ns` at any time from `from` to
    /// `until`. Linux renews a lease when two thirds of it are over (nfs4_schedule_state_renewal
    /// in fs/nfs/nfs4renewd.c), so that a third of it without contact can be too long. A server
    /// that is down renews nothing either, but gives its clients a grace time when it is back.
    pub fn may_lose_lease(&self, client: &str, lease_ns: u64, from: u64, until: u64) -> bool {
        let long = self.mute(client).into_iter().filter(|(start, end)| end - start >= lease_ns);
        meet(self.severed_past_renewal(client, lease_ns).chain(long), from, until)
    }

    /// Whether what the kernel of `client` keeps of a file may be older than the file, at any time
    /// from `from` to `until`: it may have lost its delegations with its lease of `lease_ns` or with
    /// the server's power, and not know it before the outage has settled.
    pub fn may_be_stale(&self, client: &str, lease_ns: u64, from: u64, until: u64) -> bool {
        let restarts = self.mute.get(SERVER).into_iter().flatten().copied();
        let lost = self.severed_past_renewal(client, lease_ns).chain(restarts);
        meet(lost.map(|(start, end)| (start, settled(start, end))), from, until)
    }

    /// When `client` may have been without contact for so long that its lease was not renewed.
    fn severed_past_renewal(
        &self,
        client: &str,
        lease_ns: u64,
    ) -> impl Iterator<Item = (u64, u64)> + use<> {
        let severed = both(&self.severed, client).into_iter();
        severed.filter(move |(start, end)| end - start >= lease_ns / 3)
    }

    /// When nothing can pass between `client` and the server.
    pub fn mute(&self, client: &str) -> Vec<(u64, u64)> {
        both(&self.mute, client)
    }

    /// When `client` can be expected to get something done on the server, from `from` to `until`.
    pub fn well(&self, client: &str, from: u64, until: u64) -> Vec<(u64, u64)> {
        outside(&both(&self.unwell, client), from, until)
    }

    /// When every node can be expected to get something done, from `from` to `until`.
    pub fn all_well(&self, from: u64, until: u64) -> Vec<(u64, u64)> {
        let unwell = self.unwell.values().flatten().copied();
        outside(&merged(unwell.collect()), from, until)
    }

    /// Whether nothing disturbed `client` or the server from `from` to `until`.
    pub fn quiet(&self, client: &str, from: u64, until: u64) -> bool {
        let met = |(start, end): &(u64, u64)| *start <= until && from <= *end;
        !both(&self.unwell, client).iter().any(met)
    }
}

fn both(times: &BTreeMap<String, Vec<(u64, u64)>>, client: &str) -> Vec<(u64, u64)> {
    let of = |node: &str| times.get(node).into_iter().flatten().copied();
    merged(of(client).chain(of(SERVER)).collect())
}

/// Whether one of `spans` shares a moment with the time from `from` to `until`.
fn meet(mut spans: impl Iterator<Item = (u64, u64)>, from: u64, until: u64) -> bool {
    spans.any(|(start, end)| start <= until && from <= end)
}

fn settled(from: u64, until: u64) -> u64 {
    until.saturating_add(until.saturating_sub(from).min(SETTLE_NS_MAX))
}

/// From death to readiness: node, from, until.
fn without_power(history: &[Event]) -> Vec<(String, u64, u64)> {
    let mut dead: BTreeMap<&str, u64> = BTreeMap::new();
    let mut out = Vec::new();
    for event in history {
        match &event.what {
            What::NodeDied { node, .. } => {
                dead.entry(node).or_insert(event.at_ns);
            }
            What::NodeReady { node, .. } => {
                if let Some(from) = dead.remove(node.as_str()) {
                    out.push((node.clone(), from, event.at_ns));
                }
            }
            _ => {}
        }
    }
    out.extend(dead.into_iter().map(|(node, from)| (node.to_owned(), from, u64::MAX)));
    out
}
