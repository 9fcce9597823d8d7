//! The interpreter: turns what happens at the site into events for workloads and the nemesis, and
//! what they want into commands. It is the witness, and alone writes the history.

use super::RunError;
use super::event::{Event, Timer};
use super::in_force::Setting;
use super::readiness::{Progress, READY_WITHIN, Readiness};
use super::task::Task;
use crate::fault::FaultId;
use crate::history::writer::{Finished, Writer};
use crate::history::{EventKind, Operation};
use crate::lock::adapter::Request;
use crate::plan::Plan;
use crate::site::blueprint::Role;
use crate::site::{ClientId, Happening, NodeId, Site, SiteError, Statistics};
use crate::units::Nanos;
use lockstorm_agent::{Command, MOUNT_POINT};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::path::Path;

/// The counter's name on the export.
pub const COUNTER: &str = "counter";

pub struct Client {
    pub name: String,
    /// The adapter takes requests.
    pub ready: bool,
    /// The one call that has not been answered: its number, what it is, when it was made.
    pub call: Option<(u64, Operation, u64)>,
    /// The command that handed the line of the last call to its process, which may be another now.
    pub(super) line: Option<u64>,
    /// The witness has it in its critical section.
    pub inside: bool,
    pub counting: Counting,
    process: Process,
}

/// What a fault has done to a client's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    /// Nothing: it runs, or will when its node has come so far.
    Untouched,
    /// It is being killed; another is then to be started, or not.
    Dying {
        again: bool,
    },
    Killed,
}

/// How far a client's increment of the counter has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    No,
    Reading,
    Read,
    Writing,
}

pub struct Interpreter<'a> {
    plan: &'a Plan,
    site: Box<dyn Site + 'a>,
    pub(super) history: Writer,
    pub(super) readiness: Readiness,
    clients: Vec<Client>,
    pub(super) events: VecDeque<Event>,
    pub(super) timers: BTreeMap<u64, Timer>,
    next_timer: u64,
    calls: u64,
    /// Commands to agents that are still to be answered.
    pub(super) tasks: BTreeMap<(NodeId, u64), Task>,
    /// How the nodes' wall clocks were set last.
    clocks: Vec<Setting>,
    /// How its node's clocks stood when it was suspended, if it is.
    paused: Vec<Option<Setting>>,
    /// How long each node has stood still since it was switched on (ns): its agent takes so much
    /// less for the true time.
    stood: Vec<u64>,
    /// Host names that nodes have from their next boot on, if not those of the plan.
    pub(super) renamed: BTreeMap<NodeId, String>,
    /// The nodes that have another address than their own, from their next boot on.
    pub(super) moved: BTreeMap<NodeId, Ipv4Addr>,
    /// How many times each node was switched on again.
    pub(super) restarts: Vec<u32>,
    /// Whether no fault keeps the NFS server from serving.
    pub(super) is_to_serve: bool,
    pub(super) began: Option<u64>,
    pub(super) failure: Option<String>,
    pub(super) artefacts: &'a Path,
}

impl<'a> Interpreter<'a> {
    /// `artefacts` is where the site writes its console logs.
    pub fn new(
        plan: &'a Plan,
        site: Box<dyn Site + 'a>,
        history: Writer,
        artefacts: &'a Path,
    ) -> Interpreter<'a> {
        let nodes = &plan.blueprint.nodes;
        let client = |name: &String| Client {
            name: name.clone(),
            ready: false,
            call: None,
            line: None,
            inside: false,
            counting: Counting::No,
            process: Process::Untouched,
        };
        Interpreter {
            plan,
            site,
            history,
            readiness: Readiness::new(nodes.len()),
            clients: plan.blueprint.clients().iter().map(|node| client(&node.name)).collect(),
            events: VecDeque::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            calls: 0,
            tasks: BTreeMap::new(),
            clocks: vec![Setting::default(); nodes.len()],
            paused: vec![None; nodes.len()],
            stood: vec![0; nodes.len()],
            renamed: BTreeMap::new(),
            moved: BTreeMap::new(),
            restarts: vec![0; nodes.len()],
            is_to_serve: true,
            began: None,
            failure: None,
            artefacts,
        }
    }

    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    pub fn site(&mut self) -> &mut (dyn Site + 'a) {
        &mut *self.site
    }

    pub fn now(&self) -> u64 {
        self.site.now()
    }

    /// Whether the workload has begun.
    pub fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    pub fn client(&self, id: ClientId) -> &Client {
        &self.clients[id.index()]
    }

    pub(super) fn client_mut(&mut self, id: ClientId) -> &mut Client {
        &mut self.clients[id.index()]
    }

    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// Whether a node serves, or its client's adapter takes requests.
    pub fn is_ready(&self, node: NodeId) -> bool {
        match node.client() {
            Some(id) => self.client(id).ready,
            None => self.readiness.serves(),
        }
    }

    /// A node by its name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.plan.blueprint.nodes.iter().position(|node| node.name == name).map(NodeId::at)
    }

    /// A client by its name.
    pub fn client_named(&self, name: &str) -> Option<ClientId> {
        self.clients.iter().position(|client| client.name == name).map(ClientId::at)
    }

    /// Why the run cannot go on.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The run cannot go on; the first reason counts.
    pub fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    pub fn record(&mut self, kind: EventKind) -> Result<(), RunError> {
        self.history.append(self.site.now(), kind)?;
        Ok(())
    }

    pub fn set_timer(&mut self, at: u64, timer: Timer) {
        self.next_timer += 1;
        self.timers.insert(self.next_timer, timer);
        self.site.set_timer(at, self.next_timer);
    }

    pub fn set_timer_in(&mut self, delay: Nanos, timer: Timer) {
        self.set_timer(self.now().saturating_add(delay.0), timer);
    }

    /// Strikes out every timer that `timer` matches.
    pub fn clear_timers(&mut self, matches: impl Fn(&Timer) -> bool) {
        self.timers.retain(|_, timer| !matches(timer));
    }

    pub fn node_name(&self, node: NodeId) -> &'a str {
        &self.plan.blueprint.node(node).name
    }

    pub fn power_on_all(&mut self) -> Result<(), RunError> {
        let nodes = &self.plan.blueprint.nodes;
        for (node, blueprint) in NodeId::all(nodes.len()).zip(nodes) {
            match blueprint.power_on {
                Nanos::ZERO => self.power_on(node)?,
                later => self.set_timer_in(later, Timer::PowerOn(node)),
            }
        }
        self.set_timer(self.now() + READY_WITHIN, Timer::Overdue);
        Ok(())
    }

    pub fn power_on(&mut self, node: NodeId) -> Result<(), RunError> {
        if self.site.has_power(node) {
            return Ok(());
        }
        let name = self.node_name(node).to_owned();
        self.record(EventKind::NodeBooted { node: name.clone() })?;
        self.stood[node.index()] = 0;
        // A machine that is switched on takes its time from the true one, until it can be told.
        if self.clocks[node.index()] != Setting::default() {
            self.clocks[node.index()] = Setting::default();
            self.record(EventKind::ClockSet { node: name, offset_ns: 0, drift_ppm: 0 })?;
        }
        self.site.power_on(node)?;
        Ok(())
    }

    /// Has a node come back with another host name when it boots next.
    pub fn rename(&mut self, node: NodeId, host_name: String) {
        self.renamed.insert(node, host_name);
    }

    /// Has a node come back with another network address when it boots next.
    pub fn give_address(&mut self, node: NodeId, address: Ipv4Addr) {
        self.moved.insert(node, address);
    }

    pub(super) fn address(&self, node: NodeId) -> Ipv4Addr {
        let own = self.plan.blueprint.node(node).ip;
        self.moved.get(&node).copied().unwrap_or(own)
    }

    /// Cuts a node's power, as the plan wants it; of a server's unflushed sectors those last for
    /// which `keep` says so. Answers in words what was lost.
    pub fn power_off(
        &mut self,
        node: NodeId,
        keep: &mut dyn FnMut(u64) -> bool,
    ) -> Result<String, RunError> {
        self.paused[node.index()] = None;
        self.restarts[node.index()] += 1;
        let lost = self.site.power_off(node, keep)?;
        let name = self.node_name(node).to_owned();
        self.record(EventKind::NodeDied {
            node: name,
            by_plan: true,
            cause: "its power was cut".into(),
        })?;
        self.forget(node);
        Ok(match self.plan.blueprint.node(node).role {
            Role::Server => format!("power lost, and {lost} unflushed sectors with it"),
            Role::Client => "power lost".into(),
        })
    }

    /// Suspends a node whose clock is set so, as far as it has been told; false when it has no
    /// power.
    pub fn pause(&mut self, node: NodeId, clock: Setting) -> Result<bool, RunError> {
        if !self.site.has_power(node) {
            return Ok(false);
        }
        if self.paused[node.index()].is_none() {
            self.site.pause(node);
            let told = self.readiness.progress(node) >= Progress::Configured;
            let was = if told { clock } else { Setting::default() };
            self.paused[node.index()] = Some(was);
            self.tell_clock(node, Setting { drift_ppm: -1_000_000, ..was })?;
        }
        Ok(true)
    }

    /// Has the NFS server serve, or not, as far as that can be told: one that boots is told when it
    /// has come so far. Whether it was changed.
    pub fn keep_service(&mut self, serves: bool) -> bool {
        self.is_to_serve = serves;
        let is_configured = self.readiness.progress(NodeId::SERVER) == Progress::Configured;
        if !serves && self.readiness.serves() {
            self.readiness.advance(NodeId::SERVER, Progress::Changing);
            self.command(NodeId::SERVER, Command::StopServing, Task::StopServing);
            return true;
        }
        if serves && is_configured {
            self.serve();
        }
        serves && is_configured
    }

    /// The NFS server has stopped: to its clients it is dead.
    pub(super) fn service_stopped(&mut self) -> Result<(), RunError> {
        self.record(EventKind::NodeDied {
            node: self.node_name(NodeId::SERVER).to_owned(),
            by_plan: true,
            cause: "its NFS server was stopped".into(),
        })?;
        self.readiness.advance(NodeId::SERVER, Progress::Configured);
        if self.is_to_serve {
            self.serve();
        }
        Ok(())
    }

    /// Lets a node go on that is suspended; answers how long it stood still. Its clocks go on where
    /// they stood.
    pub fn resume(&mut self, node: NodeId) -> Result<Option<Nanos>, RunError> {
        let Some(was) = self.paused[node.index()].take() else {
            return Ok(None);
        };
        let stood = self.site.resume(node);
        self.stood[node.index()] += stood;
        let offset_ns = was.offset_ns.saturating_sub_unsigned(stood);
        self.tell_clock(node, Setting { offset_ns, ..was })?;
        Ok(Some(Nanos(stood)))
    }

    pub fn is_paused(&self, node: NodeId) -> bool {
        self.paused[node.index()].is_some()
    }

    /// What was under way on a node that has no power any more.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.tasks.retain(|(owner, _), _| *owner != node);
        self.readiness.forget(node);
        let Some(id) = node.client() else {
            return;
        };
        let client = self.client_mut(id);
        (client.ready, client.call, client.inside) = (false, None, false);
        (client.counting, client.process) = (Counting::No, Process::Untouched);
        client.line = None;
        self.events.push_back(Event::Lost(id));
    }

    /// Kills a client's process, as the plan wants it; false when there is none.
    pub fn kill(&mut self, node: NodeId) -> bool {
        let Some(id) = node.client().filter(|id| self.client(*id).ready) else {
            return false;
        };
        if self.client(id).process == Process::Untouched {
            self.client_mut(id).process = Process::Dying { again: false };
            self.command(node, Command::KillAdapter { holder: 0 }, Task::KillAdapter);
        }
        true
    }

    /// Starts a new process for a client whose process was killed; false when it was not.
    pub fn start_again(&mut self, node: NodeId) -> bool {
        let Some(id) = node.client() else {
            return false;
        };
        let client = self.client_mut(id);
        match client.process {
            Process::Untouched => return false,
            Process::Dying { .. } => client.process = Process::Dying { again: true },
            Process::Killed => {
                client.process = Process::Untouched;
                self.start_adapter(node);
            }
        }
        true
    }

    /// Whether a command handed a line to the process that a client has now.
    pub(super) fn is_line(&self, node: NodeId, command: u64) -> bool {
        node.client().is_some_and(|id| self.client(id).line == Some(command))
    }

    /// Whether a fault has killed a client's process, or is about to.
    pub(super) fn is_killed(&self, node: NodeId) -> bool {
        node.client().is_some_and(|id| self.client(id).process != Process::Untouched)
    }

    /// Stops a client's process, or lets it go on; false when there is none.
    pub fn stop(&mut self, node: NodeId, stopped: bool) -> bool {
        let there = node.client().is_some_and(|id| self.client(id).ready);
        if there {
            self.command(node, Command::StopAdapter { holder: 0, stopped }, Task::StopAdapter);
        }
        there
    }

    /// A client's process has ended; if a fault has killed it, its kernel may still be at what it
    /// had begun.
    pub(super) fn adapter_ended(&mut self, node: NodeId, cause: String) -> Result<(), RunError> {
        let Some(id) = node.client() else {
            return Ok(());
        };
        let Process::Dying { again } = self.client(id).process else {
            return self.adapter_failed(node, cause);
        };
        let reads = matches!(self.client(id).counting, Counting::Reading | Counting::Read);
        if reads {
            self.drop_count(id, "its process was killed".into())?;
        }
        for (_, task) in self.tasks.iter_mut().filter(|((of, _), _)| *of == node) {
            if matches!(task, Task::BeginCount(_) | Task::EndCount(_)) {
                *task = Task::Abandoned;
            }
        }
        let client = self.client_mut(id);
        (client.ready, client.call, client.inside) = (false, None, false);
        (client.counting, client.process) = (Counting::No, Process::Killed);
        client.line = None;
        let client = client.name.clone();
        self.record(EventKind::AdapterKilled { client })?;
        self.events.push_back(Event::Lost(id));
        if again {
            self.start_again(node);
        }
        Ok(())
    }

    /// Sends a command to an agent; `task` is taken up again when it is done.
    pub fn command(&mut self, node: NodeId, command: Command, task: Task) {
        let id = self.site.send(node, command);
        self.tasks.insert((node, id), task);
    }

    /// Calls a client's lock.
    pub fn call(&mut self, id: ClientId, operation: Operation) -> Result<(), RunError> {
        self.calls += 1;
        let (call, now) = (self.calls, self.now());
        let client = self.client_mut(id);
        client.call = Some((call, operation.clone(), now));
        let name = client.name.clone();
        let request = Request::from(&operation).numbered(call);
        self.events.push_back(Event::Called { client: id, operation: operation.clone() });
        self.record(EventKind::Called { client: name, call, operation })?;
        let line = self.site.send(id.node(), Command::Adapter { holder: 0, line: request });
        self.client_mut(id).line = Some(line);
        Ok(())
    }

    /// The witness: the client's acquire has returned, and it is in its critical section.
    /// One that acquires its lock a second time is inside already.
    pub fn enter(&mut self, id: ClientId) -> Result<(), RunError> {
        if std::mem::replace(&mut self.client_mut(id).inside, true) {
            return Ok(());
        }
        self.record(EventKind::Entered { client: self.client(id).name.clone() })?;
        self.events.push_back(Event::Entered(id));
        Ok(())
    }

    /// The witness: the client is about to call release.
    pub fn leave(&mut self, id: ClientId) -> Result<(), RunError> {
        self.client_mut(id).inside = false;
        self.events.push_back(Event::Left(id));
        self.record(EventKind::Left { client: self.client(id).name.clone() })
    }

    /// Begins to increment the counter on a client's mount: reads it.
    pub fn begin_count(&mut self, id: ClientId) -> Result<(), RunError> {
        self.client_mut(id).counting = Counting::Reading;
        self.record(EventKind::CountBegan { client: self.client(id).name.clone() })?;
        let file = format!("{MOUNT_POINT}/{COUNTER}");
        self.command(id.node(), Command::BeginCount { file }, Task::BeginCount(id));
        Ok(())
    }

    /// Writes the count that was read.
    pub fn end_count(&mut self, id: ClientId) {
        self.client_mut(id).counting = Counting::Writing;
        self.command(id.node(), Command::EndCount, Task::EndCount(id));
    }

    /// Leaves the count that was read unwritten.
    pub fn drop_count(&mut self, id: ClientId, why: String) -> Result<(), RunError> {
        self.client_mut(id).counting = Counting::No;
        self.record(EventKind::CountDropped { client: self.client(id).name.clone(), why })
    }

    /// Has the descriptors counted that a client's adapter has open.
    pub fn count_descriptors(&mut self, id: ClientId) {
        self.command(id.node(), Command::CountDescriptors, Task::CountDescriptors(id));
    }

    /// Sets a node's wall clock, if that takes commands and its clock is not so already.
    pub fn set_clock(&mut self, node: NodeId, setting: Setting) {
        let told = self.readiness.progress(node) >= Progress::Configured;
        let is_so = setting == self.clocks[node.index()] && setting.drift_ppm == 0;
        // One that was sent before the node stood still would set it otherwise.
        let under_way = (self.tasks.iter())
            .any(|((of, _), task)| *of == node && matches!(task, Task::SetClock(_)));
        if !told || self.is_paused(node) || (is_so && !under_way) {
            return;
        }
        let Setting { offset_ns, drift_ppm } = setting;
        let offset_ns = offset_ns.saturating_add_unsigned(self.stood[node.index()]);
        self.command(node, Command::SetClock { offset_ns, drift_ppm }, Task::SetClock(setting));
    }

    pub(super) fn clock_was_set(&mut self, node: NodeId, setting: Setting) -> Result<(), RunError> {
        self.tell_clock(node, setting)?;
        self.events.push_back(Event::ClockSet(node));
        Ok(())
    }

    fn tell_clock(&mut self, node: NodeId, setting: Setting) -> Result<(), RunError> {
        self.clocks[node.index()] = setting;
        let node = self.node_name(node).to_owned();
        let Setting { offset_ns, drift_ppm } = setting;
        self.record(EventKind::ClockSet { node, offset_ns, drift_ppm })
    }

    /// The client that is in its critical section; the first, should there be several.
    pub fn owner(&self) -> Option<ClientId> {
        self.clients.iter().position(|client| client.inside).map(ClientId::at)
    }

    /// Lets time pass until there is an event. `None`: nothing will ever happen again.
    pub fn next_event(&mut self) -> Result<Option<Event>, RunError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.failure.is_some() {
                return Ok(None);
            }
            let happening = self.site.advance()?;
            self.history.tick(self.site.now());
            match happening {
                Happening::Timer(token) => self.timer(token)?,
                Happening::Signal(token) => {
                    self.events.extend(FaultId::of_token(token).map(Event::Caught));
                }
                Happening::Message { node, message } => self.take_message(node, message)?,
                Happening::Garbled { node, cause } => {
                    self.fail(format!(
                        "{}: its agent cannot be understood: {cause}",
                        self.node_name(node)
                    ));
                }
                Happening::Died { node, cause } => self.node_died(node, cause)?,
                Happening::Idle => return Ok(None),
            }
        }
    }

    /// Names the node, and what it was asked to do when it began to compute without end.
    pub fn explain_stuck(&self, stuck: &SiteError) -> String {
        let SiteError::Stuck { node, .. } = stuck else {
            return stuck.to_string();
        };
        let client = self.client_named(node);
        let lock = &self.plan.profile.name;
        match client.and_then(|client| self.asked_for(client)) {
            Some(asked) => format!("{stuck}; its adapter ({lock}) has not answered, {asked}"),
            None => format!("{stuck}; its adapter ({lock}) had nothing to do"),
        }
    }

    /// The call that a client's adapter has not answered, in words.
    pub(super) fn asked_for(&self, id: ClientId) -> Option<String> {
        let (_, operation, at) = self.client(id).call.as_ref()?;
        let at = Nanos(*at).as_secs_f64();
        Some(format!("asked for {} at {at:.3} s", operation.name()))
    }

    /// Ends the site's files and gives the history away.
    pub fn finish(mut self) -> Result<(Finished, u64, Statistics), RunError> {
        self.site.finish()?;
        Ok((self.history.finish()?, self.site.now(), self.site.statistics()))
    }
}
