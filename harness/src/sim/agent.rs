//! The agent of a simulated node: takes the commands of the real one (harness/agent), and answers
//! as that does.

use super::client::{Asker, Client, Mount};
use super::locks::{self, Lock};
use super::node::{Io, Machine, Role};
use super::process::Process;
use super::rpc::{Done, Errno, Op};
use super::server::{Disk, Manners, Server};
use crate::lock::adapter::Request;
use crate::site::NodeId;
use crate::site::blueprint::Blueprint;
use crate::units::{Nanos, SECOND};
use lockstorm_agent::{Command, EXPORT, LeftBehind, MOUNT_POINT, Message, Outcome, Rules};
use std::collections::BTreeMap;

/// The counter's name on the export.
pub const COUNTER: &str = "counter";

#[derive(Default)]
pub struct Agent {
    /// The command to mount that is being carried out.
    mount: Option<u64>,
    counter: Counter,
    failing: Rules,
}

/// How far an increment of the counter has come, as in harness/agent/src/counter.rs.
#[derive(Clone, Debug, Default, PartialEq)]
enum Counter {
    #[default]
    Idle,
    Opening {
        command: u64,
    },
    /// There was none.
    Creating {
        command: u64,
    },
    Begun {
        read: u64,
    },
    Writing {
        command: u64,
        read: u64,
    },
    /// It was written to this incarnation of the server.
    Syncing {
        command: u64,
        read: u64,
        verifier: u64,
    },
}

/// What the agent is told of the site that it runs on.
pub struct Setting<'a> {
    pub blueprint: &'a Blueprint,
    pub lock: Lock,
    pub manners: Manners,
    pub process_seed: u64,
    pub node: NodeId,
}

fn failed(errno: &str, doing: &str) -> Outcome {
    Outcome::Failed { errno: Some(errno.into()), message: format!("{doing}: {errno}") }
}

/// The file's name on the export.
fn name(path: &str) -> &str {
    path.trim_start_matches(MOUNT_POINT).trim_start_matches(EXPORT).trim_start_matches('/')
}

impl Machine {
    /// Carries out a command of the harness. `now` is the harness's clock.
    pub fn obey(
        &mut self,
        id: u64,
        command: Command,
        now: u64,
        setting: &Setting,
        io: &mut Io,
        disk: &mut Disk,
    ) {
        let outcome = match (command, &mut self.role) {
            (Command::Configure { .. }, _) => {
                self.on_network = true;
                Outcome::Ok
            }
            (Command::SetClock { offset_ns, drift_ppm }, _) => {
                self.clock.set(now, offset_ns, drift_ppm);
                Outcome::Ok
            }
            (Command::FailCalls(failing), _) => {
                self.agent.failing.fail(failing);
                Outcome::Ok
            }
            (Command::LetCalls { fault }, _) => {
                self.agent.failing.let_through(fault);
                Outcome::Ok
            }
            (Command::Serve { .. }, Role::Server(server)) => {
                let Blueprint { disk: hardware, server: spec, .. } = setting.blueprint;
                let monotonic = io.now.monotonic;
                *server = Some(Server::serve(disk, hardware, spec, setting.manners, monotonic));
                Outcome::Ok
            }
            (Command::StopServing, Role::Server(server)) => {
                *server = None;
                Outcome::Ok
            }
            (Command::FillDisk { full }, Role::Server(_)) => {
                disk.full = full;
                Outcome::Ok
            }
            (Command::LookAtExport { stays }, Role::Server(server)) => {
                let locks = server.as_ref().map_or(0, Server::locked);
                let left = LeftBehind { names: disk.names_but(&stays), more: 0, locks };
                Outcome::LeftBehind(left)
            }
            (Command::ReadCount { file }, Role::Server(_)) => match disk.read(name(&file)) {
                None => Outcome::Count { value: 0 },
                Some(text) => count(&text),
            },
            (command, Role::Client { kernel, process }) => {
                match self.agent.obey(id, command, kernel, process, setting, io) {
                    Some(outcome) => outcome,
                    None => return,
                }
            }
            (command, Role::Server(_)) => {
                Outcome::Failed { errno: None, message: format!("no server's work: {command:?}") }
            }
        };
        io.said.push(Message::Done { id, outcome });
    }
}

impl Agent {
    /// Carries out a client's command; `None`: its outcome is told later.
    fn obey(
        &mut self,
        id: u64,
        command: Command,
        kernel: &mut Client,
        process: &mut Option<Process>,
        setting: &Setting,
        io: &mut Io,
    ) -> Option<Outcome> {
        match command {
            Command::Mount { .. } => {
                self.mount = Some(id);
                kernel.mount(io);
                None
            }
            Command::StartAdapter { env, .. } => {
                *process = Some(start(&env, setting));
                Some(Outcome::Ok)
            }
            Command::Adapter { line, .. } => match (process, request(&line)) {
                (Some(process), Some((id, request))) => {
                    process.take_request(id, request);
                    None
                }
                _ => Some(Outcome::Failed { errno: None, message: "no adapter runs".into() }),
            },
            Command::KillAdapter { .. } => {
                *process = None;
                kernel.process_has_ended(io);
                let cause = "ended with signal: 9 (SIGKILL)".into();
                io.said.push(Message::AdapterEnded { holder: 0, cause });
                Some(Outcome::Ok)
            }
            Command::StopAdapter { stopped, .. } => {
                if let Some(process) = process {
                    process.stopped = stopped;
                }
                Some(Outcome::Ok)
            }
            Command::CloseAdapter { .. } | Command::Unmount => {
                *process = None;
                Some(Outcome::Ok)
            }
            Command::CountDescriptors => Some(match process {
                Some(process) => Outcome::Descriptors { open: process.descriptors() },
                None => Outcome::Failed { errno: None, message: "no adapter runs".into() },
            }),
            Command::BeginCount { .. } => {
                self.counter = Counter::Opening { command: id };
                kernel.ask(Asker::Counter, Op::Open(COUNTER.into()), io);
                None
            }
            Command::EndCount => match self.counter {
                Counter::Begun { read } => {
                    self.counter = Counter::Writing { command: id, read };
                    kernel.ask(Asker::Counter, write(read), io);
                    None
                }
                _ => {
                    let message = "no count was begun".into();
                    Some(Outcome::Failed { errno: None, message })
                }
            },
            _ => Some(Outcome::Ok),
        }
    }

    /// Tells the harness what the adapter has written.
    pub fn relay(&self, process: &mut Process, io: &mut Io) {
        let lines = process.lines().into_iter();
        io.said.extend(lines.map(|line| Message::AdapterLine { holder: 0, line }));
    }

    /// The error that an operation of the process is to fail with. To a lock all are the same.
    pub fn fails(&mut self, op: &Op, io: &mut Io) -> Option<Errno> {
        let (calls, names) = op.system_calls();
        let paths: Vec<String> = names.iter().map(|name| format!("/{name}")).collect();
        let (failing, path) = self.failing.meet(calls, &paths)?;
        let (fault, call, path) = (failing.fault, failing.call, path.to_owned());
        io.said.push(Message::CallFailed { fault, call, path });
        Some(Errno::Io)
    }

    /// Tells the harness when the mount has come to an end.
    pub fn look_after_mount(&mut self, kernel: &mut Client, io: &mut Io) {
        let Some(id) = self.mount else {
            return;
        };
        let outcome = match kernel.mounted() {
            Mount::Not | Mount::Until(_) => return,
            Mount::Mounted => Outcome::Mounted { options: "rw,vers=4.2,hard".into() },
            Mount::Failed(errno) => failed(errno, "mounting"),
        };
        self.mount = None;
        io.said.push(Message::Done { id, outcome });
    }

    /// An operation on the counter is done; the next one.
    pub fn counted(&mut self, result: Result<Done, Errno>, kernel: &mut Client, io: &mut Io) {
        let (next, outcome) = match (std::mem::take(&mut self.counter), result) {
            (Counter::Opening { command }, Err(Errno::NoEntry)) => {
                let create = Op::Create { name: COUNTER.into(), exclusive: false };
                kernel.ask(Asker::Counter, create, io);
                (Counter::Creating { command }, None)
            }
            (Counter::Creating { command }, Ok(_)) => {
                kernel.ask(Asker::Counter, Op::Open(COUNTER.into()), io);
                (Counter::Opening { command }, None)
            }
            (Counter::Opening { command }, Ok(Done::Looked { file: Some(file), .. })) => {
                match count(&file.text) {
                    Outcome::Count { value } => {
                        let outcome = Outcome::Count { value };
                        (Counter::Begun { read: value }, Some((command, outcome)))
                    }
                    other => (Counter::Idle, Some((command, other))),
                }
            }
            (Counter::Writing { command, read }, Ok(Done::Written { verifier })) => {
                kernel.ask(Asker::Counter, Op::Commit(COUNTER.into()), io);
                (Counter::Syncing { command, read, verifier }, None)
            }
            // The server has restarted since, and may have lost it (RFC 8881, section 18.3.3).
            (Counter::Syncing { command, read, verifier }, Ok(Done::Written { verifier: now }))
                if verifier != now =>
            {
                kernel.ask(Asker::Counter, write(read), io);
                (Counter::Writing { command, read }, None)
            }
            (Counter::Syncing { command, read, .. }, Ok(_)) => {
                (Counter::Idle, Some((command, Outcome::Counted { read })))
            }
            (counter, result) => (Counter::Idle, ended(&counter, result)),
        };
        self.counter = next;
        if let Some((id, outcome)) = outcome {
            io.said.push(Message::Done { id, outcome });
        }
    }
}

/// An increment that failed.
fn ended(counter: &Counter, result: Result<Done, Errno>) -> Option<(u64, Outcome)> {
    let (Counter::Opening { command }
    | Counter::Creating { command }
    | Counter::Writing { command, .. }
    | Counter::Syncing { command, .. }) = counter
    else {
        return None;
    };
    let errno = result.err().map_or("EIO", Errno::symbol);
    Some((*command, failed(errno, COUNTER)))
}

fn write(read: u64) -> Op {
    Op::Write { name: COUNTER.into(), text: (read + 1).to_string().into() }
}

fn count(text: &str) -> Outcome {
    match text.parse() {
        Ok(value) => Outcome::Count { value },
        Err(_) if text.is_empty() => Outcome::Count { value: 0 },
        Err(_) => {
            let message = format!("the counter file holds {text:?}");
            Outcome::Failed { errno: None, message }
        }
    }
}

fn start(env: &BTreeMap<String, String>, setting: &Setting) -> Process {
    let lock = locks::Settings {
        lock: setting.lock,
        lifetime: lifetime(env),
        owner: format!("{}-{:x}", setting.node, setting.process_seed),
    };
    Process::start(setting.process_seed, |os| locks::run(lock, os))
}

fn lifetime(env: &BTreeMap<String, String>) -> Option<Nanos> {
    let seconds: f64 = env.get("LOCKSTORM_LIFETIME")?.parse().ok()?;
    Some(Nanos((seconds * SECOND as f64).round() as u64))
}

/// A request and its number.
fn request(line: &str) -> Option<(u64, Request)> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        id: u64,
    }
    let Numbered { id } = serde_json::from_str(line).ok()?;
    Some((id, serde_json::from_str(line).ok()?))
}
