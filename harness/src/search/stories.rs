//! The stories that are searched where nobody names one.

use crate::lock::profile::{Profile, Renewed};
use crate::scenario::{CyclesSpec, Impatient, Scenario, WorkloadSpec};
use crate::units::{MILLISECOND, Nanos, NanosRange, SECOND};

/// How long a run without faults goes on: all have had their turns by then.
const TIME: Nanos = Nanos::from_secs(40);
/// Who waits for a lock that nobody may ever free gives up after this: by then it is certain that a
/// release has not freed it (`check::release_frees`).
pub const PATIENCE: Nanos = Nanos::from_secs(150);
/// Who waits asks anew after so long: when it got the lock is then known to that, and with it until
/// when it surely has it (`check::claims`).
const ANEW: Nanos = Nanos::from_secs(2);
/// An owner asks so often whether it holds: once before it goes, and not when it refreshes.
const ASKS: Nanos = Nanos(700 * MILLISECOND);
/// Half of them ask once, and come again.
const ONCE: Impatient = Impatient { share: 0.5, timeout: Nanos::ZERO };
/// Of a crowd, half give up while they wait.
const SOON: Impatient = Impatient { share: 0.5, timeout: Nanos(150 * MILLISECOND) };
/// More than are needed to see descriptors leak (`check::no_descriptor_leak`).
const ROUNDS: u32 = 45;
const ONCE_TIME: Nanos = Nanos::from_secs(100);
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
        timeout: anew(profile),
        impatient: Some(ONCE),
        refresh: renewed_by_calls(profile).then_some(Nanos(SECOND)),
        is_held: Some(ASKS),
        recover: true,
    });
    super::calm(scenario);
}

/// The stories in which faults strike.
pub struct Stories {
    pub turns: Scenario,
    /// For what takes long to show; `None`: the first.
    pub long: Option<Scenario>,
    /// For owners that are away until another has the lock; `None`: the first.
    pub away: Option<Scenario>,
    /// For clients that find nobody; `None`: the first.
    pub once: Option<Scenario>,
}

impl Stories {
    /// Those that go with one.
    pub fn around(turns: Scenario, profile: &Profile) -> Stories {
        let (long, away) = (long(&turns, profile), away(&turns, profile));
        Stories { long, away, once: Some(once(&turns)), turns }
    }

    /// One alone, that somebody has named.
    pub fn only(story: Scenario) -> Stories {
        Stories { turns: story, long: None, away: None, once: None }
    }
}

/// Those that are told beside it, and to which nothing happens.
pub fn others(scenario: &Scenario, profile: &Profile) -> Vec<Scenario> {
    let all =
        [Some(crowd(scenario, profile)), long(scenario, profile), overstay(scenario, profile)];
    all.into_iter().flatten().collect()
}

/// Many short rounds, far from the server: what needs many to be seen, or two at once.
fn crowd(scenario: &Scenario, profile: &Profile) -> Scenario {
    let range = |least, most| NanosRange { least: Nanos(least), most: Nanos(most) };
    let mut crowd = far(scenario, "crowd", "Four clients come again and again, half in haste.");
    crowd.site.clients = 4;
    crowd.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(ROUNDS),
        time: CROWD_TIME,
        hold: range(5 * MILLISECOND, 60 * MILLISECOND),
        think: range(0, 250 * MILLISECOND),
        timeout: anew(profile),
        impatient: Some(SOON),
        refresh: None,
        is_held: None,
        recover: true,
    });
    crowd
}

/// Whoever has the lock stays longer than a lifetime, if it can renew it, and nearly as long, if
/// not; `None` without a lifetime, or with one that takes too long.
fn long(scenario: &Scenario, profile: &Profile) -> Option<Scenario> {
    let (lifetime, renewed) = lifetime(scenario, profile)?;
    let parts = |tenths: u64| Nanos(lifetime / 10 * tenths);
    let hold = match renewed {
        Renewed::Never => NanosRange { least: parts(7), most: parts(9) },
        Renewed::ByCalls | Renewed::Itself => NanosRange { least: parts(11), most: parts(14) },
    };
    let refresh = (renewed == Renewed::ByCalls).then_some(parts(6));
    let about = "Three clients stay for as long as the lock allows.";
    // Whoever waits does so for longer than a lifetime.
    Some(stays(far(scenario, "long", about), hold, refresh, None))
}

/// Whoever has the lock stays until another has broken it by right, and renews or releases it too
/// late; `None` where it is renewed without its owner's doing.
fn overstay(scenario: &Scenario, profile: &Profile) -> Option<Scenario> {
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
    Some(stays(far(scenario, "overstay", about), hold, refresh, anew(profile)))
}

/// Each stays once, for so long that it would still be at work when another has the lock.
fn away(scenario: &Scenario, profile: &Profile) -> Option<Scenario> {
    let (lifetime, renewed) = lifetime(scenario, profile)?;
    let broken = lifetime.saturating_add(profile.break_bound.map_or(0, |bound| bound.slop.0));
    let after = |seconds: u64| Nanos(broken.saturating_add(seconds * SECOND));
    let hold = match renewed {
        // It would lose the lock without any fault.
        Renewed::Never => return None,
        Renewed::ByCalls | Renewed::Itself => NanosRange { least: after(8), most: after(10) },
    };
    let mut away = Scenario { name: "away".into(), ..scenario.clone() };
    away.about = "Three clients stay for long, once each.".into();
    away.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(1),
        time: Nanos(hold.most.0.saturating_mul(5)),
        hold,
        think: NanosRange { least: Nanos::ZERO, most: Nanos(SECOND) },
        timeout: anew(profile),
        impatient: None,
        refresh: renewed_by_calls(profile).then_some(Nanos(SECOND)),
        is_held: Some(ASKS),
        recover: true,
    });
    super::calm(&mut away);
    Some(away)
}

/// Whoever asks does not wait, and the lock is nobody's for most of the time.
fn once(scenario: &Scenario) -> Scenario {
    let range = |least, most| NanosRange { least: Nanos(least), most: Nanos(most) };
    let mut once = Scenario { name: "once".into(), ..scenario.clone() };
    once.about = "Three clients ask seldom, and do not wait.".into();
    once.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(2),
        time: ONCE_TIME,
        hold: range(300 * MILLISECOND, 600 * MILLISECOND),
        think: range(8 * SECOND, 24 * SECOND),
        timeout: Some(Nanos::ZERO),
        impatient: None,
        refresh: None,
        is_held: None,
        recover: true,
    });
    super::calm(&mut once);
    once
}

fn stays(
    mut scenario: Scenario,
    hold: NanosRange,
    refresh: Option<Nanos>,
    timeout: Option<Nanos>,
) -> Scenario {
    scenario.workload = WorkloadSpec::Cycles(CyclesSpec {
        rounds: Some(2),
        time: Nanos(hold.most.0.saturating_mul(8)),
        hold,
        think: NanosRange { least: Nanos(2 * SECOND), most: Nanos(3 * SECOND) },
        timeout,
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

/// How long an acquire waits.
fn anew(profile: &Profile) -> Option<Nanos> {
    let watched = profile.break_bound.is_some_and(|bound| bound.watched);
    match (profile.lifetime, is_freed(profile)) {
        // Who begins to ask anew would begin to watch anew.
        (Some(_), _) if !watched => Some(ANEW),
        (_, true) => None,
        (_, false) => Some(PATIENCE),
    }
}

/// Whether somebody frees the lock of a client that is gone; else all others wait in vain.
pub fn is_freed(profile: &Profile) -> bool {
    profile.lifetime.is_some() || profile.primitive.is_kernel_managed()
}
