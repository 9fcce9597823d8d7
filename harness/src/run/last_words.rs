//! What a kernel said before it ended.

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
    let printable = line.trim().chars().filter(|c| !c.is_control());
    Some(printable.take(QUOTE_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::last_panic;

    #[test]
    fn the_last_panic_of_a_log_is_quoted_without_control_characters() {
        let log = "one\r\nKernel panic - old\nKernel panic - \x1b[31mnot syncing: x\r\nCPU: 0\n";
        let panic = last_panic(log);
        assert_eq!(panic.as_deref(), Some("Kernel panic - [31mnot syncing: x"));
        assert_eq!(last_panic("all is well\n"), None);
    }
}
