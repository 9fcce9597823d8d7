//! Whole frames in, messages out.

mod capture;
mod nfs4;
mod others;
mod wire;

use super::*;
use proptest::prelude::*;
use wire::*;

/// Follows frames, one after the other.
#[derive(Default)]
struct Wire {
    decoder: Decoder,
    now: u64,
}

impl Wire {
    fn all(&mut self, frame: &[u8]) -> Vec<Message> {
        self.now += 1;
        self.decoder.frame(self.now, frame)
    }

    /// The one message of a frame.
    fn one(&mut self, frame: &[u8]) -> Message {
        let mut messages = self.all(frame);
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    fn connect(&mut self, port: u16) -> (Sender, Sender) {
        connection(port, |frame| assert_eq!(self.all(&frame), []))
    }
}

/// An operation in one line, for comparison.
fn told(operation: &Operation) -> String {
    let mut out = operation.name.to_owned();
    for path in [&operation.path, &operation.from].into_iter().flatten() {
        out += &format!(" {path}");
    }
    for words in [&operation.arguments, &operation.result] {
        if !words.is_empty() {
            out += &format!(" [{words}]");
        }
    }
    if let Some(status) = operation.status {
        out += &format!(" {status}");
    }
    out
}

fn all_told(message: &Message) -> Vec<String> {
    message.operations.iter().map(told).collect()
}

#[test]
fn a_message_says_where_it_lies_and_when_its_call_passed() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    let (first, length) = (client.sequence, record(&call(7, 100_003, 4, 0, xdr())).len() as u32);
    let asked = wire.one(&client.record(call(7, 100_003, 4, 0, xdr())));
    assert_eq!(asked.place, Some(Place { sequence: first, length }));
    assert_eq!((asked.kind, asked.xid, asked.procedure), (Kind::Call, 7, "NULL"));
    let answered = wire.one(&server.record(reply(7, xdr())));
    assert_eq!((answered.kind, answered.called_ns), (Kind::Reply, Some(asked.at_ns)));
    assert_eq!(answered.flow, asked.flow.back());
    let stray = wire.one(&server.record(reply(7, xdr())));
    assert_eq!(stray.trouble, Some("its call was not seen"));
}

#[test]
fn a_retransmission_is_told_once_and_a_frame_with_a_bad_checksum_never() {
    let mut wire = Wire::default();
    let (mut client, _) = wire.connect(700);
    let frame = client.record(call(7, 100_003, 4, 0, xdr()));
    let mut spoilt = frame.clone();
    let last = spoilt.len() - 1;
    spoilt[last] ^= 1;
    assert_eq!(wire.all(&spoilt), []);
    assert_eq!(wire.one(&frame).xid, 7);
    assert_eq!(wire.all(&frame), []);
}

#[test]
fn a_host_that_computes_no_checksums_is_heard_all_the_same() {
    let mut wire = Wire::default();
    let spoil = |mut frame: Vec<u8>| {
        frame[50] ^= 0xff;
        frame
    };
    let mut client = Sender::new((CLIENT, 700), (SERVER, 2049), 9);
    wire.all(&spoil(client.syn()));
    assert_eq!(wire.one(&spoil(client.record(call(7, 100_003, 4, 0, xdr())))).xid, 7);
}

#[test]
fn a_refused_call_says_why() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    wire.one(&client.record(call(7, 100_003, 2, 1, xdr())));
    let refused = xdr().u32(7).u32(1).u32(0).u32(0).u32(0).u32(2).u32(3).u32(4);
    let answered = wire.one(&server.record(refused));
    assert_eq!(answered.status.unwrap().name, "PROG_MISMATCH");
    assert_eq!(answered.trouble, Some("refused"));
}

#[test]
fn what_is_encrypted_is_said_to_be() {
    let mut wire = Wire::default();
    let (mut client, mut server) = wire.connect(700);
    let head = xdr().u32(7).u32(0).u32(2).u32(100_003).u32(4).u32(1);
    let credential = xdr().u32(1).u32(0).u32(5).u32(3).opaque(b"ctx");
    let hidden = head.u32(6).opaque(credential.0).u32(0).u32(0).fixed([9; 40]);
    assert_eq!(wire.one(&client.record(hidden)).trouble, Some("encrypted"));
    assert_eq!(wire.one(&server.record(reply(7, xdr()))).trouble, Some("encrypted"));
}

#[test]
fn a_stream_that_makes_no_sense_is_told_once_and_the_next_connection_is_read() {
    let mut wire = Wire::default();
    let (mut client, _) = wire.connect(700);
    let broken = wire.one(&client.frame(client.sequence, &[0xff; 40]));
    assert_eq!((broken.kind, broken.trouble.is_some()), (Kind::Broken, true));
    assert_eq!(wire.all(&client.frame(client.sequence + 40, &[0xff; 40])), []);
    client.sequence = 777_777;
    wire.all(&client.syn());
    assert_eq!(wire.one(&client.record(call(8, 100_003, 4, 0, xdr()))).xid, 8);
}

#[test]
fn other_datagrams_are_no_messages() {
    let mut wire = Wire::default();
    let client = Sender::new((CLIENT, 53), (SERVER, 53), 0);
    assert_eq!(wire.all(&client.datagram(&xdr().fixed([1; 60]))), []);
    let mut arp = vec![0xff; 12];
    arp.extend([8, 6, 0, 1, 8, 0, 6, 4]);
    assert_eq!(wire.all(&arp), []);
}

/// A connection's frames in both directions, with the messages of an NFSv4.2 session.
fn conversation() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let (mut client, mut server) = connection(800, |frame| frames.push(frame));
    for number in 0..6u32 {
        let name = format!("file-{number}");
        frames.push(client.record(nfs4::link_call(number, &name)));
        frames.push(server.record(nfs4::link_reply(number)));
    }
    frames
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Frames that are doubled and spoilt change nothing; frames that are cut are no frames.
    #[test]
    fn no_bytes_upset_the_decoder(
        changes in prop::collection::vec((0usize..14, 0usize..400, any::<u8>(), 0u8..4), 0..40),
    ) {
        let frames = conversation();
        let mut decoder = Decoder::new();
        for (number, frame) in frames.iter().enumerate() {
            for (which, at, byte, how) in &changes {
                if *which != number {
                    continue;
                }
                let mut spoilt = frame.clone();
                let at = at % spoilt.len();
                match how {
                    0 => spoilt[at] = *byte,
                    1 => spoilt.truncate(at),
                    2 => spoilt.extend_from_slice(&frame[at..]),
                    _ => {}
                }
                decoder.frame(1, &spoilt);
            }
            decoder.frame(2, frame);
        }
    }

    /// Bodies of calls and replies that are spoilt, behind good checksums.
    #[test]
    fn no_body_upsets_the_decoder(
        changes in prop::collection::vec((0usize..300, any::<u8>()), 1..8),
        cut in 0usize..300,
        program in prop::sample::select(vec![
            (100_003, 4, 1), (0x4000_0000, 1, 1), (100_003, 3, 17), (100_003, 3, 8),
            (100_005, 3, 1),
            (100_021, 4, 2), (100_021, 4, 11), (100_024, 1, 2), (100_000, 2, 3), (100_000, 4, 3),
        ]),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut wire = Wire::default();
        let (mut client, mut server) = wire.connect(700);
        let spoil = |mut message: Xdr, from: usize| {
            for (at, byte) in &changes {
                let at = from + at;
                if at < message.0.len() {
                    message.0[at] = *byte;
                }
            }
            message.0.truncate((from + cut).max(24));
            message
        };
        wire.all(&client.record(spoil(nfs4::link_call(1, "name"), 60)));
        wire.all(&server.record(spoil(nfs4::link_reply(1), 24)));
        let (number, version, procedure) = program;
        wire.all(&client.record(call(2, number, version, procedure, xdr().fixed(&body))));
        wire.all(&server.record(reply(2, xdr().fixed(&body))));
    }
}
