//! The node's wall clock: stepped and made to drift, as a bad clock is.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use std::io;
use std::mem::MaybeUninit;

const NANOS: i128 = 1_000_000_000;

/// The true time, by a clock that nothing sets: how far CLOCK_REALTIME is ahead of
/// CLOCK_MONOTONIC_RAW while it is right (ns).
pub struct WallClock {
    ahead_ns: i128,
}

impl WallClock {
    /// Takes the wall clock of now for the true time.
    pub fn now() -> io::Result<WallClock> {
        let ahead_ns = read(ClockId::CLOCK_REALTIME)? - read(ClockId::CLOCK_MONOTONIC_RAW)?;
        Ok(WallClock { ahead_ns })
    }

    /// Sets CLOCK_REALTIME `offset_ns` from the true time, and its rate to `drift_ppm` away from
    /// true. However often it is set, no error adds up.
    pub fn set(&self, offset_ns: i64, drift_ppm: i64) -> io::Result<()> {
        set_rate(drift_ppm)?;
        let then = read(ClockId::CLOCK_MONOTONIC_RAW)? + self.ahead_ns + i128::from(offset_ns);
        let then = TimeSpec::new(then.div_euclid(NANOS) as i64, then.rem_euclid(NANOS) as i64);
        clock_settime(ClockId::CLOCK_REALTIME, then)?;
        Ok(())
    }
}

fn read(clock: ClockId) -> io::Result<i128> {
    let time = clock_gettime(clock)?;
    Ok(i128::from(time.tv_sec()) * NANOS + i128::from(time.tv_nsec()))
}

/// adjtimex(2) has two knobs: the tick (microseconds each 10 ms, so steps of 100 ppm) and the
/// frequency (up to 500 ppm, in units of 2^-16 ppm) for what is left.
fn set_rate(drift_ppm: i64) -> io::Result<()> {
    let ticks = (drift_ppm as f64 / 100.0).round() as i64;
    let rest_ppm = drift_ppm - ticks * 100;
    // SAFETY: timex is a plain C structure for which all zeroes is a valid value.
    let mut timex: nix::libc::timex = unsafe { MaybeUninit::zeroed().assume_init() };
    timex.modes = nix::libc::ADJ_TICK | nix::libc::ADJ_FREQUENCY;
    timex.tick = 10_000 + ticks;
    timex.freq = rest_ppm << 16;
    // SAFETY: the pointer is to a live, initialised timex.
    if unsafe { nix::libc::adjtimex(&mut timex) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
