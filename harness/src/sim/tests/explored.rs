//! What a search makes of the simulated site: no perfect lock is accused.

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

/// Makes so many runs of a lock, or as many as it takes to accuse it. Answers the first that did,
/// counted from 1, with all that a person needs to see.
fn accused(lock: Lock, seed: u64, is_guided: bool, runs: usize) -> Option<(usize, String)> {
    let subject = Subject { label: "it".into(), profile: profile(lock) };
    let mut explorer = Explorer::new(seed, vec![subject], is_guided, Vec::new());
    let mut made = 0;
    while made < runs {
        for trial in explorer.generation() {
            let run = Judged::of(&trial.scenario, trial.seed, lock);
            made += 1;
            let broken = |class| class == Class::BrokenPromise;
            if run.report.findings.iter().any(|found| broken(found.class)) {
                return Some((made, run.told()));
            }
            explorer.learn(&trial, Coverage::of(&run.plan, &run.history));
        }
    }
    None
}

#[test]
fn no_perfect_lock_is_accused_by_a_search() {
    let runs = number("LOCKSTORM_SIM_RUNS", 32) as usize;
    let from = number("LOCKSTORM_SIM_FROM", 0);
    let searches = Kind::PERFECT.len() as u64 * 2;
    let searched = each(0..searches, |search| {
        let kind = Kind::PERFECT[(search / 2) as usize];
        let lock = Lock { kind, defect: Defect::None };
        (kind, accused(lock, from + search, search % 2 == 0, runs))
    });
    for (kind, accused) in searched {
        if let Some((run, told)) = accused {
            panic!("{kind:?} was accused in run {run}\n{told}");
        }
    }
}
