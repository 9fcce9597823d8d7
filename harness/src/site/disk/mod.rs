//! Disks: what they hold, and the virtio-blk device that nodes see.

pub mod blk;
pub mod image;
pub mod store;
pub mod trouble;

/// Bytes a sector, virtio 1.2 section 5.2.
pub const SECTOR: u64 = 512;
