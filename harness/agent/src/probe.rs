//! What a prober is asked, and what it answers: one JSON object a line.
//!
//! A prober is a program on a node that does nothing but make the system calls that it is asked
//! for. Who makes them has a name: a process, a child that was forked off it, or one of its
//! threads.

use serde::{Deserialize, Serialize};

/// What the program is called with: itself, as `probe`.
pub const ARGUMENT: &str = "probe";
/// The name of the process that is there from the begin on.
pub const FIRST: &str = "p";

/// A call, by whom, and the number that its answer has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub probe: u64,
    pub by: String,
    pub call: Call,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    pub probe: u64,
    pub answer: Answer,
}

/// A system call, or a few. Descriptors go by names, which all threads of a process share and
/// children inherit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Call {
    /// Another process, which shares nothing with this one.
    Start {
        name: String,
    },
    /// fork(2): the child answers by this name.
    Fork {
        name: String,
    },
    /// A thread of this process.
    Thread {
        name: String,
    },
    /// Ends the process.
    Exit,
    /// Kills all processes that were started, and all that they have started.
    EndAll,
    /// kill(2), of another by its name: a process, or one thread.
    Signal {
        name: String,
        signal: String,
    },
    /// A handler that does nothing, without SA_RESTART.
    Handle {
        signal: String,
    },
    Open {
        path: String,
        flags: Vec<Flag>,
        mode: u32,
        name: String,
    },
    Close {
        fd: String,
    },
    Dup {
        fd: String,
        name: String,
    },
    Read {
        fd: String,
        at: Option<i64>,
        length: usize,
    },
    Write {
        fd: String,
        at: Option<i64>,
        text: String,
    },
    Truncate {
        fd: String,
        length: i64,
    },
    Allocate {
        fd: String,
        length: i64,
    },
    Fsync {
        fd: String,
    },
    Fstat {
        fd: String,
    },
    Stat {
        path: String,
    },
    Lstat {
        path: String,
    },
    Access {
        path: String,
    },
    Link {
        from: String,
        to: String,
    },
    Symlink {
        target: String,
        path: String,
    },
    Readlink {
        path: String,
    },
    Mkdir {
        path: String,
    },
    Rmdir {
        path: String,
    },
    Unlink {
        path: String,
    },
    Rename {
        from: String,
        to: String,
        how: Rename,
    },
    List {
        path: String,
    },
    Chmod {
        path: String,
        mode: u32,
    },
    /// utimensat(2): both times; to the server's where `mtime_ns` is left out.
    Times {
        path: String,
        mtime_ns: Option<i64>,
    },
    /// fcntl(2): F_SETLK, F_SETLKW and their like with F_OFD.
    Lock {
        fd: String,
        lock: Lock,
        wait: bool,
    },
    /// F_GETLK, F_OFD_GETLK: the lock that stands in the way.
    TestLock {
        fd: String,
        lock: Lock,
    },
    Flock {
        fd: String,
        kind: Kind,
        wait: bool,
    },
    /// mmap(2), shared; read and written by [`Call::Peek`] and [`Call::Poke`].
    Map {
        fd: String,
        length: usize,
        name: String,
    },
    Peek {
        map: String,
        length: usize,
    },
    Poke {
        map: String,
        text: String,
    },
    Unmap {
        map: String,
    },
    /// Runs a program to its end: its exit status.
    Run {
        path: String,
        arguments: Vec<String>,
    },
    /// Starts one in the background, which [`Call::Await`] waits for.
    Spawn {
        path: String,
        arguments: Vec<String>,
        name: String,
    },
    Await {
        name: String,
    },
    /// RLIMIT_NOFILE: so many more than are open.
    LimitFiles {
        left: u64,
    },
    /// Opens until there are no more descriptors, and keeps them: how many.
    TakeFiles,
    GiveFiles,
    /// How many descriptors are open.
    CountFiles,
    /// Runs a program in a directory to its end, and tells what it has written.
    Program {
        argv: Vec<String>,
        path: String,
    },
    Pipe {
        read: String,
        write: String,
    },
    Socketpair {
        one: String,
        other: String,
    },
    Nonblocking {
        fd: String,
    },
    /// Writes until the call would block: how many bytes.
    Fill {
        fd: String,
    },
    /// poll(2) or select(2): whether it is ready.
    Ready {
        fd: String,
        to: Direction,
        how: Wait,
        within_ms: u16,
    },
    Sleep {
        ms: u64,
    },
    /// The wall clock (ns).
    Clock,
    /// read(2) of a whole file, by its path.
    Slurp {
        path: String,
    },
    Sync,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    Read,
    Write,
    Create,
    Exclusive,
    Truncate,
    Append,
    Nonblock,
    Directory,
    NoFollow,
    CloseOnExec,
    Direct,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rename {
    Plain,
    NoReplace,
    Exchange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Shared,
    Exclusive,
    Unlock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    Poll,
    Select,
}

/// A lock of fcntl(2). A length of 0 reaches to the end of the file, wherever that will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub kind: Kind,
    /// Of the open file description, not of the process.
    pub ofd: bool,
    pub start: i64,
    pub length: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done,
    Number(i64),
    Text(String),
    Names(Vec<String>),
    Status(Status),
    /// A lock in the way, or none; `process`: -1 where it is of an open file description, 0 where
    /// nobody can say.
    InTheWay(Option<(Lock, i32)>),
    /// How a program ended, and the end of what it wrote.
    Ended {
        how: String,
        code: Option<i32>,
        output: String,
    },
    /// The symbol of an error: `EEXIST`.
    Error(String),
    /// The prober itself cannot do that.
    Refused(String),
}

/// What stat(2) tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub inode: u64,
    pub links: u64,
    pub size: i64,
    pub mode: u32,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
    pub ctime_ns: i64,
}

impl Call {
    /// Shows every path in it, which may be changed.
    pub fn each_path(&mut self, mut change: impl FnMut(&mut String)) {
        use Call::*;
        match self {
            Open { path, .. }
            | Stat { path }
            | Lstat { path }
            | Access { path }
            | Symlink { path, .. }
            | Readlink { path }
            | Mkdir { path }
            | Rmdir { path }
            | Unlink { path }
            | List { path }
            | Chmod { path, .. }
            | Times { path, .. }
            | Run { path, .. }
            | Spawn { path, .. }
            | Program { path, .. }
            | Slurp { path } => change(path),
            Link { from, to } | Rename { from, to, .. } => {
                change(from);
                change(to);
            }
            _ => {}
        }
    }
}
