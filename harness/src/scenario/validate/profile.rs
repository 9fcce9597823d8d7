//! Rules that the lock's profile makes.

use super::Findings;
use crate::lock::profile::{Lifetime, Profile};
use crate::scenario::script::{Call, Step};
use crate::scenario::{Scenario, WorkloadSpec};
use crate::source::{KeyPath, Problem};
use crate::suggest::{closest, listed};
use crate::units::Nanos;

pub fn check(scenario: &Scenario, profile: &Profile, findings: &mut Findings) {
    if let Some(lifetime) = scenario.lock.lifetime {
        check_lifetime(profile, lifetime, KeyPath::keys("lock.lifetime"), findings);
    }
    let known: Vec<&str> = profile.options.keys().map(String::as_str).collect();
    for option in scenario.lock.options.keys().filter(|name| !known.contains(&name.as_str())) {
        let path = KeyPath::keys("lock.options").key(option);
        let message = format!("the lock `{}` has no option `{option}`", profile.name);
        let help = match closest(option, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "its profile has no `options`".into(),
            None => format!("its profile has {}", listed(&known).replace(" or ", " and ")),
        };
        findings.0.push(Problem::new(path, message).at_key().help(help));
    }
    match &scenario.workload {
        WorkloadSpec::Cycles(cycles) if cycles.refresh.is_some() && profile.lifetime.is_none() => {
            findings.add_key(KeyPath::keys("workload.cycles.refresh"), no_refresh(profile));
        }
        WorkloadSpec::Cycles(_) => {}
        WorkloadSpec::Script(steps) => check_steps(steps, profile, findings),
    }
}

fn check_steps(steps: &[Step], profile: &Profile, findings: &mut Findings) {
    for (index, step) in steps.iter().enumerate() {
        let Step::Call { client, call: Call::Refresh { lifetime }, .. } = step else {
            continue;
        };
        let path = KeyPath::keys("workload.script").index(index).key(client);
        match (profile.lifetime, lifetime) {
            (None, _) => findings.add(path, no_refresh(profile)),
            (Some(known), Some(lifetime)) => at_least(profile, known, *lifetime, path, findings),
            (Some(_), None) => {}
        }
    }
}

fn check_lifetime(profile: &Profile, lifetime: Nanos, path: KeyPath, findings: &mut Findings) {
    match profile.lifetime {
        Some(known) => at_least(profile, known, lifetime, path, findings),
        None => findings.add_key(
            path,
            format!("a lock of `{}` has no lifetime; expected no such key", profile.name),
        ),
    }
}

fn at_least(
    profile: &Profile,
    known: Lifetime,
    lifetime: Nanos,
    path: KeyPath,
    findings: &mut Findings,
) {
    if lifetime < known.least {
        let name = &profile.name;
        findings.add(
            path,
            format!(
                "a lifetime of {lifetime} is too short for `{name}`; expected at least {}",
                known.least
            ),
        );
    }
}

fn no_refresh(profile: &Profile) -> String {
    let name = &profile.name;
    format!("a lock of `{name}` has no lifetime, so nothing to refresh; expected no refresh")
}
