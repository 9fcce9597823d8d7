//! The track record: how often a bug was seen where it is and where it is not, and how soon.

use crate::cli::exit::Exit;
use lockstorm_reports::set::RunSummary;
use lockstorm_reports::{Invariant, Verdict};
use std::fmt::Write;

pub struct Record {
    /// Of each, so many runs.
    pub seeds: u64,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    pub about: String,
    pub report: String,
    pub shows: Option<Invariant>,
    /// In words, and what came of its runs.
    pub bad: (String, Tally),
    pub good: (String, Tally),
    pub at_random: Option<Tally>,
}

/// What came of the runs of one variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub runs: u64,
    /// The bug was seen, as described.
    pub seen: u64,
    /// Nothing was violated.
    pub kept: u64,
    /// The number of the first run that showed it, and how long processors worked for all until
    /// then (ms).
    pub first: Option<(u64, u64)>,
}

impl Tally {
    /// `runs` are in the order of their seeds.
    pub fn of(shows: Option<Invariant>, runs: &[&RunSummary]) -> Tally {
        let mut tally = Tally::default();
        let mut ms = 0;
        for run in runs {
            tally.runs += 1;
            let Some(judged) = run.judged() else {
                continue;
            };
            ms += judged.processors_ms.or(judged.wall_ms).unwrap_or(0);
            let is_it = match shows {
                None => !judged.unmet_steps.is_empty(),
                Some(shown) => (judged.invariants.iter())
                    .any(|found| found.invariant == shown && found.violations > 0),
            };
            if judged.verdict == Verdict::Violated && is_it {
                tally.seen += 1;
                tally.first.get_or_insert((tally.runs, ms));
            }
            tally.kept += u64::from(judged.verdict == Verdict::Valid);
        }
        tally
    }

    fn told_first(&self) -> String {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        self.first.map_or("-".into(), |(run, ms)| format!("run {run}, {:.1} s", seconds(ms)))
    }
}

impl Row {
    fn is_proven(&self) -> bool {
        let (bad, good) = (&self.bad.1, &self.good.1);
        bad.seen == bad.runs && good.kept == good.runs && bad.runs > 0
    }

    fn is_refuted(&self) -> bool {
        let (bad, good) = (&self.bad.1, &self.good.1);
        bad.kept > 0 || good.seen > 0
    }

    fn shows(&self) -> &'static str {
        self.shows.map_or("an unexpected answer", Invariant::words)
    }
}

impl Record {
    pub fn exit(&self) -> Exit {
        match &self.rows {
            rows if rows.iter().any(Row::is_refuted) => Exit::Violated,
            rows if rows.iter().all(Row::is_proven) => Exit::Valid,
            _ => Exit::Unknown,
        }
    }

    fn sum(&self) -> String {
        let proven = self.rows.iter().filter(|row| row.is_proven()).count();
        format!(
            "{proven} of {} known bugs were seen in each of {} runs of what has them, and in none \
             of what does not",
            self.rows.len(),
            self.seeds
        )
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let (bad, good) = (&row.bad.1, &row.good.1);
            let _ = writeln!(text, "{}: {}", row.name, row.about);
            let _ = writeln!(text, "  report  {}; seen by: {}", row.report, row.shows());
            let first = bad.told_first();
            let _ =
                writeln!(text, "  bad     {} of {}  {} ({first})", bad.seen, bad.runs, row.bad.0);
            let _ = writeln!(text, "  good    {} of {}  {}", good.kept, good.runs, row.good.0);
            if let Some(random) = &row.at_random {
                let (seen, runs, first) = (random.seen, random.runs, random.told_first());
                let _ = writeln!(text, "  random  {seen} of {runs}  ({first})");
            }
            text.push('\n');
        }
        text + &self.sum() + "\n"
    }

    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| bug | report | seen in | of runs | first sight | at random times | kept in | of \
             runs |\n|---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let (bad, good) = (&row.bad.1, &row.good.1);
            let random = match &row.at_random {
                Some(tally) => format!("{} of {}", tally.seen, tally.runs),
                None => "-".into(),
            };
            let _ = writeln!(
                text,
                "| **{}**: {} Seen by: {}. | {} | {} | {} of {} | {} | {random} | {} | {} of {} |",
                row.name,
                row.about,
                row.shows(),
                row.report,
                row.bad.0,
                bad.seen,
                bad.runs,
                bad.told_first(),
                row.good.0,
                good.kept,
                good.runs,
            );
        }
        text + "\n" + &self.sum() + ".\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bad: Tally, good: Tally) -> Row {
        Row {
            name: "unlink-at-release".into(),
            about: "An owner unlinks the file that a waiter has just locked.".into(),
            report: "tox-dev/filelock#574".into(),
            shows: Some(Invariant::MutualExclusion),
            bad: ("filelock@3.29.4".into(), bad),
            good: ("filelock@3.29.5".into(), good),
            at_random: Some(Tally { runs: 20, seen: 1, kept: 19, first: Some((7, 21_000)) }),
        }
    }

    const SEEN: Tally = Tally { runs: 20, seen: 20, kept: 0, first: Some((1, 2_900)) };
    const KEPT: Tally = Tally { runs: 20, seen: 0, kept: 20, first: None };

    #[test]
    fn the_record_tells_what_was_seen_where_and_how_soon() {
        let record = Record { seeds: 20, rows: vec![row(SEEN, KEPT)] };
        insta::assert_snapshot!(record.text() + "\n" + &record.markdown());
    }

    #[test]
    fn a_bug_that_hides_or_shows_where_it_is_not_is_refuted_and_an_unknown_run_proves_nothing() {
        let exit = |bad, good| Record { seeds: 20, rows: vec![row(bad, good)] }.exit();
        assert_eq!(exit(SEEN, KEPT), Exit::Valid);
        assert_eq!(exit(Tally { seen: 19, kept: 1, ..SEEN }, KEPT), Exit::Violated);
        assert_eq!(exit(SEEN, Tally { seen: 1, kept: 19, ..KEPT }), Exit::Violated);
        assert_eq!(exit(SEEN, Tally { kept: 19, ..KEPT }), Exit::Unknown);
        assert_eq!(exit(Tally::default(), Tally::default()), Exit::Unknown);
    }
}
