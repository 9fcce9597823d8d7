//! A guest's memory: a file of its own, mapped here.

use super::guard::Watch;
use super::vhost_user::MemoryRegion;
use nix::sys::statfs::{HUGETLBFS_MAGIC, fstatfs};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use vm_memory::bitmap::BS;
use vm_memory::guest_memory::Result;
use vm_memory::{
    FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryRegion, GuestMemoryRegionBytes,
    GuestRegionCollection, GuestRegionMmap, GuestUsize, MemoryRegionAddress, VolatileSlice,
};

/// The whole of a guest's memory, as far as it has told where it is.
pub type GuestMemory = GuestRegionCollection<Region>;

/// A region of a guest's memory. The guest can cut its file short at any time: see [`is_lost`].
#[derive(Debug)]
pub struct Region {
    // Dropped first: a mapping that is taken down must not be watched any more.
    watch: Watch,
    mapping: GuestRegionMmap,
}

impl GuestMemoryRegion for Region {
    type B = ();

    fn len(&self) -> GuestUsize {
        self.mapping.len()
    }

    fn start_addr(&self) -> GuestAddress {
        self.mapping.start_addr()
    }

    fn bitmap(&self) -> BS<'_, ()> {}

    fn get_slice(
        &self,
        offset: MemoryRegionAddress,
        count: usize,
    ) -> Result<VolatileSlice<'_, BS<'_, ()>>> {
        GuestMemoryRegion::get_slice(&self.mapping, offset, count)
    }
}

impl GuestMemoryRegionBytes for Region {}

/// Maps the regions of a guest's memory.
pub fn map(regions: &[MemoryRegion], fds: Vec<OwnedFd>) -> io::Result<GuestMemory> {
    let regions = regions.iter().zip(fds).map(|(region, fd)| map_region(region, File::from(fd)));
    GuestMemory::from_regions(regions.collect::<io::Result<_>>()?).map_err(io::Error::other)
}

fn map_region(region: &MemoryRegion, file: File) -> io::Result<Region> {
    let size = size_within(region, &file)?;
    // Of huge pages no part can be replaced when the file is cut short.
    if fstatfs(&file)?.filesystem_type() == HUGETLBFS_MAGIC {
        return Err(io::Error::other("a memory region lies in huge pages"));
    }
    let (base, offset) = (GuestAddress(region.guest_address), FileOffset::new(file, region.offset));
    let mapping =
        GuestRegionMmap::from_range(base, size, Some(offset)).map_err(io::Error::other)?;
    let watch = Watch::new(mapping.as_ptr() as usize, size)?;
    Ok(Region { watch, mapping })
}

/// The region's size, if its file is so long.
fn size_within(region: &MemoryRegion, file: &File) -> io::Result<usize> {
    let end = region.offset.checked_add(region.size);
    let length = file.metadata()?.len();
    if end.is_none_or(|end| end > length) {
        return Err(io::Error::other("a memory region is longer than its file"));
    }
    usize::try_from(region.size).map_err(io::Error::other)
}

/// Some of the memory was not there any more when it was touched, and what was read was nothing of
/// the guest's.
pub fn is_lost(memory: &GuestMemory) -> bool {
    memory.iter().any(|region| region.watch.is_lost())
}
