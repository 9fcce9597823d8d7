//! The control channel's transport: a virtio console with one port (virtio 1.2, section 5.3), or a
//! node's socket.

use super::link::{Link, Socket};
use crate::site::virtio::device::Device;
use std::collections::VecDeque;
use std::io::{self, Read, Write};

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

/// The guest sent what is no line.
#[derive(Debug, PartialEq, Eq)]
pub struct Flood;

impl Console {
    /// Takes what the node has written and answers the whole lines in it.
    pub fn collect(&mut self, link: &mut Link) -> io::Result<Result<Vec<Vec<u8>>, Flood>> {
        if let Link::Virtio(device) = link {
            self.serve_control(device)?;
        }
        let mut lines = Vec::new();
        while self.take_piece(link)? {
            self.split_lines(&mut lines);
            if self.partial.len() > LINE_MAX {
                return Ok(Err(Flood));
            }
        }
        Ok(Ok(lines))
    }

    /// Takes one piece of what the node has written; false when there is none.
    fn take_piece(&mut self, link: &mut Link) -> io::Result<bool> {
        match link {
            Link::Virtio(device) => {
                let Some(chain) = device.next(TRANSMIT) else {
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
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let rest = self.partial.split_off(end + 1);
            let mut line = std::mem::replace(&mut self.partial, rest);
            line.pop();
            lines.push(line);
        }
    }

    /// Answers the driver's start-up: it has a port, and the port's other end is open.
    fn serve_control(&mut self, device: &mut Device) -> io::Result<()> {
        while let Some(chain) = device.next(CONTROL_TRANSMIT) {
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
        }
        Ok(())
    }

    /// Something waits to be delivered.
    pub fn has_pending(&self) -> bool {
        !self.owed.is_empty() || !self.outgoing.is_empty()
    }

    /// Queues bytes for the guest.
    pub fn queue(&mut self, bytes: &[u8]) {
        self.outgoing.extend(bytes);
    }

    /// Hands over what waits. True when a driver was interrupted.
    pub fn deliver(&mut self, link: &mut Link, acknowledged: bool) -> io::Result<bool> {
        match link {
            Link::Virtio(device) => self.fill_buffers(device, acknowledged),
            Link::Socket(socket) => self.send(socket).map(|()| false),
        }
    }

    fn send(&mut self, socket: &mut Socket) -> io::Result<()> {
        let sent = socket.send(self.outgoing.make_contiguous())?;
        self.outgoing.drain(..sent);
        Ok(())
    }

    /// Puts what waits into the guest's buffers. True when the driver was interrupted.
    fn fill_buffers(&mut self, device: &mut Device, acknowledged: bool) -> io::Result<bool> {
        let mut wake = false;
        while let Some(message) = self.owed.front() {
            if !fill(device, CONTROL_RECEIVE, message)? {
                break;
            }
            self.owed.pop_front();
            wake |= device.interrupt(CONTROL_RECEIVE, acknowledged)?;
        }
        let mut filled = false;
        while !self.outgoing.is_empty() {
            let Some(chain) = device.next(RECEIVE) else {
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
            wake |= device.interrupt(RECEIVE, acknowledged)?;
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
    let Some(chain) = device.next(ring) else {
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
