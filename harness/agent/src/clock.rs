//! The node's wall clock: stepped and made to drift, as a bad clock is.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use std::io;
use std::mem::MaybeUninit;

const NANOS: i64 = 1_000_000_000;

/// Steps CLOCK_REALTIME by `step_ns` and sets its rate to `drift_ppm` away from true.
pub fn set(step_ns: i64, drift_ppm: i64) -> io::Result<()> {
    if step_ns != 0 {
        let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
        let then = i128::from(now.tv_sec()) * i128::from(NANOS)
            + i128::from(now.tv_nsec())
            + i128::from(step_ns);
        let nanos = i128::from(NANOS);
        let then = TimeSpec::new((then.div_euclid(nanos)) as i64, (then.rem_euclid(nanos)) as i64);
        clock_settime(ClockId::CLOCK_REALTIME, then)?;
    }
    set_rate(drift_ppm)
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
