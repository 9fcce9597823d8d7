//! A kernel that stalls: its messages come in pieces, as the input says, and the rest of the last
//! one never. Nobody waits for it, and what was whole is answered as if it had come at once.

use super::rings::{AT_ONCE, AVAILABLE, Input, MEMORY, USED, longs, memory, send};
use lockstorm::site::clock::timetravel::{MESSAGE_LEN, Message, Segment, op};
use lockstorm::site::exchange::Failure;
use lockstorm::site::node::travel::{KernelEvent, Travel};
use lockstorm::site::virtio::device::{Device, Notices};
use lockstorm::site::virtio::vhost_user::{self, request};
use nix::sys::socket::{MsgFlags, recv};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Bytes of a stream: so many answers that the socket has room for them (at least 12 bytes each).
const STREAM_MAX: usize = 1536;
/// Places where a stream is cut.
const CUTS_MAX: u8 = 6;

/// How a kernel was answered.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answers {
    bytes: Vec<u8>,
    /// What its messages meant to the harness, beside an answer.
    said: Vec<KernelEvent>,
    /// Why it was not heard any further.
    end: Option<String>,
}

/// Cuts the rest of the input at the places that its beginning names.
fn pieces<'a>(input: &mut Input<'a>) -> (&'a [u8], Vec<&'a [u8]>) {
    let cuts: Vec<u16> = (0..input.byte() % CUTS_MAX).map(|_| input.word()).collect();
    let stream = input.take(STREAM_MAX);
    let mut cuts: Vec<usize> =
        cuts.into_iter().map(|cut| usize::from(cut) % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
    (stream, pieces.filter(|piece| !piece.is_empty()).collect())
}

/// The harness's end of a socket, and the kernel's.
fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    // Should the harness wait for what never comes, it gets an error and the test fails.
    let moment = Some(Duration::from_millis(100));
    ours.set_read_timeout(moment).unwrap();
    ours.set_write_timeout(moment).unwrap();
    theirs.set_nonblocking(true).unwrap();
    (ours, theirs)
}

fn has_more(stream: &UnixStream) -> bool {
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    recv(stream.as_raw_fd(), &mut [0], flags).is_ok()
}

fn answers(mut theirs: &UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Ends with what has come (WouldBlock), or with the socket.
    let _ = theirs.read_to_end(&mut bytes);
    bytes
}

/// Messages of a kernel's clock. Answers how many were understood.
pub fn time_travel(data: &[u8]) -> usize {
    let (stream, pieces) = pieces(&mut Input(data));
    let at_once = clock(&[stream]);
    assert_eq!(clock(&pieces), at_once);
    at_once.bytes.len() / MESSAGE_LEN + at_once.said.len()
}

fn clock(pieces: &[&[u8]]) -> Answers {
    let (ours, mut theirs) = pair();
    let (mut pieces, mut sent) = (pieces.iter(), 0);
    // START has a wait of its own, which ends with the harness's patience.
    while sent < MESSAGE_LEN
        && let Some(piece) = pieces.next()
    {
        theirs.write_all(piece).unwrap();
        sent += piece.len();
    }
    let mut travel = match Travel::begin(ours, Segment::new().unwrap(), 0, 7, &AT_ONCE) {
        Ok(travel) => travel.expect("the kernel has not ended"),
        Err(failure) => {
            assert_eq!(matches!(failure, Failure::Stuck), sent < MESSAGE_LEN, "{failure}");
            return Answers { end: Some(failure.to_string()), ..Answers::default() };
        }
    };
    let mut answers_so_far = Answers::default();
    loop {
        while answers_so_far.end.is_none() && has_more(travel.stream()) {
            match travel.serve() {
                Ok(KernelEvent::Other) => {}
                Ok(said) => answers_so_far.said.push(said),
                Err(error) => answers_so_far.end = Some(error.to_string()),
            }
        }
        match pieces.next() {
            Some(piece) => theirs.write_all(piece).unwrap(),
            None => break,
        }
    }
    Answers { bytes: answers(&theirs), ..answers_so_far }
}

/// vhost-user messages. Answers how many bytes the driver was told.
pub fn vhost_user(data: &[u8]) -> usize {
    // The parser alone, which sees payloads of any length.
    if let [code, payload @ ..] = data {
        let _ = vhost_user::parse(u32::from(*code), payload, Vec::new());
    }
    let (stream, pieces) = pieces(&mut Input(data));
    let at_once = driver(&[stream]);
    assert_eq!(driver(&pieces), at_once);
    at_once.bytes.len()
}

fn driver(pieces: &[&[u8]]) -> Answers {
    let (ours, theirs) = pair();
    let mut device = Device::new(ours, 2, 0, vec![7; 60], Notices::Unwanted).unwrap();
    let (memory, (interrupts, _)) = (memory(), pair());
    let mut end = None;
    for (number, piece) in pieces.iter().filter(|piece| !piece.is_empty()).enumerate() {
        let fd = match u32::from(piece[0]) {
            request::SET_SLAVE_REQ_FD => interrupts.as_fd(),
            _ => memory.as_fd(),
        };
        send(&theirs, piece, (number == 0).then_some(fd));
        while end.is_none() && has_more(device.stream()) {
            match device.serve() {
                Ok(goes_on) => assert!(goes_on, "the kernel has not ended"),
                Err(error) => end = Some(error.to_string()),
            }
            for ring in 0..2 {
                while let Ok(Some(_)) = device.next(ring) {}
            }
        }
    }
    Answers { bytes: answers(&theirs), said: Vec::new(), end }
}

/// A stream, with a cut in the middle of its messages.
fn cut(stream: Vec<u8>) -> Vec<u8> {
    let cuts = [stream.len() as u16 / 2 + 1, 5].map(u16::to_le_bytes);
    [&[2][..], &cuts.concat(), &stream].concat()
}

/// What kernels say to their clock.
pub fn of_clocks() -> Vec<Vec<u8>> {
    let said = |ops: &[u32]| {
        let numbered = ops.iter().zip(1..);
        let messages = numbered.map(|(&op, seq)| Message { op, seq, time: u64::MAX }.to_bytes());
        cut(messages.collect::<Vec<_>>().concat())
    };
    vec![
        said(&[op::START, op::GET_TOD, op::WAIT, op::WAIT]),
        said(&[op::START, op::GET, op::REQUEST, op::UPDATE, op::ACK, op::WAIT]),
        said(&[op::WAIT, op::START]),
    ]
}

/// Messages that a driver sends when it starts.
pub fn of_drivers() -> Vec<Vec<u8>> {
    let message = |code: u32, payload: &[u8]| {
        let header = [code, 1, payload.len() as u32].map(u32::to_le_bytes).concat();
        [&header, payload].concat()
    };
    let table = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &longs(&[0, MEMORY, 0, 0])].concat();
    let start = [
        message(request::GET_FEATURES, &[]),
        message(request::GET_PROTOCOL_FEATURES, &[]),
        message(request::SET_FEATURES, &[0; 8]),
        message(request::GET_CONFIG, &[0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0]),
        message(request::SET_VRING_NUM, &longs(&[16 << 32])),
        message(request::SET_VRING_ADDR, &longs(&[0, 0, USED, AVAILABLE, 0])),
        message(request::SET_VRING_ENABLE, &longs(&[1 << 32])),
    ];
    // The descriptor comes with the first message, so only a first one can use it.
    vec![
        cut(start.concat()),
        cut([message(request::SET_MEM_TABLE, &table), start.concat()].concat()),
        cut([message(request::SET_SLAVE_REQ_FD, &[0; 8]), start.concat()].concat()),
    ]
}
