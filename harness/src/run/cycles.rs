//! The cycles workload: every client acquires, works, releases, thinks, and begins again.

use super::cue::{ClientId, Cue, Wake};
use super::stage::Stage;
use super::{RunError, Workload};
use crate::history::Operation;
use crate::lock::adapter::Answer;
use crate::plan::Plan;
use crate::scenario::CyclesSpec;
use crate::units::{Nanos, NanosRange, SECOND};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

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
        refreshing: bool,
    },
    Releasing,
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

    fn acquire(&mut self, id: ClientId, stage: &mut Stage) -> Result<(), RunError> {
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
        cycler.state = State::Inside { time_up: false, refreshing: false };
        cycler.rounds_left = cycler.rounds_left.map(|left| left.saturating_sub(1));
        let hold = cycler.draw(self.spec.hold);
        stage.enter(id)?;
        stage.count(id)?;
        stage.set_timer_in(hold, Wake::HoldOver(id));
        if let Some(every) = self.spec.refresh {
            stage.set_timer_in(every, Wake::Refresh(id));
        }
        Ok(())
    }

    fn refresh(&mut self, id: ClientId, stage: &mut Stage) -> Result<(), RunError> {
        let (Some(lifetime), Some(every)) = (self.lifetime, self.spec.refresh) else {
            return Ok(());
        };
        if let State::Inside { refreshing, .. } = &mut self.clients[id].state
            && !*refreshing
        {
            *refreshing = true;
            stage.set_timer_in(every, Wake::Refresh(id));
            return stage.call(id, Operation::Refresh { lifetime });
        }
        Ok(())
    }

    /// An owner whose lock says that it is no longer held leaves at once, and has nothing to
    /// release.
    fn refreshed(
        &mut self,
        id: ClientId,
        answer: &Answer,
        stage: &mut Stage,
    ) -> Result<(), RunError> {
        if *answer == Answer::NotHeld {
            stage.leave(id)?;
            self.clear_timers(id, stage);
            self.think(id, stage);
            return Ok(());
        }
        if let State::Inside { refreshing, .. } = &mut self.clients[id].state {
            *refreshing = false;
        }
        self.leave_when_done(id, stage)
    }

    fn leave_when_done(&mut self, id: ClientId, stage: &mut Stage) -> Result<(), RunError> {
        let ready = State::Inside { time_up: true, refreshing: false };
        if self.clients[id].state != ready || stage.clients[id].counting {
            return Ok(());
        }
        self.clients[id].state = State::Releasing;
        self.clear_timers(id, stage);
        stage.leave(id)?;
        stage.call(id, Operation::Release)
    }

    fn clear_timers(&self, id: ClientId, stage: &mut Stage) {
        let own = [Wake::HoldOver(id), Wake::Refresh(id), Wake::Round(id)];
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
            Cue::Timer(Wake::Round(id)) => return self.acquire(*id, stage),
            Cue::Timer(Wake::Refresh(id)) => return self.refresh(*id, stage),
            Cue::Timer(Wake::HoldOver(id)) => {
                if let State::Inside { time_up, .. } = &mut self.clients[*id].state {
                    *time_up = true;
                }
                return self.leave_when_done(*id, stage);
            }
            Cue::Counted(id) => return self.leave_when_done(*id, stage),
            Cue::Answered { client, operation, answer } => match operation {
                Operation::Acquire { .. } => return self.acquired(*client, answer, stage),
                Operation::Refresh { .. } => return self.refreshed(*client, answer, stage),
                Operation::Release => self.think(*client, stage),
                Operation::IsHeld => {}
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
                State::Inside { refreshing: true, .. } => "for an answer to refresh",
                State::Inside { .. } => "to finish its critical section",
                State::Releasing => "for an answer to release",
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
