//! The cycles workload: every client acquires, works, releases, thinks, and begins again.

use super::cue::{ClientId, Cue, Wake};
use super::stage::{Counting, Stage};
use super::{RunError, Workload};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use crate::scenario::CyclesSpec;
use crate::units::{Nanos, NanosRange, SECOND};
use lockstorm_reports::Invariant;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A release that failed is tried so often, as long as the lock says that it is still held.
const RELEASES_MAX: u32 = 20;
/// One that is still answering is asked again so much later.
const MOMENT: Nanos = Nanos::from_millis(100);

pub struct Cycles<'a> {
    spec: &'a CyclesSpec,
    clients: Vec<Cycler>,
    lifetime: Option<Nanos>,
    /// No new rounds from here on (ns of the harness's clock).
    until: u64,
    /// How long, at the end, clients may still wait for something (ns).
    patience: u64,
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
            rng: ChaCha8Rng::seed_from_u64(*seed),
            rounds_left: spec.rounds,
        };
        let names = plan.blueprint.nodes[1..].iter().map(|node| &node.name);
        Cycles {
            spec,
            clients: names
                .map(|name| cycler(plan.workload_seeds.get(name).unwrap_or(&0)))
                .collect(),
            lifetime: plan.lifetime(),
            until: 0,
            patience: patience(plan),
            owner_died: false,
            counts_descriptors: plan.profile.promises.contains_key(&Invariant::NoDescriptorLeak),
        }
    }

    fn begin(&mut self, stage: &mut Stage) {
        self.until = stage.now() + self.spec.time.0;
        stage.set_timer(self.until + self.patience, Wake::Overdue);
        for id in 0..self.clients.len() {
            self.think(id, stage);
        }
    }

    /// Goes to think, or home when there is no more to do.
    fn think(&mut self, id: ClientId, stage: &mut Stage) {
        let cycler = &mut self.clients[id];
        let think = cycler.draw(self.spec.think);
        if stage.now() + think.0 >= self.until || cycler.rounds_left == Some(0) {
            cycler.state = State::Done;
            return;
        }
        cycler.state = State::Thinking;
        stage.set_timer_in(think, Wake::Round(id));
    }

    /// The next round begins, or the next try to release.
    fn go_on(&mut self, id: ClientId, stage: &mut Stage) -> Result<(), RunError> {
        if let State::StillHolding { tries } = self.clients[id].state {
            return self.release(id, tries + 1, stage);
        }
        self.clients[id].state = State::Acquiring;
        stage.call(id, Operation::Acquire { timeout: self.spec.timeout })
    }

    fn acquired(
        &mut self,
        id: ClientId,
        answer: &Answer,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        if !matches!(answer, Answer::Ok { .. }) {
            self.think(id, stage);
            return Ok(());
        }
        let cycler = &mut self.clients[id];
        cycler.state = State::Inside { time_up: false, asking: false };
        cycler.rounds_left = cycler.rounds_left.map(|left| left.saturating_sub(1));
        let hold = cycler.draw(self.spec.hold);
        stage.enter(id)?;
        stage.begin_count(id)?;
        stage.set_timer_in(hold, Wake::HoldOver(id));
        for (every, wake) in
            [(self.spec.refresh, Wake::Refresh(id)), (self.spec.is_held, Wake::AskHeld(id))]
        {
            if let Some(every) = every {
                stage.set_timer_in(every, wake);
            }
        }
        Ok(())
    }

    fn refresh(&mut self, id: ClientId, stage: &mut Stage) -> Result<(), RunError> {
        match (self.lifetime, self.spec.refresh) {
            (Some(lifetime), Some(every)) => {
                self.ask(id, Operation::Refresh { lifetime }, every, Wake::Refresh(id), stage)
            }
            _ => Ok(()),
        }
    }

    fn ask_held(&mut self, id: ClientId, stage: &mut Stage) -> Result<(), RunError> {
        match self.spec.is_held {
            Some(every) => self.ask(id, Operation::IsHeld, every, Wake::AskHeld(id), stage),
            None => Ok(()),
        }
    }

    /// Calls the lock of one that is inside, and again after `every`.
    fn ask(
        &mut self,
        id: ClientId,
        operation: Operation,
        every: Nanos,
        wake: Wake,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        let State::Inside { asking, .. } = &mut self.clients[id].state else {
            return Ok(());
        };
        if std::mem::replace(asking, true) {
            stage.set_timer_in(MOMENT, wake);
            return Ok(());
        }
        stage.set_timer_in(every, wake);
        stage.call(id, operation)
    }

    /// The lock of one that is inside has answered. An owner that is told that it does not hold
    /// any more leaves at once, and has nothing to release.
    fn told(&mut self, id: ClientId, answer: &Answer, stage: &mut Stage) -> Result<(), RunError> {
        let state = &mut self.clients[id].state;
        if matches!(answer, Answer::NotHeld | Answer::Ok { held: Some(false) }) {
            *state = State::Lost;
            self.clear_timers(id, stage);
        } else if let State::Inside { asking, .. } = state {
            *asking = false;
        }
        self.leave_when_done(id, stage)
    }

    fn leave_when_done(&mut self, id: ClientId, stage: &mut Stage) -> Result<(), RunError> {
        let counting = stage.clients[id].counting;
        match (self.clients[id].state, counting) {
            (_, Counting::Reading | Counting::Writing) => Ok(()),
            (State::Lost, _) => {
                if counting == Counting::Read {
                    stage.drop_count(id, "the lock is lost".into())?;
                }
                stage.leave(id)?;
                self.think(id, stage);
                Ok(())
            }
            (State::Inside { time_up: true, asking: false }, Counting::Read) => {
                // The last work of the section: the lock is asked nothing more.
                self.clear_timers(id, stage);
                stage.end_count(id);
                Ok(())
            }
            (State::Inside { time_up: true, asking: false }, Counting::No) => {
                self.clear_timers(id, stage);
                stage.leave(id)?;
                self.release(id, 1, stage)
            }
            _ => Ok(()),
        }
    }

    fn release(&mut self, id: ClientId, tries: u32, stage: &mut Stage) -> Result<(), RunError> {
        self.clients[id].state = State::Releasing { tries };
        stage.call(id, Operation::Release)
    }

    /// A release that failed leaves open what happened: the lock is asked whether it is held.
    fn released(
        &mut self,
        id: ClientId,
        answer: &Answer,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        if matches!(answer, Answer::Error { .. }) {
            return stage.call(id, Operation::IsHeld);
        }
        self.end_round(id, stage);
        Ok(())
    }

    fn end_round(&mut self, id: ClientId, stage: &mut Stage) {
        if self.counts_descriptors {
            stage.count_descriptors(id);
        }
        self.think(id, stage);
    }

    /// After a release that failed.
    fn told_after_release(&mut self, id: ClientId, answer: &Answer, stage: &mut Stage) {
        let State::Releasing { tries } = self.clients[id].state else {
            return;
        };
        if *answer == (Answer::Ok { held: Some(true) }) && tries < RELEASES_MAX {
            let cycler = &mut self.clients[id];
            cycler.state = State::StillHolding { tries };
            let think = cycler.draw(self.spec.think);
            stage.set_timer_in(think, Wake::Round(id));
        } else {
            self.end_round(id, stage);
        }
    }

    fn clear_timers(&self, id: ClientId, stage: &mut Stage) {
        let own = [Wake::HoldOver(id), Wake::Refresh(id), Wake::AskHeld(id), Wake::Round(id)];
        stage.clear_timers(|wake| own.contains(wake));
    }

    fn lost(&mut self, id: ClientId, stage: &mut Stage) {
        self.clear_timers(id, stage);
        // It may have held the lock even while it was acquiring or releasing.
        self.owner_died |= !matches!(self.clients[id].state, State::Thinking | State::Done);
        self.clients[id].state = State::Done;
    }
}

impl Workload for Cycles<'_> {
    fn on(&mut self, cue: &Cue, stage: &mut Stage) -> Result<(), RunError> {
        match cue {
            Cue::Began => self.begin(stage),
            Cue::Returned(id) => self.think(*id, stage),
            Cue::Lost(id) => self.lost(*id, stage),
            Cue::Timer(Wake::Round(id)) => return self.go_on(*id, stage),
            Cue::Timer(Wake::Refresh(id)) => return self.refresh(*id, stage),
            Cue::Timer(Wake::AskHeld(id)) => return self.ask_held(*id, stage),
            Cue::Timer(Wake::HoldOver(id)) => {
                if let State::Inside { time_up, .. } = &mut self.clients[*id].state {
                    *time_up = true;
                }
                return self.leave_when_done(*id, stage);
            }
            Cue::Counted(id) => return self.leave_when_done(*id, stage),
            Cue::Answered { client, operation, answer } => match operation {
                Operation::Acquire { .. } => return self.acquired(*client, answer, stage),
                Operation::Release => return self.released(*client, answer, stage),
                Operation::IsHeld if !stage.clients[*client].inside => {
                    self.told_after_release(*client, answer, stage);
                }
                Operation::Refresh { .. } | Operation::IsHeld => {
                    return self.told(*client, answer, stage);
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.until > 0 && self.clients.iter().all(|cycler| cycler.state == State::Done)
    }

    /// Where an owner has died, to wait in vain for its lock is no failure of the run: whether the
    /// lock should have been broken is for a checker to say.
    fn unfinished(&self, stage: &Stage) -> String {
        let mut open = Vec::new();
        for (cycler, client) in self.clients.iter().zip(&stage.clients) {
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

/// Long enough after the last round for every fault to end, a dead owner's lock to be broken, and
/// a restarted server to be through its grace.
fn patience(plan: &Plan) -> u64 {
    let faults: u64 =
        plan.scenario.faults.iter().filter_map(|fault| fault.lasts).map(|lasts| lasts.0).sum();
    let breaking = plan.profile.break_bound.map_or(0, |bound| bound.slop.0 + bound.within.0);
    let lifetime = plan.lifetime().map_or(0, |lifetime| lifetime.0);
    let server = &plan.blueprint.server;
    let recovery = u64::from(server.lease_s + server.grace_s) * SECOND;
    faults + breaking + lifetime + recovery + 120 * SECOND
}
