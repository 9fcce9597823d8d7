//! System calls of the adapter that fail because a plan wants it: before the kernel carries them
//! out, a seccomp filter asks the agent (seccomp_unotify(2)). Where no call is watched, there is no
//! filter.

mod filter;
mod meaning;

use crate::port::Port;
use filter::Listener;
use lockstorm_agent::{Failing, MOUNT_POINT, Message, Rules, SystemCall};
use nix::sched::{CloneFlags, unshare};
use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What a program finds itself in.
pub struct Surroundings<'a> {
    /// The system calls about which the agent is asked.
    pub watched: &'a [SystemCall],
    /// It is the first process of a pid namespace.
    pub pid_namespace: bool,
}

/// The calls of this node that are to fail.
#[derive(Clone)]
pub struct Calls {
    rules: Arc<Mutex<Rules>>,
    port: Arc<Port>,
}

impl Calls {
    pub fn new(port: &Arc<Port>) -> Calls {
        Calls { rules: Arc::default(), port: Arc::clone(port) }
    }

    pub fn fail(&self, failing: Failing) {
        self.rules().fail(failing);
    }

    pub fn let_through(&self, fault: u64) {
        self.rules().let_through(fault);
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a program. Its calls that are watched, and those of what it starts, are asked about.
    pub fn spawn(&self, command: &mut Command, within: &Surroundings) -> io::Result<Child> {
        let Surroundings { watched, pid_namespace } = *within;
        if watched.is_empty() && !pid_namespace {
            return command.spawn();
        }
        // A thread's filter, and its namespace for children, are inherited by what it starts, so
        // they are those of a thread which does nothing else; and who answers must not be asked.
        let (listeners, listener) = channel::<Listener>();
        let calls = self.clone();
        thread::spawn(move || listener.recv().map(|listener| calls.answer(&listener)));
        let spawn = move || {
            if pid_namespace {
                unshare(CloneFlags::CLONE_NEWPID)?;
            }
            if !watched.is_empty() {
                listeners.send(filter::install(watched)?).map_err(io::Error::other)?;
            }
            command.spawn()
        };
        thread::scope(|scope| scope.spawn(spawn).join())
            .unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
    }

    /// Answers until nobody is left who could ask.
    fn answer(&self, listener: &Listener) {
        while let Ok(question) = listener.next() {
            let Some(question) = question else {
                continue;
            };
            let errno = meaning::of(&question.data).and_then(|(call, operands)| {
                let paths = operands.iter().filter_map(|operand| operand.path(question.pid));
                self.judge(call, &paths.filter_map(|path| on_mount(&path)).collect::<Vec<_>>())
            });
            listener.reply(question.id, errno);
        }
    }

    /// The error that a call on these paths of the mount is to fail with.
    fn judge(&self, call: SystemCall, paths: &[String]) -> Option<i32> {
        let mut rules = self.rules();
        let (failing, path) = rules.meet(&[call], paths)?;
        self.port.send(&Message::CallFailed { fault: failing.fault, call, path: path.to_owned() });
        Some(failing.errno)
    }
}

/// The path as it begins at the mount, if it is there.
fn on_mount(path: &str) -> Option<String> {
    let below = Path::new(path).strip_prefix(MOUNT_POINT).ok()?;
    Some(Path::new("/").join(below).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_the_mount_has_a_path_there() {
        assert_eq!(on_mount("/mnt/nfs/a/lock").as_deref(), Some("/a/lock"));
        assert_eq!(on_mount("/mnt/nfs").as_deref(), Some("/"));
        assert_eq!(on_mount("/mnt/nfs2/lock"), None);
        assert_eq!(on_mount("/etc/passwd"), None);
    }
}
