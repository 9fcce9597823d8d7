//! The same stories in another place, and by another clock: as ratios, measured side by side.

use crate::watch::{Marks, watch, watch_with};
use crate::{Outcome, show};
use lockstorm::site::launch::Launch;

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
