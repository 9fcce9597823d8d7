//! How far a search has come: one line on standard error.
//!
//! On a terminal it is redrawn as runs end; elsewhere there is a line each minute.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The live line must not wrap, or the next one would not cover it.
const COLUMNS: usize = 79;
/// Between two lines that are not redrawn.
const EACH: Duration = Duration::from_secs(60);
/// So many findings are named.
const NAMED: usize = 4;

pub struct Progress {
    live: bool,
    quiet: bool,
    begun: Instant,
    /// Made by now, not counting those that were there.
    made: u64,
    /// With those that were there.
    runs: u64,
    situations: usize,
    /// The latest first, and how often each was seen.
    findings: Vec<(String, u64)>,
    last_new: Instant,
    told: Instant,
}

impl Progress {
    pub fn new(quiet: bool) -> Progress {
        let now = Instant::now();
        Progress {
            live: io::stderr().is_terminal(),
            quiet,
            begun: now,
            made: 0,
            runs: 0,
            situations: 0,
            findings: Vec::new(),
            last_new: now,
            told: now,
        }
    }

    /// A run has been made.
    pub fn ran(&mut self) {
        self.made += 1;
        self.tell();
    }

    /// How many runs have been made by now.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Makes room for something else to be said.
    pub fn clear(&self) {
        if self.live && !self.quiet {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// What is known of all runs by now.
    pub fn learned(&mut self, runs: u64, situations: usize, findings: Vec<(String, u64)>) {
        if situations > self.situations || findings.len() > self.findings.len() {
            self.last_new = Instant::now();
        }
        (self.runs, self.situations, self.findings) = (runs, situations, findings);
        self.tell();
    }

    fn tell(&mut self) {
        if self.quiet {
            return;
        }
        let line = self.line(self.begun.elapsed(), self.last_new.elapsed());
        if self.live {
            let line: String = line.chars().take(COLUMNS).collect();
            // A terminal that is gone has nobody to tell.
            let mut out = io::stderr();
            let _ = write!(out, "\r{line}\x1b[K").and_then(|()| out.flush());
        } else if self.told.elapsed() >= EACH {
            self.told = Instant::now();
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    fn line(&self, since_begin: Duration, since_new: Duration) -> String {
        let a_minute = self.made as f64 * 60.0 / since_begin.as_secs_f64().max(1.0);
        let mut line = format!(
            "{} runs, {a_minute:.0} a minute, {} situations, {}",
            self.runs,
            self.situations,
            counted(self.findings.len(), "finding")
        );
        if !self.findings.is_empty() {
            let named = self.findings.iter().take(NAMED);
            let named: Vec<String> = named.map(|(id, seen)| format!("{id} x{seen}")).collect();
            let more = if self.findings.len() > NAMED { " ..." } else { "" };
            line.push_str(&format!(" ({}{more})", named.join(" ")));
        }
        line.push_str(&format!(", {} s since the last new", since_new.as_secs()));
        line
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `1 finding`, `2 findings`.
pub fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_rate_situations_findings_and_how_long_nothing_new_came() {
        let mut progress = Progress::new(true);
        let line =
            |progress: &Progress| progress.line(Duration::from_secs(120), Duration::from_secs(9));
        assert_eq!(
            line(&progress),
            "0 runs, 0 a minute, 0 situations, 0 findings, 9 s since the last new"
        );
        (0..50).for_each(|_| progress.ran());
        let findings = [("0a1b2c3d", 7), ("11223344", 1)];
        let findings = findings.map(|(id, seen)| (id.to_owned(), seen)).to_vec();
        progress.learned(80, 41, findings);
        assert_eq!(
            line(&progress),
            "80 runs, 25 a minute, 41 situations, 2 findings (0a1b2c3d x7 11223344 x1), \
             9 s since the last new"
        );
    }
}
