//! Cached names and attributes: for how long what is no longer so is seen, and what is left of a
//! file that another client removes, replaces or cuts short; and data that has to outlast a crash.

use super::cache::{
    ALL, NEW, OLD, in_time, old_or_new, only_new, shown, synced, tick, was_old, write_at,
    write_over,
};
use crate::conformance::bench::{BOTH, Bench, CREATE, Outcome, READ, Step, WRITE, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::Hand;
use crate::units::Nanos;
use lockstorm_agent::probe::{Answer, Call, Flag, Status};

/// A time of long ago (2001), which no clock here tells.
const LONG_AGO_NS: i64 = 1_000_000_000_000_000_000;
/// Bits of a mode that chmod(2) sets.
const PERMISSIONS: u32 = 0o777;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "stat-finds-new-name",
        rule: "stat(2) finds a name within 60 s that was looked for in vain before it was made",
        source: "nfs(5), lookupcache, acdirmax; RFC 8881, section 10.8.1",
        alone: false,
        needs: Needs::Network,
        run: stat_finds_new_name,
    },
    Probe {
        name: "open-finds-new-name",
        rule: "open(2) finds a name within 60 s that was looked for in vain before it was made",
        source: "nfs(5), lookupcache, acdirmax; RFC 8881, section 10.8.1",
        alone: false,
        needs: Needs::Network,
        run: open_finds_new_name,
    },
    Probe {
        name: "stat-misses-removed-name",
        rule: "stat(2) no longer finds a name that another client has removed, within 60 s",
        source: "nfs(5), lookupcache, acdirmax; RFC 8881, section 10.8.1",
        alone: false,
        needs: Needs::Network,
        run: stat_misses_removed_name,
    },
    Probe {
        name: "open-misses-removed-name",
        rule: "open(2) of a name that another client has removed fails at once",
        source: "nfs(5), close-to-open cache consistency; POSIX, open",
        alone: false,
        needs: Needs::Nothing,
        run: open_misses_removed_name,
    },
    Probe {
        name: "open-replaced",
        rule: "open(2) of a name that another client has replaced by rename(2) gets the new file \
               within 60 s",
        source: "nfs(5), lookupcache, acdirmax; POSIX, rename",
        alone: false,
        needs: Needs::Network,
        run: |bench| open_replaced(bench, false),
    },
    Probe {
        name: "open-replaced-while-open",
        rule: "open(2) of a replaced name gets the new file within 60 s where the client has the \
               old one open, too",
        source: "nfs(5), lookupcache, acdirmax; POSIX, rename",
        alone: false,
        needs: Needs::Network,
        run: |bench| open_replaced(bench, true),
    },
    Probe {
        name: "replaced-stays-readable",
        rule: "who has a file open that another client replaces reads the old data, or ESTALE",
        source: "POSIX, rename; RFC 1813, section 2.6 (NFS3ERR_STALE)",
        alone: false,
        needs: Needs::Nothing,
        run: replaced_stays_readable,
    },
    Probe {
        name: "removed-while-open",
        rule: "who has a file open that another client removes reads its data from the server, or \
               ESTALE",
        source: "POSIX, unlink; RFC 1813, section 2.6 (NFS3ERR_STALE); RFC 8881, section 18.25",
        alone: false,
        needs: Needs::Network,
        run: removed_while_open,
    },
    Probe {
        name: "replaced-while-mapped",
        rule: "what is mapped and was read stays readable when another client replaces the file",
        source: "POSIX, mmap; POSIX, rename",
        alone: false,
        needs: Needs::Nothing,
        run: replaced_while_mapped,
    },
    Probe {
        name: "create-in-removed-directory",
        rule: "a file cannot be made in a directory that another client has removed",
        source: "POSIX, open (ENOENT); RFC 8881, section 15.1.2.7 (NFS4ERR_STALE)",
        alone: false,
        needs: Needs::Nothing,
        run: create_in_removed_directory,
    },
    Probe {
        name: "list-names-of-others",
        rule: "what another client has made or removed is seen in a listing within 60 s",
        source: "nfs(5), acdirmax; RFC 8881, section 10.8.2",
        alone: false,
        needs: Needs::Network,
        run: list_names_of_others,
    },
    Probe {
        name: "list-own-names",
        rule: "a client lists at once what it has made, and what it has removed no longer",
        source: "POSIX, readdir; RFC 8881, section 10.8.2",
        alone: false,
        needs: Needs::Nothing,
        run: list_own_names,
    },
    Probe {
        name: "stat-new-size",
        rule: "stat(2) shows within 60 s the size that another client has given to a file",
        source: "nfs(5), acregmax; RFC 8881, section 10.6",
        alone: false,
        needs: Needs::Network,
        run: |bench| stat_shows(bench, Change::Size),
    },
    Probe {
        name: "stat-new-mtime",
        rule: "stat(2) shows within 60 s the time that another client has given to a file",
        source: "nfs(5), acregmax; RFC 8881, section 10.6",
        alone: false,
        needs: Needs::Network,
        run: |bench| stat_shows(bench, Change::Time),
    },
    Probe {
        name: "stat-new-mode",
        rule: "stat(2) shows within 60 s the mode that another client has given to a file",
        source: "nfs(5), acregmax; RFC 8881, section 10.6",
        alone: false,
        needs: Needs::Network,
        run: |bench| stat_shows(bench, Change::Mode),
    },
    Probe {
        name: "open-new-size",
        rule: "fstat(2) after open(2) shows the size that another client has given to a file",
        source: "nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| open_shows(bench, Change::Size),
    },
    Probe {
        name: "open-new-mtime",
        rule: "fstat(2) after open(2) shows the time that another client has given to a file",
        source: "nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: |bench| open_shows(bench, Change::Time),
    },
    Probe {
        name: "emptied-by-open",
        rule: "a file that another client has opened with O_TRUNC, and closed, reads as empty",
        source: "open(2), O_TRUNC; nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: emptied_by_open,
    },
    Probe {
        name: "cut-short-while-open",
        rule: "a file that another client cuts short is read at its new length after a new open",
        source: "ftruncate(2); nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: cut_short_while_open,
    },
    Probe {
        name: "map-anew",
        rule: "who opens and maps a file anew sees what another client has written and closed",
        source: "POSIX, mmap; nfs(5), close-to-open cache consistency; RFC 8881, section 10.7",
        alone: false,
        needs: Needs::Nothing,
        run: map_anew,
    },
    Probe {
        name: "map-written",
        rule: "what was written to mapped memory is read by another client after fsync(2)",
        source: "POSIX, mmap; fsync(2); RFC 8881, section 10.7",
        alone: false,
        needs: Needs::Nothing,
        run: map_written,
    },
    Probe {
        name: "client-crash-unwritten",
        rule: "a client that crashes may lose what it has not fsynced, and no more of the file",
        source: "write(2); fsync(2)",
        alone: true,
        needs: Needs::Network,
        run: client_crash_unwritten,
    },
    Probe {
        name: "server-crash-fsynced",
        rule: "what was fsynced is there after the server has crashed",
        source: "fsync(2); RFC 8881, section 18.3 (COMMIT)",
        alone: true,
        needs: Needs::Nothing,
        run: server_crash_fsynced,
    },
    Probe {
        name: "server-crash-closed",
        rule: "what was written and closed over NFS is there after the server has crashed",
        source: "nfs(5), close-to-open cache consistency; RFC 8881, section 18.3 (COMMIT)",
        alone: true,
        needs: Needs::Network,
        run: server_crash_closed,
    },
    Probe {
        name: "server-crash-written",
        rule: "what a client had not yet fsynced when the server crashed, it can fsync afterwards",
        source: "RFC 8881, section 18.3 (COMMIT, the write verifier); RFC 1813, section 3.3.21",
        alone: true,
        needs: Needs::Network,
        run: server_crash_written,
    },
];

// --- Names --------------------------------------------------------------------------------------

fn stat_finds_new_name(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    if bench.exists(&one, "f")? {
        return broken("a name is found that nobody has made");
    }
    bench.touch(&other, "f")?;
    in_time(bench, |bench| bench.exists(&one, "f"))
}

fn open_finds_new_name(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    if bench.exists(&one, "f")? {
        return broken("a name is found that nobody has made");
    }
    bench.put(&other, "f", NEW)?;
    in_time(bench, |bench| match bench.text(&one, "f")? {
        Err(errno) if errno == "ENOENT" => Ok(false),
        found => only_new(&found).map(|_| true),
    })
}

fn stat_misses_removed_name(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&other, "f")?;
    if !bench.exists(&one, "f")? {
        return broken("a new name is not found");
    }
    remove(bench, &other, "f")?;
    in_time(bench, |bench| {
        let found = bench.stat(&one, "f")?;
        match word(&found) {
            "ok" => Ok(false),
            "ENOENT" | "ESTALE" => Ok(true),
            other => broken(format!("stat: {other}")),
        }
    })
}

/// What is done to a file first, and is not asked about.
fn needed(done: Outcome<()>) -> Step<()> {
    done.map_err(Stop::Unfit)
}

fn remove(bench: &mut Bench, by: &Hand, path: &str) -> Step<()> {
    let removed = bench.unlink(by, path)?;
    needed(removed)
}

/// Another client replaces `f` by a file with what is new.
fn replace(bench: &mut Bench, by: &Hand) -> Step<()> {
    bench.put(by, "f.new", NEW)?;
    let renamed = bench.rename(by, "f.new", "f")?;
    needed(renamed)
}

fn open_misses_removed_name(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&other, "f")?;
    if !bench.exists(&one, "f")? {
        return broken("a new name is not found");
    }
    remove(bench, &other, "f")?;
    let opened = bench.try_open(&one, "f", READ, "f")?;
    not_there(bench, &opened)
}

/// What an open is answered whose file, or its directory, is gone.
fn not_there(bench: &Bench, opened: &Outcome<()>) -> Seen {
    match word(opened) {
        "ESTALE" if !bench.is_local() => seen("ESTALE"),
        "ENOENT" => seen("ENOENT"),
        other => broken(format!("open: {other}")),
    }
}

fn open_replaced(bench: &mut Bench, stays_open: bool) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&other, "f", OLD)?;
    bench.open(&one, "f", READ, "f")?;
    let before = bench.read(&one, "f", 0, ALL)?;
    was_old(&before)?;
    if !stays_open {
        bench.close(&one, "f")?;
    }
    replace(bench, &other)?;
    in_time(bench, |bench| {
        let found = bench.text(&one, "f")?;
        old_or_new(&found)?;
        Ok(found == Ok(NEW.into()))
    })
}

fn replaced_stays_readable(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&other, "f", OLD)?;
    bench.open(&one, "f", READ, "f")?;
    let before = bench.read(&one, "f", 0, ALL)?;
    was_old(&before)?;
    replace(bench, &other)?;
    // Longer than its attributes are in the cache.
    bench.seconds(70)?;
    still_old(bench, &one)
}

/// What is read of an open file whose name is gone.
fn still_old(bench: &mut Bench, by: &Hand) -> Seen {
    let found = bench.read(by, "f", 0, ALL)?;
    match word(&found) {
        "ESTALE" if !bench.is_local() => seen("ESTALE"),
        _ => was_old(&found).and_then(|()| seen("the old data")),
    }
}

fn removed_while_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&other, "f", OLD)?;
    // O_DIRECT: past the client's own cache.
    bench.open(&one, "f", &[Flag::Read, Flag::Direct], "f")?;
    let before = bench.read(&one, "f", 0, ALL)?;
    was_old(&before)?;
    remove(bench, &other, "f")?;
    bench.seconds(70)?;
    still_old(bench, &one)
}

fn replaced_while_mapped(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&other, "f", OLD)?;
    bench.open(&one, "f", BOTH, "f")?;
    map(bench, &one, "f", "m")?;
    let before = peek(bench, &one, "m")?;
    was_old(&before)?;
    replace(bench, &other)?;
    bench.seconds(70)?;
    // A signal would end the process, and there would be no answer.
    let ticket = bench.begin(&one, Call::Peek { map: "m".into(), length: OLD.len() })?;
    match bench.answer(ticket, Nanos::from_secs(30))? {
        Some(Ok(Answer::Text(text))) if text == OLD => seen("the old data"),
        Some(other) => broken(format!("it sees {other:?}")),
        None => broken("no answer within 30 s: SIGBUS"),
    }
}

fn create_in_removed_directory(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&other, "d")?;
    bench.touch(&one, "d/f")?;
    remove(bench, &one, "d/f")?;
    let removed = bench.rmdir(&other, "d")?;
    needed(removed)?;
    let made = bench.try_open(&one, "d/f", CREATE, "f")?;
    not_there(bench, &made)
}

fn list_names_of_others(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&other, "first")?;
    lists(bench, &one, &["first"])?;
    bench.touch(&other, "second")?;
    remove(bench, &other, "first")?;
    in_time(bench, |bench| match bench.list(&one, ".")?.as_slice() {
        [name] if name == "first" => Ok(false),
        [name] if name == "second" => Ok(true),
        names => broken(format!("it lists {names:?}")),
    })
}

/// The directory has these names alone.
fn lists(bench: &mut Bench, by: &Hand, wanted: &[&str]) -> Step<()> {
    let names = bench.list(by, ".")?;
    match names == wanted {
        true => Ok(()),
        false => broken(format!("it lists {names:?} instead of {wanted:?}")),
    }
}

fn list_own_names(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "first")?;
    lists(bench, &one, &["first"])?;
    bench.touch(&one, "second")?;
    lists(bench, &one, &["first", "second"])?;
    let renamed = bench.rename(&one, "second", "third")?;
    needed(renamed)?;
    lists(bench, &one, &["first", "third"])?;
    remove(bench, &one, "first")?;
    lists(bench, &one, &["third"])?;
    seen("at once")
}

// --- Attributes ---------------------------------------------------------------------------------

/// What one client changes of a file.
#[derive(Clone, Copy)]
enum Change {
    Size,
    Time,
    Mode,
}

impl Change {
    fn make(self, bench: &mut Bench, by: &Hand) -> Step<()> {
        let call = match self {
            Change::Size => return write_over(bench, by, "f", &format!("{OLD}{NEW}")),
            Change::Time => Call::Times { path: "f".into(), mtime_ns: Some(LONG_AGO_NS) },
            Change::Mode => Call::Chmod { path: "f".into(), mode: 0o600 },
        };
        let done = bench.done(by, call)?;
        needed(done)
    }

    /// A client that has the attributes in its cache as they were before another made the change.
    fn made_behind(self, bench: &mut Bench) -> Step<Hand> {
        let (one, other) = bench.two()?;
        bench.put(&other, "f", OLD)?;
        match bench.stat(&one, "f")? {
            Ok(status) if !self.is_in(&status) => {}
            before => return broken(format!("before the change: {before:?}")),
        }
        self.make(bench, &other)?;
        Ok(one)
    }

    fn is_in(self, status: &Status) -> bool {
        match self {
            Change::Size => usize::try_from(status.size) == Ok(OLD.len() + NEW.len()),
            Change::Time => status.mtime_ns == LONG_AGO_NS,
            Change::Mode => status.mode & PERMISSIONS == 0o600,
        }
    }
}

fn stat_shows(bench: &mut Bench, change: Change) -> Seen {
    let one = change.made_behind(bench)?;
    in_time(bench, |bench| match bench.stat(&one, "f")? {
        Ok(status) => Ok(change.is_in(&status)),
        Err(errno) => broken(format!("stat: {errno}")),
    })
}

fn open_shows(bench: &mut Bench, change: Change) -> Seen {
    let one = change.made_behind(bench)?;
    bench.open(&one, "f", READ, "f")?;
    match bench.fstat(&one, "f")? {
        Ok(status) if change.is_in(&status) => seen("at once"),
        other => broken(format!("fstat: {other:?}")),
    }
}

// --- Cut short ----------------------------------------------------------------------------------

fn emptied_by_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    let before = bench.text(&other, "f")?;
    was_old(&before)?;
    tick(bench)?;
    bench.open(&one, "f", &[Flag::Write, Flag::Truncate], "f")?;
    bench.close(&one, "f")?;
    match bench.text(&other, "f")? {
        Ok(text) if text.is_empty() => seen("empty"),
        found => broken(format!("it reads {}", shown(&found))),
    }
}

fn cut_short_while_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    bench.open(&other, "f", READ, "f")?;
    let before = bench.read(&other, "f", 0, ALL)?;
    was_old(&before)?;
    tick(bench)?;
    bench.open(&one, "f", WRITE, "f")?;
    bench.must(&one, Call::Truncate { fd: "f".into(), length: 3 })?;
    bench.close(&one, "f")?;
    let (short, open) = (&OLD[..3], bench.read(&other, "f", 0, ALL)?);
    let anew = bench.text(&other, "f")?;
    if anew.as_deref() != Ok(short) {
        return broken(format!("after a new open it reads {}", shown(&anew)));
    }
    match open.as_deref() {
        Ok(text) if text == short => seen("the new length without a new open, too"),
        Ok(text) if text == OLD && !bench.is_local() => seen("the old length until a new open"),
        _ => broken(format!("without a new open it reads {}", shown(&open))),
    }
}

// --- Mapped -------------------------------------------------------------------------------------

fn map(bench: &mut Bench, by: &Hand, fd: &str, name: &str) -> Step<()> {
    let call = Call::Map { fd: fd.into(), length: 4096, name: name.into() };
    bench.must(by, call).map(drop)
}

/// As much of a mapping as the file holds.
fn peek(bench: &mut Bench, by: &Hand, map: &str) -> Step<Outcome<String>> {
    match bench.ask(by, Call::Peek { map: map.into(), length: OLD.len() })? {
        Ok(Answer::Text(text)) => Ok(Ok(text)),
        Ok(other) => broken(format!("it sees {other:?}")),
        Err(errno) => Ok(Err(errno)),
    }
}

fn map_anew(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    bench.open(&other, "f", BOTH, "before")?;
    map(bench, &other, "before", "before")?;
    let before = peek(bench, &other, "before")?;
    was_old(&before)?;
    tick(bench)?;
    write_over(bench, &one, "f", NEW)?;
    bench.open(&other, "f", BOTH, "after")?;
    map(bench, &other, "after", "after")?;
    let after = peek(bench, &other, "after")?;
    only_new(&after)
}

fn map_written(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    let before = bench.text(&other, "f")?;
    was_old(&before)?;
    tick(bench)?;
    bench.open(&one, "f", BOTH, "f")?;
    map(bench, &one, "f", "m")?;
    bench.must(&one, Call::Poke { map: "m".into(), text: NEW.into() })?;
    bench.must(&one, Call::Unmap { map: "m".into() })?;
    synced(bench, &one)?;
    let after = bench.text(&other, "f")?;
    only_new(&after)
}

// --- Crashes ------------------------------------------------------------------------------------

fn client_crash_unwritten(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    bench.open(&one, "f", BOTH, "f")?;
    write_at(bench, &one, 0, NEW)?;
    bench.restart_client(0)?;
    let found = bench.text(&other, "f")?;
    old_or_new(&found)
}

fn server_crash_fsynced(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.write(&one, "f", NEW)?;
    synced(bench, &one)?;
    bench.restart_server()?;
    let reader = bench.client(1)?;
    let found = bench.text(&reader, "f")?;
    only_new(&found)
}

fn server_crash_closed(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", NEW)?;
    bench.restart_server()?;
    let found = bench.text(&other, "f")?;
    only_new(&found)
}

fn server_crash_written(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", OLD)?;
    bench.open(&one, "f", BOTH, "f")?;
    write_at(bench, &one, 0, NEW)?;
    bench.restart_server()?;
    synced(bench, &one)?;
    let found = bench.text(&other, "f")?;
    only_new(&found)
}
