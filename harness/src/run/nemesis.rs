//! The nemesis: puts faults into force, lifts them, and looks whether they acted. The plan's faults
//! strike when their triggers say so; a script's when its steps do.

use super::RunError;
use super::active::{Active, Hit};
use super::event::{Event, Timer};
use super::in_force::InForce;
use super::interpreter::Interpreter;
use super::task::Task;
use super::triggers::{By, Triggers, is_so};
use super::watch::Watch;
use crate::fault::pause::AfterPause;
use crate::fault::{CALLER, Caught, Effect, FaultId, OWNER, Passes, Situation, Strike, Trigger};
use crate::history::EventKind;
use crate::plan::Plan;
use crate::scenario::Reseed;
use crate::seeds;
use crate::site::{ClientId, NodeId};
use lockstorm_agent::{Command, Failing};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

pub struct Nemesis<'a> {
    plan: &'a Plan,
    triggers: Triggers<'a>,
    /// A fault that the plan does not have waits for a message.
    watch: Option<Watch>,
    active: BTreeMap<FaultId, Active>,
    force: InForce,
    /// The server's disk was filled by a fault, and may be still.
    filled: bool,
    /// Of what faults draw that have yet to strike.
    seed: u64,
    /// Which unflushed sectors last.
    sectors: ChaCha8Rng,
}

/// What draws the unflushed sectors that last.
fn sectors(seed: u64) -> ChaCha8Rng {
    seeds::generator(seeds::derive(seed, "nemesis/sectors"))
}

impl<'a> Nemesis<'a> {
    pub fn new(plan: &'a Plan) -> Nemesis<'a> {
        Nemesis {
            plan,
            triggers: Triggers::new(plan),
            watch: None,
            active: BTreeMap::new(),
            force: InForce::of(plan.blueprint.clocks_off()),
            filled: false,
            seed: plan.seed,
            sectors: sectors(plan.seed),
        }
    }

    /// Before any node has power.
    pub fn listen(&mut self, run: &mut Interpreter) {
        self.triggers.listen(run);
    }

    pub fn on(&mut self, event: &Event, run: &mut Interpreter) -> Result<(), RunError> {
        self.triggers.on(event, run);
        self.look_at_ends(run);
        match event {
            Event::Began => {
                if let Some(Reseed { at, seed }) = self.plan.scenario.reseed {
                    run.set_timer_in(at, Timer::Reseed(seed));
                }
            }
            Event::Timer(Timer::Reseed(seed)) => {
                (self.seed, self.sectors) = (*seed, sectors(*seed));
                run.site().reseed(seeds::derive(*seed, seeds::WIRE));
            }
            Event::Caught(id) => {
                if let Some(caught) = self.triggers.catch(*id, run) {
                    return self.strike_planned(*id, Some(&caught), run);
                }
                return self.strike_watched(*id, run);
            }
            Event::Timer(Timer::FaultBegins(id)) => {
                return self.strike_planned(*id, None, run);
            }
            Event::Timer(Timer::FaultEnds(fault)) => return self.end(*fault, run).map(|_| ()),
            Event::Timer(Timer::Turn(fault)) => self.take_turns(*fault, run),
            Event::Timer(Timer::Recovery) => return self.recover(run),
            Event::Configured(node) => self.set_clock(*node, run),
            Event::ServerReady => self.fill_disk(run),
            Event::DiskFilled(outcome) => self.disk_was_filled(outcome),
            Event::Returned(client) => self.let_calls_fail(client.node(), run),
            Event::CallFailed(fault) => self.call_has_failed(*fault),
            Event::ClockSet(node) => self.clock_was_set(*node),
            Event::ClockFailed(node, why) => self.clock_was_not_set(*node, why),
            _ => {}
        }
        Ok(())
    }

    /// Ends, or is about to, what lasts until clients are in the situation that they are in now.
    fn look_at_ends(&mut self, run: &mut Interpreter) {
        for (id, active) in &mut self.active {
            let hit = active.node.client();
            let has_come = |until: &mut Situation| is_so(until, hit, run);
            if let Some(until) = active.until.take_if(has_come) {
                run.set_timer_in(until.after, Timer::FaultEnds(*id));
            }
        }
    }

    fn strike_planned(
        &mut self,
        id: FaultId,
        caught: Option<&Caught>,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let Some((spec, by)) = self.triggers.strike(id) else {
            return Ok(());
        };
        let target = match (spec.strike.target(), &spec.when, by) {
            // It is in no critical section any more.
            (OWNER, Trigger::Left(_), By::Client(client)) => Some(client.node()),
            (CALLER, _, By::Client(client)) => Some(client.node()),
            (OWNER, ..) => run.owner().map(ClientId::node),
            (name, ..) => run.node(name),
        };
        let Some(node) = target else {
            let why = "nobody was in a critical section when it struck".into();
            return run.record(EventKind::FaultMissed { fault: id, why });
        };
        self.put_into_force(id, &spec.strike, node, caught, run)?;
        if let Some(lasts) = spec.lasts.or(spec.strike.fault().lasts()) {
            run.set_timer_in(lasts, Timer::FaultEnds(id));
        }
        if let Some(active) = self.active.get_mut(&id) {
            active.until.clone_from(&spec.until);
        }
        Ok(())
    }

    /// Puts a fault into force until it is ended.
    pub fn strike(
        &mut self,
        id: FaultId,
        strike: &Strike,
        node: NodeId,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        self.put_into_force(id, strike, node, None, run)
    }

    /// Has a fault strike at the first message like this, before that is delivered. There is one
    /// such fault at a time.
    pub fn strike_at(
        &mut self,
        id: FaultId,
        passes: &Passes,
        strike: &Strike,
        run: &mut Interpreter,
    ) {
        if let Some(before) = self.watch.take() {
            before.end(run);
        }
        self.watch = Some(Watch::new(id, passes, strike, self.plan, run));
    }

    /// Whether the message has come for which that fault waits.
    pub fn has_struck(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::has_struck)
    }

    fn strike_watched(&mut self, id: FaultId, run: &mut Interpreter) -> Result<(), RunError> {
        let Some((strike, caught)) = self.watch.as_mut().and_then(|watch| watch.catch(id)) else {
            return Ok(());
        };
        self.put_into_force(id, &strike, caught.client.node(), Some(&caught), run)?;
        if let Some(lasts) = strike.fault().lasts() {
            run.set_timer_in(lasts, Timer::FaultEnds(id));
        }
        Ok(())
    }

    fn put_into_force(
        &mut self,
        id: FaultId,
        strike: &Strike,
        node: NodeId,
        caught: Option<&Caught>,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let fault = strike.fault();
        let consequences = fault.consequences(run.node_name(node)).into_iter();
        let at = caught.map(|caught| format!(" ({})", caught.describe())).unwrap_or_default();
        run.record(EventKind::FaultStruck {
            fault: id,
            kind: strike.kind().into(),
            node: run.node_name(node).to_owned(),
            detail: format!("{}{at}", fault.describe()),
            consequences: match caught {
                Some(caught) => consequences.map(|one| one.of_operation(&caught.op)).collect(),
                None => consequences.collect(),
            },
        })?;
        let mut active = Active::new(node);
        let seed = seeds::derive(self.seed, &format!("fault/{}", id.index()));
        let on_message = caught.into_iter().flat_map(|caught| fault.effects_on(caught));
        for effect in fault.effects(node, seed).into_iter().chain(on_message) {
            self.have_effect(effect, id, &mut active, run)?;
        }
        if fault.needs_message() && active.rules.is_empty() {
            active.hindrance = Some("no frame brings that message alone".into());
        }
        let fills_disk = active.fills_disk;
        self.active.insert(id, active);
        if fills_disk {
            self.fill_disk(run);
        }
        self.triggers.follow(id, false, run);
        self.keep_still(node, run)
    }

    /// One thing that a fault does begins.
    fn have_effect(
        &mut self,
        effect: Effect,
        id: FaultId,
        active: &mut Active,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let node = active.node;
        match effect {
            Effect::Wire(rule) => active.rules.push(run.site().lay(rule)),
            Effect::NoPower { keep } => {
                active.has_power_effect = true;
                self.force.keep_off(node, id);
                if run.site().has_power(node) {
                    let sectors = &mut self.sectors;
                    let lost = run.power_off(node, &mut |_| sectors.random::<f64>() < keep)?;
                    active.did.push(lost);
                    self.force.catch_up(node);
                }
            }
            Effect::HostName { host_name } => run.rename(node, host_name),
            Effect::Address { address } => run.give_address(node, address),
            Effect::WallClock { step_ns, drift_ppm } => {
                self.force.set_wrong(node, id, step_ns, drift_ppm, run.now());
                active.hindrance = Some("the node had no power".into());
                self.set_clock(node, run);
            }
            Effect::Pause { after } => {
                active.pauses = Some(after);
                active.hindrance = Some("the node had no power".into());
                self.force.pause(node, id);
            }
            Effect::Disk { trouble, seed } => {
                active.troubles.push(run.site().lay_trouble(trouble, seed));
            }
            Effect::FullDisk => {
                (active.fills_disk, self.filled) = (true, true);
                active.hindrance = Some("the server did not serve".into());
            }
            Effect::NoService => {
                active.stops_service = true;
                match run.keep_service(false) {
                    true => active.did.push("server stopped".into()),
                    false => active.hindrance = Some("the server did not serve".into()),
                }
            }
            Effect::NoProcess => active.hit_process(Hit::Kills, run.kill(node)),
            Effect::ProcessStands { runs: None } => {
                active.stands = true;
                active.hit_process(Hit::Stops, run.stop(node, true));
            }
            Effect::ProcessStands { runs: Some(turns) } => {
                (active.process, active.turns) = (Some(Hit::Stops), Some(turns));
                run.set_timer_in(turns.0, Timer::Turn(id));
            }
            Effect::CallsFail { call, errno, path, nth, times } => {
                let failing = Failing { fault: id.token(), call, errno, path, nth, times };
                if run.is_ready(node) {
                    run.command(node, Command::FailCalls(failing.clone()), Task::FailCalls);
                }
                active.failing = Some((failing, 0));
            }
        }
        Ok(())
    }

    /// Whether a fault wants the process of a client's lock not to run.
    fn stands(&self, node: NodeId) -> bool {
        self.active.values().any(|active| active.node == node && active.stands)
    }

    /// A process that runs and stands in turns has had enough of one.
    fn take_turns(&mut self, id: FaultId, run: &mut Interpreter) {
        let Some(active) = self.active.get_mut(&id) else {
            return;
        };
        let Some((runs, stands)) = active.turns else {
            return;
        };
        active.stands = !active.stands;
        let (node, lasts) = (active.node, if active.stands { stands } else { runs });
        let is_there = run.stop(node, self.stands(node));
        if let Some(active) = self.active.get_mut(&id)
            && active.did.is_empty()
        {
            match is_there {
                true if active.stands => active.did.push("stopped again and again".into()),
                true => {}
                false => active.hindrance = Some("no process of a lock ran there".into()),
            }
        }
        run.set_timer_in(lasts, Timer::Turn(id));
    }

    /// A node that has power stands still while a fault wants it to.
    fn keep_still(&mut self, node: NodeId, run: &mut Interpreter) -> Result<(), RunError> {
        let pausing = self.force.pausing(node);
        if pausing.is_empty() || !run.pause(node, self.force.clock(node, run.now()))? {
            return Ok(());
        }
        for id in pausing {
            if let Some(active) = self.active.get_mut(&id)
                && active.did.is_empty()
            {
                active.did.push("stood still".into());
            }
        }
        Ok(())
    }

    /// A fault lets a node go on, if no other keeps it.
    fn let_run(
        &mut self,
        node: NodeId,
        id: FaultId,
        after: AfterPause,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        if self.force.let_run(node, id)
            && let Some(stood) = run.resume(node)?
        {
            if after == AfterPause::Stands {
                self.force.fall_behind(node, stood.0);
            }
            self.set_clock(node, run);
        }
        Ok(())
    }

    /// Lifts a fault, and tells what it did; one that did nothing was missed. Answers the node that
    /// it hit, unless it is not in force.
    pub fn end(&mut self, id: FaultId, run: &mut Interpreter) -> Result<Option<NodeId>, RunError> {
        let Some(mut active) = self.active.remove(&id) else {
            return Ok(None);
        };
        let node = active.node;
        active.lift_rules(run);
        if let Some(after) = active.pauses {
            self.let_run(node, id, after, run)?;
        }
        active.lift_troubles(run);
        active.let_calls_through(run);
        if active.fills_disk {
            self.fill_disk(run);
        }
        if active.stops_service && !self.active.values().any(|other| other.stops_service) {
            run.keep_service(true);
        }
        if let Some(hit) = active.process {
            // Others of the same kind may still be at it.
            let mut others = self.active.values().filter(|other| other.node == node);
            let alone = others.all(|other| other.process != Some(Hit::Kills));
            match hit {
                Hit::Kills if alone && run.start_again(node) => {
                    active.did.push("started again".into());
                }
                Hit::Stops if !self.stands(node) => drop(run.stop(node, false)),
                _ => {}
            }
        }
        if self.force.at_clock(node).contains(&id) {
            self.force.set_right(node, id);
            self.set_clock(node, run);
        }
        if active.has_power_effect {
            let keepers = self.force.let_on(node, id);
            for keeper in &keepers {
                if let Some(keeper) = self.active.get_mut(keeper) {
                    keeper.keeps_off();
                }
            }
            if keepers.is_empty() && !run.site().has_power(node) {
                run.power_on(node)?;
                active.did.push("switched on again".into());
                self.keep_still(node, run)?;
            }
        }
        run.record(active.told(id))?;
        self.triggers.follow(id, true, run);
        Ok(Some(node))
    }

    /// The faults of a kind that are in force at a node, the latest last.
    pub fn in_force(&self, kind: &str, node: NodeId) -> Vec<FaultId> {
        let all = self.active.iter().filter(|(_, active)| active.node == node);
        let of_kind = |id: &FaultId| self.plan.strike(*id).is_some_and(|s| s.kind() == kind);
        all.map(|(id, _)| *id).filter(of_kind).collect()
    }

    /// The time of the workload is over, and all is to be well again: every fault ends, and no more
    /// strike.
    fn recover(&mut self, run: &mut Interpreter) -> Result<(), RunError> {
        self.triggers.miss_the_rest("the workload's time was over before it struck", run)?;
        for id in self.active.keys().copied().collect::<Vec<_>>() {
            self.end(id, run)?;
        }
        for node in NodeId::all(self.plan.blueprint.nodes.len()) {
            if self.force.catch_up(node) {
                self.set_clock(node, run);
            }
        }
        Ok(())
    }

    /// The run is over: tells what every fault did that has not ended, or never began.
    pub fn finish(&mut self, run: &mut Interpreter) -> Result<(), RunError> {
        for (id, mut active) in std::mem::take(&mut self.active) {
            active.lift_rules(run);
            active.lift_troubles(run);
            active.let_calls_through(run);
            run.record(active.told(id))?;
        }
        self.triggers.miss_the_rest("the workload ended before it struck", run)?;
        self.triggers.finish(run);
        if let Some(watch) = self.watch.take() {
            watch.end(run);
        }
        Ok(())
    }

    /// Fills the server's disk if a fault in force wants it, or frees it, if the server can be
    /// told.
    fn fill_disk(&mut self, run: &mut Interpreter) {
        let full = self.active.values().any(|active| active.fills_disk);
        if self.filled && run.is_ready(NodeId::SERVER) {
            self.filled = full;
            run.command(NodeId::SERVER, Command::FillDisk { full }, Task::FillDisk);
        }
    }

    fn disk_was_filled(&mut self, outcome: &Result<(), String>) {
        for active in self.active.values_mut().filter(|active| active.fills_disk) {
            match outcome {
                Ok(()) if active.did.is_empty() => active.did.push("disk filled".into()),
                Ok(()) => {}
                Err(why) => active.hindrance = Some(format!("the disk was not filled: {why}")),
            }
        }
    }

    /// A process has come (again) to a node: the faults in force let its calls fail, too.
    fn let_calls_fail(&mut self, node: NodeId, run: &mut Interpreter) {
        for active in self.active.values().filter(|active| active.node == node) {
            if let Some((failing, _)) = &active.failing {
                run.command(node, Command::FailCalls(failing.clone()), Task::FailCalls);
            }
        }
    }

    fn call_has_failed(&mut self, fault: FaultId) {
        let active = self.active.get_mut(&fault);
        if let Some((_, failed)) = active.and_then(|active| active.failing.as_mut()) {
            *failed += 1;
        }
    }

    /// Sets a node's clock to what the faults in force make of it, if the node can be told: one
    /// that boots is told when it has come so far.
    fn set_clock(&mut self, node: NodeId, run: &mut Interpreter) {
        let setting = self.force.clock(node, run.now());
        run.set_clock(node, setting);
    }

    fn clock_was_set(&mut self, node: NodeId) {
        for id in self.force.at_clock(node) {
            if let Some(active) = self.active.get_mut(&id)
                && active.did.is_empty()
            {
                active.did.push("clock set".into());
            }
        }
    }

    fn clock_was_not_set(&mut self, node: NodeId, why: &str) {
        for id in self.force.at_clock(node) {
            if let Some(active) = self.active.get_mut(&id) {
                active.hindrance = Some(format!("the clock could not be set: {why}"));
            }
        }
    }
}
