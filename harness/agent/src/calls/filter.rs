//! The seccomp filter, and the answers to what it asks (seccomp(2), seccomp_unotify(2)).

use super::meaning;
use lockstorm_agent::SystemCall;
use nix::errno::Errno;
use nix::libc::{
    self, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF,
    SECCOMP_SET_MODE_FILTER, SECCOMP_USER_NOTIF_FLAG_CONTINUE, sock_filter, sock_fprog,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

nix::ioctl_readwrite!(receive, b'!', 0, libc::seccomp_notif);
nix::ioctl_readwrite!(send, b'!', 1, libc::seccomp_notif_resp);

/// BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_RET | BPF_K: linux/bpf_common.h.
const LOAD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Where the filter's questions arrive.
pub struct Listener(OwnedFd);

/// The calls of this thread and of all that it starts are asked about, if they may be of these
/// kinds.
pub fn install(watched: &[SystemCall]) -> io::Result<Listener> {
    let mut program = program(&meaning::numbers(watched));
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = sock_fprog { len: length, filter: program.as_mut_ptr() };
    let (mode, flags) = (SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: the program outlives the call, which copies it, and has the length that it says.
    let listener = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &program) };
    let listener = i32::try_from(Errno::result(listener)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it for us alone.
    Ok(Listener(unsafe { OwnedFd::from_raw_fd(listener) }))
}

/// Loads the call's number, and asks about it if it is one of these. A process has one
/// architecture here, so its numbers mean what they mean to us.
fn program(numbers: &[u32]) -> Vec<sock_filter> {
    let statement = |code, k| sock_filter { code, jt: 0, jf: 0, k };
    let mut program = vec![statement(LOAD, 0)];
    for number in numbers {
        program.push(sock_filter { code: JUMP_IF_EQUAL, jt: 0, jf: 1, k: *number });
        program.push(statement(RETURN, SECCOMP_RET_USER_NOTIF));
    }
    program.push(statement(RETURN, SECCOMP_RET_ALLOW));
    program
}

impl Listener {
    /// Waits for the next question; `None` if who asked it is gone. An error when nobody is left.
    pub fn next(&self) -> io::Result<Option<libc::seccomp_notif>> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => return Ok(None),
            other => other?,
        };
        if !fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN)) {
            return Err(io::Error::other("nobody is left"));
        }
        // SAFETY: seccomp_notif is plain numbers, and has to be zero when it is given away.
        let mut question = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: the descriptor is a listener's, and the question is ours to be filled.
        match unsafe { receive(self.0.as_raw_fd(), &mut question) } {
            Ok(_) => Ok(Some(question)),
            Err(Errno::ENOENT | Errno::EINTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets the call fail with this error, or go on.
    pub fn reply(&self, id: u64, errno: Option<i32>) {
        let mut reply = libc::seccomp_notif_resp { id, val: 0, error: 0, flags: 0 };
        match errno {
            Some(errno) => reply.error = -errno,
            None => reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
        }
        // Who asked may have been killed meanwhile: then there is nobody to tell.
        // SAFETY: the descriptor is a listener's, and the reply outlives the call.
        let _ = unsafe { send(self.0.as_raw_fd(), &mut reply) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_asks_about_these_numbers_and_lets_all_others_through() {
        let program = program(&[2, 257]);
        let run = |number: u32| {
            let mut at = 0;
            loop {
                let step = &program[at];
                at += 1;
                match step.code {
                    LOAD => {}
                    JUMP_IF_EQUAL => {
                        at += usize::from(if step.k == number { step.jt } else { step.jf })
                    }
                    _ => break step.k,
                }
            }
        };
        assert_eq!([2, 257].map(run), [SECCOMP_RET_USER_NOTIF; 2]);
        assert_eq!([0, 3, 258].map(run), [SECCOMP_RET_ALLOW; 3]);
    }
}
