//! Whether two runs of one plan had the same history, line by line.

use super::directory::host;
use super::exit::Failure;
use lockstorm_reports::text::clean;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Of a line, so many characters are shown, from shortly before the first that differs.
const SHOWN_CHARS: usize = 160;
const BEFORE_CHARS: usize = 40;

/// The first line in which two histories differ.
#[derive(Debug, PartialEq)]
pub struct Difference {
    /// From 1.
    pub line: usize,
    /// `None`: the history has ended.
    pub first: Option<Vec<u8>>,
    pub second: Option<Vec<u8>>,
}

/// Holds two history.jsonl against each other; `None`: they are the same.
pub fn difference(first: &Path, second: &Path) -> Result<Option<Difference>, Failure> {
    let (mut one, mut two) = (open(first)?, open(second)?);
    for line in 1.. {
        let a = next(&mut one).map_err(host(first))?;
        let b = next(&mut two).map_err(host(second))?;
        if a != b {
            return Ok(Some(Difference { line, first: a, second: b }));
        }
        if a.is_none() {
            break;
        }
    }
    Ok(None)
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    Ok(BufReader::new(File::open(path).map_err(host(path))?))
}

/// A line with its line feed, which the last one of a killed run lacks.
fn next(history: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    Ok((history.read_until(b'\n', &mut line)? > 0).then_some(line))
}

impl Difference {
    /// The first history ends here, perhaps within the line, and the second one goes on.
    pub fn is_end_of_first(&self) -> bool {
        match (&self.first, &self.second) {
            (None, Some(_)) => true,
            (Some(torn), Some(whole)) => !torn.ends_with(b"\n") && whole.starts_with(torn),
            (_, None) => false,
        }
    }

    /// For people: which line, and what the two have there.
    pub fn words(&self, first: &str, second: &str) -> String {
        let width = first.chars().count().max(second.chars().count());
        let text = |line: &Option<Vec<u8>>| match line {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => "(the history ends)".into(),
        };
        let (one, two) = (text(&self.first), text(&self.second));
        let same = one.chars().zip(two.chars()).take_while(|(a, b)| a == b).count();
        let row = |name: &str, text: &str| format!("\n  {name:width$}  {}", shown(text, same));
        format!("from line {} on:{}{}", self.line, row(first, &one), row(second, &two))
    }
}

/// The part of a line around its character `at`.
fn shown(text: &str, at: usize) -> String {
    let length = text.trim_end().chars().count();
    if length <= SHOWN_CHARS {
        return clean(text);
    }
    let from = at.saturating_sub(BEFORE_CHARS).min(length - SHOWN_CHARS);
    let part: String = text.chars().skip(from).take(SHOWN_CHARS).collect();
    let (before, after) = (from > 0, from + SHOWN_CHARS < length);
    let mark = |cut: bool| if cut { "..." } else { "" };
    format!("{}{}{}", mark(before), clean(&part), mark(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn held(first: &str, second: &str) -> Option<Difference> {
        let home = tempfile::tempdir().unwrap();
        let (one, two) = (home.path().join("one"), home.path().join("two"));
        fs::write(&one, first).unwrap();
        fs::write(&two, second).unwrap();
        difference(&one, &two).unwrap()
    }

    #[test]
    fn the_same_lines_are_the_same_history() {
        assert_eq!(held("a\nb\n", "a\nb\n"), None);
        assert_eq!(held("", ""), None);
    }

    #[test]
    fn the_first_line_that_differs_is_told() {
        let found = held("a\n{\"at_ns\":1}\nc\n", "a\n{\"at_ns\":2}\nd\n").unwrap();
        assert!(!found.is_end_of_first());
        insta::assert_snapshot!(found.words("the run", "the replay"), @r#"
        from line 2 on:
          the run     {"at_ns":1}
          the replay  {"at_ns":2}
        "#);
        let longer = held("a\n", "a\nb\n").unwrap();
        assert!(longer.is_end_of_first());
        assert!(longer.words("1", "2").contains("1  (the history ends)\n  2  b"));
        assert!(!held("a\nb\n", "a\n").unwrap().is_end_of_first());
    }

    #[test]
    fn a_torn_last_line_is_an_end() {
        assert!(held("a\n{\"at", "a\n{\"at_ns\":2}\n").unwrap().is_end_of_first());
        assert!(!held("a\n{\"at\n", "a\n{\"at_ns\":2}\n").unwrap().is_end_of_first());
    }

    #[test]
    fn a_long_line_is_shown_where_it_differs_and_does_not_move_the_cursor() {
        let line = |c: char| format!("{}{c}\x1b[2J{}\n", "x".repeat(500), "y".repeat(500));
        let words = held(&line('1'), &line('2')).unwrap().words("a", "b");
        let rows: Vec<&str> = words.lines().skip(1).collect();
        assert!(rows[0].contains("xxx1") && rows[1].contains("xxx2"), "{words}");
        assert!(rows.iter().all(|row| row.chars().count() < 200), "{words}");
        assert!(!words.contains('\x1b'), "{words}");
        let end = held(&format!("{}\n", "x".repeat(900)), &format!("{}y\n", "x".repeat(900)));
        assert!(end.unwrap().words("a", "b").ends_with("xy"));
    }
}
