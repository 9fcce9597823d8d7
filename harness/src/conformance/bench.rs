//! What probes work with: processes on two machines, or more, and the calls that these can make.
//!
//! Each method makes one system call and waits for it. What ends in an error that the probe does
//! not ask about ends the probe, as unfit.

use super::probe::Stop;
use crate::fault::{Passes, Strike};
use crate::run::lab::{Hand, InForce, Lab, Ticket, Told};
use crate::site::NodeId;
use crate::units::Nanos;
use lockstorm_agent::probe::{Answer, Call, Direction, Flag, Kind, Lock, Rename, Status, Wait};

pub type Step<T> = Result<T, Stop>;
/// What a call was answered: with a value, or with the symbol of an error.
pub type Outcome<T> = Result<T, String>;

/// open(2) for reading, for writing, for both.
pub const READ: &[Flag] = &[Flag::Read];
pub const WRITE: &[Flag] = &[Flag::Write];
pub const BOTH: &[Flag] = &[Flag::Read, Flag::Write];
/// O_RDWR | O_CREAT.
pub const CREATE: &[Flag] = &[Flag::Read, Flag::Write, Flag::Create];
/// O_RDWR | O_CREAT | O_EXCL.
pub const EXCLUSIVE: &[Flag] = &[Flag::Read, Flag::Write, Flag::Create, Flag::Exclusive];

pub struct Bench<'l, 'a> {
    lab: &'l mut Lab<'a>,
    /// All hands are processes of the server's machine: the file system without a network.
    is_local: bool,
    /// Of the probe that runs.
    directory: String,
}

impl<'l, 'a> Bench<'l, 'a> {
    /// A bench on which everything is in a new directory of this name.
    pub(super) fn new(
        lab: &'l mut Lab<'a>,
        is_local: bool,
        directory: &str,
    ) -> Step<Bench<'l, 'a>> {
        lab.end_hands()?;
        lab.move_to("");
        let mut bench = Bench { lab, is_local, directory: directory.to_owned() };
        let first = bench.client(0)?;
        bench.mkdir(&first, directory)?;
        bench.lab.move_to(directory);
        Ok(bench)
    }

    /// What was called since the begin, and answered.
    pub(super) fn told(&mut self) -> Vec<Told> {
        let directory = self.directory.clone();
        self.lab.move_to(&directory)
    }

    // --- Who, and when ------------------------------------------------------------------------

    /// A new process on a client, counted from 0.
    pub fn client(&mut self, index: usize) -> Step<Hand> {
        let node = if self.is_local { NodeId::SERVER } else { NodeId::at(index + 1) };
        Ok(self.lab.hand(node)?)
    }

    /// A new process on the first client and one on the second.
    pub fn two(&mut self) -> Step<(Hand, Hand)> {
        Ok((self.client(0)?, self.client(1)?))
    }

    /// A new process on the server's machine, which sees the exported directory as its own.
    pub fn server(&mut self) -> Step<Hand> {
        Ok(self.lab.hand(NodeId::SERVER)?)
    }

    /// A child of a process (fork(2)).
    pub fn fork(&mut self, of: &Hand) -> Step<Hand> {
        Ok(self.lab.another(of, |name| Call::Fork { name })?)
    }

    /// A thread of a process.
    pub fn thread(&mut self, of: &Hand) -> Step<Hand> {
        Ok(self.lab.another(of, |name| Call::Thread { name })?)
    }

    /// Ends a process.
    pub fn exit(&mut self, by: &Hand) -> Step<()> {
        self.must(by, Call::Exit).map(drop)
    }

    pub fn now(&self) -> Nanos {
        self.lab.now()
    }

    pub fn pass(&mut self, time: Nanos) -> Step<()> {
        Ok(self.lab.pass(time)?)
    }

    pub fn seconds(&mut self, seconds: u64) -> Step<()> {
        self.pass(Nanos::from_secs(seconds))
    }

    /// The lease and the grace time of the server.
    pub fn lease(&self) -> Nanos {
        Nanos::from_secs(self.lab.plan().blueprint.server.lease_s.into())
    }

    /// Whether the mount is one of NFSv3.
    pub fn is_nfs3(&self) -> bool {
        self.lab.plan().blueprint.mount.is_nfs3()
    }

    pub fn is_local(&self) -> bool {
        self.is_local
    }

    // --- Faults -------------------------------------------------------------------------------

    /// Has a fault strike, as a scenario would write it: `{cut: {node: c2}}`.
    pub fn strike(&mut self, yaml: &str) -> Step<InForce> {
        let strike = strike(yaml)?;
        Ok(self.lab.strike(&strike)?)
    }

    /// Has a fault strike at the first message like this, as a scenario would write it behind
    /// `when: {rpc: ...}`: `{op: LOCK, phase: reply, from: c1}`. It ends by itself.
    pub fn strike_at(&mut self, rpc: &str, yaml: &str) -> Step<()> {
        let passes = serde_yaml::from_str::<Passes>(rpc);
        let passes = passes.map_err(|error| Stop::Unfit(format!("{rpc}: {error}")))?;
        self.lab.strike_at(&passes, &strike(yaml)?);
        Ok(())
    }

    /// Waits until it has struck: whether it has within this time.
    pub fn has_struck(&mut self, within: Nanos) -> Step<bool> {
        Ok(self.lab.has_struck(within)?)
    }

    /// Waits until it has struck; that the message did not come within this time ends the probe.
    pub fn must_strike(&mut self, within: Nanos) -> Step<()> {
        match self.has_struck(within)? {
            true => Ok(()),
            false => Err(Stop::Unfit(format!("the message did not come within {within}"))),
        }
    }

    /// Ends it, and waits until its node is back: mounted, or serving.
    pub fn end(&mut self, fault: InForce) -> Step<()> {
        Ok(self.lab.end(fault)?)
    }

    /// The server loses power for 5 s, and serves again, in its grace time. Processes on it are
    /// gone.
    pub fn restart_server(&mut self) -> Step<()> {
        let crash = self.strike("{crash: {node: server}}")?;
        self.seconds(5)?;
        self.end(crash)
    }

    /// Has the server's machine write out all that it holds back, so that a restart takes no name
    /// away of which it has told that it is there.
    pub fn sync_server(&mut self) -> Step<()> {
        let server = self.server()?;
        self.must(&server, Call::Sync).map(drop)
    }

    /// A client (0 is c1) loses power for 5 s, and has mounted again. Its processes are gone.
    pub fn restart_client(&mut self, index: usize) -> Step<()> {
        let crash = self.strike(&format!("{{crash: {{node: c{}}}}}", index + 1))?;
        self.seconds(5)?;
        self.end(crash)
    }

    // --- Calls --------------------------------------------------------------------------------

    /// Makes any call: what it was answered.
    pub fn ask(&mut self, by: &Hand, call: Call) -> Step<Outcome<Answer>> {
        match self.lab.call(by, call)? {
            Answer::Error(errno) => Ok(Err(errno)),
            Answer::Refused(why) => Err(Stop::Unfit(why)),
            answer => Ok(Ok(answer)),
        }
    }

    /// Makes a call that must succeed.
    pub fn must(&mut self, by: &Hand, call: Call) -> Step<Answer> {
        let words = format!("{call:?}");
        self.ask(by, call)?.map_err(|errno| Stop::Unfit(format!("{words}: {errno}")))
    }

    /// Makes a call, and does not wait for its answer.
    pub fn begin(&mut self, by: &Hand, call: Call) -> Step<Ticket> {
        Ok(self.lab.begin(by, call)?)
    }

    /// The answer to it; `None`: there was none within this time.
    pub fn answer(&mut self, ticket: Ticket, within: Nanos) -> Step<Option<Outcome<Answer>>> {
        Ok(self.lab.answer(ticket, within)?.map(|answer| match answer {
            Answer::Error(errno) => Err(errno),
            answer => Ok(answer),
        }))
    }

    /// Whether it has been answered by now.
    pub fn is_answered(&mut self, ticket: Ticket) -> Step<bool> {
        Ok(self.lab.answer(ticket, Nanos(0))?.is_some())
    }

    /// open(2) with mode 0644; the descriptor has this name from then on.
    pub fn open(&mut self, by: &Hand, path: &str, flags: &[Flag], fd: &str) -> Step<()> {
        self.must(by, open(path, flags, fd)).map(drop)
    }

    pub fn try_open(
        &mut self,
        by: &Hand,
        path: &str,
        flags: &[Flag],
        fd: &str,
    ) -> Step<Outcome<()>> {
        self.done(by, open(path, flags, fd))
    }

    /// close(2).
    pub fn close(&mut self, by: &Hand, fd: &str) -> Step<()> {
        self.must(by, Call::Close { fd: fd.into() }).map(drop)
    }

    /// Makes an empty file, and closes it.
    pub fn touch(&mut self, by: &Hand, path: &str) -> Step<()> {
        self.open(by, path, CREATE, "touched")?;
        self.close(by, "touched")
    }

    /// Makes a file with this text, and closes it.
    pub fn put(&mut self, by: &Hand, path: &str, text: &str) -> Step<()> {
        let flags = [Flag::Write, Flag::Create, Flag::Truncate];
        self.open(by, path, &flags, "put")?;
        self.write(by, "put", text)?;
        self.close(by, "put")
    }

    /// Opens a file, reads all of it, and closes it.
    pub fn text(&mut self, by: &Hand, path: &str) -> Step<Outcome<String>> {
        self.worded(by, Call::Slurp { path: path.into() })
    }

    /// write(2), where the descriptor is.
    pub fn write(&mut self, by: &Hand, fd: &str, text: &str) -> Step<()> {
        let call = Call::Write { fd: fd.into(), at: None, text: text.into() };
        self.must(by, call).map(drop)
    }

    pub fn try_write(&mut self, by: &Hand, fd: &str, text: &str) -> Step<Outcome<()>> {
        self.done(by, Call::Write { fd: fd.into(), at: None, text: text.into() })
    }

    /// pread(2).
    pub fn read(&mut self, by: &Hand, fd: &str, at: i64, length: usize) -> Step<Outcome<String>> {
        self.worded(by, Call::Read { fd: fd.into(), at: Some(at), length })
    }

    pub fn fsync(&mut self, by: &Hand, fd: &str) -> Step<Outcome<()>> {
        self.done(by, Call::Fsync { fd: fd.into() })
    }

    pub fn stat(&mut self, by: &Hand, path: &str) -> Step<Outcome<Status>> {
        self.status(by, Call::Stat { path: path.into() })
    }

    pub fn fstat(&mut self, by: &Hand, fd: &str) -> Step<Outcome<Status>> {
        self.status(by, Call::Fstat { fd: fd.into() })
    }

    /// Whether stat(2) finds the name.
    pub fn exists(&mut self, by: &Hand, path: &str) -> Step<bool> {
        match self.stat(by, path)? {
            Ok(_) => Ok(true),
            Err(errno) if errno == "ENOENT" => Ok(false),
            Err(errno) => Err(Stop::Unfit(format!("stat {path}: {errno}"))),
        }
    }

    /// The names in a directory, in order; "." is the probe's own.
    pub fn list(&mut self, by: &Hand, path: &str) -> Step<Vec<String>> {
        match self.must(by, Call::List { path: path.into() })? {
            Answer::Names(names) => Ok(names),
            other => Err(Stop::Unfit(format!("{other:?}"))),
        }
    }

    pub fn mkdir(&mut self, by: &Hand, path: &str) -> Step<()> {
        self.must(by, Call::Mkdir { path: path.into() }).map(drop)
    }

    pub fn try_mkdir(&mut self, by: &Hand, path: &str) -> Step<Outcome<()>> {
        self.done(by, Call::Mkdir { path: path.into() })
    }

    pub fn rmdir(&mut self, by: &Hand, path: &str) -> Step<Outcome<()>> {
        self.done(by, Call::Rmdir { path: path.into() })
    }

    pub fn unlink(&mut self, by: &Hand, path: &str) -> Step<Outcome<()>> {
        self.done(by, Call::Unlink { path: path.into() })
    }

    pub fn link(&mut self, by: &Hand, from: &str, to: &str) -> Step<Outcome<()>> {
        self.done(by, Call::Link { from: from.into(), to: to.into() })
    }

    pub fn symlink(&mut self, by: &Hand, target: &str, path: &str) -> Step<Outcome<()>> {
        self.done(by, Call::Symlink { target: target.into(), path: path.into() })
    }

    pub fn rename(&mut self, by: &Hand, from: &str, to: &str) -> Step<Outcome<()>> {
        self.rename_so(by, from, to, Rename::Plain)
    }

    pub fn rename_so(&mut self, by: &Hand, from: &str, to: &str, how: Rename) -> Step<Outcome<()>> {
        self.done(by, Call::Rename { from: from.into(), to: to.into(), how })
    }

    /// F_SETLK of a whole file, by the process.
    pub fn lock(&mut self, by: &Hand, fd: &str, kind: Kind) -> Step<Outcome<()>> {
        self.set_lock(by, fd, whole(kind))
    }

    /// F_SETLK, or F_OFD_SETLK.
    pub fn set_lock(&mut self, by: &Hand, fd: &str, lock: Lock) -> Step<Outcome<()>> {
        self.done(by, Call::Lock { fd: fd.into(), lock, wait: false })
    }

    /// F_SETLKW: does not wait for its answer.
    pub fn wait_for_lock(&mut self, by: &Hand, fd: &str, lock: Lock) -> Step<Ticket> {
        self.begin(by, Call::Lock { fd: fd.into(), lock, wait: true })
    }

    /// F_GETLK: the lock in the way of this one, and its process.
    pub fn test_lock(&mut self, by: &Hand, fd: &str, lock: Lock) -> Step<Option<(Lock, i32)>> {
        match self.must(by, Call::TestLock { fd: fd.into(), lock })? {
            Answer::InTheWay(found) => Ok(found),
            other => Err(Stop::Unfit(format!("{other:?}"))),
        }
    }

    /// flock(2) that does not wait.
    pub fn flock(&mut self, by: &Hand, fd: &str, kind: Kind) -> Step<Outcome<()>> {
        self.done(by, Call::Flock { fd: fd.into(), kind, wait: false })
    }

    /// flock(2) that may wait: does not wait for its answer.
    pub fn wait_for_flock(&mut self, by: &Hand, fd: &str, kind: Kind) -> Step<Ticket> {
        self.begin(by, Call::Flock { fd: fd.into(), kind, wait: true })
    }

    /// Whether a descriptor is ready within a second.
    pub fn ready(&mut self, by: &Hand, fd: &str, to: Direction, how: Wait) -> Step<bool> {
        let call = Call::Ready { fd: fd.into(), to, how, within_ms: 1000 };
        self.number(by, call).map(|count| count > 0)
    }

    /// A call that answers a number, and must succeed.
    pub fn number(&mut self, by: &Hand, call: Call) -> Step<i64> {
        match self.must(by, call)? {
            Answer::Number(number) => Ok(number),
            other => Err(Stop::Unfit(format!("{other:?}"))),
        }
    }

    /// A call of which only matters whether it succeeds.
    pub fn done(&mut self, by: &Hand, call: Call) -> Step<Outcome<()>> {
        Ok(self.ask(by, call)?.map(drop))
    }

    fn worded(&mut self, by: &Hand, call: Call) -> Step<Outcome<String>> {
        match self.ask(by, call)? {
            Ok(Answer::Text(text)) => Ok(Ok(text)),
            Ok(other) => Err(Stop::Unfit(format!("{other:?}"))),
            Err(errno) => Ok(Err(errno)),
        }
    }

    fn status(&mut self, by: &Hand, call: Call) -> Step<Outcome<Status>> {
        match self.ask(by, call)? {
            Ok(Answer::Status(status)) => Ok(Ok(status)),
            Ok(other) => Err(Stop::Unfit(format!("{other:?}"))),
            Err(errno) => Ok(Err(errno)),
        }
    }
}

/// What a scenario writes of a fault.
fn strike(yaml: &str) -> Step<Strike> {
    #[derive(serde::Deserialize)]
    struct Spec {
        #[serde(with = "serde_yaml::with::singleton_map")]
        strike: Strike,
    }
    let spec = serde_yaml::from_str::<Spec>(&format!("strike: {yaml}"));
    Ok(spec.map_err(|error| Stop::Unfit(format!("{yaml}: {error}")))?.strike)
}

/// open(2) with mode 0644.
pub fn open(path: &str, flags: &[Flag], fd: &str) -> Call {
    Call::Open { path: path.into(), flags: flags.to_vec(), mode: 0o644, name: fd.into() }
}

/// A lock of the process, on the whole file.
pub fn whole(kind: Kind) -> Lock {
    Lock { kind, ofd: false, start: 0, length: 0 }
}

/// A lock of the process, on some bytes.
pub fn range(kind: Kind, start: i64, length: i64) -> Lock {
    Lock { kind, ofd: false, start, length }
}

/// The same lock, of the open file description.
pub fn of_description(lock: Lock) -> Lock {
    Lock { ofd: true, ..lock }
}

/// `ok`, or the error.
pub fn word<T>(outcome: &Outcome<T>) -> &str {
    match outcome {
        Ok(_) => "ok",
        Err(errno) => errno,
    }
}
