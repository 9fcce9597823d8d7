//! Triggers: which faults of the plan still wait, what for, and when that has come.

use super::RunError;
use super::event::{Event, Timer};
use super::interpreter::{Client, Interpreter};
use super::tap::{Awaited, Tap, TapRule, waited_in_vain};
use crate::fault::trigger::{ANY, OTHER};
use crate::fault::{Asked, Caught, FaultId, FaultSpec, NodeState, Section, Situation, Trigger};
use crate::history::{EventKind, Operation};
use crate::plan::Plan;
use crate::site::ClientId;
use crate::site::wire::RuleId;
use crate::units::Nanos;
use std::cell::RefCell;
use std::rc::Rc;

pub struct Triggers<'a> {
    plan: &'a Plan,
    /// The plan's own faults, by their place in it.
    planned: Vec<Planned<'a>>,
    entered: Sections,
    left: Sections,
    /// Listens to the wire, if a fault waits for a call.
    tap: Option<(Rc<RefCell<Tap>>, RuleId)>,
}

/// A fault of the plan.
struct Planned<'a> {
    spec: &'a FaultSpec,
    state: State,
    /// How many of the calls have come for which it waits.
    seen: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Triggered(By),
    Struck,
}

/// What has triggered a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Time,
    /// A client, by what it did or called.
    Client(ClientId),
}

/// How many critical sections have come to the same point, in all and of each client.
struct Sections {
    all: u32,
    by: Vec<u32>,
}

impl<'a> Triggers<'a> {
    pub fn new(plan: &'a Plan) -> Triggers<'a> {
        let planned = |spec| Planned { spec, state: State::Waiting, seen: 0 };
        Triggers {
            plan,
            planned: plan.scenario.faults.iter().map(planned).collect(),
            entered: Sections::none(plan),
            left: Sections::none(plan),
            tap: None,
        }
    }

    /// Listens to the wire from the very first frame, if a fault waits for a call: file handles
    /// are known by the names under which they were looked up.
    pub fn listen(&mut self, run: &mut Interpreter) {
        let waits = self.plan.scenario.faults.iter().enumerate();
        let waits = waits.filter_map(|(index, fault)| match &fault.when {
            Trigger::Rpc(passes) => Some((FaultId::at(index), Awaited::Passes(passes.clone()))),
            Trigger::State(reaches) if reaches.is.is_of_wire() => {
                Some((FaultId::at(index), Awaited::Reaches(reaches.clone())))
            }
            Trigger::Exists(exists) => Some((FaultId::at(index), Awaited::Exists(exists.clone()))),
            _ => None,
        });
        let mut waits = waits.peekable();
        if waits.peek().is_some() {
            let listener = run.site().listener();
            let tap = Tap::new(listener, &self.plan.blueprint, waits);
            let tap = Rc::new(RefCell::new(tap));
            let rule = run.site().lay(Box::new(TapRule(Rc::clone(&tap))));
            self.tap = Some((tap, rule));
        }
    }

    pub fn on(&mut self, event: &Event, run: &mut Interpreter) {
        self.look_at_situations(run);
        match event {
            Event::Began => self.begin(run),
            Event::Called { client, operation } => self.called(*client, operation, run),
            Event::Entered(client) => {
                let count = self.entered.count(*client);
                self.come(*client, count, run, |trigger| match trigger {
                    Trigger::Entered(section) => Some(section),
                    _ => None,
                });
            }
            Event::Left(client) => {
                let count = self.left.count(*client);
                self.come(*client, count, run, |trigger| match trigger {
                    Trigger::Left(section) => Some(section),
                    _ => None,
                });
            }
            Event::ServerReady if run.has_begun() => self.reached(NodeState::InGrace, None, run),
            Event::Returned(client) => self.reached(NodeState::Mounted, Some(*client), run),
            _ => {}
        }
    }

    fn begin(&mut self, run: &mut Interpreter) {
        if let Some((tap, _)) = &self.tap {
            tap.borrow_mut().begin();
        }
        for (id, fault) in numbered(&mut self.planned) {
            if let Trigger::At(at) = fault.spec.when {
                fault.come(By::Time, at, id, run);
            }
        }
    }

    /// A critical section has come to a point at which faults may wait for it: the nth in all, and
    /// the nth of its client.
    fn come(
        &mut self,
        client: ClientId,
        (all, own): (u32, u32),
        run: &mut Interpreter,
        waits: fn(&Trigger) -> Option<&Section>,
    ) {
        for (id, fault) in numbered(&mut self.planned) {
            let Some(section) = waits(&fault.spec.when) else {
                continue;
            };
            let count = match &section.client {
                None => all,
                Some(name) if *name == run.client(client).name => own,
                Some(_) => continue,
            };
            if count == section.count {
                fault.come(By::Client(client), section.after, id, run);
            }
        }
    }

    /// The server, or a client, has come into a state of which the wire does not tell.
    fn reached(&mut self, state: NodeState, client: Option<ClientId>, run: &mut Interpreter) {
        for (id, fault) in numbered(&mut self.planned) {
            let Trigger::State(reaches) = &fault.spec.when else {
                continue;
            };
            let is_meant = client.is_none_or(|client| reaches.is_about(&run.client(client).name));
            if reaches.is != state || !is_meant {
                continue;
            }
            fault.seen += 1;
            if fault.seen == reaches.nth {
                fault.come(client.map_or(By::Time, By::Client), reaches.after, id, run);
            }
        }
    }

    /// A client calls its lock.
    fn called(&mut self, client: ClientId, operation: &Operation, run: &mut Interpreter) {
        for (id, fault) in numbered(&mut self.planned) {
            let Trigger::Calls(calls) = &fault.spec.when else {
                continue;
            };
            let is_its = |name: &String| *name == run.client(client).name;
            if calls.op.is(operation) && calls.client.as_ref().is_none_or(is_its) {
                fault.seen += 1;
                if fault.seen == calls.count {
                    fault.come(By::Client(client), calls.after, id, run);
                }
            }
        }
    }

    /// Whether clients are in the situation that a fault waits for.
    fn look_at_situations(&mut self, run: &mut Interpreter) {
        for (id, fault) in numbered(&mut self.planned) {
            let Trigger::Situation(situation) = &fault.spec.when else {
                continue;
            };
            if fault.state != State::Waiting || !run.has_begun() {
                continue;
            }
            if is_so(situation, None, run) {
                fault.come(By::Time, situation.after, id, run);
            }
        }
    }

    /// A fault has struck, or ended: others may wait for that.
    pub fn follow(&mut self, first: FaultId, has_ended: bool, run: &mut Interpreter) {
        for (id, fault) in numbered(&mut self.planned) {
            let other = match &fault.spec.when {
                Trigger::Struck(other) if !has_ended => other,
                Trigger::Ended(other) if has_ended => other,
                _ => continue,
            };
            if other.id() == Some(first) {
                fault.come(By::Time, other.after, id, run);
            }
        }
    }

    /// The message has come that a fault waited for; it is delivered when this is done. Answers
    /// the message if the fault strikes at once.
    pub fn catch(&mut self, id: FaultId, run: &mut Interpreter) -> Option<Caught> {
        let (tap, _) = self.tap.as_ref()?;
        let fault = self.planned.get_mut(id.index())?;
        if let Some(client) = tap.borrow_mut().take_client(id) {
            let after = match &fault.spec.when {
                Trigger::State(reaches) => reaches.after,
                Trigger::Exists(exists) => exists.after,
                _ => Nanos::ZERO,
            };
            fault.come(By::Client(client), after, id, run);
            return None;
        }
        let caught = tap.borrow_mut().take(id)?;
        let Trigger::Rpc(passes) = &fault.spec.when else {
            return None;
        };
        if passes.after > Nanos::ZERO {
            fault.come(By::Client(caught.client), passes.after, id, run);
            return None;
        }
        if fault.state != State::Waiting {
            return None;
        }
        fault.state = State::Triggered(By::Client(caught.client));
        Some(caught)
    }

    /// A fault strikes now: what it is, and what has triggered it. None: it has struck, or the
    /// recovery has come first.
    pub fn strike(&mut self, id: FaultId) -> Option<(&'a FaultSpec, By)> {
        let fault = self.planned.get_mut(id.index())?;
        match std::mem::replace(&mut fault.state, State::Struck) {
            State::Triggered(by) => Some((fault.spec, by)),
            _ => None,
        }
    }

    /// No more faults strike: tells why of those that have not.
    pub fn miss_the_rest(&mut self, why: &str, run: &mut Interpreter) -> Result<(), RunError> {
        for (id, fault) in numbered(&mut self.planned) {
            let before = std::mem::replace(&mut fault.state, State::Struck);
            if before == State::Struck {
                continue;
            }
            let of_wire = self.tap.as_ref().and_then(|(tap, _)| tap.borrow().why_not(id));
            let waited = of_wire.or_else(|| fault.why_not());
            let why = match waited.filter(|_| before == State::Waiting) {
                Some(waited) => format!("{why}: {waited}"),
                None => why.into(),
            };
            run.record(EventKind::FaultMissed { fault: id, why })?;
        }
        Ok(())
    }

    /// The run is over.
    pub fn finish(&mut self, run: &mut Interpreter) {
        if let Some((_, rule)) = self.tap.take() {
            run.site().lift(rule);
        }
    }
}

impl Planned<'_> {
    /// Why it has not struck that waits for a state of which the wire does not tell.
    fn why_not(&self) -> Option<String> {
        match &self.spec.when {
            Trigger::State(reaches) => Some(waited_in_vain(&reaches.describe(), self.seen)),
            _ => None,
        }
    }

    /// What it waited for has come.
    fn come(&mut self, by: By, after: Nanos, id: FaultId, run: &mut Interpreter) {
        if self.state == State::Waiting {
            self.state = State::Triggered(by);
            run.set_timer_in(after, Timer::FaultBegins(id));
        }
    }
}

fn numbered<'p, 'a>(
    planned: &'p mut [Planned<'a>],
) -> impl Iterator<Item = (FaultId, &'p mut Planned<'a>)> {
    planned.iter_mut().enumerate().map(|(index, fault)| (FaultId::at(index), fault))
}

/// Whether clients are in a situation; `hit` is the one that the fault hits, if it hits one.
pub fn is_so(situation: &Situation, hit: Option<ClientId>, run: &Interpreter) -> bool {
    let inside = |client: &Client| client.inside;
    let waiting = |client: &Client| {
        let call = client.call.as_ref();
        call.is_some_and(|(_, operation, _)| Asked::Acquire.is(operation))
    };
    are(&situation.inside, hit, run, inside) && are(&situation.waiting, hit, run, waiting)
}

/// Whether each of these clients is so: `any` stands for one at least, and so does `other`.
fn are(
    names: &[String],
    hit: Option<ClientId>,
    run: &Interpreter,
    is: impl Fn(&Client) -> bool,
) -> bool {
    let hit = hit.map(ClientId::index);
    names.iter().all(|name| {
        let mut those = run.clients().iter().enumerate().filter(|(index, one)| {
            name == ANY || (name == OTHER && Some(*index) != hit) || one.name == *name
        });
        those.any(|(_, client)| is(client))
    })
}

impl Sections {
    fn none(plan: &Plan) -> Sections {
        Sections { all: 0, by: vec![0; plan.blueprint.clients().len()] }
    }

    /// One more, of this client: how many there were in all, and of the client.
    fn count(&mut self, client: ClientId) -> (u32, u32) {
        self.all += 1;
        self.by[client.index()] += 1;
        (self.all, self.by[client.index()])
    }
}
