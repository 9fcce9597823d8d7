//! Nodes that write much, take nothing, or never come to an end.

use super::*;
use crate::site::virtio::device::tests::{AT_ONCE, Driver, RING};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// A console, and the node's end of its socket.
struct Node {
    console: Console,
    link: Link,
    theirs: UnixStream,
}

impl Node {
    fn new() -> Node {
        let (ours, theirs) = UnixStream::pair().unwrap();
        Node { console: Console::default(), link: Link::Socket(Socket::new(ours)), theirs }
    }

    /// What the harness hears when this is written.
    fn write(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Flood> {
        for piece in bytes.chunks(1 << 14) {
            self.theirs.write_all(piece).unwrap();
            assert!(self.link.serve().unwrap());
        }
        self.console.collect(&mut self.link).unwrap()
    }
}

#[test]
fn lines_are_put_together_from_pieces() {
    let mut node = Node::new();
    assert_eq!(node.write(b"a\n\nb\nc").unwrap(), [&b"a"[..], b"", b"b"]);
    assert_eq!(node.write(b"d").unwrap(), [b""; 0]);
    assert_eq!(node.write(b"e\n").unwrap(), [b"cde"]);
}

#[test]
fn a_line_without_end_is_a_flood() {
    let mut node = Node::new();
    assert_eq!(node.write(&[b'x'; LINE_MAX]), Ok(Vec::new()));
    assert_eq!(node.write(b"x"), Err(Flood));
}

#[test]
fn lines_without_number_are_a_flood() {
    let mut node = Node::new();
    assert_eq!(node.write(&[b'\n'; LINES_MAX]).unwrap().len(), LINES_MAX);
    assert_eq!(node.write(&[b'\n'; 3 * LINES_MAX]), Err(Flood));
}

#[test]
fn a_node_that_takes_nothing_is_told_no_more() {
    let Node { mut console, mut link, theirs } = Node::new();
    let line = vec![b'x'; OUTGOING_MAX / 16];
    for _ in 0..16 {
        console.queue(&line).unwrap();
    }
    assert!(console.queue(&line).unwrap_err().to_string().contains("does not take"));
    // Some of it finds room at the other end.
    console.deliver(&mut link, false, &AT_ONCE).unwrap();
    console.queue(&line).unwrap();
    drop(theirs);
}

#[test]
fn a_driver_that_starts_up_without_end_is_an_error() {
    let mut console = Console::default();
    let mut driver = Driver::with_rings(RINGS);
    let mut ready = control(DEVICE_READY);
    ready[6..].fill(0);
    let mut start_up = || {
        driver.offer_in(CONTROL_TRANSMIT, &ready);
        console.serve_control(&mut driver.device)
    };
    let starts = (0..=OWED_MAX).map(|_| start_up()).collect::<Vec<_>>();
    assert!(starts[..OWED_MAX].iter().all(Result::is_ok));
    assert!(starts[OWED_MAX].as_ref().unwrap_err().to_string().contains("without end"));
}

/// As a second thread of a kernel could, while its first one waits.
#[test]
fn a_ring_that_is_filled_again_and_again_holds_nobody_up() {
    let mut console = Console::default();
    let driver = Driver::with_rings(RINGS);
    let (mut say, mut start) = (driver.refill(TRANSMIT), driver.refill(CONTROL_TRANSMIT));
    let mut link = Link::Virtio(driver.device);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                say();
                start();
            }
        });
        let collected: Vec<_> = (0..100).map(|_| console.collect(&mut link)).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(collected.into_iter().all(|lines| lines.unwrap() == Ok(Vec::new())));
    });
    assert!(link.virtio().unwrap().offered(TRANSMIT).unwrap() <= RING as u16);
}
