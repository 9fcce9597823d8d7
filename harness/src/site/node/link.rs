//! The harness's end of one of a node's devices: a virtio device of a kernel of the harness's own,
//! or a socket of a node that runs on the host's kernel.

use crate::site::exchange::{self, Received};
use crate::site::virtio::device::Device;
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

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

    /// When a part of a message came whose rest has not. Packets are whole, and of a stream any
    /// piece will do.
    pub fn begun(&self) -> Option<Instant> {
        match self {
            Link::Virtio(device) => device.begun(),
            Link::Socket(_) => None,
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
/// Most pieces that wait to be taken. Each is taken as soon as it has come, or else the control
/// channel is flooded and the node given up.
const RECEIVED_MAX: usize = 256;

impl Socket {
    pub fn new(stream: UnixStream) -> Socket {
        Socket { stream, received: VecDeque::new() }
    }

    fn serve(&mut self) -> io::Result<bool> {
        if self.received.len() >= RECEIVED_MAX {
            return Err(io::Error::other("it sends more than anybody takes"));
        }
        let mut packet = vec![0; PIECE_MAX];
        match exchange::receive(&self.stream, &mut packet)? {
            Received::Whole(length) => {
                packet.truncate(length);
                self.received.push_back(packet);
            }
            Received::Part => {}
            Received::End => return Ok(false),
        }
        Ok(true)
    }

    /// How many packets, or pieces of the stream, have come and were not taken.
    pub fn received(&self) -> usize {
        self.received.len()
    }

    /// The next packet, or piece of the stream.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.received.pop_front()
    }

    /// Sends what the node takes of this without a wait: so many bytes, or of packets all or none.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match exchange::send_now(self.stream.as_fd(), bytes)? {
            Received::Whole(sent) => Ok(sent),
            // That it has ended is heard at the next look.
            Received::Part | Received::End => Ok(0),
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
    fn a_node_that_sends_more_than_is_taken_is_given_up() {
        let (mut ours, mut theirs) = pair();
        for _ in 0..RECEIVED_MAX {
            theirs.send(b"frame").unwrap();
            assert!(ours.serve().unwrap());
        }
        theirs.send(b"frame").unwrap();
        assert!(ours.serve().is_err());
        assert!(ours.take().is_some() && ours.serve().unwrap());
    }

    #[test]
    fn a_node_that_does_not_listen_loses_packets_and_holds_nobody_up() {
        let (mut ours, _theirs) = pair();
        let sent = (0..10_000).take_while(|_| ours.send(&[0; 1500]).unwrap() > 0).count();
        assert!((1..10_000).contains(&sent), "{sent}");
    }
}
