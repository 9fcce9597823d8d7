//! Bringing a lock from outside the node image: the user's own, an unreleased tree of one, or
//! another release. It becomes an image of its own, which the clients mount beside the node image.
//!
//! What a release is brought from (an index of packages, say) is asked once; the image stays in
//! the cache, and is there when the network is not.

mod tools;

use super::layer::Install;
use super::profile::Profile;
use crate::units::hex;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tools::{Tool, run};

/// What is to be brought.
pub struct Order<'a> {
    pub profile: &'a Profile,
    /// The directory of the profile and its adapter.
    pub directory: &'a Path,
    /// The adapter protocol in each language, which a lock's sources find as `../lib`.
    pub support: Option<&'a Path>,
    /// Another release than the one that the directory pins.
    pub version: Option<&'a str>,
    /// A tree of the lock's sources, in place of any release.
    pub with: Option<&'a Path>,
}

/// Why a lock could not be brought; each names the lock.
#[derive(Debug, Error)]
pub enum BringError {
    #[error("lock `{lock}`: {} is needed to bring it, and is not on this host; {}", tool.name(), tool.mend())]
    NoTool { lock: String, tool: Tool },
    #[error("lock `{lock}`: {} failed:\n{}", tool.name(), indented(said))]
    Failed { lock: String, tool: Tool, said: String },
    #[error("lock `{lock}`: {why}")]
    Refused { lock: String, why: String },
    #[error("lock `{lock}`: {doing}: {error}")]
    Host { lock: String, doing: String, error: io::Error },
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("  {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Builds the image of an order in `images`, and answers its key. `downloads` is set-up's store of
/// packages, which is asked before the network.
pub fn bring(order: &Order, images: &Path, downloads: &Path) -> Result<String, BringError> {
    fs::create_dir_all(images).map_err(host(order, &format!("creating {}", images.display())))?;
    let scratch = tempfile::Builder::new().prefix("bring-").tempdir_in(images);
    let scratch = scratch.map_err(host(order, "creating a scratch directory in the cache"))?;
    let lock = scratch.path().join("lock");
    copy(order.directory, &lock).map_err(host(order, "copying its directory"))?;
    if let Some(support) = order.support {
        copy(support, &scratch.path().join("lib")).map_err(host(order, "copying lib"))?;
    }
    install(order, &lock, scratch.path(), downloads)?;
    let image = scratch.path().join("image.erofs");
    run(order, Tool::Erofs, Tool::Erofs.command().arg(&image).arg(&lock))?;
    let bytes = fs::read(&image).map_err(host(order, "reading its image"))?;
    let key = hex(&Sha256::digest(&bytes))[..16].to_owned();
    fs::rename(&image, image_path(images, &key))
        .map_err(host(order, "putting its image in place"))?;
    Ok(key)
}

/// The releases of a lock that its package manager tells of, the oldest first.
pub fn releases(profile: &Profile) -> Result<Vec<String>, BringError> {
    let said = match profile.install {
        Install::Pip => tools::releases_of_pip(profile)?,
        Install::Npm => tools::releases_of_npm(profile)?,
        _ => {
            let why = "other releases can be had of locks that pip or npm bring (`install:`)";
            return Err(BringError::Refused { lock: profile.name.clone(), why: why.into() });
        }
    };
    let mut releases: Vec<String> = said.into_iter().filter(|text| is_release(text)).collect();
    releases.sort_by_key(|text| numbers(text));
    Ok(releases)
}

/// No release candidate or the like.
fn is_release(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// The numbers of a release, by which it comes before or after others: those of `8.0` are those of
/// `8`.
pub fn numbers(release: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        release.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

/// Where the image with a key is, if it is there.
pub fn image_path(images: &Path, key: &str) -> PathBuf {
    images.join(format!("{key}.erofs"))
}

fn install(order: &Order, lock: &Path, scratch: &Path, downloads: &Path) -> Result<(), BringError> {
    let profile = order.profile;
    if let (Some(version), Some(tree)) = (order.version, order.with) {
        let tree = tree.display();
        let why = format!("either the release {version} is tested, or the tree {tree}");
        return Err(refuse(order, &why));
    }
    expect_project(order)?;
    match profile.install {
        Install::Pip => tools::pip(order, lock, scratch, downloads),
        Install::Npm => tools::npm(order, lock, scratch),
        Install::Cargo => tools::cargo(order, lock, scratch),
        Install::Go => tools::go(order, lock, scratch),
        Install::Javac => tools::javac(order, lock),
        Install::None | Install::Debian => match (order.version, order.with) {
            (Some(_), _) => Err(refuse(
                order,
                "another release can be had of locks that pip or npm bring (`install:`)",
            )),
            // Its adapter knows what to do with it.
            (None, Some(with)) => copy(with, &lock.join("with"))
                .map_err(host(order, &format!("copying {}", with.display()))),
            (None, None) => Ok(()),
        },
    }
}

/// Refuses a tree that its package manager could make nothing of.
fn expect_project(order: &Order) -> Result<(), BringError> {
    let Some(tree) = order.with.filter(|tree| tree.is_dir()) else { return Ok(()) };
    let files: &[&str] = match order.profile.install {
        Install::Pip => &["pyproject.toml", "setup.py"],
        Install::Npm => &["package.json"],
        Install::Cargo => &["Cargo.toml"],
        _ => return Ok(()),
    };
    match files.iter().any(|file| tree.join(file).is_file()) {
        true => Ok(()),
        false => {
            let (tree, files) = (tree.display(), files.join(" nor "));
            let why = format!("{tree} is no tree of its sources: there is no {files} in it");
            Err(refuse(order, &why))
        }
    }
}

fn refuse(order: &Order, why: &str) -> BringError {
    BringError::Refused { lock: order.profile.name.clone(), why: why.into() }
}

fn host(order: &Order, doing: &str) -> impl FnOnce(io::Error) -> BringError {
    let (lock, doing) = (order.profile.name.clone(), doing.to_owned());
    move |error| BringError::Host { lock, doing, error }
}

/// Directories of a source tree that are no part of the sources. Results of an earlier run must
/// not make another lock of it; a CI job may keep lockstorm itself in `.lockstorm`.
const NO_SOURCES: [&str; 9] = [
    ".git",
    ".hg",
    ".lockstorm",
    ".tox",
    ".venv",
    "__pycache__",
    "lockstorm-runs",
    "node_modules",
    "target",
];

/// Results of lockstorm lie there, whatever it is called: a set, or a run.
fn has_results(directory: &Path) -> bool {
    let all = |files: [&str; 2]| files.iter().all(|file| directory.join(file).is_file());
    all(["set.json", "identity.json"]) || all(["plan.yaml", "history.jsonl"])
}

/// Copies a tree, its links as they are.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        let is_no_source = NO_SOURCES.iter().any(|name| entry.file_name() == *name);
        if kind.is_dir() && (is_no_source || has_results(&source)) {
            continue;
        }
        if kind.is_dir() {
            copy(&source, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
