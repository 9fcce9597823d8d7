//! What programs meet that run from the mount, ETXTBSY above all; what children inherit; and
//! several processes that write to one file.

use crate::conformance::bench::{BOTH, Bench, CREATE, Outcome, READ, Step, WRITE, whole, word};
use crate::conformance::probe::{Needs, Probe, Seen, Stop, broken, seen};
use crate::run::lab::{Hand, Ticket};
use crate::units::Nanos;
use lockstorm_agent::probe::{Answer, Call, Flag, Kind};
use lockstorm_agent::{EXPORT, MOUNT_POINT};

/// What a program that was started goes by.
const STARTED: &str = "started";
/// How often each of two adds a line to a file.
const LINES: usize = 10;
/// NFSv4's clients ask again for a lock that they wait for, at least every 30 s.
const LOCKED_WITHIN: Nanos = Nanos::from_secs(90);

pub const PROBES: &[Probe] = &[
    Probe {
        name: "running-open",
        rule: "a program that runs cannot be opened for writing on its own machine: ETXTBSY",
        source: "open(2), ETXTBSY",
        alone: false,
        needs: Needs::Nothing,
        run: running_open,
    },
    Probe {
        name: "running-truncate",
        rule: "O_TRUNC of a program that runs fails with ETXTBSY, and takes nothing of it",
        source: "open(2), ETXTBSY",
        alone: false,
        needs: Needs::Nothing,
        run: running_truncate,
    },
    Probe {
        name: "running-link",
        rule: "a program that runs is busy by each of its names",
        source: "open(2), ETXTBSY; link(2)",
        alone: false,
        needs: Needs::Nothing,
        run: running_link,
    },
    Probe {
        name: "running-read",
        rule: "a program that runs can be read",
        source: "open(2), ETXTBSY",
        alone: false,
        needs: Needs::Nothing,
        run: running_read,
    },
    Probe {
        name: "running-open-elsewhere",
        rule: "a client may write to a program that runs on another, which it does not know of; on \
               one machine it is ETXTBSY",
        source: "open(2), ETXTBSY; RFC 8881, section 18.16",
        alone: false,
        needs: Needs::Nothing,
        run: running_open_elsewhere,
    },
    Probe {
        name: "running-overwritten",
        rule: "a program that another client overwrites goes on to its end, or a signal ends it",
        source: "mmap(2), MAP_PRIVATE and SIGBUS; nfs(5), close-to-open",
        alone: false,
        needs: Needs::Network,
        run: running_overwritten,
    },
    Probe {
        name: "running-unlink",
        rule: "a program that runs can be unlinked and a new one put in its place: the old one \
               goes on, the new one starts",
        source: "unlink(2); POSIX, unlink",
        alone: false,
        needs: Needs::Nothing,
        run: running_unlink,
    },
    Probe {
        name: "running-rename",
        rule: "a program that runs can be replaced by rename(2), and goes on",
        source: "rename(2); POSIX, rename",
        alone: false,
        needs: Needs::Nothing,
        run: running_rename,
    },
    Probe {
        name: "running-nfs-name",
        rule: "a program that was unlinked while it ran leaves nothing behind when it has ended",
        source: "POSIX, unlink; Linux NFS FAQ, D2",
        alone: false,
        needs: Needs::Network,
        run: running_nfs_name,
    },
    Probe {
        name: "ended-open",
        rule: "a program that has ended can be written to at once",
        source: "open(2), ETXTBSY",
        alone: false,
        needs: Needs::Nothing,
        run: ended_open,
    },
    Probe {
        name: "script-not-busy",
        rule: "a script that runs can be opened for writing: what executes is its interpreter",
        source: "execve(2), Interpreter scripts",
        alone: false,
        needs: Needs::Nothing,
        run: script_not_busy,
    },
    Probe {
        name: "exec-written",
        rule: "a program that is open for writing on the same machine cannot be executed: ETXTBSY; \
               once it is closed it can",
        source: "execve(2), ETXTBSY",
        alone: false,
        needs: Needs::Nothing,
        run: exec_written,
    },
    Probe {
        name: "exec-written-elsewhere",
        rule: "a program that another client has open for writing can be executed; on one machine \
               it is ETXTBSY",
        source: "execve(2), ETXTBSY; RFC 8881, section 18.16",
        alone: false,
        needs: Needs::Nothing,
        run: exec_written_elsewhere,
    },
    Probe {
        name: "exec-written-by-child",
        rule: "a program stays busy while a child has the descriptor for writing that it inherited",
        source: "execve(2), ETXTBSY; fork(2)",
        alone: false,
        needs: Needs::Nothing,
        run: exec_written_by_child,
    },
    Probe {
        name: "exec-not-executable",
        rule: "even root cannot execute a file that nobody may execute: EACCES",
        source: "execve(2), EACCES; capabilities(7), CAP_DAC_OVERRIDE",
        alone: false,
        needs: Needs::Nothing,
        run: exec_not_executable,
    },
    Probe {
        name: "fork-inherits",
        rule: "a child has its parent's descriptors, also when the parent has closed its own",
        source: "fork(2)",
        alone: false,
        needs: Needs::Nothing,
        run: fork_inherits,
    },
    Probe {
        name: "exec-inherits",
        rule: "a program inherits a descriptor, unless that was opened with O_CLOEXEC",
        source: "open(2), O_CLOEXEC; execve(2)",
        alone: false,
        needs: Needs::Nothing,
        run: exec_inherits,
    },
    Probe {
        name: "writers-at-once",
        rule: "two may have a file open for writing: that is no EBUSY",
        source: "open(2); POSIX, open",
        alone: false,
        needs: Needs::Nothing,
        run: writers_at_once,
    },
    Probe {
        name: "writers-locked",
        rule: "of two that read, change and write a file under a lock of it, neither loses a line",
        source: "nfs(5), Using file locks with NFS",
        alone: false,
        needs: Needs::Nothing,
        run: writers_locked,
    },
    Probe {
        name: "writers-unlocked",
        rule: "on one machine two that take turns without a lock lose nothing; clients may lose \
               lines, but none makes up others",
        source: "POSIX, write; nfs(5), close-to-open",
        alone: false,
        needs: Needs::Nothing,
        run: writers_unlocked,
    },
    Probe {
        name: "appenders-locked",
        rule: "of two that open a file with O_APPEND, write and close it, each time under flock(2) \
               of another file, neither loses a line",
        source: "nfs(5), close-to-open; open(2), O_APPEND; flock(2)",
        alone: false,
        needs: Needs::Nothing,
        run: appenders_locked,
    },
];

/// Puts a copy of sleep(1) into the probe's directory, as `program`. Only a program that is started
/// in that directory can name it, which find(1) does where the marker is.
pub(super) fn put_program(bench: &mut Bench, by: &Hand, marker: &str) -> Step<()> {
    bench.touch(by, marker)?;
    copy_program(bench, by, marker)
}

fn copy_program(bench: &mut Bench, by: &Hand, marker: &str) -> Step<()> {
    let find = [MOUNT_POINT, EXPORT, "-maxdepth", "2", "-name", marker];
    let copy = ["-execdir", "/usr/bin/cp", "/usr/bin/sleep", "./program", ";"];
    let arguments = find.iter().chain(&copy).map(|word| (*word).to_owned()).collect();
    // Its status says nothing: one of the two directories is not there.
    bench.must(by, Call::Run { path: "/usr/bin/find".into(), arguments })?;
    match bench.exists(by, "program")? {
        true => Ok(()),
        false => Err(Stop::Unfit("there is no copy of sleep(1)".into())),
    }
}

fn start(bench: &mut Bench, by: &Hand, path: &str, seconds: &str) -> Step<()> {
    let arguments = vec![seconds.to_owned()];
    bench.must(by, Call::Spawn { path: path.into(), arguments, name: STARTED.into() }).map(drop)
}

/// A copy of sleep(1) that runs for 20 s.
fn run_program(bench: &mut Bench, by: &Hand, marker: &str) -> Step<()> {
    put_program(bench, by, marker)?;
    start(bench, by, "program", "20")
}

/// Waits for what was started: `exit 0`, `signal 11`.
fn ended(bench: &mut Bench, by: &Hand) -> Step<String> {
    match bench.must(by, Call::Await { name: STARTED.into() })? {
        Answer::Number(status) => Ok(format!("exit {status}")),
        Answer::Text(signal) => Ok(signal),
        other => Err(Stop::Unfit(format!("{other:?}"))),
    }
}

/// Runs the program to its end: `exit 0`, or the error of execve(2).
pub(super) fn executed(bench: &mut Bench, by: &Hand) -> Step<String> {
    let call = Call::Run { path: "program".into(), arguments: vec!["0".into()] };
    Ok(match bench.ask(by, call)? {
        Ok(Answer::Number(status)) => format!("exit {status}"),
        Ok(other) => format!("{other:?}"),
        Err(errno) => errno,
    })
}

fn running_open(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    run_program(bench, &one, "marker-running-open")?;
    let opened = bench.try_open(&one, "program", WRITE, "f")?;
    let end = ended(bench, &one)?;
    match (word(&opened), end.as_str()) {
        ("ETXTBSY", "exit 0") => seen("ETXTBSY"),
        (told, end) => broken(format!("{told}; the program: {end}")),
    }
}

fn running_truncate(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    run_program(bench, &one, "marker-running-truncate")?;
    let before = bench.stat(&one, "program")?.map(|found| found.size);
    let opened = bench.try_open(&one, "program", &[Flag::Write, Flag::Truncate], "f")?;
    let after = bench.stat(&one, "program")?.map(|found| found.size);
    let end = ended(bench, &one)?;
    match (word(&opened), end.as_str()) {
        ("ETXTBSY", "exit 0") if before.is_ok() && before == after => seen("ETXTBSY"),
        (told, end) => {
            broken(format!("{told}; size {before:?}, then {after:?}; the program: {end}"))
        }
    }
}

fn running_link(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    run_program(bench, &one, "marker-running-link")?;
    let linked = bench.link(&one, "program", "other-name")?;
    let opened = bench.try_open(&one, "other-name", WRITE, "f")?;
    match (word(&linked), word(&opened)) {
        ("ok", "ETXTBSY") => seen("ETXTBSY"),
        (linked, opened) => broken(format!("link: {linked}; open: {opened}")),
    }
}

fn running_read(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    run_program(bench, &one, "marker-running-read")?;
    for by in [&one, &other] {
        bench.open(by, "program", READ, "f")?;
        let read = bench.read(by, "f", 0, 4)?;
        if read.as_deref() != Ok("\x7fELF") {
            return broken(format!("{read:?}"));
        }
    }
    seen("ok")
}

fn running_open_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    run_program(bench, &one, "marker-running-open-elsewhere")?;
    let opened = bench.try_open(&other, "program", WRITE, "f")?;
    match (word(&opened), bench.is_local()) {
        ("ETXTBSY", _) => seen("ETXTBSY"),
        ("ok", false) => seen("ok"),
        (told, _) => broken(told),
    }
}

fn running_overwritten(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    run_program(bench, &one, "marker-running-overwritten")?;
    bench.put(&other, "program", "no program")?;
    // Opens it, so that its client no longer trusts the pages that it has of the old one.
    let text = bench.text(&one, "program")?;
    let end = ended(bench, &one)?;
    if text.as_deref() != Ok("no program") {
        return broken(format!("it reads {text:?}"));
    }
    match end == "exit 0" || end.starts_with("signal") {
        true => seen(end),
        false => broken(end),
    }
}

fn running_unlink(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    run_program(bench, &one, "marker-running-unlink")?;
    let unlinked = bench.unlink(&one, "program")?;
    if unlinked.is_err() {
        return broken(word(&unlinked));
    }
    copy_program(bench, &one, "marker-running-unlink")?;
    let new = executed(bench, &one)?;
    let old = ended(bench, &one)?;
    match (new.as_str(), old.as_str()) {
        ("exit 0", "exit 0") => seen("ok; both run"),
        _ => broken(format!("the new one: {new}; the old one: {old}")),
    }
}

fn running_rename(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    run_program(bench, &one, "marker-running-rename")?;
    bench.put(&one, "next", "new")?;
    let renamed = bench.rename(&one, "next", "program")?;
    let text = bench.text(&one, "program")?;
    let end = ended(bench, &one)?;
    match (word(&renamed), text.as_deref(), end.as_str()) {
        ("ok", Ok("new"), "exit 0") => seen("ok"),
        (told, text, end) => broken(format!("{told}; it reads {text:?}; the program: {end}")),
    }
}

fn running_nfs_name(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    let server = bench.server()?;
    run_program(bench, &one, "marker-running-nfs-name")?;
    let unlinked = bench.unlink(&one, "program")?;
    let before = bench.list(&server, ".")?;
    let end = ended(bench, &one)?;
    bench.seconds(1)?;
    let after = bench.list(&server, ".")?;
    let is_listed = before.iter().any(|name| name.starts_with(".nfs"));
    match (word(&unlinked), end.as_str(), after.as_slice()) {
        ("ok", "exit 0", [_]) if is_listed => seen(".nfsXXXX, until it ends"),
        ("ok", "exit 0", [_]) => seen("no .nfs name"),
        (told, end, names) => broken(format!("unlink: {told}; the program: {end}; {names:?}")),
    }
}

fn ended_open(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    run_program(bench, &one, "marker-ended-open")?;
    let end = ended(bench, &one)?;
    let opened = bench.try_open(&one, "program", WRITE, "f")?;
    match (end.as_str(), word(&opened)) {
        ("exit 0", "ok") => seen("ok"),
        (end, told) => broken(format!("the program: {end}; open: {told}")),
    }
}

fn script_not_busy(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.put(&one, "script", "#!/usr/bin/sh\n/usr/bin/sleep \"$1\"\nexit 3\n")?;
    bench.must(&one, Call::Chmod { path: "script".into(), mode: 0o755 })?;
    start(bench, &one, "script", "10")?;
    let opened = bench.try_open(&one, "script", WRITE, "f")?;
    let end = ended(bench, &one)?;
    match (word(&opened), end.as_str()) {
        ("ok", "exit 3") => seen("ok"),
        (told, end) => broken(format!("open: {told}; the script: {end}")),
    }
}

fn exec_written(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    put_program(bench, &one, "marker-exec-written")?;
    bench.open(&one, "program", WRITE, "f")?;
    let busy = executed(bench, &one)?;
    bench.close(&one, "f")?;
    let closed = executed(bench, &one)?;
    match (busy.as_str(), closed.as_str()) {
        ("ETXTBSY", "exit 0") => seen("ETXTBSY, then ok"),
        _ => broken(format!("{busy}, then {closed}")),
    }
}

fn exec_written_elsewhere(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    put_program(bench, &one, "marker-exec-written-elsewhere")?;
    bench.open(&other, "program", WRITE, "f")?;
    let busy = executed(bench, &one)?;
    bench.close(&other, "f")?;
    let closed = executed(bench, &one)?;
    match (busy.as_str(), closed.as_str(), bench.is_local()) {
        ("ETXTBSY", "exit 0", _) => seen("ETXTBSY, then ok"),
        ("exit 0", "exit 0", false) => seen("ok"),
        _ => broken(format!("{busy}, then {closed}")),
    }
}

/// What any program does that has threads: one of them writes a program, another starts a child.
fn exec_written_by_child(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    put_program(bench, &one, "marker-exec-written-by-child")?;
    bench.open(&one, "program", WRITE, "f")?;
    let child = bench.fork(&one)?;
    bench.close(&one, "f")?;
    let busy = executed(bench, &one)?;
    bench.close(&child, "f")?;
    let closed = executed(bench, &one)?;
    match (busy.as_str(), closed.as_str()) {
        ("ETXTBSY", "exit 0") => seen("ETXTBSY, then ok"),
        _ => broken(format!("{busy}, then {closed}")),
    }
}

fn exec_not_executable(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    put_program(bench, &one, "marker-exec-not-executable")?;
    bench.must(&one, Call::Chmod { path: "program".into(), mode: 0o644 })?;
    let refused = executed(bench, &one)?;
    bench.must(&one, Call::Chmod { path: "program".into(), mode: 0o755 })?;
    let allowed = executed(bench, &one)?;
    match (refused.as_str(), allowed.as_str()) {
        ("EACCES", "exit 0") => seen("EACCES"),
        _ => broken(format!("{refused}; with mode 0755: {allowed}")),
    }
}

fn fork_inherits(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.put(&one, "f", "text")?;
    bench.open(&one, "f", BOTH, "f")?;
    let child = bench.fork(&one)?;
    bench.close(&one, "f")?;
    let with = bench.number(&child, Call::CountFiles)?;
    let read = bench.read(&child, "f", 0, 4)?;
    let closed = bench.done(&child, Call::Close { fd: "f".into() })?;
    let without = bench.number(&child, Call::CountFiles)?;
    match (read.as_deref(), word(&closed), with - without) {
        (Ok("text"), "ok", 1) => seen("ok"),
        (text, told, freed) => broken(format!("{text:?}; close: {told}, frees {freed}")),
    }
}

fn exec_inherits(bench: &mut Bench) -> Seen {
    let one = bench.client(0)?;
    bench.touch(&one, "kept-open")?;
    bench.touch(&one, "closed-on-exec")?;
    bench.open(&one, "kept-open", READ, "kept")?;
    bench.open(&one, "closed-on-exec", &[Flag::Read, Flag::CloseOnExec], "closed")?;
    let mut found = Vec::new();
    for name in ["kept-open", "closed-on-exec"] {
        let script = format!("/usr/bin/ls -l /proc/self/fd | /usr/bin/grep -q {name}");
        let arguments = vec!["-c".to_owned(), script];
        let call = Call::Run { path: "/usr/bin/sh".into(), arguments };
        found.push(bench.number(&one, call)?);
    }
    match found[..] {
        // grep(1): 0 if a line is selected, 1 if none is.
        [0, 1] => seen("without O_CLOEXEC alone"),
        [0 | 1, 0 | 1] => broken(format!("kept: {}, closed: {}", found[0] == 0, found[1] == 1)),
        _ => Err(Stop::Unfit(format!("exit status {found:?}"))),
    }
}

fn writers_at_once(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let flags = [Flag::Write, Flag::Create, Flag::Truncate];
    for by in [&one, &other] {
        let opened = bench.try_open(by, "f", &flags, "f")?;
        if opened.is_err() {
            return broken(format!("open: {}", word(&opened)));
        }
    }
    for by in [&one, &other] {
        let written = bench.try_write(by, "f", "text")?;
        let closed = bench.done(by, Call::Close { fd: "f".into() })?;
        if written.is_err() || closed.is_err() {
            return broken(format!("write: {}; close: {}", word(&written), word(&closed)));
        }
    }
    seen("ok")
}

/// Reads the file, and writes it with one more line, by descriptors that stay open.
fn add_line(bench: &mut Bench, by: &Hand, line: &str) -> Step<()> {
    let read = bench.read(by, "f", 0, 4096)?;
    let text = read.map_err(|errno| Stop::Unfit(format!("read: {errno}")))? + line;
    bench.must(by, Call::Write { fd: "f".into(), at: Some(0), text }).map(drop)
}

/// How many lines of the two are in the file, once both have closed it. All are as long.
fn lines(bench: &mut Bench, one: &Hand, other: &Hand) -> Step<usize> {
    bench.close(one, "f")?;
    bench.close(other, "f")?;
    let text: Outcome<String> = bench.text(one, "f")?;
    let text = text.map_err(|errno| Stop::Unfit(format!("read: {errno}")))?;
    let is_line = |line: &str| line.len() == 2 && line.starts_with(['a', 'b']);
    match text.lines().all(is_line) && text.ends_with('\n') {
        true => Ok(text.lines().count()),
        false => broken(format!("the file has {text:?}")),
    }
}

/// Both ask for the lock at once; who gets it first adds its line, and lets the other.
fn writers_locked(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let both = [(&one, 'a'), (&other, 'b')];
    for (by, _) in both {
        bench.open(by, "f", CREATE, "f")?;
    }
    for round in 0..LINES {
        let mut waiting: Vec<(&Hand, String, Ticket)> = Vec::new();
        for (by, letter) in both {
            let ticket = bench.wait_for_lock(by, "f", whole(Kind::Exclusive))?;
            waiting.push((by, format!("{letter}{round}\n"), ticket));
        }
        bench.seconds(5)?;
        if !bench.is_answered(waiting[0].2)? {
            waiting.reverse();
        }
        for (by, line, ticket) in waiting {
            match bench.answer(ticket, LOCKED_WITHIN)? {
                Some(Ok(_)) => add_line(bench, by, &line)?,
                other => return broken(format!("the lock: {other:?}")),
            }
            let freed = bench.lock(by, "f", Kind::Unlock)?;
            freed.map_err(|errno| Stop::Unfit(format!("unlock: {errno}")))?;
        }
    }
    match lines(bench, &one, &other)? {
        count if count == 2 * LINES => seen("no line is lost"),
        count => broken(format!("{count} of {} lines", 2 * LINES)),
    }
}

fn writers_unlocked(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    bench.touch(&one, "f")?;
    bench.open(&one, "f", BOTH, "f")?;
    bench.open(&other, "f", BOTH, "f")?;
    for round in 0..LINES {
        add_line(bench, &one, &format!("a{round}\n"))?;
        add_line(bench, &other, &format!("b{round}\n"))?;
    }
    match lines(bench, &one, &other)? {
        count if count == 2 * LINES => seen("no line is lost"),
        count if count < 2 * LINES && !bench.is_local() => {
            seen(format!("{count} of {} lines", 2 * LINES))
        }
        count => broken(format!("{count} of {} lines", 2 * LINES)),
    }
}

fn appenders_locked(bench: &mut Bench) -> Seen {
    let (one, other) = bench.two()?;
    let flags = [Flag::Write, Flag::Create, Flag::Append];
    for round in 0..2 * LINES {
        let (by, letter) = [(&one, 'a'), (&other, 'b')][round % 2];
        bench.open(by, "f.lock", CREATE, "lock")?;
        let locked = bench.flock(by, "lock", Kind::Exclusive)?;
        if locked.is_err() {
            return broken(format!("the lock: {}", word(&locked)));
        }
        bench.open(by, "data", &flags, "f")?;
        bench.write(by, "f", &format!("{letter}{}\n", round / 2))?;
        bench.close(by, "f")?;
        bench.close(by, "lock")?;
    }
    let text = bench.text(&one, "data")?;
    let count = text.as_ref().map_or(0, |text| text.lines().count());
    match count == 2 * LINES {
        true => seen("no line is lost"),
        false => broken(format!("{count} of {} lines: {text:?}", 2 * LINES)),
    }
}
