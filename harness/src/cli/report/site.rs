//! `lockstorm report --site DIR RESULTS...`: pages of results, to look at or to publish.

use super::load_run;
use super::pages::is_saved;
use crate::cli::directory::{host, named};
use crate::cli::exit::{Exit, Failure};
use crate::cli::results::{self, below};
use crate::cli::terminal::Terminal;
use lockstorm_reports::html::site::{Page, Part, Site};
use lockstorm_reports::set::{self, Header, ResultSet, RunSummary};
use lockstorm_reports::{Report, json, map};
use std::fs;
use std::path::{Path, PathBuf};

/// What tells that a directory is a site.
const MARK: &str = "site.json";
/// What a site is made of: what has these names in the directory of one is replaced.
const OURS: [&str; 7] =
    ["index.html", "style.css", "script.js", ".nojekyll", "locks", "scenarios", "sets"];
/// How deep results are looked for.
const DEPTH_MAX: usize = 6;
/// The map of a sweep, beside its set.
const MAP: &str = "map.json";

/// Where the files of each part's runs are.
struct Found {
    part: Part,
    /// `None`: the runs name their own directories.
    home: Option<PathBuf>,
}

/// Makes the site in `out`.
pub fn make(out: &Path, from: &[PathBuf], terminal: &Terminal) -> Result<Exit, Failure> {
    let found = gather(from, out)?;
    open(out)?;
    let homes: Vec<Option<PathBuf>> = found.iter().map(|one| one.home.clone()).collect();
    let mut site = Site::new(found.into_iter().map(|one| one.part).collect());
    let (mut pages, mut bytes) = (0_u64, 0_u64);
    let mut write = |page: Page| -> Result<(), Failure> {
        pages += u64::from(page.path.ends_with(".html"));
        bytes += page.text.len() as u64;
        results::write(out, Path::new(&page.path), &page.text).map(|_| ())
    };
    for (part, home) in homes.iter().enumerate() {
        for index in 0..site.parts()[part].set.runs.len() {
            let run = &site.parts()[part].set.runs[index];
            let Some(directory) = run.directory.as_deref().filter(|_| run.is_made()) else {
                continue;
            };
            let saved = match home {
                Some(home) => below(home, Path::new(directory))?,
                None => PathBuf::from(directory),
            };
            if is_saved(&saved) {
                let report = report(&saved)?;
                site.run(part, index, &report).map_or(Ok(()), &mut write)?;
            }
        }
    }
    site.others().into_iter().try_for_each(&mut write)?;
    terminal.print(&format!("{}\n", out.join("index.html").display()))?;
    let megabytes = bytes as f64 / 1e6;
    terminal.note(&format!("{pages} pages, {megabytes:.1} MB"));
    Ok(Exit::Valid)
}

/// The report as it was saved, if it is one of this lockstorm's; else the run is judged again.
fn report(saved: &Path) -> Result<Report, Failure> {
    let text = fs::read_to_string(saved.join("report.json")).unwrap_or_default();
    match json::read(&text) {
        Ok(report) if report.provenance.lockstorm == env!("CARGO_PKG_VERSION") => Ok(report),
        _ => load_run(saved),
    }
}

/// Makes room for a site. What is there and is none is left alone.
fn open(out: &Path) -> Result<(), Failure> {
    fs::create_dir_all(out).map_err(named(out))?;
    let is_site = out.join(MARK).exists();
    let is_empty = fs::read_dir(out).map_err(named(out))?.next().is_none();
    if !is_site && !is_empty {
        return Err(Failure::Argument(format!(
            "--site {}: other things are there, and no site that was made before; name a new \
             directory, or an empty one",
            out.display()
        )));
    }
    for name in OURS {
        results::remove(out, Path::new(name))?;
    }
    let mark = serde_json::json!({ "format": 1, "lockstorm": env!("CARGO_PKG_VERSION") });
    results::write(out, Path::new(MARK), &format!("{mark}\n"))?;
    Ok(())
}

// --- What there is ---------------------------------------------------------------------------

/// The sets in these directories, and their lone runs as one set.
fn gather(from: &[PathBuf], out: &Path) -> Result<Vec<Found>, Failure> {
    let out = out.canonicalize().ok();
    let mut sets: Vec<PathBuf> = Vec::new();
    let mut runs: Vec<PathBuf> = Vec::new();
    for directory in from {
        fs::read_dir(directory).map_err(named(directory))?;
        let before = sets.len() + runs.len();
        look(directory, out.as_deref(), DEPTH_MAX, (&mut sets, &mut runs))?;
        if sets.len() + runs.len() == before {
            return Err(Failure::Argument(format!(
                "{}: there is no run and no result set in it; expected a directory that lockstorm \
                 has written, such as lockstorm-runs",
                directory.display()
            )));
        }
    }
    let mut found: Vec<Found> = Vec::new();
    for directory in sets {
        found.push(of_set(directory)?);
    }
    if !runs.is_empty() {
        found.push(of_runs(&runs)?);
    }
    Ok(found)
}

fn look(
    directory: &Path,
    out: Option<&Path>,
    depth: usize,
    found: (&mut Vec<PathBuf>, &mut Vec<PathBuf>),
) -> Result<(), Failure> {
    let (sets, runs) = found;
    let own = directory.canonicalize().ok();
    if depth == 0 || directory.join(MARK).exists() || (own.is_some() && own.as_deref() == out) {
        return Ok(());
    }
    if directory.join(set::HEADER_FILE).exists() {
        sets.push(directory.to_owned());
        return Ok(());
    }
    if is_saved(directory) {
        runs.push(directory.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(directory).map_err(host(directory))?;
    let mut below: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(host(directory))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below.push(entry.path());
        }
    }
    below.sort();
    below.iter().try_for_each(|one| look(one, out, depth - 1, (sets, runs)))
}

fn of_set(home: PathBuf) -> Result<Found, Failure> {
    let set = set::read(&home)?;
    let path = home.join(MAP);
    let map = match path.exists() {
        true => {
            let text = fs::read_to_string(&path).map_err(named(&path))?;
            let told = |error| Failure::Argument(format!("{}: {error}", path.display()));
            Some(map::read(&text).map_err(told)?)
        }
        false => None,
    };
    let part =
        Part { name: file_name(&home), directory: Some(home.display().to_string()), set, map };
    Ok(Found { part, home: Some(home) })
}

fn of_runs(directories: &[PathBuf]) -> Result<Found, Failure> {
    let mut runs = Vec::new();
    for directory in directories {
        let name = directory.display().to_string();
        runs.push(RunSummary::of(&report(directory)?, Some(&name)));
    }
    let header = Header {
        format: set::FORMAT,
        about: "Single runs".into(),
        lockstorm: env!("CARGO_PKG_VERSION").into(),
        ..Header::default()
    };
    let set = ResultSet { header, runs, ..ResultSet::default() };
    Ok(Found { part: Part { name: "runs".into(), directory: None, set, map: None }, home: None })
}

fn file_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole.file_name().map_or("set".into(), |name| name.to_string_lossy().into_owned())
}
