//! One direction of a TCP connection, followed from beside it (RFC 9293).

use super::flow::Segment;
use super::record::{Place, Records, is_begin};
use super::xdr::Broken;
use std::collections::BTreeMap;

/// What is further from what is expected than this belongs to another connection (bytes).
const WINDOW: i64 = 1 << 25;
/// The most that waits for what was lost (bytes). A receiver's window is smaller.
const WAITING_MAX: usize = 8 << 20;
/// What a segment that waits costs beside its bytes.
const OVERHEAD: usize = 64;

/// Puts the bytes of one sender into their order. Should it say two different things for one place,
/// one of them is believed.
#[derive(Debug, Default)]
pub(super) struct Stream {
    state: State,
    /// The sequence number of the SYN.
    begun: Option<u32>,
    /// The sequence number that comes next, and how many bytes were before it.
    next: u32,
    position: u64,
    /// Segments after a gap, by their position.
    waiting: BTreeMap<u64, Box<[u8]>>,
    waiting_bytes: usize,
    records: Records,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Its SYN was not seen: the next message is waited for.
    #[default]
    Joined,
    Open,
    /// It was reset, or what it carries makes no sense: the next SYN is waited for.
    Over,
}

impl Stream {
    /// The bytes that it keeps.
    pub fn held(&self) -> usize {
        self.waiting_bytes + self.records.held()
    }

    /// Takes a segment; `each` is given the messages that are whole by it. An error is told once.
    pub fn take(
        &mut self,
        segment: &Segment,
        each: &mut dyn FnMut(&[u8], Place),
    ) -> Result<(), Broken> {
        let mut sequence = segment.sequence;
        if segment.syn {
            // A SYN that is sent again begins nothing.
            if self.begun != Some(sequence) || self.state == State::Over {
                let next = sequence.wrapping_add(1);
                *self =
                    Stream { state: State::Open, begun: Some(sequence), next, ..Stream::default() };
            }
            sequence = sequence.wrapping_add(1);
        }
        if segment.payload.is_empty() {
            return Ok(());
        }
        match self.state {
            State::Over => return Ok(()),
            State::Joined if !is_begin(segment.payload) => return Ok(()),
            State::Joined => {
                self.state = State::Open;
                self.next = sequence;
            }
            State::Open => {}
        }
        let outcome = self.payload(sequence, segment.payload, each);
        if outcome.is_err() {
            self.end();
        }
        outcome
    }

    /// Whether a reset with this sequence number is this connection's, and no stray.
    pub fn is_near(&self, sequence: u32) -> bool {
        self.state != State::Open || self.distance(sequence).abs() <= WINDOW
    }

    /// What comes before the next SYN is of no interest.
    pub fn end(&mut self) {
        *self = Stream { state: State::Over, begun: self.begun, ..Stream::default() };
    }

    fn distance(&self, sequence: u32) -> i64 {
        i64::from(sequence.wrapping_sub(self.next) as i32)
    }

    fn payload(
        &mut self,
        sequence: u32,
        bytes: &[u8],
        each: &mut dyn FnMut(&[u8], Place),
    ) -> Result<(), Broken> {
        let ahead = self.distance(sequence);
        if ahead.abs() > WINDOW {
            return Ok(());
        }
        match u64::try_from(ahead) {
            Ok(0) => self.pass(bytes, each)?,
            Ok(ahead) => return self.wait(self.position + ahead, bytes),
            // What is known already of it, perhaps all, is left out.
            Err(_) => match bytes.get(ahead.unsigned_abs() as usize..) {
                Some(fresh) if !fresh.is_empty() => self.pass(fresh, each)?,
                _ => return Ok(()),
            },
        }
        while let Some((at, _)) = self.waiting.first_key_value()
            && *at <= self.position
            && let Some((at, bytes)) = self.waiting.pop_first()
        {
            self.waiting_bytes -= bytes.len() + OVERHEAD;
            let known = self.position - at;
            if let Some(fresh) = bytes.get(known as usize..) {
                self.pass(fresh, each)?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, bytes: &[u8], each: &mut dyn FnMut(&[u8], Place)) -> Result<(), Broken> {
        let sequence = self.next;
        self.next = self.next.wrapping_add(bytes.len() as u32);
        self.position += bytes.len() as u64;
        self.records.push(bytes, sequence, each)
    }

    fn wait(&mut self, at: u64, bytes: &[u8]) -> Result<(), Broken> {
        if self.waiting.get(&at).is_some_and(|known| known.len() >= bytes.len()) {
            return Ok(());
        }
        self.waiting_bytes += bytes.len() + OVERHEAD;
        if let Some(shorter) = self.waiting.insert(at, bytes.into()) {
            self.waiting_bytes -= shorter.len() + OVERHEAD;
        }
        match self.waiting_bytes > WAITING_MAX {
            true => Err(Broken("too much waits for a part that never came")),
            false => Ok(()),
        }
    }
}
