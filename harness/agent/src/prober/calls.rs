//! The system calls themselves.

use super::files::{Files, Map};
use lockstorm_agent::probe::{Answer, Call, Direction, Flag, Kind, Lock, Rename, Status, Wait};
use nix::errno::Errno;
use nix::fcntl::{self, FcntlArg, OFlag, RenameFlags, fcntl, renameat2};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::select::{FdSet, select};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::stat::{self, FileStat, Mode, UtimensatFlags, utimensat};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};
use nix::sys::uio::{pread, pwrite};
use nix::unistd;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

type Done = nix::Result<Answer>;
/// More is not read at a time (bytes): an answer is one line.
const READ_MOST: usize = 4096;
/// Of a program's output; as JSON it may be several times as long, and a line has a limit.
const OUTPUT_MOST: usize = 16 * 1024;

pub fn make(call: &Call, files: &Mutex<Files>) -> Done {
    match call {
        Call::Open { path, flags, mode, name } => {
            let fd = fcntl::open(path.as_str(), of(flags), Mode::from_bits_truncate(*mode))?;
            Ok(locked(files).add(name, fd))
        }
        Call::Close { fd } => {
            let fd = locked(files).take(fd)?;
            let closed = Errno::result(
                // SAFETY: it was open, and is nobody's any more.
                unsafe { libc::close(std::os::fd::IntoRawFd::into_raw_fd(fd)) },
            );
            closed.map(|_| Answer::Done)
        }
        Call::Dup { fd, name } => {
            let mut files = locked(files);
            let copy = unistd::dup(files.get(fd)?)?;
            Ok(files.add(name, copy))
        }
        Call::Read { .. }
        | Call::Write { .. }
        | Call::Truncate { .. }
        | Call::Allocate { .. }
        | Call::Fsync { .. }
        | Call::Fstat { .. }
        | Call::Nonblocking { .. }
        | Call::Fill { .. }
        | Call::Ready { .. } => on_file(call, files),
        Call::Lock { fd, lock, wait } => set_lock(&held(files, fd)?, lock, *wait),
        Call::TestLock { fd, lock } => test_lock(&held(files, fd)?, lock),
        Call::Flock { fd, kind, wait } => flock(&held(files, fd)?, *kind, *wait),
        Call::Map { .. } | Call::Peek { .. } | Call::Poke { .. } | Call::Unmap { .. } => {
            in_memory(call, &mut locked(files))
        }
        Call::Run { .. } | Call::Spawn { .. } | Call::Await { .. } => program(call, files),
        Call::Program { argv, path } => suite(argv, path).map_err(errno),
        Call::LimitFiles { .. }
        | Call::TakeFiles
        | Call::GiveFiles
        | Call::CountFiles
        | Call::Pipe { .. }
        | Call::Socketpair { .. } => descriptors(call, &mut locked(files)),
        Call::Sleep { ms } => {
            std::thread::sleep(Duration::from_millis(*ms));
            Ok(Answer::Done)
        }
        Call::Clock => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(Answer::Number(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)))
        }
        Call::Sync => {
            unistd::sync();
            Ok(Answer::Done)
        }
        other => on_name(other),
    }
}

fn locked(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A descriptor that stays what it is while the call waits, though another thread may close it.
struct Held(BorrowedFd<'static>);

fn held(files: &Mutex<Files>, name: &str) -> nix::Result<Held> {
    let raw = locked(files).get(name)?.as_raw_fd();
    // SAFETY: what is closed meanwhile is an error of the call, as in any program.
    Ok(Held(unsafe { BorrowedFd::borrow_raw(raw) }))
}

fn of(flags: &[Flag]) -> OFlag {
    let has = |flag| flags.contains(&flag);
    let access = match (has(Flag::Read), has(Flag::Write)) {
        (true, true) => OFlag::O_RDWR,
        (false, true) => OFlag::O_WRONLY,
        _ => OFlag::O_RDONLY,
    };
    let others = flags.iter().map(|flag| match flag {
        Flag::Read | Flag::Write => OFlag::empty(),
        Flag::Create => OFlag::O_CREAT,
        Flag::Exclusive => OFlag::O_EXCL,
        Flag::Truncate => OFlag::O_TRUNC,
        Flag::Append => OFlag::O_APPEND,
        Flag::Nonblock => OFlag::O_NONBLOCK,
        Flag::Directory => OFlag::O_DIRECTORY,
        Flag::NoFollow => OFlag::O_NOFOLLOW,
        Flag::CloseOnExec => OFlag::O_CLOEXEC,
        Flag::Direct => OFlag::O_DIRECT,
    });
    others.fold(access, |all, one| all | one)
}

fn number(count: usize) -> Answer {
    Answer::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

fn status(stat: &FileStat) -> Answer {
    let ns = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
    Answer::Status(Status {
        inode: stat.st_ino,
        links: stat.st_nlink,
        size: stat.st_size,
        mode: stat.st_mode,
        mtime_ns: ns(stat.st_mtime, stat.st_mtime_nsec),
        ctime_ns: ns(stat.st_ctime, stat.st_ctime_nsec),
    })
}

fn on_name(call: &Call) -> Done {
    match call {
        Call::Stat { path } => return stat::stat(path.as_str()).map(|found| status(&found)),
        Call::Lstat { path } => return stat::lstat(path.as_str()).map(|found| status(&found)),
        Call::Readlink { path } => {
            let target = fcntl::readlink(path.as_str())?;
            return Ok(Answer::Text(target.to_string_lossy().into_owned()));
        }
        Call::List { path } => {
            let entries = fs::read_dir(path).map_err(errno)?;
            let names = entries.filter_map(Result::ok);
            let mut names: Vec<String> =
                names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            return Ok(Answer::Names(names));
        }
        Call::Slurp { path } => {
            let bytes = fs::read(path).map_err(errno)?;
            let bytes = &bytes[..bytes.len().min(READ_MOST)];
            return Ok(Answer::Text(String::from_utf8_lossy(bytes).into_owned()));
        }
        Call::Access { path } => unistd::access(path.as_str(), unistd::AccessFlags::F_OK)?,
        Call::Link { from, to } => fs::hard_link(from, to).map_err(errno)?,
        Call::Symlink { target, path } => {
            std::os::unix::fs::symlink(target, path).map_err(errno)?;
        }
        Call::Mkdir { path } => unistd::mkdir(path.as_str(), Mode::from_bits_truncate(0o755))?,
        Call::Rmdir { path } => fs::remove_dir(path).map_err(errno)?,
        Call::Unlink { path } => unistd::unlink(path.as_str())?,
        Call::Rename { from, to, how } => {
            let flags = match how {
                Rename::Plain => RenameFlags::empty(),
                Rename::NoReplace => RenameFlags::RENAME_NOREPLACE,
                Rename::Exchange => RenameFlags::RENAME_EXCHANGE,
            };
            let cwd = fcntl::AT_FDCWD;
            renameat2(cwd, from.as_str(), cwd, to.as_str(), flags)?;
        }
        Call::Chmod { path, mode } => {
            let mode = Mode::from_bits_truncate(*mode);
            stat::fchmodat(
                fcntl::AT_FDCWD,
                path.as_str(),
                mode,
                stat::FchmodatFlags::FollowSymlink,
            )?;
        }
        Call::Times { path, mtime_ns } => {
            let time = mtime_ns.map_or(TimeSpec::UTIME_NOW, TimeSpec::nanoseconds);
            let follow = UtimensatFlags::FollowSymlink;
            utimensat(fcntl::AT_FDCWD, path.as_str(), &time, &time, follow)?;
        }
        other => return Ok(Answer::Refused(format!("it cannot do {other:?}"))),
    }
    Ok(Answer::Done)
}

fn on_file(call: &Call, files: &Mutex<Files>) -> Done {
    match call {
        Call::Read { fd, at, length } => {
            let fd = held(files, fd)?.0;
            let mut bytes = vec![0; (*length).min(READ_MOST)];
            let read = match at {
                Some(at) => pread(fd, &mut bytes, *at)?,
                None => unistd::read(fd, &mut bytes)?,
            };
            Ok(Answer::Text(String::from_utf8_lossy(&bytes[..read]).into_owned()))
        }
        Call::Write { fd, at, text } => {
            let fd = held(files, fd)?.0;
            Ok(number(match at {
                Some(at) => pwrite(fd, text.as_bytes(), *at)?,
                None => unistd::write(fd, text.as_bytes())?,
            }))
        }
        Call::Truncate { fd, length } => {
            unistd::ftruncate(held(files, fd)?.0, *length)?;
            Ok(Answer::Done)
        }
        Call::Allocate { fd, length } => {
            let mode = fcntl::FallocateFlags::empty();
            fcntl::fallocate(held(files, fd)?.0, mode, 0, *length)?;
            Ok(Answer::Done)
        }
        Call::Fsync { fd } => {
            unistd::fsync(held(files, fd)?.0)?;
            Ok(Answer::Done)
        }
        Call::Fstat { fd } => stat::fstat(held(files, fd)?.0).map(|found| status(&found)),
        Call::Nonblocking { fd } => {
            fcntl(held(files, fd)?.0, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            Ok(Answer::Done)
        }
        Call::Fill { fd } => fill(held(files, fd)?.0),
        Call::Ready { fd, to, how, within_ms } => {
            let is_ready = ready(held(files, fd)?.0, *to, *how, *within_ms)?;
            Ok(Answer::Number(i64::from(is_ready)))
        }
        other => Ok(Answer::Refused(format!("it cannot do {other:?}"))),
    }
}

fn fill(fd: BorrowedFd) -> Done {
    let mut written = 0;
    loop {
        match unistd::write(fd, &[0; 512]) {
            Ok(more) => written += more,
            Err(Errno::EAGAIN) => return Ok(number(written)),
            Err(error) => return Err(error),
        }
    }
}

fn ready(fd: BorrowedFd, to: Direction, how: Wait, within_ms: u16) -> nix::Result<bool> {
    if how == Wait::Poll {
        let wanted = match to {
            Direction::Read => PollFlags::POLLIN,
            Direction::Write => PollFlags::POLLOUT,
        };
        let mut fds = [PollFd::new(fd, wanted)];
        poll(&mut fds, PollTimeout::from(within_ms))?;
        return Ok(fds[0].revents().is_some_and(|met| met.intersects(wanted)));
    }
    let mut set = FdSet::new();
    set.insert(fd);
    let mut time = TimeVal::milliseconds(within_ms.into());
    let none = None::<&mut FdSet>;
    let met = match to {
        Direction::Read => select(None, &mut set, none, None, &mut time)?,
        Direction::Write => select(None, none, &mut set, None, &mut time)?,
    };
    Ok(met > 0)
}

fn flock_of(lock: &Lock) -> libc::flock {
    let kind = match lock.kind {
        Kind::Shared => libc::F_RDLCK,
        Kind::Exclusive => libc::F_WRLCK,
        Kind::Unlock => libc::F_UNLCK,
    };
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: lock.start,
        l_len: lock.length,
        l_pid: 0,
    }
}

fn set_lock(fd: &Held, lock: &Lock, wait: bool) -> Done {
    let wanted = flock_of(lock);
    fcntl(
        fd.0,
        match (lock.ofd, wait) {
            (false, false) => FcntlArg::F_SETLK(&wanted),
            (false, true) => FcntlArg::F_SETLKW(&wanted),
            (true, false) => FcntlArg::F_OFD_SETLK(&wanted),
            (true, true) => FcntlArg::F_OFD_SETLKW(&wanted),
        },
    )?;
    Ok(Answer::Done)
}

fn test_lock(fd: &Held, lock: &Lock) -> Done {
    let mut found = flock_of(lock);
    fcntl(
        fd.0,
        match lock.ofd {
            false => FcntlArg::F_GETLK(&mut found),
            true => FcntlArg::F_OFD_GETLK(&mut found),
        },
    )?;
    let kind = match i32::from(found.l_type) {
        libc::F_UNLCK => return Ok(Answer::InTheWay(None)),
        libc::F_RDLCK => Kind::Shared,
        _ => Kind::Exclusive,
    };
    let (ofd, start, length) = (found.l_pid == -1, found.l_start, found.l_len);
    Ok(Answer::InTheWay(Some((Lock { kind, ofd, start, length }, found.l_pid))))
}

fn flock(fd: &Held, kind: Kind, wait: bool) -> Done {
    let how = match (kind, wait) {
        (Kind::Shared, true) => libc::LOCK_SH,
        (Kind::Shared, false) => libc::LOCK_SH | libc::LOCK_NB,
        (Kind::Exclusive, true) => libc::LOCK_EX,
        (Kind::Exclusive, false) => libc::LOCK_EX | libc::LOCK_NB,
        (Kind::Unlock, _) => libc::LOCK_UN,
    };
    // SAFETY: it takes two numbers.
    Errno::result(unsafe { libc::flock(fd.0.as_raw_fd(), how) })?;
    Ok(Answer::Done)
}

fn in_memory(call: &Call, files: &mut Files) -> Done {
    match call {
        Call::Map { fd, length, name } => {
            let length = NonZeroUsize::new(*length).ok_or(Errno::EINVAL)?;
            let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
            // SAFETY: the kernel chooses where; nothing else is there.
            let address =
                unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, files.get(fd)?, 0) }?;
            let map = Map { address: address.cast(), length: length.get() };
            files.maps.insert(name.clone(), map);
            Ok(Answer::Done)
        }
        Call::Peek { map, length } => {
            let map = files.maps.get(map).ok_or(Errno::EFAULT)?;
            let wanted = (*length).min(map.length);
            // SAFETY: so much is mapped; a file that was cut short ends the process (SIGBUS), which
            // is what a probe asks about.
            let bytes = (0..wanted).map(|at| unsafe { map.address.add(at).read_volatile() });
            let bytes: Vec<u8> = bytes.collect();
            Ok(Answer::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Call::Poke { map, text } => {
            let map = files.maps.get(map).ok_or(Errno::EFAULT)?;
            for (at, byte) in text.bytes().enumerate().take(map.length) {
                // SAFETY: as above.
                unsafe { map.address.add(at).write_volatile(byte) };
            }
            Ok(Answer::Done)
        }
        Call::Unmap { map } => {
            let map = files.maps.remove(map).ok_or(Errno::EFAULT)?;
            // SAFETY: nobody has it any more.
            unsafe { munmap(map.address.cast(), map.length) }?;
            Ok(Answer::Done)
        }
        other => Ok(Answer::Refused(format!("it cannot do {other:?}"))),
    }
}

fn program(call: &Call, files: &Mutex<Files>) -> Done {
    match call {
        Call::Run { path, arguments } => {
            let mut command = command(path, arguments);
            Ok(exit(command.status().map_err(errno)?))
        }
        Call::Spawn { path, arguments, name } => {
            let child = command(path, arguments).spawn().map_err(errno)?;
            locked(files).programs.insert(name.clone(), child);
            Ok(Answer::Done)
        }
        Call::Await { name } => {
            let mut child = locked(files).programs.remove(name).ok_or(Errno::ECHILD)?;
            Ok(exit(child.wait().map_err(errno)?))
        }
        other => Ok(Answer::Refused(format!("it cannot do {other:?}"))),
    }
}

fn command(path: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Where a program's output goes, of which the end is told.
const OUTPUT: &str = "/tmp/output";

fn suite(argv: &[String], directory: &str) -> io::Result<Answer> {
    let Some((program, arguments)) = argv.split_first() else {
        return Ok(Answer::Refused("there is no program".into()));
    };
    let output = fs::File::create(OUTPUT)?;
    let status = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .status()?;
    let bytes = fs::read(OUTPUT)?;
    let from = bytes.len().saturating_sub(OUTPUT_MOST);
    let output = String::from_utf8_lossy(&bytes[from..]).into_owned();
    Ok(Answer::Ended { how: status.to_string(), code: status.code(), output })
}

/// The exit status, or the signal that ended it.
fn exit(status: ExitStatus) -> Answer {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Answer::Number(code.into()),
        (None, signal) => Answer::Text(format!("signal {}", signal.unwrap_or(0))),
    }
}

fn descriptors(call: &Call, files: &mut Files) -> Done {
    let open = || fs::read_dir("/proc/self/fd").map_err(errno).map(Iterator::count);
    match call {
        Call::LimitFiles { left } => {
            // Numbers are what is limited, and they have no gaps here. One is of the look itself.
            let limit = (open()? as u64 - 1).saturating_add(*left);
            let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
            setrlimit(Resource::RLIMIT_NOFILE, limit.min(hard), hard)?;
            Ok(Answer::Done)
        }
        Call::TakeFiles => loop {
            match fs::File::open("/dev/null") {
                Ok(file) => files.taken.push(file),
                Err(error) => match errno(error) {
                    Errno::EMFILE => return Ok(number(files.taken.len())),
                    other => return Err(other),
                },
            }
        },
        Call::GiveFiles => {
            files.taken.clear();
            Ok(Answer::Done)
        }
        Call::CountFiles => Ok(number(open()? - 1)),
        Call::Pipe { read, write } => {
            let (from, to) = unistd::pipe()?;
            files.add(read, from);
            Ok(files.add(write, to))
        }
        Call::Socketpair { one, other } => {
            let (family, kind) = (AddressFamily::Unix, SockType::Stream);
            let (first, second): (OwnedFd, OwnedFd) =
                socketpair(family, kind, None, SockFlag::empty())?;
            files.add(one, first);
            Ok(files.add(other, second))
        }
        other => Ok(Answer::Refused(format!("it cannot do {other:?}"))),
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0
    }
}
