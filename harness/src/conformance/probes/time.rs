//! Times of files: whose clock they are by, what moves them, and who sees it.

use crate::conformance::bench::{Bench, CREATE, Outcome, Step, WRITE, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::{Call, Flag, Status};

/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;
/// In 2023, with a digit for each unit.
const LONG_AGO: i64 = 1_700_000_000_123_456_789;
const SERVERS: &str = "the server's clock";
const HOUR_AHEAD: &str = "{clock: {node: c1, step: 1h}}";
const HOUR_BEHIND: &str = "{clock: {node: c1, step: -1h}}";

pub const PROBES: &[Probe] = &[
    Probe {
        name: "mtime-server-clock",
        rule: "a client whose clock is an hour ahead does not make a file of the future",
        source: "RFC 8881, section 5.8.2.43; RFC 9754, section 5",
        alone: true,
        needs: Needs::Network,
        run: client_ahead,
    },
    Probe {
        name: "mtime-client-behind",
        rule: "a write by a client whose clock is an hour behind does not turn mtime back",
        source: "POSIX, write; RFC 8881, section 5.8.2.43",
        alone: true,
        needs: Needs::Network,
        run: client_behind,
    },
    Probe {
        name: "mtime-seen-ahead",
        rule: "a client whose clock is an hour ahead sees no other mtime for that",
        source: "RFC 8881, section 5.8.2.43; POSIX, stat",
        alone: true,
        needs: Needs::Network,
        run: seen_ahead,
    },
    Probe {
        name: "utimens-now-clock",
        rule: "UTIME_NOW by a client whose clock is an hour ahead is the time of one of two clocks",
        source: "utimensat(2); RFC 8881, section 18.30: SET_TO_SERVER_TIME4",
        alone: true,
        needs: Needs::Network,
        run: utimens_now,
    },
    Probe {
        name: "utimens-past",
        rule: "a time in the past that utimensat(2) has set is what other clients see",
        source: "POSIX, futimens; RFC 8881, section 18.30",
        alone: false,
        needs: Needs::Nothing,
        run: utimens_past,
    },
    Probe {
        name: "utimens-future",
        rule: "a time in the future that utimensat(2) has set is what other clients see",
        source: "POSIX, futimens; RFC 8881, section 18.30",
        alone: false,
        needs: Needs::Nothing,
        run: utimens_future,
    },
    Probe {
        name: "utimens-open",
        rule: "a time that utimensat(2) sets on a file that is open for writing outlives its close",
        source: "POSIX, futimens; RFC 9754, section 5",
        alone: false,
        needs: Needs::Nothing,
        run: utimens_open,
    },
    Probe {
        name: "utimens-ctime",
        rule: "utimensat(2) moves ctime to the present, whatever the mtime that it sets",
        source: "POSIX, futimens",
        alone: false,
        needs: Needs::Nothing,
        run: utimens_ctime,
    },
    Probe {
        name: "mtime-two-writes",
        rule: "mtime moves on with a write two seconds after the last one",
        source: "POSIX, write",
        alone: false,
        needs: Needs::Nothing,
        run: two_writes,
    },
    Probe {
        name: "mtime-at-stat",
        rule: "stat(2) by the process that has written shows that mtime has moved, before close(2)",
        source: "POSIX, fstat: times marked for update are updated",
        alone: false,
        needs: Needs::Nothing,
        run: at_stat,
    },
    Probe {
        name: "mtime-order",
        rule: "of two files that two clients make in turn, the second has no earlier mtime",
        source: "POSIX, open, O_CREAT; RFC 8881, section 5.8.2.43",
        alone: false,
        needs: Needs::Nothing,
        run: order,
    },
    Probe {
        name: "mtime-truncate",
        rule: "open(2) with O_TRUNC moves mtime, even if the file was empty",
        source: "POSIX, open, O_TRUNC",
        alone: false,
        needs: Needs::Nothing,
        run: truncate,
    },
    Probe {
        name: "mtime-rename",
        rule: "rename(2) leaves mtime as it was",
        source: "POSIX, rename",
        alone: false,
        needs: Needs::Nothing,
        run: rename,
    },
    Probe {
        name: "ctime-chmod",
        rule: "chmod(2) moves ctime, not mtime",
        source: "POSIX, chmod",
        alone: false,
        needs: Needs::Nothing,
        run: chmod,
    },
    Probe {
        name: "ctime-link",
        rule: "link(2) moves the ctime of the file, not its mtime",
        source: "POSIX, link",
        alone: false,
        needs: Needs::Nothing,
        run: link,
    },
    Probe {
        name: "mtime-directory",
        rule: "a name that another client makes moves the mtime of the directory, which is seen \
               when cached attributes have run out (acdirmax, 60 s)",
        source: "POSIX, open, O_CREAT; nfs(5), acdirmax",
        alone: false,
        needs: Needs::Nothing,
        run: directory,
    },
];

/// stat(2) that must succeed.
fn status(bench: &mut Bench, by: &Hand, path: &str) -> Step<Status> {
    let found = bench.stat(by, path)?;
    found.map_err(|errno| Stop::Unfit(format!("stat {path}: {errno}")))
}

/// The wall clock of a process's machine (ns).
fn clock(bench: &mut Bench, by: &Hand) -> Step<i64> {
    bench.number(by, Call::Clock)
}

/// Sets mtime; `None`: to the present.
fn set_mtime(bench: &mut Bench, by: &Hand, path: &str, mtime_ns: Option<i64>) -> Step<Outcome<()>> {
    bench.done(by, Call::Times { path: path.into(), mtime_ns })
}

/// Puts the clock of the first client wrong, and waits until it is.
fn skew(bench: &mut Bench, by: &Hand, strike: &str) -> Step<()> {
    let server = bench.server()?;
    bench.strike(strike)?;
    bench.seconds(2)?;
    let (own, right) = (clock(bench, by)?, clock(bench, &server)?);
    match (own - right).abs() > HOUR / 2 {
        true => Ok(()),
        false => Err(Stop::Unfit("the client's clock is right".into())),
    }
}

/// Whose clock a time is by, just now, where the two are an hour apart.
fn whose(bench: &mut Bench, client: &Hand, time_ns: i64) -> Step<Option<&'static str>> {
    let server = bench.server()?;
    let (own, right) = (clock(bench, client)?, clock(bench, &server)?);
    let is_near = |clock: i64| (time_ns - clock).abs() < 60 * SECOND;
    Ok(match (is_near(right), is_near(own)) {
        (true, _) => Some(SERVERS),
        (false, true) => Some("the client's clock"),
        (false, false) => None,
    })
}

/// A time as seconds since another.
fn seconds(from_ns: i64, to_ns: i64) -> String {
    format!("{:.3} s", (to_ns - from_ns) as f64 / SECOND as f64)
}

/// How exactly a time was kept, if it was.
fn exactness(set_ns: i64, found_ns: i64) -> Option<&'static str> {
    let units = [(1, "to 1 ns"), (100, "to 100 ns"), (1_000, "to 1 us"), (1_000_000, "to 1 ms")];
    let units = units.into_iter().chain([(SECOND, "to 1 s")]);
    let mut kept = units.filter(|(unit, _)| set_ns - set_ns % unit == found_ns);
    kept.next().map(|(_, words)| words)
}

fn client_ahead(bench: &mut Bench) -> Seen {
    let (ahead, other) = bench.two()?;
    skew(bench, &ahead, HOUR_AHEAD)?;
    bench.put(&ahead, "file", "text")?;
    let own = status(bench, &ahead, "file")?.mtime_ns;
    let others = status(bench, &other, "file")?.mtime_ns;
    for (who, mtime_ns) in [("its own client", own), ("the other", others)] {
        match whose(bench, &ahead, mtime_ns)? {
            Some(SERVERS) => {}
            Some(clock) => return broken(format!("to {who} it is by {clock}, an hour ahead")),
            None => return broken(format!("to {who} it is by neither clock")),
        }
    }
    seen(SERVERS)
}

/// A client with a delegation of the times may tell its own (RFC 9754), but not an earlier one than
/// the file has.
fn client_behind(bench: &mut Bench) -> Seen {
    let (behind, other) = bench.two()?;
    skew(bench, &behind, HOUR_BEHIND)?;
    bench.put(&other, "file", "first")?;
    let before = status(bench, &other, "file")?.mtime_ns;
    bench.seconds(2)?;
    bench.put(&behind, "file", "second")?;
    let third = bench.client(1)?;
    bench.open(&third, "file", WRITE, "f")?;
    let found = bench.fstat(&third, "f")?;
    let after = found.map_err(Stop::Unfit)?.mtime_ns;
    match after >= before {
        true => seen(format!("{} later", seconds(before, after))),
        false => broken(format!("it went back by {}", seconds(after, before))),
    }
}

fn seen_ahead(bench: &mut Bench) -> Seen {
    let (ahead, other) = bench.two()?;
    skew(bench, &ahead, HOUR_AHEAD)?;
    bench.put(&other, "file", "text")?;
    let mtime = status(bench, &other, "file")?.mtime_ns;
    let found = status(bench, &ahead, "file")?.mtime_ns;
    match (found - mtime).abs() < 60 * SECOND {
        true => seen(format!("{} later than the other", seconds(mtime, found))),
        false => broken(format!("it sees it {} later than the other", seconds(mtime, found))),
    }
}

fn utimens_now(bench: &mut Bench) -> Seen {
    let (ahead, other) = bench.two()?;
    skew(bench, &ahead, HOUR_AHEAD)?;
    bench.touch(&ahead, "file")?;
    for time in [Some(LONG_AGO), None] {
        let set = set_mtime(bench, &ahead, "file", time)?;
        if set.is_err() {
            return broken(format!("utimensat: {}", word(&set)));
        }
    }
    let own = status(bench, &ahead, "file")?.mtime_ns;
    let others = status(bench, &other, "file")?.mtime_ns;
    if own != others {
        return broken(format!("the other sees it {} later", seconds(own, others)));
    }
    match whose(bench, &ahead, own)? {
        Some(clock) => seen(clock),
        None => broken("it is neither by the server's clock nor by the client's"),
    }
}

fn utimens_past(bench: &mut Bench) -> Seen {
    utimens(bench, LONG_AGO)
}

fn utimens_future(bench: &mut Bench) -> Seen {
    let server = bench.server()?;
    let now = clock(bench, &server)?;
    // Far enough for a lock that is to expire, with a digit for each unit.
    utimens(bench, now - now % SECOND + 48 * HOUR + 123_456_789)
}

fn utimens(bench: &mut Bench, mtime_ns: i64) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "text")?;
    let set = set_mtime(bench, &one, "file", Some(mtime_ns))?;
    if set.is_err() {
        return broken(format!("utimensat: {}", word(&set)));
    }
    as_set(bench, &one, &other, mtime_ns)
}

/// Whether two see the time that was set.
fn as_set(bench: &mut Bench, one: &Hand, other: &Hand, mtime_ns: i64) -> Seen {
    let own = status(bench, one, "file")?.mtime_ns;
    let others = status(bench, other, "file")?.mtime_ns;
    let kept = (exactness(mtime_ns, own), exactness(mtime_ns, others));
    match kept {
        (Some(_), Some(words)) => seen(words),
        _ => broken(format!(
            "it was set to {mtime_ns} ns; who set it sees {}, the other {}",
            seconds(mtime_ns, own),
            seconds(mtime_ns, others)
        )),
    }
}

/// The client has the file delegated, if it ever has, and writes back before the time is set.
fn utimens_open(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "file", CREATE, "f")?;
    bench.write(&one, "f", "text")?;
    let set = set_mtime(bench, &one, "file", Some(LONG_AGO))?;
    if set.is_err() {
        return broken(format!("utimensat: {}", word(&set)));
    }
    bench.close(&one, "f")?;
    as_set(bench, &one, &other, LONG_AGO)
}

fn utimens_ctime(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "file")?;
    let before = status(bench, &one, "file")?.ctime_ns;
    bench.seconds(2)?;
    let set = set_mtime(bench, &one, "file", Some(LONG_AGO))?;
    if set.is_err() {
        return broken(format!("utimensat: {}", word(&set)));
    }
    let after = status(bench, &one, "file")?.ctime_ns;
    match after > before {
        true => seen(format!("{} later", seconds(before, after))),
        false => broken(format!("ctime moved by {}", seconds(before, after))),
    }
}

/// The other looks at the file once, and has nothing cached.
fn two_writes(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "first")?;
    let before = status(bench, &one, "file")?.mtime_ns;
    bench.seconds(2)?;
    bench.put(&one, "file", "again")?;
    let own = status(bench, &one, "file")?.mtime_ns;
    let others = status(bench, &other, "file")?.mtime_ns;
    match own > before && others > before {
        true => seen(format!("{} later", seconds(before, others))),
        false => broken(format!(
            "it moved by {}, for the other by {}",
            seconds(before, own),
            seconds(before, others)
        )),
    }
}

fn at_stat(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "file", CREATE, "f")?;
    let before = status(bench, &one, "file")?.mtime_ns;
    bench.seconds(2)?;
    bench.write(&one, "f", "text")?;
    let open = status(bench, &one, "file")?.mtime_ns;
    bench.close(&one, "f")?;
    let closed = status(bench, &one, "file")?.mtime_ns;
    let words =
        format!("{} at stat, {} after close", seconds(before, open), seconds(before, closed));
    match open > before && closed >= open {
        true => seen(words),
        false => broken(words),
    }
}

fn order(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    for round in 0..10 {
        let (first, second) = (format!("first-{round}"), format!("second-{round}"));
        bench.put(&one, &first, "text")?;
        bench.put(&other, &second, "text")?;
        let before = status(bench, &other, &first)?.mtime_ns;
        let after = status(bench, &one, &second)?.mtime_ns;
        if after < before {
            return broken(format!("the second is {} older", seconds(after, before)));
        }
    }
    seen("in order")
}

fn truncate(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "file")?;
    let before = status(bench, &one, "file")?.mtime_ns;
    bench.seconds(2)?;
    bench.open(&one, "file", &[Flag::Write, Flag::Truncate], "f")?;
    bench.close(&one, "f")?;
    let after = status(bench, &one, "file")?.mtime_ns;
    match after > before {
        true => seen(format!("{} later", seconds(before, after))),
        false => broken(format!("mtime moved by {}", seconds(before, after))),
    }
}

fn rename(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "old", "text")?;
    let before = status(bench, &one, "old")?.mtime_ns;
    bench.seconds(2)?;
    let renamed = bench.rename(&one, "old", "new")?;
    let own = status(bench, &one, "new")?.mtime_ns;
    let others = status(bench, &other, "new")?.mtime_ns;
    match renamed.is_ok() && own == before && others == before {
        true => seen("as it was"),
        false => broken(format!(
            "rename: {}; mtime moved by {}, for the other by {}",
            word(&renamed),
            seconds(before, own),
            seconds(before, others)
        )),
    }
}

fn chmod(bench: &mut Bench) -> Seen {
    moves_ctime(bench, |bench, one| {
        bench.done(one, Call::Chmod { path: "file".into(), mode: 0o600 })
    })
}

fn link(bench: &mut Bench) -> Seen {
    moves_ctime(bench, |bench, one| bench.link(one, "file", "another"))
}

/// A change that moves ctime, and not mtime: as who makes it sees it, and one who looks first then.
fn moves_ctime(
    bench: &mut Bench,
    change: impl FnOnce(&mut Bench, &Hand) -> Step<Outcome<()>>,
) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "text")?;
    let before = status(bench, &one, "file")?;
    bench.seconds(2)?;
    let changed = change(bench, &one)?;
    if changed.is_err() {
        return broken(format!("it was answered with {}", word(&changed)));
    }
    for (who, hand) in [("who did it", &one), ("the other", &other)] {
        let after = status(bench, hand, "file")?;
        let mtime = seconds(before.mtime_ns, after.mtime_ns);
        let ctime = seconds(before.ctime_ns, after.ctime_ns);
        if after.ctime_ns <= before.ctime_ns || after.mtime_ns != before.mtime_ns {
            return broken(format!("for {who}, ctime moved by {ctime}, mtime by {mtime}"));
        }
    }
    seen("ctime alone")
}

fn directory(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "room")?;
    let before = status(bench, &one, "room")?.mtime_ns;
    bench.seconds(2)?;
    bench.touch(&other, "room/name")?;
    let others = status(bench, &other, "room")?.mtime_ns;
    if others <= before {
        return broken(format!(
            "who made the name sees mtime moved by {}",
            seconds(before, others)
        ));
    }
    bench.list(&one, "room")?;
    if status(bench, &one, "room")?.mtime_ns > before {
        return seen("at once");
    }
    bench.seconds(61)?;
    let own = status(bench, &one, "room")?.mtime_ns;
    match own == others {
        true => seen("after a minute"),
        false => broken(format!("a minute later, mtime has moved by {}", seconds(before, own))),
    }
}
