//! What the host itself must allow and have.

use super::{Check, State, try_out};
use nix::sys::ptrace;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a node's kernel takes on the host.
const NODE_MIB: u64 = 40;
/// A server and three clients: the default site.
const NODES_MIN: u64 = 4;
const TRIAL_MAX: Duration = Duration::from_secs(10);

pub fn checks() -> Vec<Check> {
    vec![
        tracing(),
        program("setarch", &["-R", "true"], "address randomisation can be switched off"),
        program("setpriv", &["--pdeathsig", "KILL", "true"], "nodes end with the harness"),
        memory(),
        shared_memory(),
        containers(),
    ]
}

/// User Mode Linux traces its guest's processes: try that on a child.
fn tracing() -> Check {
    let name = "ptrace";
    match trace_a_child() {
        Ok(()) => Check::ok(name, "a child process can be traced"),
        Err(why) => {
            let yama = read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
            let mend = match yama.trim() {
                "2" | "3" => "set kernel.yama.ptrace_scope to 1 or 0 (sysctl)",
                _ => "allow the ptrace system call (a container's seccomp profile may forbid it)",
            };
            Check::missing(name, format!("a child process cannot be traced: {why}"), mend)
        }
    }
}

fn trace_a_child() -> Result<(), String> {
    let mut child = Command::new("sleep")
        .arg("60")
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("failed to start `sleep`: {error}"))?;
    let traced = i32::try_from(child.id())
        .map_err(|error| error.to_string())
        .and_then(|id| attach(Pid::from_raw(id)).map_err(|errno| errno.desc().to_string()));
    let _ = child.kill();
    let _ = child.wait();
    traced
}

fn attach(child: Pid) -> nix::Result<()> {
    ptrace::attach(child)?;
    match waitpid(child, None)? {
        WaitStatus::Stopped(..) => ptrace::detach(child, None),
        _ => Err(nix::errno::Errno::ECHILD),
    }
}

/// A program of util-linux, tried with the arguments that the harness gives it.
fn program(name: &'static str, arguments: &[&str], saw: &str) -> Check {
    let line = format!("`{name} {}`", arguments.join(" "));
    match try_out(Command::new(name).args(arguments), TRIAL_MAX) {
        Some(ended) if ended.success => Check::ok(name, saw),
        Some(_) => Check::missing(
            name,
            format!("{line} fails"),
            "allow personality(2) and prctl(2) (a container's seccomp profile may forbid them)",
        ),
        None => Check::missing(name, "the program is not there", "install util-linux"),
    }
}

fn memory() -> Check {
    let name = "memory";
    let Some(free) = free_memory_mib() else {
        return Check::missing(name, "/proc/meminfo is not readable", "mount /proc");
    };
    let nodes = free / NODE_MIB;
    let saw = format!("{free} MiB free: room for {nodes} nodes of {NODE_MIB} MiB");
    match nodes >= NODES_MIN {
        true => Check::ok(name, saw),
        false => {
            let needed = NODES_MIN * NODE_MIB;
            let mend = format!("free {needed} MiB, for a server and three clients");
            Check::missing(name, saw, mend)
        }
    }
}

/// What is free on the host, or in the control group that we are in.
fn free_memory_mib() -> Option<u64> {
    let text = read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    let bytes_of = |name: &str| -> Option<u64> {
        let text = read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok()?;
        text.trim().parse().ok()
    };
    let group = match (bytes_of("memory.max"), bytes_of("memory.current")) {
        (Some(most), Some(used)) => most.saturating_sub(used) >> 20,
        _ => u64::MAX,
    };
    Some((kib >> 10).min(group))
}

/// User Mode Linux maps a guest's memory from a file, executable, in the directory that it
/// looks for in this order: TMPDIR, TMP, TEMP, /dev/shm.
fn shared_memory() -> Check {
    let name = "shared memory";
    let named = ["TMPDIR", "TMP", "TEMP"].iter().find_map(std::env::var_os);
    let folder = named.map_or_else(|| PathBuf::from("/dev/shm"), PathBuf::from);
    let shown = folder.display();
    let mend = "mount a tmpfs that allows exec, and name it in TMPDIR";
    let (Ok(kind), Ok(mount)) = (statfs(&folder), statvfs(&folder)) else {
        return Check::missing(name, format!("{shown} is not there"), mend);
    };
    if mount.flags().contains(FsFlags::ST_NOEXEC) {
        return Check::missing(name, format!("{shown} is mounted noexec"), mend);
    }
    let free_mib = mount.blocks_available().saturating_mul(mount.fragment_size()) >> 20;
    if free_mib < NODES_MIN * NODE_MIB {
        return Check::missing(name, format!("{shown} has {free_mib} MiB free"), mend);
    }
    match kind.filesystem_type() == TMPFS_MAGIC {
        true => Check::ok(name, format!("{shown}, {free_mib} MiB free, on tmpfs")),
        // It works, only slower: the guest's memory is written back to a disk.
        false => Check::ok(name, format!("{shown}, not on tmpfs: a run may be slow")),
    }
}

/// Only nodes in containers need an engine; by default a node is a process.
fn containers() -> Check {
    let name = "container engine";
    for engine in ["docker", "podman"] {
        let asked = try_out(Command::new(engine).args(["info", "--format", "ok"]), TRIAL_MAX);
        if asked.is_some_and(|ended| ended.success && ended.output.contains("ok")) {
            return Check::ok(name, format!("{engine} answers"));
        }
    }
    Check {
        name,
        state: State::Optional,
        saw: "neither docker nor podman answers".into(),
        mend: Some("only nodes in containers need one; install and start docker or podman".into()),
    }
}
