//! Locks that are waited for: who gets one when, what interrupts a wait, and who waits in vain.

use super::locks::{gets, two_on_a_file};
use crate::conformance::bench::{BOTH, Bench, CREATE, Step, of_description, range, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::{Hand, Ticket};
use crate::units::{Nanos, SECOND};
use lockstorm_agent::probe::Call;
use lockstorm_agent::probe::Kind::{self, Exclusive, Shared, Unlock};

/// A client of NFS that nobody calls back asks again at least every 30 s.
pub(super) const ASKED_AGAIN: Nanos = Nanos::from_secs(31);
/// So long one looks whether a call waits.
pub(super) const LOOK: Nanos = Nanos::from_secs(5);
/// Whoever waits so long for each other does so for ever.
pub(super) const FOR_EVER: Nanos = Nanos::from_secs(100);
/// The waiters of one lock.
const WAITERS: usize = 3;
const SIGNAL: &str = "SIGUSR1";

pub const PROBES: &[Probe] = &[
    Probe {
        name: "wait-release",
        rule: "F_SETLKW waits while another client has the lock, and has it after the release",
        source: "POSIX, fcntl, F_SETLKW; RFC 8881, section 9.6",
        alone: false,
        needs: Needs::Nothing,
        run: release,
    },
    Probe {
        name: "wait-release-ofd",
        rule: "F_OFD_SETLKW waits while another client has the lock, and has it after the release",
        source: "fcntl(2), F_OFD_SETLKW; RFC 8881, section 9.6",
        alone: false,
        needs: Needs::Nothing,
        run: release_ofd,
    },
    Probe {
        name: "wait-release-flock",
        rule: "flock waits while another client has the lock, and has it after the release",
        source: "flock(2); RFC 8881, section 9.6",
        alone: false,
        needs: Needs::Nothing,
        run: release_flock,
    },
    Probe {
        name: "wait-one-client",
        rule: "a waiter on the holder's own machine has the lock after the release",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: one_client,
    },
    Probe {
        name: "wait-part",
        rule: "a waiter for some bytes has them when these are released, though others are not",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: part,
    },
    Probe {
        name: "wait-exit",
        rule: "a waiter has the lock when the holder exits",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: holder_exits,
    },
    Probe {
        name: "wait-kill",
        rule: "a waiter has the lock when the holder is killed",
        source: "POSIX, fcntl, F_SETLKW; kill(2)",
        alone: false,
        needs: Needs::Nothing,
        run: holder_killed,
    },
    Probe {
        name: "wait-downgrade",
        rule: "a waiter for a shared lock has it when the exclusive one becomes shared",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: downgraded,
    },
    Probe {
        name: "wait-sharers",
        rule: "all who wait for a shared lock have it together after the release",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: sharers,
    },
    Probe {
        name: "wait-order",
        rule: "three waiters have an exclusive lock one after the other, in any order",
        source: "POSIX, fcntl, F_SETLKW; RFC 8881, section 9.6",
        alone: false,
        needs: Needs::Nothing,
        run: order,
    },
    Probe {
        name: "wait-reader-writer",
        rule: "one who may share has the lock beside a waiting writer or after it, and both in \
               the end",
        source: "POSIX, fcntl, F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: reader_and_writer,
    },
    Probe {
        name: "wait-not",
        rule: "a call that may not wait is answered within a second while another has the lock",
        source: "POSIX, fcntl, F_SETLK; flock(2), LOCK_NB",
        alone: false,
        needs: Needs::Nothing,
        run: waits_not,
    },
    Probe {
        name: "wait-interrupted",
        rule: "a signal with a handler ends F_SETLKW with EINTR, and nothing is locked later",
        source: "POSIX, fcntl, EINTR; fcntl(2)",
        alone: false,
        needs: Needs::Nothing,
        run: interrupted_posix,
    },
    Probe {
        name: "wait-interrupted-flock",
        rule: "a signal with a handler ends flock with EINTR, and nothing is locked later",
        source: "flock(2), EINTR",
        alone: false,
        needs: Needs::Nothing,
        run: interrupted_flock,
    },
    Probe {
        name: "wait-killed",
        rule: "a waiter that is killed does not have the lock later",
        source: "POSIX, fcntl; kill(2)",
        alone: false,
        needs: Needs::Nothing,
        run: waiter_killed,
    },
    Probe {
        name: "deadlock-one-client",
        rule: "of two processes of a machine that wait for each other, one has EDEADLK",
        source: "POSIX, fcntl, EDEADLK; fcntl(2), F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: deadlock_one_client,
    },
    Probe {
        name: "deadlock-two-clients",
        rule: "of two clients that wait for each other, one has EDEADLK, or both wait",
        source: "POSIX, fcntl, EDEADLK; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: deadlock_two_clients,
    },
    Probe {
        name: "deadlock-threads",
        rule: "threads of a process do not wait for each other's POSIX locks",
        source: "POSIX, fcntl; fcntl(2), advisory record locking",
        alone: false,
        needs: Needs::Nothing,
        run: no_deadlock,
    },
];

/// A call must wait, as it does if it is not answered within [`LOOK`].
pub(super) fn must_wait(bench: &mut Bench, ticket: Ticket, what: &str) -> Step<()> {
    match bench.answer(ticket, LOOK)? {
        None => Ok(()),
        Some(outcome) => broken(format!("{what} does not wait: {}", word(&outcome))),
    }
}

/// A waiter must have what is free since just now: how long that took.
pub(super) fn must_have(bench: &mut Bench, ticket: Ticket, what: &str) -> Step<String> {
    let within = if bench.is_local() { Nanos::from_secs(1) } else { ASKED_AGAIN };
    let since = bench.now();
    match bench.answer(ticket, within)? {
        Some(Ok(_)) => Ok(match (bench.now().0 - since.0) / SECOND {
            0 => "at once".to_owned(),
            seconds => format!("after {seconds} s"),
        }),
        Some(Err(errno)) => broken(format!("{what}: {errno}")),
        None => broken(format!("{what} waits on for {within}, though it is free")),
    }
}

/// F_SETLK, F_SETLKW.
fn posix(kind: Kind, wait: bool) -> Call {
    Call::Lock { fd: "f".into(), lock: whole(kind), wait }
}

/// F_OFD_SETLK, F_OFD_SETLKW.
fn ofd(kind: Kind, wait: bool) -> Call {
    Call::Lock { fd: "f".into(), lock: of_description(whole(kind)), wait }
}

fn flock(kind: Kind, wait: bool) -> Call {
    Call::Flock { fd: "f".into(), kind, wait }
}

fn release(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    released(bench, &one, &other, posix)
}

fn release_ofd(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    released(bench, &one, &other, ofd)
}

fn release_flock(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    released(bench, &one, &other, flock)
}

fn one_client(bench: &mut Bench) -> Seen {
    let (one, second) = (bench.client(0)?, bench.client(0)?);
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&second, "f", BOTH, "f")?;
    released(bench, &one, &second, posix)
}

/// One has the lock, the other waits for it, and has it in the end.
fn released(bench: &mut Bench, one: &Hand, other: &Hand, call: fn(Kind, bool) -> Call) -> Seen {
    bench.must(one, call(Exclusive, false))?;
    let ticket = bench.begin(other, call(Exclusive, true))?;
    must_wait(bench, ticket, "the waiter")?;
    bench.must(one, call(Unlock, false))?;
    let took = must_have(bench, ticket, "the waiter")?;
    let again = bench.done(one, call(Exclusive, false))?;
    match word(&again) {
        "EAGAIN" | "EACCES" => seen(took),
        errno => broken(format!("the first, which the waiter should shut out: {errno}")),
    }
}

fn part(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 0, 30), "the first")?;
    let ticket = bench.wait_for_lock(&other, "f", range(Exclusive, 10, 10))?;
    gets(bench, &one, range(Unlock, 0, 15), "the unlock of a half")?;
    must_wait(bench, ticket, "the waiter, half of whose bytes are free,")?;
    gets(bench, &one, range(Unlock, 15, 5), "the unlock of the other half")?;
    let took = must_have(bench, ticket, "the waiter")?;
    seen(took)
}

fn holder_exits(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    let ticket = bench.wait_for_lock(&other, "f", whole(Exclusive))?;
    must_wait(bench, ticket, "the waiter")?;
    bench.exit(&one)?;
    let took = must_have(bench, ticket, "the waiter")?;
    seen(took)
}

fn holder_killed(bench: &mut Bench) -> Seen {
    let (parent, other) = two_on_a_file(bench)?;
    let holder = bench.fork(&parent)?;
    gets(bench, &holder, whole(Exclusive), "the first")?;
    let ticket = bench.wait_for_lock(&other, "f", whole(Exclusive))?;
    must_wait(bench, ticket, "the waiter")?;
    signal(bench, &parent, &holder, "SIGKILL")?;
    let took = must_have(bench, ticket, "the waiter")?;
    seen(took)
}

/// By a process, to its child or its thread.
fn signal(bench: &mut Bench, by: &Hand, to: &Hand, signal: &str) -> Step<()> {
    let call = Call::Signal { name: to.name.clone(), signal: signal.into() };
    bench.must(by, call).map(drop)
}

fn downgraded(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the exclusive one")?;
    let ticket = bench.wait_for_lock(&other, "f", whole(Shared))?;
    must_wait(bench, ticket, "the waiter")?;
    gets(bench, &one, whole(Shared), "shared")?;
    let took = must_have(bench, ticket, "the waiter")?;
    seen(took)
}

fn sharers(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let third = bench.client(1)?;
    bench.open(&third, "f", BOTH, "f")?;
    gets(bench, &one, whole(Exclusive), "the exclusive one")?;
    let second = bench.wait_for_lock(&other, "f", whole(Shared))?;
    let third = bench.wait_for_lock(&third, "f", whole(Shared))?;
    must_wait(bench, second, "the first sharer")?;
    must_wait(bench, third, "the second sharer")?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    let first = must_have(bench, second, "the first sharer")?;
    must_have(bench, third, "the second sharer")?;
    seen(format!("the first {first}"))
}

fn order(bench: &mut Bench) -> Seen {
    let holder = bench.client(0)?;
    bench.open(&holder, "f", CREATE, "f")?;
    gets(bench, &holder, whole(Exclusive), "the first")?;
    let mut waiting = Vec::new();
    for number in 1..=WAITERS {
        let hand = bench.client(1)?;
        bench.open(&hand, "f", BOTH, "f")?;
        let ticket = bench.wait_for_lock(&hand, "f", whole(Exclusive))?;
        bench.seconds(1)?;
        waiting.push((number, hand, ticket));
    }
    gets(bench, &holder, whole(Unlock), "the unlock")?;
    let mut came = Vec::new();
    while !waiting.is_empty() {
        let next = next_of(bench, &waiting)?;
        let (number, hand, _) = waiting.remove(next);
        gets(bench, &hand, whole(Unlock), "the unlock of a waiter")?;
        came.push(number.to_string());
    }
    seen(format!("they came {}", came.join(", ")))
}

/// Which of some waiters has the lock, which is free since just now; it must be one alone.
fn next_of(bench: &mut Bench, waiting: &[(usize, Hand, Ticket)]) -> Step<usize> {
    let until = bench.now().0 + ASKED_AGAIN.0;
    loop {
        let mut having = Vec::new();
        for (at, (_, _, ticket)) in waiting.iter().enumerate() {
            match bench.answer(*ticket, Nanos::ZERO)? {
                None => {}
                Some(Ok(_)) => having.push(at),
                Some(Err(errno)) => return broken(format!("a waiter: {errno}")),
            }
        }
        match having.as_slice() {
            [] if bench.now().0 >= until => return broken("it is free, and none of them has it"),
            [] => bench.pass(Nanos::from_millis(500))?,
            [one] => return Ok(*one),
            several => return broken(format!("{} have it at the same time", several.len())),
        }
    }
}

fn reader_and_writer(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let reader = bench.client(0)?;
    bench.open(&reader, "f", BOTH, "f")?;
    gets(bench, &one, whole(Shared), "the first")?;
    let writes = bench.wait_for_lock(&other, "f", whole(Exclusive))?;
    must_wait(bench, writes, "the writer")?;
    let reads = bench.wait_for_lock(&reader, "f", whole(Shared))?;
    let goes_ahead = match bench.answer(reads, ASKED_AGAIN)? {
        Some(Ok(_)) => true,
        Some(Err(errno)) => return broken(format!("the reader: {errno}")),
        None => false,
    };
    must_wait(bench, writes, "the writer beside a reader")?;
    gets(bench, &one, whole(Unlock), "the unlock of the first")?;
    if goes_ahead {
        must_wait(bench, writes, "the writer beside the second reader")?;
        gets(bench, &reader, whole(Unlock), "the unlock of the reader")?;
        must_have(bench, writes, "the writer")?;
        return seen("the reader goes ahead of the writer");
    }
    must_have(bench, writes, "the writer")?;
    gets(bench, &other, whole(Unlock), "the unlock of the writer")?;
    must_have(bench, reads, "the reader")?;
    seen("the reader waits behind the writer")
}

fn waits_not(bench: &mut Bench) -> Seen {
    let calls: [fn(Kind, bool) -> Call; 3] = [posix, ofd, flock];
    for call in calls {
        let (one, other) = two_on_a_file(bench)?;
        bench.must(&one, call(Exclusive, false))?;
        let ticket = bench.begin(&other, call(Exclusive, false))?;
        let Some(outcome) = bench.answer(ticket, Nanos::from_secs(1))? else {
            return broken(format!("it waits: {:?}", call(Exclusive, false)));
        };
        if !["EAGAIN", "EACCES"].contains(&word(&outcome)) {
            return broken(format!("{} for {:?}", word(&outcome), call(Exclusive, false)));
        }
        bench.must(&one, call(Unlock, false))?;
    }
    seen("EAGAIN or EACCES of fcntl and flock")
}

fn interrupted_posix(bench: &mut Bench) -> Seen {
    interrupted(bench, posix)
}

fn interrupted_flock(bench: &mut Bench) -> Seen {
    interrupted(bench, flock)
}

/// A thread waits for what another client has, and its process interrupts it.
fn interrupted(bench: &mut Bench, call: fn(Kind, bool) -> Call) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.must(&one, call(Exclusive, false))?;
    bench.must(&other, Call::Handle { signal: SIGNAL.into() })?;
    let waiter = bench.thread(&other)?;
    let ticket = bench.begin(&waiter, call(Exclusive, true))?;
    must_wait(bench, ticket, "the waiter")?;
    signal(bench, &other, &waiter, SIGNAL)?;
    match bench.answer(ticket, LOOK)? {
        Some(Err(errno)) if errno == "EINTR" => {}
        Some(outcome) => return broken(format!("{} after the signal", word(&outcome))),
        None => return broken("it waits on after the signal"),
    }
    is_still_free(bench, &one, call)?;
    seen("EINTR")
}

/// The holder releases what another waited for, and has given up: nobody gets it.
fn is_still_free(bench: &mut Bench, holder: &Hand, call: fn(Kind, bool) -> Call) -> Step<()> {
    bench.must(holder, call(Unlock, false))?;
    bench.pass(ASKED_AGAIN)?;
    let again = bench.done(holder, call(Exclusive, false))?;
    match word(&again) {
        "ok" => Ok(()),
        errno => broken(format!("{errno} for a lock that nobody waits for any more")),
    }
}

fn waiter_killed(bench: &mut Bench) -> Seen {
    let (one, parent) = two_on_a_file(bench)?;
    let waiter = bench.fork(&parent)?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    let ticket = bench.wait_for_lock(&waiter, "f", whole(Exclusive))?;
    must_wait(bench, ticket, "the waiter")?;
    signal(bench, &parent, &waiter, "SIGKILL")?;
    bench.seconds(1)?;
    is_still_free(bench, &one, posix)?;
    seen("it is free")
}

/// How two processes end that wait for each other: the answers, where there are any. The threads
/// wait, so that the processes can be ended.
fn cross(bench: &mut Bench, one: &Hand, other: &Hand) -> Step<[String; 2]> {
    gets(bench, one, range(Exclusive, 0, 1), "the byte of the first")?;
    gets(bench, other, range(Exclusive, 1, 1), "the byte of the second")?;
    let (first, second) = (bench.thread(one)?, bench.thread(other)?);
    let first = bench.wait_for_lock(&first, "f", range(Exclusive, 1, 1))?;
    must_wait(bench, first, "the first")?;
    let second = bench.wait_for_lock(&second, "f", range(Exclusive, 0, 1))?;
    bench.answer(second, FOR_EVER)?;
    let mut ends = [first, second].map(|_| "waits".to_owned());
    for (end, ticket) in ends.iter_mut().zip([first, second]) {
        if let Some(outcome) = bench.answer(ticket, Nanos::ZERO)? {
            *end = word(&outcome).to_owned();
        }
    }
    bench.exit(one)?;
    bench.exit(other)?;
    Ok(ends)
}

fn deadlock_one_client(bench: &mut Bench) -> Seen {
    let (one, second) = (bench.client(0)?, bench.client(0)?);
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&second, "f", BOTH, "f")?;
    let ends = cross(bench, &one, &second)?;
    told_of(ends, bench.is_local())
}

fn deadlock_two_clients(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let ends = cross(bench, &one, &other)?;
    told_of(ends, bench.is_local())
}

/// fcntl(2): the kernel detects it; over NFS the standards only allow that.
fn told_of(ends: [String; 2], is_detected: bool) -> Seen {
    match [ends[0].as_str(), ends[1].as_str()] {
        ["EDEADLK", "waits"] => seen("EDEADLK for the first to wait"),
        ["waits", "EDEADLK"] => seen("EDEADLK for the last to wait"),
        ["waits", "waits"] if !is_detected => seen("no EDEADLK: both wait"),
        [first, second] => broken(format!("the first: {first}; the second: {second}")),
    }
}

fn no_deadlock(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    let thread = bench.thread(&one)?;
    gets(bench, &one, range(Exclusive, 0, 1), "the byte of the first")?;
    gets(bench, &thread, range(Exclusive, 1, 1), "the byte of the second")?;
    for (hand, at) in [(&one, 1), (&thread, 0)] {
        let ticket = bench.wait_for_lock(hand, "f", range(Exclusive, at, 1))?;
        match bench.answer(ticket, LOOK)? {
            Some(Ok(_)) => {}
            Some(Err(errno)) => return broken(errno),
            None => return broken("a thread waits for another of its process"),
        }
    }
    seen("both ok")
}
