//! What becomes of a client's locks when it is out of contact, or when the server restarts: the
//! server's recovery model, as data.
//!
//! Every question about leases and grace times is asked here, so that a server of another kind is
//! one more variant.

use super::bounds::Bounds;
use super::contact::Disturbance;
use crate::plan::Plan;
use crate::site::blueprint::Implementation;
use crate::site::clock::Clock;
use crate::units::{MILLISECOND, SECOND};

/// The renewal daemon never waits for less (nfs4_schedule_state_renewal in fs/nfs/nfs4renewd.c).
const RENEWAL_LEAST_NS: u64 = 5 * SECOND;
/// A tick of the client's clock and the scheduling of a work item, with room to spare.
const RENEWAL_LATE_NS: u64 = 200 * MILLISECOND;
/// Servers count leases and grace times in whole seconds. knfsd looks once a second at most
/// (NFSD_LAUNDROMAT_MINTIMEOUT in fs/nfsd/nfs4state.c), nfs-ganesha's reaper every 10 s
/// (REAPER_DELAY in src/MainNFSD/nfs_reaper_thread.c).
const fn tick_ns(server: Implementation) -> u64 {
    match server {
        Implementation::Knfsd => SECOND,
        Implementation::Ganesha => 11 * SECOND,
    }
}
/// Round trips in which a client learns of a restart, makes a session, and reclaims a file and a
/// lock: EXCHANGE_ID, CREATE_SESSION, OPEN, LOCK ..., each perhaps twice.
const RECLAIM_ROUND_TRIPS: u64 = 16;
/// A client that is told to try again later waits for so long at most (NFS4_POLL_RETRY_MAX in
/// fs/nfs/nfs4proc.c).
const RETRY_MOST_NS: u64 = 15 * SECOND;

/// A client of NFSv3 that waits for a lock asks again after so long, if nobody calls it
/// (NLMCLNT_POLL_TIMEOUT in fs/lockd/clntproc.c).
const POLL_MOST_NS: u64 = 30 * SECOND;

/// How the server and its clients come to agree again on what is held.
#[derive(Clone, Copy, Debug)]
pub enum Recovery {
    Leases(Leases),
    Monitored(Monitored),
}

/// NFSv3: a client keeps its locks until it gives them up, or tells that it has restarted; if the
/// server has, it tells its clients, and they reclaim (XNFS, chapters 9 and 11).
#[derive(Clone, Copy, Debug)]
pub struct Monitored {
    grace_ns: u64,
    tick_ns: u64,
    /// Whether the lock is one of the server's lock manager, and no name in a directory.
    of_manager: bool,
}

/// NFSv4: a client's state goes with its lease; after a restart it can be reclaimed for a time
/// (RFC 8881, sections 8.3 and 8.4.2).
#[derive(Clone, Copy, Debug)]
pub struct Leases {
    lease_ns: u64,
    grace_ns: u64,
    /// The least that is left of a client's lease at any time at which it is in contact.
    left_ns: u64,
    /// The longest between two renewals of a client that is in contact.
    renewal_ns: u64,
    reclaim_ns: u64,
    /// How much longer the grace time may become: while clients reclaim, it goes on for a second
    /// more (clients_still_reclaiming in fs/nfsd/nfs4state.c).
    overtime_ns: u64,
    /// A server that stands still counts neither leases nor grace times.
    server_stood_ns: u64,
    tick_ns: u64,
}

/// A client's own clock stood still, and it asks for its leases by that.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stood {
    /// For how long, in all, while it was out of contact.
    pub for_ns: u64,
    /// Whether nothing else was wrong meanwhile.
    pub alone: bool,
}

/// A time in which the server had no power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    pub died_ns: u64,
    /// When it served again; `None`: it stayed down.
    pub ready_ns: Option<u64>,
}

/// What may cost a client its locks.
#[derive(Clone, Copy)]
pub struct Trouble<'a> {
    /// When it was perhaps out of contact.
    pub disturbed: &'a [Disturbance],
    /// When it surely was, in order.
    pub cut_off: &'a [(u64, u64)],
    pub restarts: &'a [Restart],
    /// How long its own clock stood still in a disturbance.
    pub stood: &'a dyn Fn(&Disturbance) -> Stood,
}

impl Trouble<'_> {
    /// The first moment from `at` on at which the client may be in contact.
    fn contact_from(&self, at: u64) -> u64 {
        let cut_off = self.cut_off.iter().find(|(from, until)| (*from..*until).contains(&at));
        cut_off.map_or(at, |(_, until)| *until)
    }
}

impl Recovery {
    pub fn of(plan: &Plan, bounds: &Bounds) -> Recovery {
        let server = &plan.blueprint.server;
        let clients = plan.blueprint.nodes.len().saturating_sub(1) as u64;
        let tick_ns = tick_ns(server.implementation);
        if plan.blueprint.mount.is_nfs3() {
            return Recovery::Monitored(Monitored {
                grace_ns: u64::from(server.grace_s) * SECOND,
                tick_ns: tick_ns.saturating_add(bounds.server_stood_ns),
                of_manager: plan.profile.primitive.is_kernel_managed(),
            });
        }
        let lease_ns = u64::from(server.lease_s) * SECOND;
        let renewal_ns = longest_between_renewals(lease_ns, bounds);
        let left_ns = match plan.blueprint.clock {
            Clock::Virtual => lease_ns.saturating_sub(renewal_ns),
            // A node that waits for a core renews nothing, and nobody sees it: after the least
            // trouble the lease may be gone.
            Clock::Real => 0,
        };
        Recovery::Leases(Leases {
            lease_ns,
            grace_ns: u64::from(server.grace_s) * SECOND,
            left_ns,
            renewal_ns,
            reclaim_ns: bounds.round_trip_ns().saturating_mul(RECLAIM_ROUND_TRIPS),
            overtime_ns: clients
                .saturating_add(1)
                .saturating_mul(tick_ns)
                .saturating_add(bounds.server_stood_ns),
            server_stood_ns: bounds.server_stood_ns,
            tick_ns,
        })
    }

    /// When a server that serves again since `ready_ns` surely grants new locks to whoever asks.
    pub fn grants_again(&self, ready_ns: u64) -> u64 {
        let (grace_ns, retry_ns) = match self {
            Recovery::Leases(leases) => {
                (leases.grace_ns.saturating_add(leases.overtime_ns), RETRY_MOST_NS)
            }
            Recovery::Monitored(known) => {
                (known.grace_ns.saturating_add(known.tick_ns), POLL_MOST_NS)
            }
        };
        ready_ns.saturating_add(grace_ns).saturating_add(retry_ns)
    }

    /// How long the server keeps, at most, what a client has that is not in contact any more (a
    /// lock, a delegation), once another asks for it; and how long that one waits.
    pub fn gives_way_within_ns(&self) -> u64 {
        match self {
            Recovery::Leases(leases) => {
                let lease_ns = leases.lease_ns.saturating_add(leases.server_stood_ns);
                lease_ns.saturating_add(2 * leases.tick_ns).saturating_add(RETRY_MOST_NS)
            }
            Recovery::Monitored(known) if known.of_manager => u64::MAX,
            Recovery::Monitored(_) => 0,
        }
    }

    /// The longest between two renewals of a client's lease, by its own clock.
    pub fn renewal_ns(&self) -> u64 {
        match self {
            Recovery::Leases(leases) => leases.renewal_ns,
            Recovery::Monitored(_) => 0,
        }
    }

    /// How long the server surely keeps the locks of a client that it does not hear of any more.
    pub fn kept_at_least_ns(&self) -> u64 {
        match self {
            Recovery::Leases(leases) => leases.left_ns,
            // A server that is restarted meanwhile gives them up after its grace time.
            Recovery::Monitored(_) => 0,
        }
    }

    /// When a client may be without the locks that it had, and not know: by the times in which it
    /// was perhaps out of contact, and the server's restarts.
    pub fn losses(&self, trouble: &Trouble) -> Vec<(u64, u64)> {
        let leases = match self {
            Recovery::Leases(leases) => leases,
            Recovery::Monitored(known) => return known.losses(trouble),
        };
        if leases.runs_out_by_itself() {
            return vec![(0, u64::MAX)];
        }
        let each = trouble.disturbed.iter();
        each.filter_map(|disturbance| leases.loss(disturbance, trouble)).collect()
    }
}

/// A client renews its lease when two thirds of it have passed since the last time. The daemon
/// that does it looks again after 5 s at least; it does not renew what is younger than a third; and
/// it begins to count when a renewal is answered.
fn longest_between_renewals(lease_ns: u64, bounds: &Bounds) -> u64 {
    let third = lease_ns / 3;
    let answered = bounds.delay_ns.saturating_mul(2).saturating_add(RENEWAL_LEAST_NS);
    let longest = (2 * third).max(third.saturating_add(RENEWAL_LEAST_NS)).max(answered);
    // It has yet to arrive.
    longest.saturating_add(bounds.delay_ns).saturating_add(RENEWAL_LATE_NS)
}

impl Monitored {
    /// Nobody can know whether the server's word of its restart has reached a client, nor when: it
    /// is sent over UDP, and again after longer and longer times (sm-notify(8)). A server that was
    /// restarted without its machine says nothing at all.
    fn losses(&self, trouble: &Trouble) -> Vec<(u64, u64)> {
        let first = trouble.restarts.iter().filter(|restart| restart.ready_ns.is_some());
        first
            .map(|restart| restart.died_ns)
            .min()
            .map(|died| (died, u64::MAX))
            .into_iter()
            .collect()
    }
}

impl Leases {
    /// The wire is so slow, or the lease so short, that renewals come late without any fault.
    fn runs_out_by_itself(&self) -> bool {
        self.renewal_ns > self.lease_ns
    }

    /// From when to when the client may be without its locks, if it may at all.
    fn loss(&self, disturbance: &Disturbance, trouble: &Trouble) -> Option<(u64, u64)> {
        let mut deadline = disturbance.from.saturating_add(self.left_ns);
        let mut contact = disturbance.settled;
        let within = disturbance.from..disturbance.settled;
        let restarts = trouble.restarts.iter();
        let restarts: Vec<&Restart> =
            restarts.filter(|restart| within.contains(&restart.died_ns)).collect();
        // Its renewals are late by as long as it stood.
        let stood = (trouble.stood)(disturbance);
        if restarts.is_empty() && stood.alone && stood.for_ns < self.left_ns {
            return None;
        }
        for restart in restarts {
            if restart.died_ns >= deadline {
                break;
            }
            // A server that stays down gives no lock to anybody.
            let ready_ns = restart.ready_ns?;
            deadline = self.deadline_after(ready_ns, disturbance, trouble);
            // One that has nothing to ask learns of the restart when it renews its lease.
            let renewal_ns = self.renewal_ns.saturating_add(stood.for_ns);
            contact = contact.max(restart.died_ns.saturating_add(renewal_ns));
        }
        (contact >= deadline).then_some((deadline, contact))
    }

    /// Until when a client surely keeps its locks whose server serves again since `ready_ns`.
    fn deadline_after(&self, ready_ns: u64, disturbance: &Disturbance, trouble: &Trouble) -> u64 {
        // It begins to count before it tells the harness that it serves.
        let grace = ready_ns.saturating_add(self.grace_ns).saturating_sub(SECOND);
        let reclaimed = grace.saturating_sub(self.reclaim_ns);
        // One that has reclaimed at once has a new lease, which the rest of the trouble can cost
        // it.
        let contact = trouble.contact_from(ready_ns);
        match disturbance.until > contact {
            true => reclaimed.min(contact.saturating_add(self.left_ns)),
            false => reclaimed,
        }
    }
}
