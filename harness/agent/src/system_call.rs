//! The system calls of a lock that can be made to fail.

use serde::{Deserialize, Serialize};

/// A system call by what it does: several numbers of the kernel's (open, openat, openat2, creat)
/// are one call to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemCall {
    Open,
    Stat,
    Read,
    Write,
    Fsync,
    Link,
    Symlink,
    Rename,
    Unlink,
    Mkdir,
    Rmdir,
    /// Times of a file, however they are set.
    Utime,
    Flock,
    /// fcntl(2) for a lock, of a process or of an open file description.
    Fcntl,
}

impl SystemCall {
    pub const ALL: &[SystemCall] = &[
        SystemCall::Open,
        SystemCall::Stat,
        SystemCall::Read,
        SystemCall::Write,
        SystemCall::Fsync,
        SystemCall::Link,
        SystemCall::Symlink,
        SystemCall::Rename,
        SystemCall::Unlink,
        SystemCall::Mkdir,
        SystemCall::Rmdir,
        SystemCall::Utime,
        SystemCall::Flock,
        SystemCall::Fcntl,
    ];

    /// As its man page is called.
    pub fn name(self) -> &'static str {
        match self {
            SystemCall::Open => "open",
            SystemCall::Stat => "stat",
            SystemCall::Read => "read",
            SystemCall::Write => "write",
            SystemCall::Fsync => "fsync",
            SystemCall::Link => "link",
            SystemCall::Symlink => "symlink",
            SystemCall::Rename => "rename",
            SystemCall::Unlink => "unlink",
            SystemCall::Mkdir => "mkdir",
            SystemCall::Rmdir => "rmdir",
            SystemCall::Utime => "utime",
            SystemCall::Flock => "flock",
            SystemCall::Fcntl => "fcntl",
        }
    }

    pub fn of_name(name: &str) -> Option<SystemCall> {
        SystemCall::ALL.iter().copied().find(|call| call.name() == name)
    }
}

/// System calls that are to fail: of those that concern the mount, `times` from the `nth` on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    /// Whose wish it is: a number that comes back with each call that failed.
    pub fault: u64,
    pub call: SystemCall,
    /// The number of the error.
    pub errno: i32,
    /// A pattern of the path on the mount (see [`crate::glob`]); any where it is left out.
    pub path: Option<String>,
    pub nth: u32,
    pub times: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_known_by_its_name_and_written_by_it() {
        for call in SystemCall::ALL {
            assert_eq!(SystemCall::of_name(call.name()), Some(*call));
            assert_eq!(serde_json::to_value(call).unwrap(), call.name());
        }
        assert_eq!(SystemCall::of_name("close"), None);
    }
}
