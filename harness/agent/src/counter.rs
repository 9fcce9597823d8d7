//! The counter file: the work of a critical section, and the proof that it was exclusive.
//!
//! The number is read when the section begins and written when it ends, as a program would that
//! works on a file in between. So two clients that are inside at once do lose an update.

use crate::port::Port;
use lockstorm_agent::Outcome;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// A thread of its own that counts, since the mount may block for as long as the server is away.
pub struct Counter(Sender<(u64, Work)>);

enum Work {
    Begin(String),
    End,
}

/// An increment that has been read and not been written.
struct Begun {
    file: File,
    read: u64,
}

pub fn start(port: Arc<Port>) -> Counter {
    let (sender, receiver) = channel::<(u64, Work)>();
    thread::spawn(move || {
        let mut begun: Option<Begun> = None;
        for (id, work) in receiver {
            let outcome = match work {
                Work::Begin(file) => {
                    // What was begun and never ended is closed, unwritten.
                    begun = None;
                    begin(&file).map(|count| {
                        let value = begun.insert(count).read;
                        Outcome::Count { value }
                    })
                }
                Work::End => end(begun.take()),
            };
            port.done(id, outcome);
        }
    });
    Counter(sender)
}

impl Counter {
    pub fn begin(&self, id: u64, file: String) {
        self.work(id, Work::Begin(file));
    }

    pub fn end(&self, id: u64) {
        self.work(id, Work::End);
    }

    fn work(&self, id: u64, work: Work) {
        // The thread lives as long as the agent.
        let _ = self.0.send((id, work));
    }
}

/// Opening asks the server for the file's newest attributes and closing writes the change back
/// (close-to-open consistency, RFC 1813 section 4.11 and nfs(5)), so that between two clients
/// that exclude each other no update is lost to a cache.
fn begin(file: &str) -> io::Result<Begun> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(file)?;
    let read = parse(&mut file)?;
    Ok(Begun { file, read })
}

fn end(begun: Option<Begun>) -> io::Result<Outcome> {
    let Some(Begun { mut file, read }) = begun else {
        return Err(io::Error::other("no count was begun"));
    };
    file.seek(SeekFrom::Start(0))?;
    // One width for all values: no truncation, so one write a count.
    file.write_all(format!("{:020}\n", read + 1).as_bytes())?;
    // Who has a write delegation may close before the server has the data, and what a power cut
    // then takes was not lost by the lock.
    file.sync_all()?;
    close(file)?;
    Ok(Outcome::Counted { read })
}

pub fn read(file: &str) -> io::Result<Outcome> {
    match File::open(file) {
        Ok(mut file) => Ok(Outcome::Count { value: parse(&mut file)? }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Outcome::Count { value: 0 }),
        Err(error) => Err(error),
    }
}

fn parse(file: &mut File) -> io::Result<u64> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| io::Error::other(format!("the counter file holds {text:?}")))
}

/// Closing is when NFS reports that a write failed, and `drop` would swallow it.
fn close(file: File) -> io::Result<()> {
    nix::unistd::close(file)?;
    Ok(())
}
