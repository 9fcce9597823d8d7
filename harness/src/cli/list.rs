//! `lockstorm list scenarios|known-bugs|locks|kernels`: what lockstorm ships.

use super::exit::{Exit, Failure};
use super::host::{expect_nfs, this_host};
use super::kernels::{command, of_trees};
use super::locks::catalogue;
use super::terminal::Terminal;
use crate::assets::{KernelFiles, cache_dir};
use crate::kernel::{self, HOST};
use crate::lock::profile::Profile;
use crate::scenario::load::load_source;
use crate::scenario::overrides::Overrides;
use crate::scenario::shipped;
use crate::source::Source;

#[derive(clap::Args)]
pub struct Args {
    what: Kind,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// The scenarios that can be run by name.
    Scenarios,
    /// The bugs that `lockstorm known-bugs` knows.
    KnownBugs,
    /// The locks that the node image has.
    Locks,
    /// The kernels that `--kernel` knows by name.
    Kernels,
}

pub fn run(args: &Args, terminal: &Terminal) -> Result<Exit, Failure> {
    let rows = match args.what {
        Kind::Scenarios => about_each(shipped::names().map(str::to_owned))?,
        Kind::KnownBugs => about_each(shipped::known_bugs().map(shipped::known_bug_file))?,
        Kind::Locks => locks()?,
        Kind::Kernels => kernels(),
    };
    terminal.print(&table(&rows))?;
    Ok(Exit::Valid)
}

/// Columns as wide as what is in them; the last one ends with its text.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let width = |column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

/// Shipped scenarios, each with what it is about.
fn about_each(names: impl Iterator<Item = String>) -> Result<Vec<Vec<String>>, Failure> {
    let mut rows = Vec::new();
    for name in names {
        let text = shipped::text(&name).unwrap_or_default();
        let source = Source::from_bytes(&name, text.into())?;
        let loaded = load_source(source, &Overrides::default())?;
        let about = loaded.scenario.about.lines().next().unwrap_or_default();
        rows.push(vec![name, about.to_string()]);
    }
    Ok(rows)
}

/// A profile that cannot be read is a row that says so: the others are still there.
fn locks() -> Result<Vec<Vec<String>>, Failure> {
    let catalogue = catalogue()?;
    let mut rows = vec![
        ["LOCK", "KIND", "VERSION", "LAYER", "PRIMITIVE", "LIFETIME", "PROMISES"]
            .map(String::from)
            .to_vec(),
    ];
    for name in catalogue.names() {
        rows.push(match catalogue.load(name) {
            Some(Ok(profile)) => row(&profile),
            Some(Err(found)) => vec![name.clone(), format!("cannot be read: {}", found.summary())],
            None => continue,
        });
    }
    Ok(rows)
}

fn row(profile: &Profile) -> Vec<String> {
    let promises: Vec<&str> = profile.promises.keys().map(|promise| promise.words()).collect();
    vec![
        profile.name.clone(),
        word(profile.kind),
        profile.version.clone().unwrap_or_else(|| "-".into()),
        profile.layer.to_string(),
        word(profile.primitive),
        profile.lifetime.map_or_else(|| "-".into(), |lifetime| lifetime.default.to_string()),
        promises.join(", "),
    ]
}

fn kernels() -> Vec<Vec<String>> {
    let mut rows = vec![["KERNEL", "BUILT FROM", "KEY", ""].map(String::from).to_vec()];
    for kernel in kernel::shipped() {
        let files = cache_dir().map(|cache| KernelFiles::below(&cache, &kernel.key));
        let files = files.filter(KernelFiles::are_there);
        let note = match (&files, kernel == kernel::default()) {
            (None, _) => format!("not built: {}", command(&kernel.version)),
            (Some(_), true) => "the default".into(),
            (Some(_), false) => String::new(),
        };
        let package = files.and_then(|files| files.package()).unwrap_or_else(|| "-".into());
        rows.push(vec![kernel.version, package, kernel.key, note]);
    }
    for (name, kernel) in of_trees() {
        let files = cache_dir().map(|cache| KernelFiles::below(&cache, &kernel.key));
        let package = files.and_then(|files| files.package()).unwrap_or_else(|| "-".into());
        rows.push(vec![name, package, kernel.key, "of a tree of your own".into()]);
    }
    rows.extend(this_host().ok().map(|host| {
        let release = host.release().unwrap_or_default().to_owned();
        vec![HOST.into(), release, host.key, about_host()]
    }));
    rows
}

/// What clients on the host's kernel are, or why there can be none.
fn about_host() -> String {
    match expect_nfs() {
        Ok(()) => "for clients, in containers, on the real clock; they cannot crash".into(),
        Err(_) => "for clients; but it has no NFS".into(),
    }
}

/// A choice as profiles write it.
fn word(choice: impl serde::Serialize) -> String {
    let value = serde_json::to_value(choice).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
