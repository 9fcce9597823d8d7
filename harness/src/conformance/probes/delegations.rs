//! Files that one client has open, and with them a delegation, where the server gives one: what
//! others do to such a file, and how soon. Whether there is a delegation, no call tells.

use super::cache::{
    ALL, NEW, OLD, in_time, old_or_new, only_new, shown, synced, tick, was_old, within, write_at,
};
use super::names::fit;
use crate::conformance::bench::{BOTH, Bench, READ, Step, WRITE, open, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::{Hand, Ticket};
use crate::units::{MILLISECOND, Nanos, SECOND};
use lockstorm_agent::probe::{Call, Flag, Rename, Status};

/// A client that is well gives a file back long before.
const SOON: Nanos = Nanos::from_secs(10);
/// The longest that what is no longer so is kept by a server of user space, and then by a client
/// (s): nfs-ganesha's Attr_Expiration_Time; acregmax and acdirmax (nfs(5)); and more.
const TWO_CACHES: u64 = 130;
/// The files that one client has open.
const MANY: usize = 20;
/// Bits of a mode that chmod(2) sets.
const PERMISSIONS: u32 = 0o777;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "delegation-reader-cut",
        rule: "a client that is cut off while it reads a file does not keep a writer waiting when \
               its lease is over, and reads what is new when it is connected again",
        source: "RFC 8881, sections 8.4.3 and 10.4.5; RFC 7530, section 10.4.6",
        alone: true,
        needs: Needs::Leases,
        run: reader_cut,
    },
    Probe {
        name: "delegation-writer-cut",
        rule: "a client that is cut off while it has a file open for writing does not keep another \
               writer waiting when its lease is over",
        source: "RFC 8881, sections 8.4.3 and 10.4.5; RFC 7530, section 10.4.6",
        alone: true,
        needs: Needs::Leases,
        run: writer_cut,
    },
    Probe {
        name: "delegation-many-files",
        rule: "twenty files that one client reads can all be opened for writing by another at \
               once, within 10 s",
        source: "RFC 8881, section 10.4.4 (recall of open delegation)",
        alone: false,
        needs: Needs::Leases,
        run: many_files,
    },
    Probe {
        name: "delegation-own-writer",
        rule: "the client that reads a file can open it for writing as well within 10 s, and so \
               can another after it, who reads what the first has written",
        source: "RFC 8881, section 10.4.4; nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Leases,
        run: own_writer,
    },
    Probe {
        name: "link-open-elsewhere",
        rule: "who has a file open reads it after another client has linked it, and sees both \
               links within 60 s",
        source: "link(2); nfs(5), acregmax; RFC 8881, section 10.6",
        alone: false,
        needs: Needs::Nothing,
        run: link_elsewhere,
    },
    Probe {
        name: "server-links-open",
        rule: "a file that a client has open can be linked on the server's machine within 10 s, \
               and the client sees both links when what it and the server have cached runs out",
        source: "link(2); nfs(5), acregmax; RFC 8881, section 10.4.4",
        alone: false,
        needs: Needs::Network,
        run: server_links,
    },
    Probe {
        name: "server-chmods-open",
        rule: "the mode of a file that a client has open can be changed on the server's machine \
               within 10 s, and the client sees it when what it and the server have cached runs \
               out",
        source: "chmod(2); nfs(5), acregmax; RFC 8881, section 10.4.4",
        alone: false,
        needs: Needs::Network,
        run: server_chmods,
    },
    Probe {
        name: "server-renames-open",
        rule: "a file that a client has open can be renamed on the server's machine within 10 s; \
               the client reads on, and finds the old name no longer when what it and the server \
               have cached runs out",
        source: "rename(2); nfs(5), acdirmax; RFC 8881, section 10.4.4",
        alone: false,
        needs: Needs::Network,
        run: server_renames,
    },
    Probe {
        name: "renamed-name-while-open",
        rule: "open(2) no longer finds, within 60 s, a name that another client has taken from a \
               file, though the file is open by its new one",
        source: "nfs(5), lookupcache, acdirmax; POSIX, rename",
        alone: false,
        needs: Needs::Nothing,
        run: old_name,
    },
    Probe {
        name: "stat-unwritten",
        rule: "stat(2) shows the old size or the new one while another client has written and not \
               closed, and the new one within 60 s of its fsync(2)",
        source: "RFC 8881, section 10.4.3 (CB_GETATTR); nfs(5), acregmax; POSIX, write",
        alone: false,
        needs: Needs::Nothing,
        run: stat_unwritten,
    },
];

/// A file with old data, which one client has open so, and has read.
fn opened(bench: &mut Bench, by: &Hand, path: &str, flags: &[Flag]) -> Step<()> {
    bench.put(by, path, OLD)?;
    tick(bench)?;
    bench.open(by, path, flags, "f")?;
    let before = bench.read(by, "f", 0, ALL)?;
    was_old(&before)
}

/// A call is answered with success within this time: after how long.
fn done_within(bench: &mut Bench, ticket: Ticket, begun: Nanos, within: Nanos) -> Step<Nanos> {
    let left = Nanos((begun.0 + within.0).saturating_sub(bench.now().0));
    match bench.answer(ticket, left)? {
        Some(Ok(_)) => Ok(Nanos(bench.now().0 - begun.0)),
        Some(Err(errno)) => broken(format!("it was answered with {errno}")),
        None => broken(format!("it still waits after {within}")),
    }
}

/// Makes a call that must succeed within 10 s: after how many milliseconds it has.
fn soon(bench: &mut Bench, by: &Hand, call: Call) -> Step<u64> {
    let begun = bench.now();
    let ticket = bench.begin(by, call)?;
    Ok(done_within(bench, ticket, begun, SOON)?.0 / MILLISECOND)
}

fn fstat(bench: &mut Bench, by: &Hand) -> Step<Status> {
    match bench.fstat(by, "f")? {
        Ok(status) => Ok(status),
        Err(errno) => broken(format!("fstat of an open file: {errno}")),
    }
}

/// Who has it open, and whose cache has it, reads the old data still.
fn reads_on(bench: &mut Bench, by: &Hand) -> Step<()> {
    let found = bench.read(by, "f", 0, ALL)?;
    was_old(&found)
}

// --- Others who want to write -------------------------------------------------------------------

/// Opens a file for writing that a client has open which is cut off since just now: after how many
/// seconds. No standard says when at the latest, but that a lease which is over keeps nobody from
/// what he asks for.
fn opens_in_the_end(bench: &mut Bench, by: &Hand) -> Step<u64> {
    let begun = bench.now();
    let ticket = bench.begin(by, open("f", BOTH, "f"))?;
    // A server looks for leases that are over once a lease, and a client that is told to come later
    // waits for longer and longer, up to 15 s.
    let most = Nanos(bench.lease().0 * 2 + 30 * SECOND);
    Ok(done_within(bench, ticket, begun, most)?.0 / SECOND)
}

fn reader_cut(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    opened(bench, &one, "f", READ)?;
    let cut = bench.strike("{cut: {node: c1}}")?;
    let after = opens_in_the_end(bench, &other)?;
    write_at(bench, &other, 0, NEW)?;
    synced(bench, &other)?;
    bench.end(cut)?;
    // Until it is connected again, it cannot know.
    let early = bench.text(&one, "f")?;
    old_or_new(&early)?;
    bench.touch(&one, "connected")?;
    tick(bench)?;
    let late = bench.text(&one, "f")?;
    only_new(&late)?;
    seen(format!(
        "open after {after} s; the reader reads {}, connected {}",
        shown(&early),
        shown(&late)
    ))
}

fn writer_cut(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    opened(bench, &one, "f", BOTH)?;
    bench.strike("{cut: {node: c1}}")?;
    let after = opens_in_the_end(bench, &other)?;
    seen(format!("open after {after} s"))
}

fn many_files(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let mut writers = Vec::new();
    for number in 0..MANY {
        let path = format!("f-{number}");
        bench.put(&one, &path, OLD)?;
        bench.open(&one, &path, READ, &path)?;
        let before = bench.read(&one, &path, 0, ALL)?;
        was_old(&before)?;
        writers.push((bench.thread(&other)?, path));
    }
    let begun = bench.now();
    let mut opens = Vec::new();
    for (writer, path) in &writers {
        opens.push(bench.begin(writer, open(path, WRITE, path))?);
    }
    let mut last = Nanos::ZERO;
    for ticket in opens {
        last = last.max(done_within(bench, ticket, begun, SOON)?);
    }
    seen(format!("all are open after {} ms", last.0 / MILLISECOND))
}

fn own_writer(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    opened(bench, &one, "f", READ)?;
    let own = soon(bench, &one, open("f", WRITE, "w"))?;
    bench.write(&one, "w", NEW)?;
    bench.close(&one, "w")?;
    let others = soon(bench, &other, open("f", BOTH, "f"))?;
    let found = bench.read(&other, "f", 0, ALL)?;
    only_new(&found)?;
    seen(format!("open after {own} ms, for the other after {others} ms"))
}

// --- Others who change names and modes ----------------------------------------------------------

fn link_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    opened(bench, &one, "f", READ)?;
    fit(bench.link(&other, "f", "second")?)?;
    reads_on(bench, &one)?;
    in_time(bench, |bench| Ok(fstat(bench, &one)?.links == 2))
}

/// A process on the server's machine makes a call on a file that a client has open for reading,
/// and on one that it has open for writing; the client sees what came of it.
fn on_server(
    bench: &mut Bench,
    call: impl Fn(&str) -> Call,
    sees: impl Fn(&mut Bench, &Hand, &str) -> Step<bool>,
) -> Seen {
    let one = bench.client(0)?;
    let server = bench.server()?;
    let mut words = Vec::new();
    for (path, flags) in [("read", READ), ("written", BOTH)] {
        opened(bench, &one, path, flags)?;
        let took = soon(bench, &server, call(path))?;
        reads_on(bench, &one)?;
        let shows = within(bench, TWO_CACHES, |bench| sees(bench, &one, path))?;
        bench.close(&one, "f")?;
        words.push(format!("{path}: done after {took} ms, seen {shows}"));
    }
    seen(words.join("; "))
}

/// Another name for a file.
fn another(path: &str) -> String {
    format!("{path}-2")
}

fn server_links(bench: &mut Bench) -> Seen {
    let call = |path: &str| Call::Link { from: path.into(), to: another(path) };
    on_server(bench, call, |bench, one, _| Ok(fstat(bench, one)?.links == 2))
}

fn server_chmods(bench: &mut Bench) -> Seen {
    let call = |path: &str| Call::Chmod { path: path.into(), mode: 0o600 };
    on_server(bench, call, |bench, one, _| Ok(fstat(bench, one)?.mode & PERMISSIONS == 0o600))
}

/// The new name is looked for when the old one is gone: one that has the file open by a name may go
/// on to trust its other ones.
fn server_renames(bench: &mut Bench) -> Seen {
    let to = |path: &str| Call::Rename { from: path.into(), to: another(path), how: Rename::Plain };
    on_server(bench, to, |bench, one, path| {
        if !is_gone(bench, one, path)? {
            return Ok(false);
        }
        let found = bench.text(one, &another(path))?;
        was_old(&found).map(|()| true)
    })
}

/// Whether open(2) no longer finds a name.
fn is_gone(bench: &mut Bench, by: &Hand, path: &str) -> Step<bool> {
    let opened = bench.try_open(by, path, READ, "again")?;
    match word(&opened) {
        "ENOENT" | "ESTALE" => Ok(true),
        "ok" => bench.close(by, "again").map(|()| false),
        errno => broken(format!("open by the old name: {errno}")),
    }
}

/// The file is made on the server, so that no client has had to give it back before: a server may
/// then delegate it to who opens it by its new name.
fn old_name(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let server = bench.server()?;
    bench.put(&server, "old", OLD)?;
    fit(bench.stat(&one, "old")?)?;
    tick(bench)?;
    fit(bench.rename(&other, "old", "new")?)?;
    bench.open(&one, "new", READ, "f")?;
    in_time(bench, |bench| is_gone(bench, &one, "old"))
}

// --- Attributes ---------------------------------------------------------------------------------

fn stat_unwritten(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let (old, new) = (OLD.len(), OLD.len() + NEW.len());
    bench.put(&one, "f", OLD)?;
    tick(bench)?;
    bench.open(&one, "f", BOTH, "f")?;
    write_at(bench, &one, 0, &format!("{OLD}{NEW}"))?;
    let first = size(bench, &other)?;
    if first != new && (first != old || bench.is_local()) {
        return broken(format!("the size is {first}, neither {old} nor {new}"));
    }
    synced(bench, &one)?;
    let late = in_time(bench, |bench| Ok(size(bench, &other)? == new))?;
    let word = if first == new { "new" } else { "old" };
    seen(format!("the {word} size; after fsync the new one {late}"))
}

fn size(bench: &mut Bench, by: &Hand) -> Step<usize> {
    match bench.stat(by, "f")? {
        Ok(status) => Ok(usize::try_from(status.size).unwrap_or(usize::MAX)),
        Err(errno) => Err(Stop::Unfit(format!("stat: {errno}"))),
    }
}
