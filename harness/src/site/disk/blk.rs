//! The virtio-blk device (virtio 1.2, section 5.2).

use super::SECTOR;
use super::image::Image;
use super::store::Store;
use super::trouble::{Outcome, Request};
use crate::site::virtio::device::Chain;
use crate::site::virtio::memory::GuestMemory;
use std::io::{self, Read, Write};
use virtio_queue::{Reader, Writer};

/// VIRTIO_BLK_F_SEG_MAX: how many pieces of memory a request may have. Without it a driver makes a
/// request of each page.
pub const F_SEG_MAX: u64 = 1 << 2;
/// VIRTIO_BLK_F_FLUSH: the disk has a write cache and can be told to flush it.
pub const F_FLUSH: u64 = 1 << 9;
/// VIRTIO_BLK_F_RO
pub const F_READ_ONLY: u64 = 1 << 5;
/// The one ring of requests.
pub const REQUESTS: usize = 0;

const T_IN: u32 = 0;
const T_OUT: u32 = 1;
const T_FLUSH: u32 = 4;
const T_GET_ID: u32 = 8;

const S_OK: u8 = 0;
const S_IOERR: u8 = 1;
const S_UNSUPP: u8 = 2;

/// The guest's block layer splits what is longer; a longer request is refused, since the length
/// is the guest's word and the buffer ours (bytes).
const TRANSFER_MAX: usize = 1 << 22;

/// What a disk request reads from and writes to.
pub enum Medium<'a> {
    Image(&'a Image),
    Store(&'a mut Store),
}

/// A request that has been carried out and waits for its time to complete.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    pub head: u16,
    /// Bytes written into guest memory.
    pub written: u32,
    pub flushed: bool,
    /// How much later it completes because of a fault (ns).
    pub late_ns: u64,
}

/// Half a ring, with the request's header and status (so many as QEMU endpoints).
const SEG_MAX: u32 = 126;

/// The device's configuration space: only capacity and seg_max matter.
pub fn config(sectors: u64) -> Vec<u8> {
    let mut config = sectors.to_le_bytes().to_vec();
    config.extend([0; 4]); // size_max is not offered
    config.extend(SEG_MAX.to_le_bytes());
    config.resize(60, 0);
    config
}

/// Carries out one request.
pub fn execute(chain: Chain, memory: &GuestMemory, medium: Medium) -> Done {
    let head = chain.head_index();
    let (reader, writer) = (chain.clone().reader(memory), chain.writer(memory));
    let (Ok(reader), Ok(writer)) = (reader, writer) else {
        return Done { head, written: 0, flushed: false, late_ns: 0 };
    };
    // A chain without room for the status byte cannot even be refused properly.
    let (written, flushed, late_ns) = transfer(reader, writer, medium).unwrap_or_default();
    Done { head, written, flushed, late_ns }
}

fn transfer(
    mut reader: Reader,
    mut writer: Writer,
    mut medium: Medium,
) -> io::Result<(u32, bool, u64)> {
    let room = writer.available_bytes().checked_sub(1).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut status = writer.split_at(room).map_err(io::Error::other)?;
    let mut header = [0; 16];
    reader.read_exact(&mut header)?;
    let kind = u32::from_le_bytes(header[..4].try_into().expect("four bytes"));
    let sector = u64::from_le_bytes(header[8..].try_into().expect("eight bytes"));
    let met = match (kind, &mut medium) {
        (T_IN, Medium::Store(store)) => {
            store.troubles.meet(Request::Read(sector, (room as u64).div_ceil(SECTOR)))
        }
        (T_OUT, Medium::Store(store)) => {
            let length = reader.available_bytes() as u64;
            store.troubles.meet(Request::Write(sector, length.div_ceil(SECTOR)))
        }
        (T_FLUSH, Medium::Store(store)) => store.troubles.meet(Request::Flush),
        _ => Outcome::default(),
    };
    let outcome = match kind {
        _ if met.fails => S_IOERR,
        T_IN => read(&mut writer, room, sector, medium)?,
        T_OUT => write(&mut reader, sector, medium)?,
        T_FLUSH if met.ignored => S_OK,
        T_FLUSH => flush(medium),
        T_GET_ID => {
            let mut id = b"lockstorm".to_vec();
            id.resize(room.min(20), 0);
            writer.write_all(&id)?;
            S_OK
        }
        _ => S_UNSUPP,
    };
    let written = writer.bytes_written() as u32;
    status.write_all(&[outcome])?;
    Ok((written + 1, kind == T_FLUSH, met.late_ns))
}

fn read(writer: &mut Writer, length: usize, sector: u64, medium: Medium) -> io::Result<u8> {
    if length > TRANSFER_MAX {
        return Ok(S_IOERR);
    }
    match medium {
        Medium::Store(store) => match store.read(sector, length) {
            Ok(bytes) => writer.write_all(bytes)?,
            Err(_) => return Ok(S_IOERR),
        },
        Medium::Image(image) => {
            let mut buffer = vec![0; length];
            match image.read(sector, &mut buffer) {
                Ok(()) => writer.write_all(&buffer)?,
                Err(_) => return Ok(S_IOERR),
            }
        }
    }
    Ok(S_OK)
}

fn write(reader: &mut Reader, sector: u64, medium: Medium) -> io::Result<u8> {
    let Medium::Store(store) = medium else {
        return Ok(S_IOERR);
    };
    let length = reader.available_bytes();
    if length > TRANSFER_MAX {
        return Ok(S_IOERR);
    }
    let mut buffer = vec![0; length];
    reader.read_exact(&mut buffer)?;
    Ok(if store.write(sector, &buffer).is_ok() { S_OK } else { S_IOERR })
}

fn flush(medium: Medium) -> u8 {
    if let Medium::Store(store) = medium {
        store.flush();
    }
    S_OK
}
