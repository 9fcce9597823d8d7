//! A guest is not trusted: not even its root reaches the host.

use crate::common::{lockstorm, permit};
use lockstorm::assets::Assets;
use lockstorm::history::{Event, EventKind, reader};
use lockstorm::lock::adapter::Answer;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::Path;

const SECRET: &str = "the host's secret is a heron in the reeds";

const STORY: &str = "\
site:
  clients: 1
lock:
  name: misbehaving-escape
workload:
  script:
    - c1: acquire -> ok within 20m
";

/// Where the host may be: addresses that it might have in the site, and those that it has.
fn addresses() -> Vec<String> {
    let mut all = vec!["127.0.0.1".into(), "10.0.0.254".into(), "8.8.8.8".into()];
    // Connecting a datagram socket sends nothing, and tells which address would be used.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("8.8.8.8:53").is_ok() {
        all.push(socket.local_addr().unwrap().ip().to_string());
    }
    all
}

fn answer(history: &[Event]) -> &Answer {
    let mut answers = history.iter().filter_map(|event| match &event.kind {
        EventKind::Answered { answer, .. } => Some(answer),
        _ => None,
    });
    answers.next().expect("the adapter answers")
}

/// Else the other test would prove nothing.
#[test]
fn the_attempts_reach_what_is_within_reach() {
    let _permit = permit();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("story.yaml"), STORY).unwrap();
    let (hosts, server) = ("lock.options.secret=/etc/hosts", "lock.options.addresses=[10.0.0.1]");
    let mut arguments = vec!["scenario", "story.yaml", "--out", "run"];
    arguments.extend(["--set", hosts, "--set", server, "--set", "lock.options.port=2049"]);
    lockstorm(home.path(), &arguments).output().unwrap();
    let history = reader::read(&home.path().join("run/history.jsonl")).unwrap().events;
    let Answer::Error { class, message, .. } = answer(&history) else {
        panic!("{:?}", answer(&history));
    };
    assert_eq!(class, "Escaped");
    for worked in ["read /etc/hosts", "connected to 10.0.0.1:2049"] {
        assert!(message.contains(worked), "{message}");
    }
}

fn files_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn root_in_a_guest_reaches_neither_files_nor_sockets_of_the_host_nor_changes_the_image() {
    let _permit = permit();
    let image = Assets::locate().unwrap().image;
    let image_before = fs::read(&image).unwrap();
    let home = tempfile::tempdir().unwrap();
    let in_home = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    fs::write(in_home("secret"), SECRET).unwrap();
    fs::write(in_home("story.yaml"), STORY).unwrap();
    let local = UnixListener::bind(in_home("socket")).unwrap();
    let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let udp = UdpSocket::bind(("0.0.0.0", port)).unwrap();
    local.set_nonblocking(true).unwrap();
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();

    let options = [
        format!("lock.options.secret={}", in_home("secret")),
        format!("lock.options.socket={}", in_home("socket")),
        format!("lock.options.port={port}"),
        format!("lock.options.addresses=[{}]", addresses().join(", ")),
    ];
    let mut arguments = vec!["scenario", "story.yaml", "--out", "run"];
    arguments.extend(options.iter().flat_map(|option| ["--set", option]));
    let output = lockstorm(home.path(), &arguments).output().unwrap();

    let said = String::from_utf8_lossy(&output.stderr);
    let history = reader::read(&home.path().join("run/history.jsonl")).expect(&said).events;
    assert_eq!(*answer(&history), Answer::Ok { held: None }, "what worked, and must not");
    let nobody = Some(ErrorKind::WouldBlock);
    assert_eq!(tcp.accept().err().map(|error| error.kind()), nobody, "a TCP connection");
    assert_eq!(local.accept().err().map(|error| error.kind()), nobody, "a local connection");
    assert_eq!(udp.recv(&mut [0]).err().map(|error| error.kind()), nobody, "a datagram");
    assert!(image_before == fs::read(&image).unwrap(), "the node image was changed");
    for file in files_below(&home.path().join("run")) {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{} holds the host's secret", file.display());
    }
}
