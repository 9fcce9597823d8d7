//! What `ci/setup` built: kernels and the node image, in the cache, by the keys of their
//! recipes. The keys are compiled in, so that a harness never runs with another recipe's parts.

use std::fmt;
use std::path::{Path, PathBuf};

/// Key of the kernel's recipe (containers/kernel).
pub const KERNEL_KEY: &str = env!("LOCKSTORM_KERNEL_KEY");
/// Key of the node image's recipe (containers/node and containers/locks).
pub const NODE_KEY: &str = env!("LOCKSTORM_NODE_KEY");

/// Key of the recipe of the image that nodes in containers run in (containers/node/Dockerfile).
pub const CONTAINER_KEY: &str = env!("LOCKSTORM_CONTAINER_KEY");

/// Where the parts of a site are on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    /// The default kernel.
    pub kernel: KernelFiles,
    /// The root file system of all nodes.
    pub image: PathBuf,
    /// The locks: their directories as in containers/locks, and `lib` with the adapter protocol
    /// in several languages.
    pub locks: PathBuf,
    /// Names the layers that the image has, one a line.
    pub layers: PathBuf,
}

/// Where a kernel is on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelFiles {
    /// The guest's kernel: a program.
    pub linux: PathBuf,
    /// Preloaded into it, so that its random numbers come from a seed.
    pub seeded_random: PathBuf,
    /// Holds how many bytes of extended CPU state the kernel was built for, or `any`.
    pub cpu_state_size: PathBuf,
    /// What is on its command line beside what every kernel has, one a line; not there: nothing.
    pub arguments: PathBuf,
    /// What it was built from, in words.
    pub provenance: PathBuf,
}

impl KernelFiles {
    /// The paths of the kernel with this key, whether they are there or not.
    pub fn below(cache: &Path, key: &str) -> KernelFiles {
        let folder = kernels(cache).join(key);
        KernelFiles {
            linux: folder.join("linux"),
            seeded_random: folder.join("libseededrandom.so"),
            cpu_state_size: folder.join("cpu-state-size"),
            arguments: folder.join("arguments"),
            provenance: folder.join("provenance"),
        }
    }

    /// The package of its source, with its version.
    pub fn package(&self) -> Option<String> {
        let text = std::fs::read_to_string(&self.provenance).ok()?;
        text.lines().find_map(|line| line.strip_prefix("source: ")).map(str::to_owned)
    }

    /// It can be run.
    pub fn are_there(&self) -> bool {
        self.linux.exists() && self.seeded_random.exists()
    }
}

/// The kernels, each in a directory named by its key.
pub fn kernels(cache: &Path) -> PathBuf {
    cache.join("kernel")
}

/// The kernels that people have built from trees of their own: files with keys, by name.
pub fn kernel_names(cache: &Path) -> PathBuf {
    kernels(cache).join("names")
}

/// The images of locks that were brought from outside the node image, each named by its key.
pub fn lock_images(cache: &Path) -> PathBuf {
    cache.join("locks")
}

/// Set-up's store of packages.
pub fn downloads(cache: &Path) -> PathBuf {
    cache.join("downloads")
}

/// What is missing, in one line with the command that brings it; and whether that is because this
/// user may not look there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(Option<PathBuf>, bool);

impl Missing {
    /// This file or directory is not there, or is kept from this user.
    pub fn of(path: PathBuf) -> Missing {
        let is_forbidden = path
            .symlink_metadata()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        Missing(Some(path), is_forbidden)
    }

    /// There is no place for a cache.
    pub fn no_cache() -> Missing {
        Missing(None, false)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("neither XDG_CACHE_HOME nor HOME is set, so there is no cache")?,
            Some(path) => {
                let path = path.display();
                return match self.1 {
                    true => write!(
                        f,
                        "{path} cannot be read by this user; let them read it, or set \
                         XDG_CACHE_HOME to a cache of their own and run `ci/setup` for that"
                    ),
                    false => write!(
                        f,
                        "{path} is not there; `ci/setup` builds the kernel and the node image"
                    ),
                };
            }
        }
        f.write_str("; `ci/setup` builds the kernel and the node image")
    }
}

/// `$XDG_CACHE_HOME/lockstorm`, or the same below `$HOME/.cache`; as ci/setup has it.
pub fn cache_dir() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = match variable("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(variable("HOME")?).join(".cache"),
    };
    Some(base.join("lockstorm"))
}

impl Assets {
    /// The paths of this harness's parts below a cache, whether they are there or not.
    pub fn below(cache: &Path) -> Assets {
        let node = cache.join("node").join(NODE_KEY);
        Assets {
            kernel: KernelFiles::below(cache, KERNEL_KEY),
            image: node.join("image.erofs"),
            locks: node.join("locks"),
            layers: node.join("layers"),
        }
    }

    fn ours() -> Result<Assets, Missing> {
        let cache = cache_dir().ok_or(Missing::no_cache())?;
        Ok(Assets::below(&cache))
    }

    /// The directory of the lock profiles: all that planning needs.
    pub fn locate_locks() -> Result<PathBuf, Missing> {
        let locks = Assets::ours()?.locks;
        match locks.is_dir() {
            true => Ok(locks),
            false => Err(Missing::of(locks)),
        }
    }

    /// The parts, all of which are there: what running needs.
    pub fn locate() -> Result<Assets, Missing> {
        let assets = Assets::ours()?;
        match assets.paths().into_iter().find(|path| !path.exists()) {
            None => Ok(assets),
            Some(missing) => Err(Missing::of(missing)),
        }
    }

    /// The names of the layers that the node image was built with.
    pub fn layers(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.layers).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn paths(&self) -> [PathBuf; 6] {
        [
            self.kernel.linux.clone(),
            self.kernel.seeded_random.clone(),
            self.kernel.cpu_state_size.clone(),
            self.image.clone(),
            self.locks.clone(),
            self.layers.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_is_kept_from_a_user_is_not_told_to_be_missing() {
        let path = || Some(PathBuf::from("/cache/lockstorm/node"));
        let said = Missing(path(), true).to_string();
        assert!(said.contains("cannot be read by this user"), "{said}");
        let said = Missing(path(), false).to_string();
        assert!(said.ends_with("is not there; `ci/setup` builds the kernel and the node image"));
    }

    /// The recipe as ci/setup writes it.
    fn key_by_shell(directory: &str, below: &str) -> String {
        let containers = concat!(env!("CARGO_MANIFEST_DIR"), "/../containers");
        let listing =
            format!("find {below} -type f ! -name '*.md' | LC_ALL=C sort | xargs sha256sum");
        let output = Command::new("sh")
            .args(["-c", &format!("({listing}) | sha256sum")])
            .current_dir(Path::new(containers).join(directory))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()[..16].to_string()
    }

    #[test]
    fn the_kernels_keys_are_those_that_setup_computes() {
        assert_eq!(KERNEL_KEY, key_by_shell("kernel", ". ! -path './versions/*'"));
        for entry in env!("LOCKSTORM_OTHER_KERNELS").split(' ').filter(|entry| !entry.is_empty()) {
            let (version, key) = entry.split_once('=').unwrap();
            let below = format!(
                ". '(' ! -path './versions/*' -o -path ./versions/build -o \
                 -path './versions/{version}/*' ')'"
            );
            assert_eq!(key, key_by_shell("kernel", &below), "{version}");
        }
    }

    #[test]
    fn the_containers_key_is_the_one_that_ci_image_computes() {
        assert_eq!(CONTAINER_KEY, key_by_shell("node", "./Dockerfile ./container"));
    }

    #[test]
    fn the_keys_that_setup_prints_are_ours() {
        for (name, key) in [("kernel", KERNEL_KEY), ("node", NODE_KEY)] {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/setup");
            let output = Command::new(script).args(["--key", name]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), key);
        }
    }

    #[test]
    fn the_node_images_key_is_the_one_that_setup_computes() {
        let containers = "! -path ./node/Dockerfile ! -path './node/container/*'";
        assert_eq!(NODE_KEY, key_by_shell(".", &format!("./node ./locks {containers}")));
    }
}
