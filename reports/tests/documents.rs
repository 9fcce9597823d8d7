//! Three documents, as JSON and as a person reads them; and what hostile names do to neither.

use lockstorm_reports::*;
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;

/// A run that went right.
fn clean() -> Report {
    let result = |invariant, judged, note: &str| InvariantResult {
        invariant,
        status: Status::Kept,
        judged,
        violations: 0,
        note: note.into(),
    };
    let mut invariants = vec![
        result(Invariant::MutualExclusion, 183, "183 critical sections"),
        result(Invariant::NoEarlyBreak, 92, "92 contested claims"),
        result(Invariant::BreakAfterLifetime, 0, ""),
        result(Invariant::OwnerOnlyRelease, 0, ""),
        result(Invariant::NoLostUpdate, 184, "184 counts"),
    ];
    invariants[2].status = Status::NotTried;
    invariants[2].note =
        "no owner left its lock behind for long enough while a healthy client asked".into();
    invariants[3].status = Status::NotPromised;
    invariants[3].note = "the lock's profile does not promise it".into();
    Report {
        format: FORMAT,
        scenario: ScenarioPart {
            name: "calm".into(),
            about: "Three clients take turns; nothing is done to them.".into(),
            seed: 7,
        },
        lock: LockPart {
            name: "flufl.lock".into(),
            version: Some("10.0.0".into()),
            lifetime_ns: Some(15 * SECOND),
        },
        provenance: Provenance {
            lockstorm: "0.1.0".into(),
            kernel_key: "k-1".into(),
            image_key: "i-1".into(),
            nfs_version: "4.2".into(),
            mounts: vec![Mount {
                options: "rw,vers=4.2,hard".into(),
                clients: vec!["c1".into(), "c2".into(), "c3".into()],
            }],
            history_sha256: "ab".repeat(32),
        },
        verdict: Verdict::Valid,
        class: None,
        expected: Expected::Valid,
        as_expected: true,
        invariants,
        findings: Vec::new(),
        unmet_steps: Vec::new(),
        unknown_because: Vec::new(),
        notes: Vec::new(),
        statistics: statistics(),
        faults: Vec::new(),
        artefacts: vec![
            artefact("report.json", "this report, for programs"),
            artefact("history.jsonl", "every event, one a line"),
        ],
        wall: Some(Wall { milliseconds: 812 }),
    }
}

fn artefact(file: &str, about: &str) -> Artefact {
    Artefact { file: file.into(), about: about.into() }
}

fn statistics() -> Statistics {
    let client = |name: &str| ClientStatistics {
        client: name.into(),
        critical_sections: 61,
        waiting: Some(Waiting {
            min_ns: 2_000_000,
            median_ns: 310_000_000,
            p99_ns: 1_900_000_000,
            max_ns: 2_010_000_000,
        }),
    };
    Statistics {
        virtual_ns: 61_204_000_000,
        critical_sections: 183,
        clients: ["c1", "c2", "c3"].map(client).into(),
        site: BTreeMap::from([("frames".into(), 10_412)]),
    }
}

/// Two holders, a fault in force, and a step that ended otherwise.
fn violated() -> Report {
    let mut report = clean();
    report.scenario.name = "partition".into();
    report.verdict = Verdict::Violated;
    report.class = Some(Class::BrokenPromise);
    report.as_expected = false;
    report.invariants[0].status = Status::Violated;
    report.invariants[0].violations = 12;
    report.invariants[0].note = "12 times among 183 critical sections".into();
    report.findings = vec![Finding {
        invariant: Invariant::MutualExclusion,
        class: Class::BrokenPromise,
        at_ns: 27_120_000_000,
        explanation: "c1 was inside and within its claim when c2 entered; both held for 0.380 s."
            .into(),
        holds: vec![
            hold("c1", 12_001, Some(52_010), 27_500),
            hold("c2", 27_120, Some(28_010), 42_000),
        ],
        faults: vec!["cut of c1, since 13.000 s until 53.000 s".into()],
    }];
    report.unmet_steps = vec![UnmetStep {
        step: 1,
        text: "c2: acquire timeout 2s -> timeout".into(),
        saw: "ok after 0.300 s".into(),
        at_ns: 27_120_000_000,
    }];
    report.faults = vec![FaultReport {
        fault: 0,
        kind: "cut".into(),
        node: "c1".into(),
        detail: "off the network".into(),
        struck_ns: Some(13 * SECOND),
        ended_ns: Some(53 * SECOND),
        effect: "412 frames were lost".into(),
        missed: false,
    }];
    report.notes = vec!["c1 overstayed its claim by up to 24.510 s".into()];
    report
}

fn hold(client: &str, from_ms: u64, until_ms: Option<u64>, claim_ms: u64) -> Hold {
    Hold {
        client: client.into(),
        from_ns: from_ms * 1_000_000,
        until_ns: until_ms.map(|until| until * 1_000_000),
        died: false,
        claim_until_ns: Some(claim_ms * 1_000_000),
    }
}

/// A fault that missed and a node that died.
fn unknown() -> Report {
    let mut report = clean();
    report.scenario.name = "crash".into();
    report.verdict = Verdict::Unknown;
    report.as_expected = false;
    report.unknown_because = vec![
        "fault 1 never struck: the 400th critical section was never entered".into(),
        "c2 died at 31.000 s, by no fault of the plan: Kernel panic - not syncing: \
         Attempted to kill init! exitcode=0x00000009"
            .into(),
    ];
    report.faults = vec![FaultReport {
        fault: 0,
        kind: "fault".into(),
        node: "1".into(),
        detail: String::new(),
        struck_ns: None,
        ended_ns: None,
        effect: "the 400th critical section was never entered".into(),
        missed: true,
    }];
    report
}

fn text(report: &Report) -> String {
    let options =
        terminal::Options { colour: false, directory: Some("lockstorm-runs/partition-7") };
    terminal::render(report, options)
}

#[test]
fn a_person_reads_a_clean_run() {
    insta::assert_snapshot!(text(&clean()));
}

#[test]
fn a_person_reads_a_violation() {
    insta::assert_snapshot!(text(&violated()));
}

#[test]
fn a_person_reads_why_a_run_proves_nothing() {
    insta::assert_snapshot!(text(&unknown()));
}

#[test]
fn programs_read_a_clean_run() {
    insta::assert_snapshot!(json::render(&clean()));
}

#[test]
fn programs_read_a_violation() {
    insta::assert_snapshot!(json::render(&violated()));
}

#[test]
fn programs_read_why_a_run_proves_nothing() {
    insta::assert_snapshot!(json::render(&unknown()));
}

#[test]
fn a_document_reads_back_as_it_was() {
    for report in [clean(), violated(), unknown()] {
        let read = json::read(&json::render(&report)).unwrap();
        assert_eq!(read, report);
    }
}

#[test]
fn a_document_of_another_format_is_refused() {
    let mut report = clean();
    report.format = 99;
    let error = json::read(&json::render(&report)).unwrap_err();
    assert!(error.contains("format 99 is not known"), "{error}");
}

#[test]
fn colour_is_only_used_when_asked_for_and_changes_no_word() {
    for report in [clean(), violated(), unknown()] {
        let options =
            terminal::Options { colour: true, directory: Some("lockstorm-runs/partition-7") };
        let coloured = terminal::render(&report, options);
        assert!(coloured.contains("\x1b["));
        let mut plain = coloured;
        for code in ["1", "1;31", "1;32", "1;33", "0"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(plain, text(&report));
    }
}

#[test]
fn hostile_names_break_neither_lines_nor_the_terminal() {
    let hostile = format!("\x1b[2J\r\n\u{202e}{}\u{0}", "x".repeat(5_000));
    let mut report = violated();
    report.scenario.name.clone_from(&hostile);
    report.scenario.about.clone_from(&hostile);
    report.lock.name.clone_from(&hostile);
    report.lock.version = Some(hostile.clone());
    report.provenance.history_sha256.clone_from(&hostile);
    report.provenance.nfs_version.clone_from(&hostile);
    report.notes = vec![hostile.clone(); 50];
    report.unknown_because = vec![hostile.clone()];
    report.invariants[0].note.clone_from(&hostile);
    report.findings[0].holds[0].client.clone_from(&hostile);
    report.findings[0].faults = vec![hostile.clone()];
    report.findings[0].explanation.clone_from(&hostile);
    report.faults[0].kind.clone_from(&hostile);
    report.faults[0].effect.clone_from(&hostile);
    report.unmet_steps[0].text.clone_from(&hostile);
    report.artefacts[0].file.clone_from(&hostile);
    for line in text(&report).lines() {
        assert!(!line.contains(['\x1b', '\r', '\0', '\u{202e}']), "{line:?}");
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_checked_in_schema_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, json::schema()).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == json::schema(),
        "run `UPDATE_SCHEMA=1 cargo test -p lockstorm-reports` and commit reports/schema.json"
    );
}
