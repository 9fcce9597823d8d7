//! What the simulated locks promise and assume, as a profile says it.

use super::{Kind, Lock};
use crate::fault::clock::DRIFT_MAX_PPM;
use crate::lock::layer::{Install, Layer};
use crate::lock::profile::{
    Assumptions, BreakBound, Kind as ProfileKind, LeaseAssumption, Lifetime, Pause, Ppm, Primitive,
    Profile, Renewed,
};
use crate::units::Nanos;
use lockstorm_reports::Invariant;
use std::collections::BTreeMap;

/// What a lock may be older than its lifetime before it is broken: by so much its server's clock
/// may be set, and more than a clock that is 10 % fast gains in the longest lifetime.
pub const SLOP: Nanos = Nanos::from_secs(3);
/// A try to get it, and what it waits before the next one.
const WITHIN: Nanos = Nanos::from_secs(5);
const LIFETIME: Nanos = Nanos::from_secs(6);

impl Lock {
    pub fn profile(self) -> Profile {
        let kind = format!("{:?}", self.kind).to_lowercase();
        let promises = self.promises().iter().map(|promise| (*promise, String::new()));
        Profile {
            name: format!("simulated-{kind}"),
            kind: ProfileKind::Control,
            summary: format!("simulated, by {kind}; {:?}", self.defect),
            version: None,
            layer: Layer::Python,
            install: Install::None,
            package: None,
            memory: None,
            start: vec!["simulated".into()],
            primitive: match self.kind {
                Kind::Lease => Primitive::Posix,
                _ => Primitive::Link,
            },
            lifetime: self.lifetime(),
            promises: promises.collect(),
            stays: Vec::new(),
            break_bound: self.has_lifetime().then_some(BreakBound {
                slop: SLOP,
                within: WITHIN,
                watched: matches!(self.kind, Kind::Watching | Kind::Heartbeat),
            }),
            assumes: Assumptions {
                // No clock can be set to run faster (adjtimex(2)), and the allowance covers it.
                clock_rate: self.has_lifetime().then_some(Ppm(DRIFT_MAX_PPM as u64)),
                clock_skew: self.reads_wall_clock().then_some(SLOP),
                pause: (self.kind == Kind::Aging).then_some(Pause::Lifetime),
                lease: (self.kind == Kind::Lease).then_some(LeaseAssumption::Kept),
                ..Assumptions::default()
            },
            breaks: None,
            options: BTreeMap::new(),
        }
    }

    fn reads_wall_clock(self) -> bool {
        matches!(self.kind, Kind::Lifetime | Kind::Faltering | Kind::Aging)
    }

    fn has_lifetime(self) -> bool {
        matches!(
            self.kind,
            Kind::Lifetime | Kind::Watching | Kind::Heartbeat | Kind::Faltering | Kind::Aging
        )
    }

    fn lifetime(self) -> Option<Lifetime> {
        let renewed = match self.kind {
            Kind::Heartbeat => Renewed::Itself,
            _ => Renewed::ByCalls,
        };
        let lifetime = Lifetime { default: LIFETIME, least: Nanos::from_secs(1), renewed };
        self.has_lifetime().then_some(lifetime)
    }

    fn promises(self) -> &'static [Invariant] {
        use Invariant::*;
        match self.kind {
            Kind::Lifetime | Kind::Watching | Kind::Heartbeat | Kind::Faltering | Kind::Aging => &[
                MutualExclusion,
                NoEarlyBreak,
                BreakAfterLifetime,
                OwnerOnlyRelease,
                NoLostUpdate,
                HonestIsHeld,
                ReleaseFrees,
                NoDescriptorLeak,
                HonestRefusal,
            ],
            // Its process is not told that its lease is gone.
            Kind::Lease => &[
                MutualExclusion,
                OwnerOnlyRelease,
                NoLostUpdate,
                ReleaseFrees,
                NoDescriptorLeak,
                HonestRefusal,
                Cleanliness,
            ],
            Kind::Link | Kind::Mkdir | Kind::Symlink | Kind::Reentrant => &[
                MutualExclusion,
                OwnerOnlyRelease,
                NoLostUpdate,
                HonestIsHeld,
                ReleaseFrees,
                NoDescriptorLeak,
                HonestRefusal,
                Cleanliness,
            ],
        }
    }
}
