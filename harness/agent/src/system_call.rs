//! The system calls of a lock that can be made to fail.

use crate::glob;
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

/// What is to fail on a node, and how many such calls there were.
#[derive(Debug, Default)]
pub struct Rules(Vec<(Failing, u32)>);

impl Rules {
    /// Lets calls fail, instead of what this fault wanted before.
    pub fn fail(&mut self, failing: Failing) {
        self.let_through(failing.fault);
        self.0.push((failing, 0));
    }

    pub fn let_through(&mut self, fault: u64) {
        self.0.retain(|(failing, _)| failing.fault != fault);
    }

    /// What a call fails by that is one of these kinds and is about these paths, which begin at the
    /// mount; and which of the paths is to blame.
    pub fn meet<'a>(
        &mut self,
        calls: &[SystemCall],
        paths: &'a [String],
    ) -> Option<(&Failing, &'a str)> {
        self.0.iter_mut().find_map(|(failing, met)| {
            let pattern = failing.path.as_deref();
            let fits = |path: &&String| pattern.is_none_or(|pattern| glob::matches(pattern, path));
            let path = paths.iter().find(fits).filter(|_| calls.contains(&failing.call))?;
            *met = met.saturating_add(1);
            let is_meant = *met >= failing.nth && *met - failing.nth < failing.times;
            is_meant.then_some((&*failing, path.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_fail_from_the_nth_on_as_often_as_wanted_and_only_on_paths_that_fit() {
        let call = SystemCall::Open;
        let path = Some("*.lck".into());
        let failing = Failing { fault: 3, call, errno: 24, path, nth: 2, times: 2 };
        let mut rules = Rules::default();
        rules.fail(failing.clone());
        let (fits, other) = (["/x".to_owned(), "/a.lck".to_owned()], ["/x".to_owned()]);
        assert_eq!(rules.meet(&[call], &other), None);
        assert_eq!(rules.meet(&[SystemCall::Stat], &fits), None);
        let met: Vec<bool> = (0..5).map(|_| rules.meet(&[call], &fits).is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
        rules.fail(Failing { nth: 1, ..failing.clone() });
        assert_eq!(rules.meet(&[call], &fits).unwrap().1, "/a.lck");
        rules.let_through(3);
        assert_eq!(rules.meet(&[call], &fits), None);
    }

    #[test]
    fn every_call_is_known_by_its_name_and_written_by_it() {
        for call in SystemCall::ALL {
            assert_eq!(SystemCall::of_name(call.name()), Some(*call));
            assert_eq!(serde_json::to_value(call).unwrap(), call.name());
        }
        assert_eq!(SystemCall::of_name("close"), None);
    }
}
