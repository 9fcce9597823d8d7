//! Keys of the recipes: the kernels' and the node image's as `ci/setup` computes them, and that of
//! the container that nodes can run in as `ci/image` does:
//!
//! ```sh
//! cd containers && find ./node ./locks -type f ! -name '*.md' \
//!     ! -path './node/Dockerfile' ! -path './node/container/*' |
//!     LC_ALL=C sort | xargs sha256sum | sha256sum
//! ```
//!
//! of which the first 16 digits are the key. The default kernel's is from inside containers/kernel,
//! without `versions`; another one's has also versions/build and the directory of its version. The
//! container's is from inside containers/node. Documents are left out: what they say builds
//! nothing.

use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// Sets LOCKSTORM_KERNEL_KEY, LOCKSTORM_NODE_KEY and LOCKSTORM_CONTAINER_KEY for the crate, and
/// LOCKSTORM_OTHER_KERNELS, the kernels that are not the default, as `VERSION=KEY VERSION=KEY`.
pub fn compile_in(containers: &Path) {
    println!("cargo::rerun-if-changed={}", containers.display());
    let recipes = containers.join("kernel");
    let others = versions(&recipes).into_iter().map(|version| {
        let own = format!("./versions/{version}/");
        let is_of =
            |path: &str| is_shared(path) || path == "./versions/build" || path.starts_with(&own);
        format!("{version}={}", key(&recipes, &["."], is_of))
    });
    let others: Vec<String> = others.collect();
    let kernel = key(&recipes, &["."], is_shared);
    let node = key(containers, &["./node", "./locks"], |path| !is_of_container(path));
    let container = key(&containers.join("node"), &["./Dockerfile", "./container"], |_| true);
    println!("cargo::rustc-env=LOCKSTORM_CONTAINER_KEY={container}");
    println!("cargo::rustc-env=LOCKSTORM_KERNEL_KEY={kernel}");
    println!("cargo::rustc-env=LOCKSTORM_OTHER_KERNELS={}", others.join(" "));
    println!("cargo::rustc-env=LOCKSTORM_NODE_KEY={node}");
}

/// What containers/node has for nodes in containers, and is no part of the node image.
fn is_of_container(path: &str) -> bool {
    path == "./node/Dockerfile" || path.starts_with("./node/container/")
}

/// A file of the default kernel's recipe, on which the others are built, too.
fn is_shared(path: &str) -> bool {
    !path.starts_with("./versions/")
}

/// The kernels that are not the default, the oldest first.
fn versions(recipes: &Path) -> Vec<String> {
    let entries = fs::read_dir(recipes.join("versions")).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_by_key(|name| -> Vec<u32> {
        name.split('.').map(|number| number.parse().unwrap_or(0)).collect()
    });
    names
}

fn key(folder: &Path, below: &[&str], is_part: impl Fn(&str) -> bool) -> String {
    let mut files = Vec::new();
    for name in below {
        collect(folder, name, &mut files);
    }
    files.retain(|path| is_part(path));
    // No such crate could find its kernel; it is built from a checkout or not at all.
    if files.is_empty() {
        println!("cargo::error=no recipes in {}", folder.display());
    }
    files.sort();
    let mut listing = Sha256::new();
    for name in &files {
        let content = fs::read(folder.join(name)).unwrap_or_default();
        listing.update(format!("{}  {name}\n", hex(&Sha256::digest(content))));
    }
    hex(&listing.finalize())[..16].to_string()
}

/// Regular files below `name`, which is a path from `folder`, as `find -type f` prints them.
fn collect(folder: &Path, name: &str, files: &mut Vec<String>) {
    if folder.join(name).is_file() {
        files.push(name.to_owned());
    }
    let Ok(entries) = fs::read_dir(folder.join(name)) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            collect(folder, &path, files);
        } else if kind.is_file() && !path.ends_with(".md") {
            files.push(path);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
