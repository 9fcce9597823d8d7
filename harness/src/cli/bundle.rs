//! `lockstorm bundle DIR`: a saved run as one file, for another machine and for later.

use super::directory::{RunDirectory, expect_new, host, named};
use super::exit::{Exit, Failure};
use super::kernels;
use super::prepare::saved_plan;
use super::results::file_name;
use super::terminal::Terminal;
use crate::assets::{self, KERNEL_KEY, KernelFiles, Missing, NODE_KEY};
use crate::bundle::{self, Content, FORMAT, Manifest, Part, PartKind, RUN, recipe};
use crate::kernel::{self, DEFAULT_VERSION, Kernel};
use crate::lock::bring::image_path;
use crate::plan::Plan;
use crate::verdict::recheck::{self, HISTORY};
use lockstorm_reports::set;
use lockstorm_reports::text::{counted, quoted};
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the name of a bundle ends in.
const ENDING: &str = ".lockstorm.tar.gz";
/// What it begins with has room for.
const NAME_CHARS_MAX: usize = 200;

/// Packs a saved run into one file, which `lockstorm replay FILE` runs again on another machine, or
/// in two years.
///
/// In it are the plan, the history, the report, the packets and the consoles; the lock, where it is
/// none of the node image's; a kernel of your own; and the recipes of all other kernels and of the
/// node image, with their keys and the commit of lockstorm. It is a gzipped tar archive.
#[derive(clap::Args)]
pub struct Args {
    /// The directory of a run.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Where the bundle goes, in place of NAME.lockstorm.tar.gz here; it must not exist yet.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let directory = args.directory.as_path();
    expect_run(directory)?;
    let plan = saved_plan(directory)?;
    let name = name_of(directory);
    let out = args.out.clone().unwrap_or_else(|| format!("{name}{ENDING}").into());
    expect_new(Some(&out))?;
    let _held = RunDirectory::hold(directory)?;
    let mut contents = of_run(directory)?;
    let parts = parts(&plan, &mut contents)?;
    if has_our_parts(&plan) {
        contents.extend(recipe::files().map(|file| {
            let path = format!("recipe/{}", file.path);
            Content::bytes(path, file.bytes.to_vec(), file.is_program)
        }));
    } else {
        terminal.note(
            "the plan was made for a kernel and a node image of another lockstorm: the bundle has \
             their keys, and not their recipes",
        );
    }
    let lockstorm = env!("CARGO_PKG_VERSION").to_owned();
    let manifest =
        Manifest { format: FORMAT, lockstorm, commit: commit(), run: name, parts, files: vec![] };
    let written = write(&out, &manifest, &contents)?;
    terminal.print(&words(&out, &written)?)?;
    Ok(Exit::Valid)
}

/// Refuses what is no run, or only a part of one.
fn expect_run(directory: &Path) -> Result<(), Failure> {
    let path = directory.display();
    if directory.join(set::HEADER_FILE).exists() {
        return Err(Failure::Argument(format!(
            "{path}: this is a result set; expected the directory of one of its runs, below {path}/runs"
        )));
    }
    fs::read_dir(directory).map_err(named(directory))?;
    for file in ["plan.yaml", HISTORY] {
        if !directory.join(file).exists() {
            return Err(Failure::Argument(format!(
                "{path}: there is no {file} in it; expected the directory of a run"
            )));
        }
    }
    Ok(())
}

/// What the run is called: its directory's name.
fn name_of(directory: &Path) -> String {
    let path = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    file_name(&name, NAME_CHARS_MAX)
}

/// The files of the run.
fn of_run(directory: &Path) -> Result<Vec<Content>, Failure> {
    let files = recheck::artefacts(directory).into_iter().map(|artefact| artefact.file);
    let content = |file: String| Content::file(format!("{RUN}/{file}"), directory.join(file));
    Ok(files.map(content).collect())
}

/// What the plan needs; what cannot be built from a recipe goes into the bundle.
fn parts(plan: &Plan, contents: &mut Vec<Content>) -> Result<Vec<Part>, Failure> {
    let cache = assets::cache_dir().ok_or_else(Missing::no_cache)?;
    let mut parts = Vec::new();
    for kernel in kernels_of(plan) {
        if kernel.is_host() {
            return Err(Failure::Argument(format!(
                "the clients ran on the kernel of their host ({}), which no bundle can hold",
                kernel.version
            )));
        }
        let mut built_by = kernels::setup(&kernel.version);
        if kernel.is_own() {
            let KernelFiles { linux, arguments, .. } = KernelFiles::below(&cache, &kernel.key);
            expect_in_cache(&linux, &kernel.version)?;
            let place = format!("kernel/{}", kernel.key);
            contents.push(Content::file(format!("{place}/linux"), linux));
            if arguments.exists() {
                contents.push(Content::file(format!("{place}/arguments"), arguments));
            }
            built_by.clear();
        }
        let Kernel { version: name, key } = kernel;
        parts.push(Part { kind: PartKind::Kernel, name, key, built_by });
    }
    let layer = plan.profile.layer.to_string();
    let key = plan.image_key.clone();
    let built_by = format!("ci/setup --locks {layer}");
    parts.push(Part { kind: PartKind::NodeImage, name: layer, key, built_by });
    if let Some(image) = &plan.lock_image {
        let file = image_path(&assets::lock_images(&cache), &image.key);
        expect_in_cache(&file, &format!("the lock {}", image.from))?;
        contents.push(Content::file(format!("lock/{}.erofs", image.key), file));
        let (name, key) = (image.from.clone(), image.key.clone());
        parts.push(Part { kind: PartKind::Lock, name, key, built_by: String::new() });
    }
    Ok(parts)
}

/// The kernels of its nodes, each once.
fn kernels_of(plan: &Plan) -> Vec<Kernel> {
    let default = || Kernel { version: DEFAULT_VERSION.into(), key: plan.kernel_key.clone() };
    let of = |kernel: &Option<Kernel>| kernel.clone().unwrap_or_else(default);
    let mut all = vec![of(&plan.kernels.server), of(&plan.kernels.clients)];
    all.dedup();
    all
}

fn expect_in_cache(file: &Path, what: &str) -> Result<(), Failure> {
    match file.exists() {
        true => Ok(()),
        false => Err(Failure::SetUpMissing(format!(
            "{what} is not in the cache any more ({}), and a bundle has to have it",
            file.display()
        ))),
    }
}

/// The recipes that this harness has build something that the plan needs.
fn has_our_parts(plan: &Plan) -> bool {
    let kernels = kernels_of(plan);
    let ours = kernel::shipped();
    plan.image_key == NODE_KEY
        || plan.kernel_key == KERNEL_KEY
        || kernels.iter().any(|kernel| ours.contains(kernel))
}

/// The commit of the checkout that this lockstorm was built in, as far as it is still there.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}

/// Writes it whole or not at all.
fn write(out: &Path, manifest: &Manifest, contents: &[Content]) -> Result<Manifest, Failure> {
    let parent = match out.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new()
        .prefix(".bundle-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(parent)
        .map_err(named(parent))?;
    let written =
        bundle::write(BufWriter::new(file.as_file()), manifest, contents).map_err(host(out))?;
    file.persist_noclobber(out).map_err(|error| named(out)(error.error))?;
    Ok(written)
}

/// What is in it, and what one does with it.
fn words(out: &Path, manifest: &Manifest) -> Result<String, Failure> {
    let size = fs::metadata(out).map_err(host(out))?.len();
    let path = out.display();
    let mut words = format!(
        "{path}: {}, {:.1} MB\n",
        counted(manifest.files.len() as u64, "file"),
        size as f64 / 1e6
    );
    words += &manifest.parts_words("  ");
    words += &format!("\n$ lockstorm replay {}\n", quoted(&path.to_string()));
    Ok(words)
}
