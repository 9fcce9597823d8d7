//! The documents that every renderer is tried on.
#![allow(dead_code)] // each test program uses its own part

use lockstorm_reports::set::{self, Cause, End, Entry, Header, ResultSet, RunSummary};
use lockstorm_reports::*;
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;

/// A run that went right.
pub fn clean() -> Report {
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
        reproduce: "lockstorm scenario calm --lock flufl.lock --seed 7".into(),
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
        waiting: client("all").waiting,
        site: BTreeMap::from([("frames".into(), 10_412)]),
    }
}

/// Two holders, a fault in force, and a step that ended otherwise.
pub fn violated() -> Report {
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
pub fn unknown() -> Report {
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

/// Two locks in three scenarios: something of everything.
pub fn set() -> ResultSet {
    let entry = |name: &str, about: &str| Entry { name: name.into(), about: about.into() };
    let run = |report: Report, lock: &str, seed: u64| {
        let mut report = report;
        report.lock.name = lock.into();
        report.scenario.seed = seed;
        report.reproduce = text::scenario_command(&report.scenario.name, lock, seed);
        let directory = format!("runs/{}-{lock}-{seed}", report.scenario.name);
        RunSummary::of(&report, Some(&directory))
    };
    let mut runs = Vec::new();
    for seed in 1..=3 {
        runs.push(run(clean(), "flufl.lock", seed));
        runs.push(run(violated(), "flufl.lock", seed));
        runs.push(run(clean(), "fcntl", seed));
    }
    runs[1] = run(clean(), "flufl.lock", 1);
    runs[1].scenario = "partition".into();
    runs.push(run(unknown(), "fcntl", 1));
    runs.push(RunSummary {
        lock: "fcntl".into(),
        scenario: "crash".into(),
        seed: 2,
        directory: None,
        end: End::NotMade {
            cause: Cause::SetUpMissing,
            message: "the lock's layer `python-lib` is not in the node image".into(),
        },
    });
    runs.sort_by(|a, b| a.key().cmp(&b.key()));
    ResultSet {
        header: Header {
            format: set::FORMAT,
            about: "The smoke suite, seeds 1 to 3".into(),
            lockstorm: "0.1.0".into(),
            command: Some("lockstorm matrix --suite smoke --seeds 1..3".into()),
            scenarios: vec![
                entry("calm", "Three clients take turns; nothing is done to them."),
                entry("partition", "The owner is cut off for longer than its lifetime."),
                entry("crash", "The owner loses power and comes back."),
            ],
            locks: vec![
                entry("flufl.lock", "NFS-safe lock file by link(2)"),
                entry("fcntl", "The kernel's POSIX locks"),
            ],
        },
        runs,
        cut_short: false,
    }
}
