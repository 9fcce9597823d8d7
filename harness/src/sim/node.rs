//! A node that has power: its clock, its network card, and what it is for.

use super::agent::Agent;
use super::client::Client;
use super::clock::Clock;
use super::frame::{Book, Segment};
use super::process::Process;
use super::server::{Disk, Server};
use lockstorm_agent::Message;

/// The time as a node tells it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Nanoseconds since power-on.
    pub monotonic: u64,
    /// Nanoseconds since 1970.
    pub wall: i64,
}

/// What a node can reach at an instant.
pub struct Io<'a> {
    pub now: Now,
    pub book: &'a mut Book,
    /// Segments that it sends.
    pub out: &'a mut Vec<Segment>,
    /// What its agent says.
    pub said: &'a mut Vec<Message>,
}

pub struct Machine {
    pub clock: Clock,
    pub role: Role,
    pub agent: Agent,
    /// The network is up.
    pub on_network: bool,
    /// The time of the harness's clock (ns) at which it will be woken, if at all.
    pub wake_at: Option<u64>,
}

pub enum Role {
    /// `None`: it does not serve yet.
    Server(Option<Server>),
    Client {
        kernel: Box<Client>,
        process: Option<Process>,
    },
}

impl Machine {
    /// When it next has something to do by itself (ns of its monotonic clock).
    pub fn deadline(&self) -> Option<u64> {
        match &self.role {
            Role::Server(server) => server.as_ref().and_then(Server::deadline),
            Role::Client { kernel, process } => {
                let process = process.as_ref().and_then(Process::deadline);
                [kernel.deadline(), process].into_iter().flatten().min()
            }
        }
    }

    pub fn look_at_clock(&mut self, io: &mut Io, disk: &mut Disk) {
        match &mut self.role {
            Role::Server(Some(server)) => server.look_at_clock(io, disk),
            Role::Server(None) => {}
            Role::Client { kernel, .. } => kernel.look_at_clock(io),
        }
    }

    pub fn receive(&mut self, segment: &Segment, io: &mut Io, disk: &mut Disk) {
        if !self.on_network {
            return;
        }
        match &mut self.role {
            Role::Server(Some(server)) => server.receive(segment, io, disk),
            Role::Server(None) => io.out.extend(super::tcp::reset(segment)),
            Role::Client { kernel, .. } => kernel.receive(segment, io),
        }
    }

    /// The process and the kernel go on until both have to wait.
    pub fn run_until_idle(&mut self, io: &mut Io) {
        let Role::Client { kernel, process } = &mut self.role else {
            return;
        };
        loop {
            if let Some(process) = process {
                let op = process.run(io.now);
                self.agent.relay(process, io);
                match op.map(|op| (self.agent.fails(&op, io), op)) {
                    Some((Some(errno), _)) => {
                        process.done(Err(errno));
                        continue;
                    }
                    Some((None, op)) => kernel.ask(super::client::Asker::Process, op, io),
                    None => {}
                }
            }
            self.agent.look_after_mount(kernel, io);
            let Some((asker, result)) = kernel.done() else {
                break;
            };
            match (asker, process.as_mut()) {
                (super::client::Asker::Process, Some(process)) => process.done(result),
                (super::client::Asker::Counter, _) => self.agent.counted(result, kernel, io),
                _ => {}
            }
        }
        kernel.acknowledge(io);
    }
}
