//! Planted defects are found, at rates that a snapshot holds.

use super::super::{Defect, Kind, Lock};
use super::{Judged, each};
use lockstorm_reports::Class;
use std::collections::BTreeMap;
use std::fmt::Write;

const RUNS: u64 = 100;

/// Each defect, in the locks that can have it.
const PLANTED: &[(Defect, &[Kind])] = &[
    (Defect::GrantsAlways, &[Kind::Lease, Kind::Lifetime]),
    (Defect::ChecksThenCreates, &[Kind::Link]),
    (Defect::IgnoresExisting, &[Kind::Link]),
    (Defect::BreaksEarly, &[Kind::Lifetime, Kind::Watching, Kind::Heartbeat]),
    (Defect::OwnClock, &[Kind::Lifetime]),
    (Defect::NeverBreaks, &[Kind::Lifetime, Kind::Watching, Kind::Heartbeat]),
    (Defect::BreaksInTwoSteps, &[Kind::Lifetime]),
    (Defect::ReleasesAny, &[Kind::Lifetime]),
    (Defect::ForgetsRefresh, &[Kind::Lifetime]),
    (Defect::RefreshRevives, &[Kind::Lifetime]),
    (Defect::StopsBeating, &[Kind::Heartbeat]),
    (Defect::ClaimsToHold, &[Kind::Lifetime]),
    (Defect::RemembersHeld, &[Kind::Lifetime]),
    (Defect::KeepsOnRelease, &[Kind::Lease, Kind::Lifetime, Kind::Link, Kind::Reentrant]),
    // One with a lifetime is broken before anybody has waited for too long.
    (Defect::ForgetsFailedRelease, &[Kind::Lease, Kind::Link]),
    (Defect::LeaksDescriptors, &[Kind::Lease, Kind::Lifetime, Kind::Link]),
    (Defect::LosesCounts, &[Kind::Lease, Kind::Lifetime, Kind::Link]),
];

#[test]
fn planted_defects_are_found_as_often_as_ever() {
    let mut table = String::new();
    for (defect, kinds) in PLANTED {
        for kind in *kinds {
            let lock = Lock { kind: *kind, defect: *defect };
            let runs = each(0..RUNS, |seed| {
                let report = Judged::random(seed, lock).report;
                let broken = |class| class == Class::BrokenPromise;
                let findings = report.findings.iter().filter(|finding| broken(finding.class));
                findings.map(|finding| format!("{:?}", finding.invariant)).collect::<Vec<_>>()
            });
            let found = runs.iter().filter(|found| !found.is_empty()).count();
            let mut by: BTreeMap<&str, u64> = BTreeMap::new();
            for mut found in runs.iter().map(|run| Vec::from_iter(run.iter().map(String::as_str))) {
                found.sort_unstable();
                found.dedup();
                for invariant in found {
                    *by.entry(invariant).or_default() += 1;
                }
            }
            let by: Vec<String> = by.iter().map(|(name, runs)| format!("{name} {runs}")).collect();
            let (defect, kind) = (format!("{defect:?}"), format!("{kind:?}"));
            writeln!(table, "{defect:21} {kind:10} {found:3} of {RUNS}: {}", by.join(", "))
                .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn scratch() {
    let kind = std::env::var("KIND").unwrap();
    let defect = std::env::var("DEFECT").unwrap();
    let (d, kinds) = PLANTED.iter().find(|(d, _)| format!("{d:?}") == defect).unwrap();
    let kind = *kinds.iter().find(|k| format!("{k:?}") == kind).unwrap();
    let lock = Lock { kind, defect: *d };
    let n = super::number("RUNS", 800);
    let want = std::env::var("WANT").ok();
    let out = each(super::number("FROM", 0)..super::number("FROM", 0) + n, |seed| {
        let run = Judged::random(seed, lock);
        let found: std::collections::BTreeSet<String> = run
            .report
            .findings
            .iter()
            .map(|f| format!("{:?}/{:?}", f.invariant, f.class))
            .collect();
        let told = want
            .as_ref()
            .is_some_and(|w| found.iter().any(|f| f.starts_with(w.as_str())))
            .then(|| run.told());
        (seed, found, told)
    });
    let mut by = BTreeMap::<(u64, String), u64>::new();
    let mut first = true;
    for (seed, found, told) in out {
        if let Some(told) = told
            && std::mem::take(&mut first)
        {
            println!("SEED {seed}\n{told}");
        }
        for f in found {
            *by.entry((seed % 8, f)).or_default() += 1;
        }
    }
    println!("{by:#?}");
}
