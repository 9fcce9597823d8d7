//! The crew: brings nodes from power-on to readiness, at the begin of a run and after a restart.

use super::RunError;
use super::stage::{ClientId, Cue, Stage};
use crate::history::What;
use crate::plan::Plan;
use crate::site::NodeId;
use crate::units::SECOND;
use lockstorm_agent::{Command, MOUNT_POINT, Outcome};
use std::collections::BTreeMap;
use std::fmt;

/// All nodes are ready this long after power-on, or never (virtual ns).
pub const READY_WITHIN: u64 = 300 * SECOND;
/// Where the image has the locks' adapters.
const LOCKS: &str = "/usr/lib/lockstorm/locks";
/// The lock's name on the mount.
const LOCK: &str = "lock";

/// A command that an agent has been given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    Configure,
    Serve,
    Mount,
    StartAdapter,
    Count(ClientId),
    ReadCounter,
    SetClock { step_ns: i64, drift_ppm: i64, fault: usize },
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Task::Configure => "configuring the machine",
            Task::Serve => "starting the NFS server",
            Task::Mount => "mounting the export",
            Task::StartAdapter => "starting the adapter",
            Task::Count(_) => "counting",
            Task::ReadCounter => "reading the counter",
            Task::SetClock { .. } => "setting the clock",
        })
    }
}

/// How far a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    /// No power, or it boots.
    Absent,
    Configured,
    /// The server serves; the client has mounted.
    Ready,
}

pub struct Crew {
    progress: Vec<Progress>,
}

impl Crew {
    pub fn new(nodes: usize) -> Crew {
        Crew { progress: vec![Progress::Absent; nodes] }
    }

    pub fn forget(&mut self, node: NodeId) {
        self.progress[node] = Progress::Absent;
    }

    pub fn serves(&self) -> bool {
        self.progress[0] == Progress::Ready
    }

    /// The nodes that are not ready, in words.
    pub fn unready(&self, plan: &Plan) -> String {
        let nodes = plan.blueprint.nodes.iter().zip(&self.progress);
        let waiting = nodes.map(|(node, progress)| {
            let state = match progress {
                Progress::Absent => "does not boot",
                Progress::Configured => "does not come to serve or mount",
                Progress::Ready => "has no adapter that is ready",
            };
            format!("{} {state}", node.name)
        });
        waiting.collect::<Vec<_>>().join(", ")
    }
}

impl Stage<'_> {
    /// The node's agent is there.
    pub(super) fn configure(&mut self, node: NodeId) {
        let blueprint = &self.plan().blueprint.nodes[node];
        let (hostname, address) = (blueprint.name.clone(), format!("{}/24", blueprint.ip));
        self.command(node, Command::Configure { hostname, address }, Task::Configure);
    }

    /// A step of a node's way has been done; the next one.
    pub(super) fn go_on(
        &mut self,
        node: NodeId,
        task: Task,
        outcome: Outcome,
    ) -> Result<(), RunError> {
        match (task, outcome) {
            (Task::Configure, _) => {
                self.crew().progress[node] = Progress::Configured;
                match node {
                    0 => self.serve(),
                    _ if self.crew().serves() || self.began() > 0 => self.mount(node),
                    _ => {}
                }
                Ok(())
            }
            (Task::Serve, _) => self.server_ready(),
            (Task::Mount, Outcome::Mounted { options }) => {
                self.crew().progress[node] = Progress::Ready;
                let name = self.node_name(node).to_owned();
                self.record(What::NodeReady { node: name, options })?;
                self.start_adapter(node);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn serve(&mut self) {
        let server = &self.plan().blueprint.server;
        let (lease_s, grace_s, threads) = (server.lease_s, server.grace_s, server.threads);
        self.command(0, Command::Serve { lease_s, grace_s, threads }, Task::Serve);
    }

    fn server_ready(&mut self) -> Result<(), RunError> {
        let server = &self.plan().blueprint.server;
        let options = format!(
            "lease={}s,grace={}s,threads={}",
            server.lease_s, server.grace_s, server.threads
        );
        self.crew().progress[0] = Progress::Ready;
        self.record(What::NodeReady { node: self.node_name(0).to_owned(), options })?;
        for node in 1..=self.clients.len() {
            if self.crew().progress[node] == Progress::Configured && self.began() == 0 {
                self.mount(node);
            }
        }
        self.cue(Cue::ServerReady);
        Ok(())
    }

    pub(super) fn mount(&mut self, node: NodeId) {
        if !self.site().has_power(node) {
            return;
        }
        let blueprint = &self.plan().blueprint;
        let mount = &blueprint.mount;
        let mut options = vec![
            format!("vers={}", mount.version),
            "sec=sys".into(),
            format!("addr={}", blueprint.nodes[0].ip),
            format!("clientaddr={}", blueprint.nodes[node].ip),
        ];
        options.extend(mount.options.iter().cloned());
        self.command(node, Command::Mount { options: options.join(",") }, Task::Mount);
    }

    fn start_adapter(&mut self, node: NodeId) {
        let plan = self.plan();
        let mut env =
            BTreeMap::from([("LOCKSTORM_PATH".to_owned(), format!("{MOUNT_POINT}/{LOCK}"))]);
        if let Some(lifetime) = plan.lifetime() {
            env.insert("LOCKSTORM_LIFETIME".into(), lifetime.as_secs_f64().to_string());
        }
        if !plan.scenario.lock.options.is_empty() {
            let options =
                serde_json::to_string(&plan.scenario.lock.options).expect("options are JSON");
            env.insert("LOCKSTORM_OPTIONS".into(), options);
        }
        let dir = format!("{LOCKS}/{}", plan.profile.name);
        self.command(
            node,
            Command::StartAdapter { dir, argv: plan.profile.start.clone(), env },
            Task::StartAdapter,
        );
    }
}
