//! What a system call is about: which call it is to a program, and the files that it names.

use lockstorm_agent::SystemCall;
use nix::libc::{self, seccomp_data};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

/// PATH_MAX of limits.h, with the byte that ends it.
const PATH_MAX: usize = 4096;

/// Where a call's arguments name a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Names {
    /// By a path, from the working directory.
    Path(usize),
    /// By a path, from a directory that is open; by the directory alone where the path is empty.
    At(usize, usize),
    /// By a descriptor.
    Open(usize),
}

use Names::{At, Open, Path as Named};

#[rustfmt::skip]
const TABLE: &[(libc::c_long, SystemCall, &[Names])] = &[
    #[cfg(target_arch = "x86_64")] (libc::SYS_open, SystemCall::Open, &[Named(0)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_creat, SystemCall::Open, &[Named(0)]),
    (libc::SYS_openat, SystemCall::Open, &[At(0, 1)]),
    (libc::SYS_openat2, SystemCall::Open, &[At(0, 1)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_stat, SystemCall::Stat, &[Named(0)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_lstat, SystemCall::Stat, &[Named(0)]),
    (libc::SYS_fstat, SystemCall::Stat, &[Open(0)]),
    (libc::SYS_newfstatat, SystemCall::Stat, &[At(0, 1)]),
    (libc::SYS_statx, SystemCall::Stat, &[At(0, 1)]),
    (libc::SYS_read, SystemCall::Read, &[Open(0)]),
    (libc::SYS_readv, SystemCall::Read, &[Open(0)]),
    (libc::SYS_pread64, SystemCall::Read, &[Open(0)]),
    (libc::SYS_write, SystemCall::Write, &[Open(0)]),
    (libc::SYS_writev, SystemCall::Write, &[Open(0)]),
    (libc::SYS_pwrite64, SystemCall::Write, &[Open(0)]),
    (libc::SYS_fsync, SystemCall::Fsync, &[Open(0)]),
    (libc::SYS_fdatasync, SystemCall::Fsync, &[Open(0)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_link, SystemCall::Link, &[Named(0), Named(1)]),
    (libc::SYS_linkat, SystemCall::Link, &[At(0, 1), At(2, 3)]),
    // What a symbolic link says is no file.
    #[cfg(target_arch = "x86_64")] (libc::SYS_symlink, SystemCall::Symlink, &[Named(1)]),
    (libc::SYS_symlinkat, SystemCall::Symlink, &[At(1, 2)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_rename, SystemCall::Rename, &[Named(0), Named(1)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_renameat, SystemCall::Rename, &[At(0, 1), At(2, 3)]),
    (libc::SYS_renameat2, SystemCall::Rename, &[At(0, 1), At(2, 3)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_unlink, SystemCall::Unlink, &[Named(0)]),
    (libc::SYS_unlinkat, SystemCall::Unlink, &[At(0, 1)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_mkdir, SystemCall::Mkdir, &[Named(0)]),
    (libc::SYS_mkdirat, SystemCall::Mkdir, &[At(0, 1)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_rmdir, SystemCall::Rmdir, &[Named(0)]),
    (libc::SYS_unlinkat, SystemCall::Rmdir, &[At(0, 1)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_utime, SystemCall::Utime, &[Named(0)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_utimes, SystemCall::Utime, &[Named(0)]),
    #[cfg(target_arch = "x86_64")] (libc::SYS_futimesat, SystemCall::Utime, &[At(0, 1)]),
    (libc::SYS_utimensat, SystemCall::Utime, &[At(0, 1)]),
    (libc::SYS_flock, SystemCall::Flock, &[Open(0)]),
    (libc::SYS_fcntl, SystemCall::Fcntl, &[Open(0)]),
];

/// The commands of fcntl(2) that set a lock or take it away.
const LOCKS: &[i32] = &[libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK, libc::F_OFD_SETLKW];

/// The kernel's numbers of these calls.
pub fn numbers(calls: &[SystemCall]) -> Vec<u32> {
    let of_calls = TABLE.iter().filter(|(_, call, _)| calls.contains(call));
    let mut numbers: Vec<u32> =
        of_calls.filter_map(|(number, ..)| u32::try_from(*number).ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// A file that a call names.
#[derive(Debug, PartialEq)]
pub enum Operand {
    /// By the address of a path, from a directory that is open: AT_FDCWD is the working directory.
    Path(i32, u64),
    Descriptor(i32),
}

/// Which call it is, and what it names; `None`: none of those that can be made to fail.
pub fn of(data: &seccomp_data) -> Option<(SystemCall, Vec<Operand>)> {
    // The upper half of an `int` argument is undefined.
    let int = |index: usize| data.args[index] as i32;
    let is_meant = |call: SystemCall| match call {
        SystemCall::Fcntl => LOCKS.contains(&int(1)),
        SystemCall::Unlink | SystemCall::Rmdir
            if libc::c_long::from(data.nr) == libc::SYS_unlinkat =>
        {
            (int(2) & libc::AT_REMOVEDIR != 0) == (call == SystemCall::Rmdir)
        }
        _ => true,
    };
    let mut rows = TABLE.iter();
    let (_, call, names) =
        rows.find(|(number, call, _)| libc::c_long::from(data.nr) == *number && is_meant(*call))?;
    let operand = |names: &Names| match *names {
        Named(path) => Operand::Path(libc::AT_FDCWD, data.args[path]),
        At(directory, path) => Operand::Path(int(directory), data.args[path]),
        Open(descriptor) => Operand::Descriptor(int(descriptor)),
    };
    Some((*call, names.iter().map(operand).collect()))
}

impl Operand {
    /// The file's path from the root, as far as the process `pid` tells; no file is touched.
    pub fn path(&self, pid: u32) -> Option<String> {
        let link = |name: String| fs::read_link(format!("/proc/{pid}/{name}")).ok();
        let path = match *self {
            Operand::Descriptor(descriptor) => link(format!("fd/{descriptor}"))?,
            Operand::Path(directory, address) => {
                let named = if address == 0 { PathBuf::new() } else { text(pid, address)? };
                let directory = || match directory {
                    libc::AT_FDCWD => link("cwd".into()),
                    open => link(format!("fd/{open}")),
                };
                if named.is_absolute() { named } else { directory()?.join(named) }
            }
        };
        Some(plain(&path))
    }
}

/// A text in the memory of a process that a NUL ends.
fn text(pid: u32, address: u64) -> Option<PathBuf> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut text = Vec::new();
    let mut part = [0; 256];
    while text.len() < PATH_MAX {
        // What lies behind the end of a page may not be there.
        let at = address.checked_add(text.len() as u64)?;
        let room = part.len() - (at % part.len() as u64) as usize;
        let read = memory.read_at(&mut part[..room], at).ok().filter(|read| *read > 0)?;
        match part[..read].iter().position(|byte| *byte == 0) {
            Some(end) => {
                text.extend_from_slice(&part[..end]);
                return Some(PathBuf::from(String::from_utf8_lossy(&text).into_owned()));
            }
            None => text.extend_from_slice(&part[..read]),
        }
    }
    None
}

/// The path without `.` and `..`. (That of a symbolic link is not followed.)
fn plain(path: &Path) -> String {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(number: libc::c_long, args: [u64; 6]) -> seccomp_data {
        seccomp_data { nr: number as i32, arch: 0, instruction_pointer: 0, args }
    }

    #[test]
    fn a_call_is_known_by_its_number_and_by_what_its_arguments_make_of_it() {
        let remove = |flags| of(&data(libc::SYS_unlinkat, [3, 64, flags, 0, 0, 0]));
        assert_eq!(remove(0), Some((SystemCall::Unlink, vec![Operand::Path(3, 64)])));
        let directory = libc::AT_REMOVEDIR as u64;
        assert_eq!(remove(directory), Some((SystemCall::Rmdir, vec![Operand::Path(3, 64)])));
        let fcntl = |command| of(&data(libc::SYS_fcntl, [5, command, 0, 0, 0, 0]));
        assert_eq!(
            fcntl(libc::F_SETLKW as u64),
            Some((SystemCall::Fcntl, vec![Operand::Descriptor(5)]))
        );
        assert_eq!(fcntl(libc::F_GETFD as u64), None);
        let cwd = libc::AT_FDCWD as u32;
        let open = of(&data(libc::SYS_openat, [cwd.into(), 64, 0, 0, 0, 0]));
        assert_eq!(open, Some((SystemCall::Open, vec![Operand::Path(libc::AT_FDCWD, 64)])));
        assert_eq!(of(&data(libc::SYS_close, [5; 6])), None);
    }

    #[test]
    fn every_call_has_numbers_and_each_number_is_asked_about_once() {
        for call in SystemCall::ALL {
            assert!(!numbers(&[*call]).is_empty(), "{call:?}");
        }
        let both = numbers(&[SystemCall::Unlink, SystemCall::Rmdir]);
        assert_eq!(both.iter().filter(|n| **n == libc::SYS_unlinkat as u32).count(), 1);
    }

    #[test]
    fn a_path_is_read_from_a_process_and_joined_to_where_it_begins() {
        let pid = std::process::id();
        let (absolute, relative) = (c"/mnt/nfs/./a/../lock", c"lock");
        let path = |text: &std::ffi::CStr| Operand::Path(libc::AT_FDCWD, text.as_ptr() as u64);
        assert_eq!(path(absolute).path(pid).unwrap(), "/mnt/nfs/lock");
        let here = std::env::current_dir().unwrap().join("lock");
        assert_eq!(path(relative).path(pid).unwrap(), here.to_string_lossy());
        assert_eq!(Operand::Path(libc::AT_FDCWD, 8).path(pid), None, "nothing is there");
        assert_eq!(Operand::Descriptor(-9).path(pid), None);
    }
}
