//! The server's disk: sectors behind a volatile write cache.
//!
//! A write is seen by later reads at once, but lasts only once a flush has followed it. A power
//! cut undoes what was not flushed.

use super::SECTOR;
use super::trouble::Troubles;
use std::collections::BTreeMap;

/// Sectors that are written as one: a power cut tears no block of 4 KiB, as it tears no physical
/// sector of the disks of today. ext4 counts on it: with the head of its journal torn, it mounts no
/// more.
const BLOCK: u64 = 8;

pub struct Store {
    bytes: Vec<u8>,
    /// What the sectors written since the last flush held before, by sector.
    unflushed: BTreeMap<u64, Vec<u8>>,
    /// What faults do to requests.
    pub troubles: Troubles,
}

/// The request lies outside the disk.
#[derive(Debug, PartialEq, Eq)]
pub struct OutOfRange;

impl Store {
    pub fn new(size_mib: u32) -> Store {
        Store {
            bytes: vec![0; (size_mib as usize) << 20],
            unflushed: BTreeMap::new(),
            troubles: Troubles::default(),
        }
    }

    pub fn sectors(&self) -> u64 {
        self.bytes.len() as u64 / SECTOR
    }

    /// `length` bytes from a sector on.
    pub fn read(&self, sector: u64, length: usize) -> Result<&[u8], OutOfRange> {
        let start = self.start(sector, length)?;
        Ok(&self.bytes[start..start + length])
    }

    /// Writes whole sectors into the cache.
    pub fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), OutOfRange> {
        let start = self.start(sector, data.len())?;
        let size = SECTOR as usize;
        if !data.len().is_multiple_of(size) {
            return Err(OutOfRange);
        }
        for (number, at) in (sector..).zip((start..start + data.len()).step_by(size)) {
            self.unflushed.entry(number).or_insert_with(|| self.bytes[at..at + size].to_vec());
        }
        self.bytes[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }

    /// Makes everything written so far last.
    pub fn flush(&mut self) {
        self.unflushed.clear();
    }

    /// The power fails: of the unflushed blocks only those last for which `keep` says so, asked in
    /// the order of their numbers. Answers how many sectors were lost.
    pub fn lose_power(&mut self, mut keep: impl FnMut(u64) -> bool) -> usize {
        let (mut lost, mut last) = (0, None);
        for (sector, before) in std::mem::take(&mut self.unflushed) {
            let block = sector / BLOCK;
            let (_, lasts) = match last {
                Some((known, lasts)) if known == block => (known, lasts),
                _ => *last.insert((block, keep(block))),
            };
            if !lasts {
                let start = (sector * SECTOR) as usize;
                self.bytes[start..start + before.len()].copy_from_slice(&before);
                lost += 1;
            }
        }
        lost
    }

    fn start(&self, sector: u64, length: usize) -> Result<usize, OutOfRange> {
        let start = sector.checked_mul(SECTOR).ok_or(OutOfRange)?;
        let end = start.checked_add(length as u64).ok_or(OutOfRange)?;
        if end > self.bytes.len() as u64 { Err(OutOfRange) } else { Ok(start as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sector(value: u8) -> Vec<u8> {
        vec![value; SECTOR as usize]
    }

    #[test]
    fn a_power_cut_loses_exactly_what_was_written_after_the_last_flush() {
        let mut disk = Store::new(1);
        disk.write(3, &sector(1)).unwrap();
        disk.flush();
        disk.write(3, &sector(2)).unwrap();
        disk.write(4, &sector(3)).unwrap();
        assert_eq!(disk.read(3, 512).unwrap(), sector(2));
        assert_eq!(disk.lose_power(|_| false), 2);
        assert_eq!(disk.read(3, 512).unwrap(), sector(1));
        assert_eq!(disk.read(4, 512).unwrap(), sector(0));
    }

    #[test]
    fn a_block_lasts_or_is_lost_as_a_whole() {
        let mut disk = Store::new(1);
        disk.write(6, &sector(1)).unwrap();
        disk.write(7, &sector(1)).unwrap();
        disk.write(8, &sector(1)).unwrap();
        let mut asked = Vec::new();
        let lost = disk.lose_power(|block| {
            asked.push(block);
            block == 0
        });
        assert_eq!((lost, asked), (1, vec![0, 1]));
        assert_eq!(disk.read(7, 512).unwrap(), sector(1));
        assert_eq!(disk.read(8, 512).unwrap(), sector(0));
    }

    #[test]
    fn a_sector_written_twice_since_the_flush_goes_back_to_the_flushed_one() {
        let mut disk = Store::new(1);
        for value in 1..4 {
            disk.write(0, &sector(value)).unwrap();
        }
        assert_eq!(disk.lose_power(|_| false), 1);
        assert_eq!(disk.read(0, 512).unwrap(), sector(0));
    }

    #[test]
    fn requests_beyond_the_end_are_refused_even_where_the_arithmetic_would_wrap() {
        let mut disk = Store::new(1);
        assert_eq!(disk.read(2048, 1), Err(OutOfRange));
        assert_eq!(disk.read(u64::MAX, 512), Err(OutOfRange));
        assert_eq!(disk.read(u64::MAX / SECTOR, usize::MAX), Err(OutOfRange));
        assert_eq!(disk.write(2047, &[0; 1024]), Err(OutOfRange));
        assert_eq!(disk.write(0, &[0; 100]), Err(OutOfRange));
    }

    proptest! {
        /// The model keeps two plain copies of the disk: what is seen, and what lasts.
        #[test]
        fn the_cache_behaves_like_two_copies_of_the_disk(
            steps in prop::collection::vec((0u64..8, any::<u8>(), 0u8..10), 0..60)
        ) {
            let mut disk = Store::new(1);
            let (mut seen, mut lasting) = ([0u8; 8], [0u8; 8]);
            for (number, value, action) in steps {
                match action {
                    0 => { disk.flush(); lasting = seen; }
                    1 => { disk.lose_power(|block| block % 2 == 0);
                           for n in [1, 3, 5, 7] { seen[n] = lasting[n]; }
                           lasting = seen; }
                    _ => {
                        disk.write(number * BLOCK, &sector(value)).unwrap();
                        seen[number as usize] = value;
                    }
                }
                for n in 0..8 {
                    prop_assert_eq!(disk.read(n * BLOCK, 512).unwrap(), sector(seen[n as usize]));
                }
            }
        }
    }
}
