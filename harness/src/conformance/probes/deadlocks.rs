//! Circles of those who wait for each other, beyond the two that [`super::waits`] has.

use super::locks::gets;
use super::waits::{FOR_EVER, LOOK, must_wait};
use crate::conformance::bench::{Bench, CREATE, Step, range, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::{Hand, Ticket};
use crate::units::Nanos;
use lockstorm_agent::probe::Kind::{Exclusive, Unlock};

const WAITS: &str = "waits";

pub const PROBES: &[Probe] = &[
    Probe {
        name: "deadlock-three-one-client",
        rule: "of three processes of a machine that wait in a circle, one has EDEADLK",
        source: "POSIX, fcntl, EDEADLK; fcntl(2), F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| circle(bench, [0, 0, 0], true),
    },
    Probe {
        name: "deadlock-three-two-clients",
        rule: "of three processes of two clients that wait in a circle, one has EDEADLK, or all \
               wait",
        source: "POSIX, fcntl, EDEADLK; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| circle(bench, [0, 1, 0], bench.is_local()),
    },
    Probe {
        name: "deadlock-closed-by-unlock",
        rule: "where an unlock by a third leaves two processes that wait for each other, one has \
               EDEADLK, or both wait",
        source: "POSIX, fcntl, EDEADLK; fcntl(2), deadlock detection",
        alone: false,
        needs: Needs::Nothing,
        run: closed_by_unlock,
    },
];

/// Processes on these clients, each with one byte of "f", in this order.
fn each_with_a_byte(bench: &mut Bench, clients: [usize; 3]) -> Step<Vec<Hand>> {
    let mut hands = Vec::new();
    for (at, client) in (0..).zip(clients) {
        let hand = bench.client(client)?;
        bench.open(&hand, "f", CREATE, "f")?;
        gets(bench, &hand, range(Exclusive, at, 1), "a byte of its own")?;
        hands.push(hand);
    }
    Ok(hands)
}

/// A thread waits, so that its process can be ended.
fn waits_for(bench: &mut Bench, of: &Hand, start: i64, length: i64) -> Step<Ticket> {
    let waiter = bench.thread(of)?;
    bench.wait_for_lock(&waiter, "f", range(Exclusive, start, length))
}

/// What has become of the waits by now. The processes are ended.
fn ends(bench: &mut Bench, hands: &[Hand], tickets: &[Ticket]) -> Step<Vec<String>> {
    let mut ends = Vec::new();
    for ticket in tickets {
        let outcome = bench.answer(*ticket, Nanos::ZERO)?;
        ends.push(outcome.map_or(WAITS.to_owned(), |outcome| word(&outcome).to_owned()));
    }
    for hand in hands {
        bench.exit(hand)?;
    }
    Ok(ends)
}

/// One alone has EDEADLK; or nobody, where that is not the kernel's of one machine to see.
fn told_of(ends: &[String], is_detected: bool) -> Seen {
    let others_wait = |but: usize| {
        let mut others = ends.iter().enumerate().filter(|(at, _)| *at != but);
        others.all(|(_, end)| end == WAITS)
    };
    match ends.iter().position(|end| end == "EDEADLK") {
        Some(at) if others_wait(at) => seen(format!("EDEADLK for waiter {}", at + 1)),
        None if !is_detected && others_wait(ends.len()) => seen("no EDEADLK: all wait"),
        _ => broken(format!("the waiters: {}", ends.join(", "))),
    }
}

fn circle(bench: &mut Bench, clients: [usize; 3], is_detected: bool) -> Seen {
    let hands = each_with_a_byte(bench, clients)?;
    let mut tickets = Vec::new();
    for (hand, next) in hands.iter().zip([1, 2, 0]) {
        let ticket = waits_for(bench, hand, next, 1)?;
        tickets.push(ticket);
        match next {
            0 => drop(bench.answer(ticket, FOR_EVER)?),
            _ => must_wait(bench, ticket, "one whom nobody waits for")?,
        }
    }
    let ends = ends(bench, &hands, &tickets)?;
    told_of(&ends, is_detected)
}

fn closed_by_unlock(bench: &mut Bench) -> Seen {
    let hands = each_with_a_byte(bench, [0, 0, 0])?;
    let (third, second, first) = (&hands[0], &hands[1], &hands[2]);
    // Of two whom it has to wait for, Linux has it wait for the one who has had its lock for
    // longer: for the third, who waits for nobody.
    let of_first = waits_for(bench, first, 0, 2)?;
    must_wait(bench, of_first, "the first")?;
    let of_second = waits_for(bench, second, 2, 1)?;
    if let Some(outcome) = bench.answer(of_second, LOOK)? {
        return match word(&outcome) {
            "EDEADLK" => seen("EDEADLK before the unlock: the first waits for the second, too"),
            other => broken(format!("the second, before the unlock: {other}")),
        };
    }
    gets(bench, third, range(Unlock, 0, 1), "the third's unlock")?;
    bench.answer(of_first, FOR_EVER)?;
    let ends = ends(bench, &hands, &[of_first, of_second])?;
    // fcntl(2), BUGS: not every circle is detected.
    told_of(&ends, false)
}
