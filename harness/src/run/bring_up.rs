//! Bringing up: from power-on to readiness, at the begin of a run and after a restart.

use super::RunError;
use super::event::Event;
use super::interpreter::Interpreter;
use super::prober;
use super::readiness::Progress;
use super::task::Task;
use crate::history::EventKind;
use crate::lock::start::{Settings, Start, start};
use crate::site::blueprint::NodeBlueprint;
use crate::site::{ClientId, NodeId};
use lockstorm_agent::{Command, MOUNT_POINT, Nsm, Outcome};
use std::collections::BTreeSet;

/// The lock's name on the mount.
const LOCK: &str = "lock";

impl Interpreter<'_> {
    /// The node's agent is there.
    pub(super) fn configure(&mut self, node: NodeId) {
        let blueprint = self.plan().blueprint.node(node);
        let own = &blueprint.name;
        let host_name = self.renamed.get(&node).or(blueprint.settings.host_name.as_ref());
        let command = Command::Configure {
            hostname: host_name.unwrap_or(own).clone(),
            address: format!("{}/24", self.address(node)),
            pids_used: blueprint.pids_used,
            identity: host_name.is_some().then(|| own.clone()),
            nsm: self.plan().blueprint.mount.is_nfs3().then(|| self.nsm(node)),
        };
        self.command(node, command, Task::Configure);
    }

    /// What the machines of a site of NFSv3 need to know of each other.
    fn nsm(&self, node: NodeId) -> Nsm {
        let nodes = &self.plan().blueprint.nodes;
        let address = |(index, known): (usize, &NodeBlueprint)| {
            (known.name.clone(), self.address(NodeId::at(index)).to_string())
        };
        let hosts = nodes.iter().enumerate().map(address).collect();
        let statd = !nodes[node.index()].settings.no_statd;
        Nsm { hosts, statd, restarts: self.restarts[node.index()] }
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
                self.readiness.advance(node, Progress::Configured);
                self.events.push_back(Event::Configured(node));
                match node {
                    NodeId::SERVER if self.is_to_serve => self.serve(),
                    NodeId::SERVER => {}
                    _ if self.readiness.serves() || self.has_begun() => self.mount(node),
                    _ => {}
                }
                Ok(())
            }
            (Task::Serve, _) => self.server_ready(),
            (Task::StopServing, _) => self.service_stopped(),
            (Task::Mount, Outcome::Mounted { options }) => {
                self.readiness.advance(node, Progress::Ready);
                let name = self.node_name(node).to_owned();
                self.record(EventKind::NodeReady { node: name, options })?;
                match self.plan().lock_image {
                    Some(_) => self.command(node, Command::MountSupplement, Task::MountSupplement),
                    None => self.start_adapter(node),
                }
                Ok(())
            }
            (Task::MountSupplement, _) => {
                self.start_adapter(node);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn serve(&mut self) {
        let server = &self.plan().blueprint.server;
        let command = Command::Serve {
            lease_s: server.lease_s,
            grace_s: server.grace_s,
            threads: server.threads,
            no_delegations: !server.delegations,
            is_async: server.is_async,
            implementation: server.implementation.of_agent(),
            nfs3: self.plan().blueprint.mount.is_nfs3(),
        };
        self.readiness.advance(NodeId::SERVER, Progress::Changing);
        self.command(NodeId::SERVER, command, Task::Serve);
    }

    fn server_ready(&mut self) -> Result<(), RunError> {
        let server = &self.plan().blueprint.server;
        let options = format!(
            "lease={}s,grace={}s,threads={}{}{}{}",
            server.lease_s,
            server.grace_s,
            server.threads,
            if server.delegations { "" } else { ",leases-enable=0" },
            if server.is_async { ",async" } else { "" },
            if server.implementation.is_default() { "" } else { ",ganesha" },
        );
        self.readiness.advance(NodeId::SERVER, Progress::Ready);
        self.record(EventKind::NodeReady {
            node: self.node_name(NodeId::SERVER).to_owned(),
            options,
        })?;
        for node in ClientId::all(self.clients().len()).map(ClientId::node) {
            if self.readiness.progress(node) == Progress::Configured && !self.has_begun() {
                self.mount(node);
            }
        }
        self.events.push_back(Event::ServerReady);
        if !self.is_to_serve {
            self.keep_service(false);
        }
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
            format!("addr={}", blueprint.node(NodeId::SERVER).ip),
        ];
        match mount.is_nfs3() {
            true => options.extend(["proto=tcp".into(), "mountproto=tcp".into()]),
            false => options.push(format!("clientaddr={}", self.address(node))),
        }
        options.extend(mount.options.iter().cloned());
        let (options, parameters) = (options.join(","), mount.parameters.clone());
        self.command(node, Command::Mount { options, parameters }, Task::Mount);
    }

    pub(super) fn start_adapter(&mut self, node: NodeId) {
        let plan = self.plan();
        let Start { dir, argv, mut env } = start(
            &plan.profile,
            &Settings {
                path: &format!("{MOUNT_POINT}/{LOCK}"),
                lifetime: plan.lifetime(),
                options: &plan.scenario.lock.options,
                brought: plan.lock_image.is_some(),
            },
        );
        let watched: BTreeSet<_> =
            plan.strikes().filter_map(|strike| strike.fault().watches()).collect();
        let watched = watched.into_iter().collect();
        let dir = if plan.profile.name == prober::NAME { "/".into() } else { dir };
        let settings = &plan.blueprint.node(node).settings;
        env.extend(settings.zone.iter().map(|zone| ("TZ".to_owned(), zone.clone())));
        let pid_namespace = settings.pid_namespace;
        let command = Command::StartAdapter { holder: 0, dir, argv, env, watched, pid_namespace };
        self.command(node, command, Task::StartAdapter);
    }
}
