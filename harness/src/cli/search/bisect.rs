//! Between which two releases of a lock, or kernels, a violation came or went.

use super::shrink::Shrunk;
use super::target::{Target, shows};
use super::trials::{Trial, Trials};
use crate::cli::batch::{self, Pair, Wanted};
use crate::cli::exit::Failure;
use crate::cli::kernels;
use crate::kernel::{Choice, Kernels};
use crate::lock::bring::{self, BringError, numbers};
use crate::search::bisect::{Bisected, Change, bisect};
use crate::search::fingerprint::Fingerprint;
use lockstorm_reports::text::clean;
use std::collections::BTreeMap;

/// So many seeds try each.
const SEEDS: usize = 5;

/// Releases as `--lock-versions` names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// From one to another, whatever is between them.
    Between(String, String),
    /// These, in this order.
    These(Vec<String>),
}

/// Understands `--lock-versions`.
pub fn parse_versions(text: &str) -> Result<Versions, String> {
    let expected = "expected two releases, such as 8.0..10.0, or a list of some, such as 8.0,8.1";
    let is_one = |version: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let begins = version.starts_with(|c: char| c.is_ascii_alphanumeric());
        begins && !version.contains("..") && version.chars().all(allowed)
    };
    let versions = match text.split_once("..") {
        Some((first, last)) => vec![first.trim(), last.trim()],
        None => text.split(',').map(str::trim).collect(),
    };
    if versions.len() < 2 || !versions.iter().all(|version| is_one(version)) {
        return Err(expected.into());
    }
    let versions: Vec<String> = versions.into_iter().map(str::to_owned).collect();
    Ok(match (text.contains(".."), versions.as_slice()) {
        (true, [first, last]) => Versions::Between(first.clone(), last.clone()),
        _ => Versions::These(versions),
    })
}

/// The releases that are meant, the first one first; their package manager is asked.
pub fn releases(versions: &Versions, target: &Target) -> Result<Vec<String>, Failure> {
    let profile = &target.plan.profile;
    let (first, last) = match versions {
        Versions::These(these) => return Ok(these.clone()),
        Versions::Between(first, last) => (first, last),
    };
    let all = bring::releases(profile).map_err(|error| match error {
        BringError::Refused { .. } => Failure::from(error),
        _ => Failure::Argument(format!(
            "--lock-versions {first}..{last}: which releases there are could not be found out; name \
             them: {first},...,{last}\n{error}"
        )),
    })?;
    let between = numbers(first)..=numbers(last);
    let known = all.len();
    let found: Vec<String> =
        all.into_iter().filter(|release| between.contains(&numbers(release))).collect();
    match found.len() {
        0 | 1 => Err(Failure::Argument(format!(
            "--lock-versions {first}..{last}: of the {known} releases of `{}` that are known, {} \
             lies between these; expected the earlier one first",
            profile.package(),
            found.first().map_or("none", |one| one)
        ))),
        _ => Ok(found),
    }
}

/// The kernels of `--kernels`, all of which must be built.
pub fn kernels(names: &[String]) -> Result<Vec<Kernels>, Failure> {
    let find = |name: &String| {
        let choice: Choice = name
            .parse()
            .map_err(|error| Failure::Argument(format!("--kernels {name}: {error}")))?;
        let kernels = kernels::chosen(Some(&choice))?;
        kernels::provide(&kernels)?;
        Ok(kernels)
    };
    match names {
        [one] => Err(Failure::Argument(format!(
            "--kernels {one}: there is nothing between one; expected several, such as 6.1,6.12"
        ))),
        names => names.iter().map(find).collect(),
    }
}

/// What is looked for among others.
pub struct Looked<'a> {
    pub target: &'a Target,
    pub found: &'a Shrunk,
    pub wanted: &'a Fingerprint,
    pub trials: &'a Trials<'a>,
}

impl Looked<'_> {
    /// Among releases of the lock; answers what to say.
    pub fn among_releases(&self, releases: &[String]) -> Result<String, Failure> {
        let lock = &self.target.plan.profile.name;
        let pair = |index: usize| {
            batch::pair(&Wanted {
                // What it is called does not matter: all of it is replaced.
                reference: "calm",
                name: self.found.scenario.name.clone(),
                lock: &format!("{lock}@{}", releases[index]),
                set: &[],
                kernels: self.target.plan.kernels.clone(),
                change: &|scenario| *scenario = self.found.scenario.clone(),
            })
        };
        let names: Vec<String> = releases.to_vec();
        self.among(&format!("Releases of {lock}"), &names, &pair)
    }

    /// Among kernels.
    pub fn among_kernels(&self, kernels: &[Kernels]) -> Result<String, Failure> {
        let pair = |index: usize| {
            let mut scenario = self.found.scenario.clone();
            // Runs are told apart by their scenario's name.
            scenario.name = format!("{}.{index}", scenario.name);
            Ok(self.target.pair.in_scenario(scenario)?.on_kernels(kernels[index].clone()))
        };
        let names: Vec<String> = kernels.iter().map(Kernels::to_string).collect();
        self.among("Kernels", &names, &pair)
    }

    fn among(
        &self,
        title: &str,
        names: &[String],
        pair: &dyn Fn(usize) -> Result<Pair, Failure>,
    ) -> Result<String, Failure> {
        let mut told = BTreeMap::new();
        let found = bisect(names.len(), |index| {
            let (has_it, words) = self.has_it(pair(index)?)?;
            told.insert(index, words);
            Ok::<_, Failure>(has_it)
        })?;
        let width = names.iter().map(String::len).max().unwrap_or(0);
        let mut page = format!("{title}\n");
        for (index, words) in &told {
            page += &format!("  {:width$}  {words}\n", names[*index]);
        }
        page += &format!("{}\n", conclusion(&found, names));
        Ok(page)
    }

    /// Whether a pair shows it, and in words how often; `None`: it could not be tried.
    fn has_it(&self, pair: Pair) -> Result<(Option<bool>, String), Failure> {
        if let Err(failure @ (Failure::Interrupted | Failure::Internal(_))) = pair.prepared() {
            return Err(failure);
        }
        if let Err(failure) = pair.prepared() {
            return Ok((None, format!("cannot be tried: {}", clean(&failure.to_string()))));
        }
        let seeds = self.found.seeds.iter().take(SEEDS).copied();
        let scenario = pair.prepared()?.scenario.clone();
        let again = |seed| Ok(Trial { pair: pair.in_scenario(scenario.clone())?, seed });
        let wanted = seeds.map(again).collect::<Result<Vec<_>, Failure>>()?;
        let runs = self.trials.make(&wanted, &super::target::Nobody)?;
        // It is another lock by name.
        let wanted = Fingerprint { lock: pair.lock.clone(), ..self.wanted.clone() };
        let runs: Vec<_> = runs.into_iter().flatten().collect();
        let seen = runs.iter().filter(|run| shows(run, &wanted)).count();
        let proves = runs.iter().filter(|run| {
            use lockstorm_reports::set::Outcome::{Failed, Unknown};
            shows(run, &wanted) || !matches!(run.outcome(), Unknown | Failed)
        });
        let of = proves.count();
        let words = match runs.iter().find(|_| of == 0) {
            Some(run) => format!("cannot be tried: {}", clean(&run.reason())),
            None => format!("seen in {seen} of {of} runs"),
        };
        Ok(((of > 0).then_some(seen > 0), words))
    }
}

fn conclusion(found: &Bisected, names: &[String]) -> String {
    match found.change {
        Change::Unknown => "Fewer than two of them could be tried.".into(),
        Change::None { has_it: true } => {
            "The first and the last one have it; what is between them was not tried.".into()
        }
        Change::None { has_it: false } => "Neither the first nor the last one has it.".into(),
        Change::Between { before, after, has_it_after } => {
            let (before, after) = (&names[before], &names[after]);
            match has_it_after {
                true => format!("{after} has it, {before} has it not."),
                false => format!("{before} has it, {after} has it not any more."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_two_ends_or_a_list() {
        let between = Versions::Between("8.0".into(), "10.0".into());
        assert_eq!(parse_versions("8.0..10.0"), Ok(between));
        let these = Versions::These(vec!["8.0".into(), "8.1".into(), "9.0".into()]);
        assert_eq!(parse_versions("8.0, 8.1,9.0"), Ok(these));
        for wrong in ["", "8.0", "8.0..", "..", "8.0,", "8.0..9.0..10", "-r x,y", "a b,c"] {
            assert!(parse_versions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_lies_between_one_kernel() {
        assert!(kernels(&[]).unwrap().is_empty());
        let said = kernels(&["6.12".into()]).err().unwrap().to_string();
        assert!(said.contains("expected several"), "{said}");
    }

    #[test]
    fn the_change_is_told_by_what_has_it() {
        let names = ["8.0".to_owned(), "9.0".to_owned()];
        let told = |change| conclusion(&Bisected { change, tried: BTreeMap::new() }, &names);
        let between = |has_it_after| Change::Between { before: 0, after: 1, has_it_after };
        assert_eq!(told(between(true)), "9.0 has it, 8.0 has it not.");
        assert_eq!(told(between(false)), "8.0 has it, 9.0 has it not any more.");
    }
}
