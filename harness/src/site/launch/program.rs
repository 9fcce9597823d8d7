//! What is started: a kernel as a program of the host.

use crate::assets::Assets;
use std::io;
use std::path::PathBuf;

/// A kernel that can be started.
#[derive(Clone, Debug)]
pub struct Program {
    pub linux: PathBuf,
    /// The library that seeds its random numbers.
    pub preload: PathBuf,
    /// What this kernel needs on its command line, beside what every kernel gets.
    pub arguments: Vec<String>,
}

impl Program {
    /// The program that `ci/setup` built.
    pub fn of(assets: &Assets) -> io::Result<Program> {
        Ok(Program {
            linux: assets.linux.canonicalize()?,
            preload: assets.seeded_random.canonicalize()?,
            arguments: Vec::new(),
        })
    }
}
