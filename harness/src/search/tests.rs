//! The search on a run that was made up: two clients and a lock that is a file.

use super::named_by_content;
use super::pairs::{After, after, pairs};
use super::points::{Point, points};
use super::stories::Stories;
use super::strikes::{COLUMNS, Setting};
use super::sweep::{Role, Trial, makes_sense, order, trials};
use crate::check::tests::story::{plan, story};
use crate::fault::{Phase, Trigger};
use crate::plan::Plan;
use crate::rpc::capture::{Call, Done, Passage};
use crate::scenario::Scenario;
use crate::scenario::overrides::Overrides;
use std::collections::BTreeSet;

const MILLISECOND: u64 = 1_000_000;

const HISTORY: &str = "
    1s c1 asks
    2s c1 enters
    2s c2 asks
    4s c1 leaves
    5s c1 is told ok
    5s c2 enters
    6s c2 releases
    9s workload ends";

fn call(client: &str, sent_ms: u64, operation: &str, path: &str, status: &str) -> Call {
    let at = |ms: u64| {
        let ns = ms * MILLISECOND;
        Passage { sent_ns: ns, passed_ns: Some(ns + 1), ..Passage::default() }
    };
    Call {
        from: client.into(),
        to: "server".into(),
        xid: 1,
        program: "nfs".into(),
        version: 4,
        minor: Some(2),
        procedure: "COMPOUND".into(),
        status: Some(status.into()),
        call: at(sent_ms),
        reply: Some(at(sent_ms + 1)),
        operations: vec![Done {
            operation: operation.into(),
            path: Some(path.into()),
            from: None,
            arguments: String::new(),
            status: Some(status.into()),
            result: String::new(),
        }],
        trouble: None,
    }
}

fn calls() -> Vec<Call> {
    vec![
        // Before the workload begins, nothing counts.
        call("c1", 1, "REMOVE", "/old", "NFS4_OK"),
        call("c1", 1_100, "LOOKUP", "/lock", "NFS4ERR_NOENT"),
        call("c1", 1_200, "LINK", "/lock", "NFS4_OK"),
        call("c2", 2_300, "LINK", "/lock", "NFS4ERR_EXIST"),
        call("c2", 2_500, "LINK", "/lock", "NFS4ERR_EXIST"),
        // The work of the critical section is not the lock's.
        call("c1", 3_000, "WRITE", "/counter", "NFS4_OK"),
        call("c1", 4_500, "REMOVE", "/lock", "NFS4_OK"),
        call("c2", 4_900, "LINK", "/lock", "NFS4_OK"),
        call("c2", 6_000, "REMOVE", "/lock", "NFS4_OK"),
    ]
}

fn found() -> (Plan, Vec<Point>) {
    let plan = plan();
    let mut history = story(HISTORY);
    let began = history.iter().position(|event| event.at_ns >= 1_000 * MILLISECOND).unwrap();
    history.retain(|event| event.kind != crate::history::EventKind::WorkloadBegan);
    let begin = crate::history::Event {
        at_ns: 500 * MILLISECOND,
        kind: crate::history::EventKind::WorkloadBegan,
    };
    history.insert(began.min(history.len()), begin);
    history.sort_by_key(|event| event.at_ns);
    let points = points(&plan, &history, &calls());
    (plan, points)
}

fn all(plan: &Plan, points: &[Point]) -> Vec<Trial> {
    let columns: Vec<usize> = (0..COLUMNS.len()).collect();
    let stories = Stories::only(plan.scenario.clone());
    trials(&stories, &plan.profile, points, Setting::of(plan), &columns, 1)
}

#[test]
fn every_call_of_the_lock_and_every_boundary_is_a_point_and_the_work_is_none() {
    let (_, points) = found();
    let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
    for name in [
        "c1.acquire1",
        "c1.acquire1.LOOKUP-lock.call1",
        "c1.acquire1.LINK-lock.reply1",
        "c1.entered1",
        "c2.acquire1.LINK-lock.call3",
        "c1.left1",
        "c1.release1.REMOVE-lock.call1",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("counter") || name.contains("old")));
    let distinct: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
}

#[test]
fn a_fault_waits_for_the_message_that_comes_so_often_by_then() {
    let (_, points) = found();
    let third = points.iter().find(|point| point.name == "c2.acquire1.LINK-lock.reply3").unwrap();
    let Trigger::Rpc(passes) = &third.trigger else { panic!("{third:?}") };
    let told = (passes.op.as_str(), passes.phase, passes.from.as_deref(), passes.nth);
    assert_eq!(told, ("LINK", Phase::Reply, Some("c2"), 3));
}

#[test]
fn attempts_that_fail_alike_are_tried_once() {
    let (plan, points) = found();
    let trials = all(&plan, &points);
    let of = |name: &str, column: &str| {
        let point = points.iter().position(|point| point.name == name).unwrap();
        let column = COLUMNS.iter().position(|it| it.name == column).unwrap();
        trials.iter().position(|it| (it.point, it.column) == (point, column)).unwrap()
    };
    let role = |name, column| trials[of(name, column)].role;
    let first = of("c2.acquire1.LINK-lock.reply1", "lose");
    assert_eq!(trials[first].role, Role::Tried);
    let second = role("c2.acquire1.LINK-lock.reply2", "lose");
    assert!(second == Role::Alike { first } || second == Role::Proof { first }, "{second:?}");
    assert_eq!(role("c2.acquire1.LINK-lock.reply3", "lose"), Role::Tried, "it succeeded");
}

#[test]
fn whoever_has_little_time_tries_something_of_every_fault_and_proofs_come_last() {
    let (plan, points) = found();
    let all = all(&plan, &points);
    let order = order(&all, &points, 1);
    let made = (0..all.len()).filter(|index| all[*index].role.is_made());
    assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), made.collect::<BTreeSet<_>>());
    let tried = order.iter().take_while(|index| all[**index].role == Role::Tried).count();
    assert!(order[tried..].iter().all(|index| all[*index].role != Role::Tried));
    let columns = |indices: &[usize]| -> BTreeSet<usize> {
        indices.iter().map(|index| all[*index].column).collect()
    };
    let every = columns(&order[..tried]);
    assert_eq!(columns(&order[..every.len()]), every, "one of each comes first");
}

#[test]
fn every_trial_could_be_written_by_hand_and_has_a_name_of_its_own() {
    let (plan, points) = found();
    let trials = all(&plan, &points);
    let names: BTreeSet<&str> = trials.iter().map(|it| it.scenario.name.as_str()).collect();
    assert_eq!(names.len(), trials.len());
    for (index, trial) in trials.iter().enumerate() {
        assert!(makes_sense(&trial.scenario, &plan.profile), "{}", trial.scenario.name);
        if let Role::Alike { first } | Role::Proof { first } = trial.role {
            assert!(first < index && trials[first].role == Role::Tried);
            assert_eq!(trials[first].column, trial.column);
        }
    }
}

#[test]
fn a_second_fault_strikes_where_the_first_has_made_the_run_another() {
    let (plan, points) = found();
    let singles = all(&plan, &points);
    let first = singles.iter().find(|it| it.scenario.name == "c1.entered1.crash").unwrap();
    let news = Point {
        name: "c2.acquire1.REMOVE-lock.call1".into(),
        alike: "acquire | REMOVE /lock call | free".into(),
        since: "acquire | LINK".into(),
        at_ns: 30_000 * MILLISECOND,
        ..points.iter().find(|it| it.name == "c1.release1.REMOVE-lock.call1").unwrap().clone()
    };
    let seen = vec![points[0].clone(), points.last().unwrap().clone(), news];
    let after: After = after(&first.scenario.name, seen, 2_000 * MILLISECOND);
    assert_eq!(after.points.len(), 2, "what came before the strike is as it was");
    let columns: Vec<usize> = (0..COLUMNS.len()).collect();
    let setting = (Setting::of(&plan), &columns[..]);
    let (places, two) = pairs(&[(first, &after)], &points, &plan.profile, setting, 1);
    assert!(places.iter().any(|it| it.name.contains("c1.entered1.crash > c2.acquire1.REMOVE")));
    let hold = two.iter().find(|it| it.scenario.faults.len() == 2).unwrap();
    assert_eq!(hold.scenario.faults[0], first.scenario.faults[0]);
    assert!(two.iter().all(|it| makes_sense(&it.scenario, &plan.profile)));
}

#[test]
fn the_same_scenario_has_the_same_name_and_another_another() {
    let calm = crate::scenario::load::load("calm", &Overrides::default()).unwrap().scenario;
    let one = named_by_content(calm.clone(), "shrink");
    let renamed = Scenario { name: "other".into(), ..calm.clone() };
    assert_eq!(one, named_by_content(renamed, "shrink"));
    let mut other = calm;
    other.site.clients += 1;
    assert_ne!(one.name, named_by_content(other, "shrink").name);
}
