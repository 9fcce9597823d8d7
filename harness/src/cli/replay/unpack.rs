//! A bundle, unpacked into a directory of a run, with what it brings put into the cache.

use crate::assets::{self, KernelFiles, Missing};
use crate::bundle::{self, Kept, MANIFEST, Manifest, RUN, ReadError};
use crate::cli::directory::{RUNS, RunDirectory, host, named};
use crate::cli::exit::Failure;
use crate::cli::kernels;
use crate::kernel::{Choice, Kernel, Kernels, Wish};
use crate::lock::bring::image_path;
use crate::plan::Plan;
use crate::source::Source;
use crate::units::hex;
use lockstorm_reports::text::quoted;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where in the run's directory the rest of a bundle is.
const REST: &str = "bundle";

/// A bundle that was unpacked: the directory of its run.
pub struct Unpacked {
    pub directory: PathBuf,
    manifest: Manifest,
    /// The bundle, as its user named it.
    file: PathBuf,
}

/// Unpacks a bundle below `lockstorm-runs`. `trust`: a kernel that it brings may run here; one that
/// `others` takes the place of need not.
pub fn unpack(file: &Path, trust: bool, others: &Choice) -> Result<Unpacked, Failure> {
    let archive = BufReader::new(File::open(file).map_err(named(file))?);
    let runs = Path::new(RUNS);
    fs::create_dir_all(runs).map_err(host(runs))?;
    let scratch = tempfile::Builder::new().prefix(".unpack-").tempdir_in(runs);
    let scratch = scratch.map_err(host(runs))?;
    let root = scratch.path();
    let manifest =
        bundle::read(archive, &mut Directory { root }).map_err(|error| failure(file, error))?;
    let plan = plan(root, file)?;
    let cache = assets::cache_dir().ok_or_else(Missing::no_cache)?;
    bring_lock(&plan, root, file, &cache)?;
    let own = |kernel: &Option<Kernel>, other: &Option<Wish>| {
        kernel.clone().filter(|kernel| kernel.is_own() && other.is_none())
    };
    let Kernels { server, clients, .. } = &plan.kernels;
    for kernel in own(server, &others.server).into_iter().chain(own(clients, &others.clients)) {
        bring_kernel(&kernel, root, file, &cache, trust)?;
    }
    let directory = RunDirectory::of_bundle(&plan)?.path().to_owned();
    for entry in fs::read_dir(root).map_err(host(root))? {
        let entry = entry.map_err(host(root))?;
        let target = directory.join(entry.file_name());
        fs::rename(entry.path(), &target).map_err(host(&target))?;
    }
    Ok(Unpacked { directory, manifest, file: file.to_owned() })
}

fn failure(file: &Path, error: ReadError) -> Failure {
    let message = format!("{}: {error}", file.display());
    match error {
        ReadError::Host { .. } => Failure::Host(message),
        _ => Failure::Argument(message),
    }
}

/// Keeps the files of a bundle below a directory that was empty.
struct Directory<'a> {
    root: &'a Path,
}

impl Directory<'_> {
    /// The reader has seen to it that no path leads elsewhere.
    fn place(&self, path: &str) -> PathBuf {
        match path.strip_prefix(RUN).and_then(|rest| rest.strip_prefix('/')) {
            Some(of_run) => self.root.join(of_run),
            None => self.root.join(REST).join(path),
        }
    }
}

impl Kept for Directory<'_> {
    type File = BufWriter<File>;

    fn begin(&mut self, manifest: &Manifest) -> io::Result<()> {
        let text = serde_json::to_string_pretty(manifest).map_err(io::Error::other)?;
        let path = self.place(MANIFEST);
        fs::create_dir_all(self.root.join(REST))?;
        fs::write(path, text)
    }

    fn create(&mut self, path: &str, is_program: bool) -> io::Result<BufWriter<File>> {
        let path = self.place(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = if is_program { 0o755 } else { 0o644 };
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        Ok(BufWriter::new(file))
    }
}

fn plan(root: &Path, file: &Path) -> Result<Plan, Failure> {
    let path = root.join("plan.yaml");
    let bytes = fs::read(&path).map_err(host(&path))?;
    let name = format!("{}: plan.yaml", file.display());
    Ok(Plan::from_source(Source::from_bytes(&name, bytes)?)?)
}

/// Puts the lock that the plan needs into the cache, if it is none of the node image's.
fn bring_lock(plan: &Plan, root: &Path, file: &Path, cache: &Path) -> Result<(), Failure> {
    let Some(image) = &plan.lock_image else { return Ok(()) };
    let images = assets::lock_images(cache);
    let target = image_path(&images, &image.key);
    if target.exists() {
        return Ok(());
    }
    let bytes = content(root, &format!("lock/{}.erofs", image.key), &image.key, file)?;
    fs::create_dir_all(&images).map_err(host(&images))?;
    let scratch = tempfile::Builder::new()
        .prefix(".bring-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(&images)
        .map_err(host(&images))?;
    fs::write(scratch.path(), &bytes).map_err(host(scratch.path()))?;
    scratch.persist(&target).map(drop).map_err(|error| host(&target)(error.error))
}

/// The same with a kernel that somebody has built.
fn bring_kernel(
    kernel: &Kernel,
    root: &Path,
    file: &Path,
    cache: &Path,
    trust: bool,
) -> Result<(), Failure> {
    if KernelFiles::below(cache, &kernel.key).are_there() {
        return Ok(());
    }
    let place = format!("kernel/{}", kernel.key);
    let bytes = content(root, &format!("{place}/linux"), &kernel.key, file)?;
    if !trust {
        return Err(untrusted(kernel, file));
    }
    let arguments = fs::read_to_string(root.join(REST).join(place).join("arguments"));
    kernels::keep(kernel, &bytes, &arguments.unwrap_or_default())
}

/// A file of the bundle whose key is that of its content.
fn content(root: &Path, name: &str, key: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |why: &str| Failure::Argument(format!("{}: {name} {why}", file.display()));
    let bytes = match fs::read(root.join(REST).join(name)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong("is missing, which its plan needs"));
        }
        Err(error) => return Err(host(Path::new(name))(error)),
    };
    match hex(&Sha256::digest(&bytes)).starts_with(key) {
        true => Ok(bytes),
        false => Err(wrong("is not what its key says")),
    }
}

fn untrusted(kernel: &Kernel, file: &Path) -> Failure {
    Failure::Argument(format!(
        "{}: its run was made with {} ({}), a kernel of somebody's own, which the bundle brings. It \
         is a program, and would run on this host as you do; if you trust whoever made it, add \
         `--trust-kernel`, or choose another one with `--kernel`",
        file.display(),
        kernel.version,
        kernel.key
    ))
}

impl Unpacked {
    /// That it was, and where.
    pub fn note(&self) -> String {
        let (file, directory) = (self.file.display(), self.directory.display());
        format!("{file}, of {}, is unpacked in {directory}", self.manifest.maker())
    }

    /// The failure of its run, with what the bundle knows of what is missing.
    pub fn explained(&self, failure: Failure) -> Failure {
        let Failure::SetUpMissing(why) = failure else {
            return failure;
        };
        let directory = self.directory.display().to_string();
        let recipe = self.directory.join(REST).join("recipe");
        let mut words = format!("{why}\n{} needs\n", self.file.display());
        words += &self.manifest.parts_words("  ");
        words += &format!("and was made with {}", self.manifest.maker());
        if recipe.exists() {
            words += &format!(
                "; what builds them is in {} (read it before you run it)",
                recipe.display()
            );
        }
        let directory = quoted(&directory);
        words += &format!(
            ".\nThe run that was can be looked into as it is: `lockstorm report {directory}`, \
             `lockstorm wire {directory}`"
        );
        Failure::SetUpMissing(words)
    }
}
