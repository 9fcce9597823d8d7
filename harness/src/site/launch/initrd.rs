//! The initial ramdisk: an archive with one file, the agent as /init.
//!
//! The agent comes with the harness rather than with the node image, so that the two ends of the
//! control channel are always of one build.

use std::io::{self, Write};

/// The agent, a static binary, built by build.rs.
pub static AGENT: &[u8] = include_bytes!(env!("LOCKSTORM_AGENT"));

/// Writes the archive in the "newc" format of cpio(5) (Documentation/driver-api/early-userspace/
/// buffer-format.rst).
pub fn write(out: &mut impl Write) -> io::Result<()> {
    entry(out, "init", 0o100_755, AGENT)?;
    entry(out, "TRAILER!!!", 0, &[])
}

fn entry(out: &mut impl Write, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    let size = content.len() as u32;
    // ino, mode, uid, gid, nlink, mtime, filesize, device numbers (4), namesize, check.
    let fields = [1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name.len() as u32 + 1, 0];
    write!(out, "070701")?;
    for field in fields {
        write!(out, "{field:08x}")?;
    }
    out.write_all(name.as_bytes())?;
    out.write_all(&[0])?;
    pad(out, 110 + name.len() + 1)?;
    out.write_all(content)?;
    pad(out, content.len())
}

/// Names and contents end at a multiple of four bytes.
fn pad(out: &mut impl Write, length: usize) -> io::Result<()> {
    out.write_all(&[0; 3][..(4 - length % 4) % 4])
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_entry_of_the_archive_begins_at_a_multiple_of_four() {
        let mut archive = Vec::new();
        super::entry(&mut archive, "init", 0o100_755, b"12345").unwrap();
        assert_eq!(archive.len() % 4, 0);
        assert!(archive.starts_with(b"070701000000010000"));
    }
}
