//! What a kernel, or a client's adapter, said before it ended.

use crate::site::node::log::unstamped;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// A panic is at the end of the log, followed by a few dozen lines of registers (bytes).
const TAIL: u64 = 64 << 10;
/// More of one line is not worth quoting (characters).
const QUOTE_MAX: usize = 200;

/// The last panic in a node's console log, if there is one.
pub fn of_kernel(artefacts: &Path, node: &str) -> Option<String> {
    // A log that cannot be read has no words to quote; the end itself is told all the same.
    let tail = tail(&artefacts.join("console").join(format!("{node}.log"))).ok()?;
    last_panic(&String::from_utf8_lossy(&tail))
}

/// How a runtime begins to say why a program ends.
const COMPLAINTS: [&str; 8] = [
    "Traceback (most recent call last):",
    "panic: ",
    "thread '",
    "node:internal",
    "Uncaught ",
    "Exception in thread",
    "Error: ",
    "SyntaxError: ",
];
/// More lines of one complaint are not told.
const COMPLAINT_LINES_MAX: usize = 20;

/// Why an adapter ended, as its runtime said it last on a node's console: a traceback, say.
pub fn of_adapter(artefacts: &Path, node: &str) -> Vec<String> {
    match tail(&artefacts.join("console").join(format!("{node}.log"))) {
        Ok(tail) => last_complaint(&String::from_utf8_lossy(&tail)),
        Err(_) => Vec::new(),
    }
}

fn last_complaint(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().map(unstamped).collect();
    let begins = |line: &&str| COMPLAINTS.iter().any(|begin| line.starts_with(begin));
    let Some(first) = lines.iter().rposition(begins) else {
        return Vec::new();
    };
    let rest = &lines[first..];
    // What Python says ends with the first line that is not indented.
    let end = match rest[0].starts_with("Traceback") {
        true => {
            rest[1..].iter().position(|line| !line.starts_with(' ')).map_or(rest.len(), |i| i + 2)
        }
        false => rest.len(),
    };
    let told = rest[..end.min(rest.len())].iter();
    let printable =
        |line: &&str| line.chars().filter(|c| !c.is_control()).take(QUOTE_MAX).collect();
    // The last line says what it was.
    let skipped = end.saturating_sub(COMPLAINT_LINES_MAX);
    told.skip(skipped).map(printable).collect()
}

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail)
}

/// A guest writes its console log as it likes: only printable characters are quoted.
fn last_panic(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains("Kernel panic"))?;
    let printable = unstamped(line).trim().chars().filter(|c| !c.is_control());
    Some(printable.take(QUOTE_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::{last_complaint, last_panic};

    #[test]
    fn the_last_traceback_of_a_log_is_told_whole_and_nothing_behind_it() {
        let log = "booted\nTraceback (most recent call last):\n  old\nValueError: old\n\
                   Traceback (most recent call last):\n  File \"adapter.py\", line 3\n    \
                   import x\x1b\nModuleNotFoundError: No module named 'x'\nreboot: down\n";
        assert_eq!(
            last_complaint(log),
            [
                "Traceback (most recent call last):",
                "  File \"adapter.py\", line 3",
                "    import x",
                "ModuleNotFoundError: No module named 'x'"
            ]
        );
        let stamped = log.lines().map(|line| format!("[   31.705204] {line}\n"));
        assert_eq!(last_complaint(&stamped.collect::<String>()), last_complaint(log));
        assert_eq!(last_complaint("panic: no\n\ngoroutine 1\n").len(), 3);
        assert!(last_complaint("all is well\n").is_empty());
    }

    #[test]
    fn the_last_panic_of_a_log_is_quoted_without_control_characters() {
        let log = "one\r\nKernel panic - old\nKernel panic - \x1b[31mnot syncing: x\r\nCPU: 0\n";
        let panic = last_panic(log);
        assert_eq!(panic.as_deref(), Some("Kernel panic - [31mnot syncing: x"));
        assert_eq!(last_panic("all is well\n"), None);
    }
}
