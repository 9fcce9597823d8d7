//! Random scenarios: any mixture of faults, on any site and workload within bounds.
//!
//! The same seed, lock and bounds give the same scenario. Every fault may miss, and the workload
//! goes on until everybody is done, so that a run of such a scenario proves something.

mod errno;
mod script;
mod strikes;
mod unusual;

pub use errno::own_calls;

use super::{CyclesSpec, Expect, Impatient, LockSpec, Scenario, SiteSpec, WorkloadSpec};
use crate::fault::hold::Hold;
use crate::fault::lose::Lose;
use crate::fault::refuse::{self, Refuse};
use crate::fault::trigger::OTHER;
use crate::fault::{CALLER, FaultSpec, OWNER, Passes, Phase, Section, Situation, Strike, Trigger};
use crate::lock::profile::{Profile, Renewed};
use crate::seeds;
use crate::site::{ClientId, SERVER_NAME};
use crate::units::{MILLISECOND, Nanos, NanosRange, SECOND};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::ops::RangeInclusive;

/// What a random scenario keeps within. Times are in nanoseconds; those that span orders of
/// magnitude are drawn so that each order is as likely as another.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub clients: RangeInclusive<u8>,
    /// One-way delay of a frame.
    pub latency: RangeInclusive<u64>,
    /// NFSv4 lease and grace time, in seconds.
    pub lease_s: RangeInclusive<u64>,
    pub versions: &'static [&'static str],
    /// How long new rounds are begun.
    pub time_s: RangeInclusive<u64>,
    pub hold: RangeInclusive<u64>,
    pub think: RangeInclusive<u64>,
    /// Of locks that have one; never less than what the lock allows.
    pub lifetime: RangeInclusive<u64>,
    /// An owner refreshes its lock after so many lifetimes at most: after more than one, it comes
    /// late.
    pub refreshed_within: u64,
    /// The share of scenarios that are scripts, 0 to 1, and how many steps they have, beside those
    /// that end what is left of them.
    pub scripts: f64,
    pub steps: RangeInclusive<usize>,
    pub faults: RangeInclusive<u32>,
    pub lasts: RangeInclusive<u64>,
    /// The longest delay that one fault of a link can add.
    pub late: RangeInclusive<u64>,
    /// The nth critical section at which a fault may strike.
    pub section: RangeInclusive<u32>,
    /// The share of clock faults, 0 to 1, that alone are within what the lock assumes, and with
    /// others perhaps not.
    pub nearly: f64,
    /// The share of faults, 0 to 1, that wait for a call of NFS, or its reply.
    pub calls: f64,
    /// The nth such one.
    pub nth: RangeInclusive<u32>,
    /// How likely each kind of fault is, of the sum of all.
    pub weights: Weights,
    /// The share of scenarios, 0 to 1, that have faults of the newer kinds beside the others, and
    /// how likely each of these is. They are drawn by themselves, so that a seed keeps what it had
    /// before there were any.
    pub newer: f64,
    pub newer_weights: Weights,
    /// The share of sites, 0 to 1, on which something is as it should not be from the begin on.
    pub unusual: f64,
}

/// Kinds of faults, and how likely each is.
pub type Weights = &'static [(&'static str, u32)];

/// Of a run that takes seconds on real kernels.
pub const BOUNDS: Bounds = Bounds {
    clients: 2..=4,
    latency: 50_000..=20 * MILLISECOND,
    lease_s: 10..=45,
    versions: &["4.0", "4.1", "4.2"],
    time_s: 30..=75,
    hold: 20 * MILLISECOND..=8 * SECOND,
    think: MILLISECOND..=2 * SECOND,
    lifetime: 2 * SECOND..=30 * SECOND,
    refreshed_within: 1,
    scripts: 0.0,
    steps: 5..=25,
    faults: 1..=5,
    lasts: 200 * MILLISECOND..=50 * SECOND,
    late: MILLISECOND..=2 * SECOND,
    section: 1..=12,
    nearly: 0.0,
    calls: 0.0,
    nth: 1..=30,
    weights: &[("cut", 3), ("crash", 2), ("clock", 2), ("impair", 3)],
    newer: 0.4,
    newer_weights: &[
        ("partition", 3),
        ("pause", 3),
        ("kill", 2),
        ("stop", 2),
        ("reset", 2),
        ("impair", 3),
        ("disk", 2),
        ("nfsd", 2),
        ("errno", 3),
        ("slow", 1),
        ("clock", 1),
        ("crash", 1),
    ],
    unusual: 0.15,
};

/// A scenario of this seed for a lock.
pub fn scenario(seed: u64, profile: &Profile, bounds: &Bounds) -> Scenario {
    let draw = |name: &str| Draw::new(seed, name, profile, bounds);
    let scenario = draw("random").scenario(seed);
    // Of another stream, so that there may be scripts and the others stay as they are.
    let mut draw = draw("random/script");
    match draw.chance(bounds.scripts) {
        false => scenario,
        true => {
            let script = script::script(scenario.site.clients, scenario.lock.lifetime, &mut draw);
            let workload = WorkloadSpec::Script(script);
            Scenario { workload, faults: Vec::new(), ..scenario }
        }
    }
}

/// The clock skew of a lock that assumes none of its own (ns).
const SKEW: u64 = 10 * SECOND;
/// Of a clock that is to stay within what any lock assumes (ppm).
const SLOW_DRIFT: i64 = 400;

/// The operations by which locks are made, kept, looked at and given up, in every version of NFSv4.
pub const OPERATIONS: &[&str] = &[
    "OPEN", "CREATE", "LINK", "RENAME", "REMOVE", "LOCK", "LOCKU", "CLOSE", "SETATTR", "GETATTR",
    "LOOKUP", "WRITE", "READ",
];

/// What draws the parts of scenarios for a lock, within bounds. The search draws by it, too.
pub struct Draw<'a> {
    rng: ChaCha8Rng,
    /// What faults of the newer kinds are drawn from.
    newer: ChaCha8Rng,
    bounds: &'a Bounds,
    pub profile: &'a Profile,
}

impl<'a> Draw<'a> {
    /// What the stream of this name draws.
    pub fn new(seed: u64, stream: &str, profile: &'a Profile, bounds: &'a Bounds) -> Draw<'a> {
        let of = |stream: &str| {
            seeds::generator(seeds::derive(seed, &format!("{stream}/{}", profile.name)))
        };
        Draw { rng: of(stream), newer: of("random/newer"), bounds, profile }
    }
}

impl Draw<'_> {
    fn scenario(&mut self, seed: u64) -> Scenario {
        let (bounds, profile) = (self.bounds, self.profile);
        let clients = self.within(&bounds.clients);
        let time = Nanos::from_secs(self.within(&bounds.time_s));
        let lifetime = self.lifetime();
        let renewed_within = lifetime.or(profile.lifetime.map(|known| known.default));
        let count = self.within(&bounds.faults);
        let site = self.site(clients);
        let cycles = self.cycles(time, renewed_within);
        let mut faults: Vec<_> = (0..count).map(|_| self.fault(time, clients)).collect();
        faults.extend(self.newer_faults(time, clients));
        let site = self.perhaps_unusual(site);
        let cycles = self.perhaps_impatient(cycles);
        let faults = faults.into_iter().map(|fault| self.perhaps_until(fault)).collect();
        Scenario {
            name: format!("random-{seed}"),
            about: "A random mixture of faults.".into(),
            site,
            lock: LockSpec { name: profile.name.clone(), lifetime, options: Default::default() },
            workload: WorkloadSpec::Cycles(cycles),
            faults,
            expect: Expect::default(),
            reseed: None,
            known_bug: None,
        }
    }

    pub fn within<T>(&mut self, range: &RangeInclusive<T>) -> T
    where
        T: rand::distr::uniform::SampleUniform + PartialOrd + Clone,
    {
        self.rng.random_range(range.clone())
    }

    /// Whole milliseconds, or microseconds of short ones; each order of magnitude is as likely.
    pub fn time(&mut self, range: &RangeInclusive<u64>) -> Nanos {
        let (least, most) = (*range.start() as f64, *range.end() as f64);
        let drawn = least * (most / least).powf(self.rng.random::<f64>());
        let unit = if drawn < 10.0 * MILLISECOND as f64 { 1_000 } else { MILLISECOND };
        let whole = (drawn as u64) / unit * unit;
        Nanos(whole.clamp(*range.start(), *range.end()))
    }

    pub fn range(&mut self, range: &RangeInclusive<u64>) -> NanosRange {
        let (one, two) = (self.time(range), self.time(range));
        NanosRange { least: one.min(two), most: one.max(two) }
    }

    pub fn chance(&mut self, share: f64) -> bool {
        self.rng.random::<f64>() < share
    }

    pub fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.rng.random_range(0..all.len())]
    }

    /// A lifetime that a run is long enough for; the lock's own where that is so long that nobody
    /// would choose it so short.
    fn lifetime(&mut self) -> Option<Nanos> {
        let (least, most) = self.bounds.lifetime.clone().into_inner();
        let known = self.profile.lifetime?;
        let least = known.least.0.max(least);
        (known.default.0 <= most && self.chance(0.7)).then(|| self.time(&(least..=most)))
    }

    fn site(&mut self, clients: u8) -> SiteSpec {
        let mut site = SiteSpec { clients, ..SiteSpec::default() };
        site.wire.latency = match self.chance(0.5) {
            true => site.wire.latency,
            false => self.range(&self.bounds.latency),
        };
        site.server.lease = Nanos::from_secs(self.within(&self.bounds.lease_s));
        site.server.grace = Nanos::from_secs(self.within(&self.bounds.lease_s));
        let known = &self.profile.assumes.nfs;
        let versions: Vec<&str> = (self.bounds.versions.iter().copied())
            .filter(|version| known.is_empty() || known.iter().any(|known| known == version))
            .collect();
        if self.chance(0.5) && !versions.is_empty() {
            site.nfs.version = (*self.one_of(&versions)).into();
        }
        site
    }

    /// `lifetime` is the lock's, if it has one.
    fn cycles(&mut self, time: Nanos, lifetime: Option<Nanos>) -> CyclesSpec {
        let timeout = match self.rng.random_range(0..10) {
            0..6 => None,
            6 => Some(Nanos::ZERO),
            _ => Some(self.time(&(500 * MILLISECOND..=30 * SECOND))),
        };
        let renewed = self.profile.lifetime.map(|known| known.renewed);
        let refresh = match (renewed, lifetime) {
            (Some(Renewed::ByCalls), Some(lifetime)) if self.chance(0.4) => {
                Some(self.time(&(lifetime.0 / 8..=lifetime.0 * self.bounds.refreshed_within)))
            }
            _ => None,
        };
        CyclesSpec {
            rounds: None,
            time,
            hold: self.range(&self.bounds.hold),
            think: self.range(&self.bounds.think),
            timeout,
            impatient: None,
            refresh,
            is_held: self.chance(0.3).then(|| self.time(&(300 * MILLISECOND..=8 * SECOND))),
            recover: true,
        }
    }

    fn fault(&mut self, time: Nanos, clients: u8) -> FaultSpec {
        // Where no fault does, nothing is drawn for it, so that the others stay as they are.
        if self.bounds.calls > 0.0 && self.chance(self.bounds.calls) {
            return self.fault_at_a_call(clients);
        }
        self.fault_with(time, clients, |draw| {
            let (kind, node) = (draw.kind(draw.bounds.weights), draw.node(clients));
            draw.strike_of(kind, node)
        })
    }

    /// Faults of the newer kinds, drawn so that nothing else is drawn otherwise because of them.
    fn newer_faults(&mut self, time: Nanos, clients: u8) -> Vec<FaultSpec> {
        self.apart(|draw| {
            if !draw.chance(draw.bounds.newer) {
                return Vec::new();
            }
            let count = draw.within(&(1..=2));
            let strike = |draw: &mut Self| {
                let node = draw.node(clients);
                draw.newer_strike(node, clients)
            };
            (0..count).map(|_| draw.fault_with(time, clients, strike)).collect()
        })
    }

    /// A fault of a newer kind instead of another, now and then.
    fn perhaps_newer(&mut self, node: &str, clients: u8) -> Option<Strike> {
        self.apart(|draw| {
            let newer = draw.chance(draw.bounds.newer);
            newer.then(|| draw.newer_strike(node.to_owned(), clients))
        })
    }

    /// Some acquires give up soon.
    pub fn perhaps_impatient(&mut self, cycles: CyclesSpec) -> CyclesSpec {
        self.apart(|draw| {
            let impatient = draw.chance(0.15).then(|| Impatient {
                share: f64::from(draw.within(&(1..=9_u8))) / 10.0,
                timeout: match draw.chance(0.5) {
                    true => Nanos::ZERO,
                    false => draw.time(&(10 * MILLISECOND..=3 * SECOND)),
                },
            });
            CyclesSpec { impatient, ..cycles }
        })
    }

    /// A fault that would last for a time ends as soon as another client is inside.
    pub fn perhaps_until(&mut self, fault: FaultSpec) -> FaultSpec {
        self.apart(|draw| {
            let until = (fault.lasts.is_some() && draw.chance(0.1)).then(|| Situation {
                inside: vec![OTHER.into()],
                waiting: Vec::new(),
                after: draw.time(&(MILLISECOND..=2 * SECOND)),
            });
            FaultSpec { until, ..fault }
        })
    }

    /// Draws from the newer kinds' own generator.
    fn apart<T>(&mut self, draws: impl FnOnce(&mut Self) -> T) -> T {
        std::mem::swap(&mut self.rng, &mut self.newer);
        let drawn = draws(self);
        std::mem::swap(&mut self.rng, &mut self.newer);
        drawn
    }

    fn fault_with(
        &mut self,
        time: Nanos,
        clients: u8,
        strike: impl FnOnce(&mut Self) -> Strike,
    ) -> FaultSpec {
        let section = |draw: &mut Self| Section {
            count: draw.within(&draw.bounds.section),
            client: draw.chance(0.3).then(|| draw.client(clients)),
            after: match draw.chance(0.5) {
                true => Nanos::ZERO,
                false => draw.time(&(MILLISECOND..=4 * SECOND)),
            },
        };
        let when = match self.rng.random_range(0..4) {
            0 | 1 => {
                Trigger::At(Nanos(self.rng.random_range(0..time.0) / MILLISECOND * MILLISECOND))
            }
            2 => Trigger::Entered(section(self)),
            _ => Trigger::Left(section(self)),
        };
        let lasts = self.time(&self.bounds.lasts);
        FaultSpec {
            when,
            strike: strike(self),
            lasts: self.chance(0.9).then_some(lasts),
            until: None,
            may_miss: true,
        }
    }

    fn fault_at_a_call(&mut self, clients: u8) -> FaultSpec {
        let refused = self.chance(0.2);
        let operations = if refused { refuse::OPERATIONS } else { OPERATIONS };
        let phase = *self.one_of(&[Phase::Call, Phase::Reply]);
        let passes = Passes {
            op: (*self.one_of(operations)).into(),
            phase: if refused { Phase::Call } else { phase },
            from: self.chance(0.3).then(|| self.client(clients)),
            path: None,
            status: None,
            nth: self.within(&self.bounds.nth),
            after: Nanos::ZERO,
        };
        let late = self.time(&self.bounds.lasts);
        let strike = match self.rng.random_range(0..3) {
            _ if refused => Strike::Refuse(self.refusal(&passes.op)),
            0 => Strike::Lose(Lose {}),
            1 => Strike::Hold(Hold { late }),
            _ => {
                let (kind, at_caller) = (self.kind(self.bounds.weights), self.chance(0.5));
                let node = if at_caller { CALLER } else { SERVER_NAME };
                self.strike_of(kind, node.into())
            }
        };
        let lasts = (!strike.fault().needs_message()).then_some(late);
        FaultSpec { when: Trigger::Rpc(passes), strike, lasts, until: None, may_miss: true }
    }

    /// An error in answer to an operation.
    pub fn refusal(&mut self, op: &str) -> Refuse {
        let refuse = Refuse { with: (*self.one_of(refuse::ERRORS)).into() };
        match refuse.means_an_error_of(op) {
            true => refuse,
            false => Refuse { with: "NFS4ERR_IO".into() },
        }
    }

    /// One of so many clients, by its name.
    pub fn client(&mut self, clients: u8) -> String {
        let number = self.within(&(1..=clients));
        ClientId::at(usize::from(number) - 1).to_string()
    }

    pub fn node(&mut self, clients: u8) -> String {
        match self.rng.random_range(0..10) {
            0..4 => OWNER.to_owned(),
            4..7 => SERVER_NAME.into(),
            _ => self.client(clients),
        }
    }

    fn kind(&mut self, weights: Weights) -> &'static str {
        self.pick(weights)
    }

    /// One of a table that is not empty, each as likely as its weight says.
    pub fn pick<T: Copy>(&mut self, table: &[(T, u32)]) -> T {
        let sum: u32 = table.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.rng.random_range(0..sum);
        let picked = table.iter().position(|(_, weight)| {
            let is_it = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            is_it
        });
        table[picked.unwrap_or(0)].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::script::Step;
    use crate::scenario::validate;
    use crate::source::Source;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn profile(name: &str) -> Profile {
        let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../containers/locks");
        Profile::load(&locks.join(name)).unwrap()
    }

    #[test]
    fn every_random_scenario_makes_sense_and_reads_back_from_yaml() {
        for name in ["good-lifetime", "fcntl", "dotlockfile", "filelock-soft-rw"] {
            let profile = profile(name);
            let calls = Bounds { calls: 0.5, ..BOUNDS };
            for seed in 0..500 {
                let bounds = if seed % 2 == 0 { &BOUNDS } else { &calls };
                let scenario = scenario(seed, &profile, bounds);
                let problems = validate::scenario(&scenario);
                let more = validate::against_profile(&scenario, &profile);
                assert!(problems.is_empty() && more.is_empty(), "{problems:?} {more:?}");
                let yaml = serde_yaml::to_string(&scenario).unwrap();
                let source = Source::from_bytes("random.yaml", yaml.into()).unwrap();
                let loaded = crate::scenario::load::load_source(source, &Default::default());
                assert_eq!(loaded.unwrap().scenario, scenario);
            }
        }
    }

    #[test]
    fn every_random_script_makes_sense_and_has_every_kind_of_step() {
        let profile = profile("good-lifetime");
        let bounds = Bounds { scripts: 1.0, ..BOUNDS };
        let mut steps = BTreeSet::new();
        for seed in 0..2000 {
            let scenario = scenario(seed, &profile, &bounds);
            let problems = validate::scenario(&scenario);
            assert!(problems.is_empty(), "{problems:?}");
            let yaml = serde_yaml::to_string(&scenario).unwrap();
            assert_eq!(serde_yaml::from_str::<Scenario>(&yaml).unwrap(), scenario);
            let WorkloadSpec::Script(script) = &scenario.workload else { panic!("{yaml}") };
            steps.extend(script.iter().map(|step| match step {
                Step::Call { expect, .. } => format!("call, expects: {}", expect.is_some()),
                Step::Await { .. } => "await".into(),
                Step::Strike(strike) => strike.kind().into(),
                Step::End { kind, .. } => format!("end {kind}"),
                Step::Pass(_) => "pass".into(),
            }));
        }
        let kinds = BOUNDS.weights.iter().chain(BOUNDS.newer_weights);
        let kinds: BTreeSet<&str> = kinds.map(|(kind, _)| *kind).collect();
        assert_eq!(steps.len(), 4 + 2 * kinds.len(), "{steps:?}");
    }

    #[test]
    fn every_kind_of_fault_has_its_weight() {
        let all = BOUNDS.weights.iter().chain(BOUNDS.newer_weights);
        let mut drawn: BTreeSet<&str> = all.map(|(kind, _)| *kind).collect();
        let bounds = Bounds { calls: 1.0, ..BOUNDS };
        for seed in 0..50 {
            let scenario = scenario(seed, &profile("fcntl"), &bounds);
            drawn.extend(scenario.faults.iter().map(|fault| fault.strike.kind()));
        }
        assert_eq!(drawn, Strike::KINDS.iter().copied().collect());
    }

    #[test]
    fn a_seed_keeps_its_meaning() {
        let scenario = scenario(1, &profile("good-lifetime"), &BOUNDS);
        insta::assert_snapshot!(serde_yaml::to_string(&scenario).unwrap());
    }
}
