//! Leases: what becomes of the locks of a client that is cut off, crashes, or comes back.

use crate::conformance::bench::{BOTH, Bench, CREATE, Outcome, Step, of_description, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::Hand;
use crate::units::{Nanos, SECOND};
use lockstorm_agent::probe::{Call, Kind};

const CUT: &str = "{cut: {node: c1}}";
/// For a call that has to wait until a connection is there again.
const RECONNECTED: Nanos = Nanos::from_secs(200);

pub const PROBES: &[Probe] = &[
    Probe {
        name: "lease-lost-fcntl",
        rule: "a client that is cut off past its lease loses a lock of fcntl(2) to who asks for it",
        source: "RFC 8881, section 8.4.3; RFC 7530, section 9.6.3",
        alone: true,
        needs: Needs::Leases,
        run: |bench| lost(bench, How::Process),
    },
    Probe {
        name: "lease-lost-ofd",
        rule: "a client that is cut off past its lease loses a lock of an open file description to \
               who asks for it",
        source: "RFC 8881, section 8.4.3; RFC 7530, section 9.6.3",
        alone: true,
        needs: Needs::Leases,
        run: |bench| lost(bench, How::Description),
    },
    Probe {
        name: "lease-lost-flock",
        rule: "a client that is cut off past its lease loses a lock of flock(2) to who asks for it",
        source: "RFC 8881, section 8.4.3; flock(2), NFS details",
        alone: true,
        needs: Needs::Leases,
        run: |bench| lost(bench, How::Flock),
    },
    Probe {
        name: "lease-lost-to-waiter",
        rule: "one that waits for a lock gets it when the lease of its holder has run out",
        source: "RFC 8881, section 8.4.3; POSIX, fcntl, F_SETLKW",
        alone: true,
        needs: Needs::Leases,
        run: lost_to_waiter,
    },
    Probe {
        name: "lease-short-cut",
        rule: "a client that is cut off for less than a third of its lease keeps its lock",
        source: "RFC 8881, section 8.3",
        alone: true,
        needs: Needs::Leases,
        run: short_cut,
    },
    Probe {
        name: "lease-nobody-asks",
        rule: "a client that was cut off past its lease has its lock when it is back, or is told \
               that it has none",
        source: "RFC 8881, section 8.4.3",
        alone: true,
        needs: Needs::Leases,
        run: nobody_asks,
    },
    Probe {
        name: "lost-lock-write",
        rule: "a process whose lock went to another while it was cut off cannot write as before",
        source: "RFC 8881, section 8.5; Linux, kernel-parameters, nfs.recover_lost_locks",
        alone: true,
        needs: Needs::Leases,
        run: lost_write,
    },
    Probe {
        name: "lost-lock-late-write",
        rule: "a write of a holder that was cut off does not arrive when another has the lock",
        source: "RFC 8881, sections 8.2.4 and 8.4.3",
        alone: true,
        needs: Needs::Leases,
        run: late_write,
    },
    Probe {
        name: "lost-lock-late-unlock",
        rule: "an unlock of a holder that was cut off does not free a lock that another has by now",
        source: "RFC 8881, sections 8.2.4 and 18.12",
        alone: true,
        needs: Needs::Leases,
        run: late_unlock,
    },
    Probe {
        name: "lost-lock-refused",
        rule: "a process that lost its lock and asks for it again is refused while another has it",
        source: "RFC 8881, sections 8.4.3 and 18.10",
        alone: true,
        needs: Needs::Leases,
        run: lost_refused,
    },
    Probe {
        name: "lost-lock-again",
        rule: "a process that lost its lock can unlock, and have it again once it is free",
        source: "RFC 8881, section 8.5; POSIX, fcntl",
        alone: true,
        needs: Needs::Leases,
        run: lost_again,
    },
    Probe {
        name: "crashed-client-lease",
        rule: "the lock of a client that crashed and stays off is free when its lease has run out",
        source: "RFC 8881, section 8.4.1",
        alone: true,
        needs: Needs::Leases,
        run: crashed,
    },
    Probe {
        name: "crashed-client-back",
        rule: "the lock of a client that crashed is free as soon as the client has mounted again",
        source: "RFC 8881, sections 8.4.1 and 18.35.4; RFC 7530, section 9.6.1",
        alone: true,
        needs: Needs::Leases,
        run: |bench| crashed_and_back(bench, 5),
    },
    Probe {
        name: "nlm-crashed-client-back",
        rule: "the lock of a client that crashed is free when its status monitor has told so",
        source: "sm-notify(8); Open Group, Protocols for Interworking: XNFS, chapter 11",
        alone: true,
        needs: Needs::LockManager,
        run: |bench| crashed_and_back(bench, 60),
    },
    Probe {
        name: "nlm-crashed-client-off",
        rule: "a client that crashed, and stays off, keeps its lock: there is no lease",
        source: "Open Group, Protocols for Interworking: XNFS, chapter 9",
        alone: true,
        needs: Needs::LockManager,
        run: nlm_crashed,
    },
    Probe {
        name: "nlm-cut-client",
        rule: "a client that is cut off for a minute keeps its lock: there is no lease",
        source: "Open Group, Protocols for Interworking: XNFS, chapter 9",
        alone: true,
        needs: Needs::LockManager,
        run: nlm_cut,
    },
    Probe {
        name: "killed-while-cut",
        rule: "the lock of a process that is killed while its machine is cut off is free when that \
               is back",
        source: "POSIX, fcntl: a process that ends has no locks",
        alone: true,
        needs: Needs::Network,
        run: killed_while_cut,
    },
];

/// Whose lock: all are of the whole file, which each has open as `f`.
#[derive(Clone, Copy)]
pub(super) enum How {
    Process,
    Description,
    Flock,
}

/// Locks or unlocks, and does not wait.
pub(super) fn set(bench: &mut Bench, by: &Hand, how: How, kind: Kind) -> Step<Outcome<()>> {
    match how {
        How::Process => bench.lock(by, "f", kind),
        How::Description => bench.set_lock(by, "f", of_description(whole(kind))),
        How::Flock => bench.flock(by, "f", kind),
    }
}

/// Whether it was granted; another error than that of a refusal ends the probe.
pub(super) fn is_granted<T>(outcome: &Outcome<T>) -> Step<bool> {
    match word(outcome) {
        "ok" => Ok(true),
        "EAGAIN" | "EACCES" => Ok(false),
        other => Err(Stop::Unfit(format!("the lock was answered with {other}"))),
    }
}

/// Asks for an exclusive lock: whether it was granted.
pub(super) fn gets(bench: &mut Bench, by: &Hand, how: How) -> Step<bool> {
    let outcome = set(bench, by, how, Kind::Exclusive)?;
    is_granted(&outcome)
}

/// Asks for it once a second: after how many seconds it was granted, if it was.
pub(super) fn gets_within(
    bench: &mut Bench,
    by: &Hand,
    how: How,
    within: Nanos,
) -> Step<Option<u64>> {
    let begun = bench.now();
    while bench.now().0 < begun.0 + within.0 {
        if gets(bench, by, how)? {
            return Ok(Some(since(bench, begun)));
        }
        bench.seconds(1)?;
    }
    Ok(None)
}

/// Whole seconds since then.
pub(super) fn since(bench: &Bench, begun: Nanos) -> u64 {
    (bench.now().0 - begun.0) / SECOND
}

/// Two leases and half a minute: a server looks for leases that have run out once a lease, and a
/// client that was told to come later waits for longer and longer, up to 15 s.
pub(super) fn long(bench: &Bench) -> Nanos {
    Nanos(bench.lease().0 * 2 + 30 * SECOND)
}

/// A process of the first client that has the lock, and one of the second. Both have the file open
/// for writing before, so that neither client has it delegated.
pub(super) fn held(bench: &mut Bench, how: How) -> Step<(Hand, Hand)> {
    let (holder, other) = bench.two()?;
    bench.open(&holder, "lock", CREATE, "f")?;
    bench.sync_server()?;
    bench.open(&other, "lock", BOTH, "f")?;
    first_gets(bench, &holder, how)?;
    Ok((holder, other))
}

/// Takes a lock that is free.
pub(super) fn first_gets(bench: &mut Bench, by: &Hand, how: How) -> Step<()> {
    match gets(bench, by, how)? {
        true => Ok(()),
        false => Err(Stop::Unfit("a lock that nobody had was refused".into())),
    }
}

/// The holder unlocks, and the other gets the lock.
pub(super) fn hand_over(bench: &mut Bench, from: &Hand, to: &Hand, how: How) -> Step<()> {
    let left = set(bench, from, how, Kind::Unlock)?;
    if left.is_err() {
        return broken(format!("the unlock was answered with {}", word(&left)));
    }
    match gets_within(bench, to, how, Nanos::from_secs(30))? {
        Some(_) => Ok(()),
        None => broken("the lock was not free 30 s after the unlock"),
    }
}

/// write(2), then fsync(2), at which a client has to tell what came of it.
pub(super) fn written(bench: &mut Bench, by: &Hand, text: &str) -> Step<Outcome<()>> {
    let write = bench.try_write(by, "f", text)?;
    match write {
        Ok(()) => bench.fsync(by, "f"),
        error => Ok(error),
    }
}

/// As [`held`], but the holder was cut off, and the other got the lock meanwhile.
fn taken(bench: &mut Bench) -> Step<(Hand, Hand)> {
    let (holder, other) = held(bench, How::Process)?;
    let cut = bench.strike(CUT)?;
    must_get(bench, &other)?;
    bench.end(cut)?;
    Ok((holder, other))
}

/// Gets the lock of one whose lease runs out.
fn must_get(bench: &mut Bench, by: &Hand) -> Step<()> {
    let most = long(bench);
    match gets_within(bench, by, How::Process, most)? {
        Some(_) => Ok(()),
        None => Err(Stop::Unfit(format!("the other has not got the lock within {most}"))),
    }
}

fn lost(bench: &mut Bench, how: How) -> Seen {
    let (_holder, other) = held(bench, how)?;
    bench.strike(CUT)?;
    let (most, lease) = (long(bench), bench.lease().0 / SECOND);
    match gets_within(bench, &other, how, most)? {
        // The lock itself renewed the lease.
        Some(after) if after + 1 < lease => {
            broken(format!("the other got it after {after} s, within the lease"))
        }
        Some(after) => seen(format!("the other got it after {after} s")),
        None => broken(format!("the other has not got it within {most}")),
    }
}

fn lost_to_waiter(bench: &mut Bench) -> Seen {
    let (_holder, other) = held(bench, How::Process)?;
    let ticket = bench.wait_for_lock(&other, "f", whole(Kind::Exclusive))?;
    bench.seconds(1)?;
    if bench.is_answered(ticket)? {
        return broken("it did not wait while the holder was well");
    }
    bench.strike(CUT)?;
    let begun = bench.now();
    // Clients of NFSv4 that wait ask again every 30 s at least.
    let most = Nanos(long(bench).0 + 30 * SECOND);
    match bench.answer(ticket, most)? {
        Some(Ok(_)) => seen(format!("it got it after {} s", since(bench, begun))),
        Some(Err(errno)) => broken(format!("it was answered with {errno}")),
        None => broken(format!("it has not got it within {most}")),
    }
}

fn short_cut(bench: &mut Bench) -> Seen {
    let how = How::Process;
    let (holder, other) = held(bench, how)?;
    let cut = bench.strike(CUT)?;
    let (short, most) = (Nanos(bench.lease().0 / 4), long(bench));
    bench.pass(short)?;
    bench.end(cut)?;
    if let Some(after) = gets_within(bench, &other, how, most)? {
        return broken(format!("the other got it {after} s after the cut of {short}"));
    }
    let write = written(bench, &holder, "mine")?;
    if write.is_err() {
        return broken(format!("the holder's write was answered with {}", word(&write)));
    }
    hand_over(bench, &holder, &other, how)?;
    seen(format!("kept, after a cut of {short}"))
}

/// Linux keeps what a lost client had until somebody else wants it (since 6.0); another server may
/// drop it, but then the client has to notice.
fn nobody_asks(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let cut = bench.strike(CUT)?;
    let away = Nanos(bench.lease().0 * 3);
    bench.pass(away)?;
    bench.end(cut)?;
    let write = written(bench, &holder, "mine")?;
    let is_free = gets(bench, &other, How::Process)?;
    match (word(&write), is_free) {
        ("ok", false) => seen("kept"),
        ("ok", true) => broken("the other got the lock, and the holder writes as before"),
        (errno, true) => seen(format!("dropped: the holder's write is answered with {errno}")),
        (errno, false) => broken(format!(
            "the holder's write is answered with {errno}, and yet the other is refused"
        )),
    }
}

fn lost_write(bench: &mut Bench) -> Seen {
    let (holder, _other) = taken(bench)?;
    let write = written(bench, &holder, "late")?;
    match word(&write) {
        "ok" => broken("write and fsync succeeded, while another has the lock"),
        errno => seen(errno),
    }
}

/// The write is in the client's hands, or on the way, when the cut ends.
fn late_write(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let cut = bench.strike(CUT)?;
    let write = Call::Write { fd: "f".into(), at: Some(0), text: "late".into() };
    bench.begin(&holder, write)?;
    let late = bench.begin(&holder, Call::Fsync { fd: "f".into() })?;
    must_get(bench, &other)?;
    let own = written(bench, &other, "mine")?;
    if own.is_err() {
        return broken(format!("the write of who has the lock: {}", word(&own)));
    }
    bench.end(cut)?;
    let Some(late) = bench.answer(late, RECONNECTED)? else {
        return Err(Stop::Hung("the late fsync".into(), RECONNECTED));
    };
    let server = bench.server()?;
    match bench.text(&server, "lock")? {
        Ok(text) if text == "mine" => seen(format!("the late fsync: {}", word(&late))),
        Ok(text) => broken(format!("the file reads `{text}`; the late fsync: {}", word(&late))),
        Err(errno) => Err(Stop::Unfit(format!("the file cannot be read: {errno}"))),
    }
}

fn late_unlock(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let cut = bench.strike(CUT)?;
    let unlock = Call::Lock { fd: "f".into(), lock: whole(Kind::Unlock), wait: false };
    let late = bench.begin(&holder, unlock)?;
    must_get(bench, &other)?;
    bench.end(cut)?;
    let Some(late) = bench.answer(late, RECONNECTED)? else {
        return Err(Stop::Hung("the late unlock".into(), RECONNECTED));
    };
    bench.seconds(5)?;
    let third = bench.client(0)?;
    bench.open(&third, "lock", BOTH, "f")?;
    match gets(bench, &third, How::Process)? {
        true => broken("a third got the lock that the other has"),
        false => seen(format!("the late unlock: {}; a third is refused", word(&late))),
    }
}

fn lost_refused(bench: &mut Bench) -> Seen {
    let (holder, _other) = taken(bench)?;
    match gets(bench, &holder, How::Process)? {
        true => broken("it was granted the lock that another has"),
        false => seen("refused"),
    }
}

fn lost_again(bench: &mut Bench) -> Seen {
    let how = How::Process;
    let (holder, other) = taken(bench)?;
    let unlock = set(bench, &holder, how, Kind::Unlock)?;
    if unlock.is_err() {
        return broken(format!("its unlock was answered with {}", word(&unlock)));
    }
    if gets(bench, &holder, how)? {
        return broken("it was granted the lock that another has");
    }
    hand_over(bench, &other, &holder, how)?;
    if gets(bench, &other, how)? {
        return broken("both were granted the lock");
    }
    let write = written(bench, &holder, "again")?;
    match word(&write) {
        "ok" => seen("it has it again, and writes"),
        errno => broken(format!("it has it again, but its write is answered with {errno}")),
    }
}

fn crashed(bench: &mut Bench) -> Seen {
    let (_holder, other) = held(bench, How::Process)?;
    bench.strike("{crash: {node: c1}}")?;
    let most = long(bench);
    match gets_within(bench, &other, How::Process, most)? {
        Some(after) => seen(format!("free after {after} s")),
        None => broken(format!("not free after {most}")),
    }
}

/// It is off for 5 s and boots, which takes less time than its lease.
fn crashed_and_back(bench: &mut Bench, within_s: u64) -> Seen {
    let (_holder, other) = held(bench, How::Process)?;
    bench.restart_client(0)?;
    match gets_within(bench, &other, How::Process, Nanos::from_secs(within_s))? {
        Some(after) => seen(format!("free {after} s after its return")),
        None => broken(format!("not free {within_s} s after its return")),
    }
}

fn nlm_crashed(bench: &mut Bench) -> Seen {
    let (_holder, other) = held(bench, How::Process)?;
    bench.strike("{crash: {node: c1}}")?;
    match gets_within(bench, &other, How::Process, Nanos::from_secs(120))? {
        Some(after) => broken(format!("the other got it after {after} s")),
        None => seen("the other is refused for 120 s"),
    }
}

fn nlm_cut(bench: &mut Bench) -> Seen {
    let how = How::Process;
    let (holder, other) = held(bench, how)?;
    let cut = bench.strike(CUT)?;
    if let Some(after) = gets_within(bench, &other, how, Nanos::from_secs(60))? {
        return broken(format!("the other got it after {after} s"));
    }
    bench.end(cut)?;
    if let Some(after) = gets_within(bench, &other, how, Nanos::from_secs(10))? {
        return broken(format!("the other got it {after} s after the cut"));
    }
    hand_over(bench, &holder, &other, how)?;
    seen("the other is refused until the unlock")
}

/// The cut is too short for the lease to run out, so that it must be the unlock that arrives.
fn killed_while_cut(bench: &mut Bench) -> Seen {
    let how = How::Process;
    let (parent, other) = bench.two()?;
    bench.open(&other, "lock", CREATE, "f")?;
    let child = bench.fork(&parent)?;
    bench.open(&child, "lock", BOTH, "f")?;
    first_gets(bench, &child, how)?;
    let cut = bench.strike(CUT)?;
    let kill = Call::Signal { name: child.name.clone(), signal: "SIGKILL".into() };
    bench.must(&parent, kill)?;
    bench.seconds(4)?;
    bench.end(cut)?;
    match gets_within(bench, &other, how, Nanos::from_secs(60))? {
        Some(after) => seen(format!("free {after} s after the cut")),
        None => broken("not free 60 s after the cut"),
    }
}
