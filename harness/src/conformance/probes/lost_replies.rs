//! Locks whose reply is lost, or comes too late: is what the caller is told what the server thinks?

use super::leases::{How, gets, gets_within, is_granted};
use super::locks::{gets as must_get, is_refused, two_on_a_file};
use super::names::finish;
use crate::conformance::bench::{BOTH, Bench, Step, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::{Hand, Ticket};
use crate::units::Nanos;
use lockstorm_agent::probe::Call;
use lockstorm_agent::probe::Kind::{self, Exclusive, Unlock};

/// The reply is lost for good, and the connection with it, so that the call is sent again.
const LOSE: &str = "{lose: {}}";
/// Long enough for a signal to come first.
const HOLD: &str = "{hold: {late: 5s}}";
/// A client that nobody calls back asks again at least every 30 s.
const ASKED_AGAIN: Nanos = Nanos::from_secs(35);
/// A server that calls its waiters back does so long before.
const CALLED_BACK: Nanos = Nanos::from_secs(5);
const SIGNAL: &str = "SIGUSR1";
/// For a lock that nobody has any more to be free: longer than a lease.
const FREE_WITHIN: Nanos = Nanos::from_secs(60);

pub const PROBES: &[Probe] = &[
    Probe {
        name: "lock-lost-reply",
        rule: "a lock whose reply is lost is granted, and one unlock frees it",
        source: "RFC 8881, section 2.10.6; RFC 7530, section 9.1.8; POSIX, fcntl",
        alone: true,
        needs: Needs::Network,
        run: lock_lost_reply,
    },
    Probe {
        name: "lock-refused-lost-reply",
        rule: "a lock whose refusal is lost is held if the caller is told so in the end, and if \
               it is refused, it is not",
        source: "RFC 8881, section 2.10.6; RFC 7530, section 9.1.8; POSIX, fcntl",
        alone: true,
        needs: Needs::Network,
        run: refused_lost_reply,
    },
    Probe {
        name: "unlock-lost-reply",
        rule: "an unlock whose reply is lost succeeds, and frees nothing that another has locked \
               meanwhile",
        source: "RFC 8881, section 2.10.6; RFC 7530, section 9.1.8; POSIX, fcntl",
        alone: true,
        needs: Needs::Network,
        run: unlock_lost_reply,
    },
    Probe {
        name: "wait-killed-as-granted",
        rule: "a waiter that is killed just as its lock is granted does not keep it",
        source: "POSIX, fcntl: a process that ends has no locks; RFC 8881, section 18.12",
        alone: true,
        needs: Needs::Network,
        run: killed_as_granted,
    },
    Probe {
        name: "nlm-cancel-crosses-unlock",
        rule: "a waiter that gives up just as the holder unlocks has the lock, or leaves it to \
               others",
        source: "POSIX, fcntl, EINTR; Open Group, Protocols for Interworking: XNFS, chapter 10",
        alone: true,
        needs: Needs::LockManager,
        run: cancel_crosses_unlock,
    },
];

/// The protocol's name for an unlock.
fn unlocks(bench: &Bench) -> &'static str {
    if bench.is_nfs3() { "UNLOCK" } else { "LOCKU" }
}

/// Makes a call of the first client whose reply is lost; others can act before it is sent again.
fn lose_reply(bench: &mut Bench, by: &Hand, op: &str, kind: Kind) -> Step<Ticket> {
    bench.strike_at(&format!("{{op: {op}, phase: reply, from: c1}}"), LOSE)?;
    let call = Call::Lock { fd: "f".into(), lock: whole(kind), wait: false };
    let ticket = bench.begin(by, call)?;
    bench.must_strike(Nanos::from_secs(10))?;
    Ok(ticket)
}

fn lock_lost_reply(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let ticket = lose_reply(bench, &one, "LOCK", Exclusive)?;
    let told = finish(bench, ticket)?;
    if told != "ok" {
        return broken(format!("a lock that nobody else had: {told}"));
    }
    is_refused(bench, &other, whole(Exclusive), "the other beside it")?;
    must_get(bench, &one, whole(Unlock), "the unlock")?;
    must_get(bench, &other, whole(Exclusive), "the other after one unlock")?;
    seen("ok; one unlock frees it")
}

/// Whether the second sending is answered as the first was, or finds the lock free, is left to the
/// protocol.
fn refused_lost_reply(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    must_get(bench, &other, whole(Exclusive), "the holder")?;
    let ticket = lose_reply(bench, &one, "LOCK", Exclusive)?;
    must_get(bench, &other, whole(Unlock), "the holder's unlock")?;
    let told = finish(bench, ticket)?;
    match told.as_str() {
        "ok" => {
            is_refused(bench, &other, whole(Exclusive), "the other beside a lock told as granted")?;
            seen("ok: asked again, it was free")
        }
        "EAGAIN" | "EACCES" => {
            let what = "the other, where the first was refused";
            must_get(bench, &other, whole(Exclusive), what)?;
            seen(format!("{told}, as before"))
        }
        other => broken(other),
    }
}

fn unlock_lost_reply(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let third = bench.client(0)?;
    bench.open(&third, "f", BOTH, "f")?;
    must_get(bench, &one, whole(Exclusive), "the first")?;
    let ticket = lose_reply(bench, &one, unlocks(bench), Unlock)?;
    must_get(bench, &other, whole(Exclusive), "the other, once the server has unlocked")?;
    let told = finish(bench, ticket)?;
    if told != "ok" {
        return broken(format!("the unlock: {told}"));
    }
    let errno = is_refused(bench, &third, whole(Exclusive), "a third beside the other's lock")?;
    seen(format!("ok; the other keeps its lock: {errno} for a third"))
}

/// The holder unlocks, and what tells the waiter that it has the lock is under way for long: the
/// call by which a server of NFSv3 may tell it, or the reply to the next time that it asks.
fn grant_late(bench: &mut Bench, holder: &Hand) -> Step<()> {
    let called_back = "{op: GRANTED_MSG, phase: call, from: c2}";
    let asked_again = "{op: LOCK, phase: reply, from: c2, status: ok}";
    let calls_back = bench.is_nfs3();
    bench.strike_at(if calls_back { called_back } else { asked_again }, HOLD)?;
    must_get(bench, holder, whole(Unlock), "the unlock")?;
    if !calls_back {
        return bench.must_strike(ASKED_AGAIN);
    }
    if bench.has_struck(CALLED_BACK)? {
        return Ok(());
    }
    bench.strike_at(asked_again, HOLD)?;
    bench.must_strike(ASKED_AGAIN)
}

fn killed_as_granted(bench: &mut Bench) -> Seen {
    let (one, parent) = two_on_a_file(bench)?;
    let waiter = bench.fork(&parent)?;
    must_get(bench, &one, whole(Exclusive), "the first")?;
    let ticket = bench.wait_for_lock(&waiter, "f", whole(Exclusive))?;
    bench.seconds(1)?;
    if bench.is_answered(ticket)? {
        return broken("the waiter did not wait");
    }
    grant_late(bench, &one)?;
    let kill = Call::Signal { name: waiter.name.clone(), signal: "SIGKILL".into() };
    bench.must(&parent, kill)?;
    is_free_soon(bench, &one)
}

/// A lock that nobody has any more can be had.
fn is_free_soon(bench: &mut Bench, by: &Hand) -> Seen {
    match gets_within(bench, by, How::Process, FREE_WITHIN)? {
        Some(after) => seen(format!("free after {after} s")),
        None => broken(format!("nobody has it, and it is not free {FREE_WITHIN} later")),
    }
}

/// What the waiter sends to give up is under way while the lock becomes free, and a server that
/// calls its waiters back grants it.
fn cancel_crosses_unlock(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    must_get(bench, &one, whole(Exclusive), "the first")?;
    bench.must(&other, Call::Handle { signal: SIGNAL.into() })?;
    let waiter = bench.thread(&other)?;
    let ticket = bench.wait_for_lock(&waiter, "f", whole(Exclusive))?;
    bench.seconds(1)?;
    if bench.is_answered(ticket)? {
        return broken("the waiter did not wait");
    }
    bench.strike_at("{op: CANCEL, phase: call, from: c2}", HOLD)?;
    let signal = Call::Signal { name: waiter.name.clone(), signal: SIGNAL.into() };
    bench.must(&other, signal)?;
    bench.must_strike(Nanos::from_secs(10))?;
    must_get(bench, &one, whole(Unlock), "the unlock")?;
    let told = finish(bench, ticket)?;
    match told.as_str() {
        "EINTR" => {
            let free = is_free_soon(bench, &one)?;
            seen(format!("EINTR; {free}"))
        }
        "ok" => has_it(bench, &one, &waiter),
        other => broken(format!("the waiter: {other}")),
    }
}

/// Who was told that it has the lock does have it, and can unlock it.
fn has_it(bench: &mut Bench, one: &Hand, waiter: &Hand) -> Seen {
    if gets(bench, one, How::Process)? {
        return broken("the waiter was told ok, and the first got it as well");
    }
    must_get(bench, waiter, whole(Unlock), "the waiter's unlock")?;
    let again = bench.lock(one, "f", Exclusive)?;
    match is_granted(&again)? {
        true => seen("ok: the waiter has it"),
        false => broken(format!("the first after the waiter's unlock: {}", word(&again))),
    }
}
