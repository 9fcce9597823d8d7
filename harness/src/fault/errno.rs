use super::{Effect, Fault, on_client};
use crate::history::Consequence;
use crate::site::NodeId;
use lockstorm_agent::SystemCall;
use nix::errno::Errno as Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Let system calls of a client's process fail, on files of the mount: what they ask for is not
/// done. Its kernel and everybody else's are well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Errno {
    /// A client, or `owner`.
    pub node: String,
    /// The call, as its man page is called: open, link, unlink, rename, mkdir, rmdir, symlink,
    /// stat, read, write, fsync, utime, flock, or fcntl for a lock.
    pub call: String,
    /// The error: EMFILE, EINTR, ENOLCK, EIO, ESTALE ...
    pub with: String,
    /// Only of files whose name fits: `*.lck`, or a path from the root of the export: `/locks/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The first call to fail, counted from when the fault strikes.
    #[serde(default = "once", skip_serializing_if = "is_one")]
    pub nth: u32,
    /// How many calls fail.
    #[serde(default = "once", skip_serializing_if = "is_one")]
    pub times: u32,
}

/// Errors that a call can meet anywhere and that say nothing of the file or the lock: a program
/// that is told that a name is there, or is not, would act on a lie.
const ERRORS: &[Number] = &[
    Number::EPERM,
    Number::EINTR,
    Number::EIO,
    Number::EAGAIN,
    Number::ENOMEM,
    Number::EACCES,
    Number::EBUSY,
    Number::ENFILE,
    Number::EMFILE,
    Number::ETXTBSY,
    Number::ENOSPC,
    Number::EROFS,
    Number::ENOLCK,
    Number::ETIMEDOUT,
    Number::EDQUOT,
    Number::ESTALE,
];

/// More would be an endless loop to a program that tries again at once.
const TIMES_MOST: u32 = 10_000;

fn once() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

/// The names of the errors that a call can be made to fail with.
pub fn errors_of(call: SystemCall) -> Vec<String> {
    let means_an_error = |error: &&Number| match call {
        // The lock is another's: flock(2), fcntl(2).
        SystemCall::Flock | SystemCall::Fcntl => !matches!(error, Number::EAGAIN | Number::EACCES),
        _ => true,
    };
    ERRORS.iter().filter(means_an_error).map(|error| format!("{error:?}")).collect()
}

impl Errno {
    fn number(&self) -> Option<Number> {
        ERRORS.iter().copied().find(|error| format!("{error:?}") == self.with)
    }
}

impl Fault for Errno {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        let (Some(call), Some(errno)) = (self.watches(), self.number()) else {
            return Vec::new();
        };
        vec![Effect::CallsFail {
            call,
            errno: errno as i32,
            path: self.path.clone(),
            nth: self.nth,
            times: self.times,
        }]
    }

    fn watches(&self) -> Option<SystemCall> {
        SystemCall::of_name(&self.call)
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::CallsFail { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        let path = self.path.as_ref().map(|path| format!(" of {path}")).unwrap_or_default();
        format!("is told {} by {}{path}", self.with, self.call)
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let shown = |text: &str| text.chars().take(40).collect::<String>();
        let mut problems: Vec<_> =
            on_client(&self.node, "be told of an error").into_iter().collect();
        match self.watches() {
            None => {
                let known: Vec<&str> = SystemCall::ALL.iter().map(|call| call.name()).collect();
                let message = format!(
                    "`call` is `{}`; expected one of {}",
                    shown(&self.call),
                    known.join(", ")
                );
                problems.push((Some("call"), message));
            }
            Some(call) if !errors_of(call).contains(&self.with) => {
                let message = format!(
                    "`with` is `{}`; expected an error that {} can meet while nobody is to blame: {}",
                    shown(&self.with),
                    call.name(),
                    errors_of(call).join(", ")
                );
                problems.push((Some("with"), message));
            }
            Some(_) => {}
        }
        for (key, number, most) in [("nth", self.nth, u32::MAX), ("times", self.times, TIMES_MOST)]
        {
            if number == 0 || number > most {
                let message = format!("`{key}` is {number}; expected 1 to {most}");
                problems.push((Some(key), message));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errno(call: &str, with: &str) -> Errno {
        let (node, path) = ("c1".into(), None);
        Errno { node, call: call.into(), with: with.into(), path, nth: 1, times: 1 }
    }

    #[test]
    fn a_call_an_error_and_numbers_that_make_no_sense_are_refused_with_what_would() {
        assert_eq!(errno("open", "EMFILE").problems(), []);
        let told = |fault: Errno| fault.problems()[0].clone();
        let (key, message) = told(errno("close", "EIO"));
        assert!(key == Some("call") && message.contains("expected one of open, stat"), "{message}");
        let (key, message) = told(errno("open", "EEXIST"));
        assert!(key == Some("with") && message.contains("EMFILE"), "{message}");
        let (key, _) = told(Errno { times: 0, ..errno("open", "EIO") });
        assert_eq!(key, Some("times"));
        let (key, message) = told(Errno { node: "server".into(), ..errno("open", "EIO") });
        assert!(key == Some("node") && message.contains("on the server"), "{message}");
    }

    #[test]
    fn a_lock_is_not_told_that_another_has_it() {
        for call in ["flock", "fcntl"] {
            assert_eq!(errno(call, "ENOLCK").problems(), []);
            assert_eq!(errno(call, "EAGAIN").problems()[0].0, Some("with"));
            assert_eq!(errno(call, "EACCES").problems()[0].0, Some("with"));
        }
        assert_eq!(errno("write", "EAGAIN").problems(), []);
    }
}
