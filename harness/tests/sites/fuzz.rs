//! The fuzz targets of fuzz/, bounded and repeatable, so that a stable compiler runs them too.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use lockstorm::seeds;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Inputs a target: a few seconds for the slowest.
const INPUTS: usize = 3_000;
const LENGTH_MAX: usize = 1 << 14;

#[rstest]
fn no_bytes_upset(
    #[values(
        "time_travel",
        "vhost_user",
        "blk",
        "net",
        "console",
        "wire",
        "agent",
        "adapter",
        "scenario",
        "plan",
        "history",
        "bundle",
        "conformance",
        "map",
        "corpus",
        "known",
        "strike"
    )]
    name: &str,
) {
    let target = targets::all().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    seeds.iter().for_each(|seed| try_out(target, seed));
    let mut rng = seeds::generator(1);
    for _ in 0..INPUTS {
        let mut input = seeds[rng.random_range(0..seeds.len())].clone();
        match rng.random_range(0..8) {
            0 => input = random_bytes(&mut rng, 512),
            _ => mangle(&mut input, &seeds, &mut rng),
        }
        try_out(target, &input);
    }
}

#[test]
fn every_target_is_tried_here_and_has_its_libfuzzer_end() {
    for target in targets::all() {
        let file =
            format!("{}/../fuzz/fuzz_targets/{}.rs", env!("CARGO_MANIFEST_DIR"), target.name);
        assert!(std::fs::read_to_string(file).unwrap().contains(target.name));
    }
    let tried = include_str!("fuzz.rs");
    assert!(targets::all().all(|target| tried.contains(&format!("\"{}\"", target.name))));
}

/// Targets that only ever see refusals would test nothing.
#[test]
fn the_seeds_reach_what_they_are_for() {
    let done = |name: &str, run: fn(&[u8]) -> usize| -> usize {
        let target = targets::all().find(|target| target.name == name).unwrap();
        (target.seeds)().iter().map(|seed| run(seed)).sum()
    };
    assert!(done("blk", targets::blk) > 0);
    assert!(done("net", targets::net) > 0);
    assert!(done("console", targets::console) > 0);
    assert!(done("wire", targets::wire) > 60);
    // Of the clocks' 12 messages, an ACK and what follows no START are not answered; of the three
    // drivers, each is told its features twice, and its configuration.
    assert_eq!(done("time_travel", targets::time_travel), 9);
    assert_eq!(done("vhost_user", targets::vhost_user), 3 * (20 + 20 + 84));
}

#[rstest]
#[case("bundle", targets::bundle)]
#[case("conformance", targets::conformance)]
#[case("map", targets::map)]
#[case("corpus", targets::corpus)]
#[case("known", targets::known)]
#[case("strike", targets::strike)]
fn the_seeds_of_what_was_saved_can_be_read(#[case] name: &str, #[case] read: fn(&[u8]) -> bool) {
    let target = targets::all().find(|target| target.name == name).unwrap();
    assert!((target.seeds)().iter().all(|seed| read(seed)));
}

fn try_out(target: &targets::Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!("{} fails on b\"{}\"", target.name, input.escape_ascii());
        resume_unwind(panic);
    }
}

fn random_bytes(rng: &mut ChaCha8Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..=most)];
    rng.fill_bytes(&mut bytes);
    bytes
}

const TOKENS: [&[u8]; 12] = [
    b"-1",
    b"0",
    b"18446744073709551615",
    b"9223372036854775807",
    b"1e999",
    b"null",
    b"{}",
    b"[]",
    b"\"\"",
    b"\0",
    b"\x1b[2J",
    b"\xff",
];

/// Changes an input in a few places, as fuzzers do.
fn mangle(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..5) {
        let other = &seeds[rng.random_range(0..seeds.len())];
        let at = span(input, 64, rng);
        match rng.random_range(0..8) {
            0 if at.start < input.len() => input[at.start] ^= 1 << rng.random_range(0..8),
            1 if at.start < input.len() => input[at.start] = rng.random(),
            2 => drop(input.drain(at)),
            3 if rng.random_ratio(1, 4) => input.truncate(at.start),
            4 => drop(input.splice(at, other[span(other, 256, rng)].iter().copied())),
            5 => drop(input.splice(number(input, at.start), token(rng).iter().copied())),
            6 => move_a_line(input, rng),
            _ => drop(input.splice(at.start..at.start, token(rng).iter().copied())),
        }
    }
    input.truncate(LENGTH_MAX);
}

fn span(bytes: &[u8], most: usize, rng: &mut ChaCha8Rng) -> Range<usize> {
    let start = rng.random_range(0..=bytes.len());
    start..(start + rng.random_range(0..most)).min(bytes.len())
}

fn token(rng: &mut ChaCha8Rng) -> &'static [u8] {
    TOKENS[rng.random_range(0..TOKENS.len())]
}

/// The next number in a text, so that what takes its place is read as one.
fn number(bytes: &[u8], from: usize) -> Range<usize> {
    let is_digit = |at: &usize| bytes[*at].is_ascii_digit();
    let start = (from..bytes.len()).find(is_digit).unwrap_or(bytes.len());
    start..(start..bytes.len()).find(|at| !is_digit(at)).unwrap_or(bytes.len())
}

/// Says a line of a text elsewhere too, or there only.
fn move_a_line(input: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.is_empty() {
        return;
    }
    let from = rng.random_range(0..lines.len());
    let line = if rng.random() { lines.remove(from) } else { lines[from] };
    lines.insert(rng.random_range(0..=lines.len()), line);
    *input = lines.concat();
}
