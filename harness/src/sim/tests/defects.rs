//! Planted defects are found, at rates that a snapshot holds.

use super::super::{Defect, Kind, Lock};
use super::{ANY, CALM, CLOCKS, Judged, OUTAGES, OVERSTAYING, ROUNDS, SELDOM, each};
use crate::scenario::random::Bounds;
use lockstorm_reports::Class;
use std::collections::BTreeMap;
use std::fmt::Write;

const RUNS: u64 = 100;

/// Each defect, in the locks that can have it, and what brings it out.
const PLANTED: &[(Defect, &[Kind], &Bounds)] = &[
    (Defect::GrantsAlways, &[Kind::Lease, Kind::Lifetime], &ANY),
    (Defect::ChecksThenCreates, &[Kind::Link], &ANY),
    (Defect::IgnoresExisting, &[Kind::Link], &ANY),
    (Defect::BreaksEarly, &[Kind::Lifetime, Kind::Watching, Kind::Heartbeat], &OVERSTAYING),
    (Defect::OwnClock, &[Kind::Lifetime], &CLOCKS),
    (Defect::NeverBreaks, &[Kind::Lifetime, Kind::Watching, Kind::Heartbeat], &OUTAGES),
    (Defect::BreaksInTwoSteps, &[Kind::Lifetime], &OVERSTAYING),
    (Defect::LooksThenRenames, &[Kind::Aging], &OVERSTAYING),
    (Defect::ReleasesAny, &[Kind::Lifetime], &OVERSTAYING),
    (Defect::ForgetsRefresh, &[Kind::Lifetime], &OVERSTAYING),
    (Defect::RefreshRevives, &[Kind::Lifetime], &OVERSTAYING),
    (Defect::StopsBeating, &[Kind::Heartbeat], &OVERSTAYING),
    (Defect::ClaimsToHold, &[Kind::Lifetime], &OVERSTAYING),
    (Defect::RemembersHeld, &[Kind::Lifetime], &OVERSTAYING),
    (Defect::KeepsOnRelease, &[Kind::Lease, Kind::Lifetime, Kind::Link, Kind::Reentrant], &ANY),
    // One with a lifetime is broken before anybody has waited for too long.
    (Defect::ForgetsFailedRelease, &[Kind::Lease, Kind::Link], &ANY),
    (Defect::LeaksDescriptors, &[Kind::Lease, Kind::Lifetime, Kind::Link], &ROUNDS),
    (Defect::LeavesClaim, &[Kind::Link], &CALM),
    (Defect::RefusesOnError, &[Kind::Faltering], &SELDOM),
    (Defect::RefusesAtRandom, &[Kind::Lease, Kind::Lifetime, Kind::Link], &SELDOM),
    (Defect::LosesCounts, &[Kind::Lease, Kind::Lifetime, Kind::Link], &ANY),
];

#[test]
fn planted_defects_are_found_as_often_as_ever() {
    let mut table = String::new();
    for (defect, kinds, bounds) in PLANTED {
        for kind in *kinds {
            let lock = Lock { kind: *kind, defect: *defect };
            let runs = each(0..RUNS, |seed| {
                let report = Judged::within(bounds, seed, lock).report;
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
