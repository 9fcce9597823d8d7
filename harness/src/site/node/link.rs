//! The harness's end of one of a node's devices: a virtio device of a kernel of the harness's own,
//! or a socket of a node that runs on the host's kernel.

use crate::site::virtio::device::Device;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

pub enum Link {
    Virtio(Device),
    Socket(Socket),
}

impl Link {
    /// Serves what has come; false when the node has ended.
    pub fn serve(&mut self) -> io::Result<bool> {
        match self {
            Link::Virtio(device) => device.serve(),
            Link::Socket(socket) => socket.serve(),
        }
    }

    pub fn stream(&self) -> &UnixStream {
        match self {
            Link::Virtio(device) => device.stream(),
            Link::Socket(socket) => &socket.stream,
        }
    }

    /// The device, of a kernel of the harness's own.
    pub fn virtio(&mut self) -> Option<&mut Device> {
        match self {
            Link::Virtio(device) => Some(device),
            Link::Socket(_) => None,
        }
    }
}

/// Carries frames, one a packet (SOCK_SEQPACKET, unix(7)), or the stream of the control channel.
pub struct Socket {
    stream: UnixStream,
    received: VecDeque<Vec<u8>>,
}

/// More than any frame; of a stream, a piece (bytes).
const PIECE_MAX: usize = 16 << 10;

impl Socket {
    pub fn new(stream: UnixStream) -> Socket {
        Socket { stream, received: VecDeque::new() }
    }

    fn serve(&mut self) -> io::Result<bool> {
        let mut packet = vec![0; PIECE_MAX];
        match recv(self.stream.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT) {
            Ok(0) | Err(Errno::ECONNRESET) => return Ok(false),
            Ok(length) => {
                packet.truncate(length);
                self.received.push_back(packet);
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(true)
    }

    /// The next packet, or piece of the stream.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.received.pop_front()
    }

    /// Sends what the node takes of this without a wait: so many bytes, or of packets all or none.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match send(self.stream.as_raw_fd(), bytes, flags) {
            Ok(sent) => Ok(sent),
            // That it has ended is heard at the next look.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::EPIPE | Errno::ECONNRESET) => Ok(0),
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    fn pair() -> (Socket, Socket) {
        let (kind, flags) = (SockType::SeqPacket, SockFlag::SOCK_CLOEXEC);
        let (one, other) = socketpair(AddressFamily::Unix, kind, None, flags).unwrap();
        (Socket::new(one.into()), Socket::new(other.into()))
    }

    #[test]
    fn packets_arrive_whole_and_in_order_until_the_node_ends() {
        let (mut ours, mut theirs) = pair();
        assert!(
            ours.serve().unwrap() && ours.take().is_none(),
            "nothing has come, and nobody waits"
        );
        for packet in [&b"one"[..], b"two"] {
            assert_eq!(theirs.send(packet).unwrap(), packet.len());
            assert!(ours.serve().unwrap());
        }
        drop(theirs);
        assert!(!ours.serve().unwrap());
        assert_eq!(ours.take().as_deref(), Some(&b"one"[..]));
        assert_eq!(ours.take().as_deref(), Some(&b"two"[..]));
        assert_eq!(ours.take(), None);
        assert_eq!(ours.send(b"to nobody").unwrap(), 0);
    }

    #[test]
    fn a_node_that_does_not_listen_loses_packets_and_holds_nobody_up() {
        let (mut ours, _theirs) = pair();
        let sent = (0..10_000).take_while(|_| ours.send(&[0; 1500]).unwrap() > 0).count();
        assert!((1..10_000).contains(&sent), "{sent}");
    }
}
