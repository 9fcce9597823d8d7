//! An independent judge by brute force for short histories: is there any legal story, of all orders
//! of what may have happened within the plan's bounds, unknown outcomes either way, that explains
//! the whole of one? It is made from the promises in the locks' profiles and from RFC 8881, and
//! shares no code with the checkers.
//!
//! [`compare`] draws histories (half of them from a simulated lock that keeps its promises, half
//! garbled) and holds the checkers' findings against the judge's opinion.
//! `ci/judge 100000` compares more than the tests have time for.

mod answers;
mod clocks;
mod compare;
mod counting;
mod duties;
mod garble;
mod net;
mod parameters;
mod pen;
mod rules;
mod scene;
mod search;
mod setup;
mod sim_client;
mod sim_faults;
mod sim_lock;
mod simplify;
mod simulate;
mod steps;
mod world;
mod wrongs;

use compare::{Both, Made, Tally, case, compare, least, tell};
use search::Opinion;
use std::fmt::Write;

/// How many histories are compared.
fn runs() -> u64 {
    let wanted = std::env::var("LOCKSTORM_JUDGE_RUNS").ok().and_then(|runs| runs.parse().ok());
    wanted.unwrap_or(RUNS)
}

const RUNS: u64 = 3000;

#[test]
fn nothing_is_called_broken_for_which_there_is_a_legal_story() {
    let mut tally = Tally::default();
    let (mut false_alarms, mut too_strict) = (String::new(), String::new());
    for seed in 0..runs() {
        let case = case(seed);
        assert!(garble::is_well_formed(&case.history), "seed {seed}");
        let (both, opinion, accused) = compare(&case.plan, &case.history);
        let is_legal = matches!(opinion, Opinion::Legal(_));
        if !is_legal && case.made == Made::Ideal {
            // What a lock did that keeps its promises: the judge's own mistake.
            let _ = writeln!(too_strict, "--- seed {seed}\n{}", tell(&case.plan, &case.history));
        }
        tally.add(&both, &opinion, accused);
        if both == Both::FalseAlarm {
            let is_one = |history: &[_]| {
                let (both, opinion, _) = compare(&case.plan, history);
                both == Both::FalseAlarm && matches!(opinion, Opinion::Legal(_))
            };
            let least = least(&case.plan, &case.history, is_one);
            let _ = writeln!(false_alarms, "--- seed {seed}\n{}", tell(&case.plan, &least));
        }
    }
    let told = told(&tally);
    println!("{told}");
    assert!(false_alarms.is_empty(), "{false_alarms}\n{told}");
    println!("too strict for: {}", if too_strict.is_empty() { "none" } else { &too_strict });
    assert!(too_strict.is_empty() || runs() > RUNS, "too strict for:\n{too_strict}");
    if runs() == RUNS {
        insta::assert_snapshot!("shares", told);
    }
}

/// The tally as a table: what the histories were, and what of the broken ones the checkers miss.
fn told(tally: &Tally) -> String {
    let mut told = format!(
        "{} histories: {} legal, {} not, {} that no lock can have, {} too long to tell\n\
         {} false alarms, {} blamed for another promise, {} missed\n",
        tally.runs,
        tally.legal,
        tally.wrong,
        tally.impossible,
        tally.too_long,
        tally.false_alarms,
        tally.misattributed,
        tally.missed,
    );
    for (promise, (broken, missed)) in wrongs::PROMISES.iter().zip(tally.sure) {
        let _ =
            writeln!(told, "{:22} surely broken {broken:4}, missed {missed:4}", promise.words());
    }
    told
}
