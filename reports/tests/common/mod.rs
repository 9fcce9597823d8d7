//! The documents that every renderer is tried on.
#![allow(dead_code)] // each test program uses its own part

pub mod hostile;
pub mod map;
mod wire;

use lockstorm_reports::set::LeftOut;
use lockstorm_reports::set::gate::{Accepted, Gate, GateVerdict, Refused, Tried, Violation};
use lockstorm_reports::set::{self, Cause, End, Entry, Header, ResultSet, RunSummary};
use lockstorm_reports::timeline::*;
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
        not_judged: Vec::new(),
        promise: "\"If another process already has the lock, the hard link will fail.\"".into(),
    };
    let mut invariants = vec![
        result(Invariant::MutualExclusion, 183, "183 critical sections"),
        result(Invariant::NoEarlyBreak, 92, "92 contested claims"),
        result(Invariant::BreakAfterLifetime, 0, ""),
        result(Invariant::OwnerOnlyRelease, 0, ""),
        result(Invariant::NoLostUpdate, 184, "184 counts"),
    ];
    invariants[2].status = Status::Vacuous;
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
            from: None,
            lifetime_ns: Some(15 * SECOND),
            summary: "NFS-safe lock file by link(2)".into(),
            assumes: Some(Assumes {
                clock_skew_ns: Some(10 * SECOND),
                clock_rate_ppm: Some(500),
                pause_ns: Some(15 * SECOND),
                lease_kept: true,
                no_network: false,
                nfs: vec!["4.2".into()],
                because: "\"make sure that your clocks are properly synchronized\"".into(),
            }),
        },
        reproduce: "lockstorm scenario calm --lock flufl.lock --seed 7".into(),
        provenance: Provenance {
            lockstorm: "0.1.0".into(),
            kernel_key: "k-1".into(),
            kernel_version: "6.12".into(),
            image_key: "i-1".into(),
            kernels: Vec::new(),
            nfs_version: "4.2".into(),
            clock: Clock::Virtual,
            site: Some(Site {
                server: "knfsd, the NFS server of the Linux kernel".into(),
                lease_s: 30,
                grace_s: 30,
                threads: 4,
                latency: "100us".into(),
                wall_start_s: 1_767_225_600,
                disk: "64 MiB with a write cache".into(),
            }),
            mounts: vec![Mount {
                options: "rw,vers=4.2,hard".into(),
                clients: vec!["c1".into(), "c2".into(), "c3".into()],
            }],
            history_sha256: "ab".repeat(32),
            plan_sha256: Some("cd".repeat(32)),
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
        timeline: Some(timeline()),
        plots: Some(Plots {
            waiting: vec![
                bucket(1_000_000, 2_000_000, 0),
                bucket(2_000_000, 5_000_000, 12),
                bucket(200_000_000, 500_000_000, 140),
                bucket(1_000_000_000, 2_000_000_000, 30),
                bucket(2_000_000_000, 5_000_000_000, 1),
            ],
            holds: (1..61).map(|s| bucket(s * SECOND, (s + 1) * SECOND, s % 5)).collect(),
        }),
        plan: "format: 1\nseed: 7\n".into(),
        artefacts: vec![
            artefact("report.json", "this report, for programs"),
            artefact("history.jsonl", "every event, one a line"),
            artefact("wire.pcapng", "every frame, with the virtual time"),
        ],
        wall: Some(Wall { milliseconds: 812, processors_milliseconds: None }),
    }
}

fn bucket(from_ns: u64, until_ns: u64, count: u64) -> Bucket {
    Bucket { from_ns, until_ns, count }
}

fn activity(from_ms: u64, until_ms: u64, activity: Activity) -> ActivitySpan {
    ActivitySpan {
        from_ns: from_ms * 1_000_000,
        until_ns: until_ms * 1_000_000,
        activity,
        note: String::new(),
        count: 1,
        sum_ns: None,
    }
}

fn timeline() -> Timeline {
    let lane = |index: u64, client: &str| ClientLane {
        client: client.into(),
        activity: vec![
            activity(1_000, 2_000 + index * 1_000, Activity::Waiting),
            activity(2_000 + index * 1_000, 2_900 + index * 1_000, Activity::Holding),
        ],
        condition: Vec::new(),
    };
    Timeline {
        began_ns: SECOND,
        until_ns: 61_204_000_000,
        resolution_ns: 0,
        clients: vec![lane(0, "c1"), lane(1, "c2"), lane(2, "c3")],
        server: vec![
            ServerSpan { from_ns: 0, until_ns: SECOND, state: ServerState::Down },
            ServerSpan { from_ns: SECOND, until_ns: 61_204_000_000, state: ServerState::Up },
        ],
        clocks: Vec::new(),
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
        beyond: Vec::new(),
        holds: vec![
            hold("c1", 12_001, Some(52_010), 27_500),
            hold("c2", 27_120, Some(28_010), 42_000),
        ],
        faults: vec!["cut of c1, since 13.000 s until 53.000 s".into()],
        story: vec![
            story(12_000, "c1", StoryKind::Lock, "calls acquire"),
            story(12_001, "c1", StoryKind::Section, "enters its critical section"),
            story(13_000, "c1", StoryKind::Site, "is cut off the network"),
            story(14_000, "", StoryKind::Omission, "3 more events until 27.000 s"),
            story(27_119, "c2", StoryKind::Wire, "LINK c2.7261 lck: ok"),
            story(27_120, "c2", StoryKind::Section, "enters its critical section"),
            story(27_120, "", StoryKind::Violation, "both held for 0.380 s."),
        ],
        situation: String::new(),
        wire: Some(wire::wire()),
    }];
    let timeline = report.timeline.get_or_insert_default();
    timeline.resolution_ns = 1_000_000;
    let lane = &mut timeline.clients[0];
    lane.activity[1] = activity(12_001, 27_500, Activity::Holding);
    lane.activity.push(activity(27_500, 52_010, Activity::Overstayed));
    lane.activity.push(ActivitySpan {
        note: "not held".into(),
        count: 12,
        sum_ns: Some(700_000_000),
        ..activity(53_000, 60_000, Activity::Holding)
    });
    lane.condition = vec![
        ConditionSpan { from_ns: 13 * SECOND, until_ns: 53 * SECOND, condition: Condition::CutOff },
        ConditionSpan { from_ns: 54 * SECOND, until_ns: 55 * SECOND, condition: Condition::Paused },
        ConditionSpan { from_ns: 60 * SECOND, until_ns: 61 * SECOND, condition: Condition::Dead },
    ];
    timeline.clients[1].activity[1] = activity(27_120, 28_010, Activity::Holding);
    let server = |from: u64, until: u64, state| ServerSpan {
        from_ns: from * SECOND,
        until_ns: until * SECOND,
        state,
    };
    timeline.server = vec![
        server(0, 1, ServerState::Down),
        server(1, 40, ServerState::Up),
        server(40, 45, ServerState::Down),
        server(45, 61, ServerState::Grace),
    ];
    let point =
        |at: u64, offset: i64| ClockPoint { at_ns: at * SECOND, offset_ns: offset * 1_000_000_000 };
    timeline.clocks = vec![ClockLane {
        node: "c3".into(),
        points: vec![point(0, 0), point(20, 0), point(20, 8), point(40, 9), point(61, 9)],
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

/// A violation beyond the lock's assumptions, and some that could not be judged.
pub fn beyond() -> Report {
    let mut report = violated();
    report.class = Some(Class::BeyondAssumptions);
    report.findings[0].class = Class::BeyondAssumptions;
    report.findings[0].beyond = vec![
        "clocks were up to 48.000 s apart; the lock assumes at most 10.000 s".into(),
        "c1 may have lost its lease; the lock assumes that leases are kept".into(),
    ];
    let doubt = |count, reason: &str| NotJudged { count, reason: reason.into() };
    report.invariants[0].not_judged =
        vec![doubt(2, "the claim of the one who was inside may have been over")];
    report.invariants[4].not_judged = vec![
        doubt(4, "another count was pending, which may have been written or not"),
        doubt(1, "a count failed, or was never answered"),
    ];
    report
}

fn story(at_ms: u64, node: &str, kind: StoryKind, text: &str) -> StoryLine {
    StoryLine { at_ns: at_ms * 1_000_000, node: node.into(), kind, text: text.into() }
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
            reproduce: String::new(),
        },
    });
    runs.sort_by(|a, b| a.key().cmp(&b.key()));
    ResultSet {
        header: Header {
            format: set::FORMAT,
            about: "The smoke suite, seeds 1 to 3".into(),
            lockstorm: "0.1.0".into(),
            command: Some("lockstorm matrix --suite smoke --seeds 1..3".into()),
            wanted: None,
            scenarios: vec![
                entry("calm", "Three clients take turns; nothing is done to them."),
                entry("partition", "The owner is cut off for longer than its lifetime."),
                entry("crash", "The owner loses power and comes back."),
            ],
            locks: vec![
                entry("flufl.lock", "NFS-safe lock file by link(2)"),
                entry("fcntl", "The kernel's POSIX locks"),
            ],
            left_out: Vec::new(),
        },
        runs,
        cut_short: false,
        gate: None,
    }
}

/// The set of [`set`], as a gate judges it that accepts one thing.
pub fn gated() -> ResultSet {
    let mut set = set();
    let violation = |invariant| Violation {
        lock: "flufl.lock".into(),
        scenario: "partition".into(),
        invariant: Some(invariant),
    };
    set.gate = Some(Gate {
        format: set::FORMAT,
        verdict: GateVerdict::Refused,
        words: "REFUSED: 11 runs".into(),
        baseline: Some("baseline.yaml".into()),
        strict: false,
        refused: vec![Refused {
            what: violation(Invariant::MutualExclusion),
            runs: 2,
            commands: vec!["lockstorm replay gate/runs/flufl.lock/partition/2".into()],
        }],
        accepted: vec![Accepted {
            what: violation(Invariant::NoLostUpdate),
            runs: 1,
            reason: "issue 7".into(),
        }],
        expired: Vec::new(),
        needless: vec!["any lock in calm: no early break".into()],
        unknown: 2,
        left_out: vec![
            LeftOut {
                lock: "fcntl".into(),
                scenario: "refresh".into(),
                runs: None,
                why: "does not apply: a lock of `fcntl` has no lifetime".into(),
            },
            LeftOut {
                lock: "fcntl".into(),
                scenario: "partition".into(),
                runs: Some(3),
                why: "there was no time for them".into(),
            },
        ],
        tried: Tried::of(&set),
    });
    set
}

/// The set of [`set`] against one of six seeds, in which partition fails every time, and calm
/// takes longer.
pub fn comparison() -> Comparison {
    let mut base = set();
    let mut new = set();
    new.header.about = "The smoke suite with flufl.lock 10.1.0".into();
    let one_more = |report: Report, seed: u64, version: &str, waited: u64| {
        let mut report = report;
        report.lock.version = Some(version.into());
        report.scenario.seed = seed;
        report.reproduce = text::scenario_command(&report.scenario.name, "flufl.lock", seed);
        report.statistics.waiting = report
            .statistics
            .waiting
            .map(|waiting| Waiting { median_ns: waited + seed, ..waiting });
        RunSummary::of(&report, None)
    };
    for set in [&mut base, &mut new] {
        set.runs.retain(|run| run.lock != "flufl.lock");
    }
    let calm_in_a_partition = || {
        let mut report = clean();
        report.scenario.name = "partition".into();
        report
    };
    for seed in 1..=6 {
        base.runs.push(one_more(calm_in_a_partition(), seed, "10.0.0", 300_000_000));
        base.runs.push(one_more(clean(), seed, "10.0.0", 300_000_000));
        new.runs.push(one_more(violated(), seed, "10.1.0", 300_000_000));
        new.runs.push(one_more(clean(), seed, "10.1.0", 900_000_000));
    }
    new.runs.retain(|run| run.scenario != "crash");
    let mut rarely = set().runs.into_iter().find(|run| run.lock == "fcntl").unwrap();
    rarely.scenario = "handover".into();
    new.runs.push(rarely);
    Comparison::of(&base, &new)
}
