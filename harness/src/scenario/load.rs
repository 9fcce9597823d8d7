//! From a name or a path to a scenario that makes sense, or to diagnostics.

use super::overrides::{Applied, Overrides};
use super::{Scenario, WorkloadSpec, shipped, validate};
use crate::lock::profile::Profile;
use crate::source::{Diagnostic, Diagnostics, Document, EMPTY, KeyPath, Problem, Source};
use crate::suggest::closest;
use std::path::Path;

/// Where a name is looked up first, below the working directory.
const FOLDER: &str = "scenarios";

/// How many times fewer critical sections than its author expects of his lock a story may come to
/// with another one.
const PATIENCE: u32 = 4;

/// A scenario that was read, and where it came from, so that later findings about it can still
/// name the line.
#[derive(Debug)]
pub struct Loaded {
    pub scenario: Scenario,
    document: Document,
    applied: Applied,
    /// `--lock` chose the lock.
    lock_replaced: bool,
}

/// Finds, reads, overrides and validates a scenario: everything that needs no lock profile.
pub fn load(reference: &str, overrides: &Overrides) -> Result<Loaded, Diagnostics> {
    let source = find(reference).map_err(|found| match found.message == EMPTY {
        true => found.help("`lockstorm list scenarios` names examples to start from"),
        false => found,
    });
    load_source(source?, overrides)
}

/// The same for a text that is at hand.
pub fn load_source(source: Source, overrides: &Overrides) -> Result<Loaded, Diagnostics> {
    let mut document = Document::parse(source)?;
    if !document.value.is_mapping() {
        let problem = Problem::new(KeyPath::default(), "this is not a scenario")
            .help("expected keys such as `lock:` and `workload:`");
        return Err(document.diagnose(problem).into());
    }
    let applied = overrides.apply(&mut document)?;
    let mut scenario: Scenario =
        document.read().map_err(|problem| diagnose(&document, &applied, problem))?;
    if scenario.name.is_empty() {
        scenario.name = stem(&document.source.name);
    }
    let loaded = Loaded { scenario, document, applied, lock_replaced: overrides.lock.is_some() };
    loaded.report(validate::scenario(&loaded.scenario))?;
    Ok(loaded)
}

impl Loaded {
    /// Holds the scenario against the profile of its lock, and fills in what the profile says.
    pub fn complete(&mut self, profile: &Profile) -> Result<(), Diagnostics> {
        if self.lock_replaced {
            self.adapt(profile);
        }
        self.report(validate::against_profile(&self.scenario, profile))?;
        self.scenario.lock.fill_in(profile);
        Ok(())
    }

    /// The story was written for another lock; where nobody said otherwise, it is told with what
    /// this one has.
    fn adapt(&mut self, profile: &Profile) {
        let is_set = |path: &str| self.applied.has_set(&KeyPath::keys(path));
        let lock = &mut self.scenario.lock;
        let least = profile.lifetime.map(|known| known.least);
        // Without lifetimes, or with longer ones, it is still a story.
        let fits = lock.lifetime.is_none_or(|wanted| least.is_some_and(|least| wanted >= least));
        if !fits && !is_set("lock.lifetime") {
            lock.lifetime = None;
        }
        if let WorkloadSpec::Cycles(cycles) = &mut self.scenario.workload
            && profile.lifetime.is_none()
            && !is_set("lock.lifetime")
        {
            cycles.refresh = None;
        }
        // A lock that waits longer between its attempts comes to fewer critical sections.
        if !is_set("expect.critical_sections") {
            self.scenario.expect.critical_sections /= PATIENCE;
        }
    }

    /// The diagnostic for a lock that there is no profile of.
    pub fn unknown_lock(&self, known: &[String]) -> Diagnostic {
        let name = &self.scenario.lock.name;
        let problem = Problem::new(KeyPath::keys("lock.name"), format!("no lock `{name}`"));
        let help = match closest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        diagnose(&self.document, &self.applied, problem.help(help))
    }

    fn report(&self, problems: Vec<Problem>) -> Result<(), Diagnostics> {
        if problems.is_empty() {
            return Ok(());
        }
        let place = |problem| diagnose(&self.document, &self.applied, problem);
        Err(Diagnostics(problems.into_iter().map(place).collect()))
    }
}

/// Names the argument that is to blame, or else the place in the file.
fn diagnose(document: &Document, applied: &Applied, problem: Problem) -> Diagnostic {
    match applied.blame(&problem.path, document) {
        Some(argument) => {
            Diagnostic { help: problem.help, ..Diagnostic::argument(argument, problem.message) }
        }
        None => document.diagnose(problem),
    }
}

fn stem(name: &str) -> String {
    let stem = Path::new(name).file_stem();
    stem.map_or_else(|| name.into(), |stem| stem.to_string_lossy().into_owned())
}

/// A path as it is; else a name, with or without `.yaml`, in ./scenarios and among those shipped.
fn find(reference: &str) -> Result<Source, Diagnostic> {
    if Path::new(reference).exists() {
        return Source::read(Path::new(reference));
    }
    for name in [reference.to_string(), format!("{reference}.yaml")] {
        let local = Path::new(FOLDER).join(&name);
        if local.is_file() {
            return Source::read(&local);
        }
        if let Some(text) = shipped::text(&name) {
            return Source::from_bytes(&format!("{FOLDER}/{name}"), text.into());
        }
    }
    let names: Vec<&str> = shipped::names().collect();
    let wanted = reference.rsplit('/').next().unwrap_or(reference);
    let wanted = format!("{}.yaml", wanted.trim_end_matches(".yaml"));
    let help = match closest(&wanted, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("a path to a YAML file, or one of {}", names.join(", ")),
    };
    let message = format!("no scenario `{reference}`, as a file or among those shipped");
    Err(Diagnostic::argument(reference, message).help(help))
}

#[cfg(test)]
mod tests;
