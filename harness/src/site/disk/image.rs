//! The node image: one read-only file that all nodes share.

use super::SECTOR;
use super::store::OutOfRange;
use std::fs::File;
use std::io;
use std::path::Path;
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory};

pub struct Image {
    map: MmapRegion,
}

impl Image {
    pub fn open(path: &Path) -> io::Result<Image> {
        let file = File::open(path)?;
        let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let (protection, flags) = (nix::libc::PROT_READ, nix::libc::MAP_SHARED);
        let offset = FileOffset::new(file, 0);
        let map =
            MmapRegion::build(Some(offset), size, protection, flags).map_err(io::Error::other)?;
        Ok(Image { map })
    }

    pub fn sectors(&self) -> u64 {
        (self.map.size() as u64).div_ceil(SECTOR)
    }

    /// Fills `buffer` from a sector on; a last, partial sector reads as if padded with zeroes.
    pub fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), OutOfRange> {
        let start = sector.checked_mul(SECTOR).ok_or(OutOfRange)?;
        let end = start.checked_add(buffer.len() as u64).ok_or(OutOfRange)?;
        if end > self.sectors() * SECTOR {
            return Err(OutOfRange);
        }
        let there =
            (self.map.size() as u64).saturating_sub(start).min(buffer.len() as u64) as usize;
        buffer[there..].fill(0);
        if there == 0 {
            return Ok(());
        }
        let slice = self.map.as_volatile_slice();
        slice.read_slice(&mut buffer[..there], start as usize).map_err(|_| OutOfRange)
    }
}
