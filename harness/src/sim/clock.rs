//! A node's clocks.

use crate::fault::clock::DRIFT_MAX_PPM;

/// The wall clock and the monotonic clock of a node that has power. adjtimex(2) changes the rate of
/// both, as far as it goes; a step, or a rate beyond that, is of the wall clock alone. Every timer
/// of a node runs by its monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// True time at which it was set last: ns of the harness's clock.
    set_at: u64,
    /// What the monotonic clock said then (ns since power-on).
    monotonic: u64,
    /// How far from the true time the wall clock stood then (ns).
    offset_ns: i64,
    drift_ppm: i64,
    /// How long it has stood still since power-on, which its node's agent does not know (ns).
    stood: i64,
    /// What a true wall clock says at the harness's time zero (ns since 1970).
    wall_start: i64,
}

const MILLION: i128 = 1_000_000;

impl Clock {
    /// The clock of a node that is switched on `now`: it takes its time from the true one.
    pub fn power_on(now: u64, wall_start_s: u64) -> Clock {
        let wall_start = wall_start_s as i64 * 1_000_000_000;
        Clock { set_at: now, monotonic: 0, offset_ns: 0, drift_ppm: 0, stood: 0, wall_start }
    }

    /// Nanoseconds since power-on, as the node counts them.
    pub fn monotonic(&self, now: u64) -> u64 {
        let since = i128::from(now - self.set_at);
        self.monotonic + (since * self.rate() / MILLION) as u64
    }

    /// How much of a million the monotonic clock shows.
    fn rate(&self) -> i128 {
        let reached = self.drift_ppm.abs() <= DRIFT_MAX_PPM;
        MILLION + i128::from(if reached { self.drift_ppm } else { 0 })
    }

    /// Nanoseconds since 1970, as the node believes.
    pub fn wall(&self, now: u64) -> i64 {
        let drifted = i128::from(now - self.set_at) * i128::from(self.drift_ppm) / MILLION;
        self.wall_start + now as i64 + self.offset_ns + drifted as i64
    }

    /// The node stood still between these times, and its clocks with it.
    pub fn stood_still(&mut self, from: u64, until: u64) {
        let stood = (until - from) as i64;
        let (monotonic, offset_ns) = (self.monotonic(from), self.error_ns(from) - stood);
        let stood = self.stood + stood;
        *self = Clock { set_at: until, monotonic, offset_ns, stood, ..*self };
    }

    /// Sets the wall clock so far from what the node's agent takes for the true time, and both
    /// rates.
    pub fn set(&mut self, now: u64, offset_ns: i64, drift_ppm: i64) {
        let offset_ns = offset_ns - self.stood;
        let monotonic = self.monotonic(now);
        *self = Clock { set_at: now, monotonic, offset_ns, drift_ppm, ..*self };
    }

    /// When its monotonic clock will say `deadline`: ns of the harness's clock.
    pub fn true_time(&self, deadline: u64) -> u64 {
        let left = i128::from(deadline.saturating_sub(self.monotonic)) * MILLION;
        let rate = self.rate();
        // Rounded up: at that time it is no less.
        let after = (left + rate - 1).div_euclid(rate);
        self.set_at.saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    }

    /// How far the wall clock is from the true time (ns).
    pub fn error_ns(&self, now: u64) -> i64 {
        self.wall(now) - self.wall_start - now as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_drifting_clock_is_off_by_its_rate_and_the_monotonic_clock_with_it() {
        let mut clock = Clock::power_on(5 * SECOND, 0);
        clock.set(10 * SECOND, 3, 100_000);
        assert_eq!(clock.error_ns(20 * SECOND), 3 + SECOND as i64);
        assert_eq!(clock.monotonic(20 * SECOND), 16 * SECOND);
        clock.set(20 * SECOND, 0, 0);
        assert_eq!(clock.error_ns(30 * SECOND), 0);
        assert_eq!(clock.monotonic(30 * SECOND), 26 * SECOND, "it never jumps");
    }

    #[test]
    fn a_wall_clock_that_stands_leaves_the_monotonic_clock_alone() {
        let mut clock = Clock::power_on(0, 0);
        clock.set(10 * SECOND, 0, -1_000_000);
        assert_eq!(clock.wall(10 * SECOND), clock.wall(25 * SECOND));
        assert_eq!(clock.monotonic(25 * SECOND), 25 * SECOND);
        assert_eq!(clock.true_time(30 * SECOND), 30 * SECOND);
    }

    #[test]
    fn a_clock_that_stood_still_goes_on_where_it_stood_until_it_is_set() {
        let mut clock = Clock::power_on(0, 0);
        clock.stood_still(10 * SECOND, 15 * SECOND);
        assert_eq!(clock.monotonic(20 * SECOND), 15 * SECOND);
        assert_eq!(clock.error_ns(20 * SECOND), -5 * SECOND as i64);
        clock.set(20 * SECOND, 5 * SECOND as i64, 0);
        assert_eq!(clock.error_ns(30 * SECOND), 0);
        assert_eq!(clock.monotonic(30 * SECOND), 25 * SECOND);
    }

    proptest! {
        #[test]
        fn at_the_time_at_which_a_timer_is_due_the_clock_has_just_come_to_its_deadline(
            drift_ppm in -100_000i64..=100_000, wait in 0u64..100_000_000_000,
        ) {
            let mut clock = Clock::power_on(7, 0);
            clock.set(1000, 0, drift_ppm);
            let deadline = clock.monotonic(1000) + wait;
            let due = clock.true_time(deadline);
            prop_assert!(clock.monotonic(due) >= deadline);
            prop_assert!(wait == 0 || clock.monotonic(due - 1) <= deadline);
        }
    }
}
