use super::choice::CALLS_MAX;
use super::*;
use crate::check::tests::story::{plan, story};
use crate::rpc::capture::{Done, Passage};
use crate::verdict::{Circumstances, judge};

const BROKEN: &str = "
    1s c1 acquires
    2s c2 acquires
    3s c2 releases
    9s workload ends";

fn done(operation: &str, path: &str, from: Option<&str>, status: &str) -> Done {
    let how = if operation == "OPEN" { "access=write create exclusive4_1" } else { "" };
    Done {
        operation: operation.into(),
        path: Some(path.into()),
        from: from.map(str::to_owned),
        arguments: how.into(),
        status: (!status.is_empty()).then(|| status.into()),
        result: String::new(),
    }
}

/// A call that is answered after a millisecond.
fn call(at_ms: u64, from: &str, done: Done) -> Call {
    let at = |ms: u64| Passage {
        sent_ns: ms * 1_000_000,
        passed_ns: Some(ms * 1_000_000),
        ..Passage::default()
    };
    Call {
        from: from.into(),
        to: "server".into(),
        xid: 1,
        program: "nfs".into(),
        version: 4,
        minor: Some(2),
        procedure: "COMPOUND".into(),
        status: done.status.clone(),
        call: at(at_ms),
        reply: Some(at(at_ms + 1)),
        operations: vec![done],
        trouble: None,
    }
}

fn made(at_ms: u64, client: &str, path: &str) -> Call {
    call(at_ms, client, done("OPEN", path, None, "NFS4_OK"))
}

fn removed(at_ms: u64, client: &str, path: &str) -> Call {
    call(at_ms, client, done("REMOVE", path, None, "NFS4_OK"))
}

/// What is told of the first violation of mutual exclusion, c1 against c2 at 2 s.
fn told(calls: &[Call]) -> Option<Wire> {
    let (plan, history) = (plan(), story(BROKEN));
    let mut report = judge(&plan, &history, Circumstances::default());
    tell_from(&mut report, &plan, &history, calls);
    report.findings.into_iter().next().unwrap().wire
}

fn taken(calls: &[Call]) -> Option<String> {
    told(calls).unwrap().taken
}

#[test]
fn who_removed_the_file_of_a_holder_is_said() {
    let said = taken(&[
        made(1_000, "c1", "/lock"),
        removed(1_500, "c3", "/lock"),
        made(2_000, "c2", "/lock"),
    ]);
    assert_eq!(
        said.as_deref(),
        Some(
            "c3 removed /lock at 1.500 s, and was answered ok: c1 had made it at 1.000 s to get \
             the lock, and was still inside."
        )
    );
}

#[test]
fn a_rename_takes_a_file_away_or_puts_another_in_its_place() {
    let renamed = |path: &str, from: &str| {
        let rename = call(1_500, "c2", done("RENAME", path, Some(from), "NFS4_OK"));
        taken(&[made(1_000, "c1", "/lock"), rename]).unwrap()
    };
    assert!(renamed("/old", "/lock").starts_with("c2 renamed /lock at 1.500 s"));
    let over = renamed("/lock", "/lock.c2");
    assert!(over.starts_with("c2 put another file in the place of /lock at 1.500 s"), "{over}");
}

#[test]
fn nobody_is_accused_of_what_the_wire_leaves_open() {
    let made = || made(1_000, "c1", "/lock");
    let refused = call(1_500, "c2", done("REMOVE", "/lock", None, "NFS4ERR_NOENT"));
    let mut unheard = call(1_400, "c2", done("REMOVE", "/lock", None, ""));
    unheard.reply = None;
    for (why, between) in [
        ("it was refused", vec![refused]),
        (
            "the holder removed it itself",
            vec![removed(1_400, "c1", "/lock"), removed(1_500, "c3", "/lock")],
        ),
        ("another may have done it before", vec![unheard, removed(1_500, "c3", "/lock")]),
        ("it is another file", vec![removed(1_500, "c3", "/counter")]),
        ("it came after the violation", vec![removed(2_500, "c3", "/lock")]),
    ] {
        let calls: Vec<Call> = [made()].into_iter().chain(between).collect();
        assert_eq!(taken(&calls), None, "{why}");
    }
}

#[test]
fn of_many_calls_those_are_shown_by_which_the_lock_changed_hands() {
    let mut calls = vec![made(1_000, "c1", "/lock"), removed(1_100, "c3", "/lock")];
    let again = |at: u64| call(at, "c3", done("SETATTR", "/lock", None, "NFS4_OK"));
    calls.extend((1_101..1_900).map(again));
    calls.push(call(1_950, "c2", done("GETATTR", "/lock", None, "NFS4_OK")));
    calls.push(call(1_960, "c2", done("WRITE", "/counter", None, "NFS4_OK")));
    calls.push(made(2_000, "c2", "/lock"));
    let wire = told(&calls).unwrap();
    assert_eq!(wire.calls.len(), CALLS_MAX);
    assert_eq!(wire.left_out, 801 - CALLS_MAX as u64 + 1);
    let whose = |index: usize| (wire.calls[index].at_ns, wire.calls[index].operations.as_str());
    assert_eq!(whose(0), (1_000_000_000, "OPEN"));
    assert_eq!(whose(1), (1_100_000_000, "REMOVE"));
    assert_eq!(whose(CALLS_MAX - 1), (2_000_000_000, "OPEN"));
    assert_eq!(wire.nodes, ["c1", "c2", "c3", "server"]);
    assert!(wire.calls.iter().all(|call| call.path == "/lock"), "housekeeping is left out");
}

#[test]
fn what_was_lost_or_late_is_told() {
    let mut lost = removed(1_500, "c1", "/lock");
    lost.reply = None;
    lost.call.passed_ns = None;
    lost.status = None;
    let mut late = made(2_000, "c2", "/lock");
    late.call.late_ns = 7;
    let wire = told(&[made(1_000, "c1", "/lock"), lost, late]).unwrap();
    let fates: Vec<_> = wire.calls.iter().map(|call| (call.fate, call.late_ns)).collect();
    assert_eq!(fates, [(Fate::Answered, 0), (Fate::CallLost, 0), (Fate::Answered, 7)]);
}

#[test]
fn a_run_whose_frames_were_not_kept_has_a_report_all_the_same() {
    assert_eq!(told(&[]), None);
    let nowhere = tempfile::tempdir().unwrap();
    let (plan, history) = (plan(), story(BROKEN));
    let mut report = judge(&plan, &history, Circumstances::default());
    let before = report.clone();
    tell(&mut report, &plan, &history, nowhere.path());
    assert_eq!(report, before);
    std::fs::write(nowhere.path().join(CAPTURE), "no capture").unwrap();
    tell(&mut report, &plan, &history, nowhere.path());
    assert!(report.notes.last().unwrap().contains("wire.pcapng: not a capture"));
}

#[test]
fn an_open_says_that_it_reclaims_and_what_delegation_it_is_given() {
    let mut open = done("OPEN", "/lock", None, "NFS4_OK");
    assert_eq!(super::name(&open), "OPEN");
    open.arguments = "access=both claim=previous".into();
    open.result =
        "state=77ba8ffc:1 flags=posix delegation=write delegation_state=683f4d2f:1".into();
    assert_eq!(super::name(&open), "OPEN (reclaim, write delegation)");
}
