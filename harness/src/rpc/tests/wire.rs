//! Hosts that talk, as frames: what the tests send.

use etherparse::PacketBuilder;

/// XDR, written.
#[derive(Clone, Debug, Default)]
pub struct Xdr(pub Vec<u8>);

impl Xdr {
    pub fn u32(mut self, number: u32) -> Xdr {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub fn u64(mut self, number: u64) -> Xdr {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub fn opaque(self, bytes: impl AsRef<[u8]>) -> Xdr {
        let bytes = bytes.as_ref();
        self.u32(bytes.len() as u32).fixed(bytes)
    }

    pub fn fixed(mut self, bytes: impl AsRef<[u8]>) -> Xdr {
        self.0.extend(bytes.as_ref());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub fn and(mut self, other: Xdr) -> Xdr {
        self.0.extend(other.0);
        self
    }
}

pub fn xdr() -> Xdr {
    Xdr::default()
}

/// A call with its head.
pub fn call(xid: u32, program: u32, version: u32, procedure: u32, body: Xdr) -> Xdr {
    let head = xdr().u32(xid).u32(0).u32(2).u32(program).u32(version).u32(procedure);
    // AUTH_SYS, as Linux sends it, and no verifier.
    let credential = xdr().u32(1).opaque(b"host").u32(0).u32(0).u32(0);
    head.u32(1).opaque(credential.0).u32(0).u32(0).and(body)
}

/// A reply that was accepted.
pub fn reply(xid: u32, body: Xdr) -> Xdr {
    xdr().u32(xid).u32(1).u32(0).u32(0).u32(0).u32(0).and(body)
}

/// COMPOUND4args of so many operations.
pub fn compound(minor: u32, count: u32, operations: Xdr) -> Xdr {
    xdr().opaque(b"tag").u32(minor).u32(count).and(operations)
}

/// COMPOUND4res.
pub fn outcome(status: u32, count: u32, results: Xdr) -> Xdr {
    xdr().u32(status).opaque(b"tag").u32(count).and(results)
}

/// One direction of a TCP connection.
#[derive(Clone, Debug)]
pub struct Sender {
    from: (u8, u16),
    to: (u8, u16),
    pub sequence: u32,
}

impl Sender {
    /// Hosts go by the last byte of their addresses.
    pub fn new(from: (u8, u16), to: (u8, u16), sequence: u32) -> Sender {
        Sender { from, to, sequence }
    }

    /// A frame with these bytes of the stream.
    pub fn frame(&self, sequence: u32, bytes: &[u8]) -> Vec<u8> {
        let builder = self.builder(sequence).ack(1);
        let mut frame = Vec::new();
        builder.write(&mut frame, bytes).unwrap();
        frame
    }

    /// The frame that opens the connection; the stream begins behind it.
    pub fn syn(&mut self) -> Vec<u8> {
        let mut frame = Vec::new();
        self.builder(self.sequence).syn().write(&mut frame, &[]).unwrap();
        self.sequence = self.sequence.wrapping_add(1);
        frame
    }

    /// A message as its record, in one frame.
    pub fn record(&mut self, message: Xdr) -> Vec<u8> {
        let bytes = record(&message);
        let frame = self.frame(self.sequence, &bytes);
        self.sequence = self.sequence.wrapping_add(bytes.len() as u32);
        frame
    }

    /// A message as a datagram.
    pub fn datagram(&self, message: &Xdr) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, self.from.0], [2; 6])
            .ipv4([10, 0, 0, self.from.0], [10, 0, 0, self.to.0], 64)
            .udp(self.from.1, self.to.1);
        let mut frame = Vec::new();
        builder.write(&mut frame, &message.0).unwrap();
        frame
    }

    fn builder(&self, sequence: u32) -> etherparse::PacketBuilderStep<etherparse::TcpHeader> {
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, self.from.0], [2; 6])
            .ipv4([10, 0, 0, self.from.0], [10, 0, 0, self.to.0], 64)
            .tcp(self.from.1, self.to.1, sequence, 65_535)
    }
}

/// A message behind its record mark.
pub fn record(message: &Xdr) -> Vec<u8> {
    [&(message.0.len() as u32 | 1 << 31).to_be_bytes(), &message.0[..]].concat()
}

pub const CLIENT: u8 = 2;
pub const SERVER: u8 = 1;

/// The two directions of a client's connection, opened.
pub fn connection(port: u16, mut each: impl FnMut(Vec<u8>)) -> (Sender, Sender) {
    let mut client = Sender::new((CLIENT, port), (SERVER, 2049), 1_000);
    let mut server = Sender::new((SERVER, 2049), (CLIENT, port), 5_000_000);
    each(client.syn());
    each(server.syn());
    (client, server)
}
