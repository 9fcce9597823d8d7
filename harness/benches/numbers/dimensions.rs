//! The same stories in another place, by another clock, and with every call of NFS decoded: as
//! ratios, measured side by side.

use crate::watch::{Marks, watch, watch_with};
use crate::{Outcome, show};
use lockstorm::site::launch::Launch;
use std::process::Command;
use std::time::Instant;

const PARTITION: &str = include_str!("../../../scenarios/partition.yaml");

/// Nodes in containers against nodes as processes, by turns.
pub fn print_launches(times: usize) -> Outcome<()> {
    if !cfg!(feature = "docker") {
        println!("\nNodes in containers are not measured: the feature `docker` is off.");
        return Ok(());
    }
    let mut local = Vec::new();
    let mut contained = Vec::new();
    for _ in 0..times {
        local.push(watch_with(PARTITION, Launch::Local)?.0);
        contained.push(watch_with(PARTITION, Launch::Containers)?.0);
    }
    println!("\npartition.yaml with its four nodes as processes and in containers, of {times}:\n");
    println!("| | local | containers | ratio |\n|---|---|---|---|");
    let line = |what: &str, of: fn(&Marks) -> f64| {
        let [one, other] = [&local, &contained].map(|runs| median(runs.iter().map(of)));
        println!("| {what} | {} s | {} s | {} |", show(one), show(other), show(other / one));
    };
    line("start-up: start to mounted", |marks| marks.mounted.as_secs_f64());
    line("after start-up: the workload", |marks| marks.worked().as_secs_f64());
    line("both", |marks| marks.ended.as_secs_f64());
    Ok(())
}

/// Critical sections a wall second, by the number of clients in a closed loop.
pub fn print_clocks() -> Outcome<()> {
    println!("\nflufl.lock in a closed loop, critical sections a wall second:\n");
    println!("| clients | virtual clock | real clock | ratio |\n|---|---|---|---|");
    for clients in [1, 2, 4, 8] {
        let speed = |clock: &str| {
            let site = format!("{{clients: {clients}, clock: {clock}}}");
            let (marks, _) = watch(&format!("site: {site}\n{LOOP}"))?;
            Outcome::Ok(marks.sections as f64 / marks.worked().as_secs_f64())
        };
        let (by_virtual, by_real) = (speed("virtual")?, speed("real")?);
        let ratio = show(by_real / by_virtual);
        println!("| {clients} | {} | {} | {ratio} |", show(by_virtual), show(by_real));
    }
    Ok(())
}

/// What it costs to decode every call and reply of NFS as it passes, and how fast those of a
/// finished run are.
pub fn print_decoding(times: usize) -> Outcome<()> {
    let mut ratios = Vec::new();
    for _ in 0..times {
        let worked = |story: &str| {
            let worked = watch(story)?.1.processors.ok_or("nobody knows how long it worked")?;
            Outcome::Ok(worked.as_secs_f64())
        };
        let (plain, decoded) = (worked(LOOP)?, worked(&format!("{LOOP}{WAITS_IN_VAIN}"))?);
        ratios.push(decoded / plain);
    }
    let ratio = median(ratios.iter().copied());
    println!("\nEvery call decoded as it passes, against none: {ratio:.3} of the processors' time");
    println!("(median of {times} pairs; at most 1.03).");
    let directory = tempfile::tempdir()?;
    let (story, run) = (directory.path().join("loop.yaml"), directory.path().join("run"));
    std::fs::write(&story, LOOP.replace("time: 20s", "time: 300s"))?;
    let lockstorm = || Command::new(env!("CARGO_BIN_EXE_lockstorm"));
    lockstorm().arg("scenario").arg(&story).arg("--quiet").arg("--out").arg(&run).output()?;
    let speeds = (0..times).map(|_| {
        let begun = Instant::now();
        let table = lockstorm().arg("wire").arg(&run).output()?;
        let calls = table.stdout.iter().filter(|byte| **byte == b'\n').count();
        Ok(calls as f64 / begun.elapsed().as_secs_f64())
    });
    let speeds = speeds.collect::<Outcome<Vec<f64>>>()?;
    println!(
        "`lockstorm wire`: {} calls a second (at least 100,000).",
        show(median(speeds.into_iter()))
    );
    Ok(())
}

/// A fault that waits for a call which no client makes so often: every call is looked at.
const WAITS_IN_VAIN: &str = "\
faults:
  - when: {rpc: {op: SECINFO_NO_NAME, nth: 900}}
    strike: {pause: {node: caller}}
    for: 1s
    may_miss: true
";

const LOOP: &str = "\
about: Clients in a closed loop.
lock: {name: flufl.lock, lifetime: 15s}
workload:
  cycles: {time: 20s, hold: 0s, think: 1ns}
";

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
