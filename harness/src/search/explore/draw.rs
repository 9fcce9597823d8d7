//! A scenario at random, whatever a person could have written: what is drawn is in tables.

use super::faults::COUNTS;
use super::near::Constants;
use crate::lock::profile::{Profile, Renewed};
use crate::scenario::random::{BOUNDS, Bounds, Draw};
use crate::scenario::{CyclesSpec, Expect, LockSpec, Scenario, SiteSpec, WorkloadSpec};
use crate::search::named_by_content;
use crate::search::stories::is_freed;
use crate::search::sweep::makes_sense;
use crate::units::{MILLISECOND, Nanos, NanosRange, Rate, SECOND};
use std::ops::RangeInclusive;

/// What the parts that a soundness run has, too, are drawn within.
pub const WIDE: Bounds = Bounds {
    clients: 2..=6,
    faults: 0..=4,
    lasts: LASTS,
    late: MILLISECOND..=5 * SECOND,
    nearly: 0.2,
    unusual: 0.15,
    ..BOUNDS
};

/// How long faults last.
pub const LASTS: RangeInclusive<u64> = 50 * MILLISECOND..=150 * SECOND;

/// What scenarios of a search are called, before what tells them apart.
pub const NAME: &str = "explore";

const CLIENTS: &[(u8, u32)] = &[(2, 4), (3, 4), (4, 2), (5, 1), (6, 1)];
/// One-way delay of a frame, and its jitter.
const LATENCY: RangeInclusive<u64> = 20_000..=SECOND;
/// In kbit/s.
const BANDWIDTH: &[(u64, u32)] = &[(64, 1), (256, 1), (1_000, 2), (10_000, 2), (100_000, 2)];
/// The longest that the server may be told to keep what a client has (ns).
const LEASE: RangeInclusive<u64> = 10 * SECOND..=120 * SECOND;
const VERSIONS: &[(&str, u32)] = &[("3", 2), ("4.0", 2), ("4.1", 2), ("4.2", 4)];
/// Mount options of nfs(5) under which what programs are promised still holds. Not `soft`, whose
/// page calls it a cause of silent data corruption; nor `nocto`, which gives up close-to-open.
const OPTIONS: &[(&[&str], u32)] = &[
    (&[], 16),
    (&["noac"], 3),
    (&["actimeo=0"], 1),
    (&["actimeo=3"], 2),
    (&["actimeo=600"], 2),
    (&["acdirmin=0", "acdirmax=0"], 1),
    (&["lookupcache=none"], 3),
    (&["lookupcache=positive"], 2),
    (&["sync"], 1),
    (&["nosharecache"], 1),
    (&["timeo=50", "retrans=1"], 1),
    (&["rdirplus"], 1),
];
const THREADS: &[(u8, u32)] = &[(4, 6), (1, 2), (16, 1)];
const DISK: RangeInclusive<u64> = 50_000..=500 * MILLISECOND;

/// How long clients begin new rounds.
const TIME: RangeInclusive<u64> = 15 * SECOND..=120 * SECOND;
const ROUNDS: &[(Option<u32>, u32)] =
    &[(None, 4), (Some(1), 1), (Some(2), 2), (Some(3), 2), (Some(6), 1)];
const HOLD: RangeInclusive<u64> = 5 * MILLISECOND..=60 * SECOND;
const THINK: RangeInclusive<u64> = 10 * MILLISECOND..=30 * SECOND;
/// Of clients that do not wait for the lock: a shorter time would be nothing but asking.
const THINK_IN_VAIN: RangeInclusive<u64> = 300 * MILLISECOND..=30 * SECOND;
const TIMEOUT: RangeInclusive<u64> = 50 * MILLISECOND..=60 * SECOND;
/// How a client asks for its lock.
const ASKS: &[(Asks, u32)] = &[(Asks::ForEver, 5), (Asks::Once, 2), (Asks::ForATime, 3)];
const REFRESH: RangeInclusive<u64> = 50 * MILLISECOND..=60 * SECOND;
const IS_HELD: RangeInclusive<u64> = 100 * MILLISECOND..=20 * SECOND;

#[derive(Clone, Copy)]
enum Asks {
    /// For a time where nobody may ever free it.
    ForEver,
    /// It does not wait.
    Once,
    ForATime,
}

/// So often it is tried to draw what makes sense.
const TRIES: u32 = 50;

/// A scenario of this seed for a lock.
pub fn scenario(seed: u64, profile: &Profile) -> Scenario {
    let drawn = (0..TRIES).find_map(|attempt| {
        let mut draw = Draw::new(seed, &format!("explore/{attempt}"), profile, &WIDE);
        let scenario = draw.explored();
        makes_sense(&scenario, profile).then_some(scenario)
    });
    // What is drawn last is the lock's own story without anything else, which always makes sense.
    drawn.unwrap_or_else(|| named(blank(profile)))
}

/// Under its name.
pub fn named(scenario: Scenario) -> Scenario {
    named_by_content(scenario, NAME)
}

/// Everything as it is when nobody says anything, and everybody comes to an end.
fn blank(profile: &Profile) -> Scenario {
    let mut lock =
        LockSpec { name: profile.name.clone(), lifetime: None, options: Default::default() };
    lock.fill_in(profile);
    Scenario {
        name: NAME.into(),
        about: "Made by `lockstorm explore`.".into(),
        site: SiteSpec::default(),
        lock,
        workload: WorkloadSpec::Cycles(CyclesSpec { recover: true, ..CyclesSpec::default() }),
        faults: Vec::new(),
        expect: Expect::default(),
        reseed: None,
        known_bug: None,
    }
}

impl Draw<'_> {
    fn explored(&mut self) -> Scenario {
        let mut scenario = blank(self.profile);
        scenario.site = self.wide_site();
        scenario.lock.lifetime = self.wide_lifetime().or(scenario.lock.lifetime);
        let constants = Constants::of(&scenario, self.profile);
        let cycles = self.wide_cycles(&constants);
        scenario.workload = WorkloadSpec::Cycles(self.perhaps_impatient(cycles));
        for _ in 0..self.pick(COUNTS) {
            self.add_fault(&mut scenario);
        }
        named(scenario)
    }

    pub(super) fn wide_site(&mut self) -> SiteSpec {
        let mut site = SiteSpec { clients: self.pick(CLIENTS), ..SiteSpec::default() };
        if self.chance(0.6) {
            site.wire.latency = match self.chance(0.5) {
                true => self.range(&LATENCY),
                false => {
                    let always = self.time(&LATENCY);
                    NanosRange { least: always, most: always }
                }
            };
        }
        if self.chance(0.1) {
            let rate = Rate(self.pick(BANDWIDTH) * 1_000);
            site.wire.bandwidth = Some(rate);
            // What takes longer than some seconds to send is refused.
            site.wire.queue.0 = site.wire.queue.0.min(rate.0 / 8);
            site.wire.queue.0 = site.wire.queue.0.max(16 << 10) / 1024 * 1024;
        }
        let whole = |time: Nanos| Nanos::from_secs(time.0 / SECOND);
        if self.chance(0.5) {
            site.server.lease = whole(self.time(&LEASE));
            site.server.grace = whole(self.time(&LEASE));
        }
        let known = &self.profile.assumes.nfs;
        let fits = |version: &str| known.is_empty() || known.iter().any(|one| one == version);
        let versions: Vec<(&str, u32)> =
            VERSIONS.iter().copied().filter(|(version, _)| fits(version)).collect();
        if !versions.is_empty() {
            site.nfs.version = self.pick(&versions).into();
        }
        site.nfs.options = self.pick(OPTIONS).iter().map(|option| (*option).to_owned()).collect();
        site.server.delegations = self.chance(0.75);
        site.server.threads = self.pick(THREADS);
        if self.chance(0.2) {
            site.disk.latency = self.time(&DISK);
            site.disk.flush = self.time(&DISK);
        }
        self.perhaps_unusual(site)
    }

    /// Of a lock that has one; its own as often as not.
    pub(super) fn wide_lifetime(&mut self) -> Option<Nanos> {
        let known = self.profile.lifetime?;
        let most =
            known.default.0.saturating_mul(2).clamp(known.least.0, 60 * SECOND.max(known.least.0));
        self.chance(0.5).then(|| self.time(&(known.least.0..=most)))
    }

    pub(super) fn wide_cycles(&mut self, constants: &Constants) -> CyclesSpec {
        let timeout = match self.pick(ASKS) {
            Asks::ForEver if is_freed(self.profile) => None,
            Asks::Once => Some(Nanos::ZERO),
            Asks::ForEver | Asks::ForATime => Some(self.telling(constants, &TIMEOUT)),
        };
        let in_vain = timeout.is_some_and(|timeout| timeout.0 < *THINK_IN_VAIN.start());
        let think = if in_vain { THINK_IN_VAIN } else { THINK };
        let by_calls = self.profile.lifetime.is_some_and(|known| known.renewed == Renewed::ByCalls);
        CyclesSpec {
            rounds: self.pick(ROUNDS),
            time: self.time(&TIME),
            hold: self.telling_range(constants, &HOLD),
            think: self.telling_range(constants, &think),
            timeout,
            impatient: None,
            refresh: (by_calls && self.chance(0.5)).then(|| self.telling(constants, &REFRESH)),
            is_held: self.chance(0.3).then(|| self.telling(constants, &IS_HELD)),
            recover: true,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::fault::Strike;
    use crate::source::Source;
    use std::collections::BTreeSet;
    use std::path::Path;

    pub fn profile(name: &str) -> Profile {
        let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../containers/locks");
        Profile::load(&locks.join(name)).unwrap()
    }

    pub const LOCKS: [&str; 5] = ["link", "fcntl", "flufl.lock", "filelock-soft", "dotlockfile"];

    pub fn expect_sound(scenario: &Scenario, profile: &Profile) {
        assert!(makes_sense(scenario, profile), "{scenario:?}");
        assert!(scenario.faults.iter().all(|fault| fault.may_miss), "{scenario:?}");
        let mut lock = scenario.lock.clone();
        lock.fill_in(profile);
        assert_eq!(lock, scenario.lock, "the lock has all that its profile says");
        let WorkloadSpec::Cycles(cycles) = &scenario.workload else { panic!("{scenario:?}") };
        assert!(cycles.recover);
        assert!(is_freed(profile) || cycles.timeout.is_some(), "who waits, waits in vain");
        let yaml = serde_yaml::to_string(scenario).unwrap();
        let source = Source::from_bytes("explore.yaml", yaml.into()).unwrap();
        let loaded = crate::scenario::load::load_source(source, &Default::default());
        assert_eq!(loaded.unwrap().scenario, *scenario);
    }

    #[test]
    fn every_drawn_scenario_makes_sense_and_reads_back_from_yaml() {
        for name in LOCKS {
            let profile = profile(name);
            for seed in 0..300 {
                expect_sound(&scenario(seed, &profile), &profile);
            }
        }
    }

    #[test]
    fn hardly_one_is_without_what_was_drawn() {
        let profile = profile("link");
        let blank = named(blank(&profile));
        assert!((0..300).all(|seed| scenario(seed, &profile) != blank));
    }

    #[test]
    fn every_fault_every_trigger_and_every_version_is_drawn() {
        let profile = profile("flufl.lock");
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for seed in 0..1_500 {
            let scenario = scenario(seed, &profile);
            seen.insert(scenario.site.nfs.version.clone());
            seen.insert(format!("{} clients", scenario.site.clients));
            for fault in &scenario.faults {
                seen.insert(fault.strike.kind().into());
                let trigger = serde_json::to_value(&fault.when).unwrap();
                let kind = trigger.as_object().and_then(|map| map.keys().next().cloned());
                seen.insert(format!("when {}", kind.unwrap()));
            }
        }
        let triggers = super::super::faults::TRIGGERS.iter();
        let expected = Strike::KINDS.iter().map(|kind| (*kind).to_owned());
        let expected = expected.chain(triggers.map(|(kind, _)| format!("when {kind}")));
        let expected = expected.chain(VERSIONS.iter().map(|(version, _)| (*version).into()));
        let expected = expected.chain((2..=6).map(|clients| format!("{clients} clients")));
        for what in expected {
            assert!(seen.contains(&what), "{what} is never drawn: {seen:?}");
        }
    }

    #[test]
    fn a_seed_keeps_its_meaning() {
        let drawn = [1, 2, 3].map(|seed| scenario(seed, &profile("flufl.lock")));
        insta::assert_snapshot!(serde_yaml::to_string(&drawn).unwrap());
    }
}
