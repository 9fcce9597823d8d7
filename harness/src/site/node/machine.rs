//! One running node: its devices, and its slices of virtual time if that is what it lives by.

use super::link::{Link, Socket};
use super::slot::Slot;
use super::travel::{KernelEvent, Travel};
use crate::site::clock::timetravel::Segment;
use crate::site::exchange::Failure;
pub use crate::site::exchange::{LOOK, Patience};
use crate::site::launch::{Kernel, Listeners};
use crate::site::virtio::device::{Device, Notices};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

/// What is offered to a node, before it has connected.
pub enum Endpoint {
    /// A virtio device, to the driver of a kernel of the harness's own.
    Virtio { rings: usize, features: u64, config: Vec<u8> },
    /// The end of a socket, to a node that runs on the host's kernel.
    Socket,
}

/// How a slice of time ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Slice {
    /// The kernel waits, for its request or for something to happen to it.
    Waits,
    /// The kernel has ended.
    Ended,
}

pub struct Machine {
    kernel: Kernel,
    listeners: Vec<(Slot, UnixListener, Endpoint)>,
    devices: Vec<(Slot, Link)>,
    /// Without it the kernel runs as the host lets it.
    travel: Option<Travel>,
}

/// What of a machine can be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Device(usize),
    Listener(usize),
    Time,
}

impl Machine {
    /// Takes over a started kernel. One on the virtual clock is answered its START, so that it
    /// boots at `now` on the harness's clock, with `wall_start` nanoseconds since 1970 at zero;
    /// its first slice is still to be served: see [`Machine::run_on`]. `None` when the kernel did
    /// not come to that.
    pub fn power_on(
        kernel: Kernel,
        listeners: Listeners,
        endpoints: Vec<(Slot, Endpoint)>,
        now: u64,
        wall_start: u64,
        patience: &Patience,
    ) -> Result<Option<Machine>, Failure> {
        let Listeners { time, devices } = listeners;
        let travel = match time {
            None => None,
            Some(time) => {
                let segment = Segment::new().map_err(Failure::Host)?;
                let Some(stream) = accept(&time, &kernel, patience)? else {
                    return Ok(None);
                };
                let Some(travel) = Travel::begin(stream, segment, now, wall_start, patience)?
                else {
                    return Ok(None);
                };
                Some(travel)
            }
        };
        let listeners = devices
            .into_iter()
            .zip(endpoints)
            .map(|(socket, (slot, endpoint))| (slot, socket, endpoint));
        let listeners = listeners.collect();
        Ok(Some(Machine { kernel, listeners, devices: Vec::new(), travel }))
    }

    /// What a slot is linked to, once the node has connected.
    pub fn link(&mut self, slot: Slot) -> Option<&mut Link> {
        self.devices.iter_mut().find(|(own, _)| *own == slot).map(|(_, link)| link)
    }

    /// When the kernel wants to run next, on the harness's clock; `None` also when nobody has to
    /// let it run.
    pub fn request(&self) -> Option<u64> {
        self.travel.as_ref()?.request()
    }

    /// See [`Travel::stood_still`].
    pub fn stood_still(&mut self, for_ns: u64) {
        if let Some(travel) = &mut self.travel {
            travel.stood_still(for_ns);
        }
    }

    /// See [`Travel::set_now`].
    pub fn set_now(&self, now: u64) {
        if let Some(travel) = &self.travel {
            travel.set_now(now);
        }
    }

    /// See [`Travel::is_computing`].
    pub fn is_computing(&self) -> bool {
        self.travel.as_ref().is_some_and(Travel::is_computing)
    }

    /// Runs the kernel at `now` until it waits; its own time may pass up to, not including,
    /// `free_until`. A kernel that runs as the host lets it is left alone.
    pub fn run(
        &mut self,
        now: u64,
        free_until: u64,
        patience: &Patience,
    ) -> Result<Slice, Failure> {
        let Some(travel) = &mut self.travel else {
            return Ok(Slice::Waits);
        };
        match travel.run(now, free_until)? {
            true => self.run_on(patience),
            false => Ok(Slice::Ended),
        }
    }

    /// Serves the kernel until it waits. A slice is bounded in wall time, whatever the kernel says
    /// in it, or leaves out.
    pub fn run_on(&mut self, patience: &Patience) -> Result<Slice, Failure> {
        let mut wait = patience.wait();
        while self.travel.is_some() {
            let said = match self.wait_readable().map_err(Failure::Host)? {
                Some(source) => self.serve(source)?,
                None => KernelEvent::Other,
            };
            match said {
                KernelEvent::Other => wait.look()?,
                KernelEvent::Waits => break,
                KernelEvent::Ended => return Ok(Slice::Ended),
            }
        }
        Ok(Slice::Waits)
    }

    /// When the first part of a message came whose rest has not.
    pub fn begun(&self) -> Option<Instant> {
        let travel = self.travel.iter().filter_map(Travel::begun);
        let devices = self.devices.iter().filter_map(|(_, link)| link.begun());
        travel.chain(devices).min()
    }

    /// What can be heard of the machine. Devices go before the clock: what a kernel sent before
    /// it waited is served first, in the order of the slots.
    pub fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>)> {
        let devices = self.devices.iter().enumerate();
        let devices =
            devices.map(|(index, (_, link))| (Source::Device(index), link.stream().as_fd()));
        let listeners = self.listeners.iter().enumerate();
        let listeners =
            listeners.map(|(index, (_, socket, _))| (Source::Listener(index), socket.as_fd()));
        let time = self.travel.iter().map(|travel| (Source::Time, travel.stream().as_fd()));
        devices.chain(listeners).chain(time)
    }

    fn wait_readable(&self) -> io::Result<Option<Source>> {
        let (sources, mut fds): (Vec<Source>, Vec<PollFd>) =
            self.sources().map(|(source, fd)| (source, PollFd::new(fd, PollFlags::POLLIN))).unzip();
        let timeout = PollTimeout::try_from(LOOK).expect("a short time");
        match poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = fds.iter().position(|fd| fd.any().unwrap_or(false));
        Ok(ready.map(|index| sources[index]))
    }

    /// Serves one message of a source that is ready, or as much of it as has come.
    pub fn serve(&mut self, source: Source) -> Result<KernelEvent, Failure> {
        match (source, &mut self.travel) {
            (Source::Time, Some(travel)) => Ok(travel.serve()?),
            (Source::Time, None) => Ok(KernelEvent::Other),
            (Source::Device(index), _) => match self.devices[index].1.serve()? {
                true => Ok(KernelEvent::Other),
                false => Ok(KernelEvent::Ended),
            },
            (Source::Listener(index), _) => self.connect(index).map(|()| KernelEvent::Other),
        }
    }

    fn connect(&mut self, index: usize) -> Result<(), Failure> {
        let stream = match self.listeners[index].1.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(Failure::Host(error)),
        };
        let (slot, _, endpoint) = self.listeners.remove(index);
        // On the virtual clock nobody has to be told: the rings are looked into after each slice.
        let notices = if self.travel.is_some() { Notices::Unwanted } else { Notices::Wanted };
        let link = match endpoint {
            Endpoint::Virtio { rings, features, config } => {
                Link::Virtio(Device::new(stream, rings, features, config, notices)?)
            }
            Endpoint::Socket => Link::Socket(Socket::new(stream)),
        };
        self.devices.push((slot, link));
        self.devices.sort_by_key(|(slot, _)| *slot);
        Ok(())
    }

    /// The kernel has ended by itself, before it had connected all its devices. The end of one that
    /// has them is heard from them.
    pub fn has_ended_early(&self) -> io::Result<bool> {
        Ok(!self.listeners.is_empty() && self.kernel.has_ended()?)
    }

    /// How long the host's processors have worked for it (ns); 0 where nobody can tell.
    pub fn processor_ns(&self) -> u64 {
        self.kernel.processor_time().unwrap_or(0)
    }

    /// Cuts the power: the kernel and all its processes end at once.
    pub fn power_off(self) -> io::Result<()> {
        self.kernel.kill()
    }

    /// How the kernel ended by itself, in words.
    pub fn epitaph(self) -> String {
        self.kernel.epitaph()
    }
}

/// Waits for a kernel's connection; `None` when it did not come, or the kernel ended before.
fn accept(
    listener: &UnixListener,
    kernel: &Kernel,
    patience: &Patience,
) -> Result<Option<UnixStream>, Failure> {
    let mut wait = patience.wait();
    loop {
        match wait.for_events(listener.as_fd(), PollFlags::POLLIN) {
            Ok(()) => {}
            Err(Failure::Stuck) => return Ok(None),
            Err(failure) => return Err(failure),
        }
        match listener.accept() {
            Ok((stream, _)) => return Ok(Some(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Failure::Host(error)),
        }
        if kernel.has_ended().map_err(Failure::Host)? {
            return Ok(None);
        }
    }
}
