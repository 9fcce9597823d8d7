//! What plan and profile say, in ticks: the numbers that the rules use.
//!
//! A tick is the greatest common divisor of all times of a history and of all spans that the plan
//! names. Every rule compares differences of times with such a span, and none of them strictly: if
//! what nobody saw can have happened at all, it can have happened at whole ticks.

use super::wrongs::Wrongs;
use crate::history::{Event, EventKind, Operation};
use crate::lock::profile::{LeaseAssumption, Renewed};
use crate::plan::Plan;
use crate::scenario::WorkloadSpec;
use crate::units::SECOND;
use lockstorm_reports::Invariant;

pub type Tick = u16;
/// The end of what never ends.
pub const NEVER: Tick = Tick::MAX;
/// `XS_TCP_INIT_REEST_TO` of net/sunrpc/xprtsock.c.
const RECONNECT_NS: u64 = 3 * SECOND;
/// The server waits for a delegation to come back until a lease is over (RFC 8881, 10.2.1, and the
/// laundromat of fs/nfsd/nfs4state.c, which looks once a second); meanwhile others are told to come
/// again, after 15 s at most (NFS4_POLL_RETRY_MAX in fs/nfs/nfs4proc.c).
const RECALL_NS: u64 = 17 * SECOND;
/// What was released can be had within this time (containers/locks/README.md, `release_frees`).
const FREE_WITHIN_NS: u64 = 120 * SECOND;

/// How a lock that its owner left is broken: see `break_bound` in containers/locks/README.md.
#[derive(Clone, Copy)]
pub struct Bound {
    pub slop: Tick,
    pub within: Tick,
    pub watched: bool,
}

pub struct Parameters {
    pub tick_ns: u64,
    pub clients: Vec<String>,
    /// [`NEVER`] for a lock without lifetimes.
    pub lifetime: Tick,
    pub renews_itself: bool,
    pub bound: Option<Bound>,
    /// The largest skew that the lock assumes, in nanoseconds; without it, clocks play no part.
    pub skew_ns: Option<u64>,
    /// How far from true a clock may run, in ppm; without it, the lock measures no time.
    pub rate_ppm: Option<u64>,
    /// The kernel manages the lock, and frees it when its owner's process ends.
    pub kernel: bool,
    /// The lock is gone with the client's lease, and assumes that the lease is kept.
    pub lease_kept: bool,
    pub lease: Tick,
    pub grace: Tick,
    /// The longest that a frame can be under way.
    pub delay: Tick,
    /// A client waits so long before it connects again.
    pub reconnect: Tick,
    pub free_within: Tick,
    /// How much later, if somebody else is away, who may have a delegation of the lock's file.
    pub recall_within: Tick,
    /// Who asks again after this time keeps asking.
    pub think: Tick,
    /// The lock claims nothing at all for such a site.
    pub outside: bool,
    promised: Wrongs,
}

impl Parameters {
    pub fn of(plan: &Plan, history: &[Event]) -> Parameters {
        let profile = &plan.profile;
        let server = &plan.blueprint.server;
        let lifetime = plan.lifetime().map(|lifetime| lifetime.0);
        let seconds = |seconds: u32| u64::from(seconds) * SECOND;
        let (lease, grace) = (seconds(server.lease_s), seconds(server.grace_s));
        let bound = profile.break_bound;
        let mut tick_ns = [lease, grace, lifetime.unwrap_or(0)].into_iter().fold(0, divisor);
        if let Some(bound) = bound {
            tick_ns = divisor(divisor(tick_ns, bound.slop.0), bound.within.0);
        }
        tick_ns = history.iter().fold(tick_ns, |tick, event| divisor(tick, times_of(event)));
        let ticks = |ns: u64| Tick::try_from(ns / tick_ns).expect("a short history");
        let assumes = &profile.assumes;
        let version = &plan.blueprint.mount.version;
        Parameters {
            tick_ns,
            clients: plan.blueprint.nodes[1..].iter().map(|node| node.name.clone()).collect(),
            lifetime: lifetime.map_or(NEVER, ticks),
            renews_itself: profile.lifetime.is_some_and(|life| life.renewed == Renewed::Itself),
            bound: bound.map(|bound| Bound {
                slop: ticks(bound.slop.0),
                within: ticks(bound.within.0),
                watched: bound.watched,
            }),
            skew_ns: assumes.clock_skew.map(|skew| skew.0),
            rate_ppm: profile.clock_rate().map(|rate| rate.0),
            kernel: profile.primitive.is_kernel_managed(),
            lease_kept: assumes.lease == Some(LeaseAssumption::Kept),
            lease: ticks(lease),
            grace: ticks(grace),
            delay: ticks(largest_delay_ns(plan, history)),
            reconnect: ticks(RECONNECT_NS),
            free_within: ticks(FREE_WITHIN_NS),
            recall_within: ticks(lease + RECALL_NS),
            think: ticks(think_ns(plan)),
            outside: !assumes.network || !(assumes.nfs.is_empty() || assumes.nfs.contains(version)),
            promised: profile.promises.keys().fold(Wrongs::NONE, |all, one| all.with(*one)),
        }
    }

    /// The wrong that it is to break this promise: one that no profile names, if the lock's own
    /// does not make it.
    pub fn wrong(&self, invariant: Invariant) -> Wrongs {
        match self.promised.contains(invariant) {
            true => Wrongs::NONE.with(invariant),
            false => Wrongs::UNPROMISED,
        }
    }

    pub fn seconds(&self, tick: Tick) -> f64 {
        (u64::from(tick) * self.tick_ns) as f64 / SECOND as f64
    }
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// The time of an event and every span in it, as one number with the same divisors.
fn times_of(event: &Event) -> u64 {
    match &event.kind {
        EventKind::Called { operation: Operation::Refresh { lifetime }, .. } => {
            divisor(event.at_ns, lifetime.0)
        }
        _ => event.at_ns,
    }
}

/// The wire's own latency, and the delays of all faults one upon the other.
fn largest_delay_ns(plan: &Plan, history: &[Event]) -> u64 {
    let mut delay = plan.blueprint.wire.latency.most.0;
    for event in history {
        if let EventKind::FaultStruck { consequences, .. } = &event.kind {
            let frames = consequences.iter().filter_map(|consequence| consequence.frames());
            delay += frames.map(|frames| frames.late_ns).max().unwrap_or(0);
        }
    }
    delay
}

fn think_ns(plan: &Plan) -> u64 {
    match &plan.scenario.workload {
        WorkloadSpec::Cycles(cycles) => cycles.think.most.0,
        WorkloadSpec::Script(_) => 0,
    }
}
