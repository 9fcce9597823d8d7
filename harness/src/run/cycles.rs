//! The cycles workload: every client acquires, works, releases, thinks, and begins again.

use super::event::{Event, Timer};
use super::interpreter::{Counting, Interpreter};
use super::nemesis::Nemesis;
use super::{RunError, Workload};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use crate::scenario::{CyclesSpec, Impatient};
use crate::seeds;
use crate::site::ClientId;
use crate::units::{Nanos, NanosRange, SECOND};
use lockstorm_reports::Invariant;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A release that failed is tried so often, as long as the lock says that it is still held.
const RELEASES_MAX: u32 = 20;
/// One that is still answering is asked again so much later.
const MOMENT: Nanos = Nanos::from_millis(100);

pub struct Cycles<'a> {
    spec: &'a CyclesSpec,
    clients: Vec<Cycler>,
    lifetime: Option<Nanos>,
    /// No new rounds from here on (ns of the harness's clock); none before the workload begins.
    until: Option<u64>,
    /// How long, at the end, clients may still wait for something (ns).
    patience: u64,
    /// Whether the faults have yet to be ended: a site that is to recover is not left before.
    to_recover: bool,
    /// Whether an owner has died with the lock: those who wait for it may wait for ever.
    owner_died: bool,
    /// Whether the adapter's descriptors are counted after each round.
    counts_descriptors: bool,
}

/// One client's way through its rounds.
struct Cycler {
    state: State,
    rng: ChaCha8Rng,
    rounds_left: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between rounds.
    Thinking,
    Acquiring,
    /// In the critical section; the hold is over when its time is up and the work is done.
    Inside {
        time_up: bool,
        /// Its lock has still to answer: to refresh, or whether it is held.
        asking: bool,
    },
    /// Told that it has lost its lock; it leaves when the counter has been read.
    Lost,
    Releasing {
        tries: u32,
    },
    /// A release failed, and the lock says that it is still held: between two tries.
    StillHolding {
        tries: u32,
    },
    /// No more rounds, or no power.
    Done,
}

impl<'a> Cycles<'a> {
    pub fn new(spec: &'a CyclesSpec, plan: &'a Plan) -> Cycles<'a> {
        let cycler = |seed: &u64| Cycler {
            state: State::Thinking,
            rng: seeds::generator(*seed),
            rounds_left: spec.rounds,
        };
        let names = plan.blueprint.clients().iter().map(|node| &node.name);
        Cycles {
            spec,
            clients: names
                .map(|name| cycler(plan.workload_seeds.get(name).unwrap_or(&0)))
                .collect(),
            lifetime: plan.lifetime(),
            until: None,
            patience: patience(spec, plan),
            to_recover: spec.recover,
            owner_died: false,
            counts_descriptors: plan.profile.promises.contains_key(&Invariant::NoDescriptorLeak),
        }
    }

    fn begin(&mut self, run: &mut Interpreter) {
        let until = run.now() + self.spec.time.0;
        self.until = Some(until);
        if self.spec.recover {
            run.set_timer(until, Timer::Recovery);
        }
        run.set_timer(until + self.patience, Timer::Overdue);
        for id in ClientId::all(self.clients.len()) {
            self.think(id, run);
        }
    }

    fn reseed(&mut self, seed: u64, run: &Interpreter) {
        for (cycler, client) in self.clients.iter_mut().zip(run.clients()) {
            cycler.rng = seeds::generator(seeds::derive(seed, &seeds::of_workload(&client.name)));
        }
    }

    /// Goes to think, or home when there is no more to do.
    fn think(&mut self, id: ClientId, run: &mut Interpreter) {
        let cycler = &mut self.clients[id.index()];
        let think = cycler.draw(self.spec.think);
        let is_time_up = self.until.is_some_and(|until| run.now() + think.0 >= until);
        if is_time_up || cycler.rounds_left == Some(0) {
            cycler.state = State::Done;
            return;
        }
        cycler.state = State::Thinking;
        run.set_timer_in(think, Timer::Round(id));
    }

    /// The next round begins, or the next try to release.
    fn go_on(&mut self, id: ClientId, run: &mut Interpreter) -> Result<(), RunError> {
        if let State::StillHolding { tries } = self.clients[id.index()].state {
            return self.release(id, tries + 1, run);
        }
        let cycler = &mut self.clients[id.index()];
        cycler.state = State::Acquiring;
        let timeout = match self.spec.impatient {
            Some(Impatient { share, timeout }) if cycler.rng.random::<f64>() < share => {
                Some(timeout)
            }
            _ => self.spec.timeout,
        };
        run.call(id, Operation::Acquire { timeout })
    }

    fn acquired(
        &mut self,
        id: ClientId,
        answer: &Answer,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        if !matches!(answer, Answer::Ok { .. }) {
            self.think(id, run);
            return Ok(());
        }
        let cycler = &mut self.clients[id.index()];
        cycler.state = State::Inside { time_up: false, asking: false };
        cycler.rounds_left = cycler.rounds_left.map(|left| left.saturating_sub(1));
        let hold = cycler.draw(self.spec.hold);
        run.enter(id)?;
        run.begin_count(id)?;
        run.set_timer_in(hold, Timer::HoldOver(id));
        for (every, timer) in
            [(self.spec.refresh, Timer::Refresh(id)), (self.spec.is_held, Timer::AskHeld(id))]
        {
            if let Some(every) = every {
                run.set_timer_in(every, timer);
            }
        }
        Ok(())
    }

    fn refresh(&mut self, id: ClientId, run: &mut Interpreter) -> Result<(), RunError> {
        match (self.lifetime, self.spec.refresh) {
            (Some(lifetime), Some(every)) => {
                self.ask(id, Operation::Refresh { lifetime }, every, Timer::Refresh(id), run)
            }
            _ => Ok(()),
        }
    }

    fn ask_held(&mut self, id: ClientId, run: &mut Interpreter) -> Result<(), RunError> {
        match self.spec.is_held {
            Some(every) => self.ask(id, Operation::IsHeld, every, Timer::AskHeld(id), run),
            None => Ok(()),
        }
    }

    /// Calls the lock of one that is inside, and again after `every`.
    fn ask(
        &mut self,
        id: ClientId,
        operation: Operation,
        every: Nanos,
        timer: Timer,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let State::Inside { asking, .. } = &mut self.clients[id.index()].state else {
            return Ok(());
        };
        if std::mem::replace(asking, true) {
            run.set_timer_in(MOMENT, timer);
            return Ok(());
        }
        run.set_timer_in(every, timer);
        run.call(id, operation)
    }

    /// The lock of one that is inside has answered. An owner that is told that it does not hold
    /// any more leaves at once, and has nothing to release.
    fn told(
        &mut self,
        id: ClientId,
        answer: &Answer,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        let state = &mut self.clients[id.index()].state;
        if matches!(answer, Answer::NotHeld | Answer::Ok { held: Some(false) }) {
            *state = State::Lost;
            self.clear_timers(id, run);
        } else if let State::Inside { asking, .. } = state {
            *asking = false;
        }
        self.leave_when_done(id, run)
    }

    fn leave_when_done(&mut self, id: ClientId, run: &mut Interpreter) -> Result<(), RunError> {
        let counting = run.client(id).counting;
        match (self.clients[id.index()].state, counting) {
            (_, Counting::Reading | Counting::Writing) => Ok(()),
            (State::Lost, _) => {
                if counting == Counting::Read {
                    run.drop_count(id, "the lock is lost".into())?;
                }
                run.leave(id)?;
                self.think(id, run);
                Ok(())
            }
            (State::Inside { time_up: true, asking: false }, Counting::Read) => {
                // The last work of the section: the lock is asked nothing more.
                self.clear_timers(id, run);
                run.end_count(id);
                Ok(())
            }
            (State::Inside { time_up: true, asking: false }, Counting::No) => {
                self.clear_timers(id, run);
                run.leave(id)?;
                self.release(id, 1, run)
            }
            _ => Ok(()),
        }
    }

    fn release(&mut self, id: ClientId, tries: u32, run: &mut Interpreter) -> Result<(), RunError> {
        self.clients[id.index()].state = State::Releasing { tries };
        run.call(id, Operation::Release)
    }

    /// A release that failed leaves open what happened: the lock is asked whether it is held.
    fn released(
        &mut self,
        id: ClientId,
        answer: &Answer,
        run: &mut Interpreter,
    ) -> Result<(), RunError> {
        if matches!(answer, Answer::Error { .. }) {
            return run.call(id, Operation::IsHeld);
        }
        self.end_round(id, run);
        Ok(())
    }

    fn end_round(&mut self, id: ClientId, run: &mut Interpreter) {
        if self.counts_descriptors {
            run.count_descriptors(id);
        }
        self.think(id, run);
    }

    /// After a release that failed.
    fn told_after_release(&mut self, id: ClientId, answer: &Answer, run: &mut Interpreter) {
        let State::Releasing { tries } = self.clients[id.index()].state else {
            return;
        };
        if *answer == (Answer::Ok { held: Some(true) }) && tries < RELEASES_MAX {
            let cycler = &mut self.clients[id.index()];
            cycler.state = State::StillHolding { tries };
            let think = cycler.draw(self.spec.think);
            run.set_timer_in(think, Timer::Round(id));
        } else {
            self.end_round(id, run);
        }
    }

    fn clear_timers(&self, id: ClientId, run: &mut Interpreter) {
        let own = [Timer::HoldOver(id), Timer::Refresh(id), Timer::AskHeld(id), Timer::Round(id)];
        run.clear_timers(|timer| own.contains(timer));
    }

    fn lost(&mut self, id: ClientId, run: &mut Interpreter) {
        self.clear_timers(id, run);
        // It may have held the lock even while it was acquiring or releasing.
        self.owner_died |= !matches!(self.clients[id.index()].state, State::Thinking | State::Done);
        self.clients[id.index()].state = State::Done;
    }
}

impl Workload for Cycles<'_> {
    fn on(
        &mut self,
        event: &Event,
        run: &mut Interpreter,
        _: &mut Nemesis,
    ) -> Result<(), RunError> {
        match event {
            Event::Began => self.begin(run),
            Event::Timer(Timer::Recovery) => self.to_recover = false,
            Event::Timer(Timer::Reseed(seed)) => self.reseed(*seed, run),
            Event::Returned(id) => self.think(*id, run),
            Event::Lost(id) => self.lost(*id, run),
            Event::Timer(Timer::Round(id)) => return self.go_on(*id, run),
            Event::Timer(Timer::Refresh(id)) => return self.refresh(*id, run),
            Event::Timer(Timer::AskHeld(id)) => return self.ask_held(*id, run),
            Event::Timer(Timer::HoldOver(id)) => {
                if let State::Inside { time_up, .. } = &mut self.clients[id.index()].state {
                    *time_up = true;
                }
                return self.leave_when_done(*id, run);
            }
            Event::Counted(id) => return self.leave_when_done(*id, run),
            Event::Answered { client, operation, answer } => match operation {
                Operation::Acquire { .. } => return self.acquired(*client, answer, run),
                Operation::Release => return self.released(*client, answer, run),
                Operation::IsHeld if !run.client(*client).inside => {
                    self.told_after_release(*client, answer, run);
                }
                Operation::Refresh { .. } | Operation::IsHeld => {
                    return self.told(*client, answer, run);
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let all_done = self.clients.iter().all(|cycler| cycler.state == State::Done);
        self.until.is_some() && !self.to_recover && all_done
    }

    /// Where an owner has died, to wait in vain for its lock is no failure of the run: whether the
    /// lock should have been broken is for a checker to say.
    fn unfinished(&self, run: &Interpreter) -> String {
        let mut open = Vec::new();
        for (cycler, client) in self.clients.iter().zip(run.clients()) {
            let what = match cycler.state {
                State::Done | State::Thinking => continue,
                State::Acquiring if self.owner_died => continue,
                State::Acquiring => "for an answer to acquire",
                State::Inside { asking: true, .. } => "for an answer of its lock",
                State::Inside { .. } | State::Lost => "to finish its critical section",
                State::Releasing { .. } | State::StillHolding { .. } => "for its release",
            };
            open.push(format!("{} still waited {what}", client.name));
        }
        open.join(", ")
    }
}

impl Cycler {
    fn draw(&mut self, range: NanosRange) -> Nanos {
        Nanos(self.rng.random_range(range.least.0..=range.most.0))
    }
}

/// How long the kernels' timers may take after a long outage to try again: TCP and the NFS client
/// back off for as long as the outage lasted, and for 5 minutes at most (XS_TCP_MAX_REEST_TO in
/// net/sunrpc/xprtsock.c).
const BACK_OFF: u64 = 300 * SECOND;

/// Long enough after the last round for every fault to end, a dead owner's lock to be broken, and
/// a restarted server to be through its grace; and for every client, after a recovery, to have its
/// turn.
fn patience(spec: &CyclesSpec, plan: &Plan) -> u64 {
    let faults: u64 =
        plan.scenario.faults.iter().filter_map(|fault| fault.lasts).map(|lasts| lasts.0).sum();
    let breaking = plan.profile.break_bound.map_or(0, |bound| bound.slop.0 + bound.within.0);
    let lifetime = plan.lifetime().map_or(0, |lifetime| lifetime.0);
    let server = &plan.blueprint.server;
    let recovery = u64::from(server.lease_s + server.grace_s) * SECOND;
    let patience = breaking + lifetime + recovery + 120 * SECOND;
    match spec.recover {
        false => faults + patience,
        true => (patience + spec.hold.most.0 + BACK_OFF) * u64::from(plan.scenario.site.clients),
    }
}
