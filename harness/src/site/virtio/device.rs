//! One device of a node: its rings, its memory, its interrupts.
//!
//! On the virtual clock the rings are polled, never kicked. The driver is told not to notify
//! (VRING_USED_F_NO_NOTIFY), and the site looks into every ring when the node's slice of time has
//! ended. A kick would cost two context switches and bring nothing: no other node runs before the
//! slice has ended. On the real clock a kick is how the site learns that there is something.

use super::vhost_user::{self, MemoryRegion, Request, request};
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::{TimeVal, TimeValLike};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use virtio_queue::{DescriptorChain, Queue, QueueT};
use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryMmap};

/// virtio_uml creates rings of this size.
const RING_SIZE_MAX: u16 = 256;
/// VIRTIO_F_VERSION_1: the layouts of virtio 1.0 and later.
const F_VERSION_1: u64 = 1 << 32;
/// VRING_AVAIL_F_NO_INTERRUPT
const NO_INTERRUPT: u16 = 1;

/// How long a kernel may take to acknowledge an interrupt, in seconds of wall time. It only has to
/// note it down.
const ACKNOWLEDGED_WITHIN_S: i64 = 60;

/// A request of the driver: a chain of buffers in guest memory.
pub type Chain = DescriptorChain<Arc<GuestMemoryMmap>>;

/// Whether the driver is to tell that it has put something into a ring (a kick).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    Wanted,
    Unwanted,
}

pub struct Device {
    stream: UnixStream,
    notices: Notices,
    interrupts: Option<File>,
    memory: Arc<GuestMemoryMmap>,
    queues: Vec<Queue>,
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
        let (interrupts, memory) = (None, Arc::default());
        Ok(Device { stream, notices, interrupts, memory, queues, features, config })
    }

    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub fn memory(&self) -> &GuestMemoryMmap {
        &self.memory
    }

    /// Serves one request of the driver; false when the kernel has ended. Requests that make no
    /// sense are errors: the node is then beyond help, but the harness is not.
    pub fn serve(&mut self) -> io::Result<bool> {
        let Some(request) = vhost_user::receive(&self.stream)? else {
            return Ok(false);
        };
        match request {
            Request::GetFeatures => self.answer(request::GET_FEATURES, self.features)?,
            Request::GetProtocolFeatures => {
                self.answer(request::GET_PROTOCOL_FEATURES, vhost_user::PROTOCOL_FEATURES)?;
            }
            Request::GetConfig { offset, size, flags } => {
                let reply = vhost_user::reply_config(offset, size, flags, &self.config);
                (&self.stream).write_all(&reply)?;
            }
            Request::SetMemory { regions, fds } => self.memory = Arc::new(map(&regions, fds)?),
            Request::SetInterrupts(fd) => {
                setsockopt(&fd, ReceiveTimeout, &TimeVal::seconds(ACKNOWLEDGED_WITHIN_S))?;
                self.interrupts = Some(File::from(fd));
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

    fn answer(&self, code: u32, value: u64) -> io::Result<()> {
        (&self.stream).write_all(&vhost_user::reply_number(code, value))
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
        Ok(())
    }

    /// The driver's next request on a ring.
    pub fn next(&mut self, ring: usize) -> Option<Chain> {
        let queue = &mut self.queues[ring];
        if !queue.ready() {
            return None;
        }
        // Most looks find nothing: spare them the clone.
        let available = queue.avail_idx(&*self.memory, Ordering::Acquire).ok()?;
        if available.0 == queue.next_avail() {
            return None;
        }
        queue.pop_descriptor_chain(Arc::clone(&self.memory))
    }

    /// Gives a chain back to the driver, with `len` bytes written into it.
    pub fn give_back(&mut self, ring: usize, head: u16, len: u32) -> io::Result<()> {
        self.queues[ring].add_used(&*self.memory, head, len).map_err(io::Error::other)
    }

    /// Interrupts the driver, unless it does not want to be. True when it was interrupted.
    ///
    /// No reply is asked for: the message raises SIGIO in the kernel before the RUN that follows
    /// can be read, so the interrupt is always queued first. With `acknowledged` it waits until
    /// the kernel says so: see [`crate::site::node::Machine::is_computing`].
    pub fn interrupt(&mut self, ring: usize, acknowledged: bool) -> io::Result<bool> {
        let available = GuestAddress(self.queues[ring].avail_ring());
        let flags: u16 = self.memory.load(available, Ordering::SeqCst).map_err(io::Error::other)?;
        if flags & NO_INTERRUPT != 0 {
            return Ok(false);
        }
        let Some(interrupts) = &mut self.interrupts else {
            return Ok(false);
        };
        interrupts.write_all(&vhost_user::interrupt(ring as u32, acknowledged))?;
        if acknowledged {
            interrupts.read_exact(&mut [0; vhost_user::INTERRUPT_LEN]).map_err(unacknowledged)?;
        }
        Ok(true)
    }
}

fn unacknowledged(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            let within = ACKNOWLEDGED_WITHIN_S;
            io::Error::other(format!("it has not acknowledged an interrupt within {within} s"))
        }
        _ => error,
    }
}

fn set_addresses(queue: &mut Queue, descriptors: u64, used: u64, available: u64) -> io::Result<()> {
    queue.try_set_desc_table_address(GuestAddress(descriptors)).map_err(io::Error::other)?;
    queue.try_set_avail_ring_address(GuestAddress(available)).map_err(io::Error::other)?;
    queue.try_set_used_ring_address(GuestAddress(used)).map_err(io::Error::other)
}

fn map(regions: &[MemoryRegion], fds: Vec<OwnedFd>) -> io::Result<GuestMemoryMmap> {
    let ranges = regions
        .iter()
        .zip(fds)
        .map(|(region, fd)| {
            let file = File::from(fd);
            let size = size_within(region, &file)?;
            let offset = FileOffset::new(file, region.offset);
            Ok((GuestAddress(region.guest_address), size, Some(offset)))
        })
        .collect::<io::Result<Vec<_>>>()?;
    GuestMemoryMmap::from_ranges_with_files(ranges).map_err(io::Error::other)
}

/// The region's size, if its file is so long: beyond a file's end there is a mapping, but no
/// memory, and who touches it is killed (SIGBUS).
fn size_within(region: &MemoryRegion, file: &File) -> io::Result<usize> {
    let end = region.offset.checked_add(region.size);
    let length = file.metadata()?.len();
    if end.is_none_or(|end| end > length) {
        return Err(io::Error::other("a memory region is longer than its file"));
    }
    usize::try_from(region.size).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
