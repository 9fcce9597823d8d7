//! Who is refused a lock that nobody has held for long: perfect locks are not accused of it.

use super::super::{Defect, Kind, Lock};
use super::{Judged, SELDOM, each, number};
use lockstorm_reports::{Class, Invariant};

const RUNS: u64 = 60;

#[test]
fn no_perfect_lock_is_accused_that_is_seldom_asked_for() {
    let runs = number("LOCKSTORM_SIM_RUNS", RUNS);
    let from = number("LOCKSTORM_SIM_FROM", 0);
    for kind in Kind::PERFECT {
        let lock = Lock { kind, defect: Defect::None };
        let all = each(from..from + runs, |seed| {
            let run = Judged::within(&SELDOM, seed, lock);
            let refusals = run.report.invariants.iter();
            let refusals = refusals.filter(|result| result.invariant == Invariant::HonestRefusal);
            let (judged, not_judged) = refusals.fold((0, 0), |(judged, not), result| {
                let doubts = result.not_judged.iter().map(|doubt| doubt.count);
                (judged + result.judged, not + doubts.sum::<u64>())
            });
            let broken = |class| class == Class::BrokenPromise;
            let accused = run.report.findings.iter().any(|finding| broken(finding.class));
            assert!(!accused, "{kind:?}\n{}", run.told());
            (judged, not_judged)
        });
        let judged: u64 = all.iter().map(|(judged, _)| judged).sum();
        let not_judged: u64 = all.iter().map(|(_, not)| not).sum();
        println!("{kind:?}: {judged} refusals judged, {not_judged} not");
    }
}
