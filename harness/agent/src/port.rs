//! The node's end of the control channel: the first port of the virtio console, or what stands for
//! it.

use lockstorm_agent::{Message, Outcome};
use nix::errno::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub struct Port(Mutex<File>);

/// Opens the port for reading and for writing. The host's answers to the driver's start-up take
/// a moment, so the device node may come late.
pub fn open() -> io::Result<(BufReader<File>, Arc<Port>)> {
    let path = loop {
        match find()? {
            Some(path) => break path,
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    over(OpenOptions::new().read(true).write(true).open(path)?)
}

/// The two directions of an open port. It can be opened once only, so they share the one file.
pub fn over(file: File) -> io::Result<(BufReader<File>, Arc<Port>)> {
    Ok((BufReader::new(file.try_clone()?), Arc::new(Port(Mutex::new(file)))))
}

fn find() -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir("/dev")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("vport") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

impl Port {
    /// Sends one message. A port that cannot be written to leaves nobody to tell.
    pub fn send(&self, message: &Message) {
        let mut line = serde_json::to_vec(message).expect("a message is always JSON");
        line.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Err(error) = file.write_all(&line) {
            eprintln!("lockstorm-agent: control port: {error}");
        }
    }

    pub fn done(&self, id: u64, result: io::Result<Outcome>) {
        let outcome = result.unwrap_or_else(|error| Outcome::Failed {
            errno: error.raw_os_error().map(|code| format!("{:?}", Errno::from_raw(code))),
            message: error.to_string(),
        });
        self.send(&Message::Done { id, outcome });
    }
}
