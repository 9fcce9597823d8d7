//! The container engine, and one that has bad luck: a go-between that passes on to the real one
//! what is asked, and at a chosen question does what an engine was seen to do.

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// The containers of a harness: those of its sites.
pub fn containers_of(harness: u32) -> Vec<String> {
    let format = r#"{{.ID}} {{.Status}} {{.Label "lockstorm.site"}}"#;
    let filter = "label=lockstorm.site";
    let lines = docker(&["ps", "--all", "--filter", filter, "--format", format]);
    let site = format!("lockstorm-{harness}-");
    lines.lines().filter(|line| line.contains(&site)).map(str::to_owned).collect()
}

/// What the engine's own command prints.
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What becomes of a question.
#[derive(Clone)]
pub enum Luck {
    Good,
    /// It is answered so, and the engine never hears of it.
    Answered(u16, &'static str),
    /// The engine hears it, and its answer is lost.
    Unheard,
    /// There is never an answer.
    Hangs,
    /// There is no engine any more.
    Stops,
}

/// Told the method and the path of a question.
type Judge = dyn FnMut(&str) -> Luck + Send;

pub struct GoBetween {
    directory: TempDir,
}

impl GoBetween {
    pub fn new(judge: impl FnMut(&str) -> Luck + Send + 'static) -> GoBetween {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let judge: Arc<Mutex<Judge>> = Arc::new(Mutex::new(judge));
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let judge = judge.clone();
                let socket = socket.clone();
                // A client that went away is no matter.
                std::thread::spawn(move || drop(attend(client, &judge, &socket)));
            }
        });
        GoBetween { directory }
    }

    /// For DOCKER_HOST.
    pub fn host(&self) -> String {
        format!("unix://{}/engine.sock", self.directory.path().display())
    }
}

/// Serves one question: a client makes a connection for each.
fn attend(mut client: UnixStream, judge: &Mutex<Judge>, socket: &Path) -> io::Result<()> {
    let mut head = vec![0; 64 << 10];
    let length = client.read(&mut head)?;
    let question = String::from_utf8_lossy(&head[..length]).into_owned();
    let words: Vec<&str> = question.split_whitespace().take(2).collect();
    let luck = judge.lock().unwrap()(&words.join(" "));
    match luck {
        Luck::Good => {
            let engine = asked(&head[..length], &client)?;
            io::copy(&mut &engine, &mut client)?;
            client.shutdown(Shutdown::Both)
        }
        Luck::Answered(status, body) => write!(
            client,
            "HTTP/1.1 {status} Answered\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
        Luck::Unheard => {
            let mut engine = asked(&head[..length], &client)?;
            engine.read_exact(&mut [0; 1])?;
            client.shutdown(Shutdown::Both)
        }
        Luck::Hangs => io::copy(&mut client, &mut io::sink()).map(|_| ()),
        Luck::Stops => fs::remove_file(socket),
    }
}

/// The real engine, which is being told a question.
fn asked(begin: &[u8], client: &UnixStream) -> io::Result<UnixStream> {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock");
    let mut engine = UnixStream::connect(socket)?;
    engine.write_all(begin)?;
    let (mut rest, mut to) = (client.try_clone()?, engine.try_clone()?);
    std::thread::spawn(move || io::copy(&mut rest, &mut to));
    Ok(engine)
}
