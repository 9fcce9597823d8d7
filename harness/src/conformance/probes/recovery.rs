//! Recovery: what becomes of locks, opens and files when the server restarts.

use super::leases::{
    How, first_gets, gets, gets_within, hand_over, held, is_granted, long, set, since, written,
};
use crate::conformance::bench::{BOTH, Bench, CREATE, Step, open, range, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::{Hand, Ticket};
use crate::units::{Nanos, SECOND};
use lockstorm_agent::probe::{Call, Kind};

/// For a call that has to wait until the grace time is over.
const PATIENCE: Nanos = Nanos::from_secs(150);

pub const PROBES: &[Probe] = &[
    Probe {
        name: "restart-keeps-fcntl",
        rule: "a lock of a process outlives a restart of the server",
        source: "RFC 8881, section 8.4.2.1; sm-notify(8)",
        alone: true,
        needs: Needs::Network,
        run: |bench| keeps(bench, How::Process),
    },
    Probe {
        name: "restart-keeps-ofd",
        rule: "a lock of an open file description outlives a restart of the server",
        source: "RFC 8881, section 8.4.2.1; sm-notify(8)",
        alone: true,
        needs: Needs::Network,
        run: |bench| keeps(bench, How::Description),
    },
    Probe {
        name: "restart-keeps-flock",
        rule: "a lock of flock(2) outlives a restart of the server",
        source: "RFC 8881, section 8.4.2.1; flock(2), NFS details",
        alone: true,
        needs: Needs::Network,
        run: |bench| keeps(bench, How::Flock),
    },
    Probe {
        name: "restart-keeps-shared",
        rule: "shared locks of two clients outlive a restart of the server",
        source: "RFC 8881, section 8.4.2.1; sm-notify(8)",
        alone: true,
        needs: Needs::Network,
        run: keeps_shared,
    },
    Probe {
        name: "restart-keeps-ranges",
        rule: "locks of bytes outlive a restart of the server, and no others than these bytes are \
               locked",
        source: "RFC 8881, section 8.4.2.1; sm-notify(8)",
        alone: true,
        needs: Needs::Network,
        run: keeps_ranges,
    },
    Probe {
        name: "restart-keeps-delegated",
        rule: "the lock of a client which alone has the file open outlives a restart of the server",
        source: "RFC 8881, sections 8.4.2.1 and 10.2.1",
        alone: true,
        needs: Needs::Network,
        run: keeps_delegated,
    },
    Probe {
        name: "two-restarts",
        rule: "a lock outlives two restarts of the server, one in the grace time of the other",
        source: "RFC 8881, sections 8.4.2.1 and 8.4.3",
        alone: true,
        needs: Needs::Network,
        run: two_restarts,
    },
    Probe {
        name: "nfsd-restart",
        rule: "a lock outlives a restart of the NFS server alone, while its machine goes on",
        source: "RFC 8881, section 8.4.2.1; rpc.nfsd(8)",
        alone: true,
        needs: Needs::Network,
        run: nfsd_restart,
    },
    Probe {
        name: "grace-lock-refused",
        rule: "who asks in the grace time for a lock that another holds is not granted it",
        source: "RFC 8881, section 8.4.2.1; RFC 7530, section 9.6.2",
        alone: true,
        needs: Needs::Network,
        run: grace_lock,
    },
    Probe {
        name: "grace-open-lock-refused",
        rule: "who opens a file in the grace time is not granted a lock that another holds on it",
        source: "RFC 8881, sections 8.4.2.1 and 10.2.1",
        alone: true,
        needs: Needs::Network,
        run: grace_open_lock,
    },
    Probe {
        name: "grace-cut-holder",
        rule: "the lock of a holder that is cut off goes to another after the grace time, not in \
               it, and the holder has not got it as well",
        source: "RFC 8881, sections 8.4.2.1 and 8.4.3",
        alone: true,
        needs: Needs::Network,
        run: cut_holder,
    },
    Probe {
        name: "grace-ends",
        rule: "the grace time ends, and a lock that nobody had is granted",
        source: "RFC 8881, section 8.4.2.1",
        alone: true,
        needs: Needs::Network,
        run: grace_ends,
    },
    Probe {
        name: "grace-mkdir",
        rule: "mkdir(2) and stat(2) do not wait for the end of the grace time",
        source: "RFC 8881, section 8.4.2.1: what is neither I/O nor locking is not refused",
        alone: true,
        needs: Needs::Network,
        run: grace_mkdir,
    },
    Probe {
        name: "grace-unlock",
        rule: "a lock that is unlocked in the grace time is free when that is over",
        source: "RFC 8881, sections 8.4.2.1 and 18.12",
        alone: true,
        needs: Needs::Network,
        run: grace_unlock,
    },
    Probe {
        name: "restart-waiter",
        rule: "one that waits for a lock while the server restarts gets it after the unlock, not \
               before",
        source: "RFC 8881, section 8.4.2.1; POSIX, fcntl, F_SETLKW",
        alone: true,
        needs: Needs::Network,
        run: waiter,
    },
    Probe {
        name: "restart-holder-writes",
        rule: "a process that has a lock writes on after a restart of the server",
        source: "nfs(5), hard; RFC 8881, section 8.4.2.1",
        alone: true,
        needs: Needs::Network,
        run: holder_writes,
    },
    Probe {
        name: "crash-after-fsync",
        rule: "what fsync(2) has answered for is there after the server has lost power",
        source: "POSIX, fsync; RFC 8881, section 18.3",
        alone: true,
        needs: Needs::Network,
        run: after_fsync,
    },
    Probe {
        name: "crash-after-names",
        rule: "names that were made, changed and removed are so after the server has lost power",
        source: "RFC 1813, section 3; exports(5), sync",
        alone: true,
        needs: Needs::Network,
        run: after_names,
    },
];

/// Until the grace time is over, and everybody has noticed.
fn after_grace(bench: &mut Bench) -> Step<()> {
    let time = Nanos(bench.lease().0 + 15 * SECOND);
    bench.pass(time)
}

/// After a restart, and the grace time: the other is refused, until the holder unlocks.
fn still_held(bench: &mut Bench, holder: &Hand, other: &Hand, how: How) -> Seen {
    if gets(bench, other, how)? {
        return both(bench, holder);
    }
    let write = written(bench, holder, "mine")?;
    if write.is_err() {
        return broken(format!("the holder's write was answered with {}", word(&write)));
    }
    hand_over(bench, holder, other, how)?;
    seen("refused, until the holder unlocks")
}

/// The other was granted the lock: whether the holder knows.
fn both(bench: &mut Bench, holder: &Hand) -> Seen {
    let write = written(bench, holder, "mine")?;
    match word(&write) {
        "ok" => broken("two hold it: the other got it, and the holder writes as before"),
        errno => {
            broken(format!("the other got it, and the holder's write is answered with {errno}"))
        }
    }
}

/// A lock that another holds was asked for in the grace time: it is refused in the end.
fn refused_in_the_end(bench: &mut Bench, holder: &Hand, ticket: Ticket) -> Seen {
    let begun = bench.now();
    let Some(answer) = bench.answer(ticket, PATIENCE)? else {
        return Err(Stop::Hung("the lock".into(), PATIENCE));
    };
    match is_granted(&answer)? {
        true => both(bench, holder),
        false => seen(format!("refused after {} s", since(bench, begun))),
    }
}

/// F_SETLK of an exclusive lock.
fn set_lock() -> Call {
    Call::Lock { fd: "f".into(), lock: whole(Kind::Exclusive), wait: false }
}

fn keeps(bench: &mut Bench, how: How) -> Seen {
    let (holder, other) = held(bench, how)?;
    bench.restart_server()?;
    after_grace(bench)?;
    still_held(bench, &holder, &other, how)
}

/// Each lock of the two is tried by the conversion of the other one, which it alone is in the way
/// of.
fn keeps_shared(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "lock", CREATE, "f")?;
    bench.sync_server()?;
    bench.open(&other, "lock", BOTH, "f")?;
    for hand in [&one, &other] {
        let shared = bench.lock(hand, "f", Kind::Shared)?;
        if shared.is_err() {
            return broken(format!("a shared lock was answered with {}", word(&shared)));
        }
    }
    bench.restart_server()?;
    after_grace(bench)?;
    for (who, hand) in [("the first", &one), ("the second", &other)] {
        if gets(bench, hand, How::Process)? {
            return broken(format!("{who} got an exclusive lock beside the other's shared one"));
        }
    }
    hand_over(bench, &one, &other, How::Process)?;
    seen("both are there")
}

fn keeps_ranges(bench: &mut Bench) -> Seen {
    let (holder, other) = bench.two()?;
    bench.open(&holder, "lock", CREATE, "f")?;
    bench.sync_server()?;
    bench.open(&other, "lock", BOTH, "f")?;
    for start in [0, 20] {
        let lock = bench.set_lock(&holder, "f", range(Kind::Exclusive, start, 10))?;
        if lock.is_err() {
            return broken(format!("a lock that nobody had was answered with {}", word(&lock)));
        }
    }
    bench.restart_server()?;
    after_grace(bench)?;
    let mut got = Vec::new();
    for start in [0, 10, 20, 30] {
        let lock = bench.set_lock(&other, "f", range(Kind::Exclusive, start, 10))?;
        if is_granted(&lock)? {
            got.push(start);
        }
    }
    match got == [10, 30] {
        true => seen("bytes 0 to 9 and 20 to 29"),
        false => broken(format!("of the tens 0, 10, 20 and 30, the other got {got:?}")),
    }
}

/// Where the server delegates files, it does not know of this lock before the file is recalled.
fn keeps_delegated(bench: &mut Bench) -> Seen {
    let (holder, other) = bench.two()?;
    bench.open(&holder, "lock", CREATE, "f")?;
    bench.sync_server()?;
    first_gets(bench, &holder, How::Process)?;
    bench.restart_server()?;
    after_grace(bench)?;
    bench.open(&other, "lock", BOTH, "f")?;
    still_held(bench, &holder, &other, How::Process)
}

fn two_restarts(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    bench.restart_server()?;
    bench.seconds(3)?;
    bench.restart_server()?;
    after_grace(bench)?;
    still_held(bench, &holder, &other, How::Process)
}

/// Clients of NFSv3 hear of restarts from the status monitor of the server's machine, which has
/// nothing to tell here.
fn nfsd_restart(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let stopped = bench.strike("{nfsd: {}}")?;
    bench.seconds(5)?;
    bench.end(stopped)?;
    after_grace(bench)?;
    match still_held(bench, &holder, &other, How::Process) {
        Err(Stop::Broken(what)) if bench.is_nfs3() => {
            broken(format!("NLM: after nfsd was restarted, {what}"))
        }
        outcome => outcome,
    }
}

fn grace_lock(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    bench.restart_server()?;
    let ticket = bench.begin(&other, set_lock())?;
    refused_in_the_end(bench, &holder, ticket)
}

fn grace_open_lock(bench: &mut Bench) -> Seen {
    let (holder, other) = bench.two()?;
    bench.open(&holder, "lock", CREATE, "f")?;
    bench.sync_server()?;
    first_gets(bench, &holder, How::Process)?;
    bench.restart_server()?;
    bench.begin(&other, open("lock", BOTH, "f"))?;
    let ticket = bench.begin(&other, set_lock())?;
    refused_in_the_end(bench, &holder, ticket)
}

/// Since the holder's client cannot tell that it has reclaimed everything, the grace time is not
/// cut short. The server is known to be back only a little after it began.
fn cut_holder(bench: &mut Bench) -> Seen {
    let how = How::Process;
    let (holder, other) = held(bench, how)?;
    let cut = bench.strike("{cut: {node: c1}}")?;
    bench.restart_server()?;
    let (grace, most) = (bench.lease().0 / SECOND, long(bench));
    let Some(after) = gets_within(bench, &other, how, most)? else {
        return broken(format!("the other has not got it {most} after the server's return"));
    };
    if after + 5 < grace {
        return broken(format!("the other got it {after} s after the server's return"));
    }
    bench.end(cut)?;
    let write = written(bench, &holder, "late")?;
    let words = format!("granted after {after} s; a write of the holder: {}", word(&write));
    match gets(bench, &holder, how)? {
        true => broken(format!("two hold it: {words}")),
        false => seen(words),
    }
}

fn grace_ends(bench: &mut Bench) -> Seen {
    let (_holder, other) = held(bench, How::Process)?;
    bench.open(&other, "free", CREATE, "free")?;
    bench.restart_server()?;
    let begun = bench.now();
    let lock = Call::Lock { fd: "free".into(), lock: whole(Kind::Exclusive), wait: false };
    let ticket = bench.begin(&other, lock)?;
    let most = long(bench);
    match bench.answer(ticket, most)? {
        Some(Ok(_)) => seen(format!("granted {} s after the server's return", since(bench, begun))),
        Some(Err(errno)) => broken(format!("it was answered with {errno}")),
        None => broken(format!("not granted {most} after the server's return")),
    }
}

/// An open waits beside, to tell how long the grace time is. Until the client has a connection
/// again, some seconds pass.
fn grace_mkdir(bench: &mut Bench) -> Seen {
    let (_holder, other) = held(bench, How::Process)?;
    let opener = bench.client(1)?;
    bench.restart_server()?;
    let begun = bench.now();
    let opened = bench.begin(&opener, open("new", CREATE, "new"))?;
    let made = bench.try_mkdir(&other, "made")?;
    let found = bench.stat(&other, "made")?;
    let after = since(bench, begun);
    if made.is_err() || found.is_err() {
        return broken(format!("mkdir: {}; stat: {}", word(&made), word(&found)));
    }
    // How long a client takes to be connected again, no standard says.
    if after > 60 {
        return broken(format!("mkdir and stat took {after} s"));
    }
    match bench.answer(opened, PATIENCE)? {
        Some(Ok(_)) => {
            seen(format!("mkdir and stat took {after} s, an open {} s", since(bench, begun)))
        }
        Some(Err(errno)) => broken(format!("an open was answered with {errno}")),
        None => Err(Stop::Hung("an open".into(), PATIENCE)),
    }
}

fn grace_unlock(bench: &mut Bench) -> Seen {
    let how = How::Process;
    let (holder, other) = held(bench, how)?;
    bench.restart_server()?;
    let unlock = set(bench, &holder, how, Kind::Unlock)?;
    if unlock.is_err() {
        return broken(format!("the unlock was answered with {}", word(&unlock)));
    }
    let most = long(bench);
    match gets_within(bench, &other, how, most)? {
        Some(after) => seen(format!("the other got it {after} s after the unlock")),
        None => broken(format!("not free {most} after the unlock")),
    }
}

fn waiter(bench: &mut Bench) -> Seen {
    let (holder, other) = held(bench, How::Process)?;
    let ticket = bench.wait_for_lock(&other, "f", whole(Kind::Exclusive))?;
    bench.seconds(2)?;
    bench.restart_server()?;
    after_grace(bench)?;
    if bench.is_answered(ticket)? {
        return broken("the wait ended while the holder had the lock");
    }
    let unlock = set(bench, &holder, How::Process, Kind::Unlock)?;
    if unlock.is_err() {
        return broken(format!("the unlock was answered with {}", word(&unlock)));
    }
    let begun = bench.now();
    match bench.answer(ticket, Nanos::from_secs(90))? {
        Some(Ok(_)) => seen(format!("it got it {} s after the unlock", since(bench, begun))),
        Some(Err(errno)) => broken(format!("the wait was answered with {errno}")),
        None => broken("it has not got it 90 s after the unlock"),
    }
}

fn holder_writes(bench: &mut Bench) -> Seen {
    let (holder, _other) = held(bench, How::Process)?;
    let before = written(bench, &holder, "one ")?;
    bench.restart_server()?;
    let after = written(bench, &holder, "two")?;
    if before.is_err() || after.is_err() {
        return broken(format!("the writes: {} and {}", word(&before), word(&after)));
    }
    let server = bench.server()?;
    match bench.text(&server, "lock")? {
        Ok(text) if text == "one two" => seen("both writes are there"),
        other => broken(format!("the file reads {other:?}")),
    }
}

fn after_fsync(bench: &mut Bench) -> Seen {
    let writer = bench.client(0)?;
    bench.open(&writer, "file", CREATE, "f")?;
    let write = written(bench, &writer, "on disk")?;
    if write.is_err() {
        return broken(format!("write and fsync: {}", word(&write)));
    }
    bench.restart_server()?;
    let server = bench.server()?;
    match bench.text(&server, "file")? {
        Ok(text) if text == "on disk" => seen("it is there"),
        other => broken(format!("the file reads {other:?}")),
    }
}

/// Not one of them waits for fsync(2): a server answers such a call when it is done for good.
fn after_names(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    for name in ["old", "gone"] {
        bench.touch(&one, name)?;
    }
    bench.seconds(30)?;
    bench.touch(&one, "made")?;
    let renamed = bench.rename(&one, "old", "new")?;
    let unlinked = bench.unlink(&one, "gone")?;
    if renamed.is_err() || unlinked.is_err() {
        let words = format!("rename: {}; unlink: {}", word(&renamed), word(&unlinked));
        return Err(Stop::Unfit(words));
    }
    bench.restart_server()?;
    let server = bench.server()?;
    let names = bench.list(&server, ".")?;
    match names == ["made", "new"] {
        true => seen("all are"),
        false => broken(format!("the names are {}", names.join(", "))),
    }
}
