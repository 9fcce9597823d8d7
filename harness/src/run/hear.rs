//! Hearing: what agents and adapters say becomes events of the history, and cues.

use super::RunError;
use super::cue::{ClientId, Cue, Wake};
use super::last_words;
use super::stage::{Counting, Stage};
use super::task::Task;
use crate::history::What;
use crate::lock::adapter::Reply;
use crate::site::NodeId;
use crate::units::Nanos;
use lockstorm_agent::{Message, Outcome};

impl Stage<'_> {
    pub(super) fn wake(&mut self, token: u64) -> Result<(), RunError> {
        match self.timers.remove(&token) {
            None => {}
            Some(Wake::Overdue) if self.began.is_none() => {
                let waiting = self.crew.unready(self.plan());
                let lock = &self.plan().profile.name;
                self.fail(format!("the site was not ready in time for {lock}: {waiting}"));
            }
            Some(Wake::Overdue) => self.cues.push_back(Cue::Overdue),
            Some(Wake::PowerOn(node)) => self.power_on(node)?,
            Some(Wake::Remount(node)) => self.mount(node),
            Some(wake) => self.cues.push_back(Cue::Timer(wake)),
        }
        Ok(())
    }

    pub(super) fn node_died(&mut self, node: NodeId, mut cause: String) -> Result<(), RunError> {
        let name = self.node_name(node).to_owned();
        if let Some(panic) = last_words::of_kernel(self.artefacts, &name) {
            cause = format!("{cause}; its last words: {panic}");
        }
        self.fail(format!("{name}: {cause}"));
        self.record(What::NodeDied { node: name, by_plan: false, cause })?;
        self.forget(node);
        Ok(())
    }

    pub(super) fn take_message(&mut self, node: NodeId, message: Message) -> Result<(), RunError> {
        match message {
            Message::Hello => {
                self.configure(node);
                Ok(())
            }
            Message::AdapterLine { line, .. } => self.take_adapter_line(node, &line),
            Message::AdapterEnded { cause, .. } => self.adapter_failed(node, cause),
            Message::Done { id, outcome } => match self.tasks.remove(&(node, id)) {
                Some(task) => self.task_done(node, task, outcome),
                // A line that could not be handed to the adapter.
                None => self.adapter_failed(node, format!("took no request: {outcome:?}")),
            },
        }
    }

    fn task_done(&mut self, node: NodeId, task: Task, outcome: Outcome) -> Result<(), RunError> {
        match (task, outcome) {
            (Task::BeginCount(id), outcome) => self.count_read(id, outcome),
            (Task::EndCount(id), outcome) => self.counted(id, outcome),
            (Task::CountDescriptors(id), Outcome::Descriptors { open }) => {
                self.record(What::Descriptors { client: self.clients[id].name.clone(), open })
            }
            // The adapter has ended, which is told by itself.
            (Task::CountDescriptors(_), _) => Ok(()),
            (Task::ReadCounter, Outcome::Count { value }) => {
                self.cues.push_back(Cue::CounterRead(value));
                Ok(())
            }
            (Task::SetClock { step_ns, drift_ppm, .. }, Outcome::Ok) => {
                self.clock_set(node, step_ns, drift_ppm)
            }
            (task, Outcome::Failed { message, .. }) => self.task_failed(node, task, message),
            (task, outcome) => self.go_on(node, task, outcome),
        }
    }

    fn task_failed(&mut self, node: NodeId, task: Task, message: String) -> Result<(), RunError> {
        let name = self.node_name(node);
        match task {
            // A client that returns while the server is away tries again.
            Task::Mount if self.began.is_some() => {
                self.set_timer_in(Nanos::from_secs(1), Wake::Remount(node));
                Ok(())
            }
            Task::SetClock { fault, .. } => {
                let why = format!("the clock of {name} could not be set: {message}");
                self.record(What::FaultMissed { fault, why })
            }
            Task::StartAdapter => {
                let profile = &self.plan().profile;
                let (lock, command) = (&profile.name, profile.start.join(" "));
                self.fail(format!("{name}: `{command}`, the adapter of {lock}: {message}"));
                Ok(())
            }
            task => {
                self.fail(format!("{name}: {task}: {message}"));
                Ok(())
            }
        }
    }

    fn count_read(&mut self, id: ClientId, outcome: Outcome) -> Result<(), RunError> {
        match outcome {
            Outcome::Count { .. } => self.clients[id].counting = Counting::Read,
            Outcome::Failed { errno, message } => {
                let error = errno.unwrap_or(message);
                self.drop_count(id, format!("it could not be read: {error}"))?;
            }
            other => self.drop_count(id, format!("it could not be read: {other:?}"))?,
        }
        self.cues.push_back(Cue::Counted(id));
        Ok(())
    }

    fn counted(&mut self, id: ClientId, outcome: Outcome) -> Result<(), RunError> {
        self.clients[id].counting = Counting::No;
        let client = self.clients[id].name.clone();
        self.record(match outcome {
            Outcome::Counted { read } => What::Counted { client, read },
            Outcome::Failed { errno, message } => {
                What::CountFailed { client, error: errno.unwrap_or(message) }
            }
            other => What::CountFailed { client, error: format!("{other:?}") },
        })?;
        self.cues.push_back(Cue::Counted(id));
        Ok(())
    }

    fn clock_set(&mut self, node: NodeId, step_ns: i64, drift_ppm: i64) -> Result<(), RunError> {
        let now = self.now();
        let clock = &mut self.clocks[node];
        let drifted = i128::from(clock.drift_ppm) * i128::from(now - clock.since) / 1_000_000;
        clock.offset_ns += drifted as i64 + step_ns;
        (clock.drift_ppm, clock.since) = (drift_ppm, now);
        let offset_ns = clock.offset_ns;
        self.record(What::ClockSet { node: self.node_name(node).to_owned(), offset_ns, drift_ppm })
    }

    fn take_adapter_line(&mut self, node: NodeId, line: &str) -> Result<(), RunError> {
        let Some(id) = node.checked_sub(1) else {
            return Ok(());
        };
        let reply = match Reply::parse(line) {
            Ok(reply) => reply,
            Err(cause) => return self.adapter_failed(node, cause),
        };
        match reply {
            Reply::Ready { library, version } => self.adapter_ready(id, library, version),
            Reply::Answer { id: call, answer } => match self.clients[id].call.take() {
                Some((asked, operation, _)) if asked == call => {
                    let client = self.clients[id].name.clone();
                    self.record(What::Answered { client, call, answer: answer.clone() })?;
                    self.cues.push_back(Cue::Answered { client: id, operation, answer });
                    Ok(())
                }
                pending => {
                    let cause = match pending {
                        Some((asked, ..)) => {
                            format!("answered call {call} while call {asked} was open")
                        }
                        None => format!("answered call {call}, which was not open"),
                    };
                    self.adapter_failed(node, cause)
                }
            },
        }
    }

    fn adapter_ready(
        &mut self,
        id: ClientId,
        library: String,
        version: String,
    ) -> Result<(), RunError> {
        if self.clients[id].ready {
            return self.adapter_failed(id + 1, "said a second time that it is ready".into());
        }
        let client = self.clients[id].name.clone();
        self.clients[id].ready = true;
        self.record(What::AdapterReady { client, library, version })?;
        if self.began.is_some() {
            self.cues.push_back(Cue::Returned(id));
        } else if self.clients.iter().all(|client| client.ready) {
            self.began = Some(self.now());
            // Until now nobody had a lock that a busy host could have spoiled.
            self.site().forget_lateness();
            self.clear_timers(|wake| *wake == Wake::Overdue);
            self.record(What::WorkloadBegan)?;
            self.cues.push_back(Cue::Began);
        }
        Ok(())
    }

    pub fn adapter_failed(&mut self, node: NodeId, cause: String) -> Result<(), RunError> {
        let client = self.node_name(node).to_owned();
        let asked = node.checked_sub(1).and_then(|id| self.asked_for(id));
        let cause = match asked {
            Some(asked) => format!("{cause}, {asked}"),
            None => cause,
        };
        self.fail(format!("{client}: the adapter {cause}"));
        self.record(What::AdapterFailed { client, cause })
    }
}
