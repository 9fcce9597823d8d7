//! PID 1 in every node: one static binary, alone in the initial ramdisk.
//!
//! The main thread reads commands from the control port. What may block (anything that touches
//! the mount) runs in a thread of its own, so that a hung mount never deafens the node.

mod adapter;
mod boot;
mod clock;
mod counter;
mod mount;
mod port;
mod server;

use lockstorm_agent::{Command, Message, Numbered, Outcome};
use port::Port;
use std::io::{self, BufRead};
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
    boot::mount_root()?;
    let (mut reader, port) = port::open()?;
    port.send(&Message::Hello);
    let mut node = Node { counter: counter::start(Arc::clone(&port)), adapter: None, port };
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
    port: Arc<Port>,
    counter: counter::Counter,
    adapter: Option<adapter::Adapter>,
}

impl Node {
    fn obey(&mut self, Numbered { id, command }: Numbered) {
        match command {
            Command::Adapter { line } => {
                let outcome = match &mut self.adapter {
                    Some(adapter) => adapter.write(&line),
                    None => Err(io::Error::other("no adapter runs")),
                };
                // Success is told by the adapter's own answer.
                if outcome.is_err() {
                    self.port.done(id, outcome.map(|()| Outcome::Ok));
                }
            }
            Command::MountSupplement => {
                self.port.done(id, mount::mount_supplement().map(|()| Outcome::Ok));
            }
            Command::StartAdapter { dir, argv, env } => {
                let started = adapter::start(&dir, &argv, &env, &self.port);
                let outcome = started.map(|adapter| self.adapter = Some(adapter));
                self.port.done(id, outcome.map(|()| Outcome::Ok));
            }
            Command::BeginCount { file } => self.counter.begin(id, file),
            Command::EndCount => self.counter.end(id),
            Command::ReadCount { file } => self.port.done(id, counter::read(&file)),
            Command::SetClock { step_ns, drift_ppm } => {
                self.port.done(id, clock::set(step_ns, drift_ppm).map(|()| Outcome::Ok));
            }
            Command::CountDescriptors => {
                let open = match &self.adapter {
                    Some(adapter) => adapter.descriptors(),
                    None => Err(io::Error::other("no adapter runs")),
                };
                self.port.done(id, open.map(|open| Outcome::Descriptors { open }));
            }
            Command::Configure { hostname, address, skip_processes } => {
                let configured = boot::configure(&hostname, &address, skip_processes);
                self.port.done(id, configured.map(|()| Outcome::Ok));
            }
            Command::Serve { lease_s, grace_s, threads } => self.in_thread(id, move || {
                server::serve(lease_s, grace_s, threads).map(|()| Outcome::Ok)
            }),
            Command::Mount { options } => self.in_thread(id, move || mount::mount(&options)),
        }
    }

    fn in_thread(&self, id: u64, work: impl FnOnce() -> io::Result<Outcome> + Send + 'static) {
        let port = Arc::clone(&self.port);
        thread::spawn(move || port.done(id, work()));
    }
}
