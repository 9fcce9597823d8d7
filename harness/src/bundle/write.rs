//! Writes bundles: of the same contents, the same bytes.

use super::manifest::{Entry, MANIFEST, Manifest};
use crate::units::hex;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use tar::{Builder, EntryType, Header};

/// A file that goes into a bundle.
pub struct Content {
    /// Its path there.
    pub path: String,
    pub is_program: bool,
    pub from: From,
}

/// Where its bytes are.
pub enum From {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Content {
    /// A file of the host.
    pub fn file(path: String, file: PathBuf) -> Content {
        Content { path, is_program: false, from: From::File(file) }
    }

    /// Bytes that are at hand.
    pub fn bytes(path: String, bytes: Vec<u8>, is_program: bool) -> Content {
        Content { path, is_program, from: From::Bytes(bytes) }
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match &self.from {
            From::File(path) => Box::new(File::open(path)?),
            From::Bytes(bytes) => Box::new(bytes.as_slice()),
        })
    }

    /// Its size and its hash.
    fn measured(&self) -> io::Result<Entry> {
        let (mut size, mut hash) = (0, Sha256::new());
        let mut reader = self.open()?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            size += count as u64;
            hash.update(&buffer[..count]);
        }
        Ok(Entry { path: self.path.clone(), size, sha256: hex(&hash.finalize()) })
    }
}

/// Writes a bundle of these contents; the manifest's own list of files is filled in.
pub fn write(to: impl Write, manifest: &Manifest, contents: &[Content]) -> io::Result<Manifest> {
    // Neither a name nor a time: they would make other bytes of the same.
    let mut compressed = GzBuilder::new().write(to, Compression::default());
    let manifest = write_archive(&mut compressed, manifest, contents)?;
    compressed.finish()?.flush()?;
    Ok(manifest)
}

/// The same without compressing it.
pub fn write_archive(
    to: impl Write,
    manifest: &Manifest,
    contents: &[Content],
) -> io::Result<Manifest> {
    let files = contents.iter().map(Content::measured).collect::<io::Result<Vec<_>>>()?;
    let manifest = Manifest { files, ..manifest.clone() };
    let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
    let mut archive = Builder::new(to);
    append(&mut archive, MANIFEST, text.len() as u64, false, &mut text.as_slice())?;
    for (content, file) in contents.iter().zip(&manifest.files) {
        append(&mut archive, &file.path, file.size, content.is_program, &mut content.open()?)?;
    }
    archive.finish()?;
    Ok(manifest)
}

fn append(
    archive: &mut Builder<impl Write>,
    path: &str,
    size: u64,
    is_program: bool,
    reader: &mut dyn Read,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_path(path)?;
    header.set_size(size);
    header.set_mode(if is_program { 0o755 } else { 0o644 });
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    let mut counted = Counted { reader: reader.take(size), count: 0 };
    archive.append(&header, &mut counted)?;
    match counted.count == size {
        true => Ok(()),
        false => Err(io::Error::other(format!("{path} has become shorter meanwhile"))),
    }
}

struct Counted<R> {
    reader: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}
