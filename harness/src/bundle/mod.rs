//! Bundles: a saved run as one file, with what it takes to run it again elsewhere and later.
//!
//! A bundle is a gzipped tar archive, so that anybody can look into it. Its first file,
//! `bundle.json` ([`Manifest`]), names every other one with its size and its SHA-256; a reader
//! takes nothing that is not named there, and nothing that is not what is named. Whoever sends a
//! bundle is a stranger: see [`read`].
//!
//! ```text
//! bundle.json
//! run/                plan.yaml, history.jsonl, report.json, wire.pcapng, console/NAME.log
//! lock/KEY.erofs      the lock, if it is none of the node image's
//! kernel/KEY/linux    a kernel of the user's own, and `arguments`: what it needs on its command
//!                     line
//! recipe/             ci/setup and containers/: what builds kernels and node image
//! ```

mod manifest;
mod read;
pub mod recipe;
#[cfg(test)]
mod tests;
mod write;

pub use manifest::{FORMAT, MANIFEST, Manifest, Part, PartKind, RUN};
pub use read::{Kept, ReadError, read, read_archive};
pub use write::{Content, write, write_archive};
