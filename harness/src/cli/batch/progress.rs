//! How far a batch has come, and how long it will take: one line on standard error.
//!
//! On a terminal it is redrawn as runs begin and end; elsewhere there is a line for every tenth
//! part.

use super::Job;
use lockstorm_reports::set::{Outcome, RunSummary};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The live line must not wrap, or the next one would not cover it.
const COLUMNS: usize = 79;

pub struct Progress {
    out: Box<dyn Write + Send>,
    live: bool,
    quiet: bool,
    total: usize,
    side_by_side: usize,
    ended: usize,
    /// How many came to each outcome.
    counts: BTreeMap<Outcome, usize>,
    /// Wall time of the runs that were made, and how many those were.
    spent: Duration,
    made: u32,
    /// Of the runs that were made.
    longest: Duration,
    began: Vec<(String, Instant)>,
}

impl Progress {
    pub fn new(total: usize, side_by_side: usize, quiet: bool) -> Progress {
        let live = io::stderr().is_terminal();
        Progress::to(Box::new(io::stderr()), live, total, side_by_side, quiet)
    }

    fn to(
        out: Box<dyn Write + Send>,
        live: bool,
        total: usize,
        side_by_side: usize,
        quiet: bool,
    ) -> Progress {
        Progress {
            out,
            live,
            quiet,
            total,
            side_by_side,
            ended: 0,
            counts: BTreeMap::new(),
            spent: Duration::ZERO,
            made: 0,
            longest: Duration::ZERO,
            began: Vec::new(),
        }
    }

    pub fn begins(&mut self, job: &Job) {
        self.began.push((name(job), Instant::now()));
        self.draw();
    }

    pub fn ended(&mut self, job: &Job, summary: &RunSummary) {
        let name = name(job);
        if let Some(index) = self.began.iter().position(|(began, _)| *began == name) {
            let (_, began) = self.began.remove(index);
            if summary.judged().is_some() {
                let spent = began.elapsed();
                self.spent += spent;
                self.made += 1;
                self.longest = self.longest.max(spent);
            }
        }
        self.ended += 1;
        *self.counts.entry(summary.outcome()).or_default() += 1;
        self.draw();
        let tenths = |ended: usize| ended * 10 / self.total.max(1);
        if !self.live && !self.quiet && tenths(self.ended) > tenths(self.ended - 1) {
            let line = self.line(self.left());
            let _ = writeln!(self.out, "{line}");
        }
    }

    /// The wall time of the longest run so far.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The time that is left, by the mean of the runs so far.
    fn left(&self) -> Option<Duration> {
        let mean = self.spent.checked_div(self.made)?;
        let runs = u32::try_from(self.total - self.ended).ok()?;
        mean.checked_mul(runs)?.checked_div(u32::try_from(self.side_by_side).ok()?)
    }

    fn line(&self, left: Option<Duration>) -> String {
        let mut line = format!("{}/{} runs", self.ended, self.total);
        for (outcome, count) in &self.counts {
            let what = match outcome {
                Outcome::BrokenPromise => "with a broken promise",
                Outcome::ScriptExpectation => "not as the script expects",
                Outcome::Unknown => "unknown",
                Outcome::Failed => "not made",
                Outcome::BeyondAssumptions | Outcome::Valid => continue,
            };
            line.push_str(&format!(", {count} {what}"));
        }
        if let Some(left) = left
            && self.ended < self.total
        {
            line.push_str(&format!(", {} left", about(left)));
        }
        line
    }

    fn draw(&mut self) {
        if !self.live || self.quiet {
            return;
        }
        let mut line = self.line(self.left());
        if let Some((name, _)) = self.began.first() {
            line.push_str(&format!(": {name}"));
        }
        let line: String = line.chars().take(COLUMNS).collect();
        // A terminal that is gone has nobody to tell.
        let _ = write!(self.out, "\r{line}\x1b[K").and_then(|()| self.out.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live && !self.quiet {
            let _ = write!(self.out, "\r\x1b[K").and_then(|()| self.out.flush());
        }
    }
}

fn name(job: &Job) -> String {
    format!("{} {} {}", job.pair.lock, job.pair.scenario, job.seed)
}

/// `about 6 min`.
fn about(time: Duration) -> String {
    match time.as_secs() {
        0..100 => format!("about {} s", time.as_secs().max(1)),
        seconds @ 100..6_000 => format!("about {} min", seconds.div_ceil(60)),
        seconds => format!("about {} h", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        let mut progress = Progress::to(Box::new(io::sink()), true, 100, 2, false);
        progress.ended = 40;
        progress.counts = BTreeMap::from([(Outcome::BrokenPromise, 3), (Outcome::Valid, 37)]);
        (progress.spent, progress.made) = (Duration::from_secs(80), 40);
        progress
    }

    #[test]
    fn the_estimate_is_the_mean_of_the_runs_so_far_over_the_sites_side_by_side() {
        let progress = progress();
        assert_eq!(progress.left(), Some(Duration::from_secs(60)));
        let line = progress.line(progress.left());
        assert_eq!(line, "40/100 runs, 3 with a broken promise, about 60 s left");
    }

    #[test]
    fn an_answer_that_a_script_did_not_expect_is_no_broken_promise() {
        let mut progress = progress();
        progress.counts = BTreeMap::from([
            (Outcome::BrokenPromise, 7),
            (Outcome::ScriptExpectation, 4),
            (Outcome::Unknown, 2),
            (Outcome::Failed, 1),
        ]);
        assert_eq!(
            progress.line(None),
            "40/100 runs, 7 with a broken promise, 4 not as the script expects, 2 unknown, 1 not made"
        );
    }

    #[test]
    fn before_the_first_run_there_is_no_estimate() {
        let progress = Progress::to(Box::new(io::sink()), true, 5, 2, false);
        assert_eq!(progress.line(progress.left()), "0/5 runs");
    }

    #[test]
    fn a_long_time_is_told_in_larger_units() {
        assert_eq!(about(Duration::from_millis(10)), "about 1 s");
        assert_eq!(about(Duration::from_secs(601)), "about 11 min");
        assert_eq!(about(Duration::from_secs(7_201)), "about 3 h");
    }
}
