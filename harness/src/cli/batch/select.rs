//! Which locks and scenarios: the arguments, and every pair of them made ready.

use crate::cli::exit::Failure;
use crate::cli::locks::{self, Found};
use crate::cli::results::file_name;
use crate::kernel::Kernels;
use crate::lock::catalogue::Catalogue;
use crate::lock::choice::Choice;
use crate::lock::profile::{Kind, Profile};
use crate::plan::{Lock, LockImage, Plan};
use crate::scenario::Scenario;
use crate::scenario::load::load;
use crate::scenario::overrides::Overrides;
use crate::scenario::shipped;
use crate::site::launch::Launch;
use lockstorm_reports::set::Entry;
use lockstorm_reports::text::quoted;
use std::path::Path;

/// The locks and scenarios of a batch, in the order of the table.
pub struct Selection {
    pub locks: Vec<Candidate>,
    pub scenarios: Vec<String>,
}

/// So many characters of a lock's label name its directory: a tree's name may be long.
const FILED_CHARS_MAX: usize = 120;

/// A lock of the selection: ready, or why not.
pub struct Candidate {
    /// As in tables.
    pub label: String,
    /// The arguments that choose it.
    pub arguments: String,
    ready: Result<Ready, Failure>,
}

struct Ready {
    profile: Profile,
    image: Option<LockImage>,
}

/// A lock and a scenario.
pub struct Pair {
    pub lock: String,
    /// The lock's directory, which no other lock of the selection has.
    pub filed_as: String,
    pub scenario: String,
    prepared: Result<Prepared, Failure>,
    lock_is_ready: bool,
    /// Those of this pair alone, whatever the batch has.
    kernels: Option<Kernels>,
    /// The command that makes its runs, without the seed, where there is one.
    command: Option<String>,
}

/// All that a plan is expanded from, but the seed.
#[derive(Clone)]
pub struct Prepared {
    pub scenario: Scenario,
    profile: Profile,
    image: Option<LockImage>,
}

impl Prepared {
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    pub fn lock(&self) -> Lock<'_> {
        Lock { profile: &self.profile, image: self.image.clone() }
    }
}

impl Pair {
    /// The lock is there; what is wrong is that it and the scenario do not go together.
    pub fn lock_is_ready(&self) -> bool {
        self.lock_is_ready
    }

    /// The command that makes a run of it by itself.
    pub fn command(&self, seed: u64, of_batch: &Kernels, launch: Launch) -> Option<String> {
        let mut command = format!("{} --seed {seed}", self.command.as_ref()?);
        let kernels = self.kernels(of_batch);
        command += &kernels.options()?;
        if launch != Launch::Local {
            command += " --launch containers";
        }
        Some(command)
    }

    /// The kernels of its nodes, in a batch that has these.
    pub fn kernels<'a>(&'a self, of_batch: &'a Kernels) -> &'a Kernels {
        self.kernels.as_ref().unwrap_or(of_batch)
    }

    /// The same lock in another scenario, which must make sense.
    pub fn in_scenario(&self, scenario: Scenario) -> Result<Pair, Failure> {
        let prepared = self.prepared()?.clone();
        Ok(Pair {
            lock: self.lock.clone(),
            filed_as: self.filed_as.clone(),
            scenario: scenario.name.clone(),
            prepared: Ok(Prepared { scenario, ..prepared }),
            lock_is_ready: self.lock_is_ready,
            kernels: self.kernels.clone(),
            command: None,
        })
    }

    /// The same on other kernels.
    pub fn on_kernels(self, kernels: Kernels) -> Pair {
        Pair { kernels: Some(kernels), ..self }
    }

    /// The lock and the scenario of a plan, and its kernels: all that it needs is in the plan.
    pub fn of_plan(plan: &Plan) -> Pair {
        let lock = plan.lock_label().to_owned();
        Pair {
            filed_as: file_name(&lock, FILED_CHARS_MAX),
            lock,
            scenario: plan.scenario.name.clone(),
            prepared: Ok(Prepared {
                scenario: plan.scenario.clone(),
                profile: plan.profile.clone(),
                image: plan.lock_image.clone(),
            }),
            lock_is_ready: true,
            kernels: Some(plan.kernels.clone()),
            command: None,
        }
    }

    /// What the run needs, or why there is none.
    pub fn prepared(&self) -> Result<&Prepared, Failure> {
        self.prepared.as_ref().map_err(Failure::clone)
    }
}

impl Selection {
    /// Understands `--locks`, `--with` and `--scenarios`. A lock that cannot be brought is a row
    /// of the table that says so; a name that nobody knows is bad input.
    pub fn of(
        locks: &[String],
        with: Option<&Path>,
        scenarios: &[String],
    ) -> Result<Self, Failure> {
        locks::expect_tree(with)?;
        let catalogue = locks::catalogue()?;
        let mut chosen: Vec<Chosen> = Vec::new();
        for name in locks {
            let names = match group(name) {
                Some(kinds) => of_kinds(&catalogue, kinds),
                None => vec![name.clone()],
            };
            for name in names {
                Chosen::of(&catalogue, name, with)?.join(&mut chosen)?;
            }
        }
        let scenarios = match scenarios {
            [all] if all == "all" => shipped::names().map(|name| stem(name).to_owned()).collect(),
            some => some.to_vec(),
        };
        let tree = with.map(|tree| format!(" --with {}", quoted(&tree.display().to_string())));
        let tree = tree.unwrap_or_default();
        let locks = chosen.into_iter().map(|chosen| {
            let arguments = format!("--lock {}{tree}", quoted(&chosen.name));
            Candidate { arguments, ..candidate(chosen) }
        });
        Ok(Selection { locks: locks.collect(), scenarios })
    }

    /// Of pairs that are made by themselves.
    pub fn nothing() -> Selection {
        Selection { locks: Vec::new(), scenarios: Vec::new() }
    }

    /// The locks for the header of the set.
    pub fn lock_entries(&self) -> Vec<Entry> {
        let entry = |candidate: &Candidate| Entry {
            name: candidate.label.clone(),
            about: match &candidate.ready {
                Ok(ready) => ready.profile.summary.clone(),
                Err(_) => String::new(),
            },
        };
        self.locks.iter().map(entry).collect()
    }

    /// What tells the images of brought locks apart: their keys.
    pub fn images(&self) -> Vec<String> {
        let images = self.locks.iter().filter_map(|lock| lock.ready.as_ref().ok()?.image.as_ref());
        images.map(|image| format!("{} {}", image.from, image.key)).collect()
    }
}

/// The names that stand for many locks. `all` is what people use; controls prove the checkers.
fn group(name: &str) -> Option<&'static [Kind]> {
    match name {
        "all" => Some(&[Kind::Library, Kind::Primitive]),
        "libraries" => Some(&[Kind::Library]),
        "primitives" => Some(&[Kind::Primitive]),
        "controls" => Some(&[Kind::Control]),
        _ => None,
    }
}

/// In the order of the kinds, and by name. A profile that cannot be read is a lock all the same.
fn of_kinds(catalogue: &Catalogue, kinds: &[Kind]) -> Vec<String> {
    let kind = |name: &String| match catalogue.load(name) {
        Some(Ok(profile)) => kinds.iter().position(|kind| *kind == profile.kind),
        _ => Some(kinds.len()),
    };
    let names = catalogue.names().iter();
    let mut found: Vec<(usize, &String)> =
        names.filter_map(|name| Some((kind(name)?, name))).collect();
    found.sort();
    found.into_iter().map(|(_, name)| name.clone()).collect()
}

/// A lock that was looked up, and is not brought yet.
struct Chosen {
    /// As the user named it.
    name: String,
    label: String,
    found: Result<Found, Failure>,
}

impl Chosen {
    fn of(catalogue: &Catalogue, name: String, with: Option<&Path>) -> Result<Chosen, Failure> {
        let choice = Choice::parse(&name);
        let found = match &choice {
            Choice::Own(file) => locks::own(file, with),
            shipped => match locks::shipped(catalogue, shipped, with) {
                Ok(None) => return Err(locks::unknown(catalogue, &name)),
                Ok(Some(found)) => Ok(found),
                Err(failure) => Err(failure),
            },
        };
        let label = found.as_ref().map_or_else(|_| choice.to_string(), Found::label);
        Ok(Chosen { name, label, found })
    }

    /// Adds it to those that were chosen before. The same lock again is one lock; another one that
    /// would have the same row and the same directory is refused.
    fn join(self, chosen: &mut Vec<Chosen>) -> Result<(), Failure> {
        let filed_as = file_name(&self.label, FILED_CHARS_MAX);
        let is_there = |other: &&Chosen| file_name(&other.label, FILED_CHARS_MAX) == filed_as;
        match chosen.iter().find(is_there) {
            None => chosen.push(self),
            Some(other) if self.is_same(other) => {}
            Some(other) => {
                let (one, two) = (&other.name, &self.name);
                return Err(Failure::Argument(format!(
                    "the locks `{one}` and `{two}` would both be filed as `{filed_as}`; give one \
                     another `name:` in its profile, or run them apart, each with its own --out"
                )));
            }
        }
        Ok(())
    }

    fn is_same(&self, other: &Chosen) -> bool {
        match (&self.found, &other.found) {
            (Ok(one), Ok(two)) => one.is_same(two),
            _ => self.name == other.name,
        }
    }
}

/// Brings the lock.
fn candidate(chosen: Chosen) -> Candidate {
    let ready = chosen.found.and_then(|found| {
        let image = found.image()?;
        Ok(Ready { profile: found.profile, image })
    });
    Candidate { label: chosen.label, arguments: String::new(), ready }
}

/// Every lock with every scenario. A scenario that cannot be read is bad input; one that does not
/// go together with a lock is a cell that says so.
pub fn pairs(selection: &Selection, set: &[String]) -> Result<Vec<Pair>, Failure> {
    let mut pairs = Vec::new();
    for (reference, scenario) in stories(&selection.scenarios, set)? {
        for candidate in &selection.locks {
            pairs.push(Pair {
                lock: candidate.label.clone(),
                filed_as: file_name(&candidate.label, FILED_CHARS_MAX),
                scenario: scenario.name.clone(),
                prepared: prepare(candidate, reference, set),
                lock_is_ready: candidate.ready.is_ok(),
                kernels: None,
                command: Some(command(candidate, reference, set)),
            });
        }
    }
    Ok(pairs)
}

/// A pair that is made by itself, and not from a selection.
pub struct Wanted<'a> {
    /// The name or the path of a scenario, and what it is called among the results.
    pub reference: &'a str,
    pub name: String,
    /// As for `--lock` and `--set`.
    pub lock: &'a str,
    pub set: &'a [String],
    pub kernels: Kernels,
    /// What becomes of the scenario that is read.
    pub change: &'a dyn Fn(&mut Scenario),
}

/// Makes one pair ready. That its lock cannot be brought is told by the pair.
pub fn pair(wanted: &Wanted) -> Result<Pair, Failure> {
    let chosen = Chosen::of(&locks::catalogue()?, wanted.lock.to_owned(), None)?;
    let candidate = candidate(chosen);
    let mut prepared = prepare(&candidate, wanted.reference, wanted.set);
    if let Ok(prepared) = &mut prepared {
        (wanted.change)(&mut prepared.scenario);
        prepared.scenario.name.clone_from(&wanted.name);
    }
    Ok(Pair {
        lock: candidate.label.clone(),
        filed_as: file_name(&candidate.label, FILED_CHARS_MAX),
        scenario: wanted.name.clone(),
        prepared,
        lock_is_ready: candidate.ready.is_ok(),
        kernels: Some(wanted.kernels.clone()),
        command: None,
    })
}

/// Refuses a selection of which nothing can run, for reasons that its user has given: a table of
/// nothing else would hide them.
pub fn expect_any(pairs: &[Pair]) -> Result<(), Failure> {
    let refusals = pairs.iter().map(|pair| match pair.prepared() {
        Err(failure @ (Failure::Input(_) | Failure::Argument(_))) => Some(failure),
        _ => None,
    });
    match refusals.collect::<Option<Vec<Failure>>>().map(|all| all.into_iter().next()) {
        Some(Some(first)) => Err(first),
        _ => Ok(()),
    }
}

/// The scenarios of a selection, each with what the user calls it. The same story again is one
/// story; another one of the same name would have the same column and the same directories.
fn stories<'a>(
    references: &'a [String],
    set: &[String],
) -> Result<Vec<(&'a String, Scenario)>, Failure> {
    let mut stories: Vec<(&String, Scenario)> = Vec::new();
    for reference in references {
        let overrides = Overrides { lock: None, set: set.to_vec() };
        let scenario = load(reference, &overrides)?.scenario;
        match stories.iter().find(|(_, other)| other.name == scenario.name) {
            None => stories.push((reference, scenario)),
            Some((_, other)) if *other == scenario => {}
            Some((other, _)) => {
                let name = &scenario.name;
                return Err(Failure::Argument(format!(
                    "the scenarios `{other}` and `{reference}` are both called `{name}`, and \
                     results are filed by name; give one of them another `name:`"
                )));
            }
        }
    }
    Ok(stories)
}

/// `lockstorm scenario ...` without a seed: what a pair is made of, as its user named it.
fn command(candidate: &Candidate, reference: &str, set: &[String]) -> String {
    let set = set.iter().map(|set| format!(" --set {}", quoted(set)));
    let set: String = set.collect();
    format!("lockstorm scenario {} {}{set}", quoted(reference), candidate.arguments)
}

fn prepare(candidate: &Candidate, reference: &str, set: &[String]) -> Result<Prepared, Failure> {
    let ready = candidate.ready.as_ref().map_err(Failure::clone)?;
    let lock = Some(ready.profile.name.clone());
    let mut loaded = load(reference, &Overrides { lock, set: set.to_vec() })?;
    loaded.complete(&ready.profile)?;
    Ok(Prepared {
        scenario: loaded.scenario,
        profile: ready.profile.clone(),
        image: ready.image.clone(),
    })
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".yaml").unwrap_or(name)
}
