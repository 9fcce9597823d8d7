//! XDR (RFC 4506): a reader that never goes beyond its bytes.
//!
//! An own one, since no crate fits: nfs3_types builds whole values of NFSv3 alone, and xdr-codec
//! (which still stands on error-chain) generates types from a grammar and copies what it reads.
//! What is needed here is to step over bytes.

/// Why bytes cannot be read as what they should be, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub &'static str);

const SHORT: Broken = Broken("it ends too early");

/// Reads values from the front of a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Opaque data of a known length, and what fills it up to a multiple of four (section 4.9).
    pub fn fixed(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let padded = length.checked_next_multiple_of(4).ok_or(SHORT)?;
        let (taken, rest) = self.bytes.split_at_checked(padded).ok_or(SHORT)?;
        self.bytes = rest;
        Ok(&taken[..length])
    }

    pub fn u32(&mut self) -> Result<u32, Broken> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(SHORT)?;
        self.bytes = rest;
        Ok(u32::from_be_bytes(*taken))
    }

    pub fn u64(&mut self) -> Result<u64, Broken> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(SHORT)?;
        self.bytes = rest;
        Ok(u64::from_be_bytes(*taken))
    }

    /// Any number but 0 is true: some senders say so.
    pub fn bool(&mut self) -> Result<bool, Broken> {
        Ok(self.u32()? != 0)
    }

    /// Opaque data, or a string, with its length before it (section 4.10).
    pub fn opaque(&mut self) -> Result<&'a [u8], Broken> {
        let length = self.u32()?;
        self.fixed(usize::try_from(length).map_err(|_| SHORT)?)
    }

    /// An array of words.
    pub fn opaque_words(&mut self) -> Result<&'a [u8], Broken> {
        let words = usize::try_from(self.u32()?).map_err(|_| SHORT)?;
        self.fixed(words.checked_mul(4).ok_or(SHORT)?)
    }

    /// A bitmap4 (RFC 8881, section 3.2.1) of up to 128 bits. Bits beyond are stepped over.
    pub fn bitmap(&mut self) -> Result<u128, Broken> {
        let words = self.u32()?;
        let mut bits = 0;
        for index in 0..words {
            let word = u128::from(self.u32()?);
            if index < 4 {
                bits |= word << (32 * index);
            }
        }
        Ok(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_data_ends_at_a_multiple_of_four() {
        let mut xdr = Reader::new(b"\0\0\0\x05hello\0\0\0\0\0\0\x07");
        assert_eq!(xdr.opaque(), Ok(&b"hello"[..]));
        assert_eq!(xdr.u32(), Ok(7));
        assert!(xdr.is_empty());
    }

    #[test]
    fn a_length_beyond_the_end_is_refused_and_nothing_is_taken() {
        let mut xdr = Reader::new(b"\xff\xff\xff\xff\0\0\0\x01");
        assert_eq!(xdr.opaque(), Err(SHORT));
        assert_eq!(xdr.u32(), Ok(1));
        assert_eq!(xdr.u64(), Err(SHORT));
    }

    #[test]
    fn a_bitmap_of_more_words_than_are_known_is_stepped_over() {
        let mut bytes = vec![0, 0, 0, 5];
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0x80, 0, 0, 0, 0xff, 0, 0, 0]);
        let mut xdr = Reader::new(&bytes);
        assert_eq!(xdr.bitmap(), Ok(1 | 1 << 33 | 1 << 127));
        assert!(xdr.is_empty());
        assert_eq!(Reader::new(b"\xff\xff\xff\xff").bitmap(), Err(SHORT));
    }
}
