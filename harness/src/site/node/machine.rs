//! One running node: its devices, and its slices of virtual time if that is what it lives by.

use super::link::{Link, Socket};
use super::slot::Slot;
use super::travel::{Said, Travel};
use crate::site::launch::{Kernel, Listeners};
use crate::site::virtio::device::{Device, Notices};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// What is offered to a node, before it has connected.
pub enum Offer {
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
    /// It neither waits nor ends: it spins. Wall time ran out.
    Stuck,
    /// The user wants the harness to stop.
    Interrupted,
}

pub struct Machine {
    kernel: Kernel,
    listeners: Vec<(Slot, UnixListener, Offer)>,
    devices: Vec<(Slot, Link)>,
    /// Without it the kernel runs as the host lets it.
    travel: Option<Travel>,
}

/// How often a wait looks whether it should be given up.
pub const LOOK: Duration = Duration::from_millis(100);

/// What bounds a slice in wall time.
pub struct Patience<'a> {
    pub limit: Duration,
    pub interrupted: &'a dyn Fn() -> bool,
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
        offers: Vec<(Slot, Offer)>,
        now: u64,
        wall_start: u64,
        patience: &Patience,
    ) -> io::Result<Option<Machine>> {
        let Listeners { time, devices } = listeners;
        let travel = match time {
            None => None,
            Some(time) => {
                let Some(stream) = accept(&time, &kernel, patience)? else {
                    return Ok(None);
                };
                let Some(travel) = Travel::begin(stream, now, wall_start)? else {
                    return Ok(None);
                };
                Some(travel)
            }
        };
        let listeners =
            devices.into_iter().zip(offers).map(|(socket, (slot, offer))| (slot, socket, offer));
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
    pub fn run(&mut self, now: u64, free_until: u64, patience: &Patience) -> io::Result<Slice> {
        let Some(travel) = &mut self.travel else {
            return Ok(Slice::Waits);
        };
        match travel.run(now, free_until)? {
            true => self.run_on(patience),
            false => Ok(Slice::Ended),
        }
    }

    /// Serves the kernel until it waits.
    pub fn run_on(&mut self, patience: &Patience) -> io::Result<Slice> {
        let mut since: Option<Instant> = None;
        while self.travel.is_some() {
            let Some(source) = self.wait_readable()? else {
                if (patience.interrupted)() {
                    return Ok(Slice::Interrupted);
                }
                if since.get_or_insert_with(Instant::now).elapsed() >= patience.limit {
                    return Ok(Slice::Stuck);
                }
                continue;
            };
            match self.serve(source)? {
                Said::Something => {}
                Said::Waits => break,
                Said::Goodbye => return Ok(Slice::Ended),
            }
        }
        Ok(Slice::Waits)
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

    /// Serves one message of a source that is ready.
    pub fn serve(&mut self, source: Source) -> io::Result<Said> {
        match (source, &mut self.travel) {
            (Source::Time, Some(travel)) => travel.serve(),
            (Source::Time, None) => Ok(Said::Something),
            (Source::Device(index), _) => match self.devices[index].1.serve()? {
                true => Ok(Said::Something),
                false => Ok(Said::Goodbye),
            },
            (Source::Listener(index), _) => self.connect(index).map(|()| Said::Something),
        }
    }

    fn connect(&mut self, index: usize) -> io::Result<()> {
        let (slot, socket, offer) = self.listeners.remove(index);
        let (stream, _) = socket.accept()?;
        // On the virtual clock nobody has to be told: the rings are looked into after each slice.
        let notices = if self.travel.is_some() { Notices::Unwanted } else { Notices::Wanted };
        let link = match offer {
            Offer::Virtio { rings, features, config } => {
                Link::Virtio(Device::new(stream, rings, features, config, notices)?)
            }
            Offer::Socket => Link::Socket(Socket::new(stream)),
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

    /// Cuts the power: the kernel and all its processes end at once.
    pub fn power_off(self) -> io::Result<()> {
        self.kernel.kill()
    }

    /// How the kernel ended by itself, in words.
    pub fn epitaph(self) -> String {
        self.kernel.epitaph()
    }
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
        if kernel.has_ended()? || begin.elapsed() > patience.limit || (patience.interrupted)() {
            return Ok(None);
        }
    }
}
