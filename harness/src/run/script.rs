//! The script workload: ordered steps, each with the answer that is expected of it.

use super::event::{Event, Timer};
use super::interpreter::Interpreter;
use super::nemesis::Nemesis;
use super::{RunError, Workload};
use crate::fault::Strike;
use crate::history::{EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use crate::scenario::script::{Call, Expectation, ExpectedAnswer, Step};
use crate::site::{ClientId, NodeId};
use crate::units::Nanos;
use std::collections::BTreeMap;

/// How long a step waits for an answer that names no time of its own.
const ANSWER_WITHIN: Nanos = Nanos::from_secs(120);

pub struct Script<'a> {
    steps: &'a [Step],
    at: usize,
    waiting: Waiting,
    /// Answers that came before their step asked for them, by client.
    early: BTreeMap<ClientId, Answer>,
    plan: &'a Plan,
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
    pub fn new(steps: &'a [Step], plan: &'a Plan) -> Script<'a> {
        Script {
            steps,
            at: 0,
            waiting: Waiting::Nothing,
            early: BTreeMap::new(),
            plan,
            done: false,
        }
    }

    /// Takes steps until one has to be waited for.
    fn go_on(&mut self, run: &mut Interpreter, nemesis: &mut Nemesis) -> Result<(), RunError> {
        while self.waiting == Waiting::Nothing && !self.done {
            let Some(step) = self.steps.get(self.at) else {
                self.done = true;
                break;
            };
            match step {
                Step::Call { client, call, expect } => self.call(client, *call, *expect, run)?,
                Step::Await { client, expect } => self.wait_for(client, *expect, run)?,
                Step::Pass(time) => {
                    run.set_timer_in(*time, Timer::Step(self.at));
                    self.waiting = Waiting::Pause;
                }
                Step::Strike(strike) => self.strike(strike, run, nemesis)?,
                Step::End { kind, node } => self.end(kind, node, run, nemesis)?,
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        name: &str,
        call: Call,
        expect: Option<Expectation>,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let Some(client) = run.client_named(name) else {
            return self.unmet(format!("there is no {name}"), run);
        };
        if !run.client(client).ready {
            return self.unmet(format!("{name} has no adapter that is ready"), run);
        }
        let operation = match call {
            Call::Acquire { timeout } => Operation::Acquire { timeout },
            Call::Release => Operation::Release,
            Call::Refresh { lifetime } => Operation::Refresh {
                lifetime: lifetime.or(run.plan().lifetime()).unwrap_or_default(),
            },
            Call::IsHeld => Operation::IsHeld,
        };
        if operation == Operation::Release && run.client(client).inside {
            run.leave(client)?;
        }
        run.call(client, operation)?;
        match expect {
            Some(expect) => self.wait_for(name, expect, run),
            None => self.met("asked".into(), run),
        }
    }

    fn wait_for(
        &mut self,
        name: &str,
        expect: Expectation,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let Some(client) = run.client_named(name) else {
            return self.unmet(format!("there is no {name}"), run);
        };
        if let Some(answer) = self.early.remove(&client) {
            return self.judge(expect, &answer, run);
        }
        run.set_timer_in(expect.within.unwrap_or(ANSWER_WITHIN), Timer::Step(self.at));
        self.waiting = Waiting::Answer { client, expect };
        Ok(())
    }

    fn answered(
        &mut self,
        id: ClientId,
        operation: &Operation,
        answer: &Answer,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        if matches!((operation, answer), (Operation::Acquire { .. }, Answer::Ok { .. })) {
            run.enter(id)?;
        }
        match self.waiting {
            Waiting::Answer { client, expect } if client == id => self.judge(expect, answer, run),
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
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let saw = describe(answer);
        let is_met = [ExpectedAnswer::Any, saw.0].contains(&expect.answer);
        if is_met { self.met(saw.1, run) } else { self.unmet(saw.1, run) }
    }

    fn strike(
        &mut self,
        strike: &Strike,
        run: &mut Interpreter,
        nemesis: &mut Nemesis,
    ) -> Result<(), RunError> {
        let Some(node) = run.node(strike.target()) else {
            return self.unmet(format!("there is no {}", strike.target()), run);
        };
        let id = self.plan.fault_of_step(self.at);
        nemesis.strike(id, strike, node, run)?;
        self.met("done".into(), run)
    }

    fn end(
        &mut self,
        kind: &str,
        name: &str,
        run: &mut Interpreter,
        nemesis: &mut Nemesis,
    ) -> Result<(), RunError> {
        let latest = run.node(name).and_then(|node| nemesis.in_force(kind, node).pop());
        let ended = latest.map(|id| nemesis.end(id, run)).transpose()?.flatten();
        let Some(node) = ended else {
            return self.unmet("there was nothing to end".into(), run);
        };
        if !run.is_ready(node) && run.site().has_power(node) {
            // The step is over when the node is back.
            self.waiting = Waiting::Node(node);
            run.set_timer_in(ANSWER_WITHIN, Timer::Step(self.at));
            return Ok(());
        }
        self.met("done".into(), run)
    }

    fn met(&mut self, saw: String, run: &mut Interpreter) -> Result<(), RunError> {
        self.step_done(true, saw, run)
    }

    /// Later steps rest on this one, so the script ends here.
    fn unmet(&mut self, saw: String, run: &mut Interpreter) -> Result<(), RunError> {
        self.done = true;
        self.step_done(false, saw, run)
    }

    fn step_done(&mut self, met: bool, saw: String, run: &mut Interpreter) -> Result<(), RunError> {
        let step = self.at;
        run.clear_timers(|timer| *timer == Timer::Step(step));
        run.record(EventKind::StepDone { step, text: self.steps[step].to_string(), met, saw })?;
        self.waiting = Waiting::Nothing;
        self.at += 1;
        Ok(())
    }

    fn timer(&mut self, run: &mut Interpreter) -> Result<(), RunError> {
        match self.waiting {
            Waiting::Pause => self.met("passed".into(), run),
            Waiting::Answer { expect, .. } => {
                let within = expect.within.unwrap_or(ANSWER_WITHIN);
                self.unmet(format!("no answer within {within}"), run)
            }
            Waiting::Node(_) => self.unmet(format!("it was not back within {ANSWER_WITHIN}"), run),
            Waiting::Nothing => Ok(()),
        }
    }
}

impl Workload for Script<'_> {
    fn on(
        &mut self,
        event: &Event,
        run: &mut Interpreter,
        nemesis: &mut Nemesis,
    ) -> Result<(), RunError> {
        match event {
            Event::Began => {}
            Event::Answered { client, operation, answer } => {
                self.answered(*client, operation, answer, run)?
            }
            Event::Timer(Timer::Step(step)) if *step == self.at => self.timer(run)?,
            Event::Returned(id) if self.waiting == Waiting::Node(id.node()) => {
                self.met("back".into(), run)?
            }
            Event::ServerReady if self.waiting == Waiting::Node(NodeId::SERVER) => {
                self.met("back".into(), run)?
            }
            Event::Lost(id) => {
                self.early.remove(id);
            }
            _ => return Ok(()),
        }
        self.go_on(run, nemesis)
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn unfinished(&self, _: &Interpreter) -> String {
        format!("step {} was still waited for", self.at + 1)
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
