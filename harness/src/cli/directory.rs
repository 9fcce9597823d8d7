//! The directory of a run: where its artefacts go, one run at a time.

use super::exit::Failure;
use crate::plan::Plan;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Where runs go that are given no directory.
const RUNS: &str = "lockstorm-runs";

pub struct RunDirectory {
    path: PathBuf,
    /// Held while the run lasts, so that no other takes its place.
    _lock: Flock<File>,
}

impl RunDirectory {
    /// The directory that the user names; it must not be there yet.
    pub fn create(path: &Path) -> Result<RunDirectory, Failure> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(host(parent))?;
        }
        fs::create_dir(path).map_err(host(path))?;
        RunDirectory::lock(path.to_owned())
    }

    /// A run of the same scenario, lock, kernels and seed takes the place of the one before.
    pub fn of_plan(plan: &Plan) -> Result<RunDirectory, Failure> {
        let mut name = format!("{}-{}-{}", plan.scenario.name, plan.lock_label(), plan.seed);
        if !plan.kernels.are_default() {
            name.push_str(&format!("-{}", plan.kernels));
        }
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.@+".contains(c) { c } else { '_' }
        };
        let path = Path::new(RUNS).join(name.chars().map(safe).collect::<String>());
        fs::create_dir_all(&path).map_err(host(&path))?;
        let directory = RunDirectory::lock(path)?;
        directory.clear().map_err(host(&directory.path))?;
        Ok(directory)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(path: PathBuf) -> Result<RunDirectory, Failure> {
        let file = File::open(&path).map_err(host(&path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(RunDirectory { path, _lock: lock }),
            Err(_) => Err(Failure::Host(format!(
                "{}: another run is writing there; give this one a directory of its own with --out",
                path.display()
            ))),
        }
    }

    /// Removes the run before; what is no run is left alone.
    fn clear(&self) -> io::Result<()> {
        if !self.path.join("plan.yaml").exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }
}

/// An error of the host, with the path that it is about.
pub fn host(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::Host(format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_a_run_is_writing_to_is_not_given_to_another() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run");
        let first = RunDirectory::create(&path).unwrap();
        let refused = RunDirectory::lock(path.clone()).err().expect("it is taken");
        assert!(refused.to_string().contains("another run is writing there"), "{refused}");
        drop(first);
        assert!(RunDirectory::lock(path).is_ok());
    }

    #[test]
    fn only_a_run_is_cleared_away() {
        let home = tempfile::tempdir().unwrap();
        let directory = RunDirectory::lock(home.path().to_owned()).unwrap();
        fs::write(home.path().join("thesis.tex"), "").unwrap();
        directory.clear().unwrap();
        assert!(home.path().join("thesis.tex").exists());
        fs::write(home.path().join("plan.yaml"), "").unwrap();
        directory.clear().unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
