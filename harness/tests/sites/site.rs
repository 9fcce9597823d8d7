//! The site does what its blueprint and the faults say: as many clients as wanted, clocks, power.

use crate::common::{Ended, is_kept, permit, scenario, scenario_beside_others, tshark};
use lockstorm::history::{Event, EventKind};
use lockstorm_reports::Invariant;
use rstest::rstest;
use std::fs;

const SHORT: [&str; 2] = ["--set", "workload.cycles.time=20s"];

fn story(text: &str) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("story.yaml");
    fs::write(&path, text).unwrap();
    scenario(path.to_str().unwrap(), &[])
}

#[rstest]
fn any_number_of_clients_mount_and_take_turns(#[values(1, 2, 16)] clients: usize) {
    let wish = format!("site.clients={clients}");
    let run = scenario("calm", &["--set", &wish, SHORT[0], SHORT[1]]);
    assert_eq!(run.code, 0, "{}", run.said());
    let per_client = run.report().statistics.clients;
    assert_eq!(per_client.len(), clients);
    assert!(per_client.iter().all(|client| client.critical_sections > 0), "{}", run.said());
}

#[test]
fn two_runs_at_once_do_not_touch_each_other() {
    let _permits = (permit(), permit());
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| scenario_beside_others("calm", &SHORT));
        let two = scope.spawn(|| scenario_beside_others("calm", &SHORT));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!((one.code, two.code), (0, 0), "{}{}", one.said(), two.said());
    let hash = |run: &Ended| run.report().provenance.history_sha256;
    assert_eq!(hash(&one), hash(&two));
}

const CLOCKS: &str = "\
lock: {name: flufl.lock, lifetime: 15s}
workload:
  cycles: {time: 60s}
faults:
  - {when: {at: 10s}, strike: {clock: {node: c2, step: 7s}}, for: 20s}
  - {when: {at: 10s}, strike: {clock: {node: c3, drift_ppm: 100000}}}
";

/// flufl.lock sends the end of its lifetime to the server as a time of its own clock, in whole
/// seconds. So the wire shows what each node's clock said and when: (seconds since the workload
/// began, seconds ahead).
fn clock_on_the_wire(run: &Ended, address: &str) -> Vec<(f64, f64)> {
    let filter = format!("nfs.opcode == 34 && rpc.msgtyp == 0 && ip.src == {address}");
    let fields = ["frame.time_epoch", "nfs.nfstime4.seconds"];
    let frames = tshark::frames(&run.directory.join("wire.pcapng"), &filter, &fields);
    let wall_start = 1_767_225_600.0; // 2026-01-01, where all clocks begin
    let began = seconds_of(&run.history(), |kind| matches!(kind, EventKind::WorkloadBegan));
    let said = frames.iter().map(|frame| {
        let sent: f64 = frame[0].parse().unwrap();
        let told: f64 = frame[1].split(',').next_back().unwrap().parse().unwrap();
        (sent - wall_start - began, told - 15.0 - sent)
    });
    said.collect()
}

fn seconds_of(history: &[Event], is_it: impl Fn(&EventKind) -> bool) -> f64 {
    let event = history.iter().find(|event| is_it(&event.kind)).expect("it happened");
    event.at_ns as f64 / 1e9
}

/// All readings between two times are `ahead`, but for the fraction that whole seconds cut off.
fn assert_ahead(clock: &[(f64, f64)], from: f64, until: f64, ahead: impl Fn(f64) -> f64) {
    let readings: Vec<_> = clock.iter().filter(|(at, _)| (from..until).contains(at)).collect();
    assert!(readings.len() > 5, "too few readings from {from} s to {until} s: {readings:?}");
    for &&(at, seen) in &readings {
        let wanted = ahead(at);
        assert!((wanted - 1.1..wanted + 0.1).contains(&seen), "at {at} s: {seen}, not {wanted}");
    }
}

#[test]
fn a_nodes_clock_steps_and_drifts_as_the_faults_say_and_is_set_right_again() {
    let run = story(CLOCKS);
    let right = |_| 0.0;
    let c1 = clock_on_the_wire(&run, "10.0.0.2");
    assert_ahead(&c1, 0.0, 60.0, right);
    let c2 = clock_on_the_wire(&run, "10.0.0.3");
    assert_ahead(&c2, 0.0, 10.0, right);
    assert_ahead(&c2, 10.5, 29.5, |_| 7.0);
    assert_ahead(&c2, 30.5, 60.0, right);
    let c3 = clock_on_the_wire(&run, "10.0.0.4");
    assert_ahead(&c3, 0.0, 10.0, right);
    assert_ahead(&c3, 10.5, 60.0, |at| (at - 10.0) * 0.1);
}

/// What the server had flushed, and so what it had promised to its clients, is there again, and
/// what it had not is no harm, whichever part of it is lost.
#[rstest]
fn after_a_power_cut_the_servers_disk_is_whole_and_no_count_is_lost(
    #[values("0", "0.5", "1")] keep: &str,
    #[values("1", "2")] seed: &str,
) {
    let keep = format!("faults[0].strike.crash.keep={keep}");
    let run = scenario("server-restart", &["--set", &keep, "--seed", seed]);
    assert_eq!(run.code, 0, "{}", run.said());
    assert!(is_kept(&run.report(), Invariant::NoLostUpdate), "{}", run.said());
    let history = run.history();
    let counted = history.iter().filter(|event| matches!(event.kind, EventKind::Counted { .. }));
    let value = history.iter().find_map(|event| match event.kind {
        EventKind::CounterRead { value } => Some(value),
        _ => None,
    });
    assert_eq!(value, Some(counted.count() as u64));
    let cut = history.iter().any(|event| match &event.kind {
        EventKind::FaultEnded { effect, .. } => effect.contains("power lost"),
        _ => false,
    });
    assert!(cut, "{}", run.said());
    let console = run.console("server");
    assert!(!console.contains("EXT4-fs error"), "{console}");
}

const RESTART: &str = "\
site: {clients: 2}
lock: {name: flufl.lock, lifetime: 15s}
workload:
  script:
    - c1: acquire -> ok
    - crash c1
    - c2: acquire timeout 2s -> timeout
    - restart c1
    - c1: release -> not held
    - c1: acquire -> ok within 40s
    - c2: acquire timeout 2s -> timeout
    - c1: release -> ok
    - c2: acquire -> ok
";

#[test]
fn a_client_that_is_switched_on_again_mounts_and_its_adapter_takes_requests() {
    let run = story(RESTART);
    assert_eq!(run.code, 0, "{}", run.said());
    let history = run.history();
    let ready = history.iter().filter(|event| match &event.kind {
        EventKind::AdapterReady { client, .. } => client == "c1",
        _ => false,
    });
    assert_eq!(ready.count(), 2);
}
