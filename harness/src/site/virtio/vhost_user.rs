//! The vhost-user protocol as virtio_uml speaks it.
//!
//! Source: the vhost-user specification, and arch/um/drivers/virtio_uml.c of Linux 6.12.
//!
//! REPLY_ACK is not offered: an acknowledged message would cost the kernel two context switches,
//! and a message that nobody acknowledges still arrives in order.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::site::exchange::{self, Inbox, Received};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// Request codes, enum vhost_user_request.
pub mod request {
    pub const GET_FEATURES: u32 = 1;
    pub const SET_FEATURES: u32 = 2;
    pub const SET_MEM_TABLE: u32 = 5;
    pub const SET_VRING_NUM: u32 = 8;
    pub const SET_VRING_ADDR: u32 = 9;
    pub const GET_PROTOCOL_FEATURES: u32 = 15;
    pub const SET_VRING_ENABLE: u32 = 18;
    pub const SET_SLAVE_REQ_FD: u32 = 21;
    pub const GET_CONFIG: u32 = 24;
}

/// VHOST_USER_F_PROTOCOL_FEATURES
pub const F_PROTOCOL_FEATURES: u64 = 1 << 30;
/// SLAVE_REQ (interrupts come as messages), CONFIG, INBAND_NOTIFICATIONS.
pub const PROTOCOL_FEATURES: u64 = 1 << 5 | 1 << 9 | 1 << 14;

const VERSION: u32 = 1;
const FLAG_REPLY: u32 = 1 << 2;
const HEADER: usize = 12;
/// The longest payload that virtio_uml sends is a memory table of 72 bytes; SET_CONFIG may be
/// longer, but no device here has a configuration that can be written.
const PAYLOAD_MAX: usize = 512;
const FDS_MAX: usize = 8;
/// The most descriptors that can come at once (unix(7)).
const SCM_MAX_FD: usize = 253;

/// What a guest's driver said.
#[derive(Debug)]
pub enum Request {
    GetFeatures,
    GetProtocolFeatures,
    GetConfig {
        offset: u32,
        size: u32,
        flags: u32,
    },
    SetFeatures(u64),
    SetMemory {
        regions: Vec<MemoryRegion>,
        fds: Vec<OwnedFd>,
    },
    SetRingSize {
        ring: u32,
        size: u32,
    },
    SetRingAddress {
        ring: u32,
        descriptors: u64,
        used: u64,
        available: u64,
    },
    EnableRing {
        ring: u32,
        enable: bool,
    },
    /// Where the device sends its interrupts.
    SetInterrupts(OwnedFd),
    /// What needs no action: SET_OWNER, SET_PROTOCOL_FEATURES, a kick ...
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRegion {
    pub guest_address: u64,
    pub size: u64,
    pub user_address: u64,
    pub offset: u64,
}

/// A message that no driver of ours sends.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed vhost-user message: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// The requests of one driver.
#[derive(Default)]
pub struct Requests {
    /// Apart, since it is large and seldom needed.
    inbox: Box<Inbox<{ HEADER + PAYLOAD_MAX }>>,
    /// The descriptors that have come with the next one.
    fds: Vec<OwnedFd>,
}

impl Requests {
    /// What has come of the next request, without a wait for the rest.
    pub fn receive(&mut self, stream: &UnixStream) -> io::Result<Received<Request>> {
        let Requests { inbox, fds } = self;
        match inbox.fill(HEADER, |room| receive_with_fds(stream, room, fds))? {
            Received::Whole(()) => {}
            Received::Part => return Ok(Received::Part),
            Received::End => return Ok(Received::End),
        }
        let size = word(inbox.bytes(), 8) as usize;
        if size > PAYLOAD_MAX {
            return Err(io::Error::other(Malformed("payload too long")));
        }
        match inbox.fill(HEADER + size, |room| exchange::receive(stream, room))? {
            Received::Whole(()) => {}
            Received::Part => return Ok(Received::Part),
            Received::End => return Ok(Received::End),
        }
        let (header, payload) = inbox.bytes().split_at(HEADER);
        let request = parse(word(header, 0), &payload[..size], std::mem::take(fds));
        inbox.clear();
        request.map(Received::Whole).map_err(io::Error::other)
    }

    /// When a part of a request came whose rest has not.
    pub fn begun(&self) -> Option<Instant> {
        self.inbox.begun()
    }
}

/// Reads without a wait; descriptors that come along are put to `fds`.
fn receive_with_fds(
    stream: &UnixStream,
    buffer: &mut [u8],
    fds: &mut Vec<OwnedFd>,
) -> io::Result<Received<usize>> {
    // Room for as many as can come, since what has no room is lost but stays open.
    let mut space = cmsg_space!([RawFd; SCM_MAX_FD]);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = match recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut space), flags) {
        Ok(message) => message,
        Err(Errno::ECONNRESET) => return Ok(Received::End),
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(Received::Part),
        Err(errno) => return Err(errno.into()),
    };
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            // SAFETY: the kernel has just installed these descriptors for us alone.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    if fds.len() > FDS_MAX {
        return Err(io::Error::other(Malformed("too many descriptors")));
    }
    Ok(match message.bytes {
        0 => Received::End,
        length => Received::Whole(length),
    })
}

/// Understands one message. Hostile bytes are an error, never a panic.
pub fn parse(code: u32, payload: &[u8], fds: Vec<OwnedFd>) -> Result<Request, Malformed> {
    let need = |least: usize| {
        if payload.len() < least { Err(Malformed("payload too short")) } else { Ok(()) }
    };
    Ok(match code {
        request::GET_FEATURES => Request::GetFeatures,
        request::GET_PROTOCOL_FEATURES => Request::GetProtocolFeatures,
        request::SET_FEATURES => {
            need(8)?;
            Request::SetFeatures(long(payload, 0))
        }
        request::SET_MEM_TABLE => Request::SetMemory { regions: regions(payload)?, fds },
        request::SET_VRING_NUM => {
            need(8)?;
            Request::SetRingSize { ring: word(payload, 0), size: word(payload, 4) }
        }
        request::SET_VRING_ADDR => {
            need(40)?;
            Request::SetRingAddress {
                ring: word(payload, 0),
                descriptors: long(payload, 8),
                used: long(payload, 16),
                available: long(payload, 24),
            }
        }
        request::SET_VRING_ENABLE => {
            need(8)?;
            Request::EnableRing { ring: word(payload, 0), enable: word(payload, 4) != 0 }
        }
        request::SET_SLAVE_REQ_FD => {
            let fd = fds.into_iter().next().ok_or(Malformed("no descriptor"))?;
            Request::SetInterrupts(fd)
        }
        request::GET_CONFIG => {
            need(12)?;
            let (offset, size, flags) = (word(payload, 0), word(payload, 4), word(payload, 8));
            if size as usize > PAYLOAD_MAX {
                return Err(Malformed("configuration too long"));
            }
            Request::GetConfig { offset, size, flags }
        }
        _ => Request::Other,
    })
}

fn regions(payload: &[u8]) -> Result<Vec<MemoryRegion>, Malformed> {
    let short = Malformed("payload too short");
    let count = payload.get(..4).map(|_| word(payload, 0)).ok_or(short)? as usize;
    if count > FDS_MAX {
        return Err(Malformed("too many memory regions"));
    }
    let table = payload.get(8..8 + 32 * count).ok_or(Malformed("payload too short"))?;
    Ok(table
        .chunks_exact(32)
        .map(|entry| MemoryRegion {
            guest_address: long(entry, 0),
            size: long(entry, 8),
            user_address: long(entry, 16),
            offset: long(entry, 24),
        })
        .collect())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// A reply that carries one number.
pub fn reply_number(code: u32, value: u64) -> Vec<u8> {
    reply(code, &value.to_le_bytes())
}

/// The reply to GET_CONFIG: the request's own header fields, then the bytes asked for.
pub fn reply_config(offset: u32, size: u32, flags: u32, config: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(12 + size as usize);
    for field in [offset, size, flags] {
        payload.extend_from_slice(&field.to_le_bytes());
    }
    let start = (offset as usize).min(config.len());
    payload.extend_from_slice(&config[start..config.len().min(start + size as usize)]);
    payload.resize(12 + size as usize, 0);
    reply(request::GET_CONFIG, &payload)
}

fn reply(code: u32, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + payload.len());
    for field in [code, VERSION | FLAG_REPLY, payload.len() as u32] {
        message.extend_from_slice(&field.to_le_bytes());
    }
    message.extend_from_slice(payload);
    message
}

/// Bytes of an interrupt, and of the kernel's reply to one.
pub const INTERRUPT_LEN: usize = HEADER + 8;

/// VHOST_USER_SLAVE_VRING_CALL: ring `ring` has something for the driver. With `reply` the kernel
/// acknowledges that it has queued the interrupt.
pub fn interrupt(ring: u32, reply: bool) -> [u8; INTERRUPT_LEN] {
    const SLAVE_VRING_CALL: u32 = 4;
    const FLAG_NEED_REPLY: u32 = 1 << 3;
    let flags = VERSION | if reply { FLAG_NEED_REPLY } else { 0 };
    let mut message = [0; INTERRUPT_LEN];
    for (at, field) in [SLAVE_VRING_CALL, flags, 8, ring, 0].into_iter().enumerate() {
        message[4 * at..4 * at + 4].copy_from_slice(&field.to_le_bytes());
    }
    message
}
