//! What goes into a node's devices and comes out of them: frames, disk requests, control lines.

use super::blueprint::Role;
use super::disk::blk::{self, Medium};
use super::disk::image::Image;
use super::exchange::{Failure, Patience};
use super::kernel_site::{CONTROL_LATENCY, Event, IMAGE_LATENCY, KernelSite, patience};
use super::node::Machine;
use super::node::console::{self, Console, Flood};
use super::node::link::Link;
use super::node::machine::Endpoint;
use super::node::slot::Slot;
use super::wire::{Frame, Sent, net};
use super::{Happening, NodeId, SiteError};
use lockstorm_agent::Message;
use std::rc::Rc;

/// What is held back for less is not called late (ns).
const LATE_MIN: u64 = 1_000_000;

impl KernelSite<'_> {
    /// Puts an event into its node's device; true when the node must run now.
    pub(super) fn deliver(&mut self, event: Event) -> Result<bool, SiteError> {
        let Some((id, life)) = event.node() else {
            return Ok(false);
        };
        let node = &mut self.nodes[id.index()];
        let Some(machine) = node.machine.as_mut().filter(|_| node.life == life) else {
            return Ok(false);
        };
        if let Some(pause) = &mut node.pause {
            // Nobody takes a frame out of the card of a machine that stands still.
            if !matches!(event, Event::Frame { .. }) {
                pause.kept.push(event);
            }
            return Ok(false);
        }
        // The interrupt handler reads the time before RUN tells it.
        machine.set_now(self.now);
        let careful = machine.is_computing();
        let patience = patience(&self.resources);
        match hand_over(event, machine, &mut node.console, careful, &patience) {
            Ok(interrupted) if careful => {
                Ok(interrupted && machine.request().is_some_and(|wanted| wanted <= self.now))
            }
            Ok(interrupted) => Ok(interrupted),
            Err(failure) => self.exchange_failed(id, failure).map(|()| false),
        }
    }

    /// What becomes of a node with which an exchange came to nothing.
    pub(super) fn exchange_failed(
        &mut self,
        node: NodeId,
        failure: Failure,
    ) -> Result<(), SiteError> {
        match failure {
            Failure::Misuse(error) => {
                self.device_failed(node, &error.to_string());
                Ok(())
            }
            Failure::Stuck => Err(self.stuck(node)),
            Failure::Interrupted => Err(SiteError::Interrupted),
            Failure::Host(error) => {
                let name = &self.blueprint.node(node).name;
                Err(SiteError::host(format!("hearing the kernel of {name}"))(error))
            }
        }
    }

    /// A guest whose driver talks nonsense loses its power; the harness goes on.
    pub(super) fn device_failed(&mut self, node: NodeId, error: &str) {
        if let Some(machine) = self.nodes[node.index()].machine.take() {
            drop(machine);
            self.happenings.push_back(Happening::Died { node, cause: misuse(error) });
        }
    }

    pub(super) fn collect_messages(&mut self, id: NodeId) -> std::io::Result<()> {
        let node = &mut self.nodes[id.index()];
        let Some(link) = node.machine.as_mut().and_then(|machine| machine.link(Slot::Control))
        else {
            return Ok(());
        };
        let lines = match node.console.collect(link)? {
            Ok(lines) => lines,
            Err(Flood) => {
                let cause = "its control channel was flooded".to_owned();
                self.happenings.push_back(Happening::Garbled { node: id, cause });
                return Ok(());
            }
        };
        for line in lines {
            let happening = match serde_json::from_slice(&line) {
                Ok(Message::Hello) if node.greeted => {
                    let cause = "it said hello a second time".to_owned();
                    Happening::Garbled { node: id, cause }
                }
                Ok(message) => {
                    node.greeted = true;
                    Happening::Message { node: id, message }
                }
                Err(error) => Happening::Garbled { node: id, cause: error.to_string() },
            };
            self.happenings.push_back(happening);
        }
        if node.console.has_pending() {
            let (life, bytes) = (node.life, Vec::new());
            self.calendar
                .enter(self.now + CONTROL_LATENCY, Event::Control { node: id, life, bytes });
        }
        Ok(())
    }

    pub(super) fn collect_frames(&mut self, from: NodeId) -> std::io::Result<()> {
        let machine = self.nodes[from.index()].machine.as_mut();
        let Some(link) = machine.and_then(|machine| machine.link(Slot::Net)) else {
            return Ok(());
        };
        for bytes in net::transmitted(link)? {
            self.statistics.frames += 1;
            self.forward(from, bytes.into());
        }
        Ok(())
    }

    fn forward(&mut self, from: NodeId, bytes: Rc<[u8]>) {
        let (mut lost, mut held, mut late_ns) = (Vec::new(), false, 0);
        for to in self.wire.receivers(from, &bytes) {
            let frame = Frame { from, to, bytes: Rc::clone(&bytes) };
            let route = self.wire.route(&frame, self.now);
            held |= route.held;
            late_ns = late_ns.max(route.late_ns);
            if route.arrivals.is_empty() && !route.held {
                lost.push(self.blueprint.node(to).name.as_str());
            }
            for at in route.arrivals {
                self.arrives(frame.clone(), at);
            }
        }
        self.after_rules();
        // What is held back is written when it goes.
        if !held || !lost.is_empty() {
            self.capture.frame(self.now, from, &bytes, comment(&lost, late_ns).as_deref());
        }
    }

    /// A frame that a rule of the wire has sent by itself.
    pub(super) fn sent_by_rule(&mut self, Sent { frame, route }: Sent) {
        for at in &route.arrivals {
            self.arrives(frame.clone(), *at);
        }
        if !route.held {
            let to = self.blueprint.node(frame.to).name.as_str();
            let lost = if route.arrivals.is_empty() { &[to][..] } else { &[] };
            let comment = comment(lost, route.late_ns);
            self.capture.frame(self.now, frame.from, &frame.bytes, comment.as_deref());
        }
    }

    /// The wire's rules have seen a frame: what they have to tell, and to send.
    fn after_rules(&mut self) {
        self.happenings.extend(self.wire.signals().into_iter().map(Happening::Signal));
        self.await_rules();
    }

    /// A frame reaches its node at a time of the harness's clock.
    pub(super) fn arrives(&mut self, frame: Frame, at: u64) {
        let life = self.nodes[frame.to.index()].life;
        self.calendar.enter(at, Event::Frame { frame, life });
    }

    /// Rules that send by themselves are asked when they want to.
    pub(super) fn await_rules(&mut self) {
        if let Some(at) = self.wire.next_at()
            && self.wire_due.is_none_or(|due| at < due)
        {
            self.wire_due = Some(at);
            self.calendar.enter(at.max(self.now), Event::Wire);
        }
    }

    pub(super) fn rules_are_due(&mut self) {
        self.wire_due = None;
        for sent in self.wire.due(self.now) {
            self.sent_by_rule(sent);
        }
        self.after_rules();
    }

    pub(super) fn collect_disk(&mut self, id: NodeId, slot: Slot) -> std::io::Result<()> {
        let node = &mut self.nodes[id.index()];
        let link = node.machine.as_mut().and_then(|machine| machine.link(slot));
        let Some(device) = link.and_then(Link::virtio) else {
            return Ok(());
        };
        let (mut quick, mut flushes, mut late) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..device.offered(blk::REQUESTS)? {
            let Some(chain) = device.next(blk::REQUESTS)? else {
                break;
            };
            let medium = match (slot, &self.supplement) {
                (Slot::Root, _) => Medium::Image(&self.image),
                (Slot::Supplement, Some(image)) => Medium::Image(image),
                _ => Medium::Store(&mut self.disk),
            };
            self.statistics.disk_requests += 1;
            let done = blk::execute(chain, device.memory(), medium);
            match (done.late_ns, done.flushed) {
                (1.., _) => late.push(done),
                (0, true) => flushes.push(done),
                (0, false) => quick.push(done),
            }
        }
        let latency = match slot {
            Slot::Root | Slot::Supplement => IMAGE_LATENCY,
            _ => self.blueprint.disk.latency.0,
        };
        // All that was asked for in one slice completes together: one interrupt, one slice.
        for (done, latency) in [(quick, latency), (flushes, self.blueprint.disk.flush.0)] {
            if !done.is_empty() {
                let event = Event::DiskDone { node: id, life: node.life, slot, done };
                self.calendar.enter(self.now + latency, event);
            }
        }
        for done in late {
            let latency = if done.flushed { self.blueprint.disk.flush.0 } else { latency };
            let at = self.now + latency + done.late_ns;
            let event = Event::DiskDone { node: id, life: node.life, slot, done: vec![done] };
            self.calendar.enter(at, event);
        }
        Ok(())
    }

    pub(super) fn endpoints(&self, node: NodeId) -> Vec<(Slot, Endpoint)> {
        let blueprint = self.blueprint.node(node);
        if self.resources.kernels.of(blueprint.role).is_none() {
            return vec![(Slot::Net, Endpoint::Socket), (Slot::Control, Endpoint::Socket)];
        }
        let mac = parse_mac(&blueprint.mac);
        let read_only = |image: &Image| Endpoint::Virtio {
            rings: 1,
            features: blk::F_SEG_MAX | blk::F_READ_ONLY,
            config: blk::config(image.sectors()),
        };
        let net = Endpoint::Virtio { rings: 2, features: net::F_MAC, config: net::config(mac) };
        let control = Endpoint::Virtio {
            rings: console::RINGS,
            features: console::F_MULTIPORT,
            config: console::config(),
        };
        let root = read_only(&self.image);
        let mut endpoints = vec![(Slot::Root, root), (Slot::Net, net), (Slot::Control, control)];
        match (blueprint.role, &self.supplement) {
            (Role::Server, _) => {
                let features = blk::F_SEG_MAX | blk::F_FLUSH;
                let config = blk::config(self.disk.sectors());
                endpoints.push((Slot::Disk, Endpoint::Virtio { rings: 1, features, config }));
            }
            (Role::Client, Some(image)) => endpoints.push((Slot::Supplement, read_only(image))),
            (Role::Client, None) => {}
        }
        endpoints
    }
}

/// What the capture says of a frame's way, where it is not the usual one.
fn comment(lost_to: &[&str], late_ns: u64) -> Option<String> {
    const SECOND: u64 = 1_000_000_000;
    if !lost_to.is_empty() {
        return Some(format!("lost on the way to {}", lost_to.join(", ")));
    }
    // The jitter of a wire is no news.
    (late_ns >= LATE_MIN).then(|| format!("late by {}.{:09} s", late_ns / SECOND, late_ns % SECOND))
}

/// Why a node died whose kernel talks nonsense.
pub(super) fn misuse(error: &str) -> String {
    format!("its kernel misused a device: {error}")
}

/// Puts an event into a machine's device; true when its kernel was interrupted.
fn hand_over(
    event: Event,
    machine: &mut Machine,
    console: &mut Console,
    careful: bool,
    patience: &Patience,
) -> Result<bool, Failure> {
    match event {
        Event::Frame { frame, .. } => match machine.link(Slot::Net) {
            Some(link) => match (net::receive(link, &frame.bytes)?, link) {
                (true, Link::Virtio(device)) => device.interrupt(net::RECEIVE, careful, patience),
                _ => Ok(false),
            },
            None => Ok(false),
        },
        Event::DiskDone { slot, done, .. } => match machine.link(slot).and_then(Link::virtio) {
            Some(device) => {
                for done in done {
                    device.give_back(blk::REQUESTS, done.head, done.written)?;
                }
                device.interrupt(blk::REQUESTS, careful, patience)
            }
            None => Ok(false),
        },
        Event::Control { bytes, .. } => {
            console.queue(&bytes)?;
            match machine.link(Slot::Control) {
                Some(link) => console.deliver(link, careful, patience),
                None => Ok(false),
            }
        }
        Event::Timer(_) | Event::Wire => Ok(false),
    }
}

/// `02:00:00:00:00:01`; what is missing or no number reads as zero.
fn parse_mac(text: &str) -> [u8; 6] {
    let mut mac = [0; 6];
    for (byte, part) in mac.iter_mut().zip(text.split(':')) {
        *byte = u8::from_str_radix(part, 16).unwrap_or(0);
    }
    mac
}
