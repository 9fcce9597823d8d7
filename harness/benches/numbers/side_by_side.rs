//! What a second core is worth to a batch: the same runs one at a time and two at a time, by turns.

use crate::{Outcome, show};
use std::process::{Command, Stdio};
use std::time::Instant;

/// An even number, so that the last run of two at a time is not alone.
const RUNS: usize = 8;

/// Prints how much sooner two jobs end than one.
pub fn print(pairs: usize) -> Outcome<()> {
    let mut times = Vec::new();
    for _ in 0..pairs {
        times.push((batch(1)?, batch(2)?));
    }
    let ratio = |(one, two): &(f64, f64)| one / two;
    times.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let (least, most) = (ratio(&times[0]), ratio(&times[pairs - 1]));
    let median = &times[pairs / 2];
    println!("\n{RUNS} runs of flufl.lock in calm, one at a time and two at a time, of {pairs}:\n");
    println!("| one | two | ratio (at least 1.9) | range |\n|---|---|---|---|");
    println!(
        "| {} s | {} s | {:.2} | {least:.2} to {most:.2} |",
        show(median.0),
        show(median.1),
        ratio(median)
    );
    Ok(())
}

/// The seconds that a batch takes, as a person runs it.
fn batch(jobs: usize) -> Outcome<f64> {
    let directory = tempfile::tempdir()?;
    let begun = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_lockstorm"))
        .args(["matrix", "--locks=flufl.lock", "--scenarios=calm", "--quiet", "--discard-valid"])
        .args([format!("--seeds={RUNS}"), format!("--jobs={jobs}")])
        .arg("--out")
        .arg(directory.path().join("set"))
        .stdout(Stdio::null())
        .status()?;
    match status.code() {
        Some(0) => Ok(begun.elapsed().as_secs_f64()),
        _ => Err("a matrix of flufl.lock in calm is not valid here".into()),
    }
}
