//! One running kernel: its clock, its devices, its slices of time.

use crate::site::clock::timetravel::{Message, Segment, op};
use crate::site::launch::{Kernel, Listeners};
use crate::site::virtio::device::Device;
use crate::units::MILLISECOND;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// The devices of a machine, by the order in which its kernel names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// /dev/vda: the node image.
    Root = 0,
    /// The NIC.
    Net = 1,
    /// The control channel.
    Control = 2,
    /// /dev/vdb of the server: its disk.
    Disk = 3,
    /// /dev/vdb of a client: what it has beside the node image.
    Supplement = 4,
}

/// What a device offers to the driver, before the driver has connected.
pub struct Offer {
    pub rings: usize,
    pub features: u64,
    pub config: Vec<u8>,
}

/// How a slice of time ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Slice {
    /// The kernel waits, for its request or for something to happen to it.
    Waits,
    /// The kernel has ended.
    Ended,
    /// It neither waits nor ends: it spins. Wall time ran out.
    Stuck,
    /// The user wants the harness to stop.
    Interrupted,
}

pub struct Machine {
    kernel: Kernel,
    segment: Segment,
    time: UnixStream,
    listeners: Vec<(Slot, UnixListener, Offer)>,
    devices: Vec<(Slot, Device)>,
    /// The harness's clock when this kernel's own clock stood at zero (ns).
    origin: u64,
    wall_start: u64,
    run_seq: u32,
    /// When it last ran, on the harness's clock (ns).
    last_run: u64,
}

/// The longest that a kernel computes without a pause: it reads its clock (256 ns) or delays for
/// at most a millisecond at a time (ns).
const LONGEST_DELAY: u64 = MILLISECOND;

/// How often a slice that lasts looks whether it should be given up.
const LOOK: Duration = Duration::from_millis(100);

/// What bounds a slice in wall time.
pub struct Patience<'a> {
    pub limit: Duration,
    pub interrupted: &'a dyn Fn() -> bool,
}

impl Machine {
    /// Takes over a started kernel: answers its START, so that it boots at `now` on the harness's
    /// clock. The first slice is still to be served: see [`Machine::run_on`].
    pub fn power_on(
        kernel: Kernel,
        listeners: Listeners,
        offers: Vec<(Slot, Offer)>,
        now: u64,
        wall_start: u64,
        patience: &Patience,
    ) -> io::Result<Option<Machine>> {
        let Listeners { time, devices } = listeners;
        let Some(stream) = accept(&time, &kernel, patience)? else {
            return Ok(None);
        };
        let Some(start) = Message::receive(&stream)? else {
            return Ok(None);
        };
        if start.op != op::START {
            return Err(io::Error::other(format!("the kernel began with operation {}", start.op)));
        }
        let segment = Segment::new()?;
        segment.hand_over(&stream, start, 0)?;
        let listeners =
            devices.into_iter().zip(offers).map(|(socket, (slot, offer))| (slot, socket, offer));
        Ok(Some(Machine {
            kernel,
            segment,
            time: stream,
            listeners: listeners.collect(),
            devices: Vec::new(),
            origin: now,
            wall_start,
            run_seq: 0,
            last_run: now,
        }))
    }

    pub fn device(&mut self, slot: Slot) -> Option<&mut Device> {
        self.devices.iter_mut().find(|(own, _)| *own == slot).map(|(_, device)| device)
    }

    /// When the kernel wants to run next, on the harness's clock.
    pub fn request(&self) -> Option<u64> {
        self.segment.request().map(|local| local.saturating_add(self.origin))
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

    /// Runs the kernel at `now` until it waits; its own time may pass up to, not including,
    /// `free_until`.
    pub fn run(&mut self, now: u64, free_until: u64, patience: &Patience) -> io::Result<Slice> {
        self.set_now(now);
        self.segment.set_free_until(free_until.saturating_sub(self.origin));
        self.last_run = now;
        self.run_seq = self.run_seq.wrapping_add(1);
        let run = Message { op: op::RUN, seq: self.run_seq, time: now - self.origin };
        if !run.send(&self.time)? {
            return Ok(Slice::Ended);
        }
        self.run_on(now, patience)
    }

    /// Serves the kernel until it waits.
    pub fn run_on(&mut self, now: u64, patience: &Patience) -> io::Result<Slice> {
        let mut since: Option<Instant> = None;
        loop {
            match self.wait_readable()? {
                Ready::Time => {
                    if let Some(slice) = self.serve_time(now)? {
                        return Ok(slice);
                    }
                }
                Ready::Device(index) => {
                    if !self.devices[index].1.serve()? {
                        return Ok(Slice::Ended);
                    }
                }
                Ready::Listener(index) => self.connect(index)?,
                Ready::Nothing => {
                    if (patience.interrupted)() {
                        return Ok(Slice::Interrupted);
                    }
                    if since.get_or_insert_with(Instant::now).elapsed() >= patience.limit {
                        return Ok(Slice::Stuck);
                    }
                }
            }
        }
    }

    /// Devices go before the clock: what a kernel sent before it waited is served first, in the
    /// order of the slots.
    fn wait_readable(&self) -> io::Result<Ready> {
        let devices = self.devices.iter().map(|(_, device)| device.stream().as_fd());
        let listeners = self.listeners.iter().map(|(_, socket, _)| socket.as_fd());
        let mut fds: Vec<PollFd> = devices
            .chain(listeners)
            .chain([self.time.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        let timeout = PollTimeout::try_from(LOOK).expect("a short time");
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Ready::Nothing),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = fds.iter().position(|fd| fd.any().unwrap_or(false));
        Ok(match ready {
            None => Ready::Nothing,
            Some(index) if index < self.devices.len() => Ready::Device(index),
            Some(index) if index < self.devices.len() + self.listeners.len() => {
                Ready::Listener(index - self.devices.len())
            }
            Some(_) => Ready::Time,
        })
    }

    fn connect(&mut self, index: usize) -> io::Result<()> {
        let (slot, socket, offer) = self.listeners.remove(index);
        let (stream, _) = socket.accept()?;
        let device = Device::new(stream, offer.rings, offer.features, offer.config)?;
        self.devices.push((slot, device));
        self.devices.sort_by_key(|(slot, _)| *slot);
        Ok(())
    }

    fn serve_time(&mut self, now: u64) -> io::Result<Option<Slice>> {
        let Some(message) = Message::receive(&self.time)? else {
            return Ok(Some(Slice::Ended));
        };
        let time = match message.op {
            op::WAIT => return Ok(Some(Slice::Waits)),
            // Time of day; the kernel asks once, when it boots.
            op::GET_TOD => self.wall_start + now,
            op::GET => now - self.origin,
            op::ACK => return Ok(None),
            // REQUEST and UPDATE come through the shared memory.
            _ => 0,
        };
        let ack = Message { op: op::ACK, seq: message.seq, time };
        Ok((!ack.send(&self.time)?).then_some(Slice::Ended))
    }

    /// Cuts the power: the kernel and all its processes end at once.
    pub fn power_off(self) {
        self.kernel.kill();
    }

    /// How the kernel ended by itself, in words.
    pub fn epitaph(self) -> String {
        self.kernel.epitaph()
    }
}

enum Ready {
    Time,
    Device(usize),
    Listener(usize),
    Nothing,
}

/// Waits for a kernel's connection; `None` when the kernel ended before it came.
fn accept(
    listener: &UnixListener,
    kernel: &Kernel,
    patience: &Patience,
) -> io::Result<Option<UnixStream>> {
    let begin = Instant::now();
    loop {
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(LOOK).expect("a short time");
        match poll(&mut fds, timeout) {
            Ok(1) => return listener.accept().map(|(stream, _)| Some(stream)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if kernel.has_ended() || begin.elapsed() > patience.limit || (patience.interrupted)() {
            return Ok(None);
        }
    }
}
