//! The checkers are proven on locks whose worth is known: each bad one is caught by the invariant
//! that it breaks and by no other, and a good one is never accused, whatever the story and the
//! seed.

use crate::common::shipped::reference;
use crate::common::{Ended, permit, scenario_beside_others};
use lockstorm::lock::profile::Profile;
use lockstorm::scenario::load;
use lockstorm::scenario::overrides::Overrides;
use lockstorm_reports::{Class, Invariant, Report, Verdict};
use rstest::rstest;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// How a control is caught.
struct Catch {
    control: &'static str,
    scenario: &'static str,
    set: &'static [&'static str],
    /// What is violated too, since it follows from what the control breaks.
    follows: &'static [Invariant],
}

/// Who is let in while another is inside overwrites what that one counts.
const EXCLUSION: &[Invariant] = &[Invariant::NoLostUpdate];
/// Who is let in early is let in while another is inside, and may overwrite what it counts. No
/// release is to blame for it: of those who lost their lock by it, each is told when it releases.
const EARLY: &[Invariant] = &[Invariant::MutualExclusion, Invariant::NoLostUpdate];

/// Every control has a row: a test looks.
const CATCHES: &[Catch] = &[
    Catch { control: "none", scenario: "calm", set: SHORT, follows: EXCLUSION },
    Catch { control: "check-then-create", scenario: "calm", set: SHORT, follows: EXCLUSION },
    Catch { control: "local-file", scenario: "calm", set: SHORT, follows: EXCLUSION },
    Catch { control: "ignores-eexist", scenario: "calm", set: SHORT, follows: EXCLUSION },
    Catch { control: "breaks-any-age", scenario: "calm", set: SHORT, follows: EARLY },
    Catch {
        control: "two-breakers",
        scenario: "two-breakers",
        set: &[],
        // The second breaker removes the first one's new lock, and enters within its claim.
        follows: &[Invariant::NoEarlyBreak, Invariant::NoLostUpdate],
    },
    Catch {
        control: "releases-any",
        scenario: "late-release",
        set: &[],
        // A third enters while the owner, whose lock was released, is inside.
        follows: &[Invariant::MutualExclusion, Invariant::NoEarlyBreak, Invariant::NoLostUpdate],
    },
    Catch {
        control: "own-clock",
        scenario: "clock-skew",
        // The first step alone: 8 s, within the 10 s that it says it allows for.
        set: &["faults[1].strike.clock.step=1s"],
        follows: EARLY,
    },
    Catch { control: "never-breaks", scenario: "crash", set: &[], follows: &[] },
    Catch { control: "forgets-refresh", scenario: "refresh", set: &[], follows: EARLY },
    Catch { control: "leaks-descriptor", scenario: "calm", set: LONG, follows: &[] },
    Catch { control: "forgets-failed-release", scenario: "calm", set: SHORT, follows: &[] },
    Catch { control: "busy-on-error", scenario: "refused", set: &[], follows: &[] },
    Catch {
        control: "leaves-claims",
        scenario: "calm",
        set: &["workload.cycles.time=15s", "workload.cycles.timeout=0s"],
        follows: &[],
    },
    Catch { control: "remembers-held", scenario: "held-after-loss", set: &[], follows: &[] },
];

/// A quarter of calm.yaml: still dozens of critical sections, and the clients ask at once, so
/// that a bad lock cannot get by on luck.
const SHORT: &[&str] = &["workload.cycles.time=15s", "workload.cycles.think=0s..300ms"];

/// Long enough that each process goes through many rounds.
const LONG: &[&str] = &["workload.cycles.time=60s", "workload.cycles.think=0s..300ms"];

fn profiles() -> Vec<Profile> {
    let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../containers/locks");
    let entries = std::fs::read_dir(locks).unwrap().map(|entry| entry.unwrap().path());
    let directories = entries.filter(|path| path.join("profile.yaml").exists());
    directories.map(|path| Profile::load(&path).unwrap_or_else(|why| panic!("{why}"))).collect()
}

fn run(name: &str, lock: &str, set: &[&str]) -> Ended {
    let _permit = permit();
    run_beside_others(name, lock, 1, set)
}

fn run_beside_others(name: &str, lock: &str, seed: u64, set: &[&str]) -> Ended {
    let seed = seed.to_string();
    let mut arguments = vec!["--lock", lock, "--seed", &seed];
    for setting in set {
        arguments.extend(["--set", setting]);
    }
    scenario_beside_others(name, &arguments)
}

fn violated(report: &Report) -> BTreeSet<Invariant> {
    let violated = report.invariants.iter().filter(|result| result.violations > 0);
    violated.map(|result| result.invariant).collect()
}

#[test]
fn every_known_bad_lock_has_a_scenario_that_catches_it() {
    let bad = profiles().into_iter().filter(|profile| profile.breaks.is_some());
    let bad: BTreeSet<String> = bad.map(|profile| profile.name).collect();
    let rows: BTreeSet<String> = CATCHES.iter().map(|row| row.control.to_owned()).collect();
    assert_eq!(bad, rows);
}

#[test]
fn a_known_bad_lock_is_caught_by_what_it_breaks_and_by_nothing_else() {
    let profiles = profiles();
    let missed = CATCHES.iter().filter_map(|row| {
        let profile = profiles.iter().find(|profile| profile.name == row.control)?;
        caught(row, profile.breaks?).err()
    });
    let missed: Vec<String> = missed.collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn caught(row: &Catch, breaks: Invariant) -> Result<(), String> {
    let run = run(row.scenario, row.control, row.set);
    let report = run.report();
    let mut findings = report.findings.iter();
    let found = findings.any(|f| f.invariant == breaks && f.class == Class::BrokenPromise);
    let mut others = violated(&report);
    others.retain(|other| *other != breaks && !row.follows.contains(other));
    match report.verdict {
        Verdict::Violated if found && others.is_empty() && run.code == 1 => Ok(()),
        _ => Err(format!(
            "{}: not caught by {breaks:?} alone, but {others:?}: {}",
            row.control,
            run.said()
        )),
    }
}

/// What good locks are rightly accused of. flufl.lock looks and then breaks, in two steps, and
/// whoever took the lock in between loses it; and who has waited for longer than its lifetime and
/// CLOCK_SLOP, as after two restarts, makes a lock that is too old until its next call. And a
/// server of 6.12 grants a lock that another has yet to reclaim, and gives up on a client whose
/// recall was lost.
const FOUND: [(&str, &str); 7] = [
    ("flufl.lock", "two-breakers"),
    ("flufl.lock", "mixture"),
    ("flufl.lock", "nfsd-restart"),
    ("flufl.lock", "daylight-saving"),
    ("fcntl", "late-reclaim"),
    ("fcntl", "delegated-in-grace"),
    ("fcntl", "lost-recall"),
];

/// Locks that are right, with and without a lifetime.
#[rstest]
fn a_known_good_lock_is_never_accused(
    #[files("../scenarios/*.yaml")] file: PathBuf,
    #[values("good-lifetime", "fcntl", "flufl.lock", "link")] lock: &str,
) {
    let story = file.file_stem().unwrap().to_str().unwrap();
    if FOUND.contains(&(lock, story)) {
        return;
    }
    let loaded = load::load(file.to_str().unwrap(), &Overrides::default()).unwrap();
    if loaded.scenario.lock.name == lock {
        let own = reference(&file);
        return not_accused(&own.report, &own.said);
    }
    let run = run(file.to_str().unwrap(), lock, &[]);
    if run.code == 10 && run.stderr.contains("has no lifetime, so nothing to refresh") {
        return; // the script is about what the lock does not have
    }
    not_accused(&run.report(), &run.said());
}

fn not_accused(report: &Report, said: &str) {
    let broken = report.findings.iter().filter(|f| f.class == Class::BrokenPromise);
    assert_eq!(broken.count(), 0, "{said}");
    assert_ne!(report.class, Some(Class::BrokenPromise), "{said}");
}

/// So many sites on the real clock at a time that none has to wait for a core for long.
const REAL_SITES: usize = 6;

/// Where the kernels really run at the same time. What one run misses, since the host was busy, the
/// next may show.
#[test]
fn known_bad_and_known_good_locks_are_told_apart_on_the_real_clock() {
    let profiles = profiles();
    let mut trials: Vec<Box<dyn Fn() + Send>> = Vec::new();
    for row in CATCHES {
        let profile = profiles.iter().find(|profile| profile.name == row.control).unwrap();
        let breaks = profile.breaks.unwrap();
        trials.push(Box::new(move || {
            let tries = (1..=3).map(|seed| caught_in_real_time(row, breaks, seed));
            let missed: Vec<String> = tries.map_while(Result::err).collect();
            assert!(missed.len() < 3, "{}", missed.join("\n"));
        }));
    }
    for (lock, story) in [
        ("good-lifetime", "partition"),
        ("good-lifetime", "two-breakers"),
        ("fcntl", "calm"),
        ("flufl.lock", "crash"),
        ("link", "server-restart"),
    ] {
        trials.push(Box::new(move || {
            let run = run_beside_others(story, lock, 1, REAL);
            not_accused(&run.report(), &run.said());
        }));
    }
    let trials = Mutex::new(trials);
    std::thread::scope(|scope| {
        for _ in 0..REAL_SITES {
            scope.spawn(|| {
                loop {
                    let trial = trials.lock().unwrap().pop();
                    let Some(trial) = trial else { break };
                    trial();
                }
            });
        }
    });
}

/// No story lasts for minutes; a row's own settings come after these.
const REAL: &[&str] = &[
    "site.clock=real",
    "workload.cycles.time=75s",
    "site.server.lease=15s",
    "site.server.grace=15s",
];

fn caught_in_real_time(row: &Catch, breaks: Invariant, seed: u64) -> Result<(), String> {
    let run = run_beside_others(row.scenario, row.control, seed, &[REAL, row.set].concat());
    match run.report().findings.iter().any(|f| f.invariant == breaks) {
        true => Ok(()),
        false => Err(format!("{}: not caught by {breaks:?}: {}", row.control, run.said())),
    }
}
