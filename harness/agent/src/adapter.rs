//! The lock's adapter: a child process whose lines are relayed as they are.

use crate::boot::annotate;
use crate::port::Port;
use lockstorm_agent::{LINE_MAX, Message};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread;

pub struct Adapter {
    stdin: ChildStdin,
    process: u32,
}

pub fn start(
    holder: u8,
    dir: &str,
    argv: &[String],
    env: &BTreeMap<String, String>,
    spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    port: &Arc<Port>,
) -> io::Result<Adapter> {
    let (program, arguments) =
        argv.split_first().ok_or_else(|| io::Error::other("the adapter has no command"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/tmp")
        .env("LANG", "C.UTF-8")
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What it starts is killed and stopped with it.
        .process_group(0);
    let mut child = spawn(&mut command).map_err(|error| annotate(error, program))?;
    let stdin = child.stdin.take().ok_or_else(|| io::Error::other("the adapter has no input"))?;
    let process = child.id();
    let port = Arc::clone(port);
    thread::spawn(move || {
        let cause = relay(holder, &mut child, &port);
        port.send(&Message::AdapterEnded { holder, cause });
    });
    Ok(Adapter { stdin, process })
}

impl Adapter {
    /// The harness asks one thing at a time, so a line always fits into the pipe.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        self.stdin.write_all(format!("{line}\n").as_bytes())
    }

    /// Kills it; what reads its output then sees the end of it.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(Signal::SIGKILL)
    }

    /// Stops it, or lets it go on.
    pub fn set_stopped(&self, stopped: bool) -> io::Result<()> {
        self.signal(if stopped { Signal::SIGSTOP } else { Signal::SIGCONT })
    }

    /// Sends a signal to it and to what it has started.
    fn signal(&self, signal: Signal) -> io::Result<()> {
        let process = i32::try_from(self.process).map_err(io::Error::other)?;
        Ok(killpg(Pid::from_raw(process), signal)?)
    }

    /// How many descriptors it has open. Not those of programs that it has started: they end
    /// with them.
    pub fn descriptors(&self) -> io::Result<u64> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.process))?;
        Ok(open.count() as u64)
    }
}

/// Passes lines on until the adapter ends or breaks the protocol; says which.
fn relay(holder: u8, child: &mut Child, port: &Port) -> String {
    let Some(stdout) = child.stdout.take() else {
        return "has no output".into();
    };
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_MAX as u64).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) if line.last() != Some(&b'\n') && line.len() >= LINE_MAX => {
                let _ = child.kill();
                return format!("wrote a line of more than {LINE_MAX} bytes");
            }
            Ok(_) => {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                port.send(&Message::AdapterLine { holder, line });
            }
            Err(error) => return format!("cannot be read: {error}"),
        }
    }
    match child.wait() {
        Ok(status) => format!("ended with {status}"),
        Err(error) => format!("cannot be waited for: {error}"),
    }
}
