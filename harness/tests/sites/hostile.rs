//! Kernels that are hostile, or broken. Whatever one sends and leaves out, the run ends as unknown,
//! with a message that names the node, and the harness neither hangs nor ends itself.

use crate::common::{lockstorm, permit};
use lockstorm::assets::Assets;
use lockstorm::history::{EventKind, reader};
use lockstorm::plan::Plan;
use lockstorm::run::execute;
use lockstorm::site::blueprint::{
    Blueprint, DiskBlueprint, MountBlueprint, NodeBlueprint, Role, ServerBlueprint, WireBlueprint,
};
use lockstorm::site::clock::Clock;
use lockstorm::site::launch::{Launch, Program, Programs};
use lockstorm::site::{Happening, KernelSite, NodeId, Resources, Site, SiteError};
use lockstorm::source::Source;
use lockstorm::units::Nanos;
use lockstorm_agent::Message;
use rstest::rstest;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// As long as a test may take: whoever waits for it has failed.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(1);
/// The only one.
const NODE: NodeId = NodeId::at(0);

/// A kernel that misbehaves, and a directory for a site of it.
struct Hostile {
    home: TempDir,
    kernels: Programs,
}

impl Hostile {
    fn new(how: &str) -> Hostile {
        let home = tempfile::tempdir().unwrap();
        let linux = home.path().join("linux");
        fs::write(&linux, include_str!("hostile/kernel.py")).unwrap();
        fs::set_permissions(&linux, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(home.path().join("image"), [0; 512]).unwrap();
        let told = format!("told={}", home.path().join("told").display());
        let arguments = vec![format!("how={how}"), told];
        // It draws no random numbers that anybody had to seed.
        let program = Program { linux, preload: "".into(), arguments };
        Hostile { home, kernels: Programs::all(program) }
    }

    fn has_misbehaved(&self) -> bool {
        self.home.path().join("told").exists()
    }

    fn resources<'a>(
        &'a self,
        image: &'a Path,
        patience: Duration,
        interrupted: &'a dyn Fn() -> bool,
    ) -> Resources<'a> {
        Resources {
            kernels: &self.kernels,
            launch: Launch::Local,
            image,
            supplement: None,
            artefacts: self.home.path(),
            patience,
            interrupted,
        }
    }

    /// Switches its node on, and answers what comes of it first.
    fn run(
        &self,
        clock: Clock,
        patience: Duration,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Happening, SiteError> {
        let (blueprint, image) = (blueprint(clock), self.home.path().join("image"));
        let mut site = KernelSite::new(&blueprint, self.resources(&image, patience, interrupted))?;
        site.power_on(NODE)?;
        site.advance()
    }
}

/// A site of one node.
fn blueprint(clock: Clock) -> Blueprint {
    let latency = Nanos(100_000);
    Blueprint {
        clock,
        wall_start_s: 0,
        wire: WireBlueprint::even(latency, 1),
        disk: DiskBlueprint { size_mib: 1, latency, flush: latency },
        server: ServerBlueprint::new(30, 30, 1),
        mount: MountBlueprint::plain("4.2"),
        nodes: vec![NodeBlueprint {
            name: "c1".into(),
            role: Role::Client,
            mac: "02:00:00:00:00:01".into(),
            ip: [10, 0, 0, 1].into(),
            seed: 1,
            memory_mib: 64,
            power_on: Nanos::ZERO,
            settings: Default::default(),
            pids_used: 0,
        }],
    }
}

fn assert_stuck(came: Result<Happening, SiteError>) {
    match came {
        Err(SiteError::Stuck { node, .. }) => assert_eq!(node, "c1"),
        other => panic!("{other:?}"),
    }
}

#[rstest]
fn a_kernel_that_leaves_out_the_rest_is_stuck(
    #[values(
        "never starts",
        "half a START",
        "half a WAIT",
        "later half a WAIT",
        "half a header",
        "half a payload"
    )]
    how: &str,
) {
    assert_stuck(Hostile::new(how).run(Clock::Virtual, SHORT, &|| false));
}

#[rstest]
fn on_the_real_clock_it_is_stuck_too(#[values("half a header", "half a payload")] how: &str) {
    assert_stuck(Hostile::new(how).run(Clock::Real, SHORT, &|| false));
}

#[rstest]
fn a_kernel_that_talks_without_end_is_stuck(
    #[values("asks without end", "a byte now and then")] how: &str,
) {
    assert_stuck(Hostile::new(how).run(Clock::Virtual, SHORT, &|| false));
}

/// However long a kernel may take.
#[rstest]
fn ctrl_c_is_heard_in_the_middle_of_a_message(
    #[values("never starts", "half a START", "later half a WAIT", "half a payload")] how: &str,
) {
    let hostile = Hostile::new(how);
    let came = hostile.run(Clock::Virtual, LONG, &|| hostile.has_misbehaved());
    assert!(matches!(came, Err(SiteError::Interrupted)), "{came:?}");
}

#[rstest]
#[case("begins with WAIT", "it began with operation 3 of the clock")]
#[case("nonsense", "payload too long")]
#[case("later nonsense", "payload too long")]
#[case("reads no answers", "does not read the answers")]
#[case("memory cut short", "it has cut its memory short")]
#[case("leaves", "the kernel left its devices or its clock, and went on")]
fn a_kernel_that_makes_no_sense_loses_its_power(#[case] how: &str, #[case] words: &str) {
    let came = Hostile::new(how).run(Clock::Virtual, LONG, &|| false);
    match came {
        Ok(Happening::Died { node: NODE, cause }) => assert!(cause.contains(words), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_kernel_that_sleeps_past_the_end_of_time_just_sleeps() {
    let came = Hostile::new("sleeps past the end of time").run(Clock::Virtual, LONG, &|| false);
    assert!(matches!(came, Ok(Happening::Idle)), "{came:?}");
}

#[test]
fn an_agent_says_hello_once() {
    let hostile = Hostile::new("says hello twice");
    let (blueprint, image) = (blueprint(Clock::Virtual), hostile.home.path().join("image"));
    let mut site = KernelSite::new(&blueprint, hostile.resources(&image, LONG, &|| false)).unwrap();
    site.power_on(NODE).unwrap();
    let hello = Happening::Message { node: NODE, message: Message::Hello };
    assert_eq!(site.advance().unwrap(), hello);
    match site.advance().unwrap() {
        Happening::Garbled { node: NODE, cause } => assert!(cause.contains("hello"), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case("begins with WAIT", "server: its kernel misused a device: it began with operation 3")]
#[case("nonsense", "server: its kernel misused a device: malformed vhost-user message")]
#[case("half a START", "server has been running for 1 s")]
fn the_run_is_unknown_and_its_history_whole(#[case] how: &str, #[case] words: &str) {
    let _permit = permit();
    let hostile = Hostile::new(how);
    let text = lockstorm(hostile.home.path(), &["plan", "calm"]).output().unwrap().stdout;
    let plan = Plan::from_source(Source::from_bytes("plan.yaml", text).unwrap()).unwrap();
    let image = Assets::locate().unwrap().image;
    let resources = hostile.resources(&image, SHORT, &|| false);
    execute(&plan, resources, Vec::new()).expect("it is no fault of the host");
    let history = reader::read(&hostile.home.path().join("history.jsonl")).unwrap().events;
    match &history.last().unwrap().kind {
        EventKind::WorkloadEnded { completed: false, why } => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    }
}
