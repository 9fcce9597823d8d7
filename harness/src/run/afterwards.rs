//! What the server is asked when the workload is over.

use super::RunError;
use super::event::{Event, Timer};
use super::interpreter::{COUNTER, Interpreter};
use super::task::Task;
use crate::history::EventKind;
use crate::site::NodeId;
use crate::units::SECOND;
use lockstorm_agent::{Command, EXPORT, LeftBehind};
use lockstorm_reports::Invariant;

/// How long the server may take to answer (virtual ns).
const ANSWERS_WITHIN: u64 = 60 * SECOND;
/// How long what was under way may take to end: a file that was removed while it was open is
/// removed by the client's kernel when it is closed, and nobody waits for that (virtual ns).
const SETTLES_WITHIN: u64 = 60 * SECOND;

impl Interpreter<'_> {
    /// Reads the counter on the server, past every client's cache.
    pub fn read_counter(&mut self) -> Result<(), RunError> {
        let file = format!("{EXPORT}/{COUNTER}");
        let asked = (Command::ReadCount { file }, Task::ReadCounter);
        let value = self.ask_server(asked, Timer::NoCounter, |event| match event {
            Event::CounterRead(value) => Some(value),
            _ => None,
        })?;
        match value {
            Some(value) => self.record(EventKind::CounterRead { value }),
            None => Ok(()),
        }
    }

    /// Looks what is left on the export, if the lock promises that nothing is.
    pub fn look_at_export(&mut self) -> Result<(), RunError> {
        let profile = &self.plan().profile;
        if !profile.promises.contains_key(&Invariant::Cleanliness) {
            return Ok(());
        }
        let mut stays = profile.stays.clone();
        stays.push(format!("/{COUNTER}"));
        let mut left = self.left_behind(&stays)?;
        if left.as_ref().is_some_and(|left| !left.is_nothing()) {
            self.set_timer(self.now() + SETTLES_WITHIN, Timer::Settled);
            self.await_event(|event| (event == Event::Timer(Timer::Settled)).then_some(()))?;
            left = self.left_behind(&stays)?;
        }
        let Some(LeftBehind { names, more, locks }) = left else {
            return Ok(());
        };
        self.record(EventKind::LeftBehind { names, more, locks })
    }

    fn left_behind(&mut self, stays: &[String]) -> Result<Option<LeftBehind>, RunError> {
        let command = Command::LookAtExport { stays: stays.to_vec() };
        self.ask_server((command, Task::LookAtExport), Timer::NoLook, |event| match event {
            Event::LeftBehind(left) => Some(left),
            _ => None,
        })
    }

    /// Asks the server, and waits for the answer; `None`: it does not come in time.
    fn ask_server<T>(
        &mut self,
        (command, task): (Command, Task),
        too_late: Timer,
        answer: impl Fn(Event) -> Option<T>,
    ) -> Result<Option<T>, RunError> {
        if self.failure().is_some() || !self.readiness.serves() {
            return Ok(None);
        }
        self.command(NodeId::SERVER, command, task);
        self.set_timer(self.now() + ANSWERS_WITHIN, too_late);
        let answer = self.await_event(|event| match event == Event::Timer(too_late) {
            true => Some(None),
            false => answer(event).map(Some),
        })?;
        self.clear_timers(|timer| *timer == too_late);
        Ok(answer.flatten())
    }

    /// Lets time pass until the event comes that is meant; what else happens nobody looks at.
    fn await_event<T>(
        &mut self,
        meant: impl Fn(Event) -> Option<T>,
    ) -> Result<Option<T>, RunError> {
        while let Some(event) = self.next_event()? {
            if let Some(found) = meant(event) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
