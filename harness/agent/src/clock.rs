//! The node's wall clock: stepped and made to drift, as a bad clock is.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

const NANOS: i128 = 1_000_000_000;
const MILLION: i128 = 1_000_000;
/// The limit of adjtimex(2)'s tick: ten per cent (ppm).
const RATE_MOST: i64 = 100_000;
/// How often a clock is set that is to run at a rate out of that reach.
const SET_EVERY: Duration = Duration::from_millis(5);

/// The true time, by a clock that nothing sets: how far CLOCK_REALTIME is ahead of
/// CLOCK_MONOTONIC_RAW while it is right (ns).
pub struct WallClock {
    ahead_ns: i128,
    /// How often it was set: whoever keeps a clock as it was set before ends. Only who has this
    /// sets the clock.
    settings: Arc<Mutex<u64>>,
}

impl WallClock {
    /// Takes the wall clock of now for the true time.
    pub fn now() -> io::Result<WallClock> {
        let ahead_ns = read(ClockId::CLOCK_REALTIME)? - read(ClockId::CLOCK_MONOTONIC_RAW)?;
        Ok(WallClock { ahead_ns, settings: Arc::default() })
    }

    /// Sets CLOCK_REALTIME `offset_ns` from the true time, and its rate to `drift_ppm` away from
    /// true. However often it is set, no error adds up. A rate that the kernel does not have is
    /// made of steps.
    pub fn set(&self, offset_ns: i64, drift_ppm: i64) -> io::Result<()> {
        let mut setting = locked(&self.settings);
        *setting += 1;
        let begun = read(ClockId::CLOCK_MONOTONIC_RAW)?;
        let start = begun + self.ahead_ns + i128::from(offset_ns);
        if drift_ppm.abs() <= RATE_MOST {
            set_rate(drift_ppm)?;
            return step_to(start);
        }
        set_rate(0)?;
        step_to(start)?;
        let (settings, setting) = (Arc::clone(&self.settings), *setting);
        thread::spawn(move || -> io::Result<()> {
            loop {
                thread::sleep(SET_EVERY);
                let newest = locked(&settings);
                if *newest != setting {
                    return Ok(());
                }
                let since = read(ClockId::CLOCK_MONOTONIC_RAW)? - begun;
                step_to(start + since * (MILLION + i128::from(drift_ppm)) / MILLION)?;
            }
        });
        Ok(())
    }
}

fn locked(settings: &Mutex<u64>) -> MutexGuard<'_, u64> {
    settings.lock().unwrap_or_else(PoisonError::into_inner)
}

fn step_to(then: i128) -> io::Result<()> {
    let then = TimeSpec::new(then.div_euclid(NANOS) as i64, then.rem_euclid(NANOS) as i64);
    clock_settime(ClockId::CLOCK_REALTIME, then)?;
    Ok(())
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
