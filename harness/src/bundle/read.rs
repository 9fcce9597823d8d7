//! Reads bundles, which may be anybody's: nothing is kept that the manifest does not name, nothing
//! larger than it says, no link, no path that leads elsewhere, and in memory there is never more
//! than the manifest and a buffer.

use super::manifest::{Entry, MANIFEST, Manifest};
use crate::units::hex;
use flate2::read::GzDecoder;
use lockstorm_reports::text::clean;
use sha2::{Digest, Sha256};
use std::io::{self, ErrorKind, Read, Write};
use tar::{Archive, EntryType};

/// The manifest is no longer than this.
const MANIFEST_MAX: u64 = 4 << 20;
/// What may follow the last file: the archive's end, filled up.
const END_MAX: u64 = 1 << 16;
/// So much is said of what is wrong with a manifest.
const WORDS_MAX: usize = 500;

/// Where the reader's caller keeps a file: by the path that the manifest has, which is safe.
pub trait Kept {
    type File: Write;
    /// The manifest has been read; the files follow.
    fn begin(&mut self, manifest: &Manifest) -> io::Result<()>;
    /// A new file; it is as long as the manifest says when all goes well.
    fn create(&mut self, path: &str, is_program: bool) -> io::Result<Self::File>;
}

/// Why a bundle could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("this is no bundle: {0}; `lockstorm bundle DIR` makes one of a run")]
    NoBundle(String),
    #[error("a bundle that cannot be read: {0}")]
    Manifest(String),
    #[error("the bundle is cut short: it ends within {within}; fetch it once more")]
    CutShort { within: String },
    #[error("the bundle is damaged at {at}: {why}; fetch it once more")]
    Damaged { at: String, why: String },
    #[error("the bundle has what it does not name, or in another order: {0}")]
    Unnamed(String),
    /// The host's trouble, in reading or in keeping.
    #[error("{at}: {error}")]
    Host { at: String, error: io::Error },
}

/// Reads a whole bundle.
pub fn read<K: Kept>(compressed: impl Read, kept: &mut K) -> Result<Manifest, ReadError> {
    read_archive(GzDecoder::new(compressed), kept)
}

/// The same of the archive in it.
pub fn read_archive<K: Kept>(archive: impl Read, kept: &mut K) -> Result<Manifest, ReadError> {
    let mut archive = Archive::new(archive);
    let manifest = contents(&mut archive, kept)?;
    // What is behind the last file has to be read, too: only then is the end known to be one.
    let end = |error| trouble("what ends it", error);
    let mut rest = archive.into_inner().take(END_MAX);
    io::copy(&mut rest, &mut io::sink()).map_err(end)?;
    let mut more = [0];
    match rest.into_inner().read(&mut more).map_err(end)? {
        0 => Ok(manifest),
        _ => Err(ReadError::Unnamed("something behind its end".into())),
    }
}

fn contents<K: Kept>(
    archive: &mut Archive<impl Read>,
    kept: &mut K,
) -> Result<Manifest, ReadError> {
    // Raw: what makes long paths and sparse files of others is none of ours.
    let begin = |error: io::Error| match trouble(MANIFEST, error) {
        ReadError::Damaged { why, .. } => ReadError::NoBundle(why),
        other => other,
    };
    let mut entries = archive.entries().map_err(begin)?.raw(true);
    let manifest = match entries.next() {
        Some(entry) => manifest(entry.map_err(begin)?)?,
        None => return Err(ReadError::NoBundle("it is empty".into())),
    };
    let host = |error| ReadError::Host { at: MANIFEST.into(), error };
    kept.begin(&manifest).map_err(host)?;
    for file in &manifest.files {
        let mut entry = match entries.next() {
            Some(entry) => entry.map_err(|error| trouble(&file.path, error))?,
            None => return Err(ReadError::CutShort { within: file.path.clone() }),
        };
        let (path, size) = (path(&entry), entry.size());
        let kind = entry.header().entry_type();
        if kind != EntryType::Regular || path != file.path || size != file.size {
            return Err(ReadError::Unnamed(format!(
                "{path} ({kind:?}, {size} bytes) where {} ({} bytes) was expected",
                file.path, file.size
            )));
        }
        let is_program = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        keep(&mut entry, file, is_program, kept)?;
    }
    match entries.next() {
        None => Ok(manifest),
        Some(Ok(entry)) => Err(ReadError::Unnamed(path(&entry))),
        Some(Err(error)) => Err(trouble("what ends it", error)),
    }
}

fn manifest(entry: tar::Entry<impl Read>) -> Result<Manifest, ReadError> {
    let first = path(&entry);
    if first != MANIFEST || entry.header().entry_type() != EntryType::Regular {
        let why = format!("it begins with {first}, and not with {MANIFEST}");
        return Err(ReadError::NoBundle(why));
    }
    let size = entry.size();
    if size > MANIFEST_MAX {
        return Err(ReadError::Manifest(format!("{MANIFEST} has {size} bytes")));
    }
    let mut bytes = Vec::new();
    entry.take(size).read_to_end(&mut bytes).map_err(|error| trouble(MANIFEST, error))?;
    if (bytes.len() as u64) < size {
        return Err(ReadError::CutShort { within: MANIFEST.into() });
    }
    let wrong = |why: String| {
        let why: String = clean(&why).chars().take(WORDS_MAX).collect();
        ReadError::Manifest(format!("{MANIFEST}: {why}"))
    };
    Manifest::parse(&bytes).map_err(wrong)
}

/// What an archive calls a file, for people.
fn path(entry: &tar::Entry<impl Read>) -> String {
    clean(&String::from_utf8_lossy(&entry.path_bytes()))
}

/// Copies a file to its keeper, and holds it against what the manifest says.
fn keep<K: Kept>(
    reader: &mut impl Read,
    file: &Entry,
    is_program: bool,
    kept: &mut K,
) -> Result<(), ReadError> {
    let host = |error| ReadError::Host { at: file.path.clone(), error };
    let mut target = kept.create(&file.path, is_program).map_err(host)?;
    let (mut size, mut hash) = (0u64, Sha256::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = reader.read(&mut buffer).map_err(|error| trouble(&file.path, error))?;
        if count == 0 {
            break;
        }
        size += count as u64;
        hash.update(&buffer[..count]);
        target.write_all(&buffer[..count]).map_err(host)?;
    }
    target.flush().map_err(host)?;
    if size < file.size {
        return Err(ReadError::CutShort { within: file.path.clone() });
    }
    match hex(&hash.finalize()) == file.sha256 {
        true => Ok(()),
        false => Err(ReadError::Damaged {
            at: file.path.clone(),
            why: "it is not what the bundle says that it is".into(),
        }),
    }
}

/// An error of reading: the bundle's, or the host's.
fn trouble(at: &str, error: io::Error) -> ReadError {
    let at = at.to_owned();
    match error.kind() {
        ErrorKind::UnexpectedEof => ReadError::CutShort { within: at },
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => {
            ReadError::Damaged { at, why: clean(&error.to_string()) }
        }
        _ => ReadError::Host { at, error },
    }
}
