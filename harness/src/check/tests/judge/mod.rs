//! An independent judge by brute force for short histories.

mod answers;
mod clocks;
mod compare;
mod counting;
mod duties;
mod garble;
mod net;
mod pen;
mod pinned;
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
mod terms;
mod world;
mod wrongs;

use compare::*;

#[test]
fn explore() {
    let env =
        |name: &str, or: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or);
    let (from, runs, show) = (env("FROM", 0), env("RUNS", 1000), env("SHOW", 5));
    let mode = std::env::var("MODE").unwrap_or_default();
    let mut tally = Tally::default();
    let mut shown = 0;
    let mut slow = (0, 0);
    let mut kinds = std::collections::BTreeMap::<String, [u64; 4]>::new();
    let mut total = 0;
    for seed in from..from + runs {
        let case = case(seed);
        if mode == "false"
            && accused(&case.plan, &case.history).is_none_or(|(w, _)| {
                w == wrongs::Wrongs::NONE
                    || search::legal_story(&case.plan, &case.history).is_none()
            })
        {
            continue;
        }
        if mode == "ideal"
            && (case.made != Made::Ideal
                || search::legal_story(&case.plan, &case.history).is_some())
        {
            continue;
        }
        let begun = std::time::Instant::now();
        let (both, opinion, accused) = compare(&case.plan, &case.history);
        let took = begun.elapsed().as_micros();
        if took > slow.0 {
            slow = (took, seed);
        }
        total += took;
        let k = kinds.entry(format!("{:?}", case.made)).or_default();
        k[0] += 1;
        k[1] += u64::from(matches!(opinion, search::Opinion::Legal(_)));
        k[2] += u64::from(matches!(opinion, search::Opinion::Wrong { .. }));
        k[3] += took as u64;
        tally.add(&both, &opinion, accused);
        assert!(
            garble::is_well_formed(&case.history),
            "seed {seed} {:?} {}",
            case.made,
            tell(&case.plan, &case.history)
        );
        if mode == "ideal" {
            let n = (0..=case.history.len())
                .find(|n| search::legal_story(&case.plan, &case.history[..*n]).is_none());
            println!(
                "not legal from prefix {n:?}: {:?}",
                n.map(|n| pen::tell(&case.history[n - 1]))
            );
            if let Some(n) = n {
                println!("{}", tell(&case.plan, &case.history[..n - 1]));
            }
        }
        let unsound = case.made == Made::Ideal && !matches!(opinion, search::Opinion::Legal(_));
        let wanted = match mode.as_str() {
            "ideal" => unsound,
            "false" => both == Both::FalseAlarm,
            "mis" => both == Both::Misattributed,
            "missed" => both == Both::Missed,
            "impossible" => matches!(opinion, search::Opinion::Impossible),
            _ => false,
        };
        if wanted && shown < show {
            shown += 1;
            let least = match mode.as_str() {
                "ideal" => case.history.clone(),
                _ => least(&case.plan, &case.history, |h| {
                    let (b, o, _) = compare(&case.plan, h);
                    b == both && std::mem::discriminant(&o) == std::mem::discriminant(&opinion)
                }),
            };
            println!("--- seed {seed}, {:?}, {both:?}\n{}", case.made, tell(&case.plan, &least));
        }
    }
    for (k, v) in kinds {
        println!("{k} {v:?}");
    }
    println!("{} us each", total / u128::from(runs));
    println!(
        "runs {} legal {} wrong {} impossible {} too long {} contradicting {} FALSE {} mis {} missed {} strange {} slowest {:?}",
        tally.runs,
        tally.legal,
        tally.wrong,
        tally.impossible,
        tally.too_long,
        tally.contradicting,
        tally.false_alarms,
        tally.misattributed,
        tally.missed,
        tally.strange,
        slow
    );
    for (p, (b, m)) in wrongs::PROMISES.iter().zip(tally.sure) {
        println!("  {:25} sure {b} missed {m}", p.words());
    }
}
