//! What guests put on the wire, as those read it who look for NFS calls.

use lockstorm::rpc::capture::calls_of;
use lockstorm::rpc::{Decoder, Operation};
use std::time::Duration;

/// More than is said of one operation, and longer than any path is told (bytes).
const WORDS_MAX: usize = 2 * 1024;

/// Frames of clients that mount and lock, each behind its length. The first of each sender has a
/// bad checksum, so that it is taken for one that computes none: else nothing that is changed in a
/// frame would be looked at.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../seeds/wire-4.0.frames").to_vec(),
        include_bytes!("../seeds/wire-4.2.frames").to_vec(),
    ]
}

/// Frames, as the switch sees them; and the whole as a capture. Answers how many messages are told.
pub fn wire(data: &[u8]) -> usize {
    let _ = calls_of(data, Duration::ZERO);
    let (mut decoder, mut left, mut told) = (Decoder::new(), data, 0);
    while let Some((length, rest)) = left.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        left = rest;
        for message in decoder.frame(told as u64, frame) {
            message.operations.iter().for_each(is_bounded);
            told += 1;
        }
    }
    told
}

fn is_bounded(operation: &Operation) {
    for path in [&operation.path, &operation.from].into_iter().flatten() {
        assert!(path.len() <= WORDS_MAX && !path.contains(char::is_control), "{path:?}");
    }
    for words in [&operation.arguments, &operation.result] {
        assert!(words.len() <= WORDS_MAX && !words.contains(char::is_control), "{words:?}");
    }
}
