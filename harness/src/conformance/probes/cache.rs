//! Cached data: what one client reads of what another has written, and when.

use crate::conformance::bench::{
    BOTH, Bench, Outcome, READ, Step, WRITE, of_description, open, range, whole, word,
};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::Hand;
use crate::units::{MILLISECOND, Nanos, SECOND};
use lockstorm_agent::probe::{Answer, Call, Flag, Kind};

/// How often each of two clients does what it does.
const ROUNDS: usize = 20;
/// The longest that caches keep what is no longer so (s): acregmax and acdirmax (nfs(5)), and more.
const LONGEST: u64 = 70;
/// What a file holds before somebody else writes, and after. They are of one length, so that the
/// size tells nothing.
pub(super) const OLD: &str = "old-data";
pub(super) const NEW: &str = "new-data";
/// Enough to read all of a file.
pub(super) const ALL: usize = 100;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "close-to-open",
        rule: "what one client has written and closed is read by another that opens afterwards",
        source: "nfs(5), close-to-open cache consistency; RFC 8881, section 10.3.1",
        alone: false,
        needs: Needs::Nothing,
        run: close_to_open,
    },
    Probe {
        name: "close-to-open-at-once",
        rule: "what was closed is read by who opens within the same tick of the server's clock; \
               NFSv3, which tells changes by their times, may miss some",
        source: "RFC 8881, section 5.8.1.4 (change)",
        alone: false,
        needs: Needs::Nothing,
        run: close_to_open_at_once,
    },
    Probe {
        name: "fsync-to-open",
        rule: "what was written and fsynced is read by another client that opens afterwards",
        source: "fsync(2); nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: fsync_to_open,
    },
    Probe {
        name: "written-not-closed",
        rule: "what was written and not closed need not be read by another client, but nothing \
               else is",
        source: "nfs(5), close-to-open cache consistency; POSIX, write",
        alone: false,
        needs: Needs::Nothing,
        run: written_not_closed,
    },
    Probe {
        name: "reader-stays-open",
        rule: "who has a file open reads what another has closed within 60 s",
        source: "nfs(5), acregmax",
        alone: false,
        needs: Needs::Network,
        run: reader_stays_open,
    },
    Probe {
        name: "lock-to-lock",
        rule: "what was written under a lock is read under the next, though nobody has opened anew",
        source: "nfs(5), using file locks with NFS; RFC 8881, section 10.3.2",
        alone: false,
        needs: Needs::Nothing,
        run: lock_to_lock,
    },
    Probe {
        name: "counter-fcntl",
        rule: "no update of a counter is lost under a lock of fcntl(2)",
        source: "nfs(5), using file locks with NFS; RFC 8881, section 10.3.2",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| count_under(bench, Guard::Process),
    },
    Probe {
        name: "counter-ofd",
        rule: "no update of a counter is lost under a lock of an open file description",
        source: "fcntl(2), F_OFD_SETLK; nfs(5), using file locks with NFS",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| count_under(bench, Guard::Description),
    },
    Probe {
        name: "counter-flock",
        rule: "no update of a counter is lost under flock(2)",
        source: "flock(2), NFS details; nfs(5), using file locks with NFS",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| count_under(bench, Guard::Flock),
    },
    Probe {
        name: "counter-no-lock",
        rule: "without a lock, a counter of two clients that stay open may lose updates",
        source: "nfs(5), data and metadata cache coherence; POSIX, write",
        alone: false,
        needs: Needs::Nothing,
        run: count_without,
    },
    Probe {
        name: "append-no-lock",
        rule: "without a lock, lines that two clients append may overwrite each other",
        source: "open(2), O_APPEND",
        alone: false,
        needs: Needs::Nothing,
        run: append_without,
    },
    Probe {
        name: "append-lock",
        rule: "who opens, locks and then appends loses no line of another client",
        source: "open(2), O_APPEND; nfs(5), using file locks with NFS",
        alone: false,
        needs: Needs::Nothing,
        run: append_under,
    },
    Probe {
        name: "two-pages",
        rule: "what two clients write into different pages of a file is all there after both close",
        source: "POSIX, write; nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: two_pages,
    },
    Probe {
        name: "one-page-no-lock",
        rule: "without locks, of what two clients write into one page one part may be lost",
        source: "nfs(5), data and metadata cache coherence; POSIX, write",
        alone: false,
        needs: Needs::Nothing,
        run: one_page_without,
    },
    Probe {
        name: "one-page-locks",
        rule: "what two clients write into one page, each under a lock of its bytes, is all there",
        source: "RFC 8881, section 10.3.2; nfs(5), using file locks with NFS",
        alone: false,
        needs: Needs::Nothing,
        run: one_page_under,
    },
    Probe {
        name: "direct-read",
        rule: "a read with O_DIRECT sees what another client has fsynced, without a new open",
        source: "open(2), O_DIRECT",
        alone: false,
        needs: Needs::Network,
        run: direct_read,
    },
    Probe {
        name: "delegation-of-reader",
        rule: "a client that wants to write a file which another reads can do so within 10 s",
        source: "RFC 8881, section 10.4.4 (recall of open delegation)",
        alone: false,
        needs: Needs::Leases,
        run: |bench| recall(bench, READ),
    },
    Probe {
        name: "delegation-of-writer",
        rule: "a client that wants to write a file which another writes can do so within 10 s",
        source: "RFC 8881, section 10.4.4 (recall of open delegation)",
        alone: false,
        needs: Needs::Leases,
        run: |bench| recall(bench, BOTH),
    },
];

// --- What several probes need -------------------------------------------------------------------

/// Gives the server's clock time to tick: NFSv3 tells changes by their times.
pub(super) fn tick(bench: &mut Bench) -> Step<()> {
    bench.seconds(1)
}

/// Writes at this place of an open file.
pub(super) fn write_at(bench: &mut Bench, by: &Hand, at: i64, text: &str) -> Step<()> {
    let call = Call::Write { fd: "f".into(), at: Some(at), text: text.into() };
    bench.must(by, call).map(drop)
}

/// fsync(2) of `f`, which must succeed.
pub(super) fn synced(bench: &mut Bench, by: &Hand) -> Step<()> {
    match bench.fsync(by, "f")? {
        Ok(()) => Ok(()),
        Err(errno) => broken(format!("fsync: {errno}")),
    }
}

/// Writes over the begin of a file, which it opens and closes.
pub(super) fn write_over(bench: &mut Bench, by: &Hand, path: &str, text: &str) -> Step<()> {
    bench.open(by, path, WRITE, "over")?;
    bench.write(by, "over", text)?;
    bench.close(by, "over")
}

/// A text, or the error.
pub(super) fn shown(found: &Outcome<String>) -> String {
    match found {
        Ok(text) => format!("{text:?}"),
        Err(errno) => errno.clone(),
    }
}

/// What was there first is read: it is in the cache from then on.
pub(super) fn was_old(found: &Outcome<String>) -> Step<()> {
    match found {
        Ok(text) if text == OLD => Ok(()),
        other => broken(format!("instead of the old data it reads {}", shown(other))),
    }
}

/// The rule is kept by what is new alone.
pub(super) fn only_new(found: &Outcome<String>) -> Seen {
    match found {
        Ok(text) if text == NEW => seen("the new data"),
        other => broken(format!("it reads {}", shown(other))),
    }
}

/// The rule is kept by what is old, too.
pub(super) fn old_or_new(found: &Outcome<String>) -> Seen {
    match found {
        Ok(text) if text == OLD => seen("the old data"),
        other => only_new(other),
    }
}

/// Looks every second until something is so, and tells how long that took; the rule is broken if it
/// takes longer than any cache may keep what is old.
pub(super) fn in_time(bench: &mut Bench, is_so: impl FnMut(&mut Bench) -> Step<bool>) -> Seen {
    within(bench, LONGEST, is_so)
}

/// The same, with another limit (s).
pub(super) fn within(
    bench: &mut Bench,
    longest: u64,
    mut is_so: impl FnMut(&mut Bench) -> Step<bool>,
) -> Seen {
    let begun = bench.now();
    loop {
        if is_so(bench)? {
            return match bench.now().0.saturating_sub(begun.0) / SECOND {
                0 => seen("at once"),
                seconds => seen(format!("after {seconds} s")),
            };
        }
        if bench.now().0.saturating_sub(begun.0) > longest * SECOND {
            return broken(format!("not within {longest} s"));
        }
        bench.seconds(1)?;
    }
}

// --- Opening and closing ------------------------------------------------------------------------

fn close_to_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    let before = bench.text(&other, "f")?;
    was_old(&before)?;
    tick(bench)?;
    write_over(bench, &one, "f", NEW)?;
    let after = bench.text(&other, "f")?;
    only_new(&after)
}

fn close_to_open_at_once(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", "000")?;
    let mut late = 0;
    for round in 0..ROUNDS {
        write_over(bench, &one, "f", &format!("{round:03}"))?;
        match bench.text(&other, "f")? {
            Ok(text) if text == format!("{round:03}") => {}
            // Of an earlier round.
            Ok(text) if text.parse::<usize>().is_ok_and(|number| number < round) => late += 1,
            found => return broken(format!("it reads {} in round {round}", shown(&found))),
        }
    }
    match late {
        0 => seen("all of it"),
        late if bench.is_nfs3() && !bench.is_local() => seen(format!("{late} of {ROUNDS} late")),
        late => broken(format!("old data in {late} of {ROUNDS} rounds")),
    }
}

fn fsync_to_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    let before = bench.text(&other, "f")?;
    was_old(&before)?;
    tick(bench)?;
    bench.open(&one, "f", BOTH, "f")?;
    bench.write(&one, "f", NEW)?;
    synced(bench, &one)?;
    let found = bench.text(&other, "f")?;
    only_new(&found)
}

fn written_not_closed(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    tick(bench)?;
    bench.open(&one, "f", BOTH, "f")?;
    bench.write(&one, "f", NEW)?;
    let found = bench.text(&other, "f")?;
    match bench.is_local() {
        true => only_new(&found),
        false => old_or_new(&found),
    }
}

fn reader_stays_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    bench.open(&other, "f", READ, "f")?;
    let before = bench.read(&other, "f", 0, ALL)?;
    was_old(&before)?;
    tick(bench)?;
    write_over(bench, &one, "f", NEW)?;
    in_time(bench, |bench| {
        let found = bench.read(&other, "f", 0, ALL)?;
        old_or_new(&found)?;
        Ok(found == Ok(NEW.into()))
    })
}

// --- Locks --------------------------------------------------------------------------------------

/// What is locked, always whole files.
#[derive(Clone, Copy)]
enum Guard {
    Process,
    Description,
    Flock,
}

/// Locks `f`, or unlocks it. That a lock which is free can be had is another probe's rule.
fn guard(bench: &mut Bench, by: &Hand, guard: Guard, kind: Kind) -> Step<()> {
    let done = match guard {
        Guard::Process => bench.lock(by, "f", kind)?,
        Guard::Description => bench.set_lock(by, "f", of_description(whole(kind)))?,
        Guard::Flock => bench.flock(by, "f", kind)?,
    };
    done.map_err(|errno| Stop::Unfit(format!("lock: {errno}")))
}

fn lock_to_lock(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    bench.open(&one, "f", BOTH, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    // Both have it in their caches.
    for by in [&one, &other] {
        let before = bench.read(by, "f", 0, ALL)?;
        was_old(&before)?;
    }
    guard(bench, &one, Guard::Process, Kind::Exclusive)?;
    write_at(bench, &one, 0, NEW)?;
    guard(bench, &one, Guard::Process, Kind::Unlock)?;
    guard(bench, &other, Guard::Process, Kind::Shared)?;
    let found = bench.read(&other, "f", 0, ALL)?;
    only_new(&found)
}

fn count_under(bench: &mut Bench, how: Guard) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", "000")?;
    bench.open(&one, "f", BOTH, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    for count in 0..2 * ROUNDS {
        let by = if count % 2 == 0 { &one } else { &other };
        guard(bench, by, how, Kind::Exclusive)?;
        let found = bench.read(by, "f", 0, 3)?;
        if found != Ok(format!("{count:03}")) {
            return broken(format!("after {count} updates it reads {}", shown(&found)));
        }
        write_at(bench, by, 0, &format!("{:03}", count + 1))?;
        guard(bench, by, how, Kind::Unlock)?;
    }
    guard(bench, &one, how, Kind::Exclusive)?;
    let last = bench.read(&one, "f", 0, 3)?;
    match last {
        Ok(text) if text == format!("{:03}", 2 * ROUNDS) => seen(format!("{text} updates")),
        other => broken(format!("at the end it reads {}", shown(&other))),
    }
}

fn count_without(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", "000")?;
    bench.open(&one, "f", BOTH, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    for round in 0..2 * ROUNDS {
        let by = if round % 2 == 0 { &one } else { &other };
        let found = bench.read(by, "f", 0, 3)?;
        let Some(count) = found.as_ref().ok().and_then(|text| text.parse::<usize>().ok()) else {
            return broken(format!("in round {round} it reads {}", shown(&found)));
        };
        write_at(bench, by, 0, &format!("{:03}", count + 1))?;
    }
    bench.close(&one, "f")?;
    tick(bench)?;
    bench.close(&other, "f")?;
    tick(bench)?;
    let last = bench.text(&one, "f")?;
    let count = last.as_ref().ok().and_then(|text| text.parse::<usize>().ok());
    // Each sees at least what it has written itself.
    let least = if bench.is_local() { 2 * ROUNDS } else { ROUNDS };
    match count {
        Some(count) if (least..=2 * ROUNDS).contains(&count) => {
            seen(format!("{count} of {} updates", 2 * ROUNDS))
        }
        _ => broken(format!("after {} updates it reads {}", 2 * ROUNDS, shown(&last))),
    }
}

fn append_without(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "f")?;
    let flags = [Flag::Write, Flag::Append];
    bench.open(&one, "f", &flags, "f")?;
    bench.open(&other, "f", &flags, "f")?;
    for line in 0..ROUNDS {
        bench.write(&one, "f", &format!("a-{line:02}\n"))?;
        bench.write(&other, "f", &format!("b-{line:02}\n"))?;
    }
    bench.close(&one, "f")?;
    tick(bench)?;
    bench.close(&other, "f")?;
    tick(bench)?;
    let text = bench.text(&one, "f")?;
    let lines: Vec<&str> = text.as_ref().map(|text| text.lines().collect()).unwrap_or_default();
    let arrived = |of: &str| {
        (0..ROUNDS).filter(|line| lines.contains(&format!("{of}-{line:02}").as_str())).count()
    };
    let (first, second) = (arrived("a"), arrived("b"));
    // Whoever closes last writes over what was there, and nobody writes over that.
    if second < ROUNDS || (bench.is_local() && first < ROUNDS) {
        return broken(format!("{first} lines of the first to close, {second} of the last"));
    }
    seen(format!("{} of {} lines", first + second, 2 * ROUNDS))
}

fn append_under(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "f")?;
    let mut all = String::new();
    for round in 0..2 * ROUNDS {
        let by = if round % 2 == 0 { &one } else { &other };
        let line = format!("{round:03}\n");
        bench.open(by, "f", &[Flag::Write, Flag::Append], "f")?;
        guard(bench, by, Guard::Process, Kind::Exclusive)?;
        bench.write(by, "f", &line)?;
        guard(bench, by, Guard::Process, Kind::Unlock)?;
        bench.close(by, "f")?;
        all.push_str(&line);
    }
    for by in [&one, &other] {
        let found = bench.text(by, "f")?;
        if found.as_ref() != Ok(&all) {
            return broken(format!("it reads {}", shown(&found)));
        }
    }
    seen(format!("{0} of {0} lines", 2 * ROUNDS))
}

// --- Parts of a file ----------------------------------------------------------------------------

fn two_pages(bench: &mut Bench) -> Seen {
    const PAGE: i64 = 4096;
    let (one, other) = bench.two()?;
    bench.touch(&one, "f")?;
    bench.open(&one, "f", WRITE, "f")?;
    bench.open(&other, "f", WRITE, "f")?;
    write_at(bench, &one, 0, "aaaa")?;
    write_at(bench, &other, PAGE, "bbbb")?;
    bench.close(&one, "f")?;
    tick(bench)?;
    bench.close(&other, "f")?;
    for by in [&one, &other] {
        bench.open(by, "f", READ, "f")?;
        let first = bench.read(by, "f", 0, 4)?;
        let second = bench.read(by, "f", PAGE, ALL)?;
        if first != Ok("aaaa".into()) || second != Ok("bbbb".into()) {
            return broken(format!("it reads {} and {}", shown(&first), shown(&second)));
        }
    }
    seen("both parts")
}

/// A file which both have open, and in their caches.
fn shared_page(bench: &mut Bench, one: &Hand, other: &Hand) -> Step<()> {
    bench.put(one, "f", "--------")?;
    for by in [one, other] {
        bench.open(by, "f", BOTH, "f")?;
        let before = bench.read(by, "f", 0, ALL)?;
        if before != Ok("--------".into()) {
            return Err(Stop::Unfit(format!("a new file reads {}", shown(&before))));
        }
    }
    Ok(())
}

fn one_page_without(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    shared_page(bench, &one, &other)?;
    write_at(bench, &one, 0, "aaaa")?;
    write_at(bench, &other, 4, "bbbb")?;
    bench.close(&one, "f")?;
    tick(bench)?;
    bench.close(&other, "f")?;
    tick(bench)?;
    let found = bench.text(&one, "f")?;
    match found.as_deref() {
        Ok("aaaabbbb") => seen("both parts"),
        // A client may write back the whole page, as it was when it was read.
        Ok("----bbbb") if !bench.is_local() => seen("the part of who closed last"),
        _ => broken(format!("it reads {}", shown(&found))),
    }
}

fn one_page_under(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    shared_page(bench, &one, &other)?;
    for (by, at) in [(&one, 0), (&other, 4)] {
        let locked = bench.set_lock(by, "f", range(Kind::Exclusive, at, 4))?;
        if let Err(errno) = locked {
            return Err(Stop::Unfit(format!("lock: {errno}")));
        }
    }
    write_at(bench, &one, 0, "aaaa")?;
    write_at(bench, &other, 4, "bbbb")?;
    guard(bench, &one, Guard::Process, Kind::Unlock)?;
    guard(bench, &other, Guard::Process, Kind::Unlock)?;
    for by in [&one, &other] {
        guard(bench, by, Guard::Process, Kind::Shared)?;
        let found = bench.read(by, "f", 0, ALL)?;
        if found != Ok("aaaabbbb".into()) {
            return broken(format!("it reads {}", shown(&found)));
        }
    }
    seen("both parts")
}

fn direct_read(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    let opened = bench.try_open(&other, "f", &[Flag::Read, Flag::Direct], "f")?;
    if let Err(errno) = opened {
        return Err(Stop::Unfit(format!("open with O_DIRECT: {errno}")));
    }
    let before = bench.read(&other, "f", 0, ALL)?;
    if word(&before) == "EINVAL" {
        return Err(Stop::Unfit("O_DIRECT reads whole blocks alone here".into()));
    }
    was_old(&before)?;
    bench.open(&one, "f", BOTH, "f")?;
    bench.write(&one, "f", NEW)?;
    synced(bench, &one)?;
    let after = bench.read(&other, "f", 0, ALL)?;
    only_new(&after)
}

/// One client has a file open, and with it a delegation, if the server gives one.
fn recall(bench: &mut Bench, flags: &[Flag]) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    bench.open(&one, "f", flags, "f")?;
    let before = bench.read(&one, "f", 0, ALL)?;
    was_old(&before)?;
    let begun = bench.now();
    let ticket = bench.begin(&other, open("f", WRITE, "f"))?;
    let opened: Option<Outcome<Answer>> = bench.answer(ticket, Nanos::from_secs(10))?;
    match opened {
        Some(Ok(_)) => {}
        Some(Err(errno)) => return broken(format!("the writer's open: {errno}")),
        None => return broken("the writer still waits after 10 s"),
    }
    let took = bench.now().0.saturating_sub(begun.0) / MILLISECOND;
    bench.write(&other, "f", NEW)?;
    bench.close(&other, "f")?;
    tick(bench)?;
    let found = bench.text(&one, "f")?;
    only_new(&found)?;
    seen(format!("open after {took} ms"))
}
