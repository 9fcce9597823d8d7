//! Frames of a node: from and to its virtio-net device (virtio 1.2, section 5.1), or its socket.

use crate::site::node::link::Link;
use crate::site::virtio::device::Device;
use std::io::{self, Read, Write};

/// VIRTIO_NET_F_MAC
pub const F_MAC: u64 = 1 << 5;
pub const RECEIVE: usize = 0;
pub const TRANSMIT: usize = 1;

/// struct virtio_net_hdr_v1. No offload is offered, so it is all zeroes in both directions: the
/// guest computes every checksum itself, and the capture shows true packets.
const HEADER: usize = 12;
/// Ethernet II with an MTU of 1500, without the frame check sequence (bytes).
pub const FRAME_MAX: usize = 1514;
/// Two addresses and a type (bytes).
const FRAME_MIN: usize = 14;

pub fn config(mac: [u8; 6]) -> Vec<u8> {
    mac.to_vec()
}

/// The frames that the node has sent. What is too long or too short for Ethernet is lost, as on a
/// real wire.
pub fn transmitted(link: &mut Link) -> io::Result<Vec<Vec<u8>>> {
    match link {
        Link::Virtio(device) => taken(device),
        Link::Socket(socket) => {
            let frames = std::iter::from_fn(|| socket.take());
            Ok(frames.filter(|frame| (FRAME_MIN..=FRAME_MAX).contains(&frame.len())).collect())
        }
    }
}

/// Hands a frame to the node; false when it has no room, and the frame is lost.
pub fn receive(link: &mut Link, frame: &[u8]) -> io::Result<bool> {
    match link {
        Link::Virtio(device) => given(device, frame),
        Link::Socket(socket) => Ok(socket.send(frame)? > 0),
    }
}

/// Takes the frames from the guest's transmit buffers.
fn taken(device: &mut Device) -> io::Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    for _ in 0..device.offered(TRANSMIT)? {
        let Some(chain) = device.next(TRANSMIT)? else {
            break;
        };
        let head = chain.head_index();
        let mut bytes = Vec::with_capacity(256);
        if let Ok(reader) = chain.reader(device.memory()) {
            reader.take((HEADER + FRAME_MAX + 1) as u64).read_to_end(&mut bytes)?;
        }
        device.give_back(TRANSMIT, head, 0)?;
        if (HEADER + FRAME_MIN..=HEADER + FRAME_MAX).contains(&bytes.len()) {
            frames.push(bytes.split_off(HEADER));
        }
    }
    Ok(frames)
}

/// Puts a frame into the guest's next receive buffer; false when it has none.
fn given(device: &mut Device, frame: &[u8]) -> io::Result<bool> {
    let Some(chain) = device.next(RECEIVE)? else {
        return Ok(false);
    };
    let head = chain.head_index();
    let mut header = [0; HEADER];
    // num_buffers: the frame lies in one buffer.
    header[10] = 1;
    let written = match chain.writer(device.memory()) {
        Ok(mut writer) if writer.available_bytes() >= HEADER + frame.len() => {
            writer.write_all(&header)?;
            writer.write_all(frame)?;
            HEADER + frame.len()
        }
        _ => 0,
    };
    device.give_back(RECEIVE, head, written as u32)?;
    Ok(written > 0)
}
