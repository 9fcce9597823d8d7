//! The time-travel protocol of User Mode Linux, in its shared-memory mode.
//!
//! Source: include/uapi/linux/um_timetravel.h and arch/um/kernel/time.c of Linux 6.12.
//!
//! A kernel keeps its request ("run me at this time") and its view of the clock in a segment of
//! shared memory, so that only two messages are left in steady state: RUN to the kernel, WAIT
//! from it. Every kernel gets a segment of its own rather than one for all: a hostile guest
//! cannot touch another one's clock, and a node's clock can stand still while the site's runs.

use crate::site::exchange::{self, Inbox, Received};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::Instant;
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory};

/// One message of the protocol: 16 bytes in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub op: u32,
    pub seq: u32,
    pub time: u64,
}

/// Operation codes, enum um_timetravel_ops.
pub mod op {
    pub const ACK: u32 = 0;
    pub const START: u32 = 1;
    pub const REQUEST: u32 = 2;
    pub const WAIT: u32 = 3;
    pub const GET: u32 = 4;
    pub const UPDATE: u32 = 5;
    pub const RUN: u32 = 6;
    pub const GET_TOD: u32 = 8;
}

pub const MESSAGE_LEN: usize = 16;

impl Message {
    pub fn from_bytes(bytes: [u8; MESSAGE_LEN]) -> Message {
        let [a, b, c, d, e, f, g, h, time @ ..] = bytes;
        Message {
            op: u32::from_ne_bytes([a, b, c, d]),
            seq: u32::from_ne_bytes([e, f, g, h]),
            time: u64::from_ne_bytes(time),
        }
    }

    pub fn to_bytes(self) -> [u8; MESSAGE_LEN] {
        let mut bytes = [0; MESSAGE_LEN];
        bytes[..4].copy_from_slice(&self.op.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.seq.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.time.to_ne_bytes());
        bytes
    }

    /// Sends the message to a kernel that waits for it; false when the kernel has ended.
    pub fn send(self, stream: &UnixStream) -> io::Result<bool> {
        exchange::tell(stream, &self.to_bytes())
    }
}

/// The messages of one kernel.
#[derive(Default)]
pub struct Messages(Inbox<MESSAGE_LEN>);

impl Messages {
    /// What has come of the next message, without a wait for the rest.
    pub fn receive(&mut self, stream: &UnixStream) -> io::Result<Received<Message>> {
        let received = self.0.fill(MESSAGE_LEN, |room| exchange::receive(stream, room))?;
        Ok(received.map(|()| {
            let message = Message::from_bytes(*self.0.bytes());
            self.0.clear();
            message
        }))
    }

    /// When a part of a message came whose rest has not.
    pub fn begun(&self) -> Option<Instant> {
        self.0.begun()
    }
}

/// struct um_timetravel_schedshm: a header page, then one entry of 128 bytes a client.
mod layout {
    pub const VERSION: usize = 0;
    pub const LEN: usize = 4;
    pub const FREE_UNTIL: usize = 8;
    pub const CURRENT_TIME: usize = 16;
    pub const RUNNING_ID: usize = 24;
    pub const MAX_CLIENTS: usize = 26;
    pub const HEADER: usize = 4096;
    pub const ENTRY: usize = 128;
    pub const FLAGS: usize = 4;
    pub const REQ_TIME: usize = 8;

    pub const SCHEDSHM_VERSION: u32 = 2;
    /// UM_TIMETRAVEL_SCHEDSHM_FLAGS_REQ_RUN
    pub const REQ_RUN: u32 = 1;
}

/// The one kernel in its segment; entry 0 would be the calendar's.
const CLIENT: u16 = 1;
const SEGMENT_LEN: usize = layout::HEADER + 2 * layout::ENTRY;

/// One kernel's segment of shared memory. What the kernel writes there is only ever read as
/// plain numbers: a guest that scribbles on it harms its own clock.
pub struct Segment {
    file: File,
    region: MmapRegion,
}

impl Segment {
    pub fn new() -> io::Result<Segment> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = File::from(memfd_create("lockstorm-clock", flags)?);
        file.set_len(SEGMENT_LEN as u64)?;
        // The other end must not take the memory away from under us.
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL))?;
        let region = MmapRegion::from_file(FileOffset::new(file.try_clone()?, 0), SEGMENT_LEN)
            .map_err(io::Error::other)?;
        let segment = Segment { file, region };
        segment.store(layout::SCHEDSHM_VERSION, layout::VERSION);
        segment.store(SEGMENT_LEN as u32, layout::LEN);
        segment.store(CLIENT, layout::RUNNING_ID);
        segment.store(CLIENT + 1, layout::MAX_CLIENTS);
        Ok(segment)
    }

    /// Answers START: hands the segment over, with the clock at `now`. From here on the kernel's
    /// own clock counts from this moment. False when the kernel has ended.
    pub fn hand_over(&self, stream: &UnixStream, start: Message, now: u64) -> io::Result<bool> {
        self.set_now(now);
        self.set_free_until(now);
        // The second descriptor is for a log that kernels do not write yet.
        let log: OwnedFd = File::open("/dev/null")?.into();
        let fds = [self.file.as_raw_fd(), log.as_raw_fd()];
        let ack = Message { op: op::ACK, seq: start.seq, time: u64::from(CLIENT) }.to_bytes();
        let control = [ControlMessage::ScmRights(&fds)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&ack)], &control, flags, None) {
            Ok(_) => Ok(true),
            Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    pub fn set_now(&self, now: u64) {
        self.store(now, layout::CURRENT_TIME);
    }

    /// The kernel may let its own time pass, without asking, while it stays below `until`.
    pub fn set_free_until(&self, until: u64) {
        self.store(until, layout::FREE_UNTIL);
    }

    /// When the kernel wants to run next; `None`: only when something happens to it.
    pub fn request(&self) -> Option<u64> {
        let entry = layout::HEADER + usize::from(CLIENT) * layout::ENTRY;
        let flags: u32 = self.load(entry + layout::FLAGS);
        (flags & layout::REQ_RUN != 0).then(|| self.load(entry + layout::REQ_TIME))
    }

    fn store<T: vm_memory::AtomicAccess>(&self, value: T, offset: usize) {
        self.region
            .as_volatile_slice()
            .store(value, offset, Ordering::SeqCst)
            .expect("the layout lies within the segment");
    }

    fn load<T: vm_memory::AtomicAccess>(&self, offset: usize) -> T {
        self.region
            .as_volatile_slice()
            .load(offset, Ordering::SeqCst)
            .expect("the layout lies within the segment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn a_kernel_without_a_request_waits_for_ever() {
        assert_eq!(Segment::new().unwrap().request(), None);
    }

    #[test]
    fn a_request_is_read_where_the_kernel_writes_it() {
        let segment = Segment::new().unwrap();
        let entry = layout::HEADER + usize::from(CLIENT) * layout::ENTRY;
        segment.store(77u64, entry + layout::REQ_TIME);
        assert_eq!(segment.request(), None);
        segment.store(layout::REQ_RUN, entry + layout::FLAGS);
        assert_eq!(segment.request(), Some(77));
    }

    #[test]
    fn start_is_answered_with_the_segment_and_a_clock_at_zero() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let segment = Segment::new().unwrap();
        segment.set_now(5);
        let start = Message { op: op::START, seq: 9, time: 1 };
        assert!(segment.hand_over(&ours, start, 0).unwrap());
        let ack = Messages::default().receive(&theirs).unwrap();
        let expected = Message { op: op::ACK, seq: 9, time: u64::from(CLIENT) };
        assert_eq!(ack, Received::Whole(expected));
        assert_eq!(segment.load::<u64>(layout::CURRENT_TIME), 0);
    }

    #[test]
    fn a_kernel_that_is_gone_is_no_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(Messages::default().receive(&ours).unwrap(), Received::End);
        let run = Message { op: op::RUN, seq: 1, time: 0 };
        assert!(!run.send(&ours).unwrap());
        let start = Message { op: op::START, seq: 1, time: 0 };
        assert!(!Segment::new().unwrap().hand_over(&ours, start, 0).unwrap());
    }

    #[test]
    fn the_rest_of_a_message_is_waited_for_by_nobody() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut messages = Messages::default();
        let wait = Message { op: op::WAIT, seq: 7, time: u64::MAX };
        for _ in 0..2 {
            let bytes = wait.to_bytes();
            for part in [&bytes[..5], &bytes[5..15]] {
                theirs.write_all(part).unwrap();
                assert_eq!(messages.receive(&ours).unwrap(), Received::Part);
                assert_eq!(messages.receive(&ours).unwrap(), Received::Part);
            }
            theirs.write_all(&bytes[15..]).unwrap();
            assert_eq!(messages.receive(&ours).unwrap(), Received::Whole(wait));
        }
        theirs.write_all(&[1]).unwrap();
        drop(theirs);
        assert_eq!(messages.receive(&ours).unwrap(), Received::Part);
        assert_eq!(messages.receive(&ours).unwrap(), Received::End);
    }

    #[test]
    fn a_kernel_that_reads_nothing_holds_nobody_up() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let run = Message { op: op::RUN, seq: 1, time: 0 };
        let refused = (0..100_000).find_map(|_| run.send(&ours).err());
        assert!(refused.expect("room is limited").to_string().contains("does not read"));
    }

    proptest! {
        #[test]
        fn a_message_survives_its_bytes(
            op in any::<u32>(), seq in any::<u32>(), time in any::<u64>()
        ) {
            let message = Message { op, seq, time };
            prop_assert_eq!(Message::from_bytes(message.to_bytes()), message);
        }
    }
}
