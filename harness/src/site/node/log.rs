//! A node's console log, with the time of each line.
//!
//! A kernel writes its console to a file, and says nothing of when. But only one runs at a time, so
//! what a log has grown by after a slice was written then. When the run has ended, each line gets
//! the time at which its first byte was there; the same form as dmesg(1) has, and the clock of the
//! reports.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// No more moments are kept than this; a flood is told by the last of them.
const MOMENTS_MAX: usize = 1 << 20;
/// Of a nanosecond clock, what is shown.
const MICROSECOND: u64 = 1_000;
const MICROSECONDS_IN_SECOND: u64 = 1_000_000;

/// A log that is being written.
#[derive(Default)]
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    /// Up to which byte it was written by when (ns).
    moments: Vec<Moment>,
}

#[derive(Clone, Copy)]
struct Moment {
    end: u64,
    at_ns: u64,
}

impl Log {
    pub fn new(path: PathBuf) -> Log {
        Log { path, file: None, moments: Vec::new() }
    }

    /// The node has run until now: what is new was written now.
    pub fn look(&mut self, now: u64) {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        // A log that cannot be looked at has no times, and is none the worse for it.
        let Some(Ok(metadata)) = self.file.as_ref().map(File::metadata) else {
            return;
        };
        let end = metadata.len();
        let seen = self.moments.last().map_or(0, |last| last.end);
        if end <= seen {
            return;
        }
        let is_full = self.moments.len() >= MOMENTS_MAX;
        match self.moments.last_mut() {
            Some(last) if last.at_ns == now || is_full => last.end = end,
            _ => self.moments.push(Moment { end, at_ns: now }),
        }
    }

    /// Writes the time before each line. What its kernel writes from now on is lost.
    pub fn stamp(&mut self) -> io::Result<()> {
        let moments = std::mem::take(&mut self.moments);
        self.file = None;
        if moments.is_empty() {
            return Ok(());
        }
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let stamped = tempfile::Builder::new()
            .prefix(".log-")
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(directory)?;
        let log = BufReader::new(File::open(&self.path)?);
        write_stamped(log, BufWriter::new(stamped.as_file()), &moments)?;
        stamped.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

fn write_stamped(
    mut log: impl BufRead,
    mut stamped: impl Write,
    moments: &[Moment],
) -> io::Result<()> {
    let (mut at, mut begins_line, mut next) = (0, true, 0);
    loop {
        let bytes = log.fill_buf()?;
        if bytes.is_empty() {
            return stamped.flush();
        }
        // A line may be longer than any buffer.
        let length = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        if begins_line {
            while moments.get(next).is_some_and(|moment| moment.end <= at)
                && next + 1 < moments.len()
            {
                next += 1;
            }
            write!(stamped, "{}", stamp(moments[next].at_ns))?;
        }
        begins_line = bytes[length - 1] == b'\n';
        stamped.write_all(&bytes[..length])?;
        at += length as u64;
        log.consume(length);
    }
}

/// `[   31.705204] `
fn stamp(at_ns: u64) -> String {
    let all = at_ns / MICROSECOND;
    format!("[{:5}.{:06}] ", all / MICROSECONDS_IN_SECOND, all % MICROSECONDS_IN_SECOND)
}

/// A line of a log without its time, if it has one.
pub fn unstamped(line: &str) -> &str {
    let Some((stamp, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return line;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match stamp.trim_start().split_once('.') {
        Some((seconds, rest_of_it)) if is_number(seconds) && is_number(rest_of_it) => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    const SECOND: u64 = 1_000_000_000;

    /// A log to which this was written at these times, stamped.
    fn stamped(pieces: &[(u64, &str)]) -> String {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("c1.log");
        let mut log = Log::new(path.clone());
        log.look(0);
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        for (at_ns, text) in pieces {
            file.write_all(text.as_bytes()).unwrap();
            log.look(*at_ns);
            log.look(at_ns + 1);
        }
        log.stamp().unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn each_line_has_the_time_at_which_it_began() {
        let written = [
            (170_000_000, "Linux version 6.12\nrandom: crng"),
            (SECOND, " init done\n"),
            (31 * SECOND + 705_204_999, "Traceback:\n  File x\n\n"),
            (1_000_000 * SECOND, "no line end"),
        ];
        assert_eq!(
            stamped(&written),
            "[    0.170000] Linux version 6.12\n[    0.170000] random: crng init done\n\
             [   31.705204] Traceback:\n[   31.705204]   File x\n[   31.705204] \n\
             [1000000.000000] no line end"
        );
        assert_eq!(stamped(&[]), "");
    }

    #[test]
    fn a_line_that_is_longer_than_a_buffer_is_stamped_once() {
        let long = "x".repeat(100_000);
        assert_eq!(stamped(&[(0, &long), (SECOND, "\n")]), format!("[    0.000000] {long}\n"));
    }

    #[test]
    fn a_line_is_read_back_as_it_was_written() {
        assert_eq!(unstamped("[   31.705204] Kernel panic"), "Kernel panic");
        for line in ["Kernel panic", "[core] x", "[1] y", "[ 1.x] y", "[", "[] ", "[.] z"] {
            assert_eq!(unstamped(line), line);
        }
    }
}
