use super::*;
use crate::check::tests::story::{plan, story};
use crate::fault::cut::Cut;
use crate::fault::{FaultSpec, Strike, Trigger};
use crate::history::EventKind;
use crate::lock::profile::{Primitive, Renewed};
use crate::units::Nanos;
use lockstorm_reports::{Invariant, json, terminal};
use rstest::rstest;

/// Two clients that do it right.
const CALM: &str = "
    1s c1 acquires
    1s c2 asks
    2s c1 releases
    2s c2 enters
    3s c2 releases
    9s workload ends";

const BROKEN: &str = "
    1s c1 acquires
    2s c2 acquires
    3s c2 releases
    9s workload ends";

const BEYOND: &str = "
    0s c2 clock +60s
    1s c1 acquires
    2s c2 acquires
    9s workload ends";

fn judged(plan: &Plan, text: &str, more: &[EventKind]) -> Report {
    let mut history = story(text);
    history.extend(more.iter().map(|what| Event { at_ns: 10_000_000_000, kind: what.clone() }));
    judge(plan, &history, Circumstances::default())
}

fn step(met: bool) -> EventKind {
    EventKind::StepDone {
        step: 3,
        text: "c2: acquire timeout 2s -> timeout".into(),
        met,
        saw: "ok".into(),
    }
}

#[test]
fn a_run_that_went_right_is_valid() {
    let report = judged(&plan(), CALM, &[step(true)]);
    assert_eq!(report.verdict, Verdict::Valid);
    assert!(report.as_expected);
    assert_eq!(report.unknown_because, [""; 0]);
}

#[rstest]
#[case::fault_missed("fault 1 never struck: nobody was inside", EventKind::FaultMissed {
    fault: crate::fault::FaultId::at(0),
    why: "nobody was inside".into(),
})]
#[case::node_died("c1 died at 10.000 s, by no fault of the plan: panic", EventKind::NodeDied {
    node: "c1".into(),
    by_plan: false,
    cause: "panic".into(),
})]
#[case::adapter_failed("the adapter of c2 failed at 10.000 s: garbage", EventKind::AdapterFailed {
    client: "c2".into(),
    cause: "garbage".into(),
})]
#[case::not_completed("the workload was not completed: watchdog", EventKind::WorkloadEnded {
    completed: false,
    why: "watchdog".into(),
})]
#[case::contradiction(
    "the history contradicts itself, line 14: c1 leaves without being inside",
    EventKind::Left { client: "c1".into() }
)]
fn a_run_that_went_wrong_is_unknown(#[case] because: &str, #[case] kind: EventKind) {
    let report = judged(&plan(), CALM, std::slice::from_ref(&kind));
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(!report.as_expected);
    assert_eq!(report.unknown_because, [because]);
    // A violation was seen all the same, unless nothing in the history can be trusted.
    let report = judged(&plan(), BROKEN, std::slice::from_ref(&kind));
    let trusted = !matches!(kind, EventKind::Left { .. }) || report.unknown_because.is_empty();
    if trusted {
        assert_eq!(report.verdict, Verdict::Violated);
        assert_eq!(report.class, Some(Class::BrokenPromise));
    }
}

#[test]
fn a_history_that_contradicts_itself_is_no_evidence() {
    let left = EventKind::Left { client: "c3".into() };
    let report = judged(&plan(), BROKEN, &[left]);
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!(report.class, None);
}

#[test]
fn a_run_without_critical_sections_is_unknown() {
    let report = judged(&plan(), "1s c1 asks\n 9s workload ends", &[]);
    assert_eq!(report.verdict, Verdict::Unknown);
    let because = &report.unknown_because;
    assert!(because.contains(&"nobody entered a critical section".into()));
    assert!(because.contains(&"no promise of the lock was put to the test".into()));
}

#[test]
fn fewer_critical_sections_than_expected_are_unknown() {
    let mut plan = plan();
    plan.scenario.expect.critical_sections = 3;
    let report = judged(&plan, CALM, &[]);
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(report.unknown_because[0].starts_with("there were 2 critical sections"));
}

#[test]
fn a_lock_that_stands_for_ever_once_its_owner_died_may_end_the_story_early() {
    let mut plan = plan();
    plan.scenario.expect.critical_sections = 3;
    let story = "1s c1 acquires\n 1s c2 asks\n 2s c1 releases\n 2s c2 enters\n 3s c2 dies\n \
        4s c1 asks\n 99s workload ends";
    let report = judged(&plan, story, &[]);
    assert_eq!(report.verdict, Verdict::Violated, "it promised to be broken");
    for invariant in [Invariant::BreakAfterLifetime, Invariant::NoEarlyBreak] {
        plan.profile.promises.remove(&invariant);
    }
    plan.profile.break_bound = None;
    let report = judged(&plan, story, &[]);
    assert_eq!((report.verdict, report.unknown_because.len()), (Verdict::Valid, 0));
    assert!(report.notes[0].starts_with("c2 died with the lock"), "{:?}", report.notes);
    plan.profile.lifetime = None;
    plan.profile.primitive = Primitive::Posix;
    let report = judged(&plan, story, &[]);
    assert_eq!(report.verdict, Verdict::Unknown, "the kernel frees such a lock");
}

#[test]
fn a_history_that_just_stops_is_unknown() {
    let report = judged(&plan(), "1s c1 acquires\n 1s c2 asks", &[]);
    let reason = "the history does not say that the workload ended";
    assert_eq!(report.unknown_because, [reason]);
}

#[test]
fn a_fault_of_the_plan_that_the_history_does_not_know_is_told() {
    let mut plan = plan();
    plan.scenario.faults.push(FaultSpec {
        until: None,
        may_miss: false,
        when: Trigger::At(Nanos::from_secs(1)),
        strike: Strike::Cut(Cut::of("c1".into())),
        lasts: None,
    });
    let report = judged(&plan, CALM, &[]);
    assert_eq!(report.unknown_because, ["fault 1 never struck"]);
}

#[test]
fn an_unmet_step_violates_in_its_own_class_and_is_never_expected() {
    let mut plan = plan();
    let report = judged(&plan, CALM, &[step(false)]);
    assert_eq!(report.verdict, Verdict::Violated);
    assert_eq!(report.class, Some(Class::ScriptExpectation));
    assert_eq!(report.unmet_steps.len(), 1);
    plan.scenario.expect.verdict = ExpectedVerdict::BrokenPromise;
    let report = judged(&plan, BROKEN, &[step(false)]);
    assert_eq!(report.class, Some(Class::BrokenPromise));
    assert!(!report.as_expected);
}

#[test]
fn an_unmet_step_of_a_run_that_went_wrong_proves_nothing() {
    let failed = EventKind::AdapterFailed { client: "c2".into(), cause: "it hung".into() };
    let report = judged(&plan(), CALM, &[failed, step(false)]);
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!(report.unmet_steps.len(), 1);
}

#[rstest]
#[case(CALM, ExpectedVerdict::Valid, true)]
#[case(CALM, ExpectedVerdict::BrokenPromise, false)]
#[case(CALM, ExpectedVerdict::BeyondAssumptions, false)]
#[case(BROKEN, ExpectedVerdict::Valid, false)]
#[case(BROKEN, ExpectedVerdict::BrokenPromise, true)]
#[case(BROKEN, ExpectedVerdict::BeyondAssumptions, false)]
#[case(BEYOND, ExpectedVerdict::Valid, false)]
#[case(BEYOND, ExpectedVerdict::BrokenPromise, false)]
#[case(BEYOND, ExpectedVerdict::BeyondAssumptions, true)]
fn the_end_is_held_against_what_the_scenario_expects(
    #[case] text: &str,
    #[case] expected: ExpectedVerdict,
    #[case] as_expected: bool,
) {
    let mut plan = plan();
    plan.scenario.expect.verdict = expected;
    assert_eq!(judged(&plan, text, &[]).as_expected, as_expected);
}

#[test]
fn a_lock_that_promises_nothing_is_never_valid() {
    let mut plan = plan();
    plan.profile.promises.clear();
    assert_eq!(judged(&plan, CALM, &[]).verdict, Verdict::Unknown);
}

#[test]
fn an_owner_that_overstays_is_noted() {
    let text = "
        1s c1 acquires
        1s c2 asks
        20s c1 releases
        20s c2 enters
        20s c2 releases
        21s workload ends";
    let report = judged(&plan(), text, &[]);
    assert_eq!(report.verdict, Verdict::Valid);
    assert_eq!(
        report.notes,
        ["c1 overstayed its claim by 4.000 s: inside from 1.000 s to 20.000 s, \
         with a claim until 16.000 s"]
    );
}

#[test]
fn calls_that_fail_although_nothing_is_disturbed_are_noted() {
    let text = "
        1s c1 acquires
        2s c2 asks
        2.5s c2 is told error
        3s c3 asks
        3.5s c3 is told error
        4s c1 leaves
        4s c1 is told error
        5s c2 is cut
        5.5s c2 asks
        6s c2 is told error
        6s c2 is healed
        7s workload ends";
    let report = judged(&plan(), text, &[]);
    assert_eq!(
        report.notes,
        [
            "2 calls of acquire failed with EIO although nothing was disturbed, c2's at 2.500 s \
             first",
            "1 call of release failed with EIO although nothing was disturbed, c1's at 4.000 s \
             first",
        ]
    );
}

#[test]
fn a_call_that_never_returns_is_told_as_hung_and_one_that_may_wait_is_not() {
    let text = "
        1s c1 acquires
        2s c1 releases
        2s c2 tries
        3s c3 asks for 9s
        4s c1 asks
        50s workload ends";
    let hung =
        |client: &str, rest: &str| format!("{client} hung in acquire: {rest}, when the run ended");
    let said = "and had neither an answer nor an error";
    assert_eq!(
        judged(&plan(), text, &[]).notes,
        [
            hung("c2", &format!("it was not to wait, {said}, 48.000 s after its call at 2.000 s")),
            hung(
                "c3",
                &format!(
                    "it was to wait for 9.000 s at most, {said}, 47.000 s after its call at 3.000 s"
                )
            ),
        ]
    );
    let soon = text.replace("50s", "31s");
    assert_eq!(judged(&plan(), &soon, &[]).notes, [""; 0]);
}

#[test]
fn a_heartbeat_keeps_an_owner_from_overstaying_while_it_reaches_the_server() {
    let mut plan = plan();
    plan.profile.lifetime.as_mut().unwrap().renewed = Renewed::Itself;
    let long = "1s c1 acquires\n 90s c1 releases\n 91s workload ends";
    assert_eq!(judged(&plan, long, &[]).notes, [""; 0]);
    let cut = "1s c1 acquires\n 10s c1 is cut\n 60s c1 is healed\n 90s c1 releases\n \
        91s workload ends";
    let notes = judged(&plan, cut, &[]).notes;
    assert!(notes[0].starts_with("c1 overstayed its claim by 64.987 s"), "{notes:?}");
}

#[test]
fn waiting_times_are_times_that_were_waited() {
    let text = "
        1s c1 acquires
        1s c2 asks
        3s c1 releases
        3s c2 enters
        4s c2 releases
        5s c2 acquires
        6s c2 releases
        9s workload ends";
    let statistics = judged(&plan(), text, &[]).statistics;
    let waiting = statistics.clients[1].waiting.unwrap();
    assert_eq!((waiting.min_ns, waiting.median_ns), (0, 0));
    assert_eq!(waiting.p99_ns, 2_000_000_000);
    assert_eq!(statistics.clients[2].waiting, None);
    assert_eq!(statistics.critical_sections, 3);
}

/// Saves a run as the harness does.
fn saved(plan: &Plan, text: &str) -> (tempfile::TempDir, Report) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.jsonl");
    let mut writer = crate::history::writer::Writer::create(&path).unwrap();
    for event in story(text) {
        writer.append(event.at_ns, event.kind).unwrap();
    }
    let finished = writer.finish().unwrap();
    let yaml = serde_yaml::to_string(plan).unwrap();
    std::fs::write(dir.path().join("plan.yaml"), yaml).unwrap();
    std::fs::write(dir.path().join("report.json"), "").unwrap();
    let circumstances = Circumstances {
        history_sha256: finished.sha256,
        artefacts: recheck::artefacts(dir.path()),
        site: [("frames".into(), 12)].into(),
        wall: Some(Wall { milliseconds: 345, processors_milliseconds: Some(210) }),
    };
    let report = judge(plan, &finished.events, circumstances);
    std::fs::write(dir.path().join("report.json"), json::render(&report)).unwrap();
    (dir, report)
}

#[test]
fn judging_a_saved_run_again_gives_the_identical_report() {
    let (dir, report) = saved(&plan(), BROKEN);
    let again = recheck(dir.path()).unwrap();
    assert_eq!(json::render(&again), json::render(&report));
    std::fs::remove_file(dir.path().join("report.json")).unwrap();
    let again = recheck(dir.path()).unwrap();
    assert_eq!(again.findings, report.findings);
}

#[test]
fn a_history_that_was_changed_is_judged_and_told() {
    let (dir, _) = saved(&plan(), BROKEN);
    let (calm, _) = saved(&plan(), CALM);
    let history = calm.path().join("history.jsonl");
    std::fs::copy(history, dir.path().join("history.jsonl")).unwrap();
    let report = recheck(dir.path()).unwrap();
    assert_eq!(report.verdict, Verdict::Valid);
    assert!(report.notes[0].contains("is not the one that report.json was made from"));
}

#[test]
fn what_is_no_saved_run_is_told() {
    let error = recheck(std::path::Path::new("nowhere")).unwrap_err();
    assert!(error.to_string().contains("is it the directory of a run?"));
    let (dir, _) = saved(&plan(), CALM);
    std::fs::write(dir.path().join("report.json"), "{").unwrap();
    let error = recheck(dir.path()).unwrap_err().to_string();
    assert!(error.contains("report.json: not a report: "), "{error}");
    std::fs::write(dir.path().join("plan.yaml"), "seed: x").unwrap();
    let error = recheck(dir.path()).unwrap_err().to_string();
    assert!(error.contains("plan.yaml: not a plan: "), "{error}");
}

#[test]
fn a_report_of_a_story_reads_well() {
    let text = "
        1s server boots
        2s c1 boots
        2s c2 boots
        10s c1 acquires
        11s c2 asks
        12s c1 is cut
        22s c2 enters
        23s c2 releases
        50s c1 is healed
        51s c1 leaves
        51s c1 is told not_held
        60s workload ends";
    let report = judged(&plan(), text, &[]);
    insta::assert_snapshot!(terminal::render(&report, terminal::Options::default()));
}

/// The spans of a client, as `holding 1-20`, in whole seconds.
fn spans(report: &Report, client: &str) -> Vec<String> {
    let lanes = &report.timeline.as_ref().unwrap().clients;
    let lane = lanes.iter().find(|lane| lane.client == client).unwrap();
    let second = 1_000_000_000;
    let words = |what: &str, from, until| format!("{what} {}-{}", from / second, until / second);
    let activity = lane.activity.iter().map(|s| words(s.activity.words(), s.from_ns, s.until_ns));
    let condition =
        lane.condition.iter().map(|s| words(s.condition.words(), s.from_ns, s.until_ns));
    activity.chain(condition).collect()
}

#[test]
fn a_timeline_has_who_waited_who_held_and_what_befell_them() {
    let text = "
        1s server boots
        2s c1 boots
        2s c2 boots
        10s c1 acquires
        11s c2 asks
        12s c1 is cut
        35s c2 enters
        36s c2 releases
        50s c1 is healed
        51s c1 leaves
        60s workload ends";
    let report = judged(&plan(), text, &[]);
    let of_c1 = ["waiting 10-10", "holding 10-25", "overstayed 25-51", "cut off 12-50"];
    assert_eq!(spans(&report, "c1"), of_c1);
    assert_eq!(spans(&report, "c2"), ["waiting 11-35", "holding 35-36"]);
    assert_eq!(report.timeline.unwrap().resolution_ns, 0);
}

#[test]
fn who_was_cut_off_follows_from_what_was_done_and_not_from_what_it_was_called() {
    let text = "
        10s c1 acquires
        11s c1 sends in vain
        12s c1 is healed
        13s c1 is impaired
        14s c1 is healed
        15s server sends in vain
        16s server is healed
        17s c2 is cut
        18s c2 is healed
        19s c1 releases
        60s workload ends";
    let report = judged(&plan(), text, &[]);
    let of_c1 = ["waiting 10-10", "holding 10-19", "cut off 11-12", "cut off 15-16"];
    assert_eq!(spans(&report, "c1"), of_c1);
    assert_eq!(spans(&report, "c2"), ["cut off 15-16", "cut off 17-18"]);
}

#[test]
fn a_clock_is_a_line_with_steps() {
    let report = judged(&plan(), BEYOND, &[]);
    let clocks = report.timeline.unwrap().clocks;
    let points = clocks[0].points.iter().map(|p| (p.at_ns / 1_000_000_000, p.offset_ns));
    let minute = 60_000_000_000;
    assert_eq!(clocks[0].node, "c2");
    assert_eq!(points.collect::<Vec<_>>(), [(0, 0), (0, 0), (0, minute), (9, minute)]);
}

#[test]
fn a_violation_tells_how_it_came_to_that() {
    let text = "
        1s c1 acquires
        2s c1 releases
        3s c3 acquires
        3s c3 releases
        4s c1 acquires
        5s c2 acquires
        6s c2 releases
        9s workload ends";
    let report = judged(&plan(), text, &[]);
    let story = report.findings[0].story.iter();
    let story: Vec<String> =
        story.map(|l| format!("{} {} {}", l.at_ns / 1_000_000_000, l.node, l.text)).collect();
    // Each from the call on that let it in: the rounds before are another story.
    insta::assert_snapshot!(story.join("\n"), @"
    4 c1 calls acquire
    4 c1 acquire answers ok
    4 c1 enters its critical section
    5 c2 calls acquire
    5 c2 acquire answers ok
    5 c2 enters its critical section
    5  c1 was inside and within its claim when c2 entered; both held for 1.000 s.
    ");
}

#[test]
fn a_run_of_a_hundred_thousand_events_has_a_timeline_that_can_be_shown() {
    let mut history = vec![Event { at_ns: 0, kind: EventKind::WorkloadBegan }];
    let mut at_ns = 0;
    for call in 0..16_700 {
        let client = format!("c{}", call % 2 + 1);
        let release = call * 2 + 1;
        let operation = crate::history::Operation::Acquire { timeout: None };
        let ok = crate::lock::adapter::Answer::Ok { held: None };
        for kind in [
            EventKind::Called { client: client.clone(), call: release - 1, operation },
            EventKind::Answered { client: client.clone(), call: release - 1, answer: ok.clone() },
            EventKind::Entered { client: client.clone() },
            EventKind::Left { client: client.clone() },
            EventKind::Called {
                client: client.clone(),
                call: release,
                operation: crate::history::Operation::Release,
            },
            EventKind::Answered { client, call: release, answer: ok },
        ] {
            at_ns += 1_000_000;
            history.push(Event { at_ns, kind });
        }
    }
    let why = String::new();
    history.push(Event { at_ns, kind: EventKind::WorkloadEnded { completed: true, why } });
    let report = judge(&plan(), &history, Circumstances::default());
    assert_eq!(report.verdict, Verdict::Valid, "{:?}", report.unknown_because);
    let timeline = report.timeline.unwrap();
    let spans: Vec<_> = timeline.clients.iter().flat_map(|lane| &lane.activity).collect();
    assert!(spans.len() <= timeline::SPANS_MAX, "{}", spans.len());
    assert!(timeline.resolution_ns > 0);
    // Nothing is lost but its place.
    let count: u64 = spans.iter().map(|span| span.count).sum();
    assert_eq!(count, 2 * 16_700);
    let held =
        spans.iter().filter(|span| span.activity == lockstorm_reports::timeline::Activity::Holding);
    let held: u64 = held.map(|s| s.sum_ns.unwrap_or(s.until_ns - s.from_ns)).sum();
    assert_eq!(held, 16_700 * 1_000_000);
    let holds: u64 = report.plots.unwrap().holds.iter().map(|bucket| bucket.count).sum();
    assert_eq!(holds, 16_700);
}

#[rstest]
#[case(None, "flufl.lock")]
#[case(Some("flufl.lock@8.2.0"), "flufl.lock@8.2.0")]
#[case(Some("flufl.lock+tree"), "")]
#[case(Some("flufl.lock@8.2.0+tree"), "")]
#[case(Some("mylock"), "")]
fn a_run_is_made_again_by_name_only_if_the_lock_has_one(
    #[case] from: Option<&str>,
    #[case] lock: &str,
) {
    let source = include_str!("../../../scenarios/calm.yaml");
    let source = crate::source::Source::from_bytes("calm.yaml", source.into()).unwrap();
    let mut plan = plan();
    let lock_name = Some(plan.profile.name.clone());
    let overrides = crate::scenario::overrides::Overrides { lock: lock_name, set: Vec::new() };
    let mut loaded = crate::scenario::load::load_source(source, &overrides).unwrap();
    loaded.complete(&plan.profile).unwrap();
    plan.scenario = loaded.scenario;
    plan.lock_image =
        from.map(|from| crate::plan::LockImage { key: "k".into(), from: from.into() });
    let expected = match lock {
        "" => None,
        lock => Some(format!("lockstorm scenario calm --lock {lock} --seed {}", plan.seed)),
    };
    assert_eq!(reproduce::command(&plan), expected);
}
