//! The times that mean something to a lock, and to what is under it: what is near one of them tells
//! more than what is anywhere.

use crate::lock::profile::Profile;
use crate::scenario::Scenario;
use crate::scenario::random::Draw;
use crate::units::{MILLISECOND, Nanos, NanosRange, SECOND};
use std::ops::RangeInclusive;

/// Of any lock over NFS: polls, the attribute cache's times (nfs(5): acregmin, acdirmin, acregmax),
/// and when a client sends a call again (timeo).
const TYPICAL: &[u64] = &[
    100 * MILLISECOND,
    250 * MILLISECOND,
    SECOND,
    3 * SECOND,
    5 * SECOND,
    30 * SECOND,
    60 * SECOND,
];

/// How a time lies to the one that means something: a share of it, in hundredths, and weights.
const SHARES: &[(u64, u32)] =
    &[(25, 1), (50, 2), (90, 1), (99, 2), (100, 3), (101, 2), (110, 1), (150, 1), (200, 1)];

/// How far off it is besides, at most.
const OFF: RangeInclusive<u64> = MILLISECOND..=500 * MILLISECOND;

/// The times of a lock and of its site.
#[derive(Clone, Debug)]
pub struct Constants(Vec<u64>);

impl Constants {
    pub fn of(scenario: &Scenario, profile: &Profile) -> Constants {
        let server = &scenario.site.server;
        let mut all = vec![server.lease.0, server.grace.0, server.lease.0 + server.grace.0];
        all.extend(TYPICAL);
        let poll = profile.options.get("poll").and_then(|poll| poll.as_f64());
        all.extend(poll.map(|poll| (poll * SECOND as f64) as u64));
        if let Some(known) = profile.lifetime {
            let lifetime = scenario.lock.lifetime.unwrap_or(known.default).0;
            let bound = profile.break_bound;
            let slop = bound.map_or(0, |bound| bound.slop.0);
            let within = bound.map_or(0, |bound| bound.within.0);
            // Twice: they matter most.
            all.extend([lifetime, lifetime, lifetime + slop, lifetime + slop]);
            all.extend([slop, within, lifetime + slop + within]);
        }
        all.retain(|time| *time > 0);
        Constants(all)
    }
}

impl Draw<'_> {
    /// A time near one of these, or any other, within the range.
    pub(super) fn telling(&mut self, constants: &Constants, range: &RangeInclusive<u64>) -> Nanos {
        let (least, most) = (*range.start(), *range.end());
        let fits = |time: &u64| (least..=most).contains(time);
        let fitting: Vec<u64> = constants.0.iter().copied().filter(fits).collect();
        if fitting.is_empty() || self.chance(0.4) {
            return self.time(range);
        }
        let near = (*self.one_of(&fitting)).saturating_mul(self.pick(SHARES)) / 100;
        let near = match self.within(&(0..=3_u8)) {
            0 => near.saturating_sub(self.time(&OFF).0),
            1 => near.saturating_add(self.time(&OFF).0),
            _ => near,
        };
        Nanos((near / MILLISECOND * MILLISECOND).clamp(least, most))
    }

    pub(super) fn telling_range(
        &mut self,
        constants: &Constants,
        range: &RangeInclusive<u64>,
    ) -> NanosRange {
        let one = self.telling(constants, range);
        let two = if self.chance(0.3) { one } else { self.telling(constants, range) };
        NanosRange { least: one.min(two), most: one.max(two) }
    }
}
