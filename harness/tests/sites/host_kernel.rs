//! Clients on the host's own kernel. Where that has no NFS, everything is seen but the mount.

use crate::common::{lockstorm, permit};
use lockstorm::assets::Assets;
use lockstorm::cli::host::expect_nfs;
use lockstorm::lock::catalogue::Catalogue;
use lockstorm::plan::{Parts, expand};
use lockstorm::scenario::load::load_source;
use lockstorm::scenario::overrides::Overrides;
use lockstorm::site::blueprint::Blueprint;
use lockstorm::site::launch::{Launch, Program, Programs};
use lockstorm::site::{ClientId, Happening, KernelSite, NodeId, Resources, Site};
use lockstorm::source::Source;
use lockstorm_agent::{Command, Message, Outcome};
use std::collections::BTreeMap;
use std::time::Duration;

const STORY: &str = "\
site: {clock: real, clients: 2}
lock: {name: fcntl}
workload: {script: ['c1: acquire -> ok']}
";

fn blueprint(assets: &Assets) -> Blueprint {
    let source = Source::from_bytes("story.yaml", STORY.into()).unwrap();
    let mut loaded = load_source(source, &Overrides::default()).unwrap();
    let catalogue = Catalogue::open(assets.locks.clone()).unwrap();
    let profile = catalogue.load("fcntl").unwrap().unwrap();
    loaded.complete(&profile).unwrap();
    expand(&loaded.scenario, 1, (&profile).into(), Parts::ours(Default::default())).blueprint
}

/// The next message of a node.
fn message(site: &mut KernelSite, from: NodeId) -> Message {
    for _ in 0..10_000 {
        match site.advance().unwrap() {
            Happening::Message { node, message } if node == from => return message,
            Happening::Died { node, cause } => panic!("node {node} ended: {cause}"),
            Happening::Garbled { node, cause } => panic!("node {node} is garbled: {cause}"),
            _ => {}
        }
    }
    panic!("node {from} says nothing");
}

/// Has a node do something, and tells how that ended.
fn outcome(site: &mut KernelSite, node: NodeId, command: Command) -> Outcome {
    let number = site.send(node, command);
    loop {
        match message(site, node) {
            Message::Done { id, outcome } if id == number => return outcome,
            _ => {}
        }
    }
}

fn configure(site: &mut KernelSite, node: NodeId) {
    site.power_on(node).unwrap();
    assert_eq!(message(site, node), Message::Hello);
    let blueprint = site.blueprint().node(node);
    let (hostname, address) = (blueprint.name.clone(), format!("{}/24", blueprint.ip));
    let (identity, nsm) = (None, None);
    let configure = Command::Configure { hostname, address, pids_used: 1, identity, nsm };
    assert_eq!(outcome(site, node, configure), Outcome::Ok);
}

/// What a program on a node says until it ends.
fn said(site: &mut KernelSite, node: NodeId, script: &str) -> String {
    let argv = ["bash", "-c", script].map(str::to_owned).to_vec();
    let dir = "/".to_owned();
    let (env, watched) = (BTreeMap::new(), Vec::new());
    let start = Command::StartAdapter { holder: 0, dir, argv, env, watched, pid_namespace: false };
    site.send(node, start);
    let mut lines = Vec::new();
    loop {
        match message(site, node) {
            Message::AdapterLine { line, .. } => lines.push(line),
            Message::AdapterEnded { .. } => return lines.join("\n"),
            Message::Done { .. } | Message::Hello | Message::CallFailed { .. } => {}
        }
    }
}

#[test]
fn clients_on_the_hosts_kernel_reach_the_server_over_the_harness_wire() {
    let _permit = permit();
    let assets = Assets::locate().unwrap();
    let blueprint = blueprint(&assets);
    let server = Program::open(&assets.kernel).unwrap();
    let artefacts = tempfile::tempdir().unwrap();
    let resources = Resources {
        kernels: &Programs { server, clients: None },
        launch: Launch::Containers,
        image: &assets.image,
        supplement: None,
        artefacts: artefacts.path(),
        patience: Duration::from_secs(60),
        interrupted: &|| false,
    };
    let mut site = KernelSite::new(&blueprint, resources).unwrap();
    configure(&mut site, NodeId::SERVER);
    let serve = Command::Serve {
        lease_s: 15,
        grace_s: 15,
        threads: 4,
        no_delegations: false,
        is_async: false,
        implementation: Default::default(),
        nfs3: false,
    };
    assert_eq!(outcome(&mut site, NodeId::SERVER, serve), Outcome::Ok);
    let host = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    for client in ClientId::all(2) {
        let node = client.node();
        configure(&mut site, node);
        assert_eq!(said(&mut site, node, "uname -r"), host.trim());
        assert_eq!(said(&mut site, node, "hostname"), client.to_string());
        let connects = "exec 3<>/dev/tcp/10.0.0.1/2049 && echo connected";
        assert_eq!(said(&mut site, node, connects), "connected");
        let address = said(&mut site, node, "cat /sys/class/net/eth0/address");
        assert_eq!(address, blueprint.node(node).mac);
    }
    assert!(site.statistics().frames >= 8, "{:?}", site.statistics());
    let options = "vers=4.2,sec=sys,addr=10.0.0.1,clientaddr=10.0.0.2".to_owned();
    let mounted = outcome(
        &mut site,
        NodeId::at(1),
        Command::Mount { options, parameters: Default::default() },
    );
    match expect_nfs() {
        Ok(()) => assert!(matches!(mounted, Outcome::Mounted { .. }), "{mounted:?}"),
        Err(_) => match mounted {
            Outcome::Failed { errno, .. } => assert_eq!(errno.as_deref(), Some("ENODEV")),
            other => panic!("mounted without NFS: {other:?}"),
        },
    }
    // The clients part from it while the server is there.
    let before = site.statistics().frames;
    site.finish().unwrap();
    if expect_nfs().is_ok() {
        assert!(site.statistics().frames > before, "nobody unmounted");
    }
}

#[test]
fn a_story_on_the_hosts_kernel_is_told_or_refused_with_the_reason() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    let asked = ["--kernel", "host", "--clock", "real", "--launch", "containers"];
    let arguments =
        [&["scenario", "calm", "--set", "workload.cycles.time=10s"][..], &asked].concat();
    let output = lockstorm(home.path(), &arguments).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8(output.stderr).unwrap();
    match expect_nfs() {
        Ok(()) => assert_eq!(output.status.code(), Some(0), "{told}{complained}"),
        Err(_) => {
            assert_eq!(output.status.code(), Some(11), "{complained}");
            assert!(complained.contains("has no NFS client"), "{complained}");
            assert!(!home.path().join("lockstorm-runs").exists(), "something was started");
        }
    }
}

#[test]
fn what_the_hosts_kernel_cannot_do_is_refused_before_anything_starts() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, reason) in [
        (&["calm"][..], "add `--clock real`"),
        (&["crash", "--clock", "real"], "in faults[0] owner loses power"),
        (&["clock-skew", "--clock", "real"], "the clock of a client on the host's kernel"),
        (&["calm", "--clock", "real"], "add `--launch containers`"),
    ] {
        let arguments = [&["scenario"][..], arguments, &["--kernel", "host"]].concat();
        let output = lockstorm(home.path(), &arguments).output().unwrap();
        let complained = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(10), "{complained}");
        assert!(complained.contains(reason), "{complained}");
    }
}
