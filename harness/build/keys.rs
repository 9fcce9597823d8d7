//! Keys of the recipes: the kernel's and the node image's as `ci/setup` computes them, and that of
//! the container that nodes can run in as `ci/image` does:
//!
//! ```sh
//! cd containers && find ./node ./locks -type f ! -name '*.md' \
//!     ! -path './node/Dockerfile' ! -path './node/container/*' |
//!     LC_ALL=C sort | xargs sha256sum | sha256sum
//! ```
//!
//! (the kernel's from inside containers/kernel, the container's from inside containers/node), of
//! which the first 16 digits are the key. Documents are left out: what they say builds nothing.

use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// Sets LOCKSTORM_KERNEL_KEY, LOCKSTORM_NODE_KEY and LOCKSTORM_CONTAINER_KEY for the crate; "none" without recipes.
pub fn compile_in(containers: &Path) {
    println!("cargo::rerun-if-changed={}", containers.display());
    let kernel = key(&containers.join("kernel"), &["."], &[]);
    let node = key(containers, &["./node", "./locks"], &CONTAINER);
    let container = key(&containers.join("node"), &["./Dockerfile", "./container"], &[]);
    println!("cargo::rustc-env=LOCKSTORM_CONTAINER_KEY={container}");
    println!("cargo::rustc-env=LOCKSTORM_KERNEL_KEY={kernel}");
    println!("cargo::rustc-env=LOCKSTORM_NODE_KEY={node}");
}

/// What containers/node has for nodes in containers, and is no part of the node image.
const CONTAINER: [&str; 2] = ["./node/Dockerfile", "./node/container/"];

/// The key of the files of a folder that are below some paths, and not below others.
fn key(folder: &Path, below: &[&str], not_below: &[&str]) -> String {
    let mut files = Vec::new();
    for name in below {
        collect(folder, name, &mut files);
    }
    files.retain(|name| !not_below.iter().any(|other| name.starts_with(other)));
    if files.is_empty() {
        return "none".into();
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
