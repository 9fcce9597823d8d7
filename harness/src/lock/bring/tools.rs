//! The programs that bring locks: a language's own package manager or compiler each.

use super::{BringError, Order, copy, host, refuse};
use crate::lock::profile::Profile;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Pip,
    Python,
    Npm,
    Cargo,
    Go,
    Javac,
    Erofs,
}

impl Tool {
    pub fn name(self) -> &'static str {
        match self {
            Tool::Pip => "pip",
            Tool::Python => "python3",
            Tool::Npm => "npm",
            Tool::Cargo => "cargo",
            Tool::Go => "go",
            Tool::Javac => "javac",
            Tool::Erofs => "mkfs.erofs",
        }
    }

    /// What to do where it is not.
    pub fn mend(self) -> &'static str {
        match self {
            Tool::Pip | Tool::Python | Tool::Erofs => "`ci/setup` installs it",
            Tool::Npm => "install Node.js with npm (Debian: `apt-get install npm`)",
            Tool::Cargo => "install Rust with rustup",
            Tool::Go => "install Go (Debian: `apt-get install golang-go`)",
            Tool::Javac => "install a JDK (Debian: `apt-get install openjdk-17-jdk-headless`)",
        }
    }

    /// The program with the arguments that it is always given here.
    pub fn command(self) -> Command {
        let mut command = Command::new(match self {
            // Debian's own, since the nodes run Debian's Python.
            Tool::Pip | Tool::Python => "/usr/bin/python3",
            other => other.name(),
        });
        match self {
            Tool::Pip => command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]),
            // As containers/node/build: the same bytes for the same tree.
            Tool::Erofs => command.args([
                "--quiet",
                "--all-root",
                "-x-1",
                "-T1700000000",
                "-U6c6f636b-7374-6f72-6d00-6c6f636b0001",
            ]),
            _ => &mut command,
        };
        command
    }
}

/// How much of what a failed program said is told.
const SAID_LINES_MAX: usize = 15;

/// Runs a program to its end; what it says goes into the error, if it fails.
pub fn run(order: &Order, tool: Tool, command: &mut Command) -> Result<(), BringError> {
    said(&order.profile.name, tool, command).map(drop)
}

/// The same; answers what it says on standard output.
fn said(lock: &str, tool: Tool, command: &mut Command) -> Result<String, BringError> {
    let lock = lock.to_owned();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(BringError::NoTool { lock, tool });
        }
        Err(error) => {
            return Err(BringError::Host {
                lock,
                doing: format!("running {}", tool.name()),
                error,
            });
        }
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<String> = said.lines().map(lockstorm_reports::text::clean).collect();
    let last = lines.len().saturating_sub(SAID_LINES_MAX);
    Err(BringError::Failed { lock, tool, said: lines[last..].join("\n") })
}

/// The releases of its package, as pip tells them: `Available versions: 10.0.0, 9.2.0`.
pub fn releases_of_pip(profile: &Profile) -> Result<Vec<String>, BringError> {
    // Told to be quiet, as for installing, it would not say them.
    let mut index = Tool::Python.command();
    index.args(["-m", "pip", "--disable-pip-version-check", "index", "versions"]);
    let said = said(&profile.name, Tool::Pip, index.arg(profile.package()))?;
    let line = said.lines().find_map(|line| line.strip_prefix("Available versions:"));
    let all = line.unwrap_or_default().split(',').map(|release| release.trim().to_owned());
    Ok(all.collect())
}

/// The releases of its package, as npm tells them: a list in JSON, or one alone.
pub fn releases_of_npm(profile: &Profile) -> Result<Vec<String>, BringError> {
    let mut view = Tool::Npm.command();
    view.args(["view", profile.package(), "versions", "--json"]);
    let said = said(&profile.name, Tool::Npm, &mut view)?;
    match serde_json::from_str(&said) {
        Ok(serde_json::Value::Array(all)) => {
            Ok(all.iter().filter_map(|release| release.as_str().map(str::to_owned)).collect())
        }
        Ok(serde_json::Value::String(one)) => Ok(vec![one]),
        _ => Ok(Vec::new()),
    }
}

/// Wheels for the nodes' Python, whatever runs pip (as containers/node/install/pip).
const FOR_NODES: [&str; 20] = [
    "--only-binary",
    ":all:",
    "--implementation",
    "cp",
    "--python-version",
    "3.11",
    "--abi",
    "cp311",
    "--abi",
    "abi3",
    "--abi",
    "none",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_17_x86_64",
    "--platform",
    "manylinux2014_x86_64",
    "--platform",
    "manylinux_2_12_x86_64",
];

/// Installs into `site`, and compiles: a node could not keep what it compiles.
pub fn pip(order: &Order, lock: &Path, scratch: &Path, downloads: &Path) -> Result<(), BringError> {
    let site = lock.join("site");
    let mut install = Tool::Pip.command();
    install
        .args(["install", "--no-compile", "--root-user-action", "ignore", "--find-links"])
        .arg(downloads.join("wheels"))
        .arg("--target")
        .arg(&site)
        .args(FOR_NODES);
    match (order.version, order.with) {
        (_, Some(tree)) => install.arg(wheel_of(order, tree, scratch)?),
        (Some(version), None) => install.arg(format!("{}=={version}", order.profile.package())),
        (None, None) => install.arg("-r").arg(lock.join("requirements.txt")),
    };
    run(order, Tool::Pip, &mut install)?;
    forget_scripts(&site.join("bin")).map_err(host(order, "removing the scripts of its wheel"))?;
    forget_origin(&site).map_err(host(order, "forgetting where its wheel lay"))?;
    let mut compile = Tool::Python.command();
    compile
        .args(["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s"])
        .arg(lock)
        .args(["-p", "/"])
        .arg(lock)
        .env("PYTHONHASHSEED", "0");
    run(order, Tool::Python, &mut compile)
}

/// Scripts name the host's own Python in their first line; no adapter runs them. A program that a
/// wheel brings compiled stays (as containers/node/install/pip).
pub fn forget_scripts(bin: &Path) -> std::io::Result<()> {
    if !bin.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(bin)? {
        let program = entry?.path();
        if fs::read(&program)?.starts_with(b"#!") {
            fs::remove_file(program)?;
        }
    }
    let _ = fs::remove_dir(bin); // if nothing is left
    Ok(())
}

/// pip notes where a wheel of a tree lay: a directory that is another one each time, so that the
/// same tree would be another lock to each part of a suite.
fn forget_origin(site: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(site)? {
        let package = entry?.path();
        let (origin, record) = (package.join("direct_url.json"), package.join("RECORD"));
        if !origin.exists() {
            continue;
        }
        fs::remove_file(origin)?;
        let listed = fs::read_to_string(&record)?;
        let kept = listed.lines().filter(|line| !line.contains("/direct_url.json,"));
        fs::write(&record, kept.map(|line| format!("{line}\n")).collect::<String>())?;
    }
    Ok(())
}

/// Builds a wheel of a copy of the tree: builds leave files behind.
fn wheel_of(order: &Order, tree: &Path, scratch: &Path) -> Result<PathBuf, BringError> {
    let (sources, wheels) = (scratch.join("sources"), scratch.join("wheels"));
    copy(tree, &sources).map_err(host(order, &format!("copying {}", tree.display())))?;
    let mut build = Tool::Pip.command();
    build.args(["wheel", "--no-deps", "--wheel-dir"]).arg(&wheels).arg(&sources);
    run(order, Tool::Pip, &mut build)?;
    let built = fs::read_dir(&wheels).ok().and_then(|mut entries| entries.next()?.ok());
    built
        .map(|entry| entry.path())
        .ok_or_else(|| refuse(order, &format!("{} gave no wheel", tree.display())))
}

pub fn npm(order: &Order, lock: &Path, scratch: &Path) -> Result<(), BringError> {
    let quiet = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let mut install = Tool::Npm.command();
    match lock.join("package-lock.json").is_file() {
        true => install.arg("ci"),
        false => install.arg("install"),
    };
    run(order, Tool::Npm, install.args(quiet).current_dir(lock))?;
    let mut instead = Tool::Npm.command();
    instead.args(["install", "--no-save", "--install-links"]).args(quiet).current_dir(lock);
    match (order.version, order.with) {
        // Without the results of earlier runs, which npm would pack, too.
        (_, Some(tree)) => {
            let sources = scratch.join("sources");
            copy(tree, &sources).map_err(host(order, &format!("copying {}", tree.display())))?;
            instead.arg(sources)
        }
        (Some(version), None) => instead.arg(format!("{}@{version}", order.profile.package())),
        (None, None) => return Ok(()),
    };
    run(order, Tool::Npm, &mut instead)
}

/// Builds `adapter`, linked to nothing: the nodes' libraries may be older than the host's.
pub fn cargo(order: &Order, lock: &Path, scratch: &Path) -> Result<(), BringError> {
    refuse_release(order)?;
    let out = scratch.join("out");
    let mut install = Tool::Cargo.command();
    install
        .args(["install", "--quiet", "--target", "x86_64-unknown-linux-gnu", "--path"])
        .arg(lock)
        .arg("--root")
        .arg(&out)
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    match order.with {
        Some(tree) => {
            let tree = absolute(order, tree)?;
            let package = order.profile.package();
            install
                .arg("--config")
                .arg(format!("patch.crates-io.{package}.path={:?}", tree.display().to_string()));
        }
        None if lock.join("Cargo.lock").is_file() => {
            install.arg("--locked");
        }
        None => {}
    }
    run(order, Tool::Cargo, &mut install)?;
    let built = fs::read_dir(out.join("bin")).ok().and_then(|mut entries| entries.next()?.ok());
    let built = built.ok_or_else(|| refuse(order, "its Cargo.toml builds no program"))?;
    fs::copy(built.path(), lock.join("adapter"))
        .map(drop)
        .map_err(host(order, "copying its adapter"))
}

pub fn go(order: &Order, lock: &Path, scratch: &Path) -> Result<(), BringError> {
    refuse_release(order)?;
    if order.with.is_some() {
        let why = "for a tree of Go sources, put a `replace` line into the adapter's go.mod";
        return Err(refuse(order, why));
    }
    let mut build = Tool::Go.command();
    build
        .args(["build", "-trimpath", "-o", "adapter", "."])
        .current_dir(lock)
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", scratch.join("cache"));
    run(order, Tool::Go, &mut build)
}

pub fn javac(order: &Order, lock: &Path) -> Result<(), BringError> {
    refuse_release(order)?;
    if let Some(tree) = order.with {
        copy(tree, &lock.join("with"))
            .map_err(host(order, &format!("copying {}", tree.display())))?;
    }
    // The adapter protocol is compiled already, and needs what only the node image has: javac must
    // not look for its source.
    let mut build = Tool::Javac.command();
    build
        .args(["--release", "17", "-sourcepath", ".", "-cp", ".:with/*:*:../lib/java"])
        .arg("Adapter.java")
        .current_dir(lock);
    run(order, Tool::Javac, &mut build)
}

fn refuse_release(order: &Order) -> Result<(), BringError> {
    match order.version {
        Some(_) => {
            let why = "another release can be had of locks that pip or npm bring (`install:`); \
                give a tree of this one with `--with`";
            Err(refuse(order, why))
        }
        None => Ok(()),
    }
}

fn absolute(order: &Order, tree: &Path) -> Result<PathBuf, BringError> {
    fs::canonicalize(tree).map_err(host(order, &tree.display().to_string()))
}
