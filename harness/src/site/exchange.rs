//! Exchanges with a guest, which may leave out anything: the rest of a message, an answer, the
//! reading of what it is sent. Nothing here waits for it longer than [`Patience`] allows, nor past
//! Ctrl-C.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How often a wait looks whether it should be given up.
pub const LOOK: Duration = Duration::from_millis(100);

/// What bounds a wait for a guest, in wall time.
pub struct Patience<'a> {
    pub limit: Duration,
    pub interrupted: &'a dyn Fn() -> bool,
}

impl Patience<'_> {
    /// A wait that is bounded by this.
    pub fn wait(&self) -> Wait<'_> {
        Wait { patience: self, since: None }
    }
}

/// A wait that has begun. The clock is read at the first look, so that a wait which is over at once
/// costs nothing.
pub struct Wait<'p> {
    patience: &'p Patience<'p>,
    since: Option<Instant>,
}

impl Wait<'_> {
    /// Whether to wait on; an error when it should be given up.
    pub fn look(&mut self) -> Result<(), Failure> {
        if (self.patience.interrupted)() {
            return Err(Failure::Interrupted);
        }
        match self.since.get_or_insert_with(Instant::now).elapsed() >= self.patience.limit {
            true => Err(Failure::Stuck),
            false => Ok(()),
        }
    }

    /// Waits until there is something to read, or room to write, for one look at most.
    pub fn for_events(&mut self, fd: BorrowedFd, events: PollFlags) -> Result<(), Failure> {
        self.look()?;
        let timeout = PollTimeout::try_from(LOOK).expect("a short time");
        match poll(&mut [PollFd::new(fd, events)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(Failure::Host(errno.into())),
        }
    }
}

/// Why an exchange with a guest came to nothing.
#[derive(Debug, Error)]
pub enum Failure {
    /// It said what makes no sense, or took away what its devices work on.
    #[error(transparent)]
    Misuse(#[from] io::Error),
    /// It neither pauses nor ends, nor does it finish what it has begun to say.
    #[error("it neither pauses nor ends")]
    Stuck,
    /// The user wants the harness to stop.
    #[error("interrupted")]
    Interrupted,
    /// It is not the guest's fault.
    #[error(transparent)]
    Host(io::Error),
}

/// What has come of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<T> {
    Whole(T),
    /// A part, or nothing: the rest is still to come.
    Part,
    /// The guest has ended.
    End,
}

impl<T> Received<T> {
    /// The same of what the whole of it means.
    pub fn map<U>(self, meaning: impl FnOnce(T) -> U) -> Received<U> {
        match self {
            Received::Whole(whole) => Received::Whole(meaning(whole)),
            Received::Part => Received::Part,
            Received::End => Received::End,
        }
    }
}

/// A message that comes in, of at most `N` bytes: what has come of it is kept until the rest has.
pub struct Inbox<const N: usize> {
    bytes: [u8; N],
    filled: usize,
    begun: Option<Instant>,
}

impl<const N: usize> Default for Inbox<N> {
    fn default() -> Self {
        Inbox { bytes: [0; N], filled: 0, begun: None }
    }
}

impl<const N: usize> Inbox<N> {
    /// Reads on until the first `length` bytes are there; `read` is asked once at most.
    pub fn fill(
        &mut self,
        length: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<Received<usize>>,
    ) -> io::Result<Received<()>> {
        if self.filled < length {
            match read(&mut self.bytes[self.filled..length])? {
                Received::Whole(more) => self.filled += more,
                Received::Part => {}
                Received::End => return Ok(Received::End),
            }
        }
        if self.filled >= length {
            return Ok(Received::Whole(()));
        }
        if self.filled > 0 {
            self.begun.get_or_insert_with(Instant::now);
        }
        Ok(Received::Part)
    }

    /// What has come so far, zeroes behind it.
    pub fn bytes(&self) -> &[u8; N] {
        &self.bytes
    }

    /// The message has been understood; the next one may come.
    pub fn clear(&mut self) {
        (self.filled, self.begun) = (0, None);
    }

    /// When a part came whose rest has not.
    pub fn begun(&self) -> Option<Instant> {
        self.begun
    }
}

/// What there is to read: up to so many bytes, without a wait.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received<usize>> {
    match recv(socket.as_fd().as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
        Ok(0) | Err(Errno::ECONNRESET) => Ok(Received::End),
        Ok(length) => Ok(Received::Whole(length)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(Received::Part),
        Err(errno) => Err(errno.into()),
    }
}

/// Sends a message to a guest that waits for it, and so has room for it; false when it has ended.
/// A guest that has no room has not read what it was sent before.
pub fn tell(socket: impl AsFd, message: &[u8]) -> io::Result<bool> {
    match send_now(socket.as_fd(), message)? {
        Received::Whole(sent) if sent == message.len() => Ok(true),
        Received::Whole(_) | Received::Part => {
            Err(io::Error::other("it does not read the answers to what it asks"))
        }
        Received::End => Ok(false),
    }
}

/// Sends what there is room for, without a wait.
pub fn send_now(socket: BorrowedFd, message: &[u8]) -> io::Result<Received<usize>> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    match send(socket.as_raw_fd(), message, flags) {
        Ok(sent) => Ok(Received::Whole(sent)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(Received::Part),
        Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(Received::End),
        Err(errno) => Err(errno.into()),
    }
}
