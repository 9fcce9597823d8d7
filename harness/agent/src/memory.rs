//! A machine without memory: a process of the agent's takes all that there is, until the kernel kills
//! the adapter for it (mm/oom_kill.c).

use crate::adapter::Adapter;
use crate::boot::annotate;
use std::fs;
use std::io;
use std::process::Command;
use std::thread;

/// The agent's first argument when it is to take memory; the second is the process to wait for.
pub const TAKE: &str = "take-memory";
/// How much is taken at a time (bytes).
const PIECE: usize = 128 << 10;
/// What makes the kernel kill a process before one that has all memory (proc(5), oom_score_adj).
const FIRST: &str = "1000";

/// Begins to take all memory, until the adapter is dead; and what it has started is, too.
pub fn exhaust(adapter: Adapter) -> io::Result<()> {
    let victim = adapter.process();
    let badness = format!("/proc/{victim}/oom_score_adj");
    fs::write(&badness, FIRST).map_err(|error| annotate(error, &badness))?;
    let mut taker = Command::new("/proc/self/exe").args([TAKE, &victim.to_string()]).spawn()?;
    thread::spawn(move || {
        let _ = taker.wait();
        // What the adapter had started has no use any more; it may have ended with it.
        let _ = adapter.kill();
    });
    Ok(())
}

/// Takes memory until a process is dead, or this one is killed.
pub fn take(victim: &str) -> io::Result<()> {
    let mut taken = Vec::new();
    while lives(victim) {
        // Every byte is written, so that every page is there.
        taken.push(vec![1_u8; PIECE]);
    }
    drop(std::hint::black_box(taken));
    Ok(())
}

/// Whether a process is there, and no zombie.
fn lives(process: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| is_alive(&stat))
}

/// By proc_pid_stat(5): the state follows the name, which stands in parentheses.
fn is_alive(stat: &str) -> bool {
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| !matches!(state, "Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_is_dead_whatever_it_is_called() {
        assert!(is_alive("77 (python3) S 1 77 77 0 -1"));
        assert!(!is_alive("77 (python3) Z 1 77 77 0 -1"));
        assert!(!is_alive("77 (a) S b) Z 1 77"));
        assert!(!is_alive("") && !is_alive("77 (x)"));
        assert!(lives(&std::process::id().to_string()));
    }
}
