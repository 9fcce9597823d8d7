//! The kernels of the nodes, from the argument to programs that can be started.

use super::directory::host;
use super::exit::Failure;
use super::host::this_host;
use crate::assets::{self, KernelFiles, Missing};
use crate::kernel::arguments::Arguments;
use crate::kernel::{self, Choice, DEFAULT_VERSION, Kernel, Kernels, Wish};
use crate::site::launch::{Program, Programs};
use crate::suggest::{closest, listed};
use crate::units::hex;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// What every command that runs nodes lets its user say about their kernels.
#[derive(Default, clap::Args)]
pub struct KernelArgs {
    /// Run the nodes on another kernel: a version (`lockstorm list kernels`), or the path of a
    /// kernel of your own; some of the nodes with server=6.1,clients=7.2. With `host`, the clients
    /// are containers with privileges (--launch containers) on this host's own kernel and clock
    /// (--clock real).
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<Choice>,
    /// Add these to the kernels' command lines, such as 'ignore_loglevel sunrpc.debug=1'; refused
    /// is what lockstorm sets itself.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    kernel_args: Option<Arguments>,
}

impl KernelArgs {
    /// The kernels that are asked for; a user's own is brought into the cache.
    pub fn choose(&self) -> Result<Kernels, Failure> {
        self.changed(&Kernels::default())
    }

    /// Which kernels are asked for, if any are.
    pub fn choice(&self) -> Option<&Choice> {
        self.kernel.as_ref()
    }

    /// Something is asked for.
    pub fn are_any(&self) -> bool {
        self.kernel.is_some() || self.kernel_args.is_some()
    }

    /// These kernels, as far as nothing else is asked for.
    pub fn changed(&self, kernels: &Kernels) -> Result<Kernels, Failure> {
        let mut changed = kernels.clone();
        if let Some(choice) = &self.kernel {
            let found = chosen(Some(choice))?;
            if choice.server.is_some() {
                changed.server = found.server;
            }
            if choice.clients.is_some() {
                changed.clients = found.clients;
            }
        }
        if let Some(arguments) = &self.kernel_args {
            changed.arguments.clone_from(&arguments.0);
        }
        if !changed.arguments.is_empty() && changed.clients.as_ref().is_some_and(Kernel::is_host) {
            let message = "--kernel-args: the host's own kernel runs already; expected another one \
                           for the clients";
            return Err(Failure::Argument(message.into()));
        }
        Ok(changed)
    }
}

/// The kernels of a choice, or the default ones.
pub fn chosen(choice: Option<&Choice>) -> Result<Kernels, Failure> {
    let Some(Choice { server, clients }) = choice else {
        return Ok(Kernels::default());
    };
    let find = |wish: &Option<Wish>| wish.as_ref().map(find).transpose();
    let not_default = |found: Option<Kernel>| found.filter(|found| *found != kernel::default());
    let (server, clients) = (not_default(find(server)?), not_default(find(clients)?));
    Ok(Kernels { server, clients, ..Kernels::default() })
}

fn find(wish: &Wish) -> Result<Kernel, Failure> {
    match wish {
        Wish::Own(path) => bring(path),
        Wish::Host => this_host(),
        Wish::Version(version) => {
            let found = kernel::shipped().into_iter().find(|kernel| kernel.version == *version);
            found.or_else(|| named(version)).ok_or_else(|| unknown(version))
        }
    }
}

/// The kernels that are built and can be run.
pub fn built() -> Result<Vec<Kernel>, Failure> {
    let cache = cache()?;
    let all = kernel::shipped().into_iter();
    Ok(all.filter(|kernel| KernelFiles::below(&cache, &kernel.key).are_there()).collect())
}

/// The kernel that `ci/kernel-tree` has built under a name.
fn named(name: &str) -> Option<Kernel> {
    kernel::named(&cache().ok()?, name)
}

/// The kernels that have names of their own, each with its name.
pub fn of_trees() -> Vec<(String, Kernel)> {
    let Ok(cache) = cache() else { return Vec::new() };
    let entries = fs::read_dir(assets::kernel_names(&cache)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut all: Vec<(String, Kernel)> =
        names.filter_map(|name| named(&name).map(|kernel| (name, kernel))).collect();
    all.sort_by(|(one, _), (two, _)| one.cmp(two));
    all
}

/// What to say of a version that there is no recipe for.
fn unknown(version: &str) -> Failure {
    let there: Vec<String> = kernel::shipped().into_iter().map(|kernel| kernel.version).collect();
    let help = match closest(version, there.iter().map(String::as_str)) {
        _ if Path::new(version).exists() => format!("a file is named as `./{version}`"),
        Some(near) => format!("did you mean `{near}`?"),
        None => "`lockstorm list kernels` shows them".into(),
    };
    Failure::Argument(format!(
        "--kernel {version}: no such kernel; {help} (there are {}, and paths of your own)",
        listed(&there).replace(" or ", " and ")
    ))
}

/// Copies a user's own kernel into the cache: a plan finds it there, whatever becomes of the file.
fn bring(path: &Path) -> Result<Kernel, Failure> {
    let refused = |why: String| Failure::Argument(format!("--kernel {}: {why}", path.display()));
    let bytes = fs::read(path).map_err(|error| refused(error.to_string()))?;
    expect_kernel(&bytes).map_err(|why| refused(why.into()))?;
    let key = hex(&Sha256::digest(&bytes)[..8]);
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let kernel = Kernel::own(&file, key);
    let cache = cache()?;
    if !KernelFiles::below(&cache, &kernel.key).are_there() {
        store(&cache, &kernel, &bytes, "")?;
    }
    Ok(kernel)
}

/// What every kernel that can be run here is: an executable of x86-64, linked dynamically.
fn expect_kernel(bytes: &[u8]) -> Result<(), &'static str> {
    let number = |at: usize, size: usize| {
        let field = bytes.get(at..at.checked_add(size)?)?;
        Some(field.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte)))
    };
    // elf(5): e_ident, e_type, e_machine.
    let is_program = matches!(number(16, 2), Some(2 | 3)) && number(18, 2) == Some(62);
    if !bytes.starts_with(b"\x7fELF\x02\x01") || !is_program {
        return Err(
            "this is no executable of x86-64; expected User Mode Linux, as `make ARCH=um` \
                    builds it",
        );
    }
    // e_phoff, e_phentsize, e_phnum; p_type of each program header.
    let headers = number(32, 8).zip(number(54, 2)).zip(number(56, 2));
    let has_interpreter = headers.is_some_and(|((first, size), count)| {
        (0..count).any(|index| {
            let at = first.saturating_add(index * size);
            usize::try_from(at).ok().and_then(|at| number(at, 4)) == Some(PT_INTERP)
        })
    });
    match has_interpreter {
        true => Ok(()),
        false => Err("this kernel is linked statically, so its random numbers cannot be seeded; \
                      build it with CONFIG_STATIC_LINK=n"),
    }
}

const PT_INTERP: u64 = 3;

/// Puts a user's own kernel of another machine into the cache, with what it needs on its command
/// line. Its key must be that of its bytes.
pub fn keep(kernel: &Kernel, bytes: &[u8], arguments: &str) -> Result<(), Failure> {
    let refused = |why: &str| Failure::Argument(format!("the kernel {}: {why}", kernel.version));
    expect_kernel(bytes).map_err(refused)?;
    store(&cache()?, kernel, bytes, arguments)
}

/// Whole or not at all: another command may be storing the same.
fn store(cache: &Path, kernel: &Kernel, bytes: &[u8], arguments: &str) -> Result<(), Failure> {
    let all = assets::kernels(cache);
    let preload = KernelFiles::below(cache, &kernel::default().key).seeded_random;
    if !preload.exists() {
        return Err(Missing::of(preload).into());
    }
    let folder = tempfile::Builder::new().prefix(".new-").tempdir_in(&all).map_err(host(&all))?;
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| fs::write(path(name), bytes).map_err(host(&path(name)));
    write("linux", bytes)?;
    set_mode(&path("linux"), 0o755)?;
    if !arguments.is_empty() {
        write("arguments", arguments.as_bytes())?;
    }
    fs::copy(&preload, path("libseededrandom.so")).map_err(host(&preload))?;
    write("provenance", format!("source: {}\n", kernel.version).as_bytes())?;
    set_mode(folder.path(), 0o755)?;
    let target = all.join(&kernel.key);
    match fs::rename(folder.path(), &target) {
        Err(_) if KernelFiles::below(cache, &kernel.key).are_there() => Ok(()),
        moved => moved.map_err(host(&target)),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(host(path))
}

/// The programs of a site's kernels, all of which are there.
pub fn provide(kernels: &Kernels) -> Result<Programs, Failure> {
    let cache = cache()?;
    let program = |kernel: Kernel| {
        let files = KernelFiles::below(&cache, &kernel.key);
        match files.are_there() {
            true => open(&files, &kernels.arguments),
            false => Err(Failure::SetUpMissing(missing(&kernel))),
        }
    };
    let of = |wanted: &Option<Kernel>| wanted.clone().unwrap_or_else(kernel::default);
    let clients = Some(of(&kernels.clients)).filter(|kernel| !kernel.is_host());
    Ok(Programs {
        server: program(of(&kernels.server))?,
        clients: clients.map(program).transpose()?,
    })
}

/// A kernel that is started with what its user adds.
fn open(files: &KernelFiles, arguments: &[String]) -> Result<Program, Failure> {
    let mut program = Program::open(files).map_err(host(&files.linux))?;
    program.arguments.extend_from_slice(arguments);
    Ok(program)
}

/// What to say of a kernel that is not in the cache.
fn missing(kernel: &Kernel) -> String {
    let Kernel { version, key } = kernel;
    if kernel.is_own() {
        return format!(
            "the kernel {version} ({key}) is not in the cache any more; run its scenario again \
             with `--kernel PATH`"
        );
    }
    let ours = kernel::shipped().into_iter().find(|ours| ours.version == *version);
    match ours {
        Some(ours) if ours == *kernel => {
            format!("the kernel {version} is not built; {} builds it", command(version))
        }
        ours => {
            let has = ours.map_or_else(|| "none of this version".into(), |ours| ours.key);
            format!(
                "the plan was made for the kernel {version} {key}, this lockstorm has {has}; check \
                 out the version that made it, and run {} there",
                command(version)
            )
        }
    }
}

/// The command that builds a kernel, for a sentence.
pub fn command(version: &str) -> String {
    format!("`{}`", setup(version))
}

/// The command that builds a kernel.
pub fn setup(version: &str) -> String {
    match version {
        DEFAULT_VERSION => "ci/setup".into(),
        _ => format!("ci/setup --kernels {version}"),
    }
}

fn cache() -> Result<PathBuf, Failure> {
    assets::cache_dir().ok_or_else(|| Missing::no_cache().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an executable: one program header, of this type.
    fn executable(header: u8) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64 + 56, 0);
        for (at, value) in [(16, 3), (18, 62), (32, 64), (54, 56), (56, 1), (64, header)] {
            bytes[at] = value;
        }
        bytes
    }

    #[test]
    fn a_kernel_is_an_executable_that_a_library_can_be_preloaded_into() {
        assert_eq!(expect_kernel(&executable(3)), Ok(()));
        assert!(expect_kernel(&executable(1)).unwrap_err().contains("CONFIG_STATIC_LINK=n"));
        for length in 0..20 {
            let said = expect_kernel(&executable(3)[..length]).unwrap_err();
            assert!(said.contains("no executable"), "{length}: {said}");
        }
        assert!(expect_kernel(&executable(3)[..60]).is_err());
        assert!(expect_kernel(b"#!/bin/sh\n").is_err());
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(expect_kernel(&own), Ok(()));
    }

    #[test]
    fn an_unknown_version_is_told_with_the_one_that_is_near() {
        let said = unknown("7.3").to_string();
        assert!(said.contains("did you mean `7.2`?") && said.contains("`6.12`"), "{said}");
    }

    #[test]
    fn a_missing_kernel_is_told_with_the_command_that_brings_it() {
        let newest = kernel::shipped().pop().unwrap();
        let said = missing(&newest);
        assert!(said.contains("not built; `ci/setup --kernels 7.2` builds it"), "{said}");
        let said = missing(&Kernel { key: "0".repeat(16), ..newest.clone() });
        assert!(said.contains("made for the kernel 7.2 0000") && said.contains(&newest.key));
        let said = missing(&Kernel::own("linux", "0".repeat(16)));
        assert!(said.contains("own:linux") && said.contains("--kernel PATH"), "{said}");
        assert_eq!(command(DEFAULT_VERSION), "`ci/setup`");
    }
}
