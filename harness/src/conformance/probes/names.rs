//! Names: what makes them, what removes them, and who of several gets one.

use crate::conformance::bench::{BOTH, Bench, CREATE, EXCLUSIVE, Outcome, READ, Step, open, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::{Hand, Ticket};
use crate::units::Nanos;
use lockstorm_agent::probe::{Answer, Call};

/// How many times two race for one name.
pub(super) const RACES: usize = 20;
/// How long a client may go by what it knows of a directory: acdirmax of nfs(5), and a moment.
const REMEMBERED_S: u64 = 62;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "create-excl-once",
        rule: "of two clients that create a name with O_EXCL, one gets it, and the other EEXIST",
        source: "open(2), O_EXCL; RFC 8881, section 18.16",
        alone: false,
        needs: Needs::Nothing,
        run: create_excl_once,
    },
    Probe {
        name: "create-excl-race",
        rule: "of two clients that create a name with O_EXCL at once, one gets it",
        source: "open(2), O_EXCL; RFC 8881, section 18.16",
        alone: false,
        needs: Needs::Nothing,
        run: create_excl_race,
    },
    Probe {
        name: "link-once",
        rule: "link(2) to a name that is there fails with EEXIST, whoever has made it",
        source: "link(2); RFC 8881, section 18.9",
        alone: false,
        needs: Needs::Nothing,
        run: link_once,
    },
    Probe {
        name: "link-race",
        rule: "of two clients that link to a name at once, one gets it",
        source: "link(2); RFC 8881, section 18.9",
        alone: false,
        needs: Needs::Nothing,
        run: link_race,
    },
    Probe {
        name: "mkdir-once",
        rule: "mkdir(2) of a name that is there fails with EEXIST, whoever has made it",
        source: "mkdir(2); RFC 8881, section 18.4",
        alone: false,
        needs: Needs::Nothing,
        run: mkdir_once,
    },
    Probe {
        name: "mkdir-race",
        rule: "of two clients that make a directory at once, one gets the name",
        source: "mkdir(2); RFC 8881, section 18.4",
        alone: false,
        needs: Needs::Nothing,
        run: mkdir_race,
    },
    Probe {
        name: "symlink-once",
        rule: "symlink(2) to a name that is there fails with EEXIST, whoever has made it",
        source: "symlink(2); RFC 8881, section 18.4",
        alone: false,
        needs: Needs::Nothing,
        run: symlink_once,
    },
    Probe {
        name: "symlink-race",
        rule: "of two clients that make a symbolic link at once, one gets the name, and its \
               target is there",
        source: "symlink(2); RFC 8881, section 18.4",
        alone: false,
        needs: Needs::Nothing,
        run: symlink_race,
    },
    Probe {
        name: "link-count-elsewhere",
        rule: "who opens a file sees how many links it has after another's link(2) and unlink(2)",
        source: "POSIX, link; nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: link_count_elsewhere,
    },
    Probe {
        name: "link-of-removed",
        rule: "link(2) of a name that another client has removed fails with ENOENT",
        source: "link(2), ENOENT; RFC 8881, section 18.9",
        alone: false,
        needs: Needs::Nothing,
        run: link_of_removed,
    },
    Probe {
        name: "open-of-removed",
        rule: "open(2) of a file that another client has removed fails with ENOENT",
        source: "open(2), ENOENT; nfs(5), close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: open_of_removed,
    },
    Probe {
        name: "create-opens-existing",
        rule: "O_CREAT without O_EXCL opens a file that another client has made, though its name \
               was missed before",
        source: "open(2), O_CREAT; RFC 8881, section 18.16",
        alone: false,
        needs: Needs::Nothing,
        run: create_opens_existing,
    },
    Probe {
        name: "create-excl-after-miss",
        rule: "O_EXCL sees a name that another client has made since the name was missed",
        source: "open(2), O_EXCL; nfs(5), directory entry caching",
        alone: false,
        needs: Needs::Nothing,
        run: create_excl_after_miss,
    },
    Probe {
        name: "made-is-found",
        rule: "a name that another client has made is found within acdirmax, though it was missed \
               before",
        source: "nfs(5), acdirmax; directory entry caching",
        alone: false,
        needs: Needs::Nothing,
        run: made_is_found,
    },
    Probe {
        name: "removed-is-missed",
        rule: "a name that another client has removed is missed within acdirmax, though it was \
               found before",
        source: "nfs(5), acdirmax; directory entry caching",
        alone: false,
        needs: Needs::Nothing,
        run: removed_is_missed,
    },
    Probe {
        name: "name-used-again",
        rule: "who opens a name that another client has removed and made again gets the new file \
               within acdirmax",
        source: "nfs(5), acdirmax; close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: name_used_again,
    },
    Probe {
        name: "list-while-added",
        rule: "a listing shows no name twice, and all that were there before, while another \
               client adds names",
        source: "POSIX, readdir; RFC 8881, section 18.23",
        alone: false,
        needs: Needs::Nothing,
        run: list_while_added,
    },
    Probe {
        name: "unlink-open-here",
        rule: "who has a file open reads it after another process of the machine has unlinked it",
        source: "POSIX, unlink; RFC 8881, section 18.25",
        alone: false,
        needs: Needs::Nothing,
        run: unlink_open_here,
    },
    Probe {
        name: "unlink-open-elsewhere",
        rule: "who has a file open that another client unlinks reads its data, or over NFS ESTALE",
        source: "POSIX, unlink; RFC 8881, section 18.25",
        alone: false,
        needs: Needs::Nothing,
        run: unlink_open_elsewhere,
    },
    Probe {
        name: "unlinked-count",
        rule: "an open file has no link after unlink(2), or over NFS the one of a .nfs name",
        source: "POSIX, unlink; RFC 8881, section 18.25",
        alone: false,
        needs: Needs::Nothing,
        run: unlinked_count,
    },
    Probe {
        name: "silly-name-goes",
        rule: "the .nfs name of an unlinked file is gone from the server soon after the last close",
        source: "RFC 8881, section 18.25; Linux, fs/nfs/unlink.c",
        alone: false,
        needs: Needs::Network,
        run: silly_name_goes,
    },
    Probe {
        name: "rmdir-with-unlinked",
        rule: "rmdir(2) succeeds once the unlinked file that was in the directory is closed",
        source: "POSIX, rmdir; RFC 8881, section 18.25",
        alone: false,
        needs: Needs::Nothing,
        run: rmdir_with_unlinked,
    },
];

/// What a call needs first.
pub(super) fn fit<T>(outcome: Outcome<T>) -> Step<T> {
    outcome.map_err(Stop::Unfit)
}

/// The rule is kept if this is one of the words: `ok`, or an error.
pub(super) fn expect<T>(outcome: &Outcome<T>, allowed: &[&str]) -> Seen {
    let word = word(outcome);
    match allowed.contains(&word) {
        true => seen(word),
        false => broken(word),
    }
}

/// The answer of a call that must come to an end, as a word.
pub(super) fn finish(bench: &mut Bench, ticket: Ticket) -> Step<String> {
    let within = Nanos::from_secs(180);
    match bench.answer(ticket, within)? {
        Some(outcome) => Ok(word(&outcome).to_owned()),
        None => Err(Stop::Hung("a call".into(), within)),
    }
}

/// Begins both calls before either is answered.
pub(super) fn both(
    bench: &mut Bench,
    (one, first): (&Hand, Call),
    (other, second): (&Hand, Call),
) -> Step<[String; 2]> {
    let first = bench.begin(one, first)?;
    let second = bench.begin(other, second)?;
    Ok([finish(bench, first)?, finish(bench, second)?])
}

/// Two clients, 0 and 1, claim names at once, and take turns in who begins.
fn races(bench: &mut Bench, claim: impl Fn(usize, &str) -> Call) -> Seen {
    let (one, other) = bench.two()?;
    let hands = [&one, &other];
    for race in 0..RACES {
        let name = format!("lock-{race}");
        let (first, second) = (race % 2, 1 - race % 2);
        let (earlier, later) = (claim(first, &name), claim(second, &name));
        let told = both(bench, (hands[first], earlier), (hands[second], later))?;
        match [told[0].as_str(), told[1].as_str()] {
            ["ok", "EEXIST"] | ["EEXIST", "ok"] => {}
            [earlier, later] => return broken(format!("{earlier} and {later}")),
        }
    }
    seen("ok and EEXIST, each time")
}

/// Asks every second whether it is so, for as long as a client may go by what it remembers.
pub(super) fn soon(bench: &mut Bench, mut is_so: impl FnMut(&mut Bench) -> Step<bool>) -> Seen {
    let most = if bench.is_local() { 0 } else { REMEMBERED_S };
    for second in 0..=most {
        if is_so(bench)? {
            return match second {
                0 => seen("at once"),
                1..=30 => seen("within 30 s"),
                _ => seen(format!("within {most} s")),
            };
        }
        bench.seconds(1)?;
    }
    broken(format!("not within {most} s"))
}

/// Whether a file has the new text by now; it may have the old one yet.
pub(super) fn is_new(bench: &mut Bench, by: &Hand, path: &str) -> Step<bool> {
    match bench.text(by, path)? {
        Ok(text) if text == "new" => Ok(true),
        Ok(text) if text == "old" => Ok(false),
        other => broken(format!("{other:?}")),
    }
}

/// A name of so many bytes.
pub(super) fn long(begin: &str, bytes: usize) -> String {
    format!("{begin:x<bytes$}")
}

fn create_excl_once(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    for race in 0..RACES {
        let name = format!("lock-{race}");
        let first = bench.try_open(&one, &name, EXCLUSIVE, "f")?;
        let second = bench.try_open(&other, &name, EXCLUSIVE, "f")?;
        if first.is_err() || second != Err("EEXIST".into()) {
            return broken(format!("{} and {}", word(&first), word(&second)));
        }
    }
    seen("ok, then EEXIST")
}

fn create_excl_race(bench: &mut Bench) -> Seen {
    races(bench, |_, name| open(name, EXCLUSIVE, "f"))
}

fn link_once(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "claim-1")?;
    bench.touch(&other, "claim-2")?;
    let first = bench.link(&one, "claim-1", "lock")?;
    let second = bench.link(&other, "claim-2", "lock")?;
    if first.is_err() || second != Err("EEXIST".into()) {
        return broken(format!("{} and {}", word(&first), word(&second)));
    }
    let links = bench.stat(&other, "lock")?.map(|found| found.links);
    bench.open(&other, "lock", READ, "f")?;
    match links {
        Ok(2) => seen("EEXIST; two links"),
        other => broken(format!("the file has {other:?} links")),
    }
}

fn link_race(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "claim-0")?;
    bench.touch(&other, "claim-1")?;
    races(bench, |who, name| Call::Link { from: format!("claim-{who}"), to: name.into() })
}

fn mkdir_once(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let first = bench.try_mkdir(&one, "lock")?;
    let second = bench.try_mkdir(&other, "lock")?;
    let third = bench.try_mkdir(&one, "lock")?;
    match [word(&first), word(&second), word(&third)] {
        ["ok", "EEXIST", "EEXIST"] => seen("ok, then EEXIST"),
        words => broken(words.join(", ")),
    }
}

fn mkdir_race(bench: &mut Bench) -> Seen {
    races(bench, |_, name| Call::Mkdir { path: name.into() })
}

fn symlink_once(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let first = bench.symlink(&one, "c1", "lock")?;
    let second = bench.symlink(&other, "c2", "lock")?;
    match [word(&first), word(&second)] {
        ["ok", "EEXIST"] => seen("ok, then EEXIST"),
        words => broken(words.join(", ")),
    }
}

fn symlink_race(bench: &mut Bench) -> Seen {
    let word = races(bench, |who, name| Call::Symlink {
        target: format!("owner-{who}"),
        path: name.into(),
    })?;
    let reader = bench.client(1)?;
    for race in 0..RACES {
        let path = format!("lock-{race}");
        match bench.ask(&reader, Call::Readlink { path })? {
            Ok(Answer::Text(owner)) if owner.starts_with("owner-") => {}
            other => return broken(format!("the target of a link is {other:?}")),
        }
    }
    seen(word)
}

/// How many links the file has that is opened now.
fn links(bench: &mut Bench, by: &Hand, path: &str) -> Step<u64> {
    bench.open(by, path, READ, "counted")?;
    let status = bench.fstat(by, "counted")?;
    bench.close(by, "counted")?;
    fit(status).map(|status| status.links)
}

fn link_count_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    let at_first = links(bench, &other, "file")?;
    fit(bench.link(&one, "file", "second")?)?;
    let linked = links(bench, &other, "file")?;
    fit(bench.unlink(&one, "second")?)?;
    let unlinked = links(bench, &other, "file")?;
    match (at_first, linked, unlinked) {
        (1, 2, 1) => seen("1, 2, 1"),
        (first, second, third) => broken(format!("{first}, {second}, {third}")),
    }
}

/// A file that the second client knows of, and the first has removed.
fn removed(bench: &mut Bench, path: &str) -> Step<Hand> {
    let (one, other) = bench.two()?;
    bench.touch(&one, path)?;
    fit(bench.stat(&other, path)?)?;
    fit(bench.unlink(&one, path)?)?;
    Ok(other)
}

fn link_of_removed(bench: &mut Bench) -> Seen {
    let other = removed(bench, "claim")?;
    let linked = bench.link(&other, "claim", "lock")?;
    expect(&linked, &["ENOENT"])
}

fn open_of_removed(bench: &mut Bench) -> Seen {
    let other = removed(bench, "file")?;
    let opened = bench.try_open(&other, "file", READ, "f")?;
    expect(&opened, &["ENOENT"])
}

fn create_opens_existing(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    if bench.exists(&other, "file")? {
        return broken("a name that nobody has made is found");
    }
    bench.put(&one, "file", "text")?;
    let opened = bench.try_open(&other, "file", CREATE, "f")?;
    if opened.is_err() {
        return broken(word(&opened));
    }
    match bench.read(&other, "f", 0, 16)? {
        Ok(text) if text == "text" => seen("ok, with its text"),
        read => broken(format!("the text is {read:?}")),
    }
}

fn create_excl_after_miss(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    for turn in 0..RACES {
        let name = format!("lock-{turn}");
        if bench.exists(&other, &name)? {
            return broken("a name that nobody has made is found");
        }
        bench.touch(&one, &name)?;
        let created = bench.try_open(&other, &name, EXCLUSIVE, "f")?;
        if word(&created) != "EEXIST" {
            return broken(word(&created));
        }
    }
    seen("EEXIST")
}

fn made_is_found(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    if bench.exists(&other, "file")? {
        return broken("a name that nobody has made is found");
    }
    bench.touch(&one, "file")?;
    soon(bench, |bench| bench.exists(&other, "file"))
}

fn removed_is_missed(bench: &mut Bench) -> Seen {
    let other = removed(bench, "file")?;
    soon(bench, |bench| match bench.stat(&other, "file")? {
        Ok(_) => Ok(false),
        Err(errno) if errno == "ENOENT" => Ok(true),
        Err(errno) => broken(errno),
    })
}

fn name_used_again(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "old")?;
    if is_new(bench, &other, "file")? {
        return broken("the file has a text that nobody has written");
    }
    fit(bench.unlink(&one, "file")?)?;
    bench.put(&one, "file", "new")?;
    soon(bench, |bench| is_new(bench, &other, "file"))
}

fn list_while_added(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let before: Vec<String> = (0..40).map(|index| long(&format!("old-{index}-"), 200)).collect();
    for name in &before {
        bench.mkdir(&other, name)?;
    }
    for turn in 0..RACES {
        let path = long(&format!("new-{turn}-"), 200);
        let added = bench.begin(&other, Call::Mkdir { path })?;
        let names = bench.list(&one, ".")?;
        let added = finish(bench, added)?;
        if added != "ok" {
            return Err(Stop::Unfit(added));
        }
        // They are in order.
        if names.windows(2).any(|two| two[0] == two[1]) {
            return broken("a name is there twice");
        }
        let missing = before.iter().filter(|name| !names.contains(name)).count();
        if missing > 0 {
            return broken(format!("{missing} names are missing"));
        }
    }
    seen("each name once")
}

fn unlink_open_here(bench: &mut Bench) -> Seen {
    let remover = bench.client(0)?;
    let reader = bench.client(0)?;
    bench.put(&remover, "file", "text")?;
    bench.open(&reader, "file", READ, "f")?;
    fit(bench.unlink(&remover, "file")?)?;
    if bench.exists(&reader, "file")? {
        return broken("the name is still there");
    }
    match bench.read(&reader, "f", 0, 16)? {
        Ok(text) if text == "text" => seen("its text"),
        read => broken(format!("{read:?}")),
    }
}

fn unlink_open_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "text")?;
    bench.open(&other, "file", READ, "f")?;
    fit(bench.unlink(&one, "file")?)?;
    match bench.read(&other, "f", 0, 16)? {
        Ok(text) if text == "text" => seen("its text"),
        // A server need not keep what only another client has open.
        Err(errno) if errno == "ESTALE" && !bench.is_local() => seen(errno),
        read => broken(format!("{read:?}")),
    }
}

fn unlinked_count(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.open(&one, "file", EXCLUSIVE, "f")?;
    fit(bench.unlink(&one, "file")?)?;
    match fit(bench.fstat(&one, "f")?)?.links {
        0 => seen("0"),
        1 if !bench.is_local() => seen("1"),
        links => broken(links.to_string()),
    }
}

fn silly_name_goes(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let at_server = bench.server()?;
    bench.put(&one, "file", "text")?;
    bench.open(&one, "file", BOTH, "f")?;
    fit(bench.unlink(&one, "file")?)?;
    let open = bench.list(&at_server, ".")?;
    if open.iter().any(|name| !name.starts_with(".nfs")) {
        return broken(format!("{open:?} are there while it is open"));
    }
    bench.close(&one, "f")?;
    // The client removes the name after close(2) has returned.
    bench.seconds(5)?;
    let closed = bench.list(&at_server, ".")?;
    match (closed.is_empty(), open.is_empty()) {
        (false, _) => broken(format!("{closed:?} are there 5 s after close")),
        (true, true) => seen("there was none"),
        (true, false) => seen("gone"),
    }
}

fn rmdir_with_unlinked(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.mkdir(&one, "directory")?;
    bench.open(&one, "directory/file", EXCLUSIVE, "f")?;
    fit(bench.unlink(&one, "directory/file")?)?;
    let open = bench.rmdir(&one, "directory")?;
    bench.close(&one, "f")?;
    bench.seconds(5)?;
    match word(&open) {
        "ok" => return seen("ok while it is open"),
        "ENOTEMPTY" | "EEXIST" | "EBUSY" if !bench.is_local() => {}
        other => return broken(format!("{other} while it is open")),
    }
    let closed = bench.rmdir(&one, "directory")?;
    match word(&closed) {
        "ok" => seen(format!("{} while it is open", word(&open))),
        other => broken(format!("{other} after close")),
    }
}
