//! The site on the host's clock: the kernels run side by side, and the harness serves whoever asks.
//!
//! Events of the calendar happen when their time has come, or as soon after it as the host lets
//! them. Nothing is repeatable here.

use super::blueprint::NodeBlueprint;
use super::kernel_site::KernelSite;
use super::node::machine::{LOOK, Source};
use super::node::travel::KernelEvent;
use super::node::{Machine, Slice};
use super::{Happening, NodeId, Site, SiteError};
use crate::units::SECOND;
use lockstorm_agent::{Command, Message};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long clients on the host's kernel may take to unmount (ns).
const PARTING: u64 = 5 * SECOND;

impl KernelSite<'_> {
    /// The next event of the calendar happens, or what the kernels have to say is heard. False
    /// when there is neither an event nor a kernel.
    pub(super) fn step_with_the_host(&mut self, begun: Instant) -> Result<bool, SiteError> {
        self.now = self.now.max(elapsed(begun));
        let next = self.calendar.next_at();
        if let Some(at) = next.filter(|at| *at <= self.now) {
            self.lateness = self.lateness.max(self.now - at);
            self.take_event()?;
            return Ok(true);
        }
        if next.is_none() && self.nodes.iter().all(|node| node.machine.is_none()) {
            return Ok(false);
        }
        let wait = next.map_or(LOOK, |at| Duration::from_nanos(at - self.now).min(LOOK));
        let ready = self.poll(wait).map_err(SiteError::host("waiting for the nodes"))?;
        self.now = self.now.max(elapsed(begun));
        self.give_up_on_halves()?;
        if ready.is_empty() {
            return self.bury().map(|()| true);
        }
        for (node, source) in ready {
            self.serve(node, source)?;
        }
        Ok(true)
    }

    /// Has clients on the host's kernel unmount while there is a server: that kernel goes on when
    /// the site is gone, and would wait for minutes.
    pub(super) fn part_from_the_host(&mut self) -> Result<(), SiteError> {
        let is_on_host = |node: &NodeBlueprint| self.resources.kernels.of(node.role).is_none();
        let nodes = NodeId::all(self.nodes.len()).zip(&self.blueprint.nodes);
        let clients = nodes.filter(|(_, node)| is_on_host(node)).map(|(id, _)| id);
        let clients: Vec<NodeId> = clients.filter(|id| self.nodes[id.index()].greeted).collect();
        let mut waited_for: BTreeSet<(NodeId, u64)> =
            clients.into_iter().map(|id| (id, self.send(id, Command::Unmount))).collect();
        let (Some(begun), until) = (self.begun, self.now + PARTING) else {
            return Ok(());
        };
        while !waited_for.is_empty() && self.now < until && self.step_with_the_host(begun)? {
            for happening in self.happenings.drain(..) {
                match happening {
                    Happening::Message { node, message: Message::Done { id, .. } } => {
                        waited_for.remove(&(node, id));
                    }
                    Happening::Died { node, .. } => waited_for.retain(|(id, _)| *id != node),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Who has something to say, within `wait`.
    fn poll(&self, wait: Duration) -> std::io::Result<Vec<(NodeId, Source)>> {
        let machines = NodeId::all(self.nodes.len()).zip(&self.nodes);
        let machines = machines.filter_map(|(id, node)| Some((id, node.machine.as_ref()?)));
        let (sources, mut fds): (Vec<_>, Vec<_>) = machines
            .flat_map(|(id, machine)| {
                machine
                    .sources()
                    .map(move |(source, fd)| ((id, source), PollFd::new(fd, PollFlags::POLLIN)))
            })
            .unzip();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(wait)), None) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Vec::new()),
            Err(errno) => return Err(errno.into()),
        }
        let ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
        // A listener leaves the list when it has been served, so its place is good for one only.
        let mut listener_taken = vec![false; self.nodes.len()];
        let ready = sources.into_iter().zip(ready).filter(|&((id, source), ready)| {
            let second = matches!(source, Source::Listener(_))
                && ready
                && std::mem::replace(&mut listener_taken[id.index()], true);
            ready && !second
        });
        Ok(ready.map(|(source, _)| source).collect())
    }

    fn serve(&mut self, node: NodeId, source: Source) -> Result<(), SiteError> {
        let Some(machine) = self.nodes[node.index()].machine.as_mut() else {
            return Ok(());
        };
        match machine.serve(source) {
            Ok(KernelEvent::Ended) => self.after_slice(node, Slice::Ended),
            Ok(_) => {
                self.collect(node);
                Ok(())
            }
            Err(failure) => self.exchange_failed(node, failure),
        }
    }

    /// A kernel that began a message, and has not ended it within patience, is stuck.
    fn give_up_on_halves(&self) -> Result<(), SiteError> {
        let limit = self.resources.patience;
        let begun = self.nodes.iter().map(|node| node.machine.as_ref().and_then(Machine::begun));
        let is_over = |begun: Option<Instant>| begun.is_some_and(|begun| begun.elapsed() >= limit);
        match begun.into_iter().position(is_over) {
            Some(index) => Err(self.stuck(NodeId::at(index))),
            None => Ok(()),
        }
    }

    /// Kernels that have ended before they could say anything.
    fn bury(&mut self) -> Result<(), SiteError> {
        for node in NodeId::all(self.nodes.len()) {
            let Some(machine) = &self.nodes[node.index()].machine else {
                continue;
            };
            let looking =
                || format!("looking after the kernel of {}", self.blueprint.node(node).name);
            if machine.has_ended_early().map_err(SiteError::host(looking()))? {
                self.after_slice(node, Slice::Ended)?;
            }
        }
        Ok(())
    }
}

fn elapsed(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
