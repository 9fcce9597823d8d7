//! What a search makes of the simulated site: no perfect lock is accused, defects are found.

use super::super::{Defect, Kind, Lock};
use super::{Judged, each, number};
use crate::lock::profile::Profile;
use crate::search::explore::coverage::Coverage;
use crate::search::explore::{Explorer, Subject};
use lockstorm_reports::Class;

/// Of NFSv3 and NFSv4.0 the simulated server is no model.
fn profile(lock: Lock) -> Profile {
    let mut profile = lock.profile();
    profile.assumes.nfs = vec!["4.1".into(), "4.2".into()];
    profile
}

/// How a search went.
struct Explored {
    situations: usize,
    steps: usize,
    /// The first run that broke a promise, counted from 1, with all that a person needs to see.
    first: Option<(usize, String)>,
}

/// Makes so many runs of a lock, or as many as it takes to accuse it.
fn explore(lock: Lock, seed: u64, is_guided: bool, runs: usize) -> Explored {
    let subject = Subject { label: "it".into(), profile: profile(lock) };
    let mut explorer = Explorer::new(seed, vec![subject], is_guided, Vec::new());
    let mut made = 0;
    let mut first = None;
    while made < runs && first.is_none() {
        for trial in explorer.generation() {
            let run = Judged::of(&trial.scenario, trial.seed, lock);
            made += 1;
            let broken = |class| class == Class::BrokenPromise;
            if first.is_none() && run.report.findings.iter().any(|found| broken(found.class)) {
                first = Some((made, run.told()));
            }
            explorer.learn(&trial, Coverage::of(&run.plan, &run.history));
        }
    }
    let corpus = explorer.corpus();
    Explored { situations: corpus.situations(), steps: corpus.steps(), first }
}

#[test]
fn no_perfect_lock_is_accused_by_a_search() {
    let runs = number("LOCKSTORM_SIM_RUNS", 160) as usize;
    let from = number("LOCKSTORM_SIM_FROM", 0);
    let searches = Kind::PERFECT.len() as u64 * 2;
    let searched = each(0..searches, |search| {
        let kind = Kind::PERFECT[(search / 2) as usize];
        let lock = Lock { kind, defect: Defect::None };
        (kind, explore(lock, from + search, search % 2 == 0, runs))
    });
    for (kind, explored) in searched {
        if let Some((run, told)) = explored.first {
            panic!("{kind:?} was accused in run {run}\n{told}");
        }
    }
}

#[test]
fn measure() {
    let runs = number("LOCKSTORM_SIM_RUNS", 160) as usize;
    for kind in [Kind::Lease, Kind::Lifetime, Kind::Link, Kind::Heartbeat] {
        let lock = Lock { kind, defect: Defect::None };
        let of = |guided| each(0..6, |seed| explore(lock, seed, guided, runs));
        let sums =
            |all: Vec<Explored>| all.iter().map(|e| (e.situations, e.steps)).collect::<Vec<_>>();
        println!("{kind:?} guided {:?} unguided {:?}", sums(of(true)), sums(of(false)));
    }
    for (kind, defect) in [
        (Kind::Lifetime, Defect::BreaksEarly),
        (Kind::Lifetime, Defect::OwnClock),
        (Kind::Lifetime, Defect::BreaksInTwoSteps),
        (Kind::Aging, Defect::LooksThenRenames),
        (Kind::Lifetime, Defect::ReleasesAny),
        (Kind::Lifetime, Defect::RefreshRevives),
        (Kind::Heartbeat, Defect::StopsBeating),
        (Kind::Lifetime, Defect::RemembersHeld),
        (Kind::Link, Defect::ChecksThenCreates),
        (Kind::Link, Defect::ForgetsFailedRelease),
        (Kind::Link, Defect::LeavesClaim),
        (Kind::Faltering, Defect::RefusesOnError),
        (Kind::Link, Defect::LosesCounts),
        (Kind::Lease, Defect::LeaksDescriptors),
    ] {
        let lock = Lock { kind, defect };
        let of = |guided| {
            each(0..6, |seed| explore(lock, seed, guided, 2000).first.map_or(9999, |f| f.0))
        };
        println!("{kind:?} {defect:?} guided {:?} unguided {:?}", of(true), of(false));
    }
}
