//! The directory of a result set: made, or taken up again where a batch was interrupted.

use crate::assets::{KERNEL_KEY, NODE_KEY};
use crate::cli::directory::host;
use crate::cli::exit::Failure;
use crate::kernel::Kernels;
use lockstorm_reports::set::{HEADER_FILE, Header, RESULTS_FILE, ResultSet, RunSummary, read};
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What the runs are made of. A set is only taken up again by what would make the same runs.
#[derive(Serialize)]
pub struct Identity<'a> {
    pub lockstorm: &'a str,
    pub kernel_key: &'a str,
    pub image_key: &'a str,
    #[serde(skip_serializing_if = "Kernels::are_default")]
    pub kernels: &'a Kernels,
    pub locks: Vec<&'a str>,
    pub lock_images: Vec<String>,
    pub scenarios: Vec<&'a str>,
    pub set: &'a [String],
}

impl<'a> Identity<'a> {
    pub fn new(
        header: &'a Header,
        lock_images: Vec<String>,
        set: &'a [String],
        kernels: &'a Kernels,
    ) -> Identity<'a> {
        Identity {
            lockstorm: &header.lockstorm,
            kernel_key: KERNEL_KEY,
            image_key: NODE_KEY,
            kernels,
            locks: header.locks.iter().map(|entry| entry.name.as_str()).collect(),
            lock_images,
            scenarios: header.scenarios.iter().map(|entry| entry.name.as_str()).collect(),
            set,
        }
    }
}

const IDENTITY_FILE: &str = "identity.json";

pub struct SetDirectory {
    path: PathBuf,
    results: Mutex<File>,
    /// Held while the batch lasts.
    _lock: Flock<File>,
}

impl SetDirectory {
    /// Opens the set in `path`, which is made if it is not there. A set of the same identity is
    /// gone on with; another one is in the way, unless it may be `replaced`.
    pub fn open(
        path: &Path,
        header: &Header,
        identity: &Identity,
        replaced: bool,
    ) -> Result<SetDirectory, Failure> {
        fs::create_dir_all(path).map_err(host(path))?;
        let lock = lock(path)?;
        let mut wanted = serde_json::to_string_pretty(identity).unwrap_or_default();
        wanted.push('\n');
        let identity_file = path.join(IDENTITY_FILE);
        let is_same = fs::read_to_string(&identity_file).is_ok_and(|found| found == wanted);
        let is_set = identity_file.exists();
        if !is_same {
            match (is_set, replaced, is_empty(path)) {
                (false, _, true) => {}
                (true, true, _) => clear(path)?,
                (true, false, _) => return Err(in_the_way(path, "another result set is there")),
                (false, _, false) => return Err(in_the_way(path, "something else is there")),
            }
            fs::write(&identity_file, wanted).map_err(host(&identity_file))?;
        }
        let header_file = path.join(HEADER_FILE);
        fs::write(&header_file, header.to_json()).map_err(host(&header_file))?;
        let results = mended(&path.join(RESULTS_FILE))?;
        Ok(SetDirectory { path: path.to_owned(), results: Mutex::new(results), _lock: lock })
    }

    /// A new set of the same identity as another one.
    pub fn beside(path: &Path, like: &Path) -> Result<SetDirectory, Failure> {
        fs::create_dir_all(path).map_err(host(path))?;
        let lock = lock(path)?;
        if !is_empty(path) {
            return Err(in_the_way(path, "something is there already"));
        }
        for name in [IDENTITY_FILE, HEADER_FILE] {
            let from = like.join(name);
            fs::copy(&from, path.join(name)).map_err(host(&from))?;
        }
        let results = mended(&path.join(RESULTS_FILE))?;
        Ok(SetDirectory { path: path.to_owned(), results: Mutex::new(results), _lock: lock })
    }

    /// Whether another set was made by the same lockstorm of the same things.
    pub fn expect_same(&self, other: &Path) -> Result<(), Failure> {
        let read = |path: PathBuf| fs::read_to_string(&path).map_err(host(&path));
        match read(other.join(IDENTITY_FILE))? == read(self.path.join(IDENTITY_FILE))? {
            true => Ok(()),
            false => Err(Failure::Argument(format!(
                "{}: this set was made by another lockstorm, or of other locks or scenarios",
                other.display()
            ))),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The set, as far as it was made.
    pub fn read(&self) -> Result<ResultSet, Failure> {
        read(&self.path).map_err(Failure::Host)
    }

    /// The runs that need not be made again: lock, scenario, seed. What could not be made is
    /// tried again.
    pub fn made(&self) -> Result<BTreeSet<(String, String, u64)>, Failure> {
        let runs = self.read()?.runs.into_iter().filter(|run| run.judged().is_some());
        Ok(runs.map(|run| (run.lock, run.scenario, run.seed)).collect())
    }

    /// Adds a run; it is on the disk when this returns.
    pub fn append(&self, run: &RunSummary) -> Result<(), Failure> {
        let mut results = self.results.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let written = results.write_all(run.line().as_bytes());
        written.map_err(host(&self.path.join(RESULTS_FILE)))
    }
}

fn lock(path: &Path) -> Result<Flock<File>, Failure> {
    let file = File::open(path).map_err(host(path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
        Failure::Host(format!(
            "{}: another batch is writing there; give this one a directory of its own with --out",
            path.display()
        ))
    })
}

fn in_the_way(path: &Path, what: &str) -> Failure {
    Failure::Argument(format!(
        "--out {}: {what}; name a new directory, or remove this one",
        path.display()
    ))
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn clear(path: &Path) -> Result<(), Failure> {
    for name in [IDENTITY_FILE, HEADER_FILE, RESULTS_FILE] {
        let file = path.join(name);
        if file.exists() {
            fs::remove_file(&file).map_err(host(&file))?;
        }
    }
    let runs = path.join("runs");
    match runs.exists() {
        true => fs::remove_dir_all(&runs).map_err(host(&runs)),
        false => Ok(()),
    }
}

/// The results, to be appended to: without the torn last line of a batch that was killed.
fn mended(path: &Path) -> Result<File, Failure> {
    let bytes = fs::read(path).unwrap_or_default();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(host(path))?;
    file.set_len(whole as u64).map_err(host(path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstorm_reports::set::{Cause, End};

    fn header(lock: &str) -> Header {
        let entry = lockstorm_reports::set::Entry { name: lock.into(), about: String::new() };
        Header { format: 1, lockstorm: "1".into(), locks: vec![entry], ..Header::default() }
    }

    fn open(path: &Path, lock: &str, replaced: bool) -> Result<SetDirectory, Failure> {
        let header = header(lock);
        let kernels = Kernels::default();
        let identity = Identity::new(&header, Vec::new(), &[], &kernels);
        SetDirectory::open(path, &header, &identity, replaced)
    }

    fn run(seed: u64) -> RunSummary {
        let end = End::NotMade { cause: Cause::Host, message: "no".into() };
        let (lock, scenario) = ("a".into(), "calm".into());
        RunSummary { lock, scenario, seed, directory: None, end }
    }

    #[test]
    fn a_set_is_gone_on_with_where_it_was_torn() {
        let home = tempfile::tempdir().unwrap();
        let set = open(home.path(), "a", false).unwrap();
        set.append(&run(1)).unwrap();
        drop(set);
        let file = home.path().join(RESULTS_FILE);
        let torn = fs::read_to_string(&file).unwrap() + "{\"lock\":\"a";
        fs::write(&file, torn).unwrap();
        let set = open(home.path(), "a", false).unwrap();
        set.append(&run(2)).unwrap();
        let seeds: Vec<u64> = set.read().unwrap().runs.iter().map(|run| run.seed).collect();
        assert_eq!(seeds, [1, 2]);
        assert!(set.made().unwrap().is_empty(), "what could not be made is tried again");
    }

    #[test]
    fn another_set_is_only_replaced_where_that_is_agreed() {
        let home = tempfile::tempdir().unwrap();
        let set = open(home.path(), "a", false).unwrap();
        set.append(&run(1)).unwrap();
        let taken = open(home.path(), "a", false).err().unwrap().to_string();
        assert!(taken.contains("another batch is writing there"), "{taken}");
        drop(set);
        let refused = open(home.path(), "b", false).err().unwrap().to_string();
        assert!(refused.contains("another result set is there"), "{refused}");
        let set = open(home.path(), "b", true).unwrap();
        assert!(set.read().unwrap().runs.is_empty());
    }

    #[test]
    fn what_is_no_set_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.tex"), "").unwrap();
        let refused = open(home.path(), "a", true).err().unwrap().to_string();
        assert!(refused.contains("something else is there"), "{refused}");
    }
}
