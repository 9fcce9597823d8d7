//! A driver that behaves, at the other end of a device.

use super::*;
use crate::site::exchange::LOOK;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::cell::Cell;
use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

const MEMORY: u64 = 0x1_0000;
/// Each ring has a page: its descriptors, and what is available and used.
const PAGE: u64 = 0x1000;
const AVAILABLE: u64 = 0x400;
const USED: u64 = 0x800;
const BUFFER: u64 = 0x8000;
pub(crate) const RING: u32 = 4;
/// No driver here is waited for.
pub(crate) const AT_ONCE: Patience = Patience { limit: Duration::ZERO, interrupted: &|| false };

pub(crate) struct Driver {
    pub(crate) device: Device,
    stream: UnixStream,
    memory: File,
    interrupts: UnixStream,
    available: Vec<u16>,
}

impl Driver {
    fn new() -> Driver {
        Driver::with_rings(1)
    }

    /// Does what virtio_uml does when it finds a device.
    pub(crate) fn with_rings(rings: usize) -> Driver {
        let (theirs, stream) = UnixStream::pair().unwrap();
        let (interrupts, to_driver) = UnixStream::pair().unwrap();
        let memory = File::from(memfd_create("guest", MFdFlags::MFD_CLOEXEC).unwrap());
        memory.set_len(MEMORY).unwrap();
        let device = Device::new(theirs, rings, 0, vec![1, 2, 3], Notices::Unwanted).unwrap();
        let available = vec![0; rings];
        let mut driver = Driver { device, stream, memory, interrupts, available };
        let table = [1u64, 0, MEMORY, 0, 0].map(u64::to_le_bytes).concat();
        let fd = driver.memory.as_raw_fd();
        driver.ask(request::SET_MEM_TABLE, &table, Some(fd)).unwrap();
        driver.ask(request::SET_SLAVE_REQ_FD, &[0; 8], Some(to_driver.as_raw_fd())).unwrap();
        for ring in 0..rings as u32 {
            driver.ask(request::SET_VRING_NUM, &words(&[ring, RING]), None).unwrap();
            let page = PAGE * u64::from(ring);
            let addresses = [u64::from(ring), page, page + USED, page + AVAILABLE, 0];
            let addresses = addresses.map(u64::to_le_bytes).concat();
            driver.ask(request::SET_VRING_ADDR, &addresses, None).unwrap();
            driver.ask(request::SET_VRING_ENABLE, &words(&[ring, 1]), None).unwrap();
        }
        driver
    }

    fn ask(&mut self, code: u32, payload: &[u8], fd: Option<i32>) -> io::Result<bool> {
        let message = [&words(&[code, 1, payload.len() as u32])[..], payload].concat();
        let fds: Vec<i32> = fd.into_iter().collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let control = if fds.is_empty() { &[][..] } else { &rights[..] };
        let slices = [IoSlice::new(&message)];
        let stream = self.stream.as_raw_fd();
        sendmsg::<()>(stream, &slices, control, MsgFlags::empty(), None).unwrap();
        self.device.serve()
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        self.memory.write_all_at(bytes, at).unwrap();
    }

    fn read<const N: usize>(&self, at: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.memory.read_exact_at(&mut bytes, at).unwrap();
        bytes
    }

    /// Offers one buffer of `length` bytes for the device to read.
    fn offer(&mut self, length: u32) {
        self.offer_in(0, &vec![0; length as usize]);
    }

    /// Offers these bytes for the device to read.
    pub(crate) fn offer_in(&mut self, ring: usize, bytes: &[u8]) {
        self.write(BUFFER, bytes);
        let page = PAGE * ring as u64;
        let descriptor = [&BUFFER.to_le_bytes()[..], &words(&[bytes.len() as u32, 0])].concat();
        self.write(page, &descriptor);
        let slot = u64::from(self.available[ring] % RING as u16);
        self.write(page + AVAILABLE + 4 + 2 * slot, &0u16.to_le_bytes());
        self.available[ring] = self.available[ring].wrapping_add(1);
        self.write(page + AVAILABLE + 2, &self.available[ring].to_le_bytes());
    }

    /// Fills a ring again and again as soon as the device gives anything back.
    pub(crate) fn refill(&self, ring: usize) -> impl FnMut() + Send + use<> {
        let (memory, page) = (self.memory.try_clone().unwrap(), PAGE * ring as u64);
        move || {
            let mut used = [0; 2];
            memory.read_exact_at(&mut used, page + USED + 2).unwrap();
            let full = u16::from_le_bytes(used).wrapping_add(RING as u16);
            memory.write_all_at(&full.to_le_bytes(), page + AVAILABLE + 2).unwrap();
        }
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn the_driver_is_told_that_it_need_not_kick() {
    let driver = Driver::new();
    const NO_NOTIFY: u16 = 1;
    assert_eq!(u16::from_le_bytes(driver.read(USED)), NO_NOTIFY);
}

#[test]
fn what_the_driver_offers_comes_out_once_and_goes_back_through_the_used_ring() {
    let mut driver = Driver::new();
    assert!(driver.device.next(0).unwrap().is_none());
    // More than the ring holds, so that its indices wrap.
    for round in 1..=3 * RING as u16 {
        driver.offer(16);
        let chain = driver.device.next(0).unwrap().unwrap();
        assert_eq!(chain.head_index(), 0);
        assert!(driver.device.next(0).unwrap().is_none());
        driver.device.give_back(0, 0, 7).unwrap();
        assert_eq!(u16::from_le_bytes(driver.read(USED + 2)), round);
        let slot = u64::from((round - 1) % RING as u16);
        assert_eq!(driver.read::<8>(USED + 4 + 8 * slot)[..], words(&[0, 7])[..]);
    }
}

#[test]
fn an_interrupt_names_its_ring_and_is_held_back_when_it_is_not_wanted() {
    let mut driver = Driver::new();
    assert!(driver.device.interrupt(0, false, &AT_ONCE).unwrap());
    let mut message = [0; INTERRUPT_LEN];
    driver.interrupts.read_exact(&mut message).unwrap();
    assert_eq!(message, vhost_user::interrupt(0, false));
    driver.write(AVAILABLE, &NO_INTERRUPT.to_le_bytes());
    assert!(!driver.device.interrupt(0, false, &AT_ONCE).unwrap());
}

#[test]
fn a_configuration_is_padded_to_what_was_asked_for() {
    let mut driver = Driver::new();
    driver.ask(request::GET_CONFIG, &words(&[1, 4, 0]), None).unwrap();
    let mut reply = [0; 12 + 12 + 4];
    driver.stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[24..], [2, 3, 0, 0]);
}

#[test]
fn a_ring_outside_of_the_memory_is_an_error_and_no_panic() {
    let mut driver = Driver::new();
    let addresses = [0, MEMORY - 16, USED, AVAILABLE, 0].map(u64::to_le_bytes).concat();
    driver.ask(request::SET_VRING_ADDR, &addresses, None).unwrap();
    assert!(driver.ask(request::SET_VRING_ENABLE, &words(&[0, 1]), None).is_err());
}

#[test]
fn a_ring_that_the_device_does_not_have_is_an_error_and_no_panic() {
    let mut driver = Driver::new();
    assert!(driver.ask(request::SET_VRING_NUM, &words(&[9, RING]), None).is_err());
}

/// A request in two parts, with a descriptor at the first.
#[test]
fn the_rest_of_a_request_is_waited_for_by_nobody() {
    let mut driver = Driver::new();
    let message = words(&[request::GET_CONFIG, 1, 12, 0, 3, 0]);
    for part in [&message[..5], &message[5..12], &message[12..23]] {
        driver.stream.write_all(part).unwrap();
        assert!(driver.device.serve().unwrap());
        assert!(driver.device.serve().unwrap(), "there is nothing, and the driver lives");
        assert!(driver.device.begun().is_some());
    }
    driver.stream.write_all(&message[23..]).unwrap();
    assert!(driver.device.serve().unwrap());
    assert_eq!(driver.device.begun(), None);
    let mut reply = [0; 12 + 12 + 3];
    driver.stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[24..], [1, 2, 3]);
    driver.stream.write_all(&message[..1]).unwrap();
    driver.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(driver.device.serve().unwrap());
    assert!(!driver.device.serve().unwrap());
}

#[test]
fn a_driver_that_reads_no_replies_holds_nobody_up() {
    let mut driver = Driver::new();
    let refused = (0..100_000).find_map(|_| driver.ask(request::GET_FEATURES, &[], None).err());
    assert!(refused.expect("room is limited").to_string().contains("does not read"));
}

#[test]
fn a_kernel_that_takes_no_interrupts_is_stuck() {
    let mut driver = Driver::new();
    let failed = (0..100_000).find_map(|_| driver.device.interrupt(0, false, &AT_ONCE).err());
    assert!(matches!(failed, Some(Failure::Stuck)), "{failed:?}");
}

#[test]
fn half_an_acknowledgement_is_none_and_ctrl_c_is_heard() {
    let mut driver = Driver::new();
    for sent in [0, 7, INTERRUPT_LEN - 1] {
        driver.interrupts.write_all(&vec![0; sent]).unwrap();
        let failed = driver.device.interrupt(0, true, &AT_ONCE);
        assert!(matches!(failed, Err(Failure::Stuck)), "{failed:?}");
        let looks = Cell::new(0);
        let interrupted = || looks.replace(looks.get() + 1) > 1;
        let patience = Patience { limit: 1000 * LOOK, interrupted: &interrupted };
        let failed = driver.device.interrupt(0, true, &patience);
        assert!(matches!(failed, Err(Failure::Interrupted)), "{failed:?}");
    }
}

#[test]
fn an_acknowledged_interrupt_takes_the_whole_acknowledgement() {
    let mut driver = Driver::new();
    driver.interrupts.write_all(&[0; INTERRUPT_LEN]).unwrap();
    let patience = Patience { limit: 1000 * LOOK, interrupted: &|| false };
    assert!(driver.device.interrupt(0, true, &patience).unwrap());
    drop(driver.interrupts);
    assert!(!driver.device.interrupt(0, true, &patience).unwrap(), "the kernel is gone");
}

#[test]
fn a_memory_file_that_is_cut_short_is_misuse_wherever_that_is_found_out() {
    type Touch = fn(&mut Driver) -> Result<(), Failure>;
    let touches: [Touch; 4] = [
        |driver| driver.device.offered(0).map(drop).map_err(Failure::from),
        |driver| driver.device.next(0).map(drop).map_err(Failure::from),
        |driver| driver.device.give_back(0, 0, 0).map_err(Failure::from),
        |driver| driver.device.interrupt(0, false, &AT_ONCE).map(drop),
    ];
    for touch in touches {
        let mut driver = Driver::new();
        driver.offer(16);
        driver.memory.set_len(0).unwrap();
        let found = touch(&mut driver);
        assert!(matches!(&found, Err(Failure::Misuse(error)) if error.to_string().contains("cut")));
        assert!(driver.device.next(0).is_err(), "once lost is lost");
    }
}

#[test]
fn a_chain_whose_buffer_is_cut_off_can_be_read_and_not_given_back() {
    let mut driver = Driver::new();
    driver.offer(16);
    driver.write(BUFFER, &[1; 16]);
    let chain = driver.device.next(0).unwrap().unwrap();
    driver.memory.set_len(BUFFER).unwrap();
    let mut bytes = Vec::new();
    chain.reader(driver.device.memory()).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, [0; 16]);
    assert!(driver.device.give_back(0, 0, 0).is_err());
}

#[test]
fn a_ring_that_claims_more_than_it_has_room_for_is_an_error() {
    let mut driver = Driver::new();
    driver.write(AVAILABLE + 2, &(RING as u16 + 1).to_le_bytes());
    assert!(driver.device.next(0).is_err());
}

#[test]
fn memory_of_huge_pages_is_refused() {
    let mut driver = Driver::new();
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_HUGETLB;
    let huge = File::from(memfd_create("guest", flags).unwrap());
    huge.set_len(1 << 30).unwrap();
    let table = [1u64, 0, MEMORY, 0, 0].map(u64::to_le_bytes).concat();
    let refused = driver.ask(request::SET_MEM_TABLE, &table, Some(huge.as_raw_fd()));
    assert!(refused.unwrap_err().to_string().contains("huge pages"));
}

#[test]
fn a_driver_has_no_more_requests_open_than_its_ring_holds() {
    let mut driver = Driver::new();
    for _ in 0..RING {
        driver.offer(16);
        assert!(driver.device.next(0).unwrap().is_some());
    }
    // Its ring is full of what nobody has given back, and it claims room for more.
    driver.offer(16);
    let refused = driver.device.next(0);
    assert!(refused.unwrap_err().to_string().contains("more requests"));
    driver.device.give_back(0, 0, 0).unwrap();
    assert!(driver.device.next(0).unwrap().is_some());
}

#[test]
fn interrupts_go_to_sockets_of_this_host_alone() {
    let mut driver = Driver::new();
    let wire = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = tempfile::tempfile().unwrap();
    for fd in [wire.as_raw_fd(), file.as_raw_fd()] {
        assert!(driver.ask(request::SET_SLAVE_REQ_FD, &[0; 8], Some(fd)).is_err());
    }
}

#[test]
fn more_descriptors_than_regions_are_refused_and_none_stays_open() {
    let mut driver = Driver::new();
    let (mut reader, writer) = UnixStream::pair().unwrap();
    let fds = [writer.as_raw_fd(); 200];
    let rights = [ControlMessage::ScmRights(&fds)];
    let message = words(&[request::SET_MEM_TABLE, 1, 0]);
    let (stream, slices) = (driver.stream.as_raw_fd(), [IoSlice::new(&message)]);
    sendmsg::<()>(stream, &slices, &rights, MsgFlags::empty(), None).unwrap();
    assert!(driver.device.serve().is_err());
    drop((driver, writer));
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "nobody has the other end any more");
}
