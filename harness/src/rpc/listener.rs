//! Who listens to a wire.

use super::{Decoder, Message};

/// Understands what the nodes of a site say to each other. Frames are given to it in the order in
/// which they pass, without those that something else loses.
pub trait Listener {
    /// A frame passes at `now_ns`: the messages that are whole by it.
    fn frame(&mut self, now_ns: u64, frame: &[u8]) -> Vec<Message>;
}

impl Listener for Decoder {
    fn frame(&mut self, now_ns: u64, frame: &[u8]) -> Vec<Message> {
        Decoder::frame(self, now_ns, frame)
    }
}
