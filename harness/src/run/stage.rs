//! The stage: the site as workloads and the nemesis see it.

use super::RunError;
use super::crew::{Crew, READY_WITHIN};
use super::cue::{ClientId, Cue, Wake};
use super::task::Task;
use crate::history::writer::{Finished, Writer};
use crate::history::{Operation, What};
use crate::lock::adapter::Request;
use crate::plan::Plan;
use crate::site::{Happening, NodeId, Site, SiteError, Statistics};
use crate::units::{Nanos, SECOND};
use lockstorm_agent::{Command, EXPORT, MOUNT_POINT};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// The counter's name on the export.
const COUNTER: &str = "counter";

pub struct Client {
    pub name: String,
    /// The adapter takes requests.
    pub ready: bool,
    /// The one call that has not been answered: its number, what it is, when it was made.
    pub call: Option<(u64, Operation, u64)>,
    /// The witness has it in its critical section.
    pub inside: bool,
    pub counting: Counting,
}

/// How far a client's increment of the counter has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    No,
    Reading,
    Read,
    Writing,
}

/// How far a node's wall clock is from the harness's.
#[derive(Clone, Copy, Default)]
pub(super) struct WallClock {
    pub(super) offset_ns: i64,
    pub(super) drift_ppm: i64,
    pub(super) since: u64,
}

pub struct Stage<'a> {
    plan: &'a Plan,
    site: Site<'a>,
    pub(super) history: Writer,
    pub(super) crew: Crew,
    pub clients: Vec<Client>,
    pub(super) cues: VecDeque<Cue>,
    pub(super) timers: BTreeMap<u64, Wake>,
    next_timer: u64,
    calls: u64,
    /// Commands to agents that are still to be answered.
    pub(super) tasks: BTreeMap<(NodeId, u64), Task>,
    pub(super) clocks: Vec<WallClock>,
    pub(super) began: Option<u64>,
    pub(super) failure: Option<String>,
    pub(super) artefacts: &'a Path,
}

impl<'a> Stage<'a> {
    /// `artefacts` is where the site writes its console logs.
    pub fn new(plan: &'a Plan, site: Site<'a>, history: Writer, artefacts: &'a Path) -> Stage<'a> {
        let nodes = &plan.blueprint.nodes;
        let client = |name: &String| Client {
            name: name.clone(),
            ready: false,
            call: None,
            inside: false,
            counting: Counting::No,
        };
        Stage {
            plan,
            site,
            history,
            crew: Crew::new(nodes.len()),
            clients: nodes[1..].iter().map(|node| client(&node.name)).collect(),
            cues: VecDeque::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            calls: 0,
            tasks: BTreeMap::new(),
            clocks: vec![WallClock::default(); nodes.len()],
            began: None,
            failure: None,
            artefacts,
        }
    }

    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    pub fn site(&mut self) -> &mut Site<'a> {
        &mut self.site
    }

    pub fn now(&self) -> u64 {
        self.site.now()
    }

    /// When the workload began.
    pub fn began(&self) -> u64 {
        self.began.unwrap_or(0)
    }

    /// Why the run cannot go on.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The run cannot go on; the first reason counts.
    pub fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    pub fn record(&mut self, what: What) -> Result<(), RunError> {
        self.history.append(self.site.now(), what)?;
        Ok(())
    }

    pub fn set_timer(&mut self, at: u64, wake: Wake) {
        self.next_timer += 1;
        self.timers.insert(self.next_timer, wake);
        self.site.set_timer(at, self.next_timer);
    }

    pub fn set_timer_in(&mut self, delay: Nanos, wake: Wake) {
        self.set_timer(self.now().saturating_add(delay.0), wake);
    }

    /// Strikes out every timer that `wake` matches.
    pub fn clear_timers(&mut self, matches: impl Fn(&Wake) -> bool) {
        self.timers.retain(|_, wake| !matches(wake));
    }

    pub fn node_name(&self, node: NodeId) -> &'a str {
        &self.plan.blueprint.nodes[node].name
    }

    pub fn power_on_all(&mut self) -> Result<(), RunError> {
        for (node, blueprint) in self.plan.blueprint.nodes.iter().enumerate() {
            match blueprint.power_on {
                Nanos::ZERO => self.power_on(node)?,
                later => self.set_timer_in(later, Wake::PowerOn(node)),
            }
        }
        self.set_timer(self.now() + READY_WITHIN, Wake::Overdue);
        Ok(())
    }

    pub fn power_on(&mut self, node: NodeId) -> Result<(), RunError> {
        if self.site.has_power(node) {
            return Ok(());
        }
        let name = self.node_name(node).to_owned();
        self.record(What::NodeBooted { node: name.clone() })?;
        // A machine that is switched on takes its time from the true one.
        if self.clocks[node].offset_ns != 0 || self.clocks[node].drift_ppm != 0 {
            self.clocks[node] = WallClock::default();
            self.record(What::ClockSet { node: name, offset_ns: 0, drift_ppm: 0 })?;
        }
        self.site.power_on(node)?;
        Ok(())
    }

    /// Cuts a node's power, as the plan wants it. Answers the number of sectors lost.
    pub fn power_off(
        &mut self,
        node: NodeId,
        keep: impl FnMut(u64) -> bool,
    ) -> Result<usize, RunError> {
        let lost = self.site.power_off(node, keep)?;
        let name = self.node_name(node).to_owned();
        self.record(What::NodeDied {
            node: name,
            by_plan: true,
            cause: "its power was cut".into(),
        })?;
        self.forget(node);
        Ok(lost)
    }

    /// What was under way on a node that has no power any more.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.tasks.retain(|(owner, _), _| *owner != node);
        self.crew.forget(node);
        let Some(id) = node.checked_sub(1) else {
            return;
        };
        let client = &mut self.clients[id];
        (client.ready, client.call, client.inside) = (false, None, false);
        client.counting = Counting::No;
        self.cues.push_back(Cue::Lost(id));
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
        let client = &mut self.clients[id];
        client.call = Some((call, operation.clone(), now));
        let name = client.name.clone();
        let request = Request::from(&operation).numbered(call);
        self.record(What::Called { client: name, call, operation })?;
        self.site.send(id + 1, Command::Adapter { holder: 0, line: request });
        Ok(())
    }

    /// The witness: the client's acquire has returned, and it is in its critical section.
    pub fn enter(&mut self, id: ClientId) -> Result<(), RunError> {
        self.clients[id].inside = true;
        self.record(What::Entered { client: self.clients[id].name.clone() })?;
        self.cues.push_back(Cue::Entered(id));
        Ok(())
    }

    /// The witness: the client is about to call release.
    pub fn leave(&mut self, id: ClientId) -> Result<(), RunError> {
        self.clients[id].inside = false;
        self.cues.push_back(Cue::Left(id));
        self.record(What::Left { client: self.clients[id].name.clone() })
    }

    /// Begins to increment the counter on a client's mount: reads it.
    pub fn begin_count(&mut self, id: ClientId) -> Result<(), RunError> {
        self.clients[id].counting = Counting::Reading;
        self.record(What::CountBegan { client: self.clients[id].name.clone() })?;
        let file = format!("{MOUNT_POINT}/{COUNTER}");
        self.command(id + 1, Command::BeginCount { file }, Task::BeginCount(id));
        Ok(())
    }

    /// Writes the count that was read.
    pub fn end_count(&mut self, id: ClientId) {
        self.clients[id].counting = Counting::Writing;
        self.command(id + 1, Command::EndCount, Task::EndCount(id));
    }

    /// Leaves the count that was read unwritten.
    pub fn drop_count(&mut self, id: ClientId, why: String) -> Result<(), RunError> {
        self.clients[id].counting = Counting::No;
        self.record(What::CountDropped { client: self.clients[id].name.clone(), why })
    }

    /// Has the descriptors counted that a client's adapter has open.
    pub fn count_descriptors(&mut self, id: ClientId) {
        self.command(id + 1, Command::CountDescriptors, Task::CountDescriptors(id));
    }

    /// Steps a node's wall clock and sets its rate; fault number `fault` did it.
    pub fn set_clock(&mut self, node: NodeId, step_ns: i64, drift_ppm: i64, fault: usize) {
        let task = Task::SetClock { step_ns, drift_ppm, fault };
        self.command(node, Command::SetClock { step_ns, drift_ppm }, task);
    }

    /// The client that is in its critical section; the first, should there be several.
    pub fn owner(&self) -> Option<ClientId> {
        self.clients.iter().position(|client| client.inside)
    }

    /// Lets time pass until there is a cue. `None`: nothing will ever happen again.
    pub fn next_cue(&mut self) -> Result<Option<Cue>, RunError> {
        loop {
            if let Some(cue) = self.cues.pop_front() {
                return Ok(Some(cue));
            }
            if self.failure.is_some() {
                return Ok(None);
            }
            let happening = self.site.advance()?;
            self.history.tick(self.site.now());
            match happening {
                Happening::Timer(token) => self.wake(token)?,
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

    /// Reads the counter on the server, past every client's cache.
    pub fn read_counter(&mut self) -> Result<(), RunError> {
        if self.failure.is_some() || !self.crew.serves() {
            return Ok(());
        }
        self.command(
            0,
            Command::ReadCount { file: format!("{EXPORT}/{COUNTER}") },
            Task::ReadCounter,
        );
        self.set_timer(self.now() + 60 * SECOND, Wake::NoCounter);
        loop {
            match self.next_cue()? {
                Some(Cue::CounterRead(value)) => return self.record(What::CounterRead { value }),
                None | Some(Cue::Timer(Wake::NoCounter)) => return Ok(()),
                Some(_) => {}
            }
        }
    }

    /// Names the node, and what it was asked to do when it began to compute without end.
    pub fn explain_stuck(&self, stuck: &SiteError) -> String {
        let SiteError::Stuck { node, .. } = stuck else {
            return stuck.to_string();
        };
        let client = self.clients.iter().position(|client| client.name == *node);
        let lock = &self.plan.profile.name;
        match client.and_then(|client| self.asked_for(client)) {
            Some(asked) => format!("{stuck}; its adapter ({lock}) has not answered, {asked}"),
            None => format!("{stuck}; its adapter ({lock}) had nothing to do"),
        }
    }

    /// The call that a client's adapter has not answered, in words.
    pub(super) fn asked_for(&self, id: ClientId) -> Option<String> {
        let (_, operation, at) = self.clients[id].call.as_ref()?;
        let at = Nanos(*at).as_secs_f64();
        Some(format!("asked for {} at {at:.3} s", operation.name()))
    }

    /// Ends the artefacts and gives the history away.
    pub fn finish(mut self) -> Result<(Finished, u64, Statistics), RunError> {
        self.site.finish()?;
        Ok((self.history.finish()?, self.site.now(), self.site.statistics()))
    }
}
