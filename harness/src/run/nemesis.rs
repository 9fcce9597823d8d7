//! The nemesis: strikes with the plan's faults, ends them, and looks whether they had an effect.

use super::RunError;
use super::cue::{ClientId, Cue, Wake};
use super::stage::Stage;
use crate::fault::{Act, FaultSpec, OWNER, Section, Trigger};
use crate::history::What;
use crate::plan::Plan;
use crate::site::NodeId;
use crate::site::wire::RuleId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub struct Nemesis<'a> {
    faults: Vec<Armed<'a>>,
    entered: Sections,
    left: Sections,
    draws: Draws,
}

/// How many critical sections have come to the same point, in all and of each client.
struct Sections {
    all: u32,
    by: Vec<u32>,
}

/// What the nemesis itself draws: which sectors last.
pub struct Draws(ChaCha8Rng);

impl Draws {
    pub fn new(plan: &Plan) -> Draws {
        // A stream of its own, so that no draw here shifts one of the wire's.
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        rng.set_stream(u64::from_be_bytes(*b"nemesis\0"));
        Draws(rng)
    }
}

struct Armed<'a> {
    spec: &'a FaultSpec,
    state: State,
}

enum State {
    Waiting,
    /// By this client, if by one.
    Triggered(Option<ClientId>),
    Active(Active),
    Over,
}

/// A fault in force.
pub struct Active {
    pub node: NodeId,
    rules: Vec<RuleId>,
    /// What it did that no counting of frames can tell.
    effects: Vec<String>,
}

impl<'a> Nemesis<'a> {
    pub fn new(plan: &'a Plan) -> Nemesis<'a> {
        let armed = |spec| Armed { spec, state: State::Waiting };
        Nemesis {
            faults: plan.scenario.faults.iter().map(armed).collect(),
            entered: Sections::none(plan),
            left: Sections::none(plan),
            draws: Draws::new(plan),
        }
    }

    pub fn on(&mut self, cue: &Cue, stage: &mut Stage) -> Result<(), RunError> {
        match *cue {
            Cue::Began => self.set_times(stage),
            Cue::Entered(client) => {
                let count = self.entered.count(client);
                self.come(client, count, stage, |trigger| match trigger {
                    Trigger::Entered(section) => Some(section),
                    _ => None,
                });
            }
            Cue::Left(client) => {
                let count = self.left.count(client);
                self.come(client, count, stage, |trigger| match trigger {
                    Trigger::Left(section) => Some(section),
                    _ => None,
                });
            }
            Cue::Timer(Wake::FaultBegins(index)) => return self.strike(index, stage),
            Cue::Timer(Wake::FaultEnds(index)) => return self.end(index, stage),
            _ => {}
        }
        Ok(())
    }

    fn set_times(&mut self, stage: &mut Stage) {
        for (index, fault) in self.faults.iter_mut().enumerate() {
            if let Trigger::At(at) = fault.spec.when {
                fault.state = State::Triggered(None);
                stage.set_timer_in(at, Wake::FaultBegins(index));
            }
        }
    }

    /// A critical section has come to a point at which faults may wait for it: the how-manieth in
    /// all, and of its client.
    fn come(
        &mut self,
        client: ClientId,
        (all, own): (u32, u32),
        stage: &mut Stage,
        waits: fn(&Trigger) -> Option<&Section>,
    ) {
        for (index, fault) in self.faults.iter_mut().enumerate() {
            let Some(section) = waits(&fault.spec.when) else {
                continue;
            };
            let count = match &section.client {
                None => all,
                Some(name) if *name == stage.clients[client].name => own,
                Some(_) => continue,
            };
            if count == section.count && matches!(fault.state, State::Waiting) {
                fault.state = State::Triggered(Some(client));
                stage.set_timer_in(section.after, Wake::FaultBegins(index));
            }
        }
    }

    fn strike(&mut self, index: usize, stage: &mut Stage) -> Result<(), RunError> {
        let fault = &mut self.faults[index];
        let target = match (fault.spec.strike.target(), &fault.spec.when, &fault.state) {
            // It is in no critical section any more.
            (OWNER, Trigger::Left(_), State::Triggered(Some(client))) => Some(client + 1),
            (OWNER, ..) => stage.owner().map(|client| client + 1),
            (name, ..) => stage.site().node(name),
        };
        let Some(node) = target else {
            fault.state = State::Over;
            let why = "nobody was in a critical section when it struck".into();
            return stage.record(What::FaultMissed { fault: index, why });
        };
        let strike = fault.spec.strike.fault();
        stage.record(What::FaultStruck {
            fault: index,
            kind: fault.spec.strike.kind().into(),
            node: stage.node_name(node).to_owned(),
            detail: strike.describe(),
            consequences: strike.consequences(stage.node_name(node)),
        })?;
        let active = Active::begin(node, strike.begin(node), index, stage, &mut self.draws)?;
        fault.state = State::Active(active);
        if let Some(lasts) = fault.spec.lasts {
            stage.set_timer_in(lasts, Wake::FaultEnds(index));
        }
        Ok(())
    }

    fn end(&mut self, index: usize, stage: &mut Stage) -> Result<(), RunError> {
        let fault = &mut self.faults[index];
        let State::Active(active) = std::mem::replace(&mut fault.state, State::Over) else {
            return Ok(());
        };
        let acts = fault.spec.strike.fault().end();
        active.end(acts, index, stage, &mut self.draws)
    }

    /// The run is over: tells what every fault did that has not ended, or never began.
    pub fn finish(&mut self, stage: &mut Stage) -> Result<(), RunError> {
        for (index, fault) in self.faults.iter_mut().enumerate() {
            match std::mem::replace(&mut fault.state, State::Over) {
                State::Over => {}
                State::Active(active) => active.end(Vec::new(), index, stage, &mut self.draws)?,
                State::Waiting | State::Triggered(_) => {
                    let why = "the workload ended before it struck".into();
                    stage.record(What::FaultMissed { fault: index, why })?;
                }
            }
        }
        Ok(())
    }
}

impl Sections {
    fn none(plan: &Plan) -> Sections {
        Sections { all: 0, by: vec![0; plan.blueprint.nodes.len()] }
    }

    /// One more, of this client: how many there were in all, and of the client.
    fn count(&mut self, client: ClientId) -> (u32, u32) {
        self.all += 1;
        self.by[client] += 1;
        (self.all, self.by[client])
    }
}

impl Active {
    /// A fault that strikes a node now.
    pub fn begin(
        node: NodeId,
        acts: Vec<Act>,
        index: usize,
        stage: &mut Stage,
        draws: &mut Draws,
    ) -> Result<Active, RunError> {
        let mut active = Active { node, rules: Vec::new(), effects: Vec::new() };
        active.perform(acts, index, stage, draws)?;
        Ok(active)
    }

    fn perform(
        &mut self,
        acts: Vec<Act>,
        index: usize,
        stage: &mut Stage,
        draws: &mut Draws,
    ) -> Result<(), RunError> {
        for act in acts {
            match act {
                Act::Lay(rule) => self.rules.push(stage.site().wire().lay(rule)),
                Act::PowerOff { .. } if !stage.site().has_power(self.node) => {}
                Act::PowerOff { keep } => {
                    let lost = stage.power_off(self.node, |_| draws.0.random::<f64>() < keep)?;
                    self.effects.push(match self.node {
                        0 => format!("power lost, and {lost} unflushed sectors with it"),
                        _ => "power lost".into(),
                    });
                }
                Act::PowerOn => {
                    stage.power_on(self.node)?;
                    self.effects.push("switched on again".into());
                }
                Act::SetClock { step_ns, drift_ppm } => {
                    stage.set_clock(self.node, step_ns, drift_ppm, index);
                    self.effects.push("clock set".into());
                }
            }
        }
        Ok(())
    }

    /// Takes the fault back, and tells what it did. A fault that did nothing was missed.
    pub fn end(
        mut self,
        acts: Vec<Act>,
        index: usize,
        stage: &mut Stage,
        draws: &mut Draws,
    ) -> Result<(), RunError> {
        let laid = !self.rules.is_empty();
        let frames: u64 = self.rules.drain(..).map(|rule| stage.site().wire().lift(rule)).sum();
        if laid && frames > 0 {
            self.effects.push(format!("{frames} frames hit"));
        }
        let effective = !self.effects.is_empty();
        self.perform(acts, index, stage, draws)?;
        let effect = self.effects.join(", ");
        if effective {
            return stage.record(What::FaultEnded { fault: index, effect });
        }
        let why = match laid {
            true => "no frame came its way".into(),
            false => "the node had no power".into(),
        };
        stage.record(What::FaultMissed { fault: index, why })
    }
}
