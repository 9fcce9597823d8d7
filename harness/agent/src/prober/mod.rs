//! The prober: makes the system calls that it is asked for, each in the process or the thread that
//! is to make it, and tells what came of them.
//!
//! The first process reads what it is asked from its input and hands it on, through a FIFO each, to
//! those who are to do it; all of them write their answers to its output.

mod calls;
mod files;

use lockstorm_agent::probe::{Answer, Answered, Asked, Call};
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::signal::{kill, killpg};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, mkfifo, setpgid};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::thread::JoinHandleExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often it looks whether processes are gone, and when.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(10);
/// Where the FIFOs are.
const ROOM: &str = "/tmp/probers";

/// Hands on what is asked, until there is nothing more.
pub fn run() -> io::Result<()> {
    let room = format!("{ROOM}/{}", std::process::id());
    std::fs::create_dir_all(&room)?;
    let mut post = Post { room: room.into(), hands: BTreeMap::new(), started: Vec::new() };
    println!("{}", ready());
    for line in io::stdin().lock().lines() {
        let line = line?;
        match serde_json::from_str::<Asked>(&line) {
            Ok(asked) => post.hand_on(&asked, &line)?,
            Err(error) => eprintln!("prober: not a call: {error}"),
        }
    }
    Ok(())
}

/// As any adapter says that it is ready.
fn ready() -> &'static str {
    r#"{"ready":{"library":"prober","version":"1"}}"#
}

/// Who can be asked, and how.
struct Post {
    room: PathBuf,
    hands: BTreeMap<String, File>,
    started: Vec<Pid>,
}

impl Post {
    fn hand_on(&mut self, asked: &Asked, line: &str) -> io::Result<()> {
        match &asked.call {
            Call::Start { name } => {
                self.begin(name)?;
                say(asked.probe, Answer::Done);
                return Ok(());
            }
            Call::EndAll => {
                self.end_all();
                say(asked.probe, Answer::Done);
                return Ok(());
            }
            Call::Fork { name } | Call::Thread { name } => self.prepare(name)?,
            _ => {}
        }
        match self.hands.get_mut(&asked.by) {
            Some(hand) => writeln!(hand, "{line}"),
            None => {
                let message = format!("there is no {}", asked.by);
                say(asked.probe, Answer::Refused(message));
                Ok(())
            }
        }
    }

    /// Kills all, and waits until they are gone, but for what waits in the kernel for a server.
    fn end_all(&mut self) {
        self.hands.clear();
        let mut left = std::mem::take(&mut self.started);
        for child in &left {
            let _ = killpg(*child, Signal::SIGKILL);
            let _ = kill(*child, Signal::SIGKILL);
        }
        for _ in 0..LOOKS {
            left.retain(|child| {
                matches!(waitpid(*child, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive))
            });
            if left.is_empty() {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Makes a FIFO for somebody. It is open for reading, too, so that writing never waits.
    fn prepare(&mut self, name: &str) -> io::Result<()> {
        let path = self.room.join(name);
        let _ = std::fs::remove_file(&path);
        mkfifo(&path, Mode::from_bits_truncate(0o600))?;
        let hand = OpenOptions::new().read(true).write(true).open(&path)?;
        self.hands.insert(name.into(), hand);
        Ok(())
    }

    /// A process of its own.
    fn begin(&mut self, name: &str) -> io::Result<()> {
        self.prepare(name)?;
        let hands = Hands::new(self.room.clone());
        // SAFETY: this process has one thread alone.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                self.started.push(child);
                Ok(())
            }
            ForkResult::Child => {
                self.hands.clear();
                // What it starts is killed with it.
                setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
                hands.work(name);
                std::process::exit(0)
            }
        }
    }
}

/// What one process has, and all its threads.
#[derive(Clone)]
struct Hands {
    room: PathBuf,
    files: Arc<Mutex<files::Files>>,
    /// Its children and threads, for signals.
    others: Arc<Mutex<BTreeMap<String, Other>>>,
}

enum Other {
    Process(Pid),
    Thread(u64),
}

impl Hands {
    fn new(room: PathBuf) -> Hands {
        Hands { room, files: Arc::default(), others: Arc::default() }
    }

    /// Does what it is asked, until it is to end.
    fn work(&self, name: &str) {
        let Ok(fifo) = OpenOptions::new().read(true).write(true).open(self.room.join(name)) else {
            return;
        };
        for line in BufReader::new(fifo).lines().map_while(Result::ok) {
            let Ok(asked) = serde_json::from_str::<Asked>(&line) else {
                continue;
            };
            if asked.call == Call::Exit {
                say(asked.probe, Answer::Done);
                std::process::exit(0);
            }
            let answer = self.answer(&asked);
            say(asked.probe, answer);
        }
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let done = match &asked.call {
            Call::Fork { name } => self.fork(name),
            Call::Thread { name } => Ok(self.thread(name)),
            Call::Signal { name, signal } => self.signal(name, signal),
            Call::Handle { signal } => handle(signal),
            call => calls::make(call, &self.files),
        };
        done.unwrap_or_else(|errno| Answer::Error(format!("{errno:?}")))
    }

    fn fork(&self, name: &str) -> nix::Result<Answer> {
        // SAFETY: what the child uses of this process is files and memory that no other thread
        // changes while this one is asked to fork: probes ask one thing at a time.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                self.others().insert(name.into(), Other::Process(child));
                Ok(Answer::Done)
            }
            ForkResult::Child => {
                self.work(name);
                std::process::exit(0)
            }
        }
    }

    fn thread(&self, name: &str) -> Answer {
        let (hands, own) = (self.clone(), name.to_owned());
        let thread = thread::spawn(move || hands.work(&own));
        self.others().insert(name.into(), Other::Thread(thread.as_pthread_t()));
        Answer::Done
    }

    fn signal(&self, name: &str, signal: &str) -> nix::Result<Answer> {
        let signal = Signal::from_str(signal)?;
        match self.others().get(name) {
            Some(Other::Process(child)) => nix::sys::signal::kill(*child, signal)?,
            Some(Other::Thread(thread)) => nix::sys::pthread::pthread_kill(*thread, signal)?,
            None => return Ok(Answer::Refused(format!("{name} is none of its own"))),
        }
        Ok(Answer::Done)
    }

    fn others(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Other>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does nothing, and lets the call that it interrupts fail (sigaction(2), SA_RESTART).
fn handle(signal: &str) -> nix::Result<Answer> {
    extern "C" fn nothing(_: i32) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    let signal = Signal::from_str(signal)?;
    // SAFETY: the handler does nothing.
    unsafe { sigaction(signal, &action) }?;
    Ok(Answer::Done)
}

/// In one piece: a pipe takes so much from several at a time (pipe(7), PIPE_BUF).
fn say(probe: u64, answer: Answer) {
    let line = serde_json::to_string(&Answered { probe, answer });
    let line = line.unwrap_or_default() + "\n";
    let mut bytes = line.as_bytes();
    while !bytes.is_empty() {
        match nix::unistd::write(io::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
