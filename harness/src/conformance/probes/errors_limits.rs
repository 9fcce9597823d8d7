//! Limits: no more descriptors, pipes that are full or empty, a disk that is full or takes no
//! writes.

use crate::conformance::bench::{BOTH, Bench, CREATE, EXCLUSIVE, READ, Step, WRITE, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use crate::units::Nanos;
use lockstorm_agent::probe::{Call, Direction, Flag, Kind, Wait};

/// What a pipe takes (bytes): pipe(7), 16 pages.
const PIPE: usize = 65_536;
/// A page of it, which must be free before it takes more.
const PAGE: usize = 4096;
/// So much is read at a time: what is no text is six times as long in an answer.
const SIP: usize = 512;
/// More than any socket holds, in sips.
const SIPS: usize = 4096;
/// For a call that need not wait any more.
const PROMPT: Nanos = Nanos::from_secs(5);
const WAYS: [Wait; 2] = [Wait::Poll, Wait::Select];

pub const PROBES: &[Probe] = &[
    Probe {
        name: "emfile-open",
        rule: "without descriptors open(2), and so the listing of a directory, fails with EMFILE; \
               it works again when some are closed",
        source: "open(2), EMFILE; getrlimit(2), RLIMIT_NOFILE",
        alone: false,
        needs: Needs::Nothing,
        run: emfile_open,
    },
    Probe {
        name: "emfile-changes-nothing",
        rule: "an open(2) that fails with EMFILE creates nothing and cuts nothing off",
        source: "open(2), EMFILE; POSIX, open",
        alone: false,
        needs: Needs::Nothing,
        run: emfile_changes_nothing,
    },
    Probe {
        name: "emfile-names",
        rule: "link, rename, unlink, symlink, mkdir, rmdir and stat need no descriptor",
        source: "getrlimit(2), RLIMIT_NOFILE",
        alone: false,
        needs: Needs::Nothing,
        run: emfile_names,
    },
    Probe {
        name: "emfile-lock",
        rule: "without descriptors a file that is open can be locked, and a lock file can be \
               neither opened nor created",
        source: "fcntl(2), F_SETLK; getrlimit(2), RLIMIT_NOFILE",
        alone: false,
        needs: Needs::Nothing,
        run: emfile_lock,
    },
    Probe {
        name: "emfile-pairs",
        rule: "with one descriptor left pipe(2) and socketpair(2) fail with EMFILE, and leave it",
        source: "pipe(2), EMFILE; socketpair(2), EMFILE",
        alone: false,
        needs: Needs::Nothing,
        run: emfile_pairs,
    },
    Probe {
        name: "limit-raised",
        rule: "a process that has raised its limit can open more at once",
        source: "getrlimit(2), RLIMIT_NOFILE",
        alone: false,
        needs: Needs::Nothing,
        run: limit_raised,
    },
    Probe {
        name: "leak-counted",
        rule: "what is opened and not closed is one descriptor more; what is closed is none",
        source: "open(2); close(2); proc(5), /proc/pid/fd",
        alone: false,
        needs: Needs::Nothing,
        run: leak_counted,
    },
    Probe {
        name: "failure-no-leak",
        rule: "an open, a mkdir or a lock that fails leaves no descriptor open",
        source: "POSIX, open; proc(5), /proc/pid/fd",
        alone: false,
        needs: Needs::Nothing,
        run: failure_no_leak,
    },
    Probe {
        name: "eagain-lock",
        rule: "a lock that does not wait is refused at once, with EAGAIN (fcntl: or EACCES), and \
               can be had as soon as it is free",
        source: "fcntl(2), F_SETLK; flock(2), EWOULDBLOCK",
        alone: false,
        needs: Needs::Nothing,
        run: eagain_lock,
    },
    Probe {
        name: "eagain-pipe",
        rule: "with O_NONBLOCK a full pipe takes nothing and an empty one gives nothing: EAGAIN; \
               after the other end's turn both work",
        source: "pipe(7), I/O on pipes and FIFOs",
        alone: false,
        needs: Needs::Nothing,
        run: eagain_pipe,
    },
    Probe {
        name: "pipe-ready",
        rule: "poll(2) and select(2) say that a full pipe is not writable, and that it is after a \
               read of a page",
        source: "poll(2), POLLOUT; select(2); pipe(7)",
        alone: false,
        needs: Needs::Nothing,
        run: pipe_ready,
    },
    Probe {
        name: "eagain-socketpair",
        rule: "a full socket takes nothing (EAGAIN) and is not writable; it is when all was read",
        source: "unix(7); socket(7), POLLOUT; send(2), EAGAIN",
        alone: false,
        needs: Needs::Nothing,
        run: eagain_socketpair,
    },
    Probe {
        name: "pipe-write-waits",
        rule: "without O_NONBLOCK a write to a full pipe waits until something was read",
        source: "pipe(7), I/O on pipes and FIFOs",
        alone: false,
        needs: Needs::Nothing,
        run: pipe_write_waits,
    },
    Probe {
        name: "file-always-ready",
        rule: "poll(2) and select(2) always say that a file is ready, even one that is locked and \
               empty",
        source: "POSIX, poll and select, regular files",
        alone: false,
        needs: Needs::Nothing,
        run: file_always_ready,
    },
    Probe {
        name: "nonblock-file",
        rule: "O_NONBLOCK does nothing to a file: reads and writes work, and F_SETLKW waits",
        source: "open(2), O_NONBLOCK; fcntl(2), F_SETLKW",
        alone: false,
        needs: Needs::Nothing,
        run: nonblock_file,
    },
    Probe {
        name: "full-disk-write",
        rule: "when the disk is full, write, fsync or close says ENOSPC",
        source: "write(2), ENOSPC; fsync(2), ENOSPC; close(2)",
        alone: true,
        needs: Needs::Nothing,
        run: full_disk_write,
    },
    Probe {
        name: "full-disk-names",
        rule: "when the disk is full a name is made, or it is ENOSPC and the name is not there",
        source: "open(2), ENOSPC; link(2), ENOSPC; mkdir(2), ENOSPC",
        alone: true,
        needs: Needs::Nothing,
        run: full_disk_names,
    },
    Probe {
        name: "full-disk-lock",
        rule: "a file that is open can be locked when the disk is full, and keeps others out",
        source: "fcntl(2), F_SETLK",
        alone: true,
        needs: Needs::Nothing,
        run: full_disk_lock,
    },
    Probe {
        name: "disk-fails",
        rule: "when the disk takes no writes, write, fsync or close says EIO or EROFS",
        source: "fsync(2), EIO; write(2), EIO; open(2), EROFS",
        alone: true,
        needs: Needs::Nothing,
        run: disk_fails,
    },
];

/// Leaves a process no descriptor.
fn use_up(bench: &mut Bench, by: &Hand) -> Step<()> {
    bench.must(by, Call::LimitFiles { left: 3 })?;
    bench.must(by, Call::TakeFiles).map(drop)
}

fn give_back(bench: &mut Bench, by: &Hand) -> Step<()> {
    bench.must(by, Call::GiveFiles).map(drop)
}

/// `wanted`, if all of it is so; the rule is broken by the first that is not.
fn all(told: &[(&str, &str)], wanted: &str) -> Step<()> {
    match told.iter().find(|(_, told)| *told != wanted) {
        None => Ok(()),
        Some((what, told)) => broken(format!("{what}: {told}, not {wanted}")),
    }
}

fn emfile_open(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "f")?;
    use_up(bench, &one)?;
    let opened = bench.try_open(&one, "f", READ, "f")?;
    let listed = bench.done(&one, Call::List { path: ".".into() })?;
    all(&[("open", word(&opened)), ("list", word(&listed))], "EMFILE")?;
    give_back(bench, &one)?;
    let opened = bench.try_open(&one, "f", READ, "f")?;
    let listed = bench.done(&one, Call::List { path: ".".into() })?;
    all(&[("open later", word(&opened)), ("list later", word(&listed))], "ok")?;
    seen("EMFILE, then ok")
}

fn emfile_changes_nothing(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.put(&one, "old", "text")?;
    use_up(bench, &one)?;
    let created = bench.try_open(&one, "new", CREATE, "f")?;
    let cut = bench.try_open(&one, "old", &[Flag::Write, Flag::Truncate], "f")?;
    all(&[("O_CREAT", word(&created)), ("O_TRUNC", word(&cut))], "EMFILE")?;
    give_back(bench, &one)?;
    let is_there = bench.exists(&one, "new")?;
    let text = bench.text(&one, "old")?;
    match (is_there, text.as_deref()) {
        (false, Ok("text")) => seen("EMFILE"),
        (_, text) => broken(format!("new is there: {is_there}; old has {text:?}")),
    }
}

fn emfile_names(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "f")?;
    use_up(bench, &one)?;
    let linked = bench.link(&one, "f", "g")?;
    let renamed = bench.rename(&one, "g", "h")?;
    let found = bench.stat(&one, "h")?;
    let unlinked = bench.unlink(&one, "h")?;
    let pointed = bench.symlink(&one, "f", "s")?;
    let made = bench.try_mkdir(&one, "d")?;
    let removed = bench.rmdir(&one, "d")?;
    let told = [
        ("link", word(&linked)),
        ("rename", word(&renamed)),
        ("stat", word(&found)),
        ("unlink", word(&unlinked)),
        ("symlink", word(&pointed)),
        ("mkdir", word(&made)),
        ("rmdir", word(&removed)),
    ];
    all(&told, "ok")?;
    seen("ok")
}

fn emfile_lock(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    use_up(bench, &one)?;
    let locked = bench.lock(&one, "f", Kind::Exclusive)?;
    let refused = bench.lock(&other, "f", Kind::Exclusive)?;
    let opened = bench.try_open(&one, "f", BOTH, "again")?;
    let claimed = bench.try_open(&one, "f.lock", EXCLUSIVE, "lock")?;
    let free = bench.try_open(&other, "f.lock", EXCLUSIVE, "lock")?;
    all(&[("the lock", word(&locked)), ("the other's lock file", word(&free))], "ok")?;
    all(&[("open", word(&opened)), ("O_EXCL", word(&claimed))], "EMFILE")?;
    match word(&refused) {
        "EAGAIN" | "EACCES" => seen("locked; EMFILE for what must be opened"),
        other => broken(format!("the other's lock: {other}")),
    }
}

fn emfile_pairs(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    use_up(bench, &one)?;
    bench.close(&one, "f")?;
    let pipe = bench.done(&one, Call::Pipe { read: "r".into(), write: "w".into() })?;
    let pair = bench.done(&one, Call::Socketpair { one: "a".into(), other: "b".into() })?;
    all(&[("pipe", word(&pipe)), ("socketpair", word(&pair))], "EMFILE")?;
    let opened = bench.try_open(&one, "f", READ, "f")?;
    let more = bench.try_open(&one, "f", READ, "more")?;
    match (word(&opened), word(&more)) {
        ("ok", "EMFILE") => seen("EMFILE; one descriptor is left"),
        (opened, more) => broken(format!("then open: {opened}, and again: {more}")),
    }
}

fn limit_raised(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "f")?;
    use_up(bench, &one)?;
    let refused = bench.try_open(&one, "f", READ, "f")?;
    all(&[("open", word(&refused))], "EMFILE")?;
    give_back(bench, &one)?;
    bench.must(&one, Call::LimitFiles { left: 40 })?;
    for count in 0..40 {
        let opened = bench.try_open(&one, "f", READ, &format!("f{count}"))?;
        if opened.is_err() {
            return broken(format!("{} after {count} more", word(&opened)));
        }
    }
    seen("ok")
}

fn leak_counted(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "f")?;
    let before = bench.number(&one, Call::CountFiles)?;
    for round in 1..=10 {
        bench.open(&one, "f", READ, "closed")?;
        bench.close(&one, "closed")?;
        bench.open(&one, "f", READ, &format!("leak-{round}"))?;
        let now = bench.number(&one, Call::CountFiles)?;
        if now != before + round {
            return broken(format!("{} more after {round} rounds", now - before));
        }
    }
    seen("one more a round")
}

fn failure_no_leak(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    let held = bench.lock(&other, "f", Kind::Exclusive)?;
    all(&[("the lock", word(&held))], "ok")?;
    let before = bench.number(&one, Call::CountFiles)?;
    for _ in 0..5 {
        let missing = bench.try_open(&one, "missing", READ, "x")?;
        let exclusive = bench.try_open(&one, "f", EXCLUSIVE, "x")?;
        let directory = bench.try_open(&one, ".", WRITE, "x")?;
        let made = bench.try_mkdir(&one, "f")?;
        let locked = bench.lock(&one, "f", Kind::Exclusive)?;
        let told = [missing, exclusive, directory, made, locked];
        if let Some(place) = told.iter().position(Result::is_ok) {
            return broken(format!("call {} of open, open, open, mkdir, lock: ok", place + 1));
        }
    }
    let after = bench.number(&one, Call::CountFiles)?;
    match after - before {
        0 => seen("none"),
        more => broken(format!("{more} descriptors more")),
    }
}

fn eagain_lock(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    for by in [&one, &other] {
        bench.open(by, "f", CREATE, "fcntl")?;
        bench.open(by, "g", CREATE, "flock")?;
    }
    let held = bench.lock(&one, "fcntl", Kind::Exclusive)?;
    let flocked = bench.flock(&one, "flock", Kind::Exclusive)?;
    let refused = bench.lock(&other, "fcntl", Kind::Exclusive)?;
    let blocked = bench.flock(&other, "flock", Kind::Exclusive)?;
    let freed = bench.lock(&one, "fcntl", Kind::Unlock)?;
    let unlocked = bench.flock(&one, "flock", Kind::Unlock)?;
    let then = bench.lock(&other, "fcntl", Kind::Exclusive)?;
    let later = bench.flock(&other, "flock", Kind::Exclusive)?;
    all(&[("fcntl", word(&held)), ("flock", word(&flocked))], "ok")?;
    all(&[("unlock", word(&freed)), ("LOCK_UN", word(&unlocked))], "ok")?;
    all(&[("fcntl later", word(&then)), ("flock later", word(&later))], "ok")?;
    match (word(&refused), word(&blocked)) {
        (errno @ ("EAGAIN" | "EACCES"), "EAGAIN") => seen(format!("{errno}; flock: EAGAIN")),
        (fcntl, flock) => broken(format!("{fcntl}; flock: {flock}")),
    }
}

/// Reads so many sips, or all that is there.
fn drain(bench: &mut Bench, by: &Hand, fd: &str, sips: usize) -> Step<()> {
    for _ in 0..sips {
        let call = Call::Read { fd: fd.into(), at: None, length: SIP };
        match word(&bench.done(by, call)?) {
            "ok" => {}
            "EAGAIN" => return Ok(()),
            errno => return broken(format!("read: {errno}")),
        }
    }
    Ok(())
}

/// A pipe, `r` and `w`, whose ends do not wait.
fn pipe(bench: &mut Bench, by: &Hand) -> Step<()> {
    bench.must(by, Call::Pipe { read: "r".into(), write: "w".into() })?;
    bench.must(by, Call::Nonblocking { fd: "r".into() })?;
    bench.must(by, Call::Nonblocking { fd: "w".into() }).map(drop)
}

fn eagain_pipe(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    pipe(bench, &one)?;
    let read = Call::Read { fd: "r".into(), at: None, length: SIP };
    let empty = bench.done(&one, read.clone())?;
    let taken = bench.number(&one, Call::Fill { fd: "w".into() })?;
    let full = bench.try_write(&one, "w", "more")?;
    all(&[("read", word(&empty)), ("write", word(&full))], "EAGAIN")?;
    drain(bench, &one, "r", PAGE / SIP)?;
    let written = bench.try_write(&one, "w", "more")?;
    let then = bench.done(&one, read)?;
    all(&[("write later", word(&written)), ("read later", word(&then))], "ok")?;
    seen(format!("EAGAIN after {taken} bytes, then ok"))
}

/// Whether a descriptor is ready; the rule is broken if poll(2) and select(2) do not agree.
fn both_ready(bench: &mut Bench, by: &Hand, fd: &str, to: Direction) -> Step<bool> {
    let polled = bench.ready(by, fd, to, Wait::Poll)?;
    let selected = bench.ready(by, fd, to, Wait::Select)?;
    match polled == selected {
        true => Ok(polled),
        false => broken(format!("poll: {polled}; select: {selected}")),
    }
}

fn pipe_ready(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    pipe(bench, &one)?;
    let readable_empty = both_ready(bench, &one, "r", Direction::Read)?;
    bench.must(&one, Call::Fill { fd: "w".into() })?;
    let readable_full = both_ready(bench, &one, "r", Direction::Read)?;
    let writable_full = both_ready(bench, &one, "w", Direction::Write)?;
    drain(bench, &one, "r", PAGE / SIP)?;
    let writable_again = both_ready(bench, &one, "w", Direction::Write)?;
    match (readable_empty, readable_full, writable_full, writable_again) {
        (false, true, false, true) => seen("not writable, then writable"),
        told => broken(format!("readable empty, full; writable full, again: {told:?}")),
    }
}

fn eagain_socketpair(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.must(&one, Call::Socketpair { one: "a".into(), other: "b".into() })?;
    for fd in ["a", "b"] {
        bench.must(&one, Call::Nonblocking { fd: fd.into() })?;
    }
    bench.must(&one, Call::Fill { fd: "a".into() })?;
    let full = bench.try_write(&one, "a", "more")?;
    all(&[("write", word(&full))], "EAGAIN")?;
    let before = both_ready(bench, &one, "a", Direction::Write)?;
    drain(bench, &one, "b", SIPS)?;
    let after = both_ready(bench, &one, "a", Direction::Write)?;
    let written = bench.try_write(&one, "a", "more")?;
    match (before, after, word(&written)) {
        (false, true, "ok") => seen("EAGAIN, then ok"),
        (before, after, told) => {
            broken(format!("writable full: {before}; empty: {after}; write: {told}"))
        }
    }
}

fn pipe_write_waits(bench: &mut Bench) -> Seen {
    let writer = bench.client(0)?;
    bench.must(&writer, Call::Pipe { read: "r".into(), write: "w".into() })?;
    let reader = bench.thread(&writer)?;
    let page = "x".repeat(PAGE);
    for _ in 0..PIPE / PAGE {
        bench.write(&writer, "w", &page)?;
    }
    let call = Call::Write { fd: "w".into(), at: None, text: "more".into() };
    let ticket = bench.begin(&writer, call)?;
    bench.seconds(2)?;
    if bench.is_answered(ticket)? {
        return broken("it did not wait");
    }
    bench.must(&reader, Call::Read { fd: "r".into(), at: None, length: PAGE })?;
    match bench.answer(ticket, PROMPT)? {
        Some(Ok(_)) => seen("it waited for the read"),
        other => broken(format!("after the read: {other:?}")),
    }
}

fn file_always_ready(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&other, "f", CREATE, "f")?;
    let locked = bench.lock(&other, "f", Kind::Exclusive)?;
    all(&[("the lock", word(&locked))], "ok")?;
    bench.open(&one, "f", BOTH, "f")?;
    for how in WAYS {
        for to in [Direction::Read, Direction::Write] {
            if !bench.ready(&one, "f", to, how)? {
                return broken(format!("{how:?}: not ready to {to:?}"));
            }
        }
    }
    seen("ready")
}

fn nonblock_file(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let flags = [Flag::Read, Flag::Write, Flag::Create, Flag::Nonblock];
    bench.open(&one, "f", &flags, "f")?;
    bench.open(&other, "f", &flags, "f")?;
    let written = bench.try_write(&one, "f", "text")?;
    let read = bench.read(&one, "f", 0, 4)?;
    let held = bench.lock(&one, "f", Kind::Exclusive)?;
    all(&[("write", word(&written)), ("read", word(&read)), ("lock", word(&held))], "ok")?;
    let ticket = bench.wait_for_lock(&other, "f", whole(Kind::Exclusive))?;
    bench.seconds(2)?;
    if bench.is_answered(ticket)? {
        return broken("F_SETLKW did not wait");
    }
    let freed = bench.lock(&one, "f", Kind::Unlock)?;
    all(&[("unlock", word(&freed))], "ok")?;
    match bench.answer(ticket, Nanos::from_secs(60))? {
        Some(Ok(_)) => seen("F_SETLKW waits"),
        other => broken(format!("after the unlock: {other:?}")),
    }
}

/// Writes a page, flushes and closes: what each was told.
fn store(bench: &mut Bench, by: &Hand, fd: &str) -> Step<[String; 3]> {
    let written = bench.try_write(by, fd, &"x".repeat(PAGE))?;
    let flushed = bench.fsync(by, fd)?;
    let closed = bench.done(by, Call::Close { fd: fd.into() })?;
    Ok([word(&written), word(&flushed), word(&closed)].map(str::to_owned))
}

/// The rule is that an error is told, and no other than these.
fn refused(told: &[String; 3], allowed: &[&str]) -> Seen {
    let words = format!("write, fsync, close: {}", told.join(", "));
    let is_known = |word: &String| word == "ok" || allowed.contains(&word.as_str());
    match told.iter().all(is_known) && told.iter().any(|word| word != "ok") {
        true => seen(words),
        false => broken(words),
    }
}

fn full_disk_write(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&one, "g", CREATE, "g")?;
    let fault = bench.strike("{disk: {full: true}}")?;
    bench.seconds(2)?;
    let told = store(bench, &one, "f")?;
    bench.end(fault)?;
    // What the file took that filled the disk is free once its removal is committed.
    bench.seconds(20)?;
    let then = store(bench, &one, "g")?;
    match then.iter().all(|word| word == "ok") {
        true => refused(&told, &["ENOSPC"]),
        false => broken(format!("with room again: {}", then.join(", "))),
    }
}

fn full_disk_names(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "f")?;
    let fault = bench.strike("{disk: {full: true}}")?;
    bench.seconds(2)?;
    let created = bench.try_open(&one, "created", EXCLUSIVE, "f")?;
    let linked = bench.link(&one, "f", "linked")?;
    let made = bench.try_mkdir(&one, "made")?;
    let told = [("created", created), ("linked", linked), ("made", made)];
    let mut words = Vec::new();
    for (name, outcome) in &told {
        let is_there = bench.exists(&one, name)?;
        match (word(outcome), is_there) {
            ("ok", true) | ("ENOSPC", false) => words.push(word(outcome)),
            (told, _) => return broken(format!("{name}: {told}; it is there: {is_there}")),
        }
    }
    bench.end(fault)?;
    seen(format!("open, link, mkdir: {}", words.join(", ")))
}

fn full_disk_lock(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    for by in [&one, &other] {
        bench.open(by, "f", CREATE, "f")?;
        // So that NFSv3's status monitor, which keeps a file for each, knows both before.
        let known = bench.lock(by, "f", Kind::Exclusive)?;
        let freed = bench.lock(by, "f", Kind::Unlock)?;
        all(&[("lock before", word(&known)), ("unlock before", word(&freed))], "ok")?;
    }
    let fault = bench.strike("{disk: {full: true}}")?;
    bench.seconds(2)?;
    let locked = bench.lock(&one, "f", Kind::Exclusive)?;
    let refused = bench.lock(&other, "f", Kind::Exclusive)?;
    let freed = bench.lock(&one, "f", Kind::Unlock)?;
    let then = bench.lock(&other, "f", Kind::Exclusive)?;
    bench.end(fault)?;
    let told = [("lock", word(&locked)), ("unlock", word(&freed)), ("then", word(&then))];
    all(&told, "ok")?;
    match word(&refused) {
        errno @ ("EAGAIN" | "EACCES") => seen(format!("ok; the other: {errno}")),
        other => broken(format!("the other's lock: {other}")),
    }
}

fn disk_fails(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    let fault = bench.strike("{disk: {read_only: true}}")?;
    bench.seconds(1)?;
    let told = store(bench, &one, "f")?;
    bench.end(fault)?;
    refused(&told, &["EIO", "EROFS"])
}
