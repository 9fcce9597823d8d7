//! More of locks of open file descriptions: on bytes that meet and that do not, of both kinds, in
//! parts, and what F_OFD_GETLK tells of one's own.

use super::lock_files::{sets, thread_closes};
use super::lock_owners::ofd;
use super::lock_ranges::{each_comes_to, over, said};
use super::locks::{gets, is_refused, two_on_a_file};
use crate::conformance::bench::{BOTH, Bench, Outcome, Step, of_description, range, whole};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::Kind::{Exclusive, Shared, Unlock};
use lockstorm_agent::probe::{Answer, Call, Lock};

/// How many ranges one description has.
const RANGES: i64 = 100;
/// Inside the first lock, across its begin, across its end.
const PARTS: [(i64, i64); 3] = [(4, 2), (1, 4), (5, 4)];

pub const PROBES: &[Probe] = &[
    Probe {
        name: "ofd-apart",
        rule: "OFD locks on bytes that only touch, or lie apart, do not meet each other or POSIX \
               locks",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: apart,
    },
    Probe {
        name: "ofd-shared",
        rule: "shared OFD locks of several descriptions, and a shared POSIX lock, are there beside \
               each other, and no exclusive one",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: shared,
    },
    Probe {
        name: "ofd-convert",
        rule: "an OFD lock becomes shared, so that others share, and exclusive when nobody shares; \
               if one does, it is kept",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: convert,
    },
    Probe {
        name: "ofd-split",
        rule: "an unlock of a part of an OFD lock, also across its ends, frees these bytes, and \
               leaves the rest locked",
        source: "fcntl(2), open file description locks, F_UNLCK",
        alone: false,
        needs: Needs::Nothing,
        run: split,
    },
    Probe {
        name: "ofd-many-ranges",
        rule: "each of 100 ranges of one description shuts others out, and each gap is free",
        source: "fcntl(2), open file description locks",
        alone: false,
        needs: Needs::Nothing,
        run: many,
    },
    Probe {
        name: "ofd-thread-closes",
        rule: "the close of the last descriptor by one thread drops the OFD lock of another",
        source: "fcntl(2), open file description locks; close(2)",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| thread_closes(bench, of_description),
    },
    Probe {
        name: "getlk-ofd-own",
        rule: "F_OFD_GETLK with F_UNLCK tells a lock of the description itself, and no other's; \
               before Linux 6.6 it is EINVAL",
        source: "Linux, fs/locks.c, F_UNLCK for F_OFD_GETLK (6c9007f65d14), and its selftest",
        alone: false,
        needs: Needs::Nothing,
        run: getlk_own,
    },
];

fn apart(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&one, "f", BOTH, "again")?;
    let of = |start| of_description(range(Exclusive, start, 10));
    gets(bench, &one, of(10), "the first")?;
    gets(bench, &other, of(20), "another's just behind it")?;
    gets(bench, &other, of(0), "another's just before it")?;
    sets(bench, &one, "again", of(30), "a second description's, just behind both")?;
    gets(bench, &one, range(Exclusive, 40, 10), "a POSIX lock just behind all")?;
    gets(bench, &other, of(1000), "another's, far behind")?;
    for asked in [of(500), range(Exclusive, 500, 10)] {
        let found = bench.test_lock(&other, "f", asked)?;
        if found.is_some() {
            return broken(format!("where nothing is locked, it is told {found:?}"));
        }
    }
    seen("all ok")
}

fn shared(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let third = bench.client(1)?;
    bench.open(&one, "f", BOTH, "again")?;
    bench.open(&third, "f", BOTH, "f")?;
    gets(bench, &one, ofd(Shared), "the first")?;
    sets(bench, &one, "again", ofd(Shared), "a second description of its process")?;
    gets(bench, &other, ofd(Shared), "another client's description")?;
    let found = bench.test_lock(&third, "f", ofd(Shared))?;
    if found.is_some() {
        return broken(format!("in the way of a shared one is {found:?}"));
    }
    gets(bench, &third, whole(Shared), "a POSIX lock beside them")?;
    for (by, fd) in [(&one, "f"), (&other, "f"), (&one, "again")] {
        is_refused(bench, &third, whole(Exclusive), "exclusive while others share")?;
        sets(bench, by, fd, ofd(Unlock), "an unlock")?;
    }
    gets(bench, &third, whole(Exclusive), "exclusive when nobody else shares")?;
    is_refused(bench, &one, ofd(Shared), "shared beside exclusive")?;
    seen("all share")
}

fn convert(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    gets(bench, &one, ofd(Exclusive), "the first")?;
    is_refused(bench, &other, ofd(Shared), "shared beside exclusive")?;
    gets(bench, &one, ofd(Shared), "exclusive that becomes shared")?;
    gets(bench, &other, ofd(Shared), "shared beside shared")?;
    is_refused(bench, &one, ofd(Exclusive), "exclusive while another shares")?;
    is_refused(bench, &other, ofd(Exclusive), "exclusive beside what is kept")?;
    gets(bench, &other, ofd(Unlock), "the unlock")?;
    gets(bench, &one, ofd(Exclusive), "shared that becomes exclusive")?;
    let errno = is_refused(bench, &other, ofd(Shared), "shared beside exclusive, again")?;
    seen(format!("both ways; {errno}"))
}

fn split(bench: &mut Bench) -> Seen {
    let cases = [over(Exclusive, Unlock, &PARTS), over(Shared, Unlock, &PARTS)].concat();
    let of = |steps: Vec<Lock>| steps.into_iter().map(of_description).collect();
    let cases: Vec<Vec<Lock>> = cases.into_iter().map(of).collect();
    each_comes_to(bench, &cases)
}

fn many(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    let of = |start| of_description(range(Exclusive, start, 1));
    for at in 0..RANGES {
        gets(bench, &one, of(2 * at), "one of many")?;
    }
    for at in 0..RANGES {
        is_refused(bench, &other, of(2 * at), "one of many")?;
        gets(bench, &other, of(2 * at + 1), "a gap")?;
    }
    seen(format!("{RANGES} ranges"))
}

/// F_OFD_GETLK with F_UNLCK: what is told, but for its owner.
fn own(bench: &mut Bench, by: &Hand, fd: &str, start: i64) -> Step<Outcome<Option<Lock>>> {
    let length = if start == 0 { 0 } else { 1 };
    let lock = of_description(range(Unlock, start, length));
    match bench.ask(by, Call::TestLock { fd: fd.into(), lock })? {
        Ok(Answer::InTheWay(found)) => {
            Ok(Ok(found.map(|(lock, _)| range(lock.kind, lock.start, lock.length))))
        }
        Ok(other) => Err(Stop::Unfit(format!("{other:?}"))),
        Err(errno) => Ok(Err(errno)),
    }
}

fn getlk_own(bench: &mut Bench) -> Seen {
    let (one, other) = two_on_a_file(bench)?;
    bench.open(&one, "f", BOTH, "again")?;
    bench.open(&one, "f", BOTH, "none")?;
    gets(bench, &one, of_description(range(Exclusive, 10, 5)), "the first")?;
    sets(bench, &one, "again", of_description(range(Shared, 30, 5)), "of a second description")?;
    gets(bench, &other, of_description(range(Exclusive, 50, 5)), "another client's")?;
    let (first, second) = (range(Exclusive, 10, 5), range(Shared, 30, 5));
    let cases = [
        ("the whole file", "f", 0, Some(first)),
        ("its own", "f", 12, Some(first)),
        ("its own shared one", "again", 0, Some(second)),
        ("what is free", "f", 70, None),
        ("what another description of the process has", "f", 32, None),
        ("what another client has", "f", 52, None),
        ("the whole file, by a description without locks,", "none", 0, None),
    ];
    let mut wrong = Vec::new();
    for (what, fd, start, wanted) in cases {
        match own(bench, &one, fd, start)? {
            Ok(told) if told == wanted => {}
            Ok(told) => {
                let told = told.as_ref().map_or("F_UNLCK".to_owned(), said);
                wrong.push(format!("of {what} it is told: {told}"));
            }
            Err(errno) if errno == "EINVAL" => return seen("EINVAL"),
            Err(errno) => wrong.push(format!("{what}: {errno}")),
        }
    }
    match wrong.is_empty() {
        true => seen("its own, and no other's"),
        false => broken(wrong.join("; ")),
    }
}
