//! The locks that the node image has, each a directory with its profile.

use super::profile::Profile;
use crate::source::Diagnostics;
use std::io;
use std::path::PathBuf;

/// The locks of a directory such as containers/locks.
#[derive(Clone, Debug)]
pub struct Catalogue {
    directory: PathBuf,
    names: Vec<String>,
}

impl Catalogue {
    /// Looks which locks there are.
    pub fn open(directory: PathBuf) -> io::Result<Catalogue> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.path().join("profile.yaml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(Catalogue { directory, names })
    }

    /// Their names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The directory of one of them, with its profile and adapter.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The profile of one of them; `None`: there is no such lock.
    pub fn load(&self, name: &str) -> Option<Result<Profile, Diagnostics>> {
        // Only names that were found: a name is no path, whatever it holds.
        let known = self.names.iter().find(|known| *known == name)?;
        Some(Profile::load(&self.directory.join(known)))
    }
}
