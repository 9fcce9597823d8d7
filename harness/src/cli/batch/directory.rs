//! The directory of a result set: made, or taken up again where a batch was interrupted.

use super::Pair;
use crate::assets::{KERNEL_KEY, NODE_KEY};
use crate::cli::directory::{RUNS, host, named, with_hash};
use crate::cli::exit::Failure;
use crate::cli::results;
use crate::kernel::Kernels;
use crate::plan::{Parts, expand};
use crate::units::hex;
use lockstorm_reports::format::FORMATS;
use lockstorm_reports::set::{
    GATE_FILE, HEADER_FILE, Header, RESULTS_FILE, ResultSet, RunSummary, read,
};
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use sha2::{Digest, Sha256};
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
    /// Of every lock in every scenario, the hash of the plan with the first seed: whatever changes
    /// in a story or in a profile makes another set.
    pub plans: Vec<String>,
}

impl<'a> Identity<'a> {
    pub fn new(
        header: &'a Header,
        lock_images: Vec<String>,
        set: &'a [String],
        kernels: &'a Kernels,
        pairs: &[&Pair],
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
            plans: pairs.iter().filter_map(|pair| hash(pair, kernels)).collect(),
        }
    }

    /// Where a set goes that is given no directory: what is made of other things goes elsewhere.
    pub fn default_path(&self, name: &str) -> PathBuf {
        let hash = hex(&Sha256::digest(self.to_json().as_bytes()));
        Path::new(RUNS).join(with_hash(name, &hash))
    }

    fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// Of a pair's first plan; `None` where there can be none.
fn hash(pair: &Pair, kernels: &Kernels) -> Option<String> {
    const FIRST_SEED: u64 = 1;
    let prepared = pair.prepared().ok()?;
    let parts = Parts::ours(pair.kernels(kernels).clone());
    let plan = expand(&prepared.scenario, FIRST_SEED, prepared.lock(), parts);
    let hash = plan.hash().ok()?.short();
    Some(format!("{} {} {hash}", pair.lock, pair.scenario))
}

const IDENTITY_FILE: &str = "identity.json";
/// Where the files of a set's runs are, below it.
pub const RUNS_FOLDER: &str = "runs";
const ANOTHER_SET: &str = "another result set is there, or locks, scenarios or lockstorm have \
                           changed since it was made";

/// Refuses sets that were not made by the same lockstorm of the same things.
pub fn expect_same(sets: &[PathBuf]) -> Result<(), Failure> {
    let identity = |set: &PathBuf| {
        let path = set.join(IDENTITY_FILE);
        fs::read_to_string(&path).map_err(named(&path))
    };
    let Some((first, others)) = sets.split_first() else { return Ok(()) };
    let wanted = identity(first)?;
    for other in others {
        if identity(other)? != wanted {
            return Err(Failure::Argument(format!(
                "{}: this set was made by another lockstorm, or of other locks or scenarios",
                other.display()
            )));
        }
    }
    Ok(())
}

pub struct SetDirectory {
    path: PathBuf,
    results: Mutex<File>,
    /// The command of the set that was there and is replaced.
    replaced: Option<String>,
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
        fs::create_dir_all(path).map_err(named(path))?;
        let lock = lock(path)?;
        let wanted = identity.to_json();
        let identity_file = path.join(IDENTITY_FILE);
        let is_same = fs::read_to_string(&identity_file).is_ok_and(|found| found == wanted);
        let mut was_there = None;
        if !is_same {
            match (identity_file.exists(), replaced, is_empty(path)) {
                (false, _, true) => {}
                (true, true, _) => {
                    was_there = read(path).ok().and_then(|set| set.header.command);
                    was_there.get_or_insert_with(|| "another command".into());
                    clear(path)?;
                }
                (true, false, _) => return Err(in_the_way(path, ANOTHER_SET)),
                (false, _, false) => return Err(in_the_way(path, "something else is there")),
            }
            fs::write(&identity_file, wanted).map_err(host(&identity_file))?;
        }
        let header_file = path.join(HEADER_FILE);
        fs::write(&header_file, header.to_json()).map_err(host(&header_file))?;
        SetDirectory::new(path, was_there, lock)
    }

    /// A new set of the same identity as another one.
    pub fn beside(path: &Path, like: &Path, header: &Header) -> Result<SetDirectory, Failure> {
        fs::create_dir_all(path).map_err(named(path))?;
        let lock = lock(path)?;
        if !is_empty(path) {
            return Err(in_the_way(path, "something is there already"));
        }
        let from = like.join(IDENTITY_FILE);
        fs::copy(&from, path.join(IDENTITY_FILE)).map_err(host(&from))?;
        let header_file = path.join(HEADER_FILE);
        fs::write(&header_file, header.to_json()).map_err(host(&header_file))?;
        SetDirectory::new(path, None, lock)
    }

    fn new(
        path: &Path,
        replaced: Option<String>,
        lock: Flock<File>,
    ) -> Result<SetDirectory, Failure> {
        let results = Mutex::new(mended(&path.join(RESULTS_FILE))?);
        Ok(SetDirectory { path: path.to_owned(), results, replaced, _lock: lock })
    }

    /// The command of the set that was here before and is replaced, if one was.
    pub fn replaced(&self) -> Option<&str> {
        self.replaced.as_deref()
    }

    /// Removes the pages that were made of the set: they do not know of what is added to it.
    pub fn remove_renderings(&self) -> Result<(), Failure> {
        remove_renderings(&self.path)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the header anew: what was left out is only known in the end.
    pub fn put_header(&self, header: &Header) -> Result<(), Failure> {
        let file = self.path.join(HEADER_FILE);
        fs::write(&file, header.to_json()).map_err(host(&file))
    }

    /// The set, as far as it was made.
    pub fn read(&self) -> Result<ResultSet, Failure> {
        Ok(read(&self.path)?)
    }

    /// The runs that need not be made again: lock, scenario, seed. What could not be made is
    /// tried again.
    pub fn made(&self) -> Result<BTreeSet<(String, String, u64)>, Failure> {
        let runs = self.read()?.runs.into_iter().filter(RunSummary::is_made);
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

/// Removes a set, its runs and its renderings. What tells that it is one goes last.
fn clear(path: &Path) -> Result<(), Failure> {
    remove_renderings(path)?;
    for name in [RUNS_FOLDER, RESULTS_FILE, HEADER_FILE, IDENTITY_FILE] {
        results::remove(path, Path::new(name))?;
    }
    Ok(())
}

fn remove_renderings(path: &Path) -> Result<(), Failure> {
    // What a gate decided of it, too.
    let files = FORMATS.iter().map(|format| format.file).chain([GATE_FILE]);
    files.into_iter().try_for_each(|file| results::remove(path, Path::new(file)))
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
        let command = Some(format!("lockstorm matrix --locks {lock}"));
        Header {
            format: 1,
            lockstorm: "1".into(),
            command,
            locks: vec![entry],
            ..Header::default()
        }
    }

    fn open(path: &Path, lock: &str, replaced: bool) -> Result<SetDirectory, Failure> {
        let header = header(lock);
        let kernels = Kernels::default();
        let identity = Identity::new(&header, Vec::new(), &[], &kernels, &[]);
        SetDirectory::open(path, &header, &identity, replaced)
    }

    fn run(seed: u64) -> RunSummary {
        let end =
            End::NotMade { cause: Cause::Host, message: "no".into(), reproduce: String::new() };
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
        assert_eq!(set.replaced(), Some("lockstorm matrix --locks a"));
    }

    #[test]
    fn what_is_replaced_leaves_nothing_behind_and_takes_nothing_else_along() {
        let home = tempfile::tempdir().unwrap();
        let (set, thesis) = (home.path().join("set"), home.path().join("thesis"));
        drop(open(&set, "a", false).unwrap());
        fs::create_dir_all(set.join("runs/a/calm")).unwrap();
        fs::create_dir(&thesis).unwrap();
        fs::write(thesis.join("text"), "").unwrap();
        std::os::unix::fs::symlink(&thesis, set.join("runs/a/calm/1")).unwrap();
        for name in ["report.html", "junit.xml", "report.md", "gate.json", "notes.txt"] {
            fs::write(set.join(name), "of a").unwrap();
        }
        drop(open(&set, "a", true).unwrap());
        assert!(set.join("report.html").exists(), "of the same set they are as true as before");
        open(&set, "b", true).unwrap();
        let names = fs::read_dir(&set).unwrap().flatten();
        let mut names: Vec<_> =
            names.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["identity.json", "notes.txt", "results.jsonl", "set.json"]);
        assert!(thesis.join("text").exists());
    }

    #[test]
    fn pages_of_a_set_that_grows_are_removed() {
        let home = tempfile::tempdir().unwrap();
        let set = open(home.path(), "a", false).unwrap();
        fs::write(home.path().join("report.html"), "").unwrap();
        set.remove_renderings().unwrap();
        assert!(!home.path().join("report.html").exists());
    }

    #[test]
    fn sets_of_different_things_have_different_directories() {
        let kernels = Kernels::default();
        let (a, b) = (header("a"), header("b"));
        let path = |header, set| {
            Identity::new(header, Vec::new(), set, &kernels, &[]).default_path("matrix")
        };
        let first = path(&a, &[]);
        assert_eq!(first, path(&a, &[]));
        assert!(first.starts_with("lockstorm-runs"), "{first:?}");
        assert_ne!(first, path(&b, &[]));
        assert_ne!(first, path(&a, &["site.clients=2".to_owned()]));
    }

    #[test]
    fn what_is_no_set_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.tex"), "").unwrap();
        let refused = open(home.path(), "a", true).err().unwrap().to_string();
        assert!(refused.contains("something else is there"), "{refused}");
    }
}
