//! Locks of flock(2), alone and against those of fcntl(2). Over NFS they are byte-range locks of
//! the whole file (flock(2), NFS details).

use super::locks::{gets, is_refused, two_on_a_file};
use crate::conformance::bench::{BOTH, Bench, CREATE, READ, Step, WRITE, range, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::Kind::{Exclusive, Shared, Unlock};
use lockstorm_agent::probe::{Call, Flag, Kind};

pub const PROBES: &[Probe] = &[
    Probe {
        name: "flock-exclusive",
        rule: "an exclusive lock shuts out another client with EAGAIN until it is released",
        source: "flock(2), LOCK_EX, EWOULDBLOCK",
        alone: false,
        needs: Needs::Nothing,
        run: exclusive,
    },
    Probe {
        name: "flock-shared",
        rule: "two clients have shared locks, and a third process no exclusive one",
        source: "flock(2), LOCK_SH",
        alone: false,
        needs: Needs::Nothing,
        run: shared,
    },
    Probe {
        name: "flock-two-descriptors",
        rule: "two open file descriptions of one process shut each other out with EAGAIN",
        source: "flock(2)",
        alone: false,
        needs: Needs::Nothing,
        run: two_descriptors,
    },
    Probe {
        name: "flock-close-other",
        rule: "the close of another description of the file does not drop the lock",
        source: "flock(2)",
        alone: false,
        needs: Needs::Nothing,
        run: close_other,
    },
    Probe {
        name: "flock-close-dup",
        rule: "the lock stays until the last copy of its descriptor is closed",
        source: "flock(2); dup(2)",
        alone: false,
        needs: Needs::Nothing,
        run: close_dup,
    },
    Probe {
        name: "flock-fork",
        rule: "a child has the lock of its parent with it: it keeps it, and may release it",
        source: "flock(2); fork(2)",
        alone: false,
        needs: Needs::Nothing,
        run: fork,
    },
    Probe {
        name: "flock-exit",
        rule: "the lock of a process that exits is gone within a second, for the other client too",
        source: "flock(2); close(2)",
        alone: false,
        needs: Needs::Nothing,
        run: exit,
    },
    Probe {
        name: "flock-again",
        rule: "an owner gets a lock that it has, and an unlock of what is not locked succeeds",
        source: "flock(2), LOCK_UN",
        alone: false,
        needs: Needs::Nothing,
        run: again,
    },
    Probe {
        name: "flock-convert",
        rule: "a lock becomes exclusive when nobody shares it, and shared so that others share",
        source: "flock(2)",
        alone: false,
        needs: Needs::Nothing,
        run: convert,
    },
    Probe {
        name: "flock-convert-refused",
        rule: "a shared lock that another shares does not become exclusive, and may be lost by \
               the try",
        source: "flock(2), LOCK_NB, existing lock",
        alone: false,
        needs: Needs::Nothing,
        run: convert_refused,
    },
    Probe {
        name: "flock-exclusive-read-only",
        rule: "LOCK_EX needs no descriptor open for writing, but may over NFS: EBADF",
        source: "flock(2), NFS details",
        alone: false,
        needs: Needs::Nothing,
        run: exclusive_read_only,
    },
    Probe {
        name: "flock-shared-write-only",
        rule: "LOCK_SH needs no descriptor open for reading, but may over NFS: EBADF",
        source: "flock(2), NFS details",
        alone: false,
        needs: Needs::Nothing,
        run: shared_write_only,
    },
    Probe {
        name: "flock-fcntl-one-client",
        rule: "locks of flock and fcntl by two processes of a machine do not meet, but may over \
               NFS",
        source: "flock(2), NFS details",
        alone: false,
        needs: Needs::Nothing,
        run: fcntl_one_client,
    },
    Probe {
        name: "flock-fcntl-two-clients",
        rule: "locks of flock and fcntl do not meet, but those of two NFS clients do",
        source: "flock(2), NFS details",
        alone: false,
        needs: Needs::Nothing,
        run: fcntl_two_clients,
    },
    Probe {
        name: "flock-on-server",
        rule: "a flock of a process on the server may meet a client's, which stays with the client",
        source: "flock(2), NFS details",
        alone: false,
        needs: Needs::Network,
        run: on_server,
    },
];

/// A lock of "f" that must be had, or given up; `what` says which one.
fn has(bench: &mut Bench, by: &Hand, kind: Kind, what: &str) -> Step<()> {
    match bench.flock(by, "f", kind)? {
        Ok(()) => Ok(()),
        Err(errno) => broken(format!("{what}: {errno}")),
    }
}

/// A lock of "f" that must be refused with EAGAIN, since another has it.
fn has_not(bench: &mut Bench, by: &Hand, kind: Kind, what: &str) -> Step<()> {
    let outcome = bench.flock(by, "f", kind)?;
    match word(&outcome) {
        "EAGAIN" => Ok(()),
        other => broken(format!("{what}: {other}")),
    }
}

fn exclusive(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    has(bench, &one, Exclusive, "the first")?;
    has_not(bench, &other, Exclusive, "exclusive beside exclusive")?;
    has_not(bench, &other, Shared, "shared beside exclusive")?;
    has(bench, &one, Unlock, "the unlock")?;
    has(bench, &other, Exclusive, "exclusive after the unlock")?;
    has_not(bench, &one, Exclusive, "what the other has by now")?;
    seen("EAGAIN")
}

fn shared(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let third = bench.client(1)?;
    bench.open(&third, "f", BOTH, "f")?;
    has(bench, &one, Shared, "the first")?;
    has(bench, &other, Shared, "shared beside shared")?;
    has_not(bench, &third, Exclusive, "exclusive beside shared")?;
    has(bench, &other, Unlock, "the unlock of one")?;
    has_not(bench, &third, Exclusive, "exclusive beside the other shared one")?;
    has(bench, &one, Unlock, "the unlock of the other")?;
    has(bench, &third, Exclusive, "exclusive when nobody shares")?;
    seen("both share; EAGAIN")
}

fn two_descriptors(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&one, "f", BOTH, "again")?;
    has(bench, &one, Exclusive, "the first descriptor")?;
    let second = bench.flock(&one, "again", Exclusive)?;
    match word(&second) {
        "EAGAIN" => seen("EAGAIN"),
        other => broken(format!("the second descriptor: {other}")),
    }
}

fn close_other(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&one, "f", READ, "again")?;
    has(bench, &one, Exclusive, "the first")?;
    bench.close(&one, "again")?;
    has_not(bench, &other, Exclusive, "after the close of another")?;
    bench.close(&one, "f")?;
    has(bench, &other, Exclusive, "after the close of its own")?;
    seen("kept")
}

fn close_dup(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.must(&one, Call::Dup { fd: "f".into(), name: "copy".into() })?;
    has(bench, &one, Exclusive, "the first")?;
    bench.close(&one, "f")?;
    has_not(bench, &other, Exclusive, "while there is a copy")?;
    bench.close(&one, "copy")?;
    has(bench, &other, Exclusive, "after the close of the last copy")?;
    seen("kept until the last")
}

fn fork(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    has(bench, &one, Exclusive, "the parent")?;
    let child = bench.fork(&one)?;
    has(bench, &child, Exclusive, "the child, which has it too")?;
    bench.close(&one, "f")?;
    has_not(bench, &other, Exclusive, "while the child has it open")?;
    has(bench, &child, Unlock, "the child's unlock")?;
    has(bench, &other, Exclusive, "after the child's unlock")?;
    seen("the child keeps it")
}

fn exit(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    has(bench, &one, Exclusive, "the first")?;
    has_not(bench, &other, Shared, "before the exit")?;
    bench.exit(&one)?;
    // It says so before it does so.
    bench.seconds(1)?;
    has(bench, &other, Exclusive, "a second after the exit")?;
    seen("dropped")
}

fn again(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    has(bench, &one, Unlock, "the unlock of nothing")?;
    has(bench, &one, Exclusive, "the first")?;
    has(bench, &one, Exclusive, "the same again")?;
    has_not(bench, &other, Exclusive, "the other")?;
    has(bench, &one, Unlock, "the unlock")?;
    // Locks do not count: one unlock is enough.
    has(bench, &other, Exclusive, "the other after one unlock")?;
    has(bench, &one, Unlock, "the unlock of what another has")?;
    has_not(bench, &one, Exclusive, "what another has")?;
    seen("ok")
}

fn convert(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    has(bench, &one, Shared, "the shared one")?;
    has(bench, &one, Exclusive, "exclusive when alone")?;
    has_not(bench, &other, Shared, "shared beside exclusive")?;
    has(bench, &one, Shared, "shared again")?;
    has(bench, &other, Shared, "shared beside shared")?;
    has_not(bench, &one, Exclusive, "exclusive while another shares")?;
    seen("ok both ways")
}

/// flock(2): a conversion drops the lock first, so one that is refused may have lost it.
fn convert_refused(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    has(bench, &one, Shared, "the first")?;
    has(bench, &other, Shared, "shared beside shared")?;
    has_not(bench, &one, Exclusive, "exclusive while another shares")?;
    let outcome = bench.flock(&other, "f", Exclusive)?;
    match word(&outcome) {
        "ok" => {
            has_not(bench, &one, Shared, "shared beside exclusive")?;
            seen("EAGAIN; the shared lock is lost")
        }
        "EAGAIN" => seen("EAGAIN; the shared lock is kept"),
        errno => broken(format!("the one that shared with it: {errno}")),
    }
}

fn exclusive_read_only(bench: &mut Bench) -> Seen {
    wrong_mode(bench, READ, Exclusive)
}

fn shared_write_only(bench: &mut Bench) -> Seen {
    wrong_mode(bench, WRITE, Shared)
}

/// A lock by a descriptor that fcntl(2) would not take for it.
fn wrong_mode(bench: &mut Bench, flags: &[Flag], kind: Kind) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "f")?;
    bench.open(&one, "f", flags, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    let outcome = bench.flock(&one, "f", kind)?;
    match word(&outcome) {
        "ok" => {
            has_not(bench, &other, Exclusive, "the other beside it")?;
            seen("ok")
        }
        "EBADF" if !bench.is_local() => {
            has(bench, &other, Exclusive, "the other after the refusal")?;
            seen("EBADF")
        }
        errno => broken(errno),
    }
}

/// The client keeps both kinds apart; whether the server is asked depends on who else has the file
/// open (a delegation).
fn fcntl_one_client(bench: &mut Bench) -> Seen {
    let (one, second) = (bench.client(0)?, bench.client(0)?);
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&second, "f", BOTH, "f")?;
    has(bench, &one, Exclusive, "the flock")?;
    let outcome = bench.lock(&second, "f", Exclusive)?;
    match word(&outcome) {
        "ok" => seen("ok: they do not meet"),
        errno @ ("EAGAIN" | "EACCES") if !bench.is_local() => seen(format!("{errno}: they meet")),
        errno => broken(errno),
    }
}

fn fcntl_two_clients(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    has(bench, &one, Exclusive, "the flock")?;
    if bench.is_local() {
        gets(bench, &other, whole(Exclusive), "fcntl beside flock")?;
        return seen("ok: they do not meet");
    }
    let errno = is_refused(bench, &other, range(Exclusive, 5, 1), "fcntl beside flock")?;
    has(bench, &one, Unlock, "the unlock")?;
    gets(bench, &other, range(Exclusive, 5, 1), "fcntl after the unlock")?;
    has_not(bench, &one, Exclusive, "flock beside fcntl")?;
    seen(format!("{errno}: they meet"))
}

/// On a server whose NFS locks are POSIX locks, they do not meet.
fn on_server(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let server = bench.server()?;
    bench.open(&server, "f", BOTH, "f")?;
    has(bench, &one, Exclusive, "the client's")?;
    let outcome = bench.flock(&server, "f", Exclusive)?;
    let told = match word(&outcome) {
        "ok" => "ok: they do not meet",
        "EAGAIN" => "EAGAIN: they meet",
        errno => return broken(format!("on the server: {errno}")),
    };
    has_not(bench, &other, Exclusive, "another client")?;
    seen(told)
}
