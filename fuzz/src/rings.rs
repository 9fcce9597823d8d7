//! A hostile driver: rings in its memory, as the input says.

use lockstorm::site::disk::blk::{self, Medium};
use lockstorm::site::disk::image::Image;
use lockstorm::site::disk::store::Store;
use lockstorm::site::exchange::Patience;
use lockstorm::site::node::console::{self, Console};
use lockstorm::site::node::link::Link;
use lockstorm::site::virtio::device::{Device, Notices};
use lockstorm::site::virtio::vhost_user::request;
use lockstorm::site::wire::net;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::fs::File;
use std::io::{IoSlice, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The guest's memory: rings in the lower half, a page each, and buffers in the upper (bytes).
pub(crate) const MEMORY: u64 = 0x1_0000;
const BUFFERS: u64 = MEMORY / 2;
const RING: u64 = 0x1000;
pub(crate) const AVAILABLE: u64 = 0x400;
pub(crate) const USED: u64 = 0x800;
/// Times that the guest fills its rings.
const ROUNDS: usize = 3;
/// Nobody is waited for.
pub(crate) const AT_ONCE: Patience = Patience { limit: Duration::ZERO, interrupted: &|| false };

/// The fuzzer's bytes, and zeroes when they are at an end.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(crate) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn long(&mut self) -> u64 {
        let mut bytes = [0; 8];
        let taken = self.take(8);
        bytes[..taken.len()].copy_from_slice(taken);
        u64::from_le_bytes(bytes)
    }
}

/// The driver's end of a device.
struct Guest {
    link: Link,
    stream: UnixStream,
    memory: File,
    /// Where the device's interrupts go.
    interrupts: UnixStream,
    /// What the driver has made available so far, by ring.
    available: Vec<u16>,
}

impl Guest {
    /// Starts a device as virtio_uml does; `None` when the input asked for rings that the device
    /// refused.
    fn start(input: &mut Input, rings: usize) -> Option<Guest> {
        let (ours, stream) = UnixStream::pair().unwrap();
        // No interrupt is ever acknowledged.
        let (interrupts, theirs) = UnixStream::pair().unwrap();
        let guest_memory = memory();
        let mut guest = Guest {
            link: Link::Virtio(
                Device::new(ours, rings, 0, vec![7; 60], Notices::Unwanted).unwrap(),
            ),
            stream,
            memory: guest_memory.try_clone().unwrap(),
            interrupts,
            available: vec![0; rings],
        };
        let table = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &longs(&[0, MEMORY, 0, 0])].concat();
        guest.ask(request::SET_MEM_TABLE, &table, Some(guest_memory.as_fd()))?;
        guest.ask(request::SET_SLAVE_REQ_FD, &[0; 8], Some(theirs.as_fd()))?;
        for ring in 0..rings {
            guest.start_ring(input, ring)?;
        }
        Some(guest)
    }

    fn start_ring(&mut self, input: &mut Input, ring: usize) -> Option<()> {
        let base = RING * ring as u64;
        let shape = input.byte();
        let size = match shape & 0x0f {
            0x0f => u32::from(input.word()),
            power => 1 << (power % 9),
        };
        let addresses = match shape >> 4 {
            0x0f => [input.long(), 0, input.long(), input.long()],
            _ => [base, 0, base + USED, base + AVAILABLE],
        };
        // struct vhost_vring_addr: descriptors, used ring, available ring, log.
        let [descriptors, _, used, available] = addresses;
        let index = u64::from(ring as u32);
        self.ask(request::SET_VRING_NUM, &longs(&[index | u64::from(size) << 32]), None)?;
        let addresses = longs(&[index, descriptors, used, available, 0]);
        self.ask(request::SET_VRING_ADDR, &addresses, None)?;
        self.ask(request::SET_VRING_ENABLE, &longs(&[index | 1 << 32]), None)
    }

    fn device(&mut self) -> &mut Device {
        self.link.virtio().expect("it is a virtio device")
    }

    /// Sends a message and has it served; `None` when the device refused it.
    fn ask(&mut self, code: u32, payload: &[u8], fd: Option<BorrowedFd>) -> Option<()> {
        let header = [code, 1, payload.len() as u32].map(u32::to_le_bytes).concat();
        send(&self.stream, &[&header, payload].concat(), fd);
        self.link.serve().ok().filter(|goes_on| *goes_on).map(drop)
    }

    /// Writes descriptors, what is available, and buffers.
    fn fill(&mut self, input: &mut Input) {
        for ring in 0..self.available.len() {
            let base = RING * ring as u64;
            for index in 0..u64::from(input.byte() % 17) {
                self.write(base + 16 * index, &descriptor(input));
            }
            let heads = input.byte() % 9;
            for _ in 0..heads {
                let next = self.available[ring];
                let entry = base + AVAILABLE + 4 + 2 * u64::from(next % 16);
                let head = match input.byte() {
                    0xff => input.word(),
                    head => u16::from(head % 16),
                };
                self.write(entry, &head.to_le_bytes());
                self.available[ring] = next.wrapping_add(1);
            }
            if heads == 8 {
                self.available[ring] = input.word();
            }
            self.write(base + AVAILABLE + 2, &self.available[ring].to_le_bytes());
        }
        let length = usize::from(input.byte());
        self.write(BUFFERS, input.take(length));
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        self.memory.write_all_at(bytes, at).unwrap();
    }
}

/// Mostly a buffer that lies in memory, sometimes whatever.
fn descriptor(input: &mut Input) -> Vec<u8> {
    let shape = input.byte();
    if shape == 0xff {
        let mut raw = input.take(16).to_vec();
        raw.resize(16, 0);
        return raw;
    }
    let address = BUFFERS + u64::from(input.word()) % BUFFERS;
    let length = match shape & 0x0c {
        0x0c => u32::from(input.word()) << 8,
        0x08 => u32::from(input.word()),
        _ => u32::from(input.byte()),
    };
    // VRING_DESC_F_NEXT and F_WRITE are common, F_INDIRECT is rare.
    let flags = u16::from(shape & 3) | if shape & 0xf0 == 0xe0 { 4 } else { 0 };
    let next = u16::from(input.byte() % 18);
    [&address.to_le_bytes()[..], &length.to_le_bytes(), &flags.to_le_bytes(), &next.to_le_bytes()]
        .concat()
}

pub(crate) fn send(stream: &UnixStream, bytes: &[u8], fd: Option<BorrowedFd>) {
    let raw: Vec<_> = fd.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let rights = if raw.is_empty() { &[][..] } else { &rights[..] };
    let slices = [IoSlice::new(bytes)];
    let socket = stream.as_raw_fd();
    let sent = sendmsg::<()>(socket, &slices, rights, MsgFlags::empty(), None).unwrap();
    assert_eq!(sent, bytes.len());
}

pub(crate) fn memory() -> File {
    let file = File::from(memfd_create("guest", MFdFlags::MFD_CLOEXEC).unwrap());
    file.set_len(MEMORY).unwrap();
    file
}

pub(crate) fn longs(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Disk requests. Answers how many the device carried out.
pub fn blk(data: &[u8]) -> usize {
    let mut input = Input(data);
    let mut store = Store::new(1);
    let image = (input.byte() & 1 == 1).then(image);
    let Some(mut guest) = Guest::start(&mut input, 1) else { return 0 };
    let mut carried_out = 0;
    for _ in 0..ROUNDS {
        guest.fill(&mut input);
        while let Ok(Some(chain)) = guest.device().next(blk::REQUESTS) {
            let medium = match &image {
                Some(image) => Medium::Image(image),
                None => Medium::Store(&mut store),
            };
            let done = blk::execute(chain, guest.device().memory(), medium);
            carried_out += usize::from(done.written > 0);
            if guest.device().give_back(blk::REQUESTS, done.head, done.written).is_err() {
                return carried_out;
            }
        }
        let _ = guest.device().interrupt(blk::REQUESTS, input.byte() == 1, &AT_ONCE);
    }
    store.lose_power(|sector| sector % 2 == 0);
    carried_out
}

/// An image whose last sector is a partial one.
fn image() -> Image {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[1; 1300]).unwrap();
    Image::open(file.path()).unwrap()
}

/// Frames in both directions. Answers how many got through.
pub fn net(data: &[u8]) -> usize {
    let mut input = Input(data);
    let Some(mut guest) = Guest::start(&mut input, 2) else { return 0 };
    let mut frames = 0;
    for _ in 0..ROUNDS {
        guest.fill(&mut input);
        for frame in net::transmitted(&mut guest.link).unwrap_or_default() {
            assert!((14..=net::FRAME_MAX).contains(&frame.len()));
            frames += 1;
        }
        let length = 14 + usize::from(input.word()) % (net::FRAME_MAX - 13);
        if let Ok(true) = net::receive(&mut guest.link, &vec![3; length]) {
            frames += 1;
            let _ = guest.device().interrupt(net::RECEIVE, input.byte() == 1, &AT_ONCE);
        }
    }
    frames
}

/// The control channel's port. Answers how many lines and deliveries there were.
pub fn console(data: &[u8]) -> usize {
    let mut input = Input(data);
    let Some(mut guest) = Guest::start(&mut input, console::RINGS) else { return 0 };
    let mut console = Console::default();
    let mut count = 0;
    for _ in 0..ROUNDS {
        guest.fill(&mut input);
        let Ok(Ok(lines)) = console.collect(&mut guest.link) else { break };
        assert!(lines.iter().all(|line| !line.contains(&b'\n')));
        console.queue(&vec![b'x'; usize::from(input.byte())]).unwrap();
        let delivered = console.deliver(&mut guest.link, input.byte() == 1, &AT_ONCE);
        count += lines.len() + usize::from(delivered.unwrap_or(false));
    }
    let _ = guest.interrupts.shutdown(Shutdown::Both);
    count
}

/// A driver that makes a chain of a readable, a writable and a last small buffer available, on
/// each of its rings. The readable one begins as a disk request of `kind` does.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |rings: usize, kind: u8| {
        let mut ring = vec![3];
        ring.extend([0x09, 0, 0, 16, 2, 1]); // at 0, 528 bytes, goes on
        ring.extend([0x0b, 0, 4, 0, 2, 2]); // at 1024, 512 bytes to write to, goes on
        ring.extend([0x02, 0, 8, 1, 0]); // at 2048, one byte to write to
        ring.extend([1, 0]); // one chain, from the first descriptor
        let mut round = ring.repeat(rings);
        let request = [[kind, 0, 0, 0, 5, 0, 0, 0], [0; 8]].concat();
        round.push(request.len() as u8);
        round.extend(request);
        // The blk target begins with a choice of its own.
        let start = vec![4; if rings == 1 { 2 } else { rings }];
        [start, round.repeat(ROUNDS)].concat()
    };
    let kinds = |rings: usize| [0, 1, 3, 4, 8].map(|kind| seed(rings, kind));
    [1, 2, console::RINGS].into_iter().flat_map(kinds).collect()
}
