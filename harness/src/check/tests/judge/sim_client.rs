//! The clients of the simulated place: they ask, stay, count, ask whether they hold, and leave.

use super::pen::error;
use super::setup::Kind;
use super::simulate::{Counting, Heard, Sim, Step};
use crate::history::{EventKind, Operation};
use crate::lock::adapter::Answer;
use crate::site::NodeId;
use crate::units::Nanos;
use rand::RngExt;

impl Sim<'_> {
    pub(super) fn call(&mut self, client: NodeId, operation: Operation, step: Step) {
        self.pen.call(client, operation.clone());
        self.nodes[client.index()].call = Some(operation);
        self.send(client, step);
    }

    pub(super) fn ask(&mut self, client: NodeId) {
        if self.nodes[client.index()].rounds == 0 {
            return;
        }
        self.nodes[client.index()].rounds -= 1;
        match self.rng.random_range(0..20) {
            0..12 => self.acquire(client, None),
            12..17 => {
                let limit = self.rng.random_range(2..=9);
                self.acquire(client, Some(limit));
            }
            17 => self.call(client, Operation::Release, Step::Arrive),
            _ => self.acquire(client, Some(0)),
        }
    }

    fn acquire(&mut self, client: NodeId, limit: Option<u16>) {
        let node = &mut self.nodes[client.index()];
        node.watched = None;
        node.gives_up = limit.map_or(u16::MAX, |limit| self.pen.now + limit);
        let timeout = limit.map(|limit| Nanos::from_secs(limit.into()));
        self.call(client, Operation::Acquire { timeout }, Step::Poll);
    }

    pub(super) fn hear(&mut self, client: NodeId, heard: Heard) {
        let call = self.nodes[client.index()].call.take();
        self.pen.answer(
            client,
            match heard {
                Heard::Ok => Answer::Ok { held: None },
                Heard::Held(held) => Answer::Ok { held: Some(held) },
                Heard::Busy => Answer::Busy,
                Heard::Timeout => Answer::Timeout,
                Heard::NotHeld => Answer::NotHeld,
                Heard::Error => error(),
            },
        );
        let lost = matches!(heard, Heard::NotHeld | Heard::Held(false));
        let inside = self.nodes[client.index()].inside;
        match call {
            Some(Operation::Acquire { .. }) if heard == Heard::Ok && !inside => self.enter(client),
            Some(Operation::Release) if heard == Heard::Error && self.rng.random_bool(0.5) => {
                self.call(client, Operation::Release, Step::Arrive);
            }
            _ if inside && lost && self.rng.random_bool(0.8) => self.leave_lost(client),
            _ if inside => self.after(0, 2, client, Step::Act),
            _ => self.after(0, 3, client, Step::Ask),
        }
    }

    fn enter(&mut self, client: NodeId) {
        self.nodes[client.index()].inside = true;
        self.pen.write(EventKind::Entered { client: client.to_string() });
        let most = if self.rng.random_bool(self.long) { 3 * self.setup.lifetime } else { 4 };
        self.nodes[client.index()].leaves = self.pen.now + self.rng.random_range(0..=most);
        self.after(0, 2, client, Step::Act);
    }

    /// Who is told that it does not hold any more has nothing to release.
    fn leave_lost(&mut self, client: NodeId) {
        let node = &mut self.nodes[client.index()];
        match node.counting {
            Counting::Busy => return self.after(0, 1, client, Step::Act),
            Counting::Read(_) => {
                let why = "the lock is lost".into();
                self.pen.write(EventKind::CountDropped { client: client.to_string(), why });
            }
            Counting::No => {}
        }
        let node = &mut self.nodes[client.index()];
        (node.inside, node.counting) = (false, Counting::No);
        self.pen.write(EventKind::Left { client: client.to_string() });
        self.after(0, 3, client, Step::Ask);
    }

    /// One thing inside the critical section, or its end.
    pub(super) fn act(&mut self, client: NodeId) {
        let node = &self.nodes[client.index()];
        if !node.inside || node.call.is_some() {
            return;
        }
        let over = self.pen.now >= node.leaves;
        match node.counting {
            Counting::Busy => return,
            Counting::Read(value) if over || self.rng.random_bool(0.5) => {
                self.nodes[client.index()].counting = Counting::Busy;
                return self.send(client, Step::Write(value));
            }
            Counting::No if over => {
                self.nodes[client.index()].inside = false;
                self.pen.write(EventKind::Left { client: client.to_string() });
                return self.call(client, Operation::Release, Step::Arrive);
            }
            _ => {}
        }
        let has_lifetime = !matches!(self.setup.lock, Kind::Kernel | Kind::Plain);
        let counting = self.nodes[client.index()].counting != Counting::No;
        match self.rng.random_range(0..10) {
            0..3 if !counting => {
                self.nodes[client.index()].counting = Counting::Busy;
                self.pen.write(EventKind::CountBegan { client: client.to_string() });
                self.send(client, Step::Read);
            }
            3..6 => self.call(client, Operation::IsHeld, Step::Arrive),
            6..8 if has_lifetime => {
                let fixed = self.setup.lock == Kind::Heartbeat || self.rng.random_bool(0.7);
                let life = if fixed { self.setup.lifetime } else { 2 };
                let lifetime = Nanos::from_secs(life.into());
                self.call(client, Operation::Refresh { lifetime }, Step::Arrive);
            }
            8 if self.setup.lock != Kind::Kernel => self.acquire(client, Some(0)),
            _ => self.after(1, 5, client, Step::Act),
        }
    }

    pub(super) fn write(&mut self, client: NodeId, value: u64) {
        use super::simulate::Defect;
        if self.is_disturbed(client) && self.rng.random_bool(0.2) {
            let error = "EIO".into();
            self.pen.write(EventKind::CountFailed { client: client.to_string(), error });
            self.nodes[client.index()].counting = Counting::No;
            if self.rng.random_bool(0.5) {
                self.after(0, 9, client, Step::Ghost(super::simulate::Sent::Write(value)));
            }
            return self.after(0, 2, client, Step::Act);
        }
        if self.defect != Defect::LosesCounts || self.rng.random_bool(0.6) {
            self.file = value + 1;
        }
        self.send(client, Step::Wrote(value));
    }
}
