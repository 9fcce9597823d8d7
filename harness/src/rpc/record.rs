//! Record marking (RFC 5531, section 11): where a message begins and ends in a stream of bytes.

use super::xdr::Broken;

/// No message of NFS is longer: 1 MiB of data, and what goes with it (bytes).
pub const RECORD_MAX: usize = (1 << 20) + (1 << 16);
/// A buffer that is larger than this is not kept for the next message.
const BUFFER_KEPT: usize = 1 << 16;
const LAST_FRAGMENT: u32 = 1 << 31;
const MARK: usize = 4;

/// Where a message lies in its sender's stream of bytes, its marks included. Whoever knows it
/// knows a retransmission of the message, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The TCP sequence number of its first byte.
    pub sequence: u32,
    pub length: u32,
}

impl Place {
    /// Whether bytes of a stream are, in part, bytes of this message. Sequence numbers wrap.
    pub fn overlaps(&self, sequence: u32, length: u32) -> bool {
        let after = sequence.wrapping_sub(self.sequence);
        let before = self.sequence.wrapping_sub(sequence);
        length > 0 && self.length > 0 && (after < self.length || before < length)
    }
}

/// Takes a stream apart.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Of the message that is not whole yet.
    place: Option<Place>,
    message: Vec<u8>,
    mark: [u8; MARK],
    /// How much of the mark is there.
    marked: usize,
    /// What is missing of this fragment, and whether it is the last.
    missing: usize,
    is_last: bool,
}

impl Records {
    /// The bytes that it keeps.
    pub fn held(&self) -> usize {
        self.message.len()
    }

    /// Takes the next bytes of the stream, the first of which has this sequence number. `each` is
    /// given the messages that are whole by them. After an error nothing can be said of the stream.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut sequence: u32,
        each: &mut dyn FnMut(&[u8], Place),
    ) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let place = self.place.get_or_insert(Place { sequence, length: 0 });
            let is_mark = self.missing == 0;
            let wanted = if is_mark { MARK - self.marked } else { self.missing };
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            sequence = sequence.wrapping_add(taken.len() as u32);
            place.length = place.length.saturating_add(taken.len() as u32);
            if is_mark {
                self.mark[self.marked..self.marked + taken.len()].copy_from_slice(taken);
                self.marked += taken.len();
                self.begin_fragment()?;
                continue;
            }
            self.missing -= taken.len();
            let is_whole = self.missing == 0 && self.is_last;
            // Most messages lie in one frame, and need not be copied.
            if is_whole && self.message.is_empty() {
                each(taken, *place);
                self.place = None;
                continue;
            }
            self.message.extend_from_slice(taken);
            if is_whole {
                each(&self.message, *place);
                self.begin_message();
            }
        }
        Ok(())
    }

    fn begin_message(&mut self) {
        self.place = None;
        self.message.clear();
        if self.message.capacity() > BUFFER_KEPT {
            self.message = Vec::new();
        }
    }

    fn begin_fragment(&mut self) -> Result<(), Broken> {
        if self.marked < MARK {
            return Ok(());
        }
        let mark = u32::from_be_bytes(self.mark);
        self.marked = 0;
        self.is_last = mark & LAST_FRAGMENT != 0;
        self.missing = (mark & !LAST_FRAGMENT) as usize;
        if self.message.len() + self.missing > RECORD_MAX {
            return Err(Broken("a message longer than any of NFS"));
        }
        if self.missing == 0 {
            // Of no use to anybody, and without end if they were taken.
            return Err(Broken("an empty fragment"));
        }
        Ok(())
    }
}

/// Whether bytes look like the begin of a message: for a stream that is joined in its middle.
pub(super) fn is_begin(bytes: &[u8]) -> bool {
    let word = |at: usize| {
        let bytes = bytes.get(4 * at..4 * at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let Some(mark) = word(0) else {
        return false;
    };
    let length = (mark & !LAST_FRAGMENT) as usize;
    // A call says twice what it is, by its type and by the version of the protocol; a reply is
    // accepted or denied.
    let is_message = match word(2) {
        Some(0) => word(3) == Some(2),
        Some(1) => matches!(word(3), Some(0 | 1)),
        _ => false,
    };
    is_message && (16..=RECORD_MAX).contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fragment(bytes: &[u8], is_last: bool) -> Vec<u8> {
        let mark = bytes.len() as u32 | if is_last { LAST_FRAGMENT } else { 0 };
        [&mark.to_be_bytes(), bytes].concat()
    }

    fn taken(records: &mut Records, bytes: &[u8], sequence: u32) -> Vec<(Vec<u8>, Place)> {
        let mut out = Vec::new();
        let mut each = |message: &[u8], place| out.push((message.to_vec(), place));
        records.push(bytes, sequence, &mut each).unwrap();
        out
    }

    #[test]
    fn fragments_are_put_together_and_the_place_counts_their_marks() {
        let bytes = [fragment(b"abcd", false), fragment(b"ef", true), fragment(b"g", true)];
        let found = taken(&mut Records::default(), &bytes.concat(), u32::MAX);
        let first = Place { sequence: u32::MAX, length: 14 };
        let second = Place { sequence: 13, length: 5 };
        assert_eq!(found, [(b"abcdef".to_vec(), first), (b"g".to_vec(), second)]);
    }

    #[test]
    fn a_message_without_end_is_broken_before_it_fills_the_memory() {
        let mut records = Records::default();
        let mark = (RECORD_MAX as u32 + 1) | LAST_FRAGMENT;
        assert!(records.push(&mark.to_be_bytes(), 0, &mut |_, _| ()).is_err());
        let mut records = Records::default();
        let piece = fragment(&[0; 1 << 16], false);
        assert!((0..20).any(|_| records.push(&piece, 0, &mut |_, _| ()).is_err()));
        assert!(records.held() <= RECORD_MAX);
    }

    #[test]
    fn a_retransmission_is_known_by_its_place_also_where_numbers_wrap() {
        let place = Place { sequence: u32::MAX - 9, length: 20 };
        assert!(place.overlaps(u32::MAX - 9, 20) && place.overlaps(9, 1) && place.overlaps(0, 1));
        assert!(place.overlaps(u32::MAX - 20, 12) && place.overlaps(u32::MAX - 1400, 3000));
        assert!(!place.overlaps(10, 100) && !place.overlaps(u32::MAX - 20, 11));
        assert!(!place.overlaps(0, 0));
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_the_messages_are_the_same(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..8),
            cuts in prop::collection::vec(1usize..20, 1..20),
        ) {
            let bytes: Vec<u8> = messages.iter().flat_map(|one| fragment(one, true)).collect();
            let (mut records, mut found, mut at) = (Records::default(), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                let end = (at + cut).min(bytes.len());
                found.extend(taken(&mut records, &bytes[at..end], at as u32));
                at = end;
                if at == bytes.len() {
                    break;
                }
            }
            let found: Vec<Vec<u8>> = found.into_iter().map(|(message, _)| message).collect();
            prop_assert_eq!(found, messages);
        }
    }
}
