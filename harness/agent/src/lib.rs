//! What the agent and the harness share: the control protocol, one JSON object a line over a
//! virtio console port that no fault touches.

pub mod glob;
pub mod ports;
pub mod probe;
pub mod system_call;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
pub use system_call::{Failing, Rules, SystemCall};

/// Where the clients mount the export.
pub const MOUNT_POINT: &str = "/mnt/nfs";
/// Where the clients mount their second image, if they have one.
pub const SUPPLEMENT: &str = "/mnt/supplement";
/// The directory that the server exports, on its disk.
pub const EXPORT: &str = "/disk/export";
/// A line longer than this is a broken peer, not a message (bytes).
pub const LINE_MAX: usize = 64 * 1024;
/// More names are not told, so that a line holds them.
pub const NAMES_MAX: usize = 50;

/// A command with the number that its answer echoes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    pub id: u64,
    pub command: Command,
}

/// What the harness asks of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Name the machine, use up some process ids, and bring its network up. To NFS servers it is
    /// its host name, and `identity` if that is not its alone.
    Configure {
        hostname: String,
        address: String,
        pids_used: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<String>,
        /// What NFSv3 needs to know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nsm: Option<Nsm>,
    },
    /// Export the disk over NFS. A disk without a file system is given one first.
    Serve {
        lease_s: u32,
        grace_s: u32,
        threads: u8,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        no_delegations: bool,
        #[serde(default, rename = "async", skip_serializing_if = "std::ops::Not::not")]
        is_async: bool,
        #[serde(default)]
        implementation: Implementation,
        /// Over NFSv3 as well.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nfs3: bool,
    },
    /// End the NFS server, with all that it knows of its clients. [`Command::Serve`] starts it
    /// again.
    StopServing,
    /// Mount the server's export on [`MOUNT_POINT`], with these options of nfs(5), when the kernel
    /// module nfs has these parameters.
    Mount {
        options: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, String>,
    },
    /// End all adapters and unmount the export, for which the server must be there. Of a node on
    /// the host's kernel: one with a kernel of its own takes its mounts with it.
    Unmount,
    /// Mount the client's second image, read-only, on [`SUPPLEMENT`].
    MountSupplement,
    /// Start a lock's adapter in `dir`. A node has one in a run, number 0, and several where
    /// adapters are tried out. Of the `watched` system calls some may be made to fail.
    StartAdapter {
        holder: u8,
        dir: String,
        argv: Vec<String>,
        env: BTreeMap<String, String>,
        #[serde(default)]
        watched: Vec<SystemCall>,
        /// As the first process of a pid namespace.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pid_namespace: bool,
    },
    /// Hand one line to an adapter.
    Adapter { holder: u8, line: String },
    /// End an adapter's input.
    CloseAdapter { holder: u8 },
    /// Kill an adapter, and what it has started, at once (SIGKILL).
    KillAdapter { holder: u8 },
    /// Stop an adapter, and what it has started (SIGSTOP), or let them go on (SIGCONT).
    StopAdapter { holder: u8, stopped: bool },
    /// Let watched system calls of adapters fail, instead of what this fault wanted before.
    FailCalls(Failing),
    /// Let them through again.
    LetCalls { fault: u64 },
    /// Open this file on the mount and read the number in it.
    BeginCount { file: String },
    /// Write one more than what was read, and close the file.
    EndCount,
    /// Read the number in this file (on the server: beneath [`EXPORT`]).
    ReadCount { file: String },
    /// What there is beneath [`EXPORT`], on the server, and fits no one of these patterns.
    LookAtExport { stays: Vec<String> },
    /// Fill what room is left on the server's disk, or give it back.
    FillDisk { full: bool },
    /// Set the wall clock so far from the true time, and its rate (parts per million away from
    /// true).
    SetClock { offset_ns: i64, drift_ppm: i64 },
    /// How many descriptors adapter 0 has open.
    CountDescriptors,
}

/// What serves NFS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Implementation {
    /// Linux's own, in the server's kernel.
    #[default]
    Knfsd,
    /// nfs-ganesha, a program.
    Ganesha,
}

/// The names of all machines, which those tell each other who were restarted (NSM).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nsm {
    /// Addresses by names.
    pub hosts: BTreeMap<String, String>,
    /// Whether rpc.statd runs here.
    pub statd: bool,
    /// How many times the machine was switched on before.
    pub restarts: u32,
}

/// What a node tells the harness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The agent runs and takes commands.
    Hello,
    Done {
        id: u64,
        outcome: Outcome,
    },
    /// A system call has failed as [`Command::FailCalls`] wanted; the path begins at the mount.
    CallFailed {
        fault: u64,
        call: SystemCall,
        path: String,
    },
    /// An adapter wrote a line.
    AdapterLine {
        #[serde(default)]
        holder: u8,
        line: String,
    },
    /// An adapter ended, or wrote what is no line.
    AdapterEnded {
        #[serde(default)]
        holder: u8,
        cause: String,
    },
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    /// Mounted, with the options in force as /proc/mounts tells them.
    Mounted {
        options: String,
    },
    /// [`Command::EndCount`]: one more than `read` is written, and on the server's disk.
    Counted {
        read: u64,
    },
    /// [`Command::BeginCount`] and [`Command::ReadCount`].
    Count {
        value: u64,
    },
    /// [`Command::CountDescriptors`].
    Descriptors {
        open: u64,
    },
    /// [`Command::LookAtExport`].
    LeftBehind(LeftBehind),
    /// `errno` is the symbol, where there was one.
    Failed {
        errno: Option<String>,
        message: String,
    },
}

/// What there is on the export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftBehind {
    /// Names, from the root of the export on; at most [`NAMES_MAX`].
    pub names: Vec<String>,
    /// How many names there are besides.
    #[serde(default)]
    pub more: u64,
    /// How many locks of fcntl(2) and flock(2) are held on its files.
    #[serde(default)]
    pub locks: u64,
}

impl LeftBehind {
    /// Whether nothing is.
    pub fn is_nothing(&self) -> bool {
        *self == LeftBehind::default()
    }
}
