//! One device of a node: its rings, its memory, its interrupts.
//!
//! On the virtual clock the rings are polled, never kicked. The driver is told not to notify
//! (VRING_USED_F_NO_NOTIFY), and the site looks into every ring when the node's slice of time has
//! ended. A kick would cost two context switches and bring nothing: no other node runs before the
//! slice has ended. On the real clock a kick is how the site learns that there is something.

use super::memory::{self, GuestMemory};
use super::vhost_user::{self, INTERRUPT_LEN, Request, Requests, request};
use crate::site::exchange::{self, Failure, Patience, Received};
use nix::poll::PollFlags;
use nix::sys::socket::{UnixAddr, getsockname};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use virtio_queue::{DescriptorChain, Queue, QueueT};
use vm_memory::{Bytes, GuestAddress};

/// virtio_uml creates rings of this size.
const RING_SIZE_MAX: u16 = 256;
/// VIRTIO_F_VERSION_1: the layouts of virtio 1.0 and later.
const F_VERSION_1: u64 = 1 << 32;
/// VRING_AVAIL_F_NO_INTERRUPT
const NO_INTERRUPT: u16 = 1;

/// A request of the driver: a chain of buffers in guest memory.
pub type Chain = DescriptorChain<Arc<GuestMemory>>;

/// Whether the driver is to tell that it has put something into a ring (a kick).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    Wanted,
    Unwanted,
}

pub struct Device {
    stream: UnixStream,
    requests: Requests,
    notices: Notices,
    interrupts: Option<OwnedFd>,
    memory: Arc<GuestMemory>,
    queues: Vec<Queue>,
    /// By ring, how many requests were taken and not given back.
    open: Vec<u16>,
    features: u64,
    config: Vec<u8>,
}

impl Device {
    /// A device behind an accepted connection. `features` are the device type's own.
    pub fn new(
        stream: UnixStream,
        rings: usize,
        features: u64,
        config: Vec<u8>,
        notices: Notices,
    ) -> io::Result<Device> {
        let queues = (0..rings)
            .map(|_| Queue::new(RING_SIZE_MAX))
            .collect::<Result<Vec<_>, _>>()
            .map_err(io::Error::other)?;
        let features = features | F_VERSION_1 | vhost_user::F_PROTOCOL_FEATURES;
        Ok(Device {
            stream,
            requests: Requests::default(),
            notices,
            interrupts: None,
            memory: Arc::default(),
            queues,
            open: vec![0; rings],
            features,
            config,
        })
    }

    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub fn memory(&self) -> &GuestMemory {
        &self.memory
    }

    /// When a part of a request came whose rest has not.
    pub fn begun(&self) -> Option<Instant> {
        self.requests.begun()
    }

    /// Serves one request of the driver, if all of it has come; false when the kernel has ended.
    /// Requests that make no sense are errors: the node is then beyond help, but the harness is
    /// not.
    pub fn serve(&mut self) -> io::Result<bool> {
        let request = match self.requests.receive(&self.stream)? {
            Received::Whole(request) => request,
            Received::Part => return Ok(true),
            Received::End => return Ok(false),
        };
        match request {
            Request::GetFeatures => return self.answer(request::GET_FEATURES, self.features),
            Request::GetProtocolFeatures => {
                let features = vhost_user::PROTOCOL_FEATURES;
                return self.answer(request::GET_PROTOCOL_FEATURES, features);
            }
            Request::GetConfig { offset, size, flags } => {
                let reply = vhost_user::reply_config(offset, size, flags, &self.config);
                return exchange::tell(&self.stream, &reply);
            }
            Request::SetMemory { regions, fds } => {
                self.memory = Arc::new(memory::map(&regions, fds)?);
            }
            Request::SetInterrupts(fd) => {
                // Of other kinds nobody knows whether sending never waits.
                getsockname::<UnixAddr>(fd.as_raw_fd())?;
                self.interrupts = Some(fd);
            }
            Request::SetRingSize { ring, size } => {
                let size = u16::try_from(size).map_err(io::Error::other)?;
                self.queue(ring)?.set_size(size);
            }
            Request::SetRingAddress { ring, descriptors, used, available } => {
                set_addresses(self.queue(ring)?, descriptors, used, available)?;
            }
            Request::EnableRing { ring, enable } => self.enable(ring, enable)?,
            Request::SetFeatures(_) | Request::Other => {}
        }
        Ok(true)
    }

    /// False when the kernel has ended.
    fn answer(&self, code: u32, value: u64) -> io::Result<bool> {
        exchange::tell(&self.stream, &vhost_user::reply_number(code, value))
    }

    fn queue(&mut self, ring: u32) -> io::Result<&mut Queue> {
        let missing =
            || io::Error::other(format!("the driver names ring {ring}, which the device has not"));
        self.queues.get_mut(ring as usize).ok_or_else(missing)
    }

    fn enable(&mut self, ring: u32, enable: bool) -> io::Result<()> {
        self.queue(ring)?.set_ready(enable);
        let (queue, memory) = (&mut self.queues[ring as usize], &*self.memory);
        if enable && !queue.is_valid(memory) {
            return Err(io::Error::other(format!(
                "ring {ring} does not lie in the guest's memory"
            )));
        }
        if enable && self.notices == Notices::Unwanted {
            queue.disable_notification(memory).map_err(io::Error::other)?;
        }
        self.intact()
    }

    /// How many requests the driver has put into a ring and nobody has taken. It may go on while
    /// they are taken, so whoever takes no more than this comes to an end.
    pub fn offered(&self, ring: usize) -> io::Result<u16> {
        let queue = &self.queues[ring];
        if !queue.ready() {
            return Ok(0);
        }
        let available = queue.avail_idx(&*self.memory, Ordering::Acquire);
        let offered = available.map_err(io::Error::other)?.0.wrapping_sub(queue.next_avail());
        self.intact()?;
        if offered > queue.size() {
            return Err(io::Error::other(format!("ring {ring} holds more than it has room for")));
        }
        Ok(offered)
    }

    /// The driver's next request on a ring. It has no more of them open than the ring has room for,
    /// or else they would fill our memory.
    pub fn next(&mut self, ring: usize) -> io::Result<Option<Chain>> {
        // Most looks find nothing: spare them the clone.
        if self.offered(ring)? == 0 {
            return Ok(None);
        }
        if self.open[ring] >= self.queues[ring].size() {
            return Err(io::Error::other(format!("ring {ring} has more requests than it holds")));
        }
        let chain = self.queues[ring].pop_descriptor_chain(Arc::clone(&self.memory));
        self.open[ring] += u16::from(chain.is_some());
        self.intact().map(|()| chain)
    }

    /// Gives a chain back to the driver, with `len` bytes written into it.
    pub fn give_back(&mut self, ring: usize, head: u16, len: u32) -> io::Result<()> {
        self.open[ring] = self.open[ring].saturating_sub(1);
        let given = self.queues[ring].add_used(&*self.memory, head, len);
        self.intact().and(given.map_err(io::Error::other))
    }

    /// What was read in the guest's memory is the guest's, and what was written is there.
    fn intact(&self) -> io::Result<()> {
        match memory::is_lost(&self.memory) {
            false => Ok(()),
            true => {
                Err(io::Error::other("it has cut its memory short, or there is no room for it"))
            }
        }
    }

    /// Interrupts the driver, unless it does not want to be. True when it was interrupted.
    ///
    /// No reply is asked for: the message raises SIGIO in the kernel before the RUN that follows
    /// can be read, so the interrupt is always queued first. With `acknowledged` it waits until
    /// the kernel says so: see [`crate::site::node::Machine::is_computing`].
    pub fn interrupt(
        &mut self,
        ring: usize,
        acknowledged: bool,
        patience: &Patience,
    ) -> Result<bool, Failure> {
        let available = GuestAddress(self.queues[ring].avail_ring());
        let flags: u16 = self.memory.load(available, Ordering::SeqCst).map_err(io::Error::other)?;
        self.intact()?;
        if flags & NO_INTERRUPT != 0 {
            return Ok(false);
        }
        let Some(interrupts) = &self.interrupts else {
            return Ok(false);
        };
        let message = vhost_user::interrupt(ring as u32, acknowledged);
        if !send_all(interrupts, &message, patience)? {
            return Ok(false);
        }
        if acknowledged {
            receive_all(interrupts, &mut [0; INTERRUPT_LEN], patience)?;
        }
        Ok(true)
    }
}

/// Sends to a kernel that may be busy with other things. False when it has ended, which is then
/// told by its other sockets. The socket is one of the guest's making, so no option of it (such as
/// a timeout) can be relied on.
fn send_all(socket: &OwnedFd, message: &[u8], patience: &Patience) -> Result<bool, Failure> {
    let (mut rest, mut wait) = (message, patience.wait());
    loop {
        match exchange::send_now(socket.as_fd(), rest)? {
            Received::Whole(sent) => rest = &rest[sent..],
            Received::Part => wait.for_events(socket.as_fd(), PollFlags::POLLOUT)?,
            Received::End => return Ok(false),
        }
        if rest.is_empty() {
            return Ok(true);
        }
    }
}

/// Receives what a kernel owes. It was asked a moment ago, so it is waited for first.
fn receive_all(socket: &OwnedFd, buffer: &mut [u8], patience: &Patience) -> Result<(), Failure> {
    let (mut filled, mut wait) = (0, patience.wait());
    while filled < buffer.len() {
        wait.for_events(socket.as_fd(), PollFlags::POLLIN)?;
        match exchange::receive(socket, &mut buffer[filled..])? {
            Received::Whole(more) => filled += more,
            Received::Part => {}
            Received::End => return Err(io::Error::other("it acknowledges no interrupt").into()),
        }
    }
    Ok(())
}

fn set_addresses(queue: &mut Queue, descriptors: u64, used: u64, available: u64) -> io::Result<()> {
    queue.try_set_desc_table_address(GuestAddress(descriptors)).map_err(io::Error::other)?;
    queue.try_set_avail_ring_address(GuestAddress(available)).map_err(io::Error::other)?;
    queue.try_set_used_ring_address(GuestAddress(used)).map_err(io::Error::other)
}

#[cfg(test)]
pub(crate) mod tests;
