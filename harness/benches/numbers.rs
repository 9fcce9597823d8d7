//! The numbers of the README, measured on this host: `ci/bench`.
//!
//! Not criterion: what is measured takes seconds, and half of it happens in other processes.

#[path = "numbers/dimensions.rs"]
mod dimensions;
#[path = "numbers/pages.rs"]
mod pages;
#[path = "numbers/side_by_side.rs"]
mod side_by_side;
#[path = "numbers/usage.rs"]
mod usage;
#[path = "numbers/watch.rs"]
mod watch;

use lockstorm::run::Run;
use lockstorm::units::SECOND;
use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};
use usage::{Memory, Usage};
use watch::{Marks, watch};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Nothing but time passes: the mounts are idle, and so are the adapters.
const IDLE: &str = "\
about: Two clients and the server, mounted and idle.
site: {clients: 2}
lock: {name: fcntl}
workload:
  script:
    - c1: acquire -> ok
    - at +3000s
    - c1: release -> ok
";

/// Nobody holds or thinks: who has released asks at once, so somebody always works.
const CLOSED_LOOP: &str = "\
about: Three clients in a closed loop.
lock: {name: flufl.lock, lifetime: 15s}
workload:
  cycles: {time: 60s, hold: 0s, think: 1ns}
";

fn main() -> Outcome<()> {
    // `cargo bench` passes on its own arguments.
    let is_given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let quick = is_given("--quick");
    let (often, seldom) = if quick { (1, 1) } else { (5, 3) };
    print_host();
    if is_given("--side-by-side") {
        return side_by_side::print(often);
    }
    if is_given("--pages") {
        return pages::print(often);
    }
    let loops = samples(seldom, || watch(CLOSED_LOOP))?;
    let mounted = samples(often, start_to_mounted)?;
    let partition = samples(often, || partition().map(|wall| wall.as_secs_f64()))?;
    let idle = samples(often, idle)?;
    let speed = loops.iter().map(|(marks, _)| marks.sections as f64 / marks.worked().as_secs_f64());
    let memory = &loops[0].0.memory;
    let largest = |nodes: &[(String, Memory)]| {
        vec![nodes.iter().map(|(_, memory)| memory.charged_mb()).fold(0.0, f64::max)]
    };

    println!("| | target | measured | range |\n|---|---|---|---|");
    row("four nodes, start to mounted", "at most 1 s", "s", mounted);
    row("`scenario partition.yaml`, start to verdict", "at most 5 s", "s", partition);
    row("idle, three nodes", "at least 1,500", "virtual s a wall s", idle);
    row("flufl.lock, closed loop", "at least 100", "critical sections a wall s", speed.collect());
    row("memory of the largest node, mounted", "at most 40 MB", "MB", largest(&memory[0]));
    row("the same after the closed loop", "at most 40 MB", "MB", largest(&memory[1]));
    print_memory("when all is mounted", &memory[0]);
    print_memory("after the closed loop", &memory[1]);
    print_profile(&loops[loops.len() / 2]);
    dimensions::print_decoding(if quick { 1 } else { 10 })?;
    side_by_side::print(often)?;
    pages::print(often)?;
    dimensions::print_launches(often)?;
    dimensions::print_clocks()
}

/// The bare numbers depend on the host, and on what else it does.
fn print_host() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("?");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    println!("{model}, {cores} cores; load before the start {load}\n");
}

fn samples<T>(count: usize, mut measure: impl FnMut() -> Outcome<T>) -> Outcome<Vec<T>> {
    (0..count).map(|_| measure()).collect()
}

fn row(what: &str, target: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let (least, most) = (show(values[0]), show(values[values.len() - 1]));
    let median = show(values[values.len() / 2]);
    println!("| {what} | {target} | {median} {unit} | {least} to {most}, of {} |", values.len());
}

/// Three digits, about.
fn show(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.0}"),
    }
}

fn start_to_mounted() -> Outcome<f64> {
    // Three clients and the server; the script's one step costs nothing beside the boot.
    let story = IDLE.replace("clients: 2", "clients: 3").replace("3000s", "1s");
    let (marks, _) = watch(&story)?;
    Ok(marks.mounted.as_secs_f64())
}

fn idle() -> Outcome<f64> {
    let (marks, _) = watch(IDLE)?;
    let virtual_s = (marks.ended_ns - marks.began_ns) as f64 / SECOND as f64;
    Ok(virtual_s / marks.worked().as_secs_f64())
}

/// As a person runs it: the process, from its start to its end.
fn partition() -> Outcome<Duration> {
    let directory = tempfile::tempdir()?;
    let begun = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_lockstorm"))
        .args(["scenario", "partition.yaml", "--quiet", "--out"])
        .arg(directory.path().join("run"))
        .stdout(std::process::Stdio::null())
        .status()?;
    match status.code() {
        Some(0) => Ok(begun.elapsed()),
        _ => Err("`scenario partition.yaml` is not valid here".into()),
    }
}

fn print_memory(when: &str, nodes: &[(String, Memory)]) {
    println!("\nMemory {when}, in MB. A guest's memory is a file (blocks in use) that its");
    println!("processes and the harness share; the rest is theirs alone, or their share of it.\n");
    println!("| node | guest's memory | private | share of files | sum |\n|---|---|---|---|---|");
    for (name, memory) in nodes {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let (guest, private, files) = (mb(memory.guest), mb(memory.private), mb(memory.files));
        let sum = memory.charged_mb();
        println!("| {name} | {guest:.1} | {private:.1} | {files:.1} | {sum:.1} |");
    }
}

fn print_profile((marks, run): &(Marks, Run)) {
    let Usage { harness, kernels, guests, switches } = marks.usage;
    let (wall, sections) = (marks.worked(), marks.sections.max(1) as f64);
    println!(
        "\nWhere the wall time of the closed loop goes ({} critical sections):\n",
        marks.sections
    );
    println!("| | s | share | ms a section |\n|---|---|---|---|");
    let line = |what: &str, time: Duration| {
        let (seconds, all) = (time.as_secs_f64(), wall.as_secs_f64());
        let (share, each) = (100.0 * seconds / all, 1000.0 * seconds / sections);
        println!("| {what} | {seconds:.1} | {share:.0} % | {each:.2} |");
    };
    line("the harness, its own code", harness.user);
    line("the harness, system calls", harness.system);
    line("the nodes' kernels, their own code", kernels.user);
    line(
        "the nodes' kernels, system calls (ptrace, sockets, waiting for a process)",
        kernels.system,
    );
    line("the nodes' programs", guests.user);
    line("the nodes' programs, stopped and continued", guests.system);
    let used = [harness, kernels, guests].map(|times| times.user + times.system).iter().sum();
    line("nobody: switching, other processes of the host", wall.saturating_sub(used));
    line("all", wall);
    let each = |count: u64| count as f64 / sections;
    let site = run.statistics;
    println!("\nA critical section costs (but for the switches, the boot is counted too):\n");
    println!("| context switches | slices | frames | disk requests |\n|---|---|---|---|");
    println!(
        "| {:.0} | {:.1} | {:.1} | {:.1} |",
        each(switches),
        each(site.slices),
        each(site.frames),
        each(site.disk_requests)
    );
}
