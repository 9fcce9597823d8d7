//! System calls of the adapter that fail because a plan wants it: before the kernel carries them
//! out, a seccomp filter asks the agent (seccomp_unotify(2)). Where no call is watched, there is no
//! filter.

mod filter;
mod meaning;

use crate::port::Port;
use filter::Listener;
use lockstorm_agent::{Failing, MOUNT_POINT, Message, SystemCall, glob};
use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The calls of this node that are to fail.
#[derive(Clone)]
pub struct Calls {
    rules: Arc<Mutex<Vec<Rule>>>,
    port: Arc<Port>,
}

struct Rule {
    failing: Failing,
    seen: u32,
    failed: u32,
}

impl Calls {
    pub fn new(port: &Arc<Port>) -> Calls {
        Calls { rules: Arc::default(), port: Arc::clone(port) }
    }

    pub fn fail(&self, failing: Failing) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.retain(|rule| rule.failing.fault != failing.fault);
        rules.push(Rule { failing, seen: 0, failed: 0 });
    }

    pub fn let_through(&self, fault: u64) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.retain(|rule| rule.failing.fault != fault);
    }

    /// Starts a program whose calls of these kinds, and those of what it starts, are asked about.
    pub fn spawn(&self, command: &mut Command, watched: &[SystemCall]) -> io::Result<Child> {
        if watched.is_empty() {
            return command.spawn();
        }
        // A thread's filter is inherited by what it starts, so it is that of a thread which
        // does nothing else; and who answers must not be asked.
        let (listeners, listener) = channel::<Listener>();
        let calls = self.clone();
        thread::spawn(move || listener.recv().map(|listener| calls.answer(&listener)));
        let spawn = move || {
            listeners.send(filter::install(watched)?).map_err(io::Error::other)?;
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
                let on_mount = |path: String| path.strip_prefix(MOUNT_POINT).map(str::to_owned);
                self.judge(call, &paths.filter_map(on_mount).collect::<Vec<_>>())
            });
            listener.reply(question.id, errno);
        }
    }

    /// The error that a call on these paths of the mount is to fail with.
    fn judge(&self, call: SystemCall, paths: &[String]) -> Option<i32> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter_mut().find_map(|rule| {
            let Failing { fault, errno, path: pattern, .. } = &rule.failing;
            let fits = |path: &&String| {
                pattern.as_deref().is_none_or(|pattern| glob::matches(pattern, path))
            };
            let path = paths.iter().find(fits).filter(|_| rule.failing.call == call)?;
            rule.seen = rule.seen.saturating_add(1);
            if rule.seen < rule.failing.nth || rule.failed >= rule.failing.times {
                return None;
            }
            rule.failed += 1;
            self.port.send(&Message::CallFailed { fault: *fault, call, path: path.clone() });
            Some(*errno)
        })
    }
}
