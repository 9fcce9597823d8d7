//! A site of static pages: an index, a page a lock, a scenario, a set and a run.
//!
//! All links are relative, so that it works from a directory as from any address. Style and script
//! are files of the site: a thousand pages would hold them a thousand times.

mod index;
mod list;
mod lock;
mod names;
mod scenario;

use super::{Crumb, Place, SCRIPT, STYLE, set as set_page};
use crate::map::Map;
use crate::set::{Header, ResultSet, RunSummary};
use crate::subject::Options;
use crate::text::clean;
use crate::{Assumes, Invariant, Report};
use names::{Names, is_plain, plain};
use std::collections::{BTreeMap, BTreeSet};

/// A set that goes into the site.
pub struct Part {
    /// What its directory is called.
    pub name: String,
    /// The directory as the reader can name it; `None`: the runs name their own.
    pub directory: Option<String>,
    pub set: ResultSet,
    /// Of a sweep.
    pub map: Option<Map>,
}

/// A file of the site.
#[derive(Debug)]
pub struct Page {
    /// From the site's directory.
    pub path: String,
    pub text: String,
}

/// The site, as far as its runs are known.
pub struct Site {
    parts: Vec<Part>,
    /// The directory of each part.
    folders: Vec<String>,
    locks: Names,
    scenarios: Names,
    /// Of each part, by the run's directory: the pages that there are, from the part's folder.
    pages: Vec<BTreeMap<String, String>>,
    files: Names,
    facts: BTreeMap<String, Facts>,
}

/// What the runs' reports say of a lock.
#[derive(Default)]
struct Facts {
    summary: String,
    lifetime_ns: Option<u64>,
    assumes: Option<Assumes>,
    promises: BTreeMap<Invariant, String>,
    kernels: BTreeSet<String>,
    nfs: BTreeSet<String>,
}

impl Facts {
    fn learn(&mut self, report: &Report) {
        if self.summary.is_empty() {
            self.summary.clone_from(&report.lock.summary);
        }
        self.lifetime_ns = self.lifetime_ns.or(report.lock.lifetime_ns);
        if self.assumes.is_none() {
            self.assumes.clone_from(&report.lock.assumes);
        }
        for result in report.invariants.iter().filter(|result| !result.promise.is_empty()) {
            self.promises.entry(result.invariant).or_insert_with(|| result.promise.clone());
        }
        self.kernels.extend(report.provenance.linux());
        self.nfs.insert(report.provenance.nfs_version.clone());
    }
}

impl Site {
    pub fn new(parts: Vec<Part>) -> Site {
        let (mut locks, mut scenarios) = (Names::default(), Names::default());
        let mut folders = Names::default();
        for part in &parts {
            let header = &part.set.header;
            let named = header.locks.iter().map(|entry| &entry.name);
            named.chain(part.set.runs.iter().map(|run| &run.lock)).for_each(|name| {
                locks.of(name);
            });
            let named = header.scenarios.iter().map(|entry| &entry.name);
            named.chain(part.set.runs.iter().map(|run| &run.scenario)).for_each(|name| {
                scenarios.of(name);
            });
        }
        let folders: Vec<String> =
            parts.iter().map(|part| folders.new_one(&plain(&part.name))).collect();
        Site {
            pages: vec![BTreeMap::new(); parts.len()],
            parts,
            folders,
            locks,
            scenarios,
            files: Names::default(),
            facts: BTreeMap::new(),
        }
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The page of a run, of this part and with this index.
    pub fn run(&mut self, part: usize, index: usize, report: &Report) -> Option<Page> {
        let run = self.parts.get(part)?.set.runs.get(index)?;
        let saved = run.directory.clone()?;
        if self.pages[part].contains_key(&saved) {
            return None;
        }
        self.facts.entry(run.lock.clone()).or_default().learn(report);
        let folder = match is_plain(&saved) {
            true => saved.clone(),
            false => format!("runs/{}", plain(saved.rsplit('/').next().unwrap_or(&saved))),
        };
        let own = self.files.new_one(&format!("sets/{}/{folder}", self.folders[part]));
        let path = format!("{own}/report.html");
        let run = &self.parts[part].set.runs[index];
        let trail = self.trail(&path, Some(part), Some(&run.lock));
        let directory = match &self.parts[part].directory {
            Some(set) => format!("{set}/{saved}"),
            None => saved.clone(),
        };
        let root = root(&path);
        let place =
            Place { trail: &trail, has: &|_| false, shared: Some(&root), ..Place::default() };
        let options = Options { directory: Some(&directory), ..Options::default() };
        let text = super::run(report, options, &place);
        let below = path.strip_prefix(&format!("sets/{}/", self.folders[part]));
        self.pages[part].insert(saved, below.unwrap_or(&path).to_owned());
        Some(Page { path, text })
    }

    /// All other files, when every run has its page.
    pub fn others(&self) -> Vec<Page> {
        let mut pages = vec![
            Page { path: "style.css".into(), text: STYLE.into() },
            Page { path: "script.js".into(), text: SCRIPT.into() },
            // GitHub would leave out names that begin with an underscore.
            Page { path: ".nojekyll".into(), text: String::new() },
        ];
        let whole = self.whole();
        pages.push(index::page(self, &whole));
        for (part, one) in self.parts.iter().enumerate() {
            pages.push(self.set(part, one));
            pages.extend(one.map.as_ref().map(|map| self.map(part, map)));
        }
        let names: BTreeSet<&str> = whole.runs.iter().map(|run| run.lock.as_str()).collect();
        let names = names.into_iter().chain(whole.header.locks.iter().map(|e| e.name.as_str()));
        let names: BTreeSet<&str> = names.collect();
        pages.extend(names.into_iter().map(|name| lock::page(self, &whole, name)));
        let names: BTreeSet<&str> = whole.runs.iter().map(|run| run.scenario.as_str()).collect();
        let names = names.into_iter().chain(whole.header.scenarios.iter().map(|e| e.name.as_str()));
        let names: BTreeSet<&str> = names.collect();
        pages.extend(names.into_iter().map(|name| scenario::page(self, &whole, name)));
        pages
    }

    fn set(&self, part: usize, one: &Part) -> Page {
        let path = self.path_of_set(part);
        let trail = self.trail(&path, None, None);
        let root = root(&path);
        let pages = &self.pages[part];
        let place = Place {
            trail: &trail,
            has: &|_| false,
            page_of: &|run| pages.get(run.directory.as_deref()?).cloned(),
            shared: Some(&root),
            directory: one.directory.as_deref(),
        };
        Page { text: set_page(&one.set, &place), path }
    }

    /// The map of a sweep, which leads to those runs that have pages.
    fn map(&self, part: usize, map: &Map) -> Page {
        let mut map = map.clone();
        map.move_runs(|saved| {
            let page = self.pages[part].get(saved)?;
            Some(page.trim_end_matches("/report.html").to_owned())
        });
        let path = format!("sets/{}/map.html", self.folders[part]);
        let trail = self.trail(&path, Some(part), None);
        let root = root(&path);
        let place = Place { trail: &trail, shared: Some(&root), ..Place::default() };
        Page { text: super::map::page(&map, "report.html", &place).into_string(), path }
    }

    // --- Ways ------------------------------------------------------------------------------

    fn path_of_set(&self, part: usize) -> String {
        format!("sets/{}/index.html", self.folders[part])
    }

    fn path_of_lock(&self, name: &str) -> Option<String> {
        self.locks.known(name).map(|file| format!("locks/{file}.html"))
    }

    fn path_of_scenario(&self, name: &str) -> Option<String> {
        self.scenarios.known(name).map(|file| format!("scenarios/{file}.html"))
    }

    /// From the site's directory.
    fn path_of_run(&self, part: usize, run: &RunSummary) -> Option<String> {
        let page = self.pages[part].get(run.directory.as_deref()?)?;
        Some(format!("sets/{}/{page}", self.folders[part]))
    }

    /// The way back from a page.
    fn trail(&self, from: &str, part: Option<usize>, lock: Option<&str>) -> Vec<Crumb> {
        let root = root(from);
        let mut trail = vec![Crumb { path: format!("{root}index.html"), name: "Results".into() }];
        trail.extend(part.map(|part| Crumb {
            path: format!("{root}{}", self.path_of_set(part)),
            name: self.title(part),
        }));
        let lock = lock.and_then(|name| Some((name, self.path_of_lock(name)?)));
        trail.extend(
            lock.map(|(name, path)| Crumb { path: format!("{root}{path}"), name: name.to_owned() }),
        );
        trail
    }

    /// What a part is called.
    fn title(&self, part: usize) -> String {
        let one = &self.parts[part];
        match one.set.header.about.is_empty() {
            true => clean(&one.name),
            false => clean(&one.set.header.about),
        }
    }

    /// All sets as one.
    fn whole(&self) -> ResultSet {
        let mut header = Header::default();
        let mut runs = Vec::new();
        for part in &self.parts {
            let theirs = &part.set.header;
            for (ours, theirs) in
                [(&mut header.locks, &theirs.locks), (&mut header.scenarios, &theirs.scenarios)]
            {
                for entry in theirs {
                    if !ours.iter().any(|one| one.name == entry.name) {
                        ours.push(entry.clone());
                    }
                }
            }
            runs.extend(part.set.runs.iter().cloned());
        }
        ResultSet { header, runs, ..ResultSet::default() }
    }

    /// The runs that a page is about, each with its part.
    fn runs<'a>(
        &'a self,
        is_ours: impl Fn(&RunSummary) -> bool + 'a,
    ) -> impl Iterator<Item = (usize, &'a RunSummary)> {
        let parts = self.parts.iter().enumerate();
        let all = parts.flat_map(|(part, one)| one.set.runs.iter().map(move |run| (part, run)));
        all.filter(move |(_, run)| is_ours(run))
    }

    /// The command that makes a run again.
    fn again(&self, part: usize, run: &RunSummary) -> String {
        run.reproduce_from(self.parts[part].directory.as_deref())
    }
}

/// The site's directory, seen from a page of it.
fn root(path: &str) -> String {
    "../".repeat(path.matches('/').count())
}
