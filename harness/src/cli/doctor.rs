//! `lockstorm doctor`: check whether this host has what a run needs, and say the mend.

mod host;
mod parts;

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use std::fmt;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A prerequisite, looked at.
struct Check {
    name: &'static str,
    state: State,
    /// What was seen.
    saw: String,
    /// What to do about it.
    mend: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Missing,
    /// Missing, and not needed for what the defaults do.
    Optional,
}

impl Check {
    fn ok(name: &'static str, saw: impl Into<String>) -> Check {
        Check { name, state: State::Ok, saw: saw.into(), mend: None }
    }

    fn missing(name: &'static str, saw: impl Into<String>, mend: impl Into<String>) -> Check {
        Check { name, state: State::Missing, saw: saw.into(), mend: Some(mend.into()) }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Optional => "absent",
        };
        writeln!(f, "{state:8} {:18} {}", self.name, self.saw)?;
        match &self.mend {
            Some(mend) => writeln!(f, "{:27} mend: {mend}", ""),
            None => Ok(()),
        }
    }
}

pub fn run(terminal: &Terminal) -> Result<Exit, Failure> {
    let mut checks = parts::checks();
    checks.extend(host::checks());
    for check in &checks {
        terminal.print(&check.to_string())?;
    }
    match checks.iter().any(|check| check.state == State::Missing) {
        true => Ok(Exit::SetUpMissing),
        false => Ok(Exit::Valid),
    }
}

/// How a short-lived program ended.
struct Ended {
    success: bool,
    /// What it printed, up to a limit.
    output: String,
}

/// Runs a program without input, for a limited time; `None`: it could not be started.
fn try_out(command: &mut Command, limit: Duration) -> Option<Ended> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().ok()?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.map(|out| out.take(1 << 20).read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let end = Instant::now() + limit;
    let success = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                break false;
            }
        }
    };
    let output = reader.join().unwrap_or_default();
    Some(Ended { success, output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let begun = Instant::now();
        let ended = try_out(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap();
        assert!(!ended.success);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn every_missing_thing_comes_with_its_mend() {
        for check in parts::checks().into_iter().chain(host::checks()) {
            assert_eq!(check.mend.is_some(), check.state != State::Ok, "{}", check.name);
        }
    }
}
