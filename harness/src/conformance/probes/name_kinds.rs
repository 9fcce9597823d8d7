//! Names of files, directories and symbolic links, and what cannot be done with each.

use super::names::{expect, fit, long};
use crate::conformance::bench::{Bench, CREATE, EXCLUSIVE, READ, open, word};
use crate::conformance::probe::{Needs, Probe, Seen, broken, seen};
use lockstorm_agent::probe::{Answer, Call, Flag, Rename};

pub const PROBES: &[Probe] = &[
    Probe {
        name: "excl-dangling-symlink",
        rule: "O_EXCL on a symbolic link to nowhere fails with EEXIST, and makes nothing",
        source: "open(2), O_EXCL",
        alone: false,
        needs: Needs::Nothing,
        run: excl_dangling_symlink,
    },
    Probe {
        name: "nofollow-symlink",
        rule: "O_NOFOLLOW on a symbolic link fails with ELOOP",
        source: "open(2), O_NOFOLLOW",
        alone: false,
        needs: Needs::Nothing,
        run: nofollow_symlink,
    },
    Probe {
        name: "readlink-verbatim",
        rule: "readlink(2) gives what another client gave symlink(2), byte by byte",
        source: "POSIX, readlink; RFC 8881, section 18.24",
        alone: false,
        needs: Needs::Nothing,
        run: readlink_verbatim,
    },
    Probe {
        name: "mkdir-over-file",
        rule: "mkdir(2) of the name of another client's file or symbolic link fails with EEXIST",
        source: "mkdir(2), EEXIST; RFC 8881, section 18.4",
        alone: false,
        needs: Needs::Nothing,
        run: mkdir_over_file,
    },
    Probe {
        name: "unlink-directory",
        rule: "unlink(2) of a directory fails with EISDIR, or with EPERM as POSIX has it",
        source: "unlink(2), EISDIR; POSIX, unlink",
        alone: false,
        needs: Needs::Nothing,
        run: unlink_directory,
    },
    Probe {
        name: "link-directory",
        rule: "link(2) of a directory fails with EPERM",
        source: "link(2), EPERM; RFC 8881, section 18.9",
        alone: false,
        needs: Needs::Nothing,
        run: link_directory,
    },
    Probe {
        name: "rmdir-non-empty",
        rule: "rmdir(2) of a directory in which another client has made a name fails",
        source: "rmdir(2), ENOTEMPTY; POSIX, rmdir",
        alone: false,
        needs: Needs::Nothing,
        run: rmdir_non_empty,
    },
    Probe {
        name: "rmdir-file",
        rule: "rmdir(2) of a file fails with ENOTDIR",
        source: "rmdir(2), ENOTDIR",
        alone: false,
        needs: Needs::Nothing,
        run: rmdir_file,
    },
    Probe {
        name: "name-255",
        rule: "a name of 255 bytes can be made in every way, and is found by another client",
        source: "pathconf(3), _PC_NAME_MAX; RFC 8881, section 5.8.2, maxname",
        alone: false,
        needs: Needs::Nothing,
        run: name_255,
    },
    Probe {
        name: "name-256",
        rule: "a name of 256 bytes fails with ENAMETOOLONG",
        source: "open(2), ENAMETOOLONG; RFC 8881, section 15.1.7.3",
        alone: false,
        needs: Needs::Nothing,
        run: name_256,
    },
];

fn excl_dangling_symlink(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    fit(bench.symlink(&one, "nowhere", "lock")?)?;
    let created = bench.try_open(&other, "lock", EXCLUSIVE, "f")?;
    if bench.exists(&one, "nowhere")? {
        return broken("the file that it points to was made");
    }
    expect(&created, &["EEXIST"])
}

fn nofollow_symlink(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    fit(bench.symlink(&one, "file", "lock")?)?;
    let flags = [Flag::Read, Flag::NoFollow];
    let opened = bench.try_open(&other, "lock", &flags, "f")?;
    expect(&opened, &["ELOOP"])
}

fn readlink_verbatim(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let targets = ["host:4711".to_owned(), "../a//./b/".to_owned(), long("long-", 1000)];
    for (index, target) in targets.into_iter().enumerate() {
        let path = format!("link-{index}");
        fit(bench.symlink(&one, &target, &path)?)?;
        match bench.ask(&other, Call::Readlink { path })? {
            Ok(Answer::Text(read)) if read == target => {}
            read => return broken(format!("{target} is {read:?}")),
        }
    }
    seen("as it was given")
}

fn mkdir_over_file(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    fit(bench.symlink(&one, "nowhere", "link")?)?;
    let file = bench.try_mkdir(&other, "file")?;
    let link = bench.try_mkdir(&other, "link")?;
    match [word(&file), word(&link)] {
        ["EEXIST", "EEXIST"] => seen("EEXIST"),
        words => broken(words.join(", ")),
    }
}

fn unlink_directory(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "directory")?;
    let unlinked = bench.unlink(&other, "directory")?;
    if !bench.exists(&one, "directory")? {
        return broken(format!("{}, and it is gone", word(&unlinked)));
    }
    expect(&unlinked, &["EISDIR", "EPERM"])
}

fn link_directory(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "directory")?;
    let linked = bench.link(&other, "directory", "link")?;
    expect(&linked, &["EPERM"])
}

fn rmdir_non_empty(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "directory")?;
    bench.touch(&other, "directory/file")?;
    let removed = bench.rmdir(&one, "directory")?;
    if !bench.exists(&other, "directory/file")? {
        return broken(format!("{}, and the file is gone", word(&removed)));
    }
    expect(&removed, &["ENOTEMPTY", "EEXIST"])
}

fn rmdir_file(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    let removed = bench.rmdir(&other, "file")?;
    expect(&removed, &["ENOTDIR"])
}

/// What gives a new name, in every way. `file` must be there; the last moves it.
fn ways(name: impl Fn(usize) -> String) -> [(&'static str, Call); 5] {
    let file = || "file".to_owned();
    [
        ("open", open(&name(0), CREATE, "f")),
        ("mkdir", Call::Mkdir { path: name(1) }),
        ("symlink", Call::Symlink { target: "nowhere".into(), path: name(2) }),
        ("link", Call::Link { from: file(), to: name(3) }),
        ("rename", Call::Rename { from: file(), to: name(4), how: Rename::Plain }),
    ]
}

fn name_255(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "file")?;
    let name = |index: usize| long(&format!("{index}-"), 255);
    for (index, (what, call)) in ways(name).into_iter().enumerate() {
        let made = bench.done(&one, call)?;
        let found = bench.done(&other, Call::Lstat { path: name(index) })?;
        if made.is_err() || found.is_err() {
            return broken(format!("{what}: {}, lstat: {}", word(&made), word(&found)));
        }
    }
    seen("ok")
}

fn name_256(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "file")?;
    for (what, call) in ways(|index| long(&format!("{index}-"), 256)) {
        let made = bench.done(&one, call)?;
        if word(&made) != "ENAMETOOLONG" {
            return broken(format!("{what}: {}", word(&made)));
        }
    }
    let opened = bench.try_open(&one, &long("x", 256), READ, "f")?;
    expect(&opened, &["ENAMETOOLONG"])
}
