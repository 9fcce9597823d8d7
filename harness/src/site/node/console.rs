//! The control channel's transport: a virtio console with one port (virtio 1.2, section 5.3), or a
//! node's socket.

use super::link::{Link, Socket};
use crate::site::exchange::{Failure, Patience};
use crate::site::virtio::device::Device;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::mem;

/// VIRTIO_CONSOLE_F_MULTIPORT: ports are byte streams, not terminals.
pub const F_MULTIPORT: u64 = 1 << 1;
pub const RINGS: usize = 4;
const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
const CONTROL_RECEIVE: usize = 2;
const CONTROL_TRANSMIT: usize = 3;

/// struct virtio_console_control's events.
const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_READY: u16 = 3;
const PORT_OPEN: u16 = 6;

/// Most bytes taken from one buffer of the guest, and most bytes of a line that has not ended.
const CHUNK_MAX: u64 = 1 << 16;
const LINE_MAX: usize = 1 << 18;
/// Most lines that a node writes between two looks: its agent waits for each buffer to be taken.
const LINES_MAX: usize = 1 << 14;
/// Most bytes that wait for the node: it is told one thing at a time, and each is a line.
const OUTGOING_MAX: usize = 1 << 20;
/// Most control messages that the guest is owed: its driver asks for each once.
const OWED_MAX: usize = 16;

/// cols, rows, max_nr_ports, emerg_wr.
pub fn config() -> Vec<u8> {
    [80u16.to_le_bytes(), 25u16.to_le_bytes(), 1u16.to_le_bytes(), [0; 2], [0; 2], [0; 2]].concat()
}

/// The harness's end of the port.
#[derive(Default)]
pub struct Console {
    partial: Vec<u8>,
    outgoing: VecDeque<u8>,
    /// Control messages that the guest is owed.
    owed: VecDeque<[u8; 8]>,
}

/// The guest sent what is no line, or more lines than it can have a reason for.
#[derive(Debug, PartialEq, Eq)]
pub struct Flood;

impl Console {
    /// Takes what the node has written and answers the whole lines in it.
    pub fn collect(&mut self, link: &mut Link) -> io::Result<Result<Vec<Vec<u8>>, Flood>> {
        if let Link::Virtio(device) = link {
            self.serve_control(device)?;
        }
        let pieces = match link {
            Link::Virtio(device) => usize::from(device.offered(TRANSMIT)?),
            Link::Socket(socket) => socket.received(),
        };
        let mut lines = Vec::new();
        for _ in 0..pieces {
            if !self.take_piece(link)? {
                break;
            }
            self.split_lines(&mut lines);
            if self.partial.len() > LINE_MAX || lines.len() > LINES_MAX {
                return Ok(Err(Flood));
            }
        }
        Ok(Ok(lines))
    }

    /// Takes one piece of what the node has written; false when there is none.
    fn take_piece(&mut self, link: &mut Link) -> io::Result<bool> {
        match link {
            Link::Virtio(device) => {
                let Some(chain) = device.next(TRANSMIT)? else {
                    return Ok(false);
                };
                let head = chain.head_index();
                if let Ok(reader) = chain.reader(device.memory()) {
                    reader.take(CHUNK_MAX).read_to_end(&mut self.partial)?;
                }
                device.give_back(TRANSMIT, head, 0)?;
                Ok(true)
            }
            Link::Socket(socket) => {
                let piece = socket.take();
                self.partial.extend(piece.iter().flatten());
                Ok(piece.is_some())
            }
        }
    }

    fn split_lines(&mut self, lines: &mut Vec<Vec<u8>>) {
        let Some(end) = self.partial.iter().rposition(|&byte| byte == b'\n') else {
            return;
        };
        let rest = self.partial.split_off(end + 1);
        let whole = mem::replace(&mut self.partial, rest);
        let split = whole[..end].split(|&byte| byte == b'\n');
        // One more than there may be is enough to tell.
        let room = (LINES_MAX + 1).saturating_sub(lines.len());
        lines.extend(split.take(room).map(<[u8]>::to_vec));
    }

    /// Answers the driver's start-up: it has a port, and the port's other end is open.
    fn serve_control(&mut self, device: &mut Device) -> io::Result<()> {
        for _ in 0..device.offered(CONTROL_TRANSMIT)? {
            let Some(chain) = device.next(CONTROL_TRANSMIT)? else {
                break;
            };
            let head = chain.head_index();
            let mut message = [0; 8];
            let whole = chain
                .reader(device.memory())
                .is_ok_and(|mut reader| reader.read_exact(&mut message).is_ok());
            device.give_back(CONTROL_TRANSMIT, head, 0)?;
            match u16::from_le_bytes([message[4], message[5]]) {
                DEVICE_READY if whole => self.owed.push_back(control(PORT_ADD)),
                PORT_READY if whole => self.owed.push_back(control(PORT_OPEN)),
                _ => {}
            }
            if self.owed.len() > OWED_MAX {
                return Err(io::Error::other("its console's driver starts up without end"));
            }
        }
        Ok(())
    }

    /// Something waits to be delivered.
    pub fn has_pending(&self) -> bool {
        !self.owed.is_empty() || !self.outgoing.is_empty()
    }

    /// Queues bytes for the guest. An error when it takes none of them.
    pub fn queue(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.outgoing.len() + bytes.len() > OUTGOING_MAX {
            return Err(io::Error::other("it does not take what its agent is told"));
        }
        self.outgoing.extend(bytes);
        Ok(())
    }

    /// Hands over what waits. True when a driver was interrupted.
    pub fn deliver(
        &mut self,
        link: &mut Link,
        acknowledged: bool,
        patience: &Patience,
    ) -> Result<bool, Failure> {
        match link {
            Link::Virtio(device) => self.fill_buffers(device, acknowledged, patience),
            Link::Socket(socket) => Ok(self.send(socket).map(|()| false)?),
        }
    }

    fn send(&mut self, socket: &mut Socket) -> io::Result<()> {
        let sent = socket.send(self.outgoing.make_contiguous())?;
        self.outgoing.drain(..sent);
        Ok(())
    }

    /// Puts what waits into the guest's buffers. True when the driver was interrupted.
    fn fill_buffers(
        &mut self,
        device: &mut Device,
        acknowledged: bool,
        patience: &Patience,
    ) -> Result<bool, Failure> {
        let mut wake = false;
        while let Some(message) = self.owed.front() {
            if !fill(device, CONTROL_RECEIVE, message)? {
                break;
            }
            self.owed.pop_front();
            wake |= device.interrupt(CONTROL_RECEIVE, acknowledged, patience)?;
        }
        let mut filled = false;
        for _ in 0..device.offered(RECEIVE)? {
            if self.outgoing.is_empty() {
                break;
            }
            let Some(chain) = device.next(RECEIVE)? else {
                break;
            };
            let head = chain.head_index();
            let mut written = 0;
            if let Ok(mut writer) = chain.writer(device.memory()) {
                let room = writer.available_bytes().min(self.outgoing.len());
                let bytes: Vec<u8> = self.outgoing.drain(..room).collect();
                writer.write_all(&bytes)?;
                written = room as u32;
            }
            device.give_back(RECEIVE, head, written)?;
            filled = true;
        }
        if filled {
            wake |= device.interrupt(RECEIVE, acknowledged, patience)?;
        }
        Ok(wake)
    }
}

fn control(event: u16) -> [u8; 8] {
    let mut message = [0; 8];
    message[4..6].copy_from_slice(&event.to_le_bytes());
    message[6..].copy_from_slice(&1u16.to_le_bytes());
    message
}

fn fill(device: &mut Device, ring: usize, bytes: &[u8]) -> io::Result<bool> {
    let Some(chain) = device.next(ring)? else {
        return Ok(false);
    };
    let head = chain.head_index();
    let written = match chain.writer(device.memory()) {
        Ok(mut writer) if writer.available_bytes() >= bytes.len() => {
            writer.write_all(bytes)?;
            bytes.len()
        }
        _ => 0,
    };
    device.give_back(ring, head, written as u32)?;
    Ok(true)
}

#[cfg(test)]
mod tests;
