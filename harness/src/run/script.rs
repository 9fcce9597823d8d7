//! The script workload: ordered steps, each with the answer that is expected of it.

use super::cue::{ClientId, Cue, Wake};
use super::nemesis::{Active, Draws};
use super::stage::Stage;
use super::{RunError, Workload};
use crate::fault::clock::Clock;
use crate::fault::crash::Crash;
use crate::fault::cut::Cut;
use crate::fault::{Act, Fault};
use crate::history::{Operation, What};
use crate::lock::adapter::Answer;
use crate::scenario::script::{Call, Expectation, ExpectedAnswer, Step, Verb};
use crate::site::NodeId;
use crate::units::{Nanos, SignedNanos};
use std::collections::BTreeMap;

/// How long a step waits for an answer that names no time of its own.
const ANSWER_WITHIN: Nanos = Nanos::from_secs(120);

pub struct Script<'a> {
    steps: &'a [Step],
    at: usize,
    waiting: Waiting,
    /// Answers that came before their step asked for them, by client.
    early: BTreeMap<ClientId, Answer>,
    /// Faults in force: the step that began each, and what it laid.
    faults: Vec<(usize, Verb, Active)>,
    draws: Option<Draws>,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Waiting {
    /// Not for anything: the next step can be taken.
    Nothing,
    Pause,
    Answer {
        client: ClientId,
        expect: Expectation,
    },
    Node(NodeId),
}

impl<'a> Script<'a> {
    pub fn new(steps: &'a [Step]) -> Script<'a> {
        Script {
            steps,
            at: 0,
            waiting: Waiting::Nothing,
            early: BTreeMap::new(),
            faults: Vec::new(),
            draws: None,
            done: false,
        }
    }

    /// Takes steps until one has to be waited for.
    fn go_on(&mut self, stage: &mut Stage) -> Result<(), RunError> {
        while self.waiting == Waiting::Nothing && !self.done {
            let Some(step) = self.steps.get(self.at) else {
                self.done = true;
                break;
            };
            match step {
                Step::Call { client, call, expect } => self.call(client, *call, *expect, stage)?,
                Step::Await { client, expect } => self.wait_for(client, *expect, stage)?,
                Step::Pass(time) => {
                    stage.set_timer_in(*time, Wake::Step(self.at));
                    self.waiting = Waiting::Pause;
                }
                Step::Strike { verb, node, step } => self.strike(*verb, node, *step, stage)?,
            }
        }
        if self.done { self.end_faults(stage) } else { Ok(()) }
    }

    fn call(
        &mut self,
        name: &str,
        call: Call,
        expect: Option<Expectation>,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        let Some(client) = client(name, stage) else {
            return self.unmet(format!("there is no {name}"), stage);
        };
        if !stage.clients[client].ready {
            return self.unmet(format!("{name} has no adapter that is ready"), stage);
        }
        let operation = match call {
            Call::Acquire { timeout } => Operation::Acquire { timeout },
            Call::Release => Operation::Release,
            Call::Refresh { lifetime } => Operation::Refresh {
                lifetime: lifetime.or(stage.plan().lifetime()).unwrap_or_default(),
            },
            Call::IsHeld => Operation::IsHeld,
        };
        if operation == Operation::Release && stage.clients[client].inside {
            stage.leave(client)?;
        }
        stage.call(client, operation)?;
        match expect {
            Some(expect) => self.wait_for(name, expect, stage),
            None => self.met("asked".into(), stage),
        }
    }

    fn wait_for(
        &mut self,
        name: &str,
        expect: Expectation,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        let Some(client) = client(name, stage) else {
            return self.unmet(format!("there is no {name}"), stage);
        };
        if let Some(answer) = self.early.remove(&client) {
            return self.judge(expect, &answer, stage);
        }
        stage.set_timer_in(expect.within.unwrap_or(ANSWER_WITHIN), Wake::Step(self.at));
        self.waiting = Waiting::Answer { client, expect };
        Ok(())
    }

    fn answered(
        &mut self,
        id: ClientId,
        operation: &Operation,
        answer: &Answer,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        if matches!((operation, answer), (Operation::Acquire { .. }, Answer::Ok { .. })) {
            stage.enter(id)?;
        }
        match self.waiting {
            Waiting::Answer { client, expect } if client == id => self.judge(expect, answer, stage),
            _ => {
                self.early.insert(id, answer.clone());
                Ok(())
            }
        }
    }

    fn judge(
        &mut self,
        expect: Expectation,
        answer: &Answer,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        let saw = describe(answer);
        if expect.answer == saw.0 { self.met(saw.1, stage) } else { self.unmet(saw.1, stage) }
    }

    fn strike(
        &mut self,
        verb: Verb,
        name: &str,
        step: Option<SignedNanos>,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        let Some(node) = stage.site().node(name) else {
            return self.unmet(format!("there is no {name}"), stage);
        };
        let begun = match verb {
            Verb::Heal => Some(Verb::Cut),
            Verb::Restart => Some(Verb::Crash),
            _ => None,
        };
        if let Some(begun) = begun {
            return self.end_fault(begun, node, stage);
        }
        let fault = fault(verb, name, step);
        let acts = fault.begin(node);
        let kind = format!("{verb:?}").to_lowercase();
        let detail = fault.describe();
        let consequences = fault.consequences(name);
        stage.record(What::FaultStruck {
            fault: self.at,
            kind,
            node: name.to_owned(),
            detail,
            consequences,
        })?;
        let draws = self.draws.get_or_insert_with(|| Draws::new(stage.plan()));
        let active = Active::begin(node, acts, self.at, stage, draws)?;
        self.faults.push((self.at, verb, active));
        self.met("done".into(), stage)
    }

    fn end_fault(&mut self, begun: Verb, node: NodeId, stage: &mut Stage) -> Result<(), RunError> {
        let found =
            self.faults.iter().position(|(_, verb, active)| *verb == begun && active.node == node);
        let Some(found) = found else {
            return self.unmet("there was nothing to end".into(), stage);
        };
        let (step, verb, active) = self.faults.remove(found);
        let acts = if verb == Verb::Crash { vec![Act::PowerOn] } else { Vec::new() };
        let draws = self.draws.get_or_insert_with(|| Draws::new(stage.plan()));
        active.end(acts, step, stage, draws)?;
        if verb == Verb::Crash {
            // The step is over when the node is back.
            self.waiting = Waiting::Node(node);
            stage.set_timer_in(ANSWER_WITHIN, Wake::Step(self.at));
            return Ok(());
        }
        self.met("done".into(), stage)
    }

    fn end_faults(&mut self, stage: &mut Stage) -> Result<(), RunError> {
        for (step, _, active) in std::mem::take(&mut self.faults) {
            let draws = self.draws.get_or_insert_with(|| Draws::new(stage.plan()));
            active.end(Vec::new(), step, stage, draws)?;
        }
        Ok(())
    }

    fn met(&mut self, saw: String, stage: &mut Stage) -> Result<(), RunError> {
        self.step_done(true, saw, stage)
    }

    /// Later steps rest on this one, so the script ends here.
    fn unmet(&mut self, saw: String, stage: &mut Stage) -> Result<(), RunError> {
        self.done = true;
        self.step_done(false, saw, stage)
    }

    fn step_done(&mut self, met: bool, saw: String, stage: &mut Stage) -> Result<(), RunError> {
        let step = self.at;
        stage.clear_timers(|wake| *wake == Wake::Step(step));
        stage.record(What::StepDone { step, text: self.steps[step].to_string(), met, saw })?;
        self.waiting = Waiting::Nothing;
        self.at += 1;
        Ok(())
    }

    fn timer(&mut self, stage: &mut Stage) -> Result<(), RunError> {
        match self.waiting {
            Waiting::Pause => self.met("passed".into(), stage),
            Waiting::Answer { expect, .. } => {
                let within = expect.within.unwrap_or(ANSWER_WITHIN);
                self.unmet(format!("no answer within {within}"), stage)
            }
            Waiting::Node(_) => {
                self.unmet(format!("it was not back within {ANSWER_WITHIN}"), stage)
            }
            Waiting::Nothing => Ok(()),
        }
    }
}

impl Workload for Script<'_> {
    fn on(&mut self, cue: &Cue, stage: &mut Stage) -> Result<(), RunError> {
        match cue {
            Cue::Began => {}
            Cue::Answered { client, operation, answer } => {
                self.answered(*client, operation, answer, stage)?
            }
            Cue::Timer(Wake::Step(step)) if *step == self.at => self.timer(stage)?,
            Cue::Returned(id) if self.waiting == Waiting::Node(id + 1) => {
                self.met("back".into(), stage)?
            }
            Cue::ServerReady if self.waiting == Waiting::Node(0) => {
                self.met("back".into(), stage)?
            }
            Cue::Lost(id) => {
                self.early.remove(id);
            }
            _ => return Ok(()),
        }
        self.go_on(stage)
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn unfinished(&self, _: &Stage) -> String {
        format!("step {} was still waited for", self.at + 1)
    }
}

fn client(name: &str, stage: &Stage) -> Option<ClientId> {
    stage.clients.iter().position(|client| client.name == name)
}

fn fault(verb: Verb, name: &str, step: Option<SignedNanos>) -> Box<dyn Fault> {
    let node = name.to_owned();
    match verb {
        Verb::Clock => Box::new(Clock { node, step: step.unwrap_or_default(), drift_ppm: 0 }),
        Verb::Crash | Verb::Restart => Box::new(Crash { node, keep: 0.0 }),
        Verb::Cut | Verb::Heal => Box::new(Cut { node }),
    }
}

/// What a script calls an answer, and the same in words.
fn describe(answer: &Answer) -> (ExpectedAnswer, String) {
    match answer {
        Answer::Ok { held: Some(true) } => (ExpectedAnswer::Held, "held".into()),
        Answer::Ok { held: Some(false) } | Answer::NotHeld => {
            (ExpectedAnswer::NotHeld, "not held".into())
        }
        Answer::Ok { held: None } => (ExpectedAnswer::Ok, "ok".into()),
        Answer::Busy => (ExpectedAnswer::Busy, "busy".into()),
        Answer::Timeout => (ExpectedAnswer::Timeout, "timeout".into()),
        Answer::Unsupported => (ExpectedAnswer::Error, "unsupported".into()),
        Answer::Error { class, message, .. } => {
            (ExpectedAnswer::Error, format!("error: {class}: {message}"))
        }
    }
}
