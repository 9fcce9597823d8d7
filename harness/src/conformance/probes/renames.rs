//! rename(2): whom it gives a name, and what it replaces.

use super::names::{RACES, both, expect, fit, is_new, soon};
use crate::conformance::bench::{Bench, Outcome, READ, Step, open, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::{Call, Rename};

pub const PROBES: &[Probe] = &[
    Probe {
        name: "rename-missing",
        rule: "rename(2) of a name that is not there fails with ENOENT",
        source: "rename(2), ENOENT; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_missing,
    },
    Probe {
        name: "rename-once",
        rule: "rename(2) of a name that another client has renamed fails with ENOENT",
        source: "rename(2), ENOENT; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_once,
    },
    Probe {
        name: "rename-race",
        rule: "of two clients that rename one file at once, one succeeds, and the other gets \
               ENOENT",
        source: "rename(2); RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_race,
    },
    Probe {
        name: "rename-over-race",
        rule: "of two files that are renamed to one name at once, one is there afterwards",
        source: "rename(2); RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_over_race,
    },
    Probe {
        name: "rename-over-never-missing",
        rule: "a name that rename(2) gives to another file is there at every moment",
        source: "rename(2), atomically replaced; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_over_never_missing,
    },
    Probe {
        name: "rename-over-is-seen",
        rule: "who opens a name that another client has given to another file gets that within \
               acdirmax",
        source: "nfs(5), acdirmax; close-to-open cache consistency",
        alone: false,
        needs: Needs::Nothing,
        run: rename_over_is_seen,
    },
    Probe {
        name: "rename-over-open-here",
        rule: "who has a file open reads it after another process of the machine has renamed one \
               over it",
        source: "rename(2); RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_over_open_here,
    },
    Probe {
        name: "rename-open-elsewhere",
        rule: "who has a file open reads it after another client has renamed it",
        source: "rename(2), open descriptors; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_open_elsewhere,
    },
    Probe {
        name: "rename-keeps-file",
        rule: "a file that is renamed is the same one for another client, with one link",
        source: "rename(2); RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_keeps_file,
    },
    Probe {
        name: "rename-onto-itself",
        rule: "rename(2) of a name onto itself succeeds, and does nothing",
        source: "POSIX, rename; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_onto_itself,
    },
    Probe {
        name: "rename-onto-own-link",
        rule: "rename(2) onto another link of the same file succeeds, and does nothing",
        source: "POSIX, rename; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_onto_own_link,
    },
    Probe {
        name: "rename-dir-over-empty",
        rule: "rename(2) of a directory over another client's empty one succeeds",
        source: "POSIX, rename; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_dir_over_empty,
    },
    Probe {
        name: "rename-dir-over-full",
        rule: "rename(2) of a directory over one that is not empty fails with ENOTEMPTY or EEXIST",
        source: "rename(2), ENOTEMPTY; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_dir_over_full,
    },
    Probe {
        name: "rename-file-over-dir",
        rule: "rename(2) of a file over a directory fails with EISDIR, or over NFS with EEXIST",
        source: "rename(2), EISDIR; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_file_over_dir,
    },
    Probe {
        name: "rename-dir-over-file",
        rule: "rename(2) of a directory over a file fails with ENOTDIR, or over NFS with EEXIST",
        source: "rename(2), ENOTDIR; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_dir_over_file,
    },
    Probe {
        name: "rename-into-itself",
        rule: "rename(2) of a directory into itself fails with EINVAL",
        source: "rename(2), EINVAL; RFC 8881, section 18.26",
        alone: false,
        needs: Needs::Nothing,
        run: rename_into_itself,
    },
    Probe {
        name: "rename-noreplace",
        rule: "RENAME_NOREPLACE does not replace a name, and gives a new one, or over NFS fails \
               with EINVAL",
        source: "renameat2(2), RENAME_NOREPLACE",
        alone: false,
        needs: Needs::Nothing,
        run: rename_noreplace,
    },
    Probe {
        name: "rename-exchange",
        rule: "RENAME_EXCHANGE swaps two files, or over NFS fails with EINVAL and does nothing",
        source: "renameat2(2), RENAME_EXCHANGE",
        alone: false,
        needs: Needs::Nothing,
        run: rename_exchange,
    },
];

fn rename(from: &str, to: &str) -> Call {
    Call::Rename { from: from.into(), to: to.into(), how: Rename::Plain }
}

/// The inode that the server has by this name.
fn inode(bench: &mut Bench, at_server: &Hand, path: &str) -> Step<Outcome<u64>> {
    Ok(bench.stat(at_server, path)?.map(|found| found.inode))
}

fn rename_missing(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "there")?;
    let over = bench.rename(&other, "missing", "there")?;
    let new = bench.rename(&other, "missing", "lock")?;
    match [word(&over), word(&new)] {
        ["ENOENT", "ENOENT"] => seen("ENOENT"),
        words => broken(words.join(", ")),
    }
}

fn rename_once(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "lock")?;
    fit(bench.stat(&other, "lock")?)?;
    let first = bench.rename(&one, "lock", "mine-1")?;
    let second = bench.rename(&other, "lock", "mine-2")?;
    match [word(&first), word(&second)] {
        ["ok", "ENOENT"] => seen("ok, then ENOENT"),
        words => broken(words.join(", ")),
    }
}

fn rename_race(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let at_server = bench.server()?;
    for race in 0..RACES {
        let lock = format!("lock-{race}");
        let mine = [format!("mine-{race}-1"), format!("mine-{race}-2")];
        bench.touch(&one, &lock)?;
        fit(bench.stat(&other, &lock)?)?;
        let (first, second) = (rename(&lock, &mine[0]), rename(&lock, &mine[1]));
        let told = both(bench, (&one, first), (&other, second))?;
        let winner = match [told[0].as_str(), told[1].as_str()] {
            ["ok", "ENOENT"] => 0,
            ["ENOENT", "ok"] => 1,
            words => return broken(words.join(" and ")),
        };
        let is_there = bench.exists(&at_server, &mine[winner])?;
        let is_elsewhere = bench.exists(&at_server, &mine[1 - winner])?;
        if !is_there || is_elsewhere {
            return broken("the file is not where the one that succeeded has put it");
        }
    }
    seen("ok and ENOENT, each time")
}

fn rename_over_race(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let at_server = bench.server()?;
    for race in 0..RACES {
        let mine = [format!("mine-{race}-1"), format!("mine-{race}-2")];
        bench.touch(&one, &mine[0])?;
        bench.touch(&other, &mine[1])?;
        let first = inode(bench, &at_server, &mine[0])?;
        let second = inode(bench, &at_server, &mine[1])?;
        let calls = (rename(&mine[0], "lock"), rename(&mine[1], "lock"));
        let told = both(bench, (&one, calls.0), (&other, calls.1))?;
        if told != ["ok", "ok"] {
            return broken(told.join(" and "));
        }
        let found = inode(bench, &at_server, "lock")?;
        if found.is_err() || (found != first && found != second) {
            return broken("what has the name is neither file");
        }
        for name in &mine {
            if bench.exists(&at_server, name)? {
                return broken("a file has its old name, too");
            }
        }
    }
    seen("one of the two")
}

fn rename_over_never_missing(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "old")?;
    for turn in 0..RACES {
        let fresh = format!("fresh-{turn}");
        bench.put(&one, &fresh, "new")?;
        let looking = open("file", READ, "f");
        let told = match turn % 2 {
            0 => both(bench, (&one, rename(&fresh, "file")), (&other, looking))?,
            _ => {
                let [opened, renamed] =
                    both(bench, (&other, looking), (&one, rename(&fresh, "file")))?;
                [renamed, opened]
            }
        };
        if told != ["ok", "ok"] {
            return broken(format!("rename: {}, open: {}", told[0], told[1]));
        }
        bench.close(&other, "f")?;
    }
    seen("always there")
}

fn rename_over_is_seen(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "old")?;
    if is_new(bench, &other, "file")? {
        return broken("the file has a text that nobody has written");
    }
    bench.put(&one, "fresh", "new")?;
    fit(bench.rename(&one, "fresh", "file")?)?;
    soon(bench, |bench| is_new(bench, &other, "file"))
}

fn rename_over_open_here(bench: &mut Bench) -> Seen {
    let writer = bench.client(0)?;
    let reader = bench.client(0)?;
    bench.put(&writer, "file", "old")?;
    bench.put(&writer, "fresh", "new")?;
    bench.open(&reader, "file", READ, "f")?;
    fit(bench.rename(&writer, "fresh", "file")?)?;
    match bench.read(&reader, "f", 0, 16)? {
        Ok(text) if text == "old" => seen("its text"),
        read => broken(format!("{read:?}")),
    }
}

fn rename_open_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "file", "text")?;
    bench.open(&other, "file", READ, "f")?;
    fit(bench.rename(&one, "file", "moved")?)?;
    match bench.read(&other, "f", 0, 16)? {
        Ok(text) if text == "text" => seen("its text"),
        read => broken(format!("{read:?}")),
    }
}

fn rename_keeps_file(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    let before = fit(bench.stat(&one, "file")?)?;
    fit(bench.rename(&one, "file", "moved")?)?;
    let opened = bench.try_open(&other, "moved", READ, "f")?;
    if opened.is_err() {
        return broken(word(&opened));
    }
    let after = fit(bench.fstat(&other, "f")?)?;
    match (after.inode == before.inode, after.links) {
        (true, 1) => seen("the same, with one link"),
        (is_same, links) => broken(format!("the same: {is_same}, with {links} links")),
    }
}

fn rename_onto_itself(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    let renamed = bench.rename(&one, "file", "file")?;
    if !bench.exists(&other, "file")? {
        return broken(format!("{}, and it is gone", word(&renamed)));
    }
    expect(&renamed, &["ok"])
}

fn rename_onto_own_link(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    fit(bench.link(&one, "file", "second")?)?;
    let renamed = bench.rename(&other, "file", "second")?;
    let at_server = bench.server()?;
    let (first, second) = (bench.exists(&at_server, "file")?, bench.exists(&at_server, "second")?);
    match (word(&renamed), first, second) {
        ("ok", true, true) => seen("ok, and both are there"),
        (word, first, second) => broken(format!("{word}; there: {first} and {second}")),
    }
}

fn rename_dir_over_empty(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "directory")?;
    bench.touch(&one, "directory/file")?;
    bench.mkdir(&other, "empty")?;
    let renamed = bench.rename(&one, "directory", "empty")?;
    let at_server = bench.server()?;
    let names = bench.list(&at_server, ".")?;
    if renamed.is_ok() && (names != ["empty"] || !bench.exists(&at_server, "empty/file")?) {
        return broken(format!("ok, and there are {names:?}"));
    }
    expect(&renamed, &["ok"])
}

fn rename_dir_over_full(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "directory")?;
    bench.mkdir(&other, "full")?;
    bench.touch(&other, "full/file")?;
    let renamed = bench.rename(&one, "directory", "full")?;
    let at_server = bench.server()?;
    if !bench.exists(&at_server, "full/file")? {
        return broken(format!("{}, and the file is gone", word(&renamed)));
    }
    expect(&renamed, &["ENOTEMPTY", "EEXIST"])
}

/// What may be answered where a directory would replace another kind, or be replaced by it: the
/// RFCs say that kinds which do not go together are answered with NFS4ERR_EXIST.
fn unlike(bench: &Bench, outcome: &Outcome<()>, local: &str) -> Seen {
    match bench.is_local() {
        true => expect(outcome, &[local]),
        false => expect(outcome, &[local, "EEXIST"]),
    }
}

fn rename_file_over_dir(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    bench.mkdir(&other, "directory")?;
    let renamed = bench.rename(&one, "file", "directory")?;
    unlike(bench, &renamed, "EISDIR")
}

fn rename_dir_over_file(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "directory")?;
    bench.touch(&other, "file")?;
    let renamed = bench.rename(&one, "directory", "file")?;
    unlike(bench, &renamed, "ENOTDIR")
}

fn rename_into_itself(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.mkdir(&one, "directory")?;
    bench.mkdir(&one, "directory/child")?;
    let renamed = bench.rename(&one, "directory", "directory/child/moved")?;
    expect(&renamed, &["EINVAL"])
}

fn rename_noreplace(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "mine", "new")?;
    bench.put(&other, "lock", "old")?;
    let over = bench.rename_so(&one, "mine", "lock", Rename::NoReplace)?;
    let at_server = bench.server()?;
    if bench.text(&at_server, "lock")? != Ok("old".into()) {
        return broken(format!("{}, and the name has another file", word(&over)));
    }
    let new = bench.rename_so(&one, "mine", "free", Rename::NoReplace)?;
    match (word(&over), word(&new)) {
        ("EEXIST", "ok") => seen("it works"),
        ("EEXIST" | "EINVAL", "EINVAL") if !bench.is_local() => seen("EINVAL: not supported"),
        (over, new) => broken(format!("{over} over a name, {new} for a new one")),
    }
}

fn rename_exchange(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "first", "1")?;
    bench.put(&other, "second", "2")?;
    let swapped = bench.rename_so(&one, "first", "second", Rename::Exchange)?;
    let at_server = bench.server()?;
    let first = bench.text(&at_server, "first")?;
    let second = bench.text(&at_server, "second")?;
    match (word(&swapped), first.as_deref(), second.as_deref()) {
        ("ok", Ok("2"), Ok("1")) => seen("it works"),
        ("EINVAL", Ok("1"), Ok("2")) if !bench.is_local() => seen("EINVAL: not supported"),
        other => broken(format!("{other:?}")),
    }
}
