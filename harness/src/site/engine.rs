//! The engine: lets time pass at a site.
//!
//! **Lookahead.** A node that runs may let its own time pass up to the next event of the calendar,
//! the next request of another node, or one lookahead, whichever comes first. No device answers
//! sooner than that: the lookahead is the least of the link's, the disk's and the control
//! channel's latency. So what a node does within its slice can reach nobody, not even itself,
//! before the slice has ended, and it is enough to look into its rings then. Everything that a
//! node sends within a slice counts as sent at the slice's begin.

use super::SiteError;
use super::blueprint::{Blueprint, Role};
use super::clock::Calendar;
use super::disk::blk::{self, Medium};
use super::disk::image::Image;
use super::disk::store::Store;
use super::launch::Launcher;
use super::launch::core::{self, Core};
use super::node::console::{self, Console, Flood};
use super::node::machine::{Offer, Patience, Slot};
use super::node::{Machine, Slice};
use super::wire::capture::Capture;
use super::wire::net;
use super::wire::{Frame, Switch};
use crate::units::{MICROSECOND, SECOND};
use lockstorm_agent::{Command, Message, Numbered};
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// A node's index in the blueprint; also its port of the switch.
pub type NodeId = usize;

/// What a site is made from, beside its blueprint.
pub struct Provisions<'a> {
    pub kernel: &'a Path,
    pub preload: &'a Path,
    pub image: &'a Path,
    /// Where console logs and the capture are written.
    pub artefacts: &'a Path,
    /// A slice of more wall time than this is stuck.
    pub patience: Duration,
    /// Asked now and then whether the user wants to stop.
    pub interrupted: &'a dyn Fn() -> bool,
}

/// What a site tells those who run it.
#[derive(Debug, PartialEq)]
pub enum Happening {
    /// A node's agent said something.
    Message { node: NodeId, message: Message },
    /// A node's control channel carried what is no message.
    Garbled { node: NodeId, cause: String },
    /// A timer of [`Site::set_timer`] went off.
    Timer(u64),
    /// A kernel ended by itself.
    Died { node: NodeId, cause: String },
    /// Nothing will ever happen again.
    Idle,
}

/// What the site has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub slices: u64,
    pub frames: u64,
    pub disk_requests: u64,
}

/// Events are for one incarnation of a node, its `life`: what was on the way to a machine that
/// has lost its power is lost.
enum Event {
    Frame { frame: Frame, life: u32 },
    DiskDone { node: NodeId, life: u32, slot: Slot, done: Vec<blk::Done> },
    Control { node: NodeId, life: u32, bytes: Vec<u8> },
    Timer(u64),
}

impl Event {
    /// The node that must run because of it.
    fn node(&self) -> Option<(NodeId, u32)> {
        match self {
            Event::Frame { frame, life } => Some((frame.to, *life)),
            Event::DiskDone { node, life, .. } | Event::Control { node, life, .. } => {
                Some((*node, *life))
            }
            Event::Timer(_) => None,
        }
    }
}

struct Node {
    machine: Option<Machine>,
    console: Console,
    life: u32,
    /// The agent has said hello. Before that a driver may wait for a device in a busy loop that
    /// counts nanoseconds, so slices are kept short.
    greeted: bool,
    commands: u64,
}

pub struct Site<'a> {
    now: u64,
    blueprint: &'a Blueprint,
    provisions: Provisions<'a>,
    calendar: Calendar<Event>,
    nodes: Vec<Node>,
    wire: Switch,
    capture: Capture,
    disk: Store,
    image: Image,
    launcher: Launcher,
    lookahead: u64,
    happenings: VecDeque<Happening>,
    statistics: Statistics,
    _core: Core,
}

/// The control channel's own latency (ns).
const CONTROL_LATENCY: u64 = 50 * MICROSECOND;
/// The node image answers as fast as a good local disk (ns).
const IMAGE_LATENCY: u64 = 50 * MICROSECOND;
/// Slices of a node that has not greeted yet (ns).
const BOOT_LOOKAHEAD: u64 = MICROSECOND;

impl<'a> Site<'a> {
    /// Builds the site; no node has power yet.
    pub fn new(
        blueprint: &'a Blueprint,
        provisions: Provisions<'a>,
    ) -> Result<Site<'a>, SiteError> {
        let image =
            Image::open(provisions.image).map_err(SiteError::host("opening the node image"))?;
        let launcher = Launcher::new(
            provisions.kernel,
            provisions.preload,
            &provisions.artefacts.join("console"),
        )
        .map_err(SiteError::host("preparing the nodes' sockets and logs"))?;
        let names = blueprint.nodes.iter().map(|node| node.name.as_str());
        let capture = Capture::create(
            &provisions.artefacts.join("wire.pcapng"),
            blueprint.wall_start_s,
            names,
        )
        .map_err(SiteError::host("creating wire.pcapng"))?;
        let wire = &blueprint.wire;
        let nodes = blueprint.nodes.iter().map(|_| Node {
            machine: None,
            console: Console::default(),
            life: 0,
            greeted: false,
            commands: 0,
        });
        let latencies = [wire.latency.least.0, blueprint.disk.latency.0, blueprint.disk.flush.0];
        Ok(Site {
            now: 0,
            nodes: nodes.collect(),
            calendar: Calendar::default(),
            wire: Switch::new(blueprint.nodes.len(), wire.latency, wire.seed),
            capture,
            disk: Store::new(blueprint.disk.size_mib),
            image,
            launcher,
            lookahead: latencies
                .into_iter()
                .chain([CONTROL_LATENCY, IMAGE_LATENCY])
                .min()
                .unwrap_or(0),
            happenings: VecDeque::new(),
            statistics: Statistics::default(),
            _core: core::claim().map_err(SiteError::host("choosing a core"))?,
            blueprint,
            provisions,
        })
    }

    /// The harness's clock: nanoseconds since the site was built.
    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    pub fn blueprint(&self) -> &'a Blueprint {
        self.blueprint
    }

    /// The index of a node by its name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.blueprint.nodes.iter().position(|node| node.name == name)
    }

    pub fn has_power(&self, node: NodeId) -> bool {
        self.nodes[node].machine.is_some()
    }

    /// The wire, for faults to lay their rules over.
    pub fn wire(&mut self) -> &mut Switch {
        &mut self.wire
    }

    /// Rings at a time of the harness's clock; [`Happening::Timer`] brings the token back.
    pub fn set_timer(&mut self, at: u64, token: u64) {
        self.calendar.enter(at.max(self.now), Event::Timer(token));
    }

    /// Sends a command to a node's agent; answers the number that its outcome will carry.
    pub fn send(&mut self, node: NodeId, command: Command) -> u64 {
        self.nodes[node].commands += 1;
        let id = self.nodes[node].commands;
        let mut bytes =
            serde_json::to_vec(&Numbered { id, command }).expect("a command is always JSON");
        bytes.push(b'\n');
        let life = self.nodes[node].life;
        self.calendar.enter(self.now + CONTROL_LATENCY, Event::Control { node, life, bytes });
        id
    }

    /// Switches a node on: its kernel starts and boots at this instant.
    pub fn power_on(&mut self, node: NodeId) -> Result<(), SiteError> {
        let blueprint = &self.blueprint.nodes[node];
        let offers = self.offers(node);
        let slots: Vec<Slot> = offers.iter().map(|(slot, _)| *slot).collect();
        let doing = || format!("starting the kernel of {}", blueprint.name);
        let (kernel, listeners) =
            self.launcher.start(blueprint, &slots).map_err(SiteError::host(doing()))?;
        let wall_start = self.blueprint.wall_start_s * SECOND;
        let patience = patience(&self.provisions);
        let machine = Machine::power_on(kernel, listeners, offers, self.now, wall_start, &patience)
            .map_err(SiteError::host(doing()))?;
        let Some(mut machine) = machine else {
            if (self.provisions.interrupted)() {
                return Err(SiteError::Interrupted);
            }
            let log =
                self.provisions.artefacts.join("console").join(format!("{}.log", blueprint.name));
            let silent =
                std::io::Error::other(format!("it did not begin to run; see {}", log.display()));
            return Err(SiteError::Host { doing: doing(), error: silent });
        };
        let slice = machine.run_on(self.now, &patience).map_err(SiteError::host(doing()))?;
        let state = &mut self.nodes[node];
        state.life += 1;
        state.greeted = false;
        state.console = Console::default();
        state.machine = Some(machine);
        self.after_slice(node, slice)
    }

    /// Cuts a node's power. Of a server's disk only what was flushed remains, and of the rest
    /// what `keep` asks for. Answers how many sectors were lost.
    pub fn power_off(&mut self, node: NodeId, keep: impl FnMut(u64) -> bool) -> usize {
        if let Some(machine) = self.nodes[node].machine.take() {
            machine.power_off();
        }
        match self.blueprint.nodes[node].role {
            Role::Server => self.disk.lose_power(keep),
            Role::Client => 0,
        }
    }

    /// Lets time pass until something happens that the site does not deal with itself.
    pub fn next(&mut self) -> Result<Happening, SiteError> {
        loop {
            if let Some(happening) = self.happenings.pop_front() {
                return Ok(happening);
            }
            if !self.step()? {
                return Ok(Happening::Idle);
            }
        }
    }

    /// Ends the capture file. The nodes lose their power when the site is dropped.
    pub fn finish(&mut self) -> Result<(), SiteError> {
        self.capture.finish().map_err(SiteError::host("writing wire.pcapng"))
    }

    /// The next thing happens: of an event and a slice at the same instant, the event. False when
    /// there is none.
    fn step(&mut self) -> Result<bool, SiteError> {
        let event_at = self.calendar.next_at();
        let request = self.requests().min();
        match (event_at, request) {
            (Some(at), slice) if slice.is_none_or(|(wanted, _)| at <= wanted) => self.take_event(),
            (_, Some((wanted, node))) => {
                // A request in the past can only come from a kernel that misbehaves.
                self.now = self.now.max(wanted);
                self.run(node)
            }
            _ => return Ok(false),
        }?;
        Ok(true)
    }

    fn requests(&self) -> impl Iterator<Item = (u64, NodeId)> {
        let machines = self
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(id, node)| Some((id, node.machine.as_ref()?)));
        machines.filter_map(|(id, machine)| Some((machine.request()?, id)))
    }

    fn take_event(&mut self) -> Result<(), SiteError> {
        let Some((at, event)) = self.calendar.pop() else {
            return Ok(());
        };
        self.now = at;
        let Some((node, _)) = event.node() else {
            if let Event::Timer(token) = event {
                self.happenings.push_back(Happening::Timer(token));
            }
            return Ok(());
        };
        let mut wake = self.deliver(event)?;
        // What reaches the same node at the same instant costs it one slice, not several.
        while self.calendar.peek().is_some_and(|(next, event)| {
            next == at && event.node().is_some_and(|(to, _)| to == node)
        }) {
            if let Some((_, event)) = self.calendar.pop() {
                wake |= self.deliver(event)?;
            }
        }
        if wake { self.run(node) } else { Ok(()) }
    }

    /// Puts an event into its node's device; true when the node must run now.
    fn deliver(&mut self, event: Event) -> Result<bool, SiteError> {
        let Some((id, life)) = event.node() else {
            return Ok(false);
        };
        let node = &mut self.nodes[id];
        let Some(machine) = node.machine.as_mut().filter(|_| node.life == life) else {
            return Ok(false);
        };
        // The interrupt handler reads the time before RUN tells it.
        machine.set_now(self.now);
        let careful = machine.is_computing();
        let delivered = match event {
            Event::Frame { frame, .. } => match machine.device(Slot::Net) {
                Some(device) => net::receive(device, &frame.bytes)
                    .and_then(|got| Ok(got && device.interrupt(net::RECEIVE, careful)?)),
                None => Ok(false),
            },
            Event::DiskDone { slot, done, .. } => match machine.device(slot) {
                Some(device) => done
                    .iter()
                    .try_for_each(|done| device.give_back(blk::REQUESTS, done.head, done.written))
                    .and_then(|()| device.interrupt(blk::REQUESTS, careful)),
                None => Ok(false),
            },
            Event::Control { bytes, .. } => {
                node.console.queue(&bytes);
                match machine.device(Slot::Control) {
                    Some(device) => node.console.deliver(device, careful),
                    None => Ok(false),
                }
            }
            Event::Timer(_) => Ok(false),
        };
        match delivered {
            Ok(interrupted) if careful => {
                Ok(interrupted && machine.request().is_some_and(|wanted| wanted <= self.now))
            }
            Ok(interrupted) => Ok(interrupted),
            Err(error) => {
                self.device_failed(id, &error.to_string());
                Ok(false)
            }
        }
    }

    fn run(&mut self, node: NodeId) -> Result<(), SiteError> {
        let lookahead = if self.nodes[node].greeted { self.lookahead } else { BOOT_LOOKAHEAD };
        let others = self.requests().filter(|(_, id)| *id != node).map(|(wanted, _)| wanted);
        let horizon = self.now + lookahead;
        let free_until =
            others.chain(self.calendar.next_at()).chain([horizon]).min().unwrap_or(horizon);
        let patience = patience(&self.provisions);
        let Some(machine) = self.nodes[node].machine.as_mut() else {
            return Ok(());
        };
        self.statistics.slices += 1;
        match machine.run(self.now, free_until, &patience) {
            Ok(slice) => self.after_slice(node, slice),
            Err(error) => {
                self.device_failed(node, &error.to_string());
                Ok(())
            }
        }
    }

    /// Looks into the rings of a node whose slice has ended.
    fn after_slice(&mut self, node: NodeId, slice: Slice) -> Result<(), SiteError> {
        match slice {
            Slice::Waits => {}
            Slice::Interrupted => return Err(SiteError::Interrupted),
            Slice::Stuck => {
                let seconds = self.provisions.patience.as_secs();
                return Err(SiteError::Stuck {
                    node: self.blueprint.nodes[node].name.clone(),
                    seconds,
                });
            }
            Slice::Ended => {
                let cause =
                    self.nodes[node].machine.take().map(Machine::epitaph).unwrap_or_default();
                self.happenings.push_back(Happening::Died { node, cause });
                return Ok(());
            }
        }
        let served = self
            .collect_messages(node)
            .and_then(|()| self.collect_frames(node))
            .and_then(|()| self.collect_disk(node, Slot::Root))
            .and_then(|()| self.collect_disk(node, Slot::Disk));
        if let Err(error) = served {
            self.device_failed(node, &error.to_string());
        }
        Ok(())
    }

    /// A guest whose driver talks nonsense loses its power; the harness goes on.
    fn device_failed(&mut self, node: NodeId, error: &str) {
        if let Some(machine) = self.nodes[node].machine.take() {
            machine.power_off();
            let cause = format!("its kernel misused a device: {error}");
            self.happenings.push_back(Happening::Died { node, cause });
        }
    }

    fn collect_messages(&mut self, id: NodeId) -> std::io::Result<()> {
        let node = &mut self.nodes[id];
        let Some(device) = node.machine.as_mut().and_then(|machine| machine.device(Slot::Control))
        else {
            return Ok(());
        };
        let lines = match node.console.collect(device)? {
            Ok(lines) => lines,
            Err(Flood) => {
                let cause = "its control channel was flooded".to_owned();
                self.happenings.push_back(Happening::Garbled { node: id, cause });
                return Ok(());
            }
        };
        for line in lines {
            let happening = match serde_json::from_slice(&line) {
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

    fn collect_frames(&mut self, from: NodeId) -> std::io::Result<()> {
        loop {
            let device =
                self.nodes[from].machine.as_mut().and_then(|machine| machine.device(Slot::Net));
            let Some(device) = device else { return Ok(()) };
            let Some(bytes) = net::transmitted(device)? else {
                return Ok(());
            };
            self.statistics.frames += 1;
            self.forward(from, bytes.into())?;
        }
    }

    fn forward(&mut self, from: NodeId, bytes: Rc<[u8]>) -> std::io::Result<()> {
        let mut lost = Vec::new();
        for to in self.wire.ports_for(from, &bytes) {
            let frame = Frame { from, to, bytes: Rc::clone(&bytes) };
            let route = self.wire.route(&frame, self.now);
            if route.arrivals.is_empty() {
                lost.push(self.blueprint.nodes[to].name.as_str());
            }
            for at in route.arrivals {
                let life = self.nodes[to].life;
                self.calendar.enter(at, Event::Frame { frame: frame.clone(), life });
            }
        }
        let comment = (!lost.is_empty()).then(|| format!("lost on the way to {}", lost.join(", ")));
        self.capture.frame(self.now, from, &bytes, comment.as_deref())
    }

    fn collect_disk(&mut self, id: NodeId, slot: Slot) -> std::io::Result<()> {
        let node = &mut self.nodes[id];
        let Some(device) = node.machine.as_mut().and_then(|machine| machine.device(slot)) else {
            return Ok(());
        };
        let (mut quick, mut flushes) = (Vec::new(), Vec::new());
        while let Some(chain) = device.next(blk::REQUESTS) {
            let medium = match slot {
                Slot::Root => Medium::Image(&self.image),
                _ => Medium::Store(&mut self.disk),
            };
            self.statistics.disk_requests += 1;
            let done = blk::execute(chain, device.memory(), medium);
            if done.flushed { flushes.push(done) } else { quick.push(done) }
        }
        let latency = match slot {
            Slot::Root => IMAGE_LATENCY,
            _ => self.blueprint.disk.latency.0,
        };
        // All that was asked for in one slice completes together: one interrupt, one slice.
        for (done, latency) in [(quick, latency), (flushes, self.blueprint.disk.flush.0)] {
            if !done.is_empty() {
                let event = Event::DiskDone { node: id, life: node.life, slot, done };
                self.calendar.enter(self.now + latency, event);
            }
        }
        Ok(())
    }

    fn offers(&self, node: NodeId) -> Vec<(Slot, Offer)> {
        let blueprint = &self.blueprint.nodes[node];
        let mac = parse_mac(&blueprint.mac);
        let image = Offer {
            rings: 1,
            features: blk::F_READ_ONLY,
            config: blk::config(self.image.sectors()),
        };
        let net = Offer { rings: 2, features: net::F_MAC, config: net::config(mac) };
        let control = Offer {
            rings: console::RINGS,
            features: console::F_MULTIPORT,
            config: console::config(),
        };
        let mut offers = vec![(Slot::Root, image), (Slot::Net, net), (Slot::Control, control)];
        if blueprint.role == Role::Server {
            let disk = Offer {
                rings: 1,
                features: blk::F_FLUSH,
                config: blk::config(self.disk.sectors()),
            };
            offers.push((Slot::Disk, disk));
        }
        offers
    }
}

fn patience<'p>(provisions: &'p Provisions) -> Patience<'p> {
    Patience { limit: provisions.patience, interrupted: provisions.interrupted }
}

/// `02:00:00:00:00:01`; what is missing or no number reads as zero.
fn parse_mac(text: &str) -> [u8; 6] {
    let mut mac = [0; 6];
    for (byte, part) in mac.iter_mut().zip(text.split(':')) {
        *byte = u8::from_str_radix(part, 16).unwrap_or(0);
    }
    mac
}
