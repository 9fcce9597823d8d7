//! Errors that people meet: files in use and their .nfs names, files that are gone on the server,
//! and calls that make no sense.

use crate::conformance::bench::{BOTH, Bench, CREATE, Outcome, READ, Step, WRITE, range, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::Hand;
use lockstorm_agent::probe::{Call, Flag, Kind};

/// So long may a client trust the attributes that it knows (seconds): nfs(5), acregmax, acdirmax.
const TRUSTED: u64 = 61;
/// For a call that nobody waits for, such as the REMOVE after the last close (seconds).
const SOON: u64 = 1;

pub const PROBES: &[Probe] = &[
    Probe {
        name: "rmdir-unlinked-open",
        rule: "a directory whose one file was unlinked while it was open can be removed, unless \
               the client keeps the file there as .nfsXXXX: then EBUSY or ENOTEMPTY",
        source: "rmdir(2), ENOTEMPTY; POSIX, rmdir; Linux NFS FAQ, D2",
        alone: false,
        needs: Needs::Nothing,
        run: rmdir_unlinked_open,
    },
    Probe {
        name: "rmdir-open-elsewhere",
        rule: "a file that another client has open is in nobody's way: unlink and rmdir work, and \
               the reader has its text, or ESTALE",
        source: "POSIX, unlink; RFC 8881, section 18.25",
        alone: false,
        needs: Needs::Nothing,
        run: rmdir_open_elsewhere,
    },
    Probe {
        name: "nfs-name-listed",
        rule: "a file that its own client has open when it unlinks it stays readable, and is \
               listed as .nfsXXXX if the client has renamed it",
        source: "POSIX, unlink; Linux NFS FAQ, D2",
        alone: false,
        needs: Needs::Network,
        run: nfs_name_listed,
    },
    Probe {
        name: "nfs-name-gone",
        rule: "the .nfsXXXX name is gone after the last close, not after the first",
        source: "POSIX, unlink; Linux NFS FAQ, D2",
        alone: false,
        needs: Needs::Network,
        run: nfs_name_gone,
    },
    Probe {
        name: "nfs-name-unlink",
        rule: "a client cannot unlink its own .nfsXXXX while the file is open: EBUSY",
        source: "unlink(2), EBUSY",
        alone: false,
        needs: Needs::Network,
        run: nfs_name_unlink,
    },
    Probe {
        name: "nfs-name-unlinked-elsewhere",
        rule: "another client can unlink a .nfsXXXX; the reader then has its text, or ESTALE",
        source: "RFC 8881, sections 18.25 and 15.1.2.9",
        alone: false,
        needs: Needs::Network,
        run: nfs_name_unlinked_elsewhere,
    },
    Probe {
        name: "rmdir-after-close",
        rule: "as soon as an unlinked file is closed, its directory can be removed",
        source: "POSIX, unlink and rmdir",
        alone: false,
        needs: Needs::Nothing,
        run: rmdir_after_close,
    },
    Probe {
        name: "rename-over-open",
        rule: "a file that is open can be replaced by rename(2): the reader keeps the old one, the \
               name is the new one's",
        source: "rename(2); POSIX, rename",
        alone: false,
        needs: Needs::Nothing,
        run: rename_over_open,
    },
    Probe {
        name: "rename-over-open-elsewhere",
        rule: "a file that another client has open can be replaced: the reader has the old one or \
               ESTALE, and the new one by its name once its attributes are no longer trusted",
        source: "rename(2); nfs(5), acdirmax",
        alone: false,
        needs: Needs::Nothing,
        run: rename_over_open_elsewhere,
    },
    Probe {
        name: "remover-crashes",
        rule: "a name that was unlinked stays gone when its client crashes; a .nfsXXXX that is \
               left behind can be removed by anyone",
        source: "Linux NFS FAQ, D2",
        alone: true,
        needs: Needs::Network,
        run: remover_crashes,
    },
    Probe {
        name: "locked-not-busy",
        rule: "a lock keeps nobody from reading, copying or writing a file: that is no EBUSY",
        source: "fcntl(2), Advisory record locking",
        alone: false,
        needs: Needs::Nothing,
        run: locked_not_busy,
    },
    Probe {
        name: "mount-point-busy",
        rule: "rmdir(2) of the mount point fails with EBUSY",
        source: "rmdir(2), EBUSY",
        alone: false,
        needs: Needs::Network,
        run: mount_point_busy,
    },
    Probe {
        name: "stale-read",
        rule: "a file that was replaced on the server is the old one to who has it open, or \
               ESTALE; never the new one, though that may have its inode's number",
        source: "RFC 8881, section 4.2.2 and 15.1.2.9",
        alone: false,
        needs: Needs::Network,
        run: stale_read,
    },
    Probe {
        name: "stale-write",
        rule: "what is written to a file that was replaced on the server never gets into the new \
               one; the error, if there is one, is ESTALE or EIO",
        source: "RFC 8881, section 4.2.2; fsync(2), EIO",
        alone: false,
        needs: Needs::Network,
        run: stale_write,
    },
    Probe {
        name: "stale-directory",
        rule: "nothing can be made in a directory that was removed on the server: ENOENT or ESTALE",
        source: "open(2), ENOENT; RFC 8881, section 15.1.2.9",
        alone: false,
        needs: Needs::Network,
        run: stale_directory,
    },
    Probe {
        name: "removed-elsewhere",
        rule: "a name that another client has removed cannot be opened any more",
        source: "open(2), ENOENT; nfs(5), close-to-open",
        alone: false,
        needs: Needs::Nothing,
        run: removed_elsewhere,
    },
    Probe {
        name: "symlink-loop",
        rule: "open(2) of two symbolic links to each other fails with ELOOP",
        source: "open(2), ELOOP",
        alone: false,
        needs: Needs::Nothing,
        run: symlink_loop,
    },
    Probe {
        name: "file-as-directory",
        rule: "a path through a file fails with ENOTDIR",
        source: "path_resolution(7), ENOTDIR",
        alone: false,
        needs: Needs::Nothing,
        run: file_as_directory,
    },
    Probe {
        name: "directory-as-file",
        rule: "open(2) of a directory for writing and read(2) of one fail with EISDIR",
        source: "open(2), EISDIR; read(2), EISDIR",
        alone: false,
        needs: Needs::Nothing,
        run: directory_as_file,
    },
    Probe {
        name: "other-file-system",
        rule: "link(2) and rename(2) from another file system fail with EXDEV",
        source: "link(2), EXDEV; rename(2), EXDEV",
        alone: false,
        needs: Needs::Nothing,
        run: other_file_system,
    },
    Probe {
        name: "wrong-direction",
        rule: "a descriptor for reading takes no write(2), one for writing no read(2): EBADF",
        source: "write(2), EBADF; read(2), EBADF",
        alone: false,
        needs: Needs::Nothing,
        run: wrong_direction,
    },
    Probe {
        name: "lock-before-start",
        rule: "a lock of bytes before the file's begin fails with EINVAL, and locks nothing",
        source: "fcntl(2), struct flock; POSIX, fcntl, EINVAL",
        alone: false,
        needs: Needs::Nothing,
        run: lock_before_start,
    },
    Probe {
        name: "path-too-long",
        rule: "a path of more than 4095 bytes fails with ENAMETOOLONG, however short its names are",
        source: "path_resolution(7), ENAMETOOLONG; POSIX, PATH_MAX",
        alone: false,
        needs: Needs::Nothing,
        run: path_too_long,
    },
    Probe {
        name: "root-passes-modes",
        rule: "root opens a file of mode 000, where the server leaves it root",
        source: "path_resolution(7), Bypassing permission checks; exports(5), no_root_squash",
        alone: false,
        needs: Needs::Nothing,
        run: root_passes_modes,
    },
];

/// A directory `d` with a file `f` that was unlinked while this process had it open, as `f`.
fn unlink_open(bench: &mut Bench, by: &Hand) -> Step<()> {
    bench.mkdir(by, "d")?;
    bench.put(by, "d/f", "text")?;
    bench.open(by, "d/f", READ, "f")?;
    unlink(bench, by, "d/f")
}

fn unlink(bench: &mut Bench, by: &Hand, path: &str) -> Step<()> {
    match bench.unlink(by, path)? {
        Ok(()) => Ok(()),
        Err(errno) => broken(format!("unlink: {errno}")),
    }
}

fn nfs_name(names: &[String]) -> Option<String> {
    names.iter().find(|name| name.starts_with(".nfs")).cloned()
}

/// What a reader of `text` has: `ok` or ESTALE; anything else is wrong.
fn kept(read: &Outcome<String>, text: &str) -> Step<&'static str> {
    match read {
        Ok(found) if found == text => Ok("ok"),
        Err(errno) if errno == "ESTALE" => Ok("ESTALE"),
        other => broken(format!("the reader has {other:?}")),
    }
}

/// The rule allows nothing but this error.
fn only(outcomes: &[(&str, &str)], wanted: &str) -> Seen {
    match outcomes.iter().find(|(_, told)| *told != wanted) {
        None => seen(wanted),
        Some((what, told)) => broken(format!("{what}: {told}")),
    }
}

fn rmdir_unlinked_open(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    unlink_open(bench, &one)?;
    let names = bench.list(&one, "d")?;
    let removed = bench.rmdir(&one, "d")?;
    match (nfs_name(&names).is_some(), word(&removed)) {
        (false, "ok") if names.is_empty() => seen("ok"),
        (true, errno @ ("EBUSY" | "ENOTEMPTY" | "EEXIST")) if !bench.is_local() => seen(errno),
        (_, other) => broken(format!("{other}; it lists {names:?}")),
    }
}

fn rmdir_open_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.mkdir(&one, "d")?;
    bench.put(&one, "d/f", "text")?;
    bench.open(&other, "d/f", READ, "f")?;
    unlink(bench, &one, "d/f")?;
    let removed = bench.rmdir(&one, "d")?;
    let read = bench.read(&other, "f", 0, 4)?;
    let reader = kept(&read, "text")?;
    match word(&removed) {
        "ok" => seen(format!("ok; the reader: {reader}")),
        errno => broken(format!("rmdir: {errno}")),
    }
}

fn nfs_name_listed(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    unlink_open(bench, &one)?;
    let names = bench.list(&other, "d")?;
    let read = bench.read(&one, "f", 0, 4)?;
    match (nfs_name(&names), read.as_deref()) {
        (Some(_), Ok("text")) if names.len() == 1 => seen(".nfsXXXX"),
        // It says so with OPEN4_RESULT_PRESERVE_UNLINKED (RFC 8881, section 18.16.4).
        (None, Ok("text")) if names.is_empty() => seen("no name: the server keeps the file"),
        (_, text) => broken(format!("{names:?} is listed, and the reader has {text:?}")),
    }
}

fn nfs_name_gone(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let server = bench.server()?;
    bench.mkdir(&one, "d")?;
    bench.put(&one, "d/f", "text")?;
    bench.open(&one, "d/f", READ, "first")?;
    bench.open(&one, "d/f", READ, "last")?;
    unlink(bench, &one, "d/f")?;
    bench.close(&one, "first")?;
    bench.seconds(SOON)?;
    let read = bench.read(&one, "last", 0, 4)?;
    if read.as_deref() != Ok("text") {
        return broken(format!("after the first close: {read:?}"));
    }
    let before = bench.list(&server, "d")?;
    bench.close(&one, "last")?;
    bench.seconds(SOON)?;
    let names = bench.list(&server, "d")?;
    match (nfs_name(&before), names.is_empty()) {
        (Some(_), true) => seen("there until the last close"),
        (None, true) => seen("no .nfs name"),
        (_, false) => broken(format!("{names:?} is left")),
    }
}

fn nfs_name_unlink(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    unlink_open(bench, &one)?;
    let names = bench.list(&one, "d")?;
    let Some(name) = nfs_name(&names) else {
        return seen("no .nfs name");
    };
    let again = bench.unlink(&one, &format!("d/{name}"))?;
    let read = bench.read(&one, "f", 0, 4)?;
    match (word(&again), read.as_deref()) {
        ("EBUSY", Ok("text")) => seen("EBUSY"),
        (told, text) => broken(format!("{told}; the reader has {text:?}")),
    }
}

fn nfs_name_unlinked_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    unlink_open(bench, &one)?;
    let names = bench.list(&other, "d")?;
    let Some(name) = nfs_name(&names) else {
        return seen("no .nfs name");
    };
    unlink(bench, &other, &format!("d/{name}"))?;
    bench.seconds(TRUSTED)?;
    let read = bench.read(&one, "f", 0, 4)?;
    let reader = kept(&read, "text")?;
    // The client's own REMOVE finds nothing; that is nobody's error.
    let closed = bench.done(&one, Call::Close { fd: "f".into() })?;
    match word(&closed) {
        "ok" | "ESTALE" => seen(format!("ok; the reader: {reader}")),
        errno => broken(format!("close: {errno}")),
    }
}

fn rmdir_after_close(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    unlink_open(bench, &one)?;
    bench.close(&one, "f")?;
    let removed = bench.rmdir(&one, "d")?;
    only(&[("rmdir", word(&removed))], "ok")
}

fn rename_over_open(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.put(&one, "f", "old")?;
    bench.open(&one, "f", READ, "f")?;
    bench.put(&one, "next", "new")?;
    let renamed = bench.rename(&one, "next", "f")?;
    let names = bench.list(&one, ".")?;
    let read = bench.read(&one, "f", 0, 3)?;
    let text = bench.text(&one, "f")?;
    let by_name = (read.as_deref(), text.as_deref());
    match (word(&renamed), by_name, nfs_name(&names).is_some()) {
        ("ok", (Ok("old"), Ok("new")), true) => seen("ok; the old one is .nfsXXXX"),
        ("ok", (Ok("old"), Ok("new")), false) => seen("ok; the old one has no name"),
        (told, (read, text), _) => {
            broken(format!("rename: {told}; the reader has {read:?}, the name {text:?}"))
        }
    }
}

fn rename_over_open_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", "old")?;
    bench.open(&other, "f", READ, "f")?;
    bench.put(&one, "next", "new")?;
    let renamed = bench.rename(&one, "next", "f")?;
    let read = bench.read(&other, "f", 0, 3)?;
    let reader = kept(&read, "old")?;
    bench.seconds(TRUSTED)?;
    let text = bench.text(&other, "f")?;
    match (word(&renamed), text.as_deref()) {
        ("ok", Ok("new")) => seen(format!("ok; the reader: {reader}")),
        (told, text) => broken(format!("rename: {told}; the name has {text:?}")),
    }
}

fn remover_crashes(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    unlink_open(bench, &one)?;
    bench.restart_client(0)?;
    let names = bench.list(&other, "d")?;
    if names.iter().any(|name| !name.starts_with(".nfs")) {
        return broken(format!("{names:?} is there"));
    }
    for name in &names {
        unlink(bench, &other, &format!("d/{name}"))?;
    }
    let removed = bench.rmdir(&other, "d")?;
    match (word(&removed), names.is_empty()) {
        ("ok", true) => seen("nothing is left"),
        ("ok", false) => seen(".nfsXXXX is left"),
        (errno, _) => broken(format!("rmdir: {errno}")),
    }
}

fn locked_not_busy(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", "text")?;
    bench.open(&one, "f", BOTH, "f")?;
    let locked = bench.lock(&one, "f", Kind::Exclusive)?;
    let text = bench.text(&other, "f")?;
    if text.as_deref() != Ok("text") {
        return broken(format!("reading: {text:?}"));
    }
    bench.put(&other, "copy", "text")?;
    let opened = bench.try_open(&other, "f", WRITE, "f")?;
    let written = bench.try_write(&other, "f", "more")?;
    let closed = bench.done(&other, Call::Close { fd: "f".into() })?;
    let told = [
        ("lock", word(&locked)),
        ("open", word(&opened)),
        ("write", word(&written)),
        ("close", word(&closed)),
    ];
    only(&told, "ok")
}

fn mount_point_busy(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let removed = bench.rmdir(&one, lockstorm_agent::MOUNT_POINT)?;
    only(&[("rmdir", word(&removed))], "EBUSY")
}

fn stale_read(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let server = bench.server()?;
    bench.put(&one, "f", "old")?;
    bench.open(&one, "f", READ, "f")?;
    unlink(bench, &server, "f")?;
    bench.put(&server, "f", "new")?;
    bench.seconds(TRUSTED)?;
    let status = bench.fstat(&one, "f")?;
    let read = bench.read(&one, "f", 0, 3)?;
    let reader = kept(&read, "old")?;
    match word(&status) {
        told @ ("ok" | "ESTALE") => seen(format!("fstat: {told}; read: {reader}")),
        other => broken(format!("fstat: {other}")),
    }
}

fn stale_write(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let server = bench.server()?;
    bench.put(&one, "f", "old")?;
    bench.open(&one, "f", BOTH, "f")?;
    unlink(bench, &server, "f")?;
    bench.put(&server, "f", "new")?;
    let written = bench.try_write(&one, "f", "lost")?;
    let flushed = bench.fsync(&one, "f")?;
    let closed = bench.done(&one, Call::Close { fd: "f".into() })?;
    let told = [word(&written), word(&flushed), word(&closed)];
    if let Some(errno) = told.iter().find(|told| !matches!(**told, "ok" | "ESTALE" | "EIO")) {
        return broken(format!("it failed with {errno}"));
    }
    let text = bench.text(&server, "f")?;
    match text.as_deref() {
        Ok("new") => seen(format!("write, fsync, close: {}", told.join(", "))),
        other => broken(format!("the new file has {other:?}")),
    }
}

fn stale_directory(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let server = bench.server()?;
    bench.mkdir(&one, "d")?;
    bench.open(&one, "d", &[Flag::Read, Flag::Directory], "d")?;
    if let Err(errno) = bench.rmdir(&server, "d")? {
        return Err(Stop::Unfit(format!("rmdir on the server: {errno}")));
    }
    let made = bench.try_open(&one, "d/f", CREATE, "f")?;
    let status = bench.fstat(&one, "d")?;
    match (word(&made), word(&status)) {
        (made @ ("ENOENT" | "ESTALE"), told @ ("ok" | "ESTALE")) => {
            seen(format!("{made}; fstat: {told}"))
        }
        (made, told) => broken(format!("{made}; fstat: {told}")),
    }
}

fn removed_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", "text")?;
    unlink(bench, &other, "f")?;
    let first = bench.try_open(&one, "f", READ, "f")?;
    let second = bench.try_open(&one, "f", READ, "f")?;
    match (word(&first), word(&second)) {
        (first @ ("ENOENT" | "ESTALE"), "ENOENT") => seen(first),
        (first, second) => broken(format!("{first}, then {second}")),
    }
}

fn symlink_loop(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let there = bench.symlink(&one, "b", "a")?;
    let back = bench.symlink(&one, "a", "b")?;
    if let Err(errno) = there.and(back) {
        return Err(Stop::Unfit(format!("symlink: {errno}")));
    }
    let opened = bench.try_open(&one, "a", READ, "f")?;
    let elsewhere = bench.try_open(&other, "b", READ, "f")?;
    only(&[("open", word(&opened)), ("open elsewhere", word(&elsewhere))], "ELOOP")
}

fn file_as_directory(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "f")?;
    let opened = bench.try_open(&other, "f/x", CREATE, "f")?;
    let made = bench.try_mkdir(&other, "f/x")?;
    let removed = bench.rmdir(&other, "f")?;
    let told =
        [("open", word(&opened)), ("mkdir", word(&made)), ("rmdir of a file", word(&removed))];
    only(&told, "ENOTDIR")
}

fn directory_as_file(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.mkdir(&one, "d")?;
    let opened = bench.try_open(&one, "d", WRITE, "f")?;
    bench.open(&one, "d", READ, "d")?;
    let read = bench.read(&one, "d", 0, 1)?;
    only(&[("open", word(&opened)), ("read", word(&read))], "EISDIR")
}

fn other_file_system(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "/tmp/other-file-system")?;
    let linked = bench.link(&one, "/tmp/other-file-system", "f")?;
    let renamed = bench.rename(&one, "/tmp/other-file-system", "f")?;
    only(&[("link", word(&linked)), ("rename", word(&renamed))], "EXDEV")
}

fn wrong_direction(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.put(&one, "f", "text")?;
    bench.open(&one, "f", READ, "reading")?;
    bench.open(&one, "f", WRITE, "writing")?;
    let written = bench.try_write(&one, "reading", "more")?;
    let read = bench.read(&one, "writing", 0, 4)?;
    only(&[("write", word(&written)), ("read", word(&read))], "EBADF")
}

fn lock_before_start(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.open(&one, "f", CREATE, "f")?;
    bench.open(&other, "f", CREATE, "f")?;
    let locked = bench.set_lock(&one, "f", range(Kind::Exclusive, 5, -6))?;
    let free = bench.lock(&other, "f", Kind::Exclusive)?;
    match (word(&locked), word(&free)) {
        ("EINVAL", "ok") => seen("EINVAL"),
        (locked, free) => broken(format!("{locked}; then the other's lock: {free}")),
    }
}

fn path_too_long(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let path = "./".repeat(2048) + "f";
    let opened = bench.try_open(&one, &path, CREATE, "f")?;
    let made = bench.try_mkdir(&one, &path)?;
    only(&[("open", word(&opened)), ("mkdir", word(&made))], "ENAMETOOLONG")
}

fn root_passes_modes(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.put(&one, "f", "text")?;
    bench.must(&one, Call::Chmod { path: "f".into(), mode: 0 })?;
    let text = bench.text(&other, "f")?;
    let opened = bench.try_open(&one, "f", BOTH, "f")?;
    only(&[("reading", word(&text)), ("open", word(&opened))], "ok")
}
