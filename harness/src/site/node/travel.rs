//! A kernel's part in the virtual clock: it runs a slice of time, and waits.

use crate::site::clock::timetravel::{Message, Messages, Segment, op};
use crate::site::exchange::{Failure, Patience, Received};
use crate::units::MILLISECOND;
use nix::poll::PollFlags;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// The longest that a kernel computes without a pause: it reads its clock (256 ns) or delays for
/// at most a millisecond at a time (ns).
const LONGEST_DELAY: u64 = MILLISECOND;

/// No clock comes to this (ns): a kernel does not sleep so long (S64_MAX in time_travel_set_time of
/// arch/um/kernel/time.c), and the harness can still add to what is less.
const END_OF_TIME: u64 = i64::MAX as u64;

pub struct Travel {
    segment: Segment,
    stream: UnixStream,
    messages: Messages,
    /// The harness's clock when this kernel's own clock stood at zero (ns).
    origin: u64,
    /// What its wall clock said then, in nanoseconds since 1970.
    wall_start: u64,
    run_seq: u32,
    /// When it last ran, on the harness's clock (ns).
    last_run: u64,
}

impl Travel {
    /// Answers a kernel's START, so that it boots at `now` on the harness's clock. `None` when it
    /// has ended before it said so.
    pub fn begin(
        stream: UnixStream,
        segment: Segment,
        now: u64,
        wall_start: u64,
        patience: &Patience,
    ) -> Result<Option<Travel>, Failure> {
        let (mut messages, mut wait) = (Messages::default(), patience.wait());
        let start = loop {
            match messages.receive(&stream)? {
                Received::Whole(message) => break message,
                Received::Part => wait.for_events(stream.as_fd(), PollFlags::POLLIN)?,
                Received::End => return Ok(None),
            }
        };
        if start.op != op::START {
            let other = format!("it began with operation {} of the clock, not START", start.op);
            return Err(io::Error::other(other).into());
        }
        if !segment.hand_over(&stream, start, 0)? {
            return Ok(None);
        }
        let (origin, wall_start) = (now, wall_start + now);
        Ok(Some(Travel {
            segment,
            stream,
            messages,
            origin,
            wall_start,
            run_seq: 0,
            last_run: now,
        }))
    }

    /// The kernel's end of the protocol.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// When the kernel wants to run next, on the harness's clock. One that wants to sleep past the
    /// end of time waits for something to happen to it.
    pub fn request(&self) -> Option<u64> {
        let at = self.segment.request()?.saturating_add(self.origin);
        (at < END_OF_TIME).then_some(at)
    }

    /// The kernel was not run for so long, and will not know: its own time goes on where it stood,
    /// and what it has asked to be run at comes so much later.
    pub fn stood_still(&mut self, for_ns: u64) {
        self.origin = self.origin.saturating_add(for_ns);
        self.last_run = self.last_run.saturating_add(for_ns);
    }

    /// Sets the kernel's view of the clock, so that an interrupt is taken at `now`.
    pub fn set_now(&self, now: u64) {
        self.segment.set_now(now - self.origin);
    }

    /// The kernel may be in the middle of a computation, and not idle: it waits for a moment that
    /// is near. An interrupt is then put off until the computation lets it in, and a second one
    /// of the same device is merged with the first and asks for no time of its own. A kernel
    /// must be run only at a time that it asked for (BUG_ON in time_travel_update_time of
    /// arch/um/kernel/time.c), so whoever interrupts it must look what it asks for afterwards.
    pub fn is_computing(&self) -> bool {
        self.request().is_some_and(|wanted| wanted < self.last_run + LONGEST_DELAY)
    }

    /// Lets the kernel run at `now`; its own time may pass up to, not including, `free_until`.
    /// False when it has ended.
    pub fn run(&mut self, now: u64, free_until: u64) -> io::Result<bool> {
        self.set_now(now);
        self.segment.set_free_until(free_until.saturating_sub(self.origin));
        self.last_run = now;
        self.run_seq = self.run_seq.wrapping_add(1);
        let run = Message { op: op::RUN, seq: self.run_seq, time: now - self.origin };
        run.send(&self.stream)
    }

    /// When a part of a message came whose rest has not.
    pub fn begun(&self) -> Option<Instant> {
        self.messages.begun()
    }

    /// Serves one message of the kernel, if all of it has come.
    pub fn serve(&mut self) -> io::Result<KernelEvent> {
        let message = match self.messages.receive(&self.stream)? {
            Received::Whole(message) => message,
            Received::Part => return Ok(KernelEvent::Other),
            Received::End => return Ok(KernelEvent::Ended),
        };
        let time = match message.op {
            op::WAIT => return Ok(KernelEvent::Waits),
            // Time of day; the kernel asks once, when it boots.
            op::GET_TOD => self.wall_start,
            op::GET => self.last_run - self.origin,
            op::ACK => return Ok(KernelEvent::Other),
            // REQUEST and UPDATE come through the shared memory.
            _ => 0,
        };
        let ack = Message { op: op::ACK, seq: message.seq, time };
        Ok(if ack.send(&self.stream)? { KernelEvent::Other } else { KernelEvent::Ended })
    }
}

/// What a kernel had to say about time.
#[derive(Debug, PartialEq, Eq)]
pub enum KernelEvent {
    Other,
    /// Its slice is over.
    Waits,
    /// It has ended.
    Ended,
}
