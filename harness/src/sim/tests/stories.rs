//! Stories of faults that meet, told to the run's code. Each of them once went wrong, or might
//! have.

use super::super::{Defect, Kind, Lock};
use super::Judged;
use crate::fault::{ENDS_PROCESSES, OF_MESSAGES, Strike};
use crate::history::{EventKind, Operation};
use crate::scenario::Scenario;
use crate::units::{MILLISECOND, SECOND};
use lockstorm_reports::Verdict;
use rstest::rstest;
use std::fmt::Write;

const LOCK: Lock = Lock { kind: Kind::Watching, defect: Defect::None };

/// Three clients that take turns for 100 s, and these faults.
fn story(faults: &str) -> Judged {
    tell(&format!("workload: {{cycles: {{time: 100s, recover: true}}}}\nfaults:\n{faults}"))
}

fn tell(text: &str) -> Judged {
    tell_of(&format!("lock: {{name: simulated-watching}}\n{text}"), LOCK)
}

fn tell_of(text: &str, lock: Lock) -> Judged {
    let text = format!("name: story\n{text}");
    let scenario: Scenario = serde_yaml::from_str(&text).unwrap();
    let problems = crate::scenario::validate::scenario(&scenario);
    assert!(problems.is_empty(), "{problems:?}");
    Judged::of(&scenario, 1, lock)
}

#[test]
fn a_neighbour_is_the_same_until_another_seed_is_drawn_from_and_then_another() {
    const STORY: &str = "
site: {wire: {latency: 100us..900us}}
workload: {cycles: {time: 100s, hold: 1s..3s, think: 0s..2s, recover: true}}
faults:
- {when: {at: 60s}, strike: {impair: {node: c1, loss: 0.3}}, for: 20s}
";
    let with = |reseed: &str| tell(&format!("{STORY}{reseed}"));
    let (run, neighbour) = (with(""), with("reseed: {at: 40s, seed: 7}"));
    assert_eq!(neighbour.history, with("reseed: {at: 40s, seed: 7}").history);
    let parted = run.history.iter().zip(&neighbour.history).find(|(one, other)| one != other);
    let (one, other) = parted.unwrap();
    let at = one.at_ns.min(other.at_ns) - run.began();
    assert!((40 * SECOND..50 * SECOND).contains(&at), "{at}");
    assert_ne!(neighbour.history, with("reseed: {at: 40s, seed: 8}").history);
}

impl Judged {
    /// When the workload began (ns).
    fn began(&self) -> u64 {
        let began = self.history.iter().find(|event| event.kind == EventKind::WorkloadBegan);
        began.unwrap().at_ns
    }

    /// When a client was answered, from then to then (seconds since the begin).
    fn answers(&self, of: &str, from: f64, until: f64) -> usize {
        let began = self.began();
        let within = |at: u64| (from..until).contains(&((at - began) as f64 / SECOND as f64));
        let answers = self.history.iter().filter(|event| match &event.kind {
            EventKind::Answered { client, .. } => client == of && within(event.at_ns),
            _ => false,
        });
        answers.count()
    }

    /// What the nemesis did, and to which nodes, to the tenth of a second since the begin.
    fn nemesis(&self) -> String {
        let began = self.began();
        let mut told = String::new();
        for event in self.history.iter().filter(|event| event.at_ns > began) {
            let what = match &event.kind {
                EventKind::FaultStruck { fault, kind, node, .. } => {
                    format!("{kind} {} of {node}", fault.index())
                }
                EventKind::FaultEnded { fault, effect } => {
                    format!("end of {}: {effect}", fault.index())
                }
                EventKind::FaultMissed { fault, why } => format!("{} missed: {why}", fault.index()),
                EventKind::NodeDied { node, .. } => format!("{node} is off"),
                EventKind::NodeBooted { node } => format!("{node} is on"),
                EventKind::AdapterReady { client, .. } => format!("{client} is ready"),
                EventKind::ClockSet { node, offset_ns, drift_ppm } => {
                    let offset = offset_ns / MILLISECOND as i64;
                    format!("clock of {node} at {offset} ms, {drift_ppm} ppm")
                }
                _ => continue,
            };
            let tenths = (event.at_ns - began) / (100 * MILLISECOND);
            writeln!(told, "{}.{} {what}", tenths / 10, tenths % 10).unwrap();
        }
        told
    }

    #[track_caller]
    fn is_fine(&self) -> &Judged {
        assert_eq!(self.report.findings, [], "{}", self.told());
        let whole = self.aftermath.clocks.iter().all(|error| *error == Some(0));
        assert!(whole && self.aftermath.rules == 0, "{:?}", self.aftermath);
        self
    }
}

fn fault(at: &str, strike: &str, lasts: &str) -> String {
    format!("- {{when: {{at: {at}}}, strike: {{{strike}}}, for: {lasts}, may_miss: true}}\n")
}

/// The first rule that did not let a frame pass decided, so that doubled frames crossed the cut.
#[rstest]
#[case::the_impairment_first("1s", "10s")]
#[case::the_cut_first("11s", "10s")]
fn nothing_crosses_a_cut_whatever_else_is_done_to_the_link(
    #[case] impaired: &str,
    #[case] cut: &str,
) {
    let faults = [
        fault(impaired, "impair: {node: c1, duplicate: 0.9}", "80s"),
        fault(cut, "cut: {node: c1}", "30s"),
    ];
    let run = story(&faults.concat());
    run.is_fine();
    assert!(run.answers("c1", 0.0, 10.0) > 0, "{}", run.told());
    assert_eq!(run.answers("c1", 10.001, 40.0), 0, "{}", run.told());
    assert!(run.answers("c2", 10.001, 40.0) > 0 && run.answers("c1", 40.0, 100.0) > 0);
    assert_eq!(run.report.verdict, Verdict::Valid);
}

#[test]
fn the_end_of_one_cut_leaves_the_other() {
    let cuts = [fault("5s", "cut: {node: c1}", "10s"), fault("10s", "cut: {node: c1}", "20s")];
    let run = story(&cuts.concat());
    run.is_fine();
    assert_eq!(run.answers("c1", 5.001, 30.0), 0, "{}", run.told());
    assert!(run.answers("c1", 30.0, 100.0) > 0, "{}", run.told());
}

/// Its command was dropped on the way, and the fault counted as one that had acted.
#[test]
fn a_clock_fault_of_a_node_without_power_acts_when_it_boots_or_is_missed() {
    let faults = [
        fault("5s", "crash: {node: c1}", "20s"),
        fault("8s", "clock: {node: c1, step: 9s}", "10s"),
        fault("9s", "clock: {node: c1, step: -2s}", "30s"),
    ];
    let run = story(&faults.concat());
    insta::assert_snapshot!(run.is_fine().nemesis());
}

/// A node that boots takes its time from the true one: the end of the fault set it 8 s back.
#[test]
fn a_clock_is_right_after_a_fault_in_which_its_node_was_rebooted() {
    let faults = [
        fault("5s", "clock: {node: c1, step: 8s, drift_ppm: 1000}", "60s"),
        fault("10s", "crash: {node: c1}", "10s"),
    ];
    let run = story(&faults.concat());
    insta::assert_snapshot!(run.is_fine().nemesis());
}

#[test]
fn a_node_stays_off_until_the_last_of_two_crashes_has_ended() {
    let faults = [
        fault("5s", "crash: {node: server}", "10s"),
        fault("10s", "crash: {node: server}", "10s"),
        fault("30s", "crash: {node: c1}", "20s"),
        fault("35s", "crash: {node: c1}", "5s"),
    ];
    let run = story(&faults.concat());
    insta::assert_snapshot!(run.is_fine().nemesis());
}

#[test]
fn a_node_that_loses_power_while_it_boots_boots_again() {
    let faults = [
        fault("5s", "crash: {node: c1}", "1s"),
        fault("6.1s", "crash: {node: c1}", "1s"),
        fault("20s", "crash: {node: server}", "1s"),
        fault("21.1s", "crash: {node: server}", "1s"),
    ];
    let run = story(&faults.concat());
    insta::assert_snapshot!(run.is_fine().nemesis());
    assert!(run.answers("c1", 40.0, 100.0) > 0, "{}", run.told());
}

/// Scripts had words of their own for some faults, and none for others.
#[test]
fn a_step_strikes_and_ends_any_fault() {
    let steps = |kind: &str| match kind {
        "cut" => "- cut c1",
        "crash" => "- crash c1",
        "clock" => "- clock: {node: c1, step: 3s, drift_ppm: 100}",
        "impair" => "- impair: {node: c1, loss: 0.2, delay: 1ms..9ms}",
        "pause" => "- pause: {node: c1}",
        "reset" => "- reset: {node: c1, every: 2s}",
        "nfsd" => "- nfsd: {}",
        "disk" => "- disk: {latency: 20ms, flush: 50ms}",
        "kill" => "- kill: {node: c1}",
        "stop" => "- stop: {node: c1}",
        "slow" => "- slow: {node: c1, stands: 200ms}",
        "errno" => "- errno: {node: c1, call: stat, with: EIO}",
        "partition" => "- partition: {between: [c1], and: [server], one_way: true}",
        other => panic!("a fault of a new kind ({other}): expected a step for it here"),
    };
    let mut script = "workload:\n  script:\n".to_owned();
    for kind in Strike::KINDS.iter().filter(|kind| !OF_MESSAGES.contains(kind)) {
        for step in ["- c1: acquire", "- at +2s", steps(kind), "- at +20s"] {
            // Of one that is off, no answer is to be waited for.
            writeln!(script, "  {step}").unwrap();
        }
        let node = if ["disk", "nfsd"].contains(kind) { "server" } else { "c1" };
        writeln!(script, "  - end {kind} {node}\n  - at +60s").unwrap();
        if !ENDS_PROCESSES.contains(kind) {
            writeln!(script, "  - c1: -> ok\n  - c1: release -> ok").unwrap();
        }
    }
    let run = tell(&script);
    assert_eq!(run.report.unmet_steps, [], "{}", run.told());
    insta::assert_snapshot!(run.is_fine().nemesis());
}

fn at_call(rpc: &str, strike: &str) -> Judged {
    story(&format!("  - {{when: {{rpc: {{{rpc}}}}}, strike: {{{strike}}}}}\n"))
}

#[test]
fn a_reply_that_is_lost_for_good_takes_its_connection_with_it_and_the_call_is_sent_again() {
    let run = at_call("op: OPEN, phase: reply, from: c1, nth: 4", "lose: {}");
    let nemesis = run.is_fine().nemesis();
    assert!(
        nemesis.contains("lose 0 of c1") && nemesis.contains("end of 0: 1 frame hit"),
        "{nemesis}"
    );
    assert!(run.answers("c1", 90.0, 100.0) > 0, "{}", run.told());
}

#[test]
fn a_call_that_is_held_arrives_late_and_once() {
    let run = at_call("op: OPEN, from: c2, nth: 3", "hold: {late: 7s}");
    let nemesis = run.is_fine().nemesis();
    assert!(nemesis.contains("hold 0 of c2") && nemesis.contains("end of 0"), "{nemesis}");
    let struck =
        run.history.iter().find(|event| matches!(event.kind, EventKind::FaultStruck { .. }));
    let from = (struck.unwrap().at_ns - run.began()) as f64 / SECOND as f64;
    assert_eq!(run.answers("c2", from + 0.1, from + 6.9), 0, "{}", run.told());
    assert!(run.answers("c2", from + 6.9, 100.0) > 0, "{}", run.told());
}

#[test]
fn a_refused_call_is_an_error_to_its_program_and_not_done() {
    let run = at_call("op: WRITE, path: /lock, from: c1", "refuse: {with: NFS4ERR_IO}");
    let nemesis = run.nemesis();
    assert!(nemesis.contains("end of 0: 2 frames hit"), "{nemesis}");
    assert!(run.told().contains("EIO"), "{}", run.told());
}

#[test]
fn one_that_is_to_come_later_is_made_again() {
    let run = at_call("op: WRITE, path: /lock, from: c1", "refuse: {with: NFS4ERR_DELAY}");
    let nemesis = run.is_fine().nemesis();
    assert!(nemesis.contains("end of 0: 2 frames hit"), "{nemesis}");
}

#[test]
fn a_fault_of_any_kind_can_wait_for_a_call_and_hit_its_caller() {
    let run = at_call("op: OPEN, phase: reply, from: c2", "crash: {node: caller}");
    assert!(run.nemesis().contains("crash 0 of c2"), "{}", run.nemesis());
}

#[test]
fn one_that_waits_in_vain_says_what_came_nearest() {
    let missed = |rpc: &str| {
        let run = at_call(rpc, "lose: {}");
        assert_eq!(run.report.verdict, Verdict::Unknown);
        let nemesis = run.nemesis();
        nemesis.split("missed: ").nth(1).unwrap_or("").trim().to_owned()
    };
    let why = missed("op: OPEN, path: '*.nowhere'");
    assert_eq!(
        why,
        "the workload's time was over before it struck: it waited for the 1st call of OPEN of \
         *.nowhere; one of /counter came"
    );
    let why = missed("op: LAYOUTGET, nth: 2");
    assert!(why.ends_with("the 2nd call of LAYOUTGET, and no LAYOUTGET came"), "{why}");
    let why = missed("op: OPEN, phase: reply, status: NFS4ERR_IO");
    assert!(why.contains("; one with"), "{why}");
}

/// When faults struck, to the tenth of a second since the begin, with what.
fn strikes(run: &Judged) -> Vec<String> {
    let nemesis = run.nemesis();
    nemesis.lines().filter(|line| line.contains(" of c")).map(str::to_owned).collect()
}

#[test]
fn a_fault_can_wait_for_a_call_of_the_lock() {
    let cut = "strike: {cut: {node: caller}}, for: 1s}\n";
    let run =
        story(&format!("  - {{when: {{calls: {{op: release, client: c2, count: 3}}}}, {cut}"));
    let released = run.history.iter().filter(|event| {
        let EventKind::Called { client, operation, .. } = &event.kind else { return false };
        client == "c2" && operation.name() == "release"
    });
    let at = released.map(|event| event.at_ns).nth(2).unwrap();
    let struck = run.history.iter().find(|event| match &event.kind {
        EventKind::FaultStruck { node, .. } => node == "c2",
        _ => false,
    });
    assert_eq!(struck.unwrap().at_ns, at, "{}", run.told());
    run.is_fine();
}

#[test]
fn a_fault_can_wait_for_a_situation() {
    let situation = "situation: {inside: [c3], waiting: [c1, any]}";
    let run = story(&format!(
        "  - {{when: {{{situation}}}, strike: {{cut: {{node: owner}}}}, for: 1s}}\n"
    ));
    assert!(strikes(&run)[0].ends_with("cut 0 of c3"), "{}", run.told());
    run.is_fine();
}

#[test]
fn faults_can_wait_for_each_other() {
    let faults = [
        "  - {when: {ended: {fault: 2, after: 3s}}, strike: {cut: {node: c1}}, for: 1s}\n",
        "  - {when: {struck: {fault: 3, after: 2s}}, strike: {cut: {node: c2}}, for: 5s}\n",
        "  - {when: {at: 10s}, strike: {cut: {node: c3}}, for: 1s}\n",
    ];
    let run = story(&faults.concat());
    assert_eq!(strikes(&run), ["10.0 cut 2 of c3", "12.0 cut 1 of c2", "20.0 cut 0 of c1"]);
    run.is_fine();
}

/// A cut of `node` from 10 s on, and a short cut of c3 at `when`.
fn when(when: &str, first: &str) -> Judged {
    let second = format!("- {{when: {{{when}}}, strike: {{cut: {{node: c3}}}}, for: 1s}}\n");
    story(&format!("{first}{second}"))
}

#[test]
fn a_fault_can_wait_for_a_lease_to_expire() {
    let cut = fault("10s", "cut: {node: c1}", "60s");
    let run = when("state: {is: lease_expired, client: c1}", &cut);
    // It had called just before it was cut off; the lease is 30 s.
    let struck = strikes(&run)[1].clone();
    let at: f64 = struck.split(' ').next().unwrap().parse().unwrap();
    assert!(struck.ends_with("cut 1 of c3") && (35.0..=40.0).contains(&at), "{struck}");
    run.is_fine();
}

#[test]
fn a_fault_can_wait_for_a_node_that_comes_back() {
    let crash = fault("10s", "crash: {node: c1}", "5s");
    let run = when("state: {is: mounted, after: 1s}", &crash);
    insta::assert_snapshot!(run.is_fine().nemesis());
    let crash = fault("10s", "crash: {node: server}", "5s");
    let run = when("state: {is: in_grace, after: 2s}", &crash);
    insta::assert_snapshot!(run.is_fine().nemesis());
}

#[test]
fn a_fault_can_wait_for_a_client_that_reclaims() {
    let crash = fault("10s", "crash: {node: server}", "5s");
    let run = tell_of(
        &format!(
            "lock: {{name: simulated-lease}}\n\
             workload: {{cycles: {{time: 100s, hold: 5s..6s, recover: true}}}}\n\
             faults:\n{crash}- {{when: {{state: {{is: reclaiming}}}}, \
             strike: {{cut: {{node: caller}}}}, for: 1s}}\n"
        ),
        Lock { kind: Kind::Lease, defect: Defect::None },
    );
    let struck = strikes(&run);
    assert!(struck.len() == 1 && struck[0].contains("cut 1 of c"), "{}", run.told());
    run.is_fine();
}

#[test]
fn a_fault_can_wait_for_a_file_to_exist() {
    let run = when("exists: {path: counter, nth: 3, after: 500ms}", "");
    let made =
        run.history.iter().filter(|event| matches!(event.kind, EventKind::CountBegan { .. }));
    let third = made.map(|event| event.at_ns).nth(2).unwrap();
    let struck =
        run.history.iter().find(|event| matches!(event.kind, EventKind::FaultStruck { .. }));
    assert!(struck.unwrap().at_ns > third, "{}", run.told());
    run.is_fine();
}

#[test]
fn a_state_that_never_comes_is_told() {
    let missed = |which: &str| {
        let run = when(which, "");
        assert_eq!(run.report.verdict, Verdict::Unknown);
        let nemesis = run.nemesis();
        nemesis.split("before it struck: ").nth(1).unwrap_or("").trim().to_owned()
    };
    assert_eq!(
        missed("state: {is: recalled, client: c2}"),
        "it waited for the 1st time that c2 is asked for a delegation, and it never came to that"
    );
    assert_eq!(
        missed("state: {is: in_grace}"),
        "it waited for the 1st time that the server is in its grace time, and it never came to that"
    );
    assert_eq!(
        missed("exists: {path: '*.nowhere'}"),
        "it waited for the 1st reply by which *.nowhere exists, and it never came to that"
    );
}

/// When a client entered for the nth time, counted from 1 (ns since the begin).
fn entered(judged: &Judged, of: &str, nth: usize) -> Option<u64> {
    let is_it = |kind: &EventKind| matches!(kind, EventKind::Entered { client } if client == of);
    let mut those = judged.history.iter().filter(|event| is_it(&event.kind));
    those.nth(nth - 1).map(|event| event.at_ns - judged.began())
}

#[test]
fn a_client_that_stands_still_until_another_has_entered_is_back_while_that_is_inside() {
    let told = |until: &str| {
        story(&format!(
            "- {{when: {{entered: {{count: 1, client: c1}}}}, strike: {{pause: {{node: c1}}}}, \
             for: 90s{until}}}\n"
        ))
    };
    let judged = told(", until: {inside: [other], after: 20ms}");
    let began = judged.began();
    let ended = judged.history.iter().find_map(|event| match event.kind {
        EventKind::FaultEnded { .. } => Some(event.at_ns - began),
        _ => None,
    });
    let after = entered(&judged, "c1", 1).unwrap();
    let those = ["c2", "c3"].into_iter().flat_map(|of| (1..9).map(move |nth| (of, nth)));
    let next = those.filter_map(|(of, nth)| entered(&judged, of, nth)).filter(|at| *at > after);
    assert_eq!(ended, next.min().map(|next| next + 20 * MILLISECOND), "{}", judged.nemesis());
    assert!(ended.unwrap() - after < 60 * SECOND);
    // Without it, it lasts as long as it says.
    assert!(told("").nemesis().contains("end of 0"), "{}", told("").nemesis());
}

#[test]
fn a_share_of_the_acquires_ask_once_and_the_others_wait() {
    let judged = tell(
        "workload: {cycles: {time: 60s, impatient: {share: 0.5, timeout: 0s}, recover: true}}",
    );
    let asked = |once: bool| {
        let is_it = |kind: &EventKind| {
            matches!(kind, EventKind::Called { operation: Operation::Acquire { timeout }, .. }
                if timeout.is_some() == once)
        };
        judged.history.iter().filter(|event| is_it(&event.kind)).count()
    };
    assert!(asked(true) > 10 && asked(false) > 10, "{} and {}", asked(true), asked(false));
    judged.is_fine();
}
