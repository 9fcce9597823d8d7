//! What agents and adapters say becomes lines of the history, and events.

use super::RunError;
use super::event::{Event, Timer};
use super::interpreter::{Counting, Interpreter};
use super::last_words;
use super::prober;
use super::task::Task;
use crate::fault::FaultId;
use crate::history::EventKind;
use crate::lock::adapter::Reply;
use crate::site::{ClientId, NodeId};
use crate::units::Nanos;
use lockstorm_agent::{Message, Outcome, SystemCall};

impl Interpreter<'_> {
    pub(super) fn timer(&mut self, token: u64) -> Result<(), RunError> {
        match self.timers.remove(&token) {
            None => {}
            Some(Timer::Overdue) if !self.has_begun() => {
                let waiting = self.readiness.unready(self.plan());
                let lock = &self.plan().profile.name;
                self.fail(format!("the site was not ready in time for {lock}: {waiting}"));
            }
            Some(Timer::Overdue) => self.events.push_back(Event::Overdue),
            Some(Timer::PowerOn(node)) => self.power_on(node)?,
            Some(Timer::Remount(node)) => self.mount(node),
            Some(timer) => self.events.push_back(Event::Timer(timer)),
        }
        Ok(())
    }

    pub(super) fn node_died(&mut self, node: NodeId, mut cause: String) -> Result<(), RunError> {
        let name = self.node_name(node).to_owned();
        if let Some(panic) = last_words::of_kernel(self.artefacts, &name) {
            cause = format!("{cause}; its last words: {panic}");
        }
        self.fail(format!("{name}: {cause}"));
        self.record(EventKind::NodeDied { node: name, by_plan: false, cause })?;
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
            Message::AdapterEnded { cause, .. } => self.adapter_ended(node, cause),
            Message::CallFailed { fault, call, path } => self.call_failed(node, fault, call, path),
            Message::Done { id, outcome } => match self.tasks.remove(&(node, id)) {
                Some(task) => self.task_done(node, task, outcome),
                // A line that could not be handed to an adapter that has just been killed; perhaps
                // another runs by now.
                None if self.is_killed(node) || !self.is_line(node, id) => Ok(()),
                // Or to one that is there no more by itself.
                None => self.adapter_failed(node, format!("took no request: {outcome:?}")),
            },
        }
    }

    fn task_done(&mut self, node: NodeId, task: Task, outcome: Outcome) -> Result<(), RunError> {
        match (task, outcome) {
            (Task::BeginCount(id), outcome) => self.count_read(id, outcome),
            (Task::EndCount(id), outcome) => self.counted(id, outcome),
            (Task::CountDescriptors(id), Outcome::Descriptors { open }) => {
                self.record(EventKind::Descriptors { client: self.client(id).name.clone(), open })
            }
            // The adapter has ended, which is told by itself.
            (Task::CountDescriptors(_), _) => Ok(()),
            (Task::ReadCounter, Outcome::Count { value }) => {
                self.events.push_back(Event::CounterRead(value));
                Ok(())
            }
            (Task::LookAtExport, Outcome::LeftBehind(left)) => {
                self.events.push_back(Event::LeftBehind(left));
                Ok(())
            }
            (Task::FillDisk, outcome) => {
                let filled = match outcome {
                    Outcome::Failed { message, .. } => Err(message),
                    _ => Ok(()),
                };
                self.events.push_back(Event::DiskFilled(filled));
                Ok(())
            }
            // Whom it could not be done to has ended, which is told by itself.
            (
                Task::KillAdapter
                | Task::StopAdapter
                | Task::FailCalls
                | Task::Probe
                | Task::Abandoned,
                _,
            ) => Ok(()),
            (Task::SetClock(setting), Outcome::Ok) => self.clock_was_set(node, setting),
            (task, Outcome::Failed { message, .. }) => self.task_failed(node, task, message),
            (task, outcome) => self.go_on(node, task, outcome),
        }
    }

    fn task_failed(&mut self, node: NodeId, task: Task, message: String) -> Result<(), RunError> {
        let name = self.node_name(node);
        match task {
            // A client that returns while the server is away tries again.
            Task::Mount if self.has_begun() => {
                self.set_timer_in(Nanos::from_secs(1), Timer::Remount(node));
                Ok(())
            }
            Task::SetClock(_) => {
                self.events.push_back(Event::ClockFailed(node, message));
                Ok(())
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
            Outcome::Count { .. } => self.client_mut(id).counting = Counting::Read,
            Outcome::Failed { errno, message } => {
                let error = errno.unwrap_or(message);
                self.drop_count(id, format!("it could not be read: {error}"))?;
            }
            other => self.drop_count(id, format!("it could not be read: {other:?}"))?,
        }
        self.events.push_back(Event::Counted(id));
        Ok(())
    }

    fn counted(&mut self, id: ClientId, outcome: Outcome) -> Result<(), RunError> {
        self.client_mut(id).counting = Counting::No;
        let client = self.client(id).name.clone();
        self.record(match outcome {
            Outcome::Counted { read } => EventKind::Counted { client, read },
            Outcome::Failed { errno, message } => {
                EventKind::CountFailed { client, error: errno.unwrap_or(message) }
            }
            other => EventKind::CountFailed { client, error: format!("{other:?}") },
        })?;
        self.events.push_back(Event::Counted(id));
        Ok(())
    }

    fn take_adapter_line(&mut self, node: NodeId, line: &str) -> Result<(), RunError> {
        if self.plan().profile.name == prober::NAME && line.starts_with(r#"{"probe":"#) {
            self.events.push_back(Event::Said(line.to_owned()));
            return Ok(());
        }
        let Some(id) = node.client() else {
            return Ok(());
        };
        let reply = match Reply::parse(line) {
            Ok(reply) => reply,
            Err(cause) => return self.adapter_failed(node, cause),
        };
        match reply {
            // What it had said before it was killed.
            Reply::Answer { .. } if self.is_killed(node) && self.client(id).call.is_none() => {
                Ok(())
            }
            Reply::Ready { library, version } => self.adapter_ready(id, library, version),
            Reply::Answer { id: call, answer } => match self.client_mut(id).call.take() {
                Some((asked, operation, _)) if asked == call => {
                    let client = self.client(id).name.clone();
                    self.record(EventKind::Answered { client, call, answer: answer.clone() })?;
                    self.events.push_back(Event::Answered { client: id, operation, answer });
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

    fn call_failed(
        &mut self,
        node: NodeId,
        fault: u64,
        call: SystemCall,
        path: String,
    ) -> Result<(), RunError> {
        let (Some(id), Some(fault)) = (node.client(), FaultId::of_token(fault)) else {
            return Ok(());
        };
        let client = self.client(id).name.clone();
        self.record(EventKind::CallFailed { client, fault, call, path })?;
        self.events.push_back(Event::CallFailed(fault));
        Ok(())
    }

    fn adapter_ready(
        &mut self,
        id: ClientId,
        library: String,
        version: String,
    ) -> Result<(), RunError> {
        if self.client(id).ready {
            return self.adapter_failed(id.node(), "said a second time that it is ready".into());
        }
        let client = self.client(id).name.clone();
        self.client_mut(id).ready = true;
        self.record(EventKind::AdapterReady { client, library, version })?;
        if self.has_begun() {
            self.events.push_back(Event::Returned(id));
        } else if self.clients().iter().all(|client| client.ready) {
            self.began = Some(self.now());
            // Until now nobody had a lock that a busy host could have spoiled.
            self.site().forget_lateness();
            self.clear_timers(|timer| *timer == Timer::Overdue);
            self.record(EventKind::WorkloadBegan)?;
            self.events.push_back(Event::Began);
        }
        Ok(())
    }

    pub fn adapter_failed(&mut self, node: NodeId, cause: String) -> Result<(), RunError> {
        let client = self.node_name(node).to_owned();
        let asked = node.client().and_then(|id| self.asked_for(id));
        let cause = match asked {
            Some(asked) => format!("{cause}, {asked}"),
            None => cause,
        };
        self.fail(format!("{client}: the adapter {cause}"));
        self.record(EventKind::AdapterFailed { client, cause })
    }
}
