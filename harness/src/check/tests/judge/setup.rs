//! Random locks and sites, with times of a few seconds, so that a short history meets them all.

use super::parameters::Tick;
use crate::check::tests::story::{kernel_plan, plan};
use crate::lock::profile::{BreakBound, LeaseAssumption, Lifetime, Primitive, Renewed};
use crate::plan::Plan;
use crate::units::Nanos;
use lockstorm_reports::Invariant;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What the judge knows nothing of.
const NOT_JUDGED: [Invariant; 2] = [Invariant::NoDescriptorLeak, Invariant::HonestRefusal];

/// A second each: what the plan says, for those who make histories.
pub struct Setup {
    pub plan: Plan,
    pub clients: usize,
    pub lock: Kind,
    pub lifetime: Tick,
    pub slop: Tick,
    pub within: Tick,
    pub lease: Tick,
    pub grace: Tick,
    /// A question whether it is held renews the lock.
    pub is_held_renews: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A lifetime that the owner's calls renew, told by clocks that may differ.
    Clocked,
    /// The same, told by one clock.
    Timed,
    /// A lifetime that the lock renews itself; contenders watch it.
    Heartbeat,
    /// The kernel's, gone with the lease.
    Kernel,
    /// Neither a lifetime nor a kernel that frees it.
    Plain,
}

pub fn setup(rng: &mut ChaCha8Rng) -> Setup {
    let lock = match rng.random_range(0..20) {
        0..5 => Kind::Clocked,
        5..10 => Kind::Timed,
        10..12 => Kind::Heartbeat,
        12..17 => Kind::Kernel,
        _ => Kind::Plain,
    };
    let mut setup = Setup {
        plan: if lock == Kind::Kernel { kernel_plan() } else { plan() },
        clients: rng.random_range(2..=3),
        lock,
        lifetime: rng.random_range(3..=8),
        slop: rng.random_range(0..=4),
        within: rng.random_range(3..=4),
        lease: rng.random_range(3..=8) * 3,
        grace: rng.random_range(3..=12),
        is_held_renews: matches!(lock, Kind::Clocked | Kind::Timed) && rng.random_bool(0.3),
    };
    let plan = &mut setup.plan;
    plan.blueprint.nodes.truncate(1 + setup.clients);
    let server = &mut plan.blueprint.server;
    (server.lease_s, server.grace_s) = (setup.lease.into(), setup.grace.into());
    for promise in NOT_JUDGED {
        plan.profile.promises.remove(&promise);
    }
    describe(&mut setup);
    setup
}

/// Makes the profile that of the lock.
fn describe(setup: &mut Setup) {
    let seconds = |seconds: Tick| Nanos::from_secs(seconds.into());
    let (lock, profile) = (setup.lock, &mut setup.plan.profile);
    profile.assumes.clock_skew = (lock == Kind::Clocked).then_some(seconds(setup.slop));
    if matches!(lock, Kind::Clocked | Kind::Timed | Kind::Heartbeat) {
        let renewed = if lock == Kind::Heartbeat { Renewed::Itself } else { Renewed::ByCalls };
        let (default, least) = (seconds(setup.lifetime), seconds(1));
        profile.lifetime = Some(Lifetime { default, least, renewed });
        let (slop, within) = (seconds(setup.slop), seconds(setup.within));
        profile.break_bound = Some(BreakBound { slop, within, watched: lock == Kind::Heartbeat });
        return;
    }
    (profile.lifetime, profile.break_bound) = (None, None);
    profile.promises.remove(&Invariant::NoEarlyBreak);
    profile.promises.remove(&Invariant::BreakAfterLifetime);
    if lock == Kind::Kernel {
        profile.assumes.lease = Some(LeaseAssumption::Kept);
    } else {
        profile.primitive = Primitive::Create;
    }
}
