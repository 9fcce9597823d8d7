//! Locks of fcntl(2) and what else is done with the file and its descriptors: opens, closes,
//! mappings, reads and writes.

use super::cache::{ALL, NEW, OLD, shown, write_at};
use super::locks::{gets, is_refused, two_on_a_file};
use super::waits::{must_have, must_wait};
use crate::conformance::bench::{
    BOTH, Bench, CREATE, EXCLUSIVE, Outcome, READ, Step, WRITE, of_description, range, whole, word,
};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::Kind::{Exclusive, Shared, Unlock};
use lockstorm_agent::probe::{Answer, Call, Flag, Lock};

/// Two pages, as they are everywhere here (bytes).
const TWO_PAGES: usize = 8192;
/// Where the second half of a block is: in another page than the first.
const SECOND_HALF: i64 = 8192;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "lock-close-written",
        rule: "the close of a file that was written to, or cut short, drops the locks, and who \
               has one next reads that",
        source: "POSIX, fcntl, F_SETLK; close(2); nfs(5), using file locks with NFS",
        alone: false,
        needs: Needs::Nothing,
        run: close_written,
    },
    Probe {
        name: "lock-mapped",
        rule: "a file that is mapped can be locked, and one that is locked can be mapped; with \
               another's mapping it may be EAGAIN",
        source: "POSIX, fcntl, mmap; fcntl(2), EAGAIN; mmap(2), EAGAIN",
        alone: false,
        needs: Needs::Nothing,
        run: mapped,
    },
    Probe {
        name: "lock-open-anew",
        rule: "a file whose lock was released is opened anew and written, while an older \
               descriptor stays open",
        source: "POSIX, fcntl, open, write",
        alone: false,
        needs: Needs::Nothing,
        run: open_anew,
    },
    Probe {
        name: "lock-two-modes",
        rule: "a process locks by a descriptor for reading and by one for writing, and when one of \
               them is closed, by the other",
        source: "POSIX, fcntl, F_SETLK, EBADF; RFC 8881, section 18.18",
        alone: false,
        needs: Needs::Nothing,
        run: two_modes,
    },
    Probe {
        name: "lock-directory",
        rule: "a directory can be locked or not; by flock(2), two processes of a machine do not \
               both have it",
        source: "POSIX, fcntl, advisory locks (other than regular files); flock(2)",
        alone: false,
        needs: Needs::Nothing,
        run: directory,
    },
    Probe {
        name: "lock-others-open",
        rule: "another's open that is refused does no harm to a lock",
        source: "POSIX, fcntl, F_SETLK, open; RFC 8881, section 18.16",
        alone: false,
        needs: Needs::Nothing,
        run: others_open,
    },
    Probe {
        name: "lock-thread-closes",
        rule: "the close of a descriptor by one thread drops what another has locked by it",
        source: "POSIX, fcntl, F_SETLK; close(2)",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| thread_closes(bench, of_process),
    },
    Probe {
        name: "getlk-read-only",
        rule: "F_GETLK for an exclusive lock needs no descriptor for writing, and tells the same \
               by one for reading",
        source: "POSIX, fcntl, F_GETLK, EBADF; fcntl(2)",
        alone: false,
        needs: Needs::Nothing,
        run: getlk_read_only,
    },
    Probe {
        name: "locked-block-whole",
        rule: "who reads under a shared lock sees all or nothing of what is written in two parts \
               under an exclusive one, of a process or a description",
        source: "RFC 8881, section 10.3.2; nfs(5), using file locks with NFS",
        alone: false,
        needs: Needs::Nothing,
        run: locked_block,
    },
];

/// A lock as it is: of the process.
pub(super) fn of_process(lock: Lock) -> Lock {
    lock
}

/// A lock by a descriptor of this name that must be had; `what` says which one.
pub(super) fn sets(bench: &mut Bench, by: &Hand, fd: &str, lock: Lock, what: &str) -> Step<()> {
    match bench.set_lock(by, fd, lock)? {
        Ok(()) => Ok(()),
        Err(errno) => broken(format!("{what}: {errno}")),
    }
}

/// All of "f" must be this.
fn reads_all(bench: &mut Bench, by: &Hand, wanted: &str, what: &str) -> Step<()> {
    let found = bench.read(by, "f", 0, ALL)?;
    is_this(&found, wanted, what)
}

/// What is at this place of "f" must be this.
fn reads(bench: &mut Bench, by: &Hand, at: i64, wanted: &str, what: &str) -> Step<()> {
    let found = bench.read(by, "f", at, wanted.len())?;
    is_this(&found, wanted, what)
}

fn is_this(found: &Outcome<String>, wanted: &str, what: &str) -> Step<()> {
    match found {
        Ok(text) if text == wanted => Ok(()),
        other => broken(format!("{what}: it reads {}", shown(other))),
    }
}

fn close_written(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    write_at(bench, &one, 0, OLD)?;
    is_refused(bench, &other, whole(Exclusive), "before the close")?;
    bench.close(&one, "f")?;
    gets(bench, &other, whole(Exclusive), "after the close of what was written to")?;
    reads_all(bench, &other, OLD, "after a write")?;
    gets(bench, &other, whole(Unlock), "the unlock")?;
    bench.open(&one, "f", BOTH, "f")?;
    gets(bench, &one, whole(Exclusive), "by a new descriptor")?;
    bench.must(&one, Call::Truncate { fd: "f".into(), length: 3 })?;
    is_refused(bench, &other, whole(Exclusive), "before the second close")?;
    bench.close(&one, "f")?;
    gets(bench, &other, whole(Exclusive), "after the close of what was cut short")?;
    reads_all(bench, &other, &OLD[..3], "after the truncation")?;
    seen("dropped; the next reads what was done")
}

/// mmap(2) of two pages, and munmap(2).
fn map(bench: &mut Bench, by: &Hand) -> Step<Outcome<()>> {
    let call = Call::Map { fd: "f".into(), length: TWO_PAGES, name: "map".into() };
    bench.done(by, call)
}

fn unmap(bench: &mut Bench, by: &Hand) -> Step<()> {
    bench.must(by, Call::Unmap { map: "map".into() }).map(drop)
}

fn mapped(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.must(&one, Call::Truncate { fd: "f".into(), length: TWO_PAGES as i64 })?;
    // Neither begins or ends where a page does, and one is in both pages.
    let ranges = [range(Exclusive, 100, 50), range(Exclusive, 4090, 10)];
    let first = map(bench, &one)?;
    if let Err(errno) = first {
        return Err(Stop::Unfit(format!("mmap: {errno}")));
    }
    for lock in ranges {
        gets(bench, &one, lock, "a lock of what its process has mapped")?;
        is_refused(bench, &other, lock, "what a process has mapped and locked")?;
    }
    unmap(bench, &one)?;
    is_refused(bench, &other, ranges[1], "after the end of the mapping")?;
    let again = map(bench, &one)?;
    if let Err(errno) = again {
        return broken(format!("mmap of what its process has locked: {errno}"));
    }
    unmap(bench, &one)?;
    // EAGAIN is for what others have mapped, or locked (fcntl(2), mmap(2)).
    let others_map = map(bench, &other)?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    let lock = bench.set_lock(&one, "f", ranges[0])?;
    match (word(&others_map), word(&lock)) {
        ("ok", "ok") => seen("all ok"),
        (map @ ("ok" | "EAGAIN"), lock @ ("ok" | "EAGAIN")) => {
            seen(format!("another maps what is locked: {map}; locks what is mapped: {lock}"))
        }
        (map, lock) => broken(format!("another's mmap: {map}; a lock beside it: {lock}")),
    }
}

fn open_anew(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&one, "f", BOTH, "older")?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    write_at(bench, &one, 0, OLD)?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    bench.close(&one, "f")?;
    let opened = bench.try_open(&one, "f", BOTH, "f")?;
    if let Err(errno) = opened {
        return broken(format!("the open after the close: {errno}"));
    }
    for (fd, at, text) in [("f", 0, NEW), ("older", 8, "!")] {
        let call = Call::Write { fd: fd.into(), at: Some(at), text: text.into() };
        let written = bench.done(&one, call)?;
        if let Err(errno) = written {
            return broken(format!("a write by {fd}: {errno}"));
        }
    }
    bench.close(&one, "f")?;
    bench.close(&one, "older")?;
    gets(bench, &other, whole(Shared), "another, after all closes")?;
    reads_all(bench, &other, &format!("{NEW}!"), "another, after all closes")?;
    seen("opened and written")
}

fn two_modes(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&other, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    bench.open(&one, "f", READ, "r")?;
    sets(bench, &one, "r", whole(Shared), "shared, by the one for reading")?;
    bench.open(&one, "f", WRITE, "w")?;
    sets(bench, &one, "w", whole(Exclusive), "exclusive, by the one for writing")?;
    is_refused(bench, &other, whole(Shared), "beside the exclusive one")?;
    // The close of either drops all locks of the process; the other goes on being good for its own.
    bench.close(&one, "r")?;
    gets(bench, &other, whole(Exclusive), "after the close of the one for reading")?;
    gets(bench, &other, whole(Unlock), "the unlock")?;
    sets(bench, &one, "w", whole(Exclusive), "exclusive, without the one for reading")?;
    is_refused(bench, &other, whole(Shared), "beside the exclusive one, again")?;
    bench.open(&one, "f", READ, "r")?;
    bench.close(&one, "w")?;
    gets(bench, &other, whole(Exclusive), "after the close of the one for writing")?;
    gets(bench, &other, whole(Unlock), "the second unlock")?;
    sets(bench, &one, "r", whole(Shared), "shared, without the one for writing")?;
    is_refused(bench, &other, whole(Exclusive), "beside the shared one")?;
    let exclusive = bench.set_lock(&one, "r", whole(Exclusive))?;
    match word(&exclusive) {
        "EBADF" => seen("each as its mode allows"),
        answer => broken(format!("exclusive, by the one for reading: {answer}")),
    }
}

fn directory(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let second = bench.client(0)?;
    bench.mkdir(&one, "d")?;
    for by in [&one, &other, &second] {
        bench.open(by, "d", &[Flag::Read, Flag::Directory], "f")?;
    }
    let shared = bench.lock(&one, "f", Shared)?;
    let exclusive = bench.lock(&one, "f", Exclusive)?;
    // No directory can be open for writing.
    if exclusive.is_ok() {
        return broken("F_WRLCK by a descriptor for reading: ok");
    }
    let by_fcntl = format!("F_RDLCK {}, F_WRLCK {}", word(&shared), word(&exclusive));
    let first = bench.flock(&one, "f", Exclusive)?;
    if let Err(errno) = first {
        return seen(format!("{by_fcntl}; flock {errno}"));
    }
    let beside = bench.flock(&second, "f", Exclusive)?;
    let elsewhere = bench.flock(&other, "f", Exclusive)?;
    match (word(&beside), word(&elsewhere)) {
        ("EAGAIN", "EAGAIN") => seen(format!("{by_fcntl}; flock shuts all out")),
        ("EAGAIN", "ok") if !bench.is_local() => {
            seen(format!("{by_fcntl}; flock shuts out its own machine alone"))
        }
        (beside, elsewhere) => {
            broken(format!("flock of a second process: {beside}; of another client: {elsewhere}"))
        }
    }
}

fn others_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let second = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    gets(bench, &one, whole(Exclusive), "the first")?;
    let mut refused = Vec::new();
    for by in [&other, &second] {
        for flags in [EXCLUSIVE, &[Flag::Read, Flag::Directory]] {
            match bench.try_open(by, "f", flags, "f")? {
                Ok(()) => return Err(Stop::Unfit(format!("an open with {flags:?} succeeds"))),
                Err(errno) => refused.push(errno),
            }
        }
    }
    bench.open(&other, "f", BOTH, "f")?;
    is_refused(bench, &other, whole(Shared), "after refused opens")?;
    write_at(bench, &one, 0, NEW)?;
    gets(bench, &one, whole(Unlock), "the unlock")?;
    gets(bench, &other, whole(Exclusive), "after the unlock")?;
    reads_all(bench, &other, NEW, "after the unlock")?;
    seen(format!("kept, after {}", refused.join(", ")))
}

/// A thread closes what another of its process has locked a file by.
pub(super) fn thread_closes(bench: &mut Bench, of: fn(Lock) -> Lock) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let thread = bench.thread(&one)?;
    gets(bench, &one, of(whole(Exclusive)), "the first thread")?;
    is_refused(bench, &other, whole(Exclusive), "before the close")?;
    bench.close(&thread, "f")?;
    gets(bench, &other, whole(Exclusive), "after the close by another thread")?;
    seen("dropped")
}

fn getlk_read_only(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&other, "f", READ, "r")?;
    let asked = range(Exclusive, 12, 1);
    // What is told of a shared one is another probe's, and here the same by both descriptors.
    for kind in [Exclusive, Shared, Unlock] {
        gets(bench, &one, range(kind, 10, 5), "the lock in the way")?;
        for lock in [asked, of_description(asked)] {
            let by_both = bench.ask(&other, Call::TestLock { fd: "f".into(), lock })?;
            let by_read = bench.ask(&other, Call::TestLock { fd: "r".into(), lock })?;
            if by_both != by_read || by_read.is_err() {
                return broken(format!("{by_read:?} for reading, {by_both:?} for both"));
            }
            if kind == Exclusive && by_read == Ok(Answer::InTheWay(None)) {
                return broken("nothing is in the way, but there is an exclusive lock");
            }
        }
    }
    seen("the same as for both")
}

fn locked_block(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, whole(Exclusive), "before the first block")?;
    for at in [0, SECOND_HALF] {
        write_at(bench, &one, at, "0000")?;
    }
    gets(bench, &one, whole(Unlock), "the unlock of the first block")?;
    // It has all of it in its cache from now on.
    gets(bench, &other, whole(Shared), "the first look")?;
    for at in [0, SECOND_HALF] {
        reads(bench, &other, at, "0000", "the first look")?;
    }
    gets(bench, &other, whole(Unlock), "the unlock after the first look")?;
    let kinds: [fn(Lock) -> Lock; 2] = [of_process, of_description];
    let mut round = 0;
    for writes in kinds {
        for reader in kinds {
            round += 1;
            let text = round.to_string().repeat(4);
            gets(bench, &one, writes(whole(Exclusive)), "the writer")?;
            write_at(bench, &one, 0, &text)?;
            let ticket = bench.wait_for_lock(&other, "f", reader(whole(Shared)))?;
            must_wait(bench, ticket, "the reader")?;
            write_at(bench, &one, SECOND_HALF, &text)?;
            gets(bench, &one, writes(whole(Unlock)), "the writer's unlock")?;
            must_have(bench, ticket, "the reader")?;
            reads(bench, &other, 0, &text, "the first half")?;
            let ticket = bench.wait_for_lock(&one, "f", writes(whole(Exclusive)))?;
            must_wait(bench, ticket, "the writer beside a reader")?;
            reads(bench, &other, SECOND_HALF, &text, "the second half")?;
            gets(bench, &other, reader(whole(Unlock)), "the reader's unlock")?;
            must_have(bench, ticket, "the writer")?;
            gets(bench, &one, writes(whole(Unlock)), "the writer's second unlock")?;
        }
    }
    seen(format!("{round} blocks, all whole"))
}
