//! What the processes of a site use, as /proc tells it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// USER_HZ: what /proc counts processor time in, on every Linux for x86-64.
const TICKS_A_SECOND: u64 = 100;
/// Bytes of a block of stat(2).
const BLOCK: u64 = 512;

#[derive(Clone, Copy, Default)]
pub struct Times {
    pub user: Duration,
    pub system: Duration,
}

/// Processor time and context switches.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    pub harness: Times,
    /// User Mode Linux itself, on all nodes.
    pub kernels: Times,
    /// The processes in which it runs its guests' programs.
    pub guests: Times,
    pub switches: u64,
}

/// What one node is charged with (bytes).
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// Blocks in use of the file that is the guest's memory.
    pub guest: u64,
    /// Anonymous memory of its processes.
    pub private: u64,
    /// Their share of mapped files, above all of the kernel's program.
    pub files: u64,
}

impl Memory {
    pub fn charged_mb(&self) -> f64 {
        (self.guest + self.private + self.files) as f64 / 1e6
    }
}

/// Used so far.
pub fn take(nodes: &[String]) -> Usage {
    let this = std::process::id();
    let mut usage = Usage { harness: times(this).0, ..Usage::default() };
    usage.switches += switches(this);
    for kernel in nodes.iter().filter_map(|node| kernel_of(node)) {
        let (own, ended) = times(kernel);
        usage.kernels += own;
        usage.guests += ended;
        usage.switches += switches(kernel);
        for guest in children(kernel) {
            usage.guests += times(guest).0;
            usage.switches += switches(guest);
        }
    }
    usage
}

/// Charged now, node by node.
pub fn memory(nodes: &[String]) -> Vec<(String, Memory)> {
    let of = |node: &String| {
        let kernel = kernel_of(node)?;
        let mut memory = Memory { guest: guest_memory(kernel), ..Memory::default() };
        for process in children(kernel).into_iter().chain([kernel]) {
            let rollup = read(process, "smaps_rollup");
            memory.private += kib(&rollup, "Pss_Anon:") << 10;
            memory.files += kib(&rollup, "Pss_File:") << 10;
        }
        Some((node.clone(), memory))
    };
    nodes.iter().filter_map(of).collect()
}

/// The harness's child that is this node's kernel.
fn kernel_of(node: &str) -> Option<u32> {
    let wanted = format!("umid={node}");
    children(std::process::id())
        .into_iter()
        .find(|child| read(*child, "cmdline").split('\0').any(|argument| argument == wanted))
}

fn children(process: u32) -> Vec<u32> {
    let listed = read(process, &format!("task/{process}/children"));
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Of a process, and of those of its children that it has waited for: proc_pid_stat(5).
fn times(process: u32) -> (Times, Times) {
    let stat = read(process, "stat");
    // The program's name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let at = |index: usize| {
        let ticks = fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        Duration::from_millis(ticks * 1000 / TICKS_A_SECOND)
    };
    (Times { user: at(11), system: at(12) }, Times { user: at(13), system: at(14) })
}

fn switches(process: u32) -> u64 {
    let status = read(process, "status");
    kib(&status, "voluntary_ctxt_switches:") + kib(&status, "nonvoluntary_ctxt_switches:")
}

/// User Mode Linux keeps it open, and has removed its name.
fn guest_memory(kernel: u32) -> u64 {
    let open = fs::read_dir(format!("/proc/{kernel}/fd")).into_iter().flatten().flatten();
    let files = open.filter(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        target.to_string_lossy().ends_with(" (deleted)")
    });
    let blocks =
        files.filter_map(|entry| fs::metadata(entry.path()).ok()).map(|file| file.blocks());
    blocks.max().unwrap_or(0) * BLOCK
}

/// The number on the line that begins with `key`.
fn kib(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn read(process: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default()
}

impl std::ops::AddAssign for Times {
    fn add_assign(&mut self, other: Times) {
        self.user += other.user;
        self.system += other.system;
    }
}

impl std::ops::Sub for Times {
    type Output = Times;

    fn sub(self, other: Times) -> Times {
        Times { user: self.user - other.user, system: self.system - other.system }
    }
}

impl std::ops::Sub for Usage {
    type Output = Usage;

    fn sub(self, other: Usage) -> Usage {
        Usage {
            harness: self.harness - other.harness,
            kernels: self.kernels - other.kernels,
            guests: self.guests - other.guests,
            switches: self.switches - other.switches,
        }
    }
}
