//! The stories that are searched where nobody names one.

use crate::lock::profile::{Profile, Renewed};
use crate::scenario::{CyclesSpec, Impatient, Scenario, WorkloadSpec};
use crate::units::{MILLISECOND, Nanos, NanosRange, SECOND};

/// How long a run without faults goes on: all have had their turns by then.
const TIME: Nanos = Nanos::from_secs(40);
/// Who waits for a lock that nobody may ever free gives up after this: by then it is certain that a
/// release has not freed it (`check::release_frees`).
pub const PATIENCE: Nanos = Nanos::from_secs(150);
/// An owner asks so often whether it holds: once before it goes, and not when it refreshes.
const ASKS: Nanos = Nanos(700 * MILLISECOND);
/// Some ask once, and come again.
const ONCE: Impatient = Impatient { share: 0.3, timeout: Nanos::ZERO };
/// Of a crowd, half give up while they wait.
const SOON: Impatient = Impatient { share: 0.5, timeout: Nanos(150 * MILLISECOND) };
/// More than are needed to see descriptors leak (`check::no_descriptor_leak`).
const ROUNDS: u32 = 45;
const CROWD_TIME: Nanos = Nanos::from_secs(90);
/// A wire on which one sees what another has begun and not ended.
const FAR: NanosRange = NanosRange { least: Nanos(2 * MILLISECOND), most: Nanos(25 * MILLISECOND) };
/// Longer lifetimes are not waited for.
const LIFETIME_MOST: u64 = 60 * SECOND;

/// Short, and with all that a lock does in it. Whoever comes first finds nobody, the others wait,
/// or ask once; each comes twice, and stays long enough to renew its lock.
pub fn turns(scenario: &mut Scenario, profile: &Profile) {
    let range = |least, most| NanosRange { least: Nanos(least), most: Nanos(most) };
    scenario.about = "Three clients take turns, twice each.".into();
    scenario.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(2),
        time: TIME,
        hold: range(1_200 * MILLISECOND, 1_800 * MILLISECOND),
        // Long enough that who has met a fault is well again when it asks anew.
        think: range(2 * SECOND, 3 * SECOND),
        timeout: patience(profile),
        impatient: Some(ONCE),
        refresh: renewed_by_calls(profile).then_some(Nanos(SECOND)),
        is_held: Some(ASKS),
        recover: true,
    });
    super::calm(scenario);
}

/// Many short rounds, far from the server: what needs many to be seen, or two at once.
pub fn crowd(scenario: &Scenario, profile: &Profile) -> Scenario {
    let range = |least, most| NanosRange { least: Nanos(least), most: Nanos(most) };
    let mut crowd = far(scenario, "crowd", "Four clients come again and again, half in haste.");
    crowd.site.clients = 4;
    crowd.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(ROUNDS),
        time: CROWD_TIME,
        hold: range(5 * MILLISECOND, 60 * MILLISECOND),
        think: range(0, 250 * MILLISECOND),
        timeout: patience(profile),
        impatient: Some(SOON),
        refresh: None,
        is_held: None,
        recover: true,
    });
    crowd
}

/// Whoever has the lock stays longer than a lifetime, if it can renew it, and nearly as long, if
/// not; `None` without a lifetime, or with one that takes too long.
pub fn long(scenario: &Scenario, profile: &Profile) -> Option<Scenario> {
    let (lifetime, renewed) = lifetime(scenario, profile)?;
    let parts = |tenths: u64| Nanos(lifetime / 10 * tenths);
    let hold = match renewed {
        Renewed::Never => NanosRange { least: parts(7), most: parts(9) },
        Renewed::ByCalls | Renewed::Itself => NanosRange { least: parts(11), most: parts(14) },
    };
    let refresh = (renewed == Renewed::ByCalls).then_some(parts(6));
    let about = "Three clients stay for as long as the lock allows.";
    Some(stays(far(scenario, "long", about), hold, refresh, profile))
}

/// Whoever has the lock stays until another has broken it by right, and renews or releases it too
/// late; `None` where it is renewed without its owner's doing.
pub fn overstay(scenario: &Scenario, profile: &Profile) -> Option<Scenario> {
    let (lifetime, renewed) = lifetime(scenario, profile)?;
    if renewed == Renewed::Itself {
        return None;
    }
    let broken = lifetime.saturating_add(profile.break_bound.map_or(0, |bound| bound.slop.0));
    let after = |seconds: u64| Nanos(broken.saturating_add(seconds * SECOND));
    // Some go before they renew it: whoever is told that it has lost the lock does not release it.
    let refresh = (renewed == Renewed::ByCalls).then_some(after(7));
    let hold = NanosRange { least: after(3), most: after(11) };
    let about = "Owners stay until they have lost the lock to another.";
    Some(stays(far(scenario, "overstay", about), hold, refresh, profile))
}

fn stays(
    mut scenario: Scenario,
    hold: NanosRange,
    refresh: Option<Nanos>,
    profile: &Profile,
) -> Scenario {
    scenario.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(2),
        time: Nanos(hold.most.0.saturating_mul(8)),
        hold,
        think: NanosRange { least: Nanos(2 * SECOND), most: Nanos(3 * SECOND) },
        timeout: patience(profile),
        impatient: None,
        refresh,
        is_held: None,
        recover: true,
    });
    scenario
}

/// The same site with a longer wire.
fn far(scenario: &Scenario, what: &str, about: &str) -> Scenario {
    let mut far = Scenario { name: what.into(), about: about.into(), ..scenario.clone() };
    far.site.wire.latency = FAR;
    super::calm(&mut far);
    far
}

/// How long the lock lives (ns), if it does not live too long to be waited for.
fn lifetime(scenario: &Scenario, profile: &Profile) -> Option<(u64, Renewed)> {
    let known = profile.lifetime?;
    let lifetime = scenario.lock.lifetime.unwrap_or(known.default).0;
    (lifetime <= LIFETIME_MOST).then_some((lifetime, known.renewed))
}

fn renewed_by_calls(profile: &Profile) -> bool {
    profile.lifetime.is_some_and(|known| known.renewed == Renewed::ByCalls)
}

fn patience(profile: &Profile) -> Option<Nanos> {
    (!is_freed(profile)).then_some(PATIENCE)
}

/// Whether somebody frees the lock of a client that is gone; else all others wait in vain.
pub fn is_freed(profile: &Profile) -> bool {
    profile.lifetime.is_some() || profile.primitive.is_kernel_managed()
}
