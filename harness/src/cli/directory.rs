//! The directory of a run: where its artefacts go, one run at a time.

use super::exit::Failure;
use super::results::{self, file_name};
use crate::plan::Plan;
use crate::verdict::recheck::{CONSOLES, FILES};
use lockstorm_reports::format::FORMATS;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Where runs go that are given no directory.
pub const RUNS: &str = "lockstorm-runs";
/// Where `--verify-repeat` runs the plan again, below the run's own.
pub const REPEAT: &str = "repeat";

/// A name for people, then so many hex digits of the hash that it is filed under.
const DIGITS: usize = 8;
/// With the hash and what a replay adds it fits into 255 bytes (NAME_MAX in limits.h).
const NAME_CHARS_MAX: usize = 200;

pub struct RunDirectory {
    path: PathBuf,
    /// The same plan's run before was there.
    has_replaced: bool,
    /// Held while the run lasts, so that no other takes its place.
    _lock: Flock<File>,
}

impl RunDirectory {
    /// The directory that the user names; it must not be there yet.
    pub fn create(path: &Path) -> Result<RunDirectory, Failure> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(named(parent))?;
        }
        fs::create_dir(path).map_err(named(path))?;
        RunDirectory::lock(path.to_owned())
    }

    /// The plan's own, among those of all runs: `lockstorm-runs/partition-flufl.lock-1-89ab4567`.
    /// A run of the same plan takes the place of the one before, which was the same.
    pub fn of_plan(plan: &Plan) -> Result<RunDirectory, Failure> {
        RunDirectory::of_plan_in(Path::new(RUNS), plan)
    }

    fn of_plan_in(runs: &Path, plan: &Plan) -> Result<RunDirectory, Failure> {
        let path = runs.join(name(plan)?);
        fs::create_dir_all(&path).map_err(host(&path))?;
        let mut directory = RunDirectory::lock(path)?;
        directory.has_replaced = directory.clear()?;
        Ok(directory)
    }

    /// One for a replay, beside the plan's own: nothing is replaced.
    pub fn of_replay(plan: &Plan) -> Result<RunDirectory, Failure> {
        RunDirectory::beside_in(Path::new(RUNS), plan, "replay")
    }

    /// One for a run of somebody else's, beside the plan's own.
    pub fn of_bundle(plan: &Plan) -> Result<RunDirectory, Failure> {
        RunDirectory::beside_in(Path::new(RUNS), plan, "bundle")
    }

    fn beside_in(runs: &Path, plan: &Plan, what: &str) -> Result<RunDirectory, Failure> {
        let name = name(plan)?;
        fs::create_dir_all(runs).map_err(host(runs))?;
        let suffixes =
            std::iter::once(String::new()).chain((2..).map(|number| format!("-{number}")));
        for suffix in suffixes {
            let path = runs.join(format!("{name}-{what}{suffix}"));
            match fs::create_dir(&path) {
                Ok(()) => return RunDirectory::lock(path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(host(&path)(error)),
            }
        }
        Err(Failure::Internal("there are no more numbers".into()))
    }

    /// The directory of a run that is there, while no run writes to it.
    pub fn hold(path: &Path) -> Result<RunDirectory, Failure> {
        RunDirectory::lock(path.to_owned())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A run of the same plan was there, and is replaced.
    pub fn has_replaced(&self) -> bool {
        self.has_replaced
    }

    fn lock(path: PathBuf) -> Result<RunDirectory, Failure> {
        let file = File::open(&path).map_err(host(&path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(RunDirectory { path, has_replaced: false, _lock: lock }),
            Err(_) => Err(Failure::Host(format!(
                "{}: another run is writing there; give this one a directory of its own with --out",
                path.display()
            ))),
        }
    }

    /// Removes the run before, and its renderings; what is no part of a run is left alone. Answers
    /// whether there was one.
    fn clear(&self) -> Result<bool, Failure> {
        if !self.path.join("plan.yaml").exists() {
            return Ok(false);
        }
        let files = FILES.iter().map(|(file, _)| *file);
        let renderings = FORMATS.iter().map(|format| format.file);
        for name in files.chain(renderings).chain([CONSOLES, REPEAT]) {
            results::remove(&self.path, Path::new(name))?;
        }
        Ok(true)
    }
}

/// What the directory of a plan's run is called: for people, and then for telling it from all
/// others.
fn name(plan: &Plan) -> Result<String, Failure> {
    let hash = plan
        .hash()
        .map_err(|error| Failure::Internal(format!("the plan is no YAML: {error}")))?
        .short();
    let mut name = format!("{}-{}-{}", plan.scenario.name, plan.lock_label(), plan.seed);
    if !plan.kernels.are_default() {
        name.push_str(&format!("-{}", plan.kernels));
    }
    Ok(with_hash(&file_name(&name, NAME_CHARS_MAX), &hash))
}

/// A name, and the first digits of the hash that it is filed under.
pub fn with_hash(name: &str, hash: &str) -> String {
    format!("{name}-{}", hash.get(..DIGITS).unwrap_or(hash))
}

/// Refuses a new directory that is there already, before anything is made for it.
pub fn expect_new(out: Option<&Path>) -> Result<(), Failure> {
    match out {
        Some(out) if out.symlink_metadata().is_ok() => {
            Err(named(out)(ErrorKind::AlreadyExists.into()))
        }
        _ => Ok(()),
    }
}

/// An error of the host, with the path that it is about.
pub fn host(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::Host(format!("{path}: {error}"))
}

/// An error about a path that the user named.
pub fn named(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| {
        let words = match error.kind() {
            ErrorKind::NotFound => "there is no such file or directory".into(),
            ErrorKind::AlreadyExists => {
                "something is there already; name a new directory, or remove this one".into()
            }
            ErrorKind::NotADirectory => "a part of this path is no directory".into(),
            ErrorKind::InvalidFilename => "the name is too long; choose a shorter one".into(),
            _ => error.to_string(),
        };
        Failure::of_a_named_path(&error, format!("{path}: {words}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story::plan;
    use crate::cli::exit::Exit;
    use std::os::unix::fs::symlink;

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
    fn only_what_a_run_left_is_cleared_away() {
        let home = tempfile::tempdir().unwrap();
        let directory = RunDirectory::lock(home.path().to_owned()).unwrap();
        let write = |name: &str| fs::write(home.path().join(name), "").unwrap();
        write("thesis.tex");
        write("history.jsonl");
        assert!(!directory.clear().unwrap(), "without a plan it is no run");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
        for name in ["plan.yaml", "report.json", "report.html", "junit.xml"] {
            write(name);
        }
        fs::create_dir(home.path().join("console")).unwrap();
        symlink("thesis.tex", home.path().join("wire.pcapng")).unwrap();
        assert!(directory.clear().unwrap());
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0].file_name(), "thesis.tex");
    }

    #[test]
    fn runs_of_different_plans_never_have_one_directory() {
        let home = tempfile::tempdir().unwrap();
        let of_plan = |plan: &Plan| RunDirectory::of_plan_in(home.path(), plan).unwrap();
        let mut other = plan();
        other.scenario.expect.critical_sections += 1;
        let (first, second) = (of_plan(&plan()), of_plan(&other));
        assert_ne!(first.path(), second.path());
        for directory in [&first, &second] {
            fs::write(directory.path().join("plan.yaml"), "").unwrap();
            assert!(!directory.has_replaced());
        }
        let path = first.path().to_owned();
        drop(first);
        let again = of_plan(&plan());
        assert_eq!(again.path(), path);
        assert!(again.has_replaced(), "it is the same run");
    }

    #[test]
    fn a_replay_has_a_directory_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let first = RunDirectory::of_plan_in(home.path(), &plan()).unwrap().path().to_owned();
        fs::write(first.join("plan.yaml"), "").unwrap();
        let replays = [(); 3].map(|()| {
            let replay = RunDirectory::beside_in(home.path(), &plan(), "replay").unwrap();
            let name = replay.path().file_name().unwrap().to_string_lossy().into_owned();
            name.strip_prefix(&*first.file_name().unwrap().to_string_lossy()).unwrap().to_owned()
        });
        assert_eq!(replays, ["-replay", "-replay-2", "-replay-3"]);
        assert!(first.join("plan.yaml").exists());
    }

    #[test]
    fn a_directory_cannot_be_so_long_that_no_disk_has_it() {
        let mut plan = plan();
        plan.lock_image = Some(crate::plan::LockImage {
            key: "0".repeat(16),
            from: format!("lock@1+{}/../..", "tree ".repeat(100)),
        });
        let name = name(&plan).unwrap();
        assert!(name.len() <= NAME_CHARS_MAX + 1 + DIGITS && !name.contains(['/', ' ']), "{name}");
    }

    #[test]
    fn an_out_that_cannot_be_is_bad_input() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let long = home.path().join("x".repeat(300));
        for out in [&file, &file.join("below"), &long, home.path()] {
            let refused = RunDirectory::create(out).err().expect("it cannot be");
            assert_eq!(refused.exit(), Exit::Input, "{refused}");
        }
        let said = expect_new(Some(&file)).unwrap_err().to_string();
        assert!(said.ends_with("name a new directory, or remove this one"), "{said}");
        assert!(expect_new(Some(&home.path().join("new"))).is_ok());
    }
}
