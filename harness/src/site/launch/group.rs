//! Groups of processes that have been killed.

use nix::errno::Errno;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
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
    members(group).next().is_some()
}

/// How long the processors of this host have worked for a group's processes that run (ns), by
/// /proc/PID/schedstat; and for the children that these have waited for.
pub fn processor_time(group: i32) -> u64 {
    members(group).map(|(process, stat)| of_process(&process) + of_children(&stat)).sum()
}

fn of_process(process: &Path) -> u64 {
    // It may end meanwhile, and then its time is lost.
    let schedstat = std::fs::read_to_string(process.join("schedstat")).unwrap_or_default();
    schedstat.split_whitespace().next().and_then(|time| time.parse().ok()).unwrap_or(0)
}

/// cutime and cstime of proc_pid_stat(5), in hundredths of a second.
fn of_children(stat: &str) -> u64 {
    const TICK_NS: u64 = 10_000_000;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    ticks.sum::<u64>().saturating_mul(TICK_NS)
}

/// The processes of a group that run, each with what proc_pid_stat(5) says of it.
fn members(group: i32) -> impl Iterator<Item = (PathBuf, String)> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        runs_in(group, &stat).then(|| (process.path(), stat))
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
    fn the_processors_time_of_a_group_is_that_of_its_processes_and_of_their_children() {
        let stat = "7 (a) b) R 1 7 7 0 -1 1 2 3 4 5 6 7 30 20 0";
        assert_eq!(of_children(stat), 500_000_000);
        assert_eq!(of_children(""), 0);
        let burn = "i=0; while :; do i=$((i+1)); done";
        let mut busy = Command::new("sh").args(["-c", burn]).process_group(0).spawn().unwrap();
        let group = busy.id() as i32;
        while processor_time(group) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        busy.kill().unwrap();
        busy.wait().unwrap();
        assert_eq!(processor_time(group), 0);
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
