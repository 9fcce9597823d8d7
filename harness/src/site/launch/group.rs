//! Groups of processes that have been killed.

use nix::errno::Errno;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// How long the processes of a group may take to end, once they are killed.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Waits until none of a group's processes runs any more. A killed process ends only when it is
/// next run, and one that is not our child cannot be waited for by wait(2).
pub fn wait_for_end(group: i32) {
    let begun = Instant::now();
    while is_alive(group) && begun.elapsed() < ENDS_WITHIN {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A process of the group still runs. One that has ended and waits for its parent does not: where
/// nobody is parent to what is left behind, it waits for ever.
fn is_alive(group: i32) -> bool {
    if killpg(Pid::from_raw(group), None) == Err(Errno::ESRCH) {
        return false;
    }
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        runs_in(group, &stat)
    })
}

/// What proc(5) says of a process: its name, which may hold anything, then its state, its parent
/// and its group.
fn runs_in(group: i32, stat: &str) -> bool {
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let (state, of) = (fields.next(), fields.nth(1));
    of.is_some_and(|of| of.parse() == Ok(group)) && !matches!(state, Some("Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn a_process_runs_in_its_group_until_it_has_ended_whatever_its_name() {
        assert!(runs_in(10749, "10757 (linux) R 1 10749 10749 0 -1 1100"));
        assert!(runs_in(10749, "10757 (a) R 1 1) t 1 10749 10749 0 -1 1100"));
        assert!(!runs_in(10749, "10757 (linux) Z 1 10749 10749 0 -1 1100"));
        assert!(!runs_in(10749, "10757 (linux) R 10749 1 10749 0 -1 1100"));
        assert!(!runs_in(10749, ""));
    }

    #[test]
    fn a_group_is_alive_until_its_last_process_has_ended_waited_for_or_not() {
        let mut sleeper = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let group = sleeper.id() as i32;
        assert!(is_alive(group));
        sleeper.kill().unwrap();
        wait_for_end(group);
        assert!(!is_alive(group));
        sleeper.wait().unwrap();
        assert!(!is_alive(group));
    }
}
