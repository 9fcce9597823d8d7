//! A run with something changed, held against the run before: until when their histories are the
//! same, and what became of the verdict.

use crate::cli::exit::Failure;
use crate::cli::repeat::{self, difference};
use crate::cli::runner::{Ended, short};
use crate::history::Event;
use crate::verdict::recheck::HISTORY;
use lockstorm_reports::text::{counted, seconds};
use lockstorm_reports::{InvariantResult, Report, Status, json};
use std::fs;
use std::path::Path;

/// What the two are called.
const NAMES: (&str, &str) = ("saved", "replay");

/// When the first event is that differs.
pub fn parts_at(difference: &repeat::Difference) -> Option<u64> {
    let at_ns = |line: &Option<Vec<u8>>| {
        let event = serde_json::from_slice::<Event>(line.as_deref().unwrap_or_default());
        event.ok().map(|event| event.at_ns)
    };
    [&difference.first, &difference.second].into_iter().filter_map(at_ns).min()
}

/// How the histories go on from where they part.
pub fn histories(saved: &Path, ended: &Ended) -> Result<String, Failure> {
    let (before, name) = (saved.join(HISTORY), saved.display());
    if !before.exists() {
        return Ok(format!("Histories\n  {name} has no {HISTORY} to compare with"));
    }
    let found = difference(&before, &ended.directory.path().join(HISTORY))?;
    Ok(match found {
        None => format!("Histories\n  the same as in {name}: {}", short(&ended.history)),
        Some(difference) => {
            let parted = parted(&difference);
            let (saved, replay) = NAMES;
            let words = difference.words(saved, replay);
            // The first line says from where on.
            let rows: Vec<&str> = words.lines().skip(1).collect();
            format!("Histories\n  {parted}\n{}", rows.join("\n"))
        }
    })
}

fn parted(difference: &repeat::Difference) -> String {
    match (difference.line, parts_at(difference)) {
        (1, _) | (_, None) => format!("another from line {} on:", difference.line),
        (line, Some(at)) => format!("the same until {}, another from line {line} on:", seconds(at)),
    }
}

/// The verdict then and now, and each promise that another thing became of.
pub fn verdicts(saved: &Path, now: &Path) -> Result<String, Failure> {
    let after = read(now)?;
    let before = read(saved)?;
    Ok(told(before.as_ref(), after.as_ref()))
}

fn told(before: Option<&Report>, after: Option<&Report>) -> String {
    let (saved, replay) = NAMES;
    let verdict = |name: &str, report: Option<&Report>| {
        let words = report.map_or("it has no report".into(), verdict);
        format!("\n  {name:6}  {words}")
    };
    let mut words = format!("Verdicts{}{}", verdict(saved, before), verdict(replay, after));
    if let (Some(before), Some(after)) = (before, after) {
        for now in &after.invariants {
            let then = before.invariants.iter().find(|then| then.invariant == now.invariant);
            let (then, now_words) = (then.map_or("not judged".into(), became), became(now));
            if then != now_words {
                words += &format!("\n  {:20}  {then} -> {now_words}", now.invariant.words());
            }
        }
    }
    words
}

fn verdict(report: &Report) -> String {
    let verdict = report.verdict.words();
    match report.class {
        Some(class) => format!("{verdict}: {}", class.words()),
        None => verdict.into(),
    }
}

fn became(result: &InvariantResult) -> String {
    match result.status {
        Status::Violated => format!("violated, {}", counted(result.violations, "time")),
        Status::Kept => "kept".into(),
        Status::Vacuous => "not tried".into(),
        Status::NotPromised => "not promised".into(),
        Status::Unknown => "unknown".into(),
    }
}

/// The report of a run; none if it was cut short.
fn read(run: &Path) -> Result<Option<Report>, Failure> {
    let file = run.join("report.json");
    match fs::read_to_string(&file) {
        Ok(text) if !text.is_empty() => json::read(&text)
            .map(Some)
            .map_err(|error| Failure::Argument(format!("{}: {error}", file.display()))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::story::{plan, story};
    use crate::verdict::{Circumstances, judge};

    fn report(text: &str) -> Report {
        judge(&plan(), &story(text), Circumstances::default())
    }

    #[test]
    fn what_became_of_each_promise_is_told_where_it_is_another_than_before() {
        let calm = report(
            "1s c1 acquires\n1s c2 asks\n2s c1 releases\n2s c2 enters\n3s c2 releases\n\
             9s workload ends",
        );
        let broken = report("1s c1 acquires\n2s c2 acquires\n3s c2 releases\n9s workload ends");
        insta::assert_snapshot!(told(Some(&calm), Some(&broken)), @r"
        Verdicts
          saved   valid
          replay  violated: broken promise
          mutual exclusion      kept -> violated, 1 time
          no early break        kept -> violated, 1 time
          release frees         kept -> not tried
        ");
        assert_eq!(told(Some(&calm), Some(&calm)), "Verdicts\n  saved   valid\n  replay  valid");
        assert!(told(None, Some(&calm)).contains("saved   it has no report"));
    }

    #[test]
    fn histories_part_at_the_first_event_that_differs() {
        let line =
            |at: u64| Some(format!("{{\"at_ns\":{at},\"event\":\"workload_began\"}}\n").into());
        let difference =
            |line_number, first, second| repeat::Difference { line: line_number, first, second };
        let found = difference(12, line(2_500_000_000), line(2_000_000_000));
        assert_eq!(parted(&found), "the same until 2.000 s, another from line 12 on:");
        let found = difference(1, line(0), line(1));
        assert_eq!(parted(&found), "another from line 1 on:");
        let found = difference(3, None, Some(b"torn".to_vec()));
        assert_eq!(parted(&found), "another from line 3 on:");
    }
}
