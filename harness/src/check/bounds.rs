//! How long things may take in this run: from the plan's numbers, and those of Linux and TCP.

use crate::plan::Plan;
use crate::scenario::{DiskSpec, WireSpec};
use crate::site::blueprint::Role;
use crate::site::clock::Clock;
use crate::units::SECOND;

/// Requests to the disk that one NFS call may come to, with the commit of the journal that it may
/// wait for (jbd2_journal_commit_transaction in fs/jbd2/commit.c writes every block of metadata
/// that was changed, and flushes before and after): far more than any call of a lock needs.
const DISK_REQUESTS: u64 = 64;
const DISK_FLUSHES: u64 = 4;
/// NFS calls that one attempt to get a lock may make; the most that is known of are fifty.
const ATTEMPT_CALLS: u64 = 64;
/// After a connection was refused, Linux waits so long before it tries again, and then twice as
/// long each time (XS_TCP_INIT_REEST_TO in net/sunrpc/xprtsock.c). TCP itself begins with 1 s or
/// less (RFC 6298, section 2).
const RETRY_FIRST_NS: u64 = 3 * SECOND;
/// Neither TCP (TCP_RTO_MAX, 120 s) nor the NFS client (XS_TCP_MAX_REEST_TO, 300 s) ever waits
/// longer between two tries.
const RETRY_MOST_NS: u64 = 300 * SECOND;
/// TCP_RTO_MAX in include/net/tcp.h.
const RTO_MOST_NS: u64 = 120 * SECOND;
/// What nodes that share the host's cores may be late by, since they had to wait for one: on the
/// real clock a busy host must not make a lock look slow, or wrong.
const HOST_LATENESS_NS: u64 = 30 * SECOND;

/// Times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The longest that a frame may be under way.
    pub delay_ns: u64,
    /// The longest that the server and its disk may take for one call.
    pub service_ns: u64,
    /// How late anything may be, on top of what is promised, since the host was busy.
    pub host_lateness_ns: u64,
    /// How much longer an attempt to get the lock may take than on a site of the default speed,
    /// which is what a profile's bounds are stated for.
    pub slowness_ns: u64,
    /// How long the server stood still, in all: what it was at, it finished so much later.
    pub server_stood_ns: u64,
    calm_round_trip_ns: u64,
    /// The longest between two tries of a client that has only begun to try.
    first_retry_ns: u64,
}

impl Bounds {
    pub fn of(plan: &Plan) -> Bounds {
        let disk = &plan.blueprint.disk;
        let delay_ns = plan.largest_delay_ns();
        let service_ns = longest_service(plan, disk.latency.0, disk.flush.0);
        let DiskSpec { latency, flush, .. } = DiskSpec::default();
        let usual_service_ns = longest_service(plan, latency.0, flush.0);
        let usual_ns = round_trip(WireSpec::default().latency.most.0, usual_service_ns);
        // While nothing disturbs a frame, it takes what the wire takes.
        let calm_ns = round_trip(plan.undisturbed_delay_ns(), service_ns);
        // RFC 6298, (2.3): the smoothed round trip, and four times its variation, which is no
        // more than a round trip itself.
        let timeout_ns = delay_ns.saturating_mul(2 * 5).min(RTO_MOST_NS);
        Bounds {
            delay_ns,
            service_ns,
            host_lateness_ns: match plan.blueprint.clock {
                Clock::Virtual => 0,
                Clock::Real => HOST_LATENESS_NS,
            },
            slowness_ns: calm_ns.saturating_sub(usual_ns).saturating_mul(ATTEMPT_CALLS),
            server_stood_ns: 0,
            calm_round_trip_ns: calm_ns,
            first_retry_ns: timeout_ns.max(RETRY_FIRST_NS),
        }
    }

    /// How long what was sent can still take effect after its sender is gone, or has given up:
    /// it is on the wire, or waits for the server.
    pub fn in_flight_ns(&self) -> u64 {
        let served = self.service_ns.saturating_add(self.server_stood_ns);
        self.delay_ns.saturating_add(served).saturating_add(self.host_lateness_ns)
    }

    /// A call and its answer at their slowest.
    pub fn round_trip_ns(&self) -> u64 {
        round_trip(self.delay_ns, self.service_ns)
    }

    /// How long one attempt to get the lock may take, on this site.
    pub fn attempt_ns(&self) -> u64 {
        let calls_ns = self.calm_round_trip_ns.saturating_mul(ATTEMPT_CALLS);
        calls_ns.saturating_add(self.server_stood_ns).saturating_add(self.host_lateness_ns)
    }

    /// How far apart two steps of a call may be, on the server, without any fault.
    pub fn steps_apart_ns(&self) -> u64 {
        self.calm_round_trip_ns
    }

    /// When the disturbance from `from_ns` to `until_ns` is over for good. Retransmission and
    /// reconnection wait twice as long after each try that failed, so that the next try may be as
    /// far off as the disturbance was long.
    pub fn settled(&self, from_ns: u64, until_ns: u64) -> u64 {
        let tried_ns = until_ns.saturating_sub(from_ns).saturating_add(self.first_retry_ns);
        until_ns.saturating_add(tried_ns.min(RETRY_MOST_NS)).saturating_add(self.delay_ns)
    }
}

fn round_trip(delay_ns: u64, service_ns: u64) -> u64 {
    delay_ns.saturating_mul(2).saturating_add(service_ns)
}

/// Every client may have a call ahead in the disk's queue.
pub fn longest_service(plan: &Plan, latency_ns: u64, flush_ns: u64) -> u64 {
    let nodes = plan.blueprint.nodes.iter();
    let clients = nodes.filter(|node| node.role == Role::Client).count() as u64;
    let requests = latency_ns.saturating_mul(DISK_REQUESTS);
    let one = requests.saturating_add(flush_ns.saturating_mul(DISK_FLUSHES));
    one.saturating_mul(clients)
}
