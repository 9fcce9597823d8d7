//! What is started: a kernel as a program of the host.

use crate::assets::KernelFiles;
use crate::site::blueprint::Role;
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
    /// The program in these files.
    pub fn open(files: &KernelFiles) -> io::Result<Program> {
        let arguments = match std::fs::read_to_string(&files.arguments) {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Program {
            linux: files.linux.canonicalize()?,
            preload: files.seeded_random.canonicalize()?,
            arguments,
        })
    }
}

/// What the nodes of a site run.
#[derive(Clone, Debug)]
pub struct Programs {
    pub server: Program,
    /// Without one, the clients run on the host's own kernel.
    pub clients: Option<Program>,
}

impl Programs {
    /// The same for all.
    pub fn all(program: Program) -> Programs {
        Programs { server: program.clone(), clients: Some(program) }
    }

    /// What a node runs; `None` is the host's own kernel.
    pub fn of(&self, role: Role) -> Option<&Program> {
        match role {
            Role::Server => Some(&self.server),
            Role::Client => self.clients.as_ref(),
        }
    }
}
