//! Byte-range locks of fcntl(2): whom they shut out, on which bytes, and of which file.

use crate::conformance::bench::{BOTH, Bench, CREATE, Step, range, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::Kind::{Exclusive, Shared, Unlock};
use lockstorm_agent::probe::{Call, Lock, Rename};

/// How many ranges one owner has.
const RANGES: i64 = 100;
/// How many times a lock goes from one client to the other.
const TURNS: usize = 10;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "lock-exclusive",
        rule: "an exclusive lock shuts out every lock of another client until it is released",
        source: "POSIX, fcntl, F_SETLK; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: exclusive,
    },
    Probe {
        name: "lock-shared",
        rule: "two clients have shared locks on the same bytes, and a third process no exclusive \
               one",
        source: "POSIX, fcntl, F_RDLCK; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: shared,
    },
    Probe {
        name: "lock-ranges-touch",
        rule: "locks on bytes that only touch, or lie apart, do not meet",
        source: "POSIX, fcntl; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: touch,
    },
    Probe {
        name: "lock-ranges-overlap",
        rule: "two exclusive locks that have one byte in common shut each other out",
        source: "POSIX, fcntl; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: overlap,
    },
    Probe {
        name: "lock-to-end",
        rule: "a lock of length 0 covers what the file grows by, but not what lies before its \
               start",
        source: "POSIX, fcntl, l_len",
        alone: false,
        needs: Needs::Nothing,
        run: to_end,
    },
    Probe {
        name: "lock-beyond-end",
        rule: "bytes beyond the end of the file can be locked",
        source: "POSIX, fcntl, advisory locks; fcntl(2)",
        alone: false,
        needs: Needs::Nothing,
        run: beyond_end,
    },
    Probe {
        name: "lock-at-2-62",
        rule: "a single byte at offset 2^62 can be locked, and its neighbour is free",
        source: "POSIX, fcntl, l_start; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: far,
    },
    Probe {
        name: "lock-last-byte",
        rule: "the last byte that an offset can name is locked, or refused as too far",
        source: "POSIX, fcntl, EOVERFLOW, EINVAL",
        alone: false,
        needs: Needs::Nothing,
        run: last_byte,
    },
    Probe {
        name: "lock-too-far",
        rule: "a range that reaches beyond the largest offset is EOVERFLOW, or EINVAL",
        source: "POSIX, fcntl, EOVERFLOW, EINVAL",
        alone: false,
        needs: Needs::Nothing,
        run: too_far,
    },
    Probe {
        name: "lock-start-negative",
        rule: "a range that starts before the begin of the file is EINVAL",
        source: "fcntl(2); POSIX, fcntl, EINVAL",
        alone: false,
        needs: Needs::Nothing,
        run: start_negative,
    },
    Probe {
        name: "lock-length-negative",
        rule: "a negative length locks the bytes before the start",
        source: "POSIX, fcntl, l_len; fcntl(2)",
        alone: false,
        needs: Needs::Nothing,
        run: length_negative,
    },
    Probe {
        name: "lock-upgrade-alone",
        rule: "a shared lock that nobody shares becomes exclusive",
        source: "POSIX, fcntl; RFC 8881, section 9.3",
        alone: false,
        needs: Needs::Nothing,
        run: upgrade_alone,
    },
    Probe {
        name: "lock-upgrade-shared",
        rule: "a shared lock that another shares does not become exclusive, and is kept",
        source: "POSIX, fcntl; RFC 8881, section 9.3",
        alone: false,
        needs: Needs::Nothing,
        run: upgrade_shared,
    },
    Probe {
        name: "lock-downgrade",
        rule: "an exclusive lock that becomes shared lets others share, and no one write",
        source: "POSIX, fcntl; RFC 8881, section 9.3",
        alone: false,
        needs: Needs::Nothing,
        run: downgrade,
    },
    Probe {
        name: "lock-split",
        rule: "an unlock in the middle of a range frees these bytes, and leaves both sides locked",
        source: "POSIX, fcntl, F_UNLCK; fcntl(2)",
        alone: false,
        needs: Needs::Nothing,
        run: split,
    },
    Probe {
        name: "lock-merge",
        rule: "two locks side by side shut out as one does; F_GETLK may tell one range or a part",
        source: "POSIX, fcntl, F_GETLK; fcntl(2)",
        alone: false,
        needs: Needs::Nothing,
        run: merge,
    },
    Probe {
        name: "lock-again",
        rule: "an owner gets a lock that it has, and an unlock of what is not locked succeeds",
        source: "POSIX, fcntl; RFC 8881, section 18.12",
        alone: false,
        needs: Needs::Nothing,
        run: again,
    },
    Probe {
        name: "lock-many-ranges",
        rule: "each of 100 ranges of one owner shuts others out, and each gap is free",
        source: "POSIX, fcntl; RFC 8881, section 18.10",
        alone: false,
        needs: Needs::Nothing,
        run: many,
    },
    Probe {
        name: "lock-two-files",
        rule: "locks of different files do not meet",
        source: "POSIX, fcntl",
        alone: false,
        needs: Needs::Nothing,
        run: two_files,
    },
    Probe {
        name: "lock-hard-link",
        rule: "a lock is of the file: it shuts out whoever opens it by another name",
        source: "POSIX, fcntl; link(2)",
        alone: false,
        needs: Needs::Nothing,
        run: hard_link,
    },
    Probe {
        name: "lock-after-rename",
        rule: "a lock stays when the file is renamed",
        source: "POSIX, fcntl; rename(2)",
        alone: false,
        needs: Needs::Nothing,
        run: after_rename,
    },
    Probe {
        name: "lock-after-unlink",
        rule: "a lock stays when the last name of the file is removed",
        source: "POSIX, fcntl; unlink(2)",
        alone: false,
        needs: Needs::Nothing,
        run: after_unlink,
    },
    Probe {
        name: "lock-handover",
        rule: "a lock that one client has released is there for the other at once, without waiting",
        source: "POSIX, fcntl, F_SETLK; RFC 8881, section 10.4.4",
        alone: false,
        needs: Needs::Nothing,
        run: handover,
    },
    Probe {
        name: "lock-before-open",
        rule: "a lock shuts out a client that opens the file later, also where a delegation hid it",
        source: "RFC 8881, sections 10.4.2 and 10.4.4; POSIX, fcntl",
        alone: false,
        needs: Needs::Nothing,
        run: before_open,
    },
    Probe {
        name: "lock-against-server",
        rule: "locks of a client and of a process on the server shut each other out",
        source: "POSIX, fcntl, F_SETLK",
        alone: false,
        needs: Needs::Network,
        run: against_server,
    },
];

/// A process on each client, with one new file open as "f" for reading and writing.
pub(super) fn two_on_a_file(bench: &mut Bench) -> Step<(Hand, Hand)> {
    let (one, other) = bench.two()?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    Ok((one, other))
}

/// A lock of "f" that must be had, or given up; `what` says which one.
pub(super) fn gets(bench: &mut Bench, by: &Hand, lock: Lock, what: &str) -> Step<()> {
    match bench.set_lock(by, "f", lock)? {
        Ok(()) => Ok(()),
        Err(errno) => broken(format!("{what}: {errno}")),
    }
}

/// A lock of "f" that must not be had, since another has it: the error.
pub(super) fn is_refused(bench: &mut Bench, by: &Hand, lock: Lock, what: &str) -> Step<String> {
    let outcome = bench.set_lock(by, "f", lock)?;
    match word(&outcome) {
        errno @ ("EAGAIN" | "EACCES") => Ok(errno.to_owned()),
        other => broken(format!("{what}: {other}")),
    }
}

fn exclusive(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    let errno = is_refused(bench, &other, whole(Exclusive), "exclusive beside exclusive")?;
    is_refused(bench, &other, whole(Shared), "shared beside exclusive")?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    gets(bench, &other, whole(Exclusive), "exclusive after the unlock")?;
    seen(errno)
}

fn shared(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let third = bench.client(1)?;
    bench.open(&third, "f", BOTH, "f")?;
    gets(bench, &one, whole(Shared), "the first")?;
    gets(bench, &other, whole(Shared), "shared beside shared")?;
    let errno = is_refused(bench, &third, whole(Exclusive), "exclusive beside shared")?;
    gets(bench, &other, whole(Unlock), "the unlock of one")?;
    is_refused(bench, &third, whole(Exclusive), "exclusive beside the other shared one")?;
    gets(bench, &one, whole(Unlock), "the unlock of the other")?;
    gets(bench, &third, whole(Exclusive), "exclusive when nobody shares")?;
    seen(format!("both share; {errno}"))
}

fn touch(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 10, 10), "the first")?;
    gets(bench, &other, range(Exclusive, 20, 10), "just behind it")?;
    gets(bench, &other, range(Exclusive, 0, 10), "just before it")?;
    gets(bench, &other, range(Exclusive, 1000, 10), "far behind it")?;
    seen("all ok")
}

fn overlap(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 10, 10), "the first")?;
    is_refused(bench, &other, range(Exclusive, 19, 10), "its last byte and more")?;
    let errno = is_refused(bench, &other, range(Exclusive, 1, 10), "its first byte and more")?;
    seen(errno)
}

fn to_end(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 10, 0), "the first")?;
    bench.write(&one, "f", &"x".repeat(100))?;
    is_refused(bench, &other, range(Exclusive, 50, 1), "a byte that the file has grown by")?;
    let errno = is_refused(bench, &other, range(Exclusive, 100_000, 1), "a byte far behind")?;
    gets(bench, &other, range(Exclusive, 0, 10), "the bytes before it")?;
    seen(errno)
}

fn beyond_end(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 1000, 10), "in an empty file")?;
    let errno = is_refused(bench, &other, range(Exclusive, 1009, 1), "one of these bytes")?;
    gets(bench, &other, range(Exclusive, 2000, 10), "other bytes")?;
    seen(errno)
}

fn far(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let at: i64 = 1 << 62;
    gets(bench, &one, range(Exclusive, at, 1), "the first")?;
    let errno = is_refused(bench, &other, range(Exclusive, at, 1), "the same byte")?;
    gets(bench, &other, range(Exclusive, at + 1, 1), "the next byte")?;
    gets(bench, &other, range(Exclusive, at - 1, 1), "the byte before")?;
    seen(errno)
}

fn last_byte(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let last = range(Exclusive, i64::MAX, 1);
    match bench.set_lock(&one, "f", last)? {
        Ok(()) => {
            is_refused(bench, &other, last, "the same byte")?;
            gets(bench, &other, range(Exclusive, i64::MAX - 1, 1), "the byte before")?;
            seen("ok")
        }
        Err(errno) if errno == "EOVERFLOW" || errno == "EINVAL" => seen(errno),
        Err(errno) => broken(errno),
    }
}

fn too_far(bench: &mut Bench) -> Seen {
    let (one, _) = two_on_a_file(bench)?;
    let outcome = bench.set_lock(&one, "f", range(Exclusive, i64::MAX, 2))?;
    match word(&outcome) {
        errno @ ("EOVERFLOW" | "EINVAL") => seen(errno),
        other => broken(other),
    }
}

fn start_negative(bench: &mut Bench) -> Seen {
    let (one, _) = two_on_a_file(bench)?;
    let outcome = bench.set_lock(&one, "f", range(Exclusive, -1, 1))?;
    match word(&outcome) {
        "EINVAL" => seen("EINVAL"),
        other => broken(other),
    }
}

fn length_negative(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 10, -5), "five bytes before the tenth")?;
    is_refused(bench, &other, range(Exclusive, 5, 1), "the first of them")?;
    let errno = is_refused(bench, &other, range(Exclusive, 9, 1), "the last of them")?;
    gets(bench, &other, range(Exclusive, 4, 1), "the byte before")?;
    gets(bench, &other, range(Exclusive, 10, 1), "the start itself")?;
    seen(errno)
}

fn upgrade_alone(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Shared), "the shared one")?;
    gets(bench, &one, whole(Exclusive), "the exclusive one")?;
    let errno = is_refused(bench, &other, whole(Shared), "shared beside exclusive")?;
    seen(format!("ok, then {errno}"))
}

fn upgrade_shared(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Shared), "the first")?;
    gets(bench, &other, whole(Shared), "shared beside shared")?;
    is_refused(bench, &one, whole(Exclusive), "exclusive while another shares")?;
    let errno = is_refused(bench, &other, whole(Exclusive), "the other, which shares with it")?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    gets(bench, &other, whole(Exclusive), "exclusive when alone")?;
    seen(format!("{errno}; the shared lock is kept"))
}

fn downgrade(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the exclusive one")?;
    gets(bench, &one, range(Shared, 10, 10), "shared, in the middle")?;
    gets(bench, &other, range(Shared, 10, 10), "shared beside shared")?;
    is_refused(bench, &other, range(Exclusive, 10, 10), "exclusive beside shared")?;
    is_refused(bench, &other, range(Shared, 9, 1), "before the middle")?;
    let errno = is_refused(bench, &other, range(Shared, 20, 1), "behind the middle")?;
    seen(format!("shared there; {errno} around it"))
}

fn split(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 0, 30), "the first")?;
    gets(bench, &one, range(Unlock, 10, 10), "the unlock in the middle")?;
    gets(bench, &other, range(Exclusive, 10, 10), "the middle")?;
    is_refused(bench, &other, range(Exclusive, 9, 1), "the end of the first part")?;
    let errno = is_refused(bench, &other, range(Exclusive, 20, 1), "the begin of the second")?;
    seen(format!("the middle is free; {errno} around it"))
}

fn merge(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, range(Exclusive, 0, 5), "the first")?;
    gets(bench, &one, range(Exclusive, 5, 5), "the second")?;
    is_refused(bench, &other, range(Exclusive, 4, 2), "across the seam")?;
    let found = bench.test_lock(&other, "f", whole(Exclusive))?;
    match found.map(|(lock, _)| (lock.start, lock.length)) {
        Some((0, 10)) => seen("F_GETLK tells one range"),
        Some((0, 5) | (5, 5)) => seen("F_GETLK tells a part"),
        told => broken(format!("F_GETLK tells {told:?}")),
    }
}

fn again(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Unlock), "the unlock of nothing")?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    gets(bench, &one, whole(Exclusive), "the same again")?;
    is_refused(bench, &other, whole(Exclusive), "the other")?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    // Locks do not count: one unlock is enough.
    gets(bench, &other, whole(Exclusive), "the other after one unlock")?;
    gets(bench, &one, whole(Unlock), "the unlock of what another has")?;
    let errno = is_refused(bench, &one, whole(Exclusive), "what another has")?;
    seen(format!("ok; {errno} for what another has"))
}

fn many(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    for at in 0..RANGES {
        gets(bench, &one, range(Exclusive, 2 * at, 1), "one of many")?;
    }
    for at in 0..RANGES {
        is_refused(bench, &other, range(Exclusive, 2 * at, 1), "one of many")?;
        gets(bench, &other, range(Exclusive, 2 * at + 1, 1), "a gap")?;
    }
    seen(format!("{RANGES} ranges"))
}

fn two_files(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "a", CREATE, "f")?;
    bench.open(&other, "b", CREATE, "f")?;
    gets(bench, &one, whole(Exclusive), "of the first file")?;
    gets(bench, &other, whole(Exclusive), "of the second file")?;
    seen("both ok")
}

fn hard_link(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "a", CREATE, "f")?;
    bench.must(&one, Call::Link { from: "a".into(), to: "b".into() })?;
    gets(bench, &one, whole(Exclusive), "by the first name")?;
    bench.open(&other, "b", BOTH, "f")?;
    let errno = is_refused(bench, &other, whole(Exclusive), "by the second name")?;
    seen(errno)
}

fn after_rename(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "a", CREATE, "f")?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    bench.must(&one, Call::Rename { from: "a".into(), to: "b".into(), how: Rename::Plain })?;
    bench.open(&other, "b", BOTH, "f")?;
    let errno = is_refused(bench, &other, whole(Exclusive), "by the new name")?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    gets(bench, &other, whole(Exclusive), "after the unlock")?;
    seen(errno)
}

fn after_unlink(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    bench.must(&one, Call::Unlink { path: "f".into() })?;
    let errno = is_refused(bench, &other, whole(Exclusive), "the other, which has it open")?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    gets(bench, &other, whole(Exclusive), "after the unlock")?;
    seen(errno)
}

fn handover(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    // While nobody else has it open, the first may have a delegation, and lock without the server.
    bench.open(&one, "f", CREATE, "f")?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    gets(bench, &one, whole(Unlock), "the first unlock")?;
    bench.open(&other, "f", BOTH, "f")?;
    for _ in 0..TURNS {
        for hand in [&other, &one] {
            gets(bench, hand, whole(Exclusive), "after the unlock")?;
            gets(bench, hand, whole(Unlock), "the unlock")?;
        }
    }
    seen("ok each time")
}

fn before_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "f", CREATE, "f")?;
    gets(bench, &one, range(Exclusive, 0, 10), "the first")?;
    bench.open(&other, "f", BOTH, "f")?;
    let errno = is_refused(bench, &other, range(Exclusive, 5, 1), "the client that came later")?;
    gets(bench, &other, range(Exclusive, 10, 10), "other bytes")?;
    seen(errno)
}

fn against_server(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let server = bench.server()?;
    bench.open(&one, "f", CREATE, "f")?;
    gets(bench, &one, range(Exclusive, 0, 10), "the client's")?;
    bench.open(&server, "f", BOTH, "f")?;
    let errno = is_refused(bench, &server, range(Exclusive, 5, 1), "the server's process")?;
    gets(bench, &server, range(Exclusive, 20, 10), "other bytes, on the server")?;
    is_refused(bench, &one, range(Exclusive, 25, 1), "the client")?;
    seen(format!("{errno} both ways"))
}
