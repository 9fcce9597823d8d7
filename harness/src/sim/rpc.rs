//! What clients and server say to each other: NFSv4.1 in small (RFC 8881), a call and a reply each
//! one message.

use crate::site::NodeId;
use lockstorm_agent::SystemCall;
use std::rc::Rc;

/// A call or a reply. A reply carries the number of its call.
#[derive(Clone, Debug, PartialEq)]
pub struct Rpc {
    pub xid: u64,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Call(Call),
    Reply(Reply),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// A client makes itself known: who it is, and which incarnation (RFC 8881, section 18.35).
    ExchangeId { owner: NodeId, verifier: u64 },
    /// Only now what an earlier incarnation had is gone (section 18.36).
    CreateSession { client: u64 },
    /// SEQUENCE and one operation: the slot and its number tell a call that is sent again from a
    /// new one (section 2.10.6).
    Compound { session: u64, slot: usize, seq: u32, op: Op },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    ExchangeId {
        client: u64,
    },
    /// `None`: NFS4ERR_STALE_CLIENTID.
    CreateSession(Option<u64>),
    /// NFS4ERR_BADSESSION: the server has restarted, or the lease is over.
    BadSession,
    /// NFS4ERR_SEQ_MISORDERED.
    Misordered,
    Compound(Result<Done, Errno>),
}

/// A name on the export.
pub type Name = Rc<str>;

/// What a client asks of the server's files.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// SEQUENCE alone: renews the lease.
    Renew,
    /// LOOKUP and GETATTR, for which the grace time is no hindrance.
    Look(Name),
    /// OPEN and READ.
    Open(Name),
    /// OPEN with create; `exclusive` fails if there is one (O_EXCL).
    Create {
        name: Name,
        exclusive: bool,
    },
    Link {
        from: Name,
        to: Name,
    },
    Mkdir(Name),
    Symlink {
        name: Name,
        target: Name,
    },
    Rename {
        from: Name,
        to: Name,
    },
    Remove(Name),
    /// No operation of NFS: removes the name only if it is this file's; that it is not is no error.
    RemoveFile {
        name: Name,
        inode: u64,
    },
    /// SETATTR of the mtime to the server's time.
    Touch(Name),
    /// WRITE, unstable: what is written lasts from the next COMMIT on.
    Write {
        name: Name,
        text: Rc<str>,
    },
    Commit(Name),
    /// No operation of NFS: writes a file whose version is still `seen` (none: there is no file),
    /// in one step and onto the disk. With NFS's own, it takes a row of names that link(2) makes
    /// (see containers/locks/good-lifetime).
    Swap {
        name: Name,
        seen: Option<u64>,
        text: Rc<str>,
    },
    /// LOCK of the whole file, for writing. With `reclaim` in the grace time, and only then. Its
    /// client's processes are different lock-owners (RFC 8881, section 9.1); the client says which.
    Lock {
        name: Name,
        reclaim: bool,
        wait: bool,
        owner: u32,
    },
    /// LOCKU
    Unlock {
        name: Name,
        owner: u32,
    },
    ReclaimComplete,
}

impl Op {
    /// The system calls that a program may make it by, and the names that it is about.
    pub fn system_calls(&self) -> (&'static [SystemCall], Vec<&Name>) {
        use SystemCall::*;
        match self {
            Op::Renew | Op::ReclaimComplete => (&[], Vec::new()),
            Op::Look(name) => (&[Stat], vec![name]),
            Op::Open(name) | Op::Create { name, .. } => (&[Open], vec![name]),
            Op::Link { from, to } => (&[Link], vec![from, to]),
            Op::Mkdir(name) => (&[Mkdir], vec![name]),
            Op::Symlink { name, .. } => (&[Symlink], vec![name]),
            Op::Rename { from, to } => (&[Rename], vec![from, to]),
            Op::Remove(name) | Op::RemoveFile { name, .. } => (&[Unlink, Rmdir], vec![name]),
            Op::Touch(name) => (&[Utime], vec![name]),
            Op::Write { name, .. } | Op::Swap { name, .. } => (&[Write], vec![name]),
            Op::Commit(name) => (&[Fsync], vec![name]),
            Op::Lock { name, .. } | Op::Unlock { name, .. } => (&[Flock, Fcntl], vec![name]),
        }
    }
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    Ok,
    /// `now`: the server's wall clock. `None`: there is no such file.
    Looked {
        file: Option<File>,
        now: i64,
    },
    /// The server's incarnation: what was written to another may be lost (section 18.32,
    /// `writeverf`).
    Written {
        verifier: u64,
    },
    /// The file's new version.
    Swapped {
        version: u64,
    },
}

/// A file as the server shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub inode: u64,
    pub links: u32,
    /// By the server's wall clock (ns).
    pub mtime: i64,
    /// Another with each change.
    pub version: u64,
    pub text: Rc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// EEXIST
    Exists,
    /// ENOENT
    NoEntry,
    /// EAGAIN: another has the lock.
    Again,
    /// NFS4ERR_GRACE: try again later.
    Grace,
    /// NFS4ERR_NO_GRACE: it is too late to reclaim.
    NoGrace,
    /// EIO
    Io,
    /// NFS4ERR_OP_ILLEGAL: what the server says of an operation that it does not know.
    Illegal,
}

impl Errno {
    pub fn symbol(self) -> &'static str {
        match self {
            Errno::Exists => "EEXIST",
            Errno::NoEntry => "ENOENT",
            Errno::Again => "EAGAIN",
            Errno::Grace => "EREMOTEIO",
            Errno::NoGrace => "ESTALE",
            Errno::Io => "EIO",
            Errno::Illegal => "EREMOTEIO",
        }
    }
}
