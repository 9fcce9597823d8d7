//! Waits for locks that are in part free, or one's own, or whose descriptor is closed meanwhile.

use super::lock_files::of_process;
use super::lock_owners::copy;
use super::locks::{gets, is_refused, two_on_a_file};
use super::waits::{ASKED_AGAIN, must_have, must_wait};
use crate::conformance::bench::{BOTH, Bench, Outcome, Step, of_description, range, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::Kind::{Exclusive, Shared, Unlock};
use lockstorm_agent::probe::{Answer, Lock};

pub const PROBES: &[Probe] = &[
    Probe {
        name: "wait-two-parts",
        rule: "two who wait for parts of one lock each have their part when it is released, and \
               not before",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: two_parts,
    },
    Probe {
        name: "wait-two-kinds",
        rule: "of two who wait for parts of an exclusive lock that becomes shared, the one who \
               wants to share has its part, and the other waits on",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: two_kinds,
    },
    Probe {
        name: "wait-upgrade",
        rule: "one who shares and waits for an exclusive lock goes on sharing, and has it when the \
               other's shared lock is gone",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| upgrade(bench, of_process),
    },
    Probe {
        name: "wait-upgrade-ofd",
        rule: "a description that shares and waits for an exclusive lock goes on sharing, and has \
               it when the other's shared lock is gone",
        source: "fcntl(2), F_OFD_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| upgrade(bench, of_description),
    },
    Probe {
        name: "wait-closed",
        rule: "a descriptor that one thread closes while another waits for a lock by it leaves no \
               lock behind",
        source: "POSIX, close (outstanding record locks), fcntl; fcntl(2), F_OFD_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: closed,
    },
    Probe {
        name: "wait-closed-copy",
        rule: "where one thread closes a descriptor while another waits for an OFD lock by it, and \
               a copy stays open, the lock is had if the call succeeds, and not if it fails",
        source: "fcntl(2), F_OFD_SETLKW; dup(2)",
        alone: false,
        needs: Needs::Nothing,
        run: closed_copy,
    },
];

/// The holder of 30 bytes, one who waits on another client, and one on the holder's.
fn three(bench: &mut Bench) -> Step<[Hand; 3]> {
    let (one, other) = two_on_a_file(bench)?;
    let second = bench.client(0)?;
    bench.open(&second, "f", BOTH, "f")?;
    gets(bench, &one, range(Exclusive, 0, 30), "the first")?;
    Ok([one, other, second])
}

fn two_parts(bench: &mut Bench) -> Seen {
    let [one, other, second] = three(bench)?;
    let far = bench.wait_for_lock(&other, "f", range(Exclusive, 0, 10))?;
    let near = bench.wait_for_lock(&second, "f", range(Exclusive, 20, 10))?;
    must_wait(bench, far, "who waits on another client")?;
    must_wait(bench, near, "who waits on the same client")?;
    gets(bench, &one, range(Unlock, 10, 10), "the unlock of what nobody waits for")?;
    must_wait(bench, far, "who waits on another client, for what is still locked,")?;
    must_wait(bench, near, "who waits on the same client, for what is still locked,")?;
    gets(bench, &one, range(Unlock, 20, 10), "the unlock of one part")?;
    let near = must_have(bench, near, "who waits on the same client")?;
    must_wait(bench, far, "who waits for the other part")?;
    gets(bench, &one, range(Unlock, 0, 10), "the unlock of the other part")?;
    let far = must_have(bench, far, "who waits on another client")?;
    is_refused(bench, &one, range(Shared, 9, 1), "what another client has now")?;
    is_refused(bench, &one, range(Shared, 20, 1), "what the second process has now")?;
    seen(format!("on the same client {near}; on the other {far}"))
}

fn two_kinds(bench: &mut Bench) -> Seen {
    let [one, other, second] = three(bench)?;
    let shares = bench.wait_for_lock(&other, "f", range(Shared, 0, 10))?;
    let writes = bench.wait_for_lock(&second, "f", range(Exclusive, 20, 10))?;
    must_wait(bench, shares, "who wants to share")?;
    must_wait(bench, writes, "who wants to write")?;
    gets(bench, &one, range(Shared, 0, 30), "exclusive that becomes shared")?;
    let took = must_have(bench, shares, "who wants to share")?;
    must_wait(bench, writes, "who wants to write what is shared")?;
    gets(bench, &one, range(Unlock, 0, 30), "the unlock")?;
    must_have(bench, writes, "who wants to write")?;
    seen(took)
}

fn upgrade(bench: &mut Bench, of: fn(Lock) -> Lock) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, of(whole(Shared)), "the first")?;
    gets(bench, &other, of(whole(Shared)), "shared beside shared")?;
    let ticket = bench.wait_for_lock(&other, "f", of(whole(Exclusive)))?;
    must_wait(bench, ticket, "who wants it exclusively")?;
    is_refused(bench, &one, of(whole(Exclusive)), "exclusive beside a waiter that shares")?;
    gets(bench, &one, of(whole(Unlock)), "the unlock")?;
    let took = must_have(bench, ticket, "who wants it exclusively")?;
    is_refused(bench, &one, of(whole(Shared)), "shared beside what was waited for")?;
    seen(took)
}

/// One has the lock, a thread waits for it, another thread closes the descriptor, and the lock is
/// released: how the call ends.
fn waits_and_is_closed(
    bench: &mut Bench,
    one: &Hand,
    other: &Hand,
    of: fn(Lock) -> Lock,
) -> Step<Outcome<Answer>> {
    gets(bench, one, whole(Exclusive), "the first")?;
    let waiter = bench.thread(other)?;
    let ticket = bench.wait_for_lock(&waiter, "f", of(whole(Exclusive)))?;
    must_wait(bench, ticket, "the waiter")?;
    bench.close(other, "f")?;
    gets(bench, one, whole(Unlock), "the unlock")?;
    match bench.answer(ticket, ASKED_AGAIN)? {
        Some(outcome) => {
            bench.seconds(1)?;
            Ok(outcome)
        }
        None => broken(format!("it waits on for {ASKED_AGAIN}, though it is free")),
    }
}

fn closed(bench: &mut Bench) -> Seen {
    let mut ends = Vec::new();
    let kinds: [fn(Lock) -> Lock; 2] = [of_process, of_description];
    for of in kinds {
        let (one, other) = two_on_a_file(bench)?;
        let outcome = waits_and_is_closed(bench, &one, &other, of)?;
        let end = word(&outcome).to_owned();
        // There is no descriptor left by which the waiter could unlock.
        gets(bench, &one, whole(Exclusive), &format!("after the waiter's end ({end})"))?;
        gets(bench, &one, whole(Unlock), "the second unlock")?;
        ends.push(end);
    }
    seen(format!("{} for a POSIX lock, {} for an OFD lock", ends[0], ends[1]))
}

fn closed_copy(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    copy(bench, &other)?;
    let outcome = waits_and_is_closed(bench, &one, &other, of_description)?;
    let beside = bench.set_lock(&one, "f", whole(Exclusive))?;
    let end = match (word(&outcome), word(&beside)) {
        ("ok", "EAGAIN" | "EACCES") => "ok; the copy keeps it",
        ("ok", other) => return broken(format!("ok, and yet another's lock is {other}")),
        (errno, "ok") => return seen(format!("{errno}; it is free")),
        (errno, other) => return broken(format!("{errno}, and yet another's lock is {other}")),
    };
    bench.close(&other, "copy")?;
    gets(bench, &one, whole(Exclusive), "after the close of the copy")?;
    seen(end)
}
