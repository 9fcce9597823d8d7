//! PID 1 in every node: one static binary, alone in the initial ramdisk. Where a node runs on the
//! host's own kernel, a process of a container: `lockstorm-agent host NODE MAC`.
//!
//! The main thread reads commands from the control port. What may block (anything that touches
//! the mount) runs in a thread of its own, so that a hung mount never deafens the node.

mod adapter;
mod boot;
mod calls;
mod clock;
mod counter;
mod export;
mod ganesha;
mod host;
mod mount;
mod nsm;
mod port;
mod prober;
mod server;

use calls::Surroundings;
use lockstorm_agent::{Command, EXPORT, Message, Numbered, Outcome, probe};
use port::Port;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::Path;
use std::sync::Arc;
use std::thread;

fn main() {
    if let Err(error) = run() {
        // The console is the only way left to be heard; the kernel panics when PID 1 ends,
        // and the harness sees that.
        eprintln!("lockstorm-agent: {error}");
    }
}

fn run() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (on_host, (mut reader, port)) = match arguments[..] {
        [probe::ARGUMENT] => return prober::run(),
        ["host", name, mac] => (true, host::enter(name, mac)?),
        _ => {
            boot::mount_root()?;
            (false, port::open()?)
        }
    };
    port.send(&Message::Hello);
    let counter = counter::start(Arc::clone(&port));
    let clock = clock::WallClock::now()?;
    let calls = calls::Calls::new(&port);
    let mut node = Node {
        on_host,
        clock,
        counter,
        calls,
        adapters: BTreeMap::new(),
        hostname: String::new(),
        restarts: 0,
        statd: false,
        port,
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::Error::other("the control port was closed"));
        }
        match serde_json::from_slice(&line) {
            Ok(command) => node.obey(command),
            Err(error) => eprintln!("lockstorm-agent: not a command: {error}"),
        }
    }
}

struct Node {
    /// The kernel is the host's.
    on_host: bool,
    port: Arc<Port>,
    clock: clock::WallClock,
    counter: counter::Counter,
    calls: calls::Calls,
    adapters: BTreeMap<u8, adapter::Adapter>,
    hostname: String,
    /// How many times the machine was switched on before, where that matters.
    restarts: u32,
    /// Whether it has an rpc.statd.
    statd: bool,
}

fn no_adapter() -> io::Error {
    io::Error::other("no adapter runs")
}

impl Node {
    fn obey(&mut self, Numbered { id, command }: Numbered) {
        match command {
            Command::Adapter { holder, line } => {
                let outcome = match self.adapters.get_mut(&holder) {
                    Some(adapter) => adapter.write(&line),
                    None => Err(no_adapter()),
                };
                // Success is told by the adapter's own answer.
                if outcome.is_err() {
                    self.port.done(id, outcome.map(|()| Outcome::Ok));
                }
            }
            Command::MountSupplement => {
                let mounted = match self.on_host {
                    true => host::mount_supplement(),
                    false => mount::mount_supplement(),
                };
                self.port.done(id, mounted.map(|()| Outcome::Ok));
            }
            Command::BeginCount { file } => self.counter.begin(id, file),
            Command::EndCount => self.counter.end(id),
            Command::ReadCount { file } => self.port.done(id, counter::read(&file)),
            Command::LookAtExport { stays } => {
                let found = export::look(Path::new(EXPORT), &stays);
                self.port.done(id, found.map(Outcome::LeftBehind));
            }
            Command::SetClock { offset_ns, drift_ppm } => {
                let set = self.clock.set(offset_ns, drift_ppm);
                self.port.done(id, set.map(|()| Outcome::Ok));
            }
            Command::StopServing => {
                self.in_thread(id, || server::stop().map(|()| Outcome::Ok));
            }
            Command::FillDisk { full } => {
                self.in_thread(id, move || server::fill(full).map(|()| Outcome::Ok));
            }
            Command::Unmount => {
                for adapter in std::mem::take(&mut self.adapters).into_values() {
                    // It may have ended by itself already.
                    let _ = adapter.kill();
                }
                self.in_thread(id, || host::unmount().map(|()| Outcome::Ok));
            }
            command @ (Command::Configure { .. }
            | Command::Serve { .. }
            | Command::Mount { .. }) => self.set_up(id, command),
            command => {
                let outcome = self.look_after_adapters(command);
                self.port.done(id, outcome);
            }
        }
    }

    /// What makes a machine a server or a client.
    fn set_up(&mut self, id: u64, command: Command) {
        match command {
            Command::Configure { hostname, address, pids_used, identity, nsm } => {
                boot::use_pids(pids_used);
                let names = nsm.as_ref().map_or(Ok(()), nsm::names);
                let configured =
                    names.and_then(|()| boot::configure(&hostname, &address, identity.as_deref()));
                (self.restarts, self.statd) =
                    nsm.map_or((0, false), |nsm| (nsm.restarts, nsm.statd));
                self.hostname = hostname;
                self.port.done(id, configured.map(|()| Outcome::Ok));
            }
            Command::Serve {
                lease_s,
                grace_s,
                threads,
                no_delegations,
                is_async,
                implementation,
                nfs3,
            } => {
                let manner = server::Manner {
                    lease_s,
                    grace_s,
                    threads,
                    no_delegations,
                    is_async,
                    implementation,
                    nfs3,
                    restarts: self.restarts,
                    statd: self.statd,
                };
                self.in_thread(id, move || server::serve(&manner).map(|()| Outcome::Ok));
            }
            Command::Mount { options, parameters } => {
                let client = mount::Client {
                    name: self.hostname.clone(),
                    restarts: self.restarts,
                    statd: self.statd,
                };
                self.in_thread(id, move || mount::mount(&client, &options, &parameters));
            }
            other => eprintln!("lockstorm-agent: {other:?} sets nothing up"),
        }
    }

    /// What has to do with processes of locks, and is done at once.
    fn look_after_adapters(&mut self, command: Command) -> io::Result<Outcome> {
        match command {
            Command::StartAdapter { holder, dir, argv, env, watched, pid_namespace } => {
                let within = Surroundings { watched: &watched, pid_namespace };
                let spawn = |command: &mut _| self.calls.spawn(command, &within);
                let adapter = adapter::start(holder, &dir, &argv, &env, spawn, &self.port)?;
                self.adapters.insert(holder, adapter);
            }
            Command::CloseAdapter { holder } => {
                self.adapters.remove(&holder).ok_or_else(no_adapter)?;
            }
            Command::KillAdapter { holder } => {
                self.adapters.remove(&holder).ok_or_else(no_adapter)?.kill()?;
            }
            Command::StopAdapter { holder, stopped } => {
                self.adapters.get(&holder).ok_or_else(no_adapter)?.set_stopped(stopped)?;
            }
            Command::FailCalls(failing) => self.calls.fail(failing),
            Command::LetCalls { fault } => self.calls.let_through(fault),
            Command::CountDescriptors => {
                let open = self.adapters.get(&0).ok_or_else(no_adapter)?.descriptors()?;
                return Ok(Outcome::Descriptors { open });
            }
            other => return Err(io::Error::other(format!("not a command to adapters: {other:?}"))),
        }
        Ok(Outcome::Ok)
    }

    fn in_thread(&self, id: u64, work: impl FnOnce() -> io::Result<Outcome> + Send + 'static) {
        let port = Arc::clone(&self.port);
        thread::spawn(move || port.done(id, work()));
    }
}
