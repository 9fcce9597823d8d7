//! Whose a byte-range lock is: of a process (POSIX) or of an open file description (OFD), who may
//! take it, what drops it, and what F_GETLK tells.

use super::locks::{gets, is_refused, two_on_a_file};
use crate::conformance::bench::{
    BOTH, Bench, CREATE, READ, Step, WRITE, of_description, range, whole, word,
};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::Kind::{Exclusive, Shared, Unlock};
use lockstorm_agent::probe::{Call, Kind, Lock};

pub const PROBES: &[Probe] = &[
    Probe {
        name: "lock-write-needs-write",
        rule: "a descriptor that is open for reading alone takes no F_WRLCK: EBADF",
        source: "POSIX, fcntl, EBADF; fcntl(2), F_SETLK",
        alone: false,
        needs: Needs::Nothing,
        run: write_needs_write,
    },
    Probe {
        name: "lock-read-needs-read",
        rule: "a descriptor that is open for writing alone takes no F_RDLCK: EBADF",
        source: "POSIX, fcntl, EBADF; fcntl(2), F_SETLK",
        alone: false,
        needs: Needs::Nothing,
        run: read_needs_read,
    },
    Probe {
        name: "lock-two-descriptors",
        rule: "two descriptors of one process do not shut each other out",
        source: "POSIX, fcntl; fcntl(2), advisory record locking",
        alone: false,
        needs: Needs::Nothing,
        run: two_descriptors,
    },
    Probe {
        name: "lock-close-drops",
        rule: "the close of any descriptor of the file drops the locks of the process",
        source: "POSIX, fcntl, F_SETLK; close(2)",
        alone: false,
        needs: Needs::Nothing,
        run: close_drops,
    },
    Probe {
        name: "lock-close-dup-drops",
        rule: "the close of a copy of the descriptor drops the locks of the process",
        source: "POSIX, fcntl, F_SETLK; dup(2)",
        alone: false,
        needs: Needs::Nothing,
        run: close_dup_drops,
    },
    Probe {
        name: "lock-fork",
        rule: "a child does not inherit its parent's locks, and its close does not drop them",
        source: "POSIX, fork; fcntl(2), advisory record locking",
        alone: false,
        needs: Needs::Nothing,
        run: fork,
    },
    Probe {
        name: "lock-exit",
        rule: "the locks of a process that exits are gone within a second, for the other client \
               too",
        source: "POSIX, fcntl, F_SETLK; fcntl(2)",
        alone: false,
        needs: Needs::Nothing,
        run: exit,
    },
    Probe {
        name: "lock-threads",
        rule: "threads of a process have the same locks",
        source: "fcntl(2), advisory record locking",
        alone: false,
        needs: Needs::Nothing,
        run: threads,
    },
    Probe {
        name: "ofd-exclusive",
        rule: "OFD locks of two clients shut each other out, and POSIX locks too",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: ofd_exclusive,
    },
    Probe {
        name: "ofd-two-descriptors",
        rule: "two open file descriptions of one process shut each other out",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: ofd_two_descriptors,
    },
    Probe {
        name: "ofd-against-posix",
        rule: "an OFD lock shuts out a POSIX lock of the same process",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: ofd_against_posix,
    },
    Probe {
        name: "ofd-close-other",
        rule: "the close of another description of the file does not drop an OFD lock",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: ofd_close_other,
    },
    Probe {
        name: "ofd-close-dup",
        rule: "an OFD lock stays until the last copy of its descriptor is closed",
        source: "fcntl(2), open file description locks; dup(2)",
        alone: false,
        needs: Needs::Nothing,
        run: ofd_close_dup,
    },
    Probe {
        name: "ofd-fork",
        rule: "a child has the OFD lock of its parent with it: it keeps it, and may release it",
        source: "fcntl(2), open file description locks; fork(2)",
        alone: false,
        needs: Needs::Nothing,
        run: ofd_fork,
    },
    Probe {
        name: "getlk-tells",
        rule: "F_GETLK tells the kind and the bytes of what another client has",
        source: "POSIX, fcntl, F_GETLK; RFC 8881, section 18.11",
        alone: false,
        needs: Needs::Nothing,
        run: getlk_tells,
    },
    Probe {
        name: "getlk-process",
        rule: "F_GETLK tells the process of a lock of the same machine",
        source: "POSIX, fcntl, F_GETLK",
        alone: false,
        needs: Needs::Nothing,
        run: getlk_process,
    },
    Probe {
        name: "getlk-free",
        rule: "F_GETLK tells F_UNLCK where the lock could be had: free, shared, or other bytes",
        source: "POSIX, fcntl, F_GETLK; RFC 8881, section 18.11",
        alone: false,
        needs: Needs::Nothing,
        run: getlk_free,
    },
    Probe {
        name: "getlk-own",
        rule: "a lock of its own is not in the way of a process",
        source: "POSIX, fcntl, F_GETLK; RFC 8881, section 18.11",
        alone: false,
        needs: Needs::Nothing,
        run: getlk_own,
    },
    Probe {
        name: "getlk-ofd",
        rule: "the process of an OFD lock of the same machine is -1",
        source: "fcntl(2), F_OFD_GETLK",
        alone: false,
        needs: Needs::Nothing,
        run: getlk_ofd,
    },
];

/// An OFD lock on the whole file.
pub(super) fn ofd(kind: Kind) -> Lock {
    of_description(whole(kind))
}

/// dup(2) of "f", as "copy".
pub(super) fn copy(bench: &mut Bench, by: &Hand) -> Step<()> {
    bench.must(by, Call::Dup { fd: "f".into(), name: "copy".into() }).map(drop)
}

fn write_needs_write(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "f")?;
    bench.open(&one, "f", READ, "f")?;
    let outcome = bench.set_lock(&one, "f", whole(Exclusive))?;
    if word(&outcome) != "EBADF" {
        return broken(word(&outcome));
    }
    gets(bench, &one, whole(Shared), "a shared lock")?;
    seen("EBADF; shared ok")
}

fn read_needs_read(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "f")?;
    bench.open(&one, "f", WRITE, "f")?;
    let outcome = bench.set_lock(&one, "f", whole(Shared))?;
    if word(&outcome) != "EBADF" {
        return broken(word(&outcome));
    }
    gets(bench, &one, whole(Exclusive), "an exclusive lock")?;
    seen("EBADF; exclusive ok")
}

fn two_descriptors(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&one, "f", BOTH, "again")?;
    gets(bench, &one, whole(Exclusive), "the first descriptor")?;
    let second = bench.lock(&one, "again", Exclusive)?;
    if second.is_err() {
        return broken(format!("the second descriptor: {}", word(&second)));
    }
    let unlock = bench.lock(&one, "again", Unlock)?;
    if unlock.is_err() {
        return broken(format!("the unlock by the second: {}", word(&unlock)));
    }
    gets(bench, &other, whole(Exclusive), "after the unlock by the second descriptor")?;
    seen("ok; either one unlocks")
}

fn close_drops(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&one, "f", READ, "again")?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    is_refused(bench, &other, whole(Exclusive), "before the close")?;
    bench.close(&one, "again")?;
    gets(bench, &other, whole(Exclusive), "after the close of another descriptor")?;
    seen("dropped")
}

fn close_dup_drops(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    copy(bench, &one)?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    is_refused(bench, &other, whole(Exclusive), "before the close")?;
    bench.close(&one, "copy")?;
    gets(bench, &other, whole(Exclusive), "after the close of the copy")?;
    seen("dropped")
}

fn fork(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the parent")?;
    let child = bench.fork(&one)?;
    let errno = is_refused(bench, &child, whole(Exclusive), "the child")?;
    bench.close(&child, "f")?;
    is_refused(bench, &other, whole(Exclusive), "the other after the child's close")?;
    gets(bench, &one, whole(Unlock), "the parent's unlock")?;
    gets(bench, &other, whole(Exclusive), "the other after the unlock")?;
    seen(format!("{errno} for the child"))
}

fn exit(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 0, 10), "the first")?;
    gets(bench, &one, range(Shared, 20, 10), "another range")?;
    is_refused(bench, &other, whole(Exclusive), "before the exit")?;
    bench.exit(&one)?;
    // It says so before it does so.
    bench.seconds(1)?;
    gets(bench, &other, whole(Exclusive), "a second after the exit")?;
    seen("dropped")
}

fn threads(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let thread = bench.thread(&one)?;
    gets(bench, &one, whole(Exclusive), "the process")?;
    gets(bench, &thread, whole(Exclusive), "its thread")?;
    is_refused(bench, &other, whole(Exclusive), "the other")?;
    gets(bench, &thread, whole(Unlock), "the thread's unlock")?;
    gets(bench, &other, whole(Exclusive), "after the thread's unlock")?;
    seen("ok; the thread unlocks")
}

fn ofd_exclusive(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, ofd(Exclusive), "the first")?;
    let errno = is_refused(bench, &other, ofd(Exclusive), "an OFD lock of the other")?;
    is_refused(bench, &other, ofd(Shared), "a shared OFD lock of the other")?;
    is_refused(bench, &other, whole(Exclusive), "a POSIX lock of the other")?;
    gets(bench, &one, ofd(Unlock), "the unlock")?;
    gets(bench, &other, whole(Exclusive), "a POSIX lock after the unlock")?;
    is_refused(bench, &one, ofd(Exclusive), "an OFD lock beside a POSIX lock")?;
    seen(errno)
}

fn ofd_two_descriptors(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&one, "f", BOTH, "again")?;
    gets(bench, &one, ofd(Exclusive), "the first descriptor")?;
    let second = bench.set_lock(&one, "again", ofd(Exclusive))?;
    match word(&second) {
        "EAGAIN" => seen("EAGAIN"),
        other => broken(format!("the second descriptor: {other}")),
    }
}

fn ofd_against_posix(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    gets(bench, &one, ofd(Exclusive), "the OFD lock")?;
    let errno = is_refused(bench, &one, whole(Exclusive), "a POSIX lock by the same descriptor")?;
    gets(bench, &one, ofd(Unlock), "the unlock")?;
    gets(bench, &one, whole(Exclusive), "a POSIX lock after the unlock")?;
    is_refused(bench, &one, ofd(Exclusive), "an OFD lock beside it")?;
    seen(errno)
}

fn ofd_close_other(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&one, "f", READ, "again")?;
    gets(bench, &one, ofd(Exclusive), "the first")?;
    bench.close(&one, "again")?;
    let errno = is_refused(bench, &other, ofd(Exclusive), "after the close of another")?;
    bench.close(&one, "f")?;
    gets(bench, &other, ofd(Exclusive), "after the close of its own")?;
    seen(format!("kept: {errno}"))
}

fn ofd_close_dup(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    copy(bench, &one)?;
    gets(bench, &one, ofd(Exclusive), "the first")?;
    bench.close(&one, "f")?;
    let errno = is_refused(bench, &other, ofd(Exclusive), "while there is a copy")?;
    bench.close(&one, "copy")?;
    gets(bench, &other, ofd(Exclusive), "after the close of the last copy")?;
    seen(format!("kept until the last: {errno}"))
}

fn ofd_fork(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, ofd(Exclusive), "the parent")?;
    let child = bench.fork(&one)?;
    gets(bench, &child, ofd(Exclusive), "the child, which has it too")?;
    bench.close(&one, "f")?;
    let errno = is_refused(bench, &other, ofd(Exclusive), "while the child has it open")?;
    gets(bench, &child, ofd(Unlock), "the child's unlock")?;
    gets(bench, &other, ofd(Exclusive), "after the child's unlock")?;
    seen(format!("the child keeps it: {errno}"))
}

fn getlk_tells(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 10, 5), "the exclusive one")?;
    gets(bench, &one, range(Shared, 30, 0), "the shared one")?;
    let mut pid: i32 = 0;
    for wanted in [range(Exclusive, 10, 5), range(Shared, 30, 0)] {
        // Part of the bytes is asked for; all are told.
        let asked = range(Exclusive, wanted.start + 1, 1);
        let Some((lock, process)) = bench.test_lock(&other, "f", asked)? else {
            return broken(format!("nothing in the way, but there is {wanted:?}"));
        };
        let told = (lock.kind, lock.start, lock.length);
        if told != (wanted.kind, wanted.start, wanted.length) {
            return broken(format!("{told:?} for {wanted:?}"));
        }
        pid = process;
    }
    // A number of another machine means nothing here: any will do.
    match pid.signum() {
        1 => seen("kind and bytes; l_pid above 0"),
        0 => seen("kind and bytes; l_pid 0"),
        _ => seen("kind and bytes; l_pid below 0"),
    }
}

fn getlk_process(bench: &mut Bench) -> Seen {
    let (one, second) = (bench.client(0)?, bench.client(0)?);
    let third = bench.client(0)?;
    let mut pids = Vec::new();
    for (hand, at) in [(&one, 0), (&second, 10)] {
        bench.open(hand, "f", CREATE, "f")?;
        gets(bench, hand, range(Exclusive, at, 10), "one of two")?;
    }
    bench.open(&third, "f", BOTH, "f")?;
    for at in [0, 10] {
        let found = bench.test_lock(&third, "f", range(Exclusive, at, 1))?;
        pids.push(found.map(|(_, pid)| pid));
    }
    match pids[..] {
        [Some(first), Some(second)] if first > 0 && second > 0 && first != second => {
            seen("the number of each process")
        }
        _ => broken(format!("l_pid of two processes: {pids:?}")),
    }
}

fn getlk_free(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let free = bench.test_lock(&other, "f", whole(Exclusive))?;
    gets(bench, &one, range(Shared, 0, 10), "the shared one")?;
    let beside = bench.test_lock(&other, "f", range(Shared, 0, 10))?;
    let behind = bench.test_lock(&other, "f", range(Exclusive, 10, 0))?;
    let within = bench.test_lock(&other, "f", range(Exclusive, 9, 0))?;
    match (free, beside, behind, within) {
        (None, None, None, Some(_)) => seen("F_UNLCK"),
        (_, _, _, None) => broken("nothing in the way of exclusive, but another shares"),
        (free, beside, behind, _) => {
            broken(format!("free: {free:?}; shared: {beside:?}; other bytes: {behind:?}"))
        }
    }
}

fn getlk_own(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    let own = bench.test_lock(&one, "f", whole(Exclusive))?;
    let others = bench.test_lock(&other, "f", whole(Exclusive))?;
    match (own, others) {
        (None, Some(_)) => seen("F_UNLCK"),
        (own, others) => broken(format!("own: {own:?}; the other is told {others:?}")),
    }
}

fn getlk_ofd(bench: &mut Bench) -> Seen {
    let (one, second) = (bench.client(0)?, bench.client(0)?);
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&second, "f", BOTH, "f")?;
    gets(bench, &one, of_description(range(Exclusive, 10, 5)), "the first")?;
    for asked in [ofd(Exclusive), whole(Exclusive)] {
        let Some((lock, pid)) = bench.test_lock(&second, "f", asked)? else {
            return broken("nothing in the way");
        };
        if (pid, lock.start, lock.length) != (-1, 10, 5) {
            return broken(format!("l_pid {pid}, {} bytes from {}", lock.length, lock.start));
        }
    }
    seen("l_pid -1")
}
