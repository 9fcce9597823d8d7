//! A reader at a terminal: types the commands of a page, one after the other, and compares what
//! comes with what the page shows.

use super::pages::Block;
use lockstorm::cli::exit::Exit;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A command, and what the page shows below it.
#[derive(Clone, Debug)]
pub struct Step {
    pub command: String,
    shown: Vec<String>,
}

/// The commands of a block: `$ ` begins one, `> ` goes on with it, all else is what it prints.
pub fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), shown: Vec::new() });
            continue;
        }
        let Some(step) = steps.last_mut() else {
            continue;
        };
        match line.strip_prefix("> ") {
            Some(more) if step.shown.is_empty() => {
                step.command.push('\n');
                step.command.push_str(more);
            }
            _ => step.shown.push(line.to_owned()),
        }
    }
    steps
}

pub struct Session {
    home: TempDir,
    path: String,
    /// The exit code of the last command.
    status: i32,
}

impl Session {
    pub fn new() -> Session {
        let programs = Path::new(env!("CARGO_BIN_EXE_lockstorm")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        Session {
            home: tempfile::tempdir().unwrap(),
            path: format!("{}:{path}", programs.display()),
            status: 0,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Its exit code, what it prints, and what it complains of.
    pub fn bash(&mut self, command: &str) -> (i32, String, String) {
        // The shell of a page lives from the one command to the next: `echo $?` is of the last one.
        let script = format!("(exit {})\n{command}", self.status);
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(self.home.path()).env("PATH", &self.path);
        let output = bash.stdin(Stdio::null()).output().unwrap();
        self.status = output.status.code().expect("it ends by itself, not by a signal");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (self.status, text(&output.stdout), text(&output.stderr))
    }

    pub fn run(&mut self, step: &Step) {
        let (status, printed, complained) = self.bash(&step.command);
        // Nobody has every kernel.
        if status == Exit::SetUpMissing as i32 && complained.contains("is not built") {
            return;
        }
        let said = || format!("$ {}\n{printed}{complained}exit code {status}", step.command);
        assert!(status < 3, "{}", said());
        let shown: Vec<String> = step.shown.iter().map(|line| comparable(line)).collect();
        let lines: Vec<String> = printed.lines().map(comparable).collect();
        assert!(
            shown.is_empty() || is_as_shown(&shown, &lines),
            "this is not what the page shows:\n{}\n\n{}",
            step.shown.join("\n"),
            said()
        );
    }
}

/// A line without what another kernel or image makes another: its numbers, and the columns that
/// follow from them. A number that stands alone is an exit code.
fn comparable(line: &str) -> String {
    let words = line.split_whitespace();
    let text = words.collect::<Vec<_>>().join(" ");
    if text.parse::<u32>().is_ok() {
        return text;
    }
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if !out.ends_with('#') => out.push('#'),
            '0'..='9' => {}
            other => out.push(other),
        }
    }
    out
}

/// `...` stands for any lines, or for none.
fn is_as_shown(shown: &[String], printed: &[String]) -> bool {
    let mut parts: Vec<&[String]> = shown.split(|line| line == "...").collect();
    let mut printed = printed;
    let first = parts.remove(0);
    let Some(rest) = printed.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    printed = rest;
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let Some(at) = printed.windows(part.len()).position(|window| window == part) else {
            return false;
        };
        printed = &printed[at + part.len()..];
    }
    printed.ends_with(last)
}

#[test]
fn what_a_page_leaves_out_is_any_lines_and_what_it_shows_has_to_be_there() {
    let shown = |shown: &str, printed: &str| {
        let lines = |text: &str| text.split('|').map(comparable).collect::<Vec<_>>();
        is_as_shown(&lines(shown), &lines(printed))
    };
    assert!(shown("a|b", "a|b"));
    assert!(shown("a|...|c", "a|b|b|c"));
    assert!(shown("a|...|c", "a|c"));
    assert!(shown("...|b|...|d|...", "a|b|c|d|e"));
    assert!(shown("at 3.25 s", "at 31.7 s"), "numbers are another build's");
    assert!(!shown("a", "a|b"));
    assert!(!shown("a|...", "b|a"));
    assert!(!shown("...|d|...|b|...", "a|b|c|d|e"), "in this order");
    assert!(!shown("a|...|a", "a"), "twice");
    assert!(!shown("1", "2"), "an exit code");
}
