//! However a run ends, nothing of it is left running.

use crate::common::{Permit, eventually, lockstorm, permit, processes, size};
use lockstorm::assets::Assets;
use lockstorm::history::{Event, EventKind, Observer, reader};
use lockstorm::plan::Plan;
use lockstorm::run::execute;
use lockstorm::site::Resources;
use lockstorm::site::launch::{Launch, Program, Programs};
use lockstorm::source::Source;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// So long in virtual time that no run here ends by itself.
const LONG: &str = "workload.cycles.time=24h";
const SHORT: [&str; 2] = ["--set", "workload.cycles.time=10s"];

/// How far a run has come.
enum Phase {
    /// Some kernels run.
    Boot,
    /// Critical sections are entered and left.
    Workload,
}

/// A harness that runs, and is killed with the test.
struct Started {
    child: Child,
    home: TempDir,
    _permit: Permit,
}

impl Started {
    fn new(phase: Phase) -> Started {
        let permit = permit();
        let home = tempfile::tempdir().unwrap();
        let child = lockstorm(home.path(), &["scenario", "calm", "--out", "run", "--set", LONG])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Started { child, home, _permit: permit };
        eventually("the run goes on", || match phase {
            Phase::Boot => !started.kernels().is_empty(),
            Phase::Workload => size(&started.home.path().join("run/wire.pcapng")) > 1 << 20,
        });
        started
    }

    fn kernels(&self) -> Vec<u32> {
        processes::of_harness(self.child.id())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for its end: the exit code, and what it said on standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut pipe, &mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It has ended already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[rstest]
#[case::ctrl_c_during_boot(Signal::SIGINT, Phase::Boot)]
#[case::ctrl_c_during_the_workload(Signal::SIGINT, Phase::Workload)]
#[case::sigterm_during_the_workload(Signal::SIGTERM, Phase::Workload)]
fn a_signal_ends_the_run_and_its_kernels_and_keeps_what_was_recorded(
    #[case] signal: Signal,
    #[case] phase: Phase,
) {
    let worked = matches!(phase, Phase::Workload);
    let mut run = Started::new(phase);
    run.signal(signal);
    let (code, stderr) = run.end();
    assert_eq!(code, Some(130), "{stderr}");
    let last = "error: interrupted; what was recorded so far has been kept\n";
    assert!(stderr.ends_with(last), "{stderr}");
    // The kernels end before the harness does.
    processes::assert_none_of_harness(run.child.id());
    assert!(processes::directories_of_harness(run.child.id()).is_empty());
    let history = reader::read(&run.home.path().join("run/history.jsonl")).unwrap().events;
    assert!(!worked || crate::common::entered(&history) > 0);
}

#[rstest]
#[case::during_boot(Phase::Boot)]
#[case::during_the_workload(Phase::Workload)]
fn a_kill_of_the_harness_ends_its_kernels_and_the_next_run_sweeps_up(#[case] phase: Phase) {
    let mut run = Started::new(phase);
    let harness = run.child.id();
    run.signal(Signal::SIGKILL);
    run.end();
    eventually("the kernels end", || processes::of_harness(harness).is_empty());

    let mut next = vec!["scenario", "calm", "--out", "next"];
    next.extend(SHORT);
    let next = lockstorm(run.home.path(), &next).stdout(Stdio::null()).status().unwrap();
    assert_eq!(next.code(), Some(0));
    assert!(processes::directories_of_harness(harness).is_empty(), "the next run sweeps up");
}

/// An error in the harness, at its worst: in the middle of a critical section.
struct PanicsInside;

impl Observer for PanicsInside {
    fn event(&mut self, event: &Event) {
        assert!(!matches!(event.kind, EventKind::Entered { .. }), "a panic on purpose");
    }

    fn tick(&mut self, _now_ns: u64) {}
}

#[test]
fn a_panic_of_the_harness_ends_its_kernels() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let text = lockstorm(home.path(), &["plan", "calm"]).output().unwrap().stdout;
    let file = home.path().join("plan.yaml");
    fs::write(&file, text).unwrap();
    let plan = Plan::from_source(Source::read(&file).unwrap()).unwrap();
    let assets = Assets::locate().unwrap();
    let kernels = Programs::all(Program::open(&assets.kernel).unwrap());
    let artefacts = home.path().to_owned();
    let outcome = std::thread::spawn(move || {
        let resources = Resources {
            kernels: &kernels,
            launch: Launch::Local,
            image: &assets.image,
            supplement: None,
            artefacts: &artefacts,
            patience: Duration::from_secs(60),
            interrupted: &|| false,
        };
        execute(&plan, resources, vec![Box::new(PanicsInside)])
            .map(drop)
            .map_err(|error| error.to_string())
    });
    assert!(outcome.join().is_err(), "the observer panics");
    let harness = std::process::id();
    processes::assert_none_of_harness(harness);
    assert!(processes::directories_of_harness(harness).is_empty());
}
