//! A node that runs on the host's own kernel: a container with privileges is its machine.
//!
//! `lockstorm-agent host NODE MAC` is started in the site's directory, where the harness listens
//! on `NODE.net` for frames, one a packet, and on `NODE.control` for what other nodes have a
//! virtio console for.

use crate::boot::{annotate, enter_image, mount_fs, run};
use crate::port::{self, Port};
use lockstorm_agent::{MOUNT_POINT, SUPPLEMENT};
use nix::errno::Errno;
use nix::libc::{IFF_NO_PI, IFF_TAP, IFNAMSIZ, c_int, c_short};
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Where the harness has mounted the images (harness/src/site/launch/containers/host.rs).
const ROOT: &str = "/run/lockstorm/root.erofs";
const SECOND: &str = "/run/lockstorm/supplement.erofs";
/// A directory of the image that clients have no other use for.
const SECOND_MOUNTED: &str = "/disk";
const INTERFACE: &str = "eth0";
/// More than any frame (bytes).
const PACKET_MAX: usize = 16 << 10;

nix::ioctl_write_ptr_bad!(
    /// Makes an open /dev/net/tun an interface: TUNSETIFF of linux/if_tun.h.
    set_interface,
    nix::request_code_write!(b'T', 202, size_of::<c_int>()),
    InterfaceRequest
);

/// struct ifreq of netdevice(7), with ifr_flags.
#[repr(C)]
pub struct InterfaceRequest {
    name: [u8; IFNAMSIZ],
    flags: c_short,
    rest: [u8; 22],
}

/// Becomes the node: its root is the image, its wire the harness's switch.
pub fn enter(name: &str, mac: &str) -> io::Result<(BufReader<File>, Arc<Port>)> {
    // What the container has of /dev is not what it may use: the host's has all.
    mount_fs("devtmpfs", "/dev", MsFlags::empty(), "")?;
    let control = UnixStream::connect(format!("{name}.control"))
        .map_err(|error| annotate(error, "connecting to the control channel"))?;
    let wire = connect_wire(name).map_err(|error| annotate(error, "connecting to the wire"))?;
    let tap = make_tap().map_err(|error| annotate(error, "making a tap of /dev/net/tun"))?;
    mount_root()?;
    // Nobody asked for it, and its frames would be in everybody's capture.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{INTERFACE}/disable_ipv6"), "1");
    run(&["ip", "link", "set", INTERFACE, "address", mac])?;
    carry(tap, wire)?;
    port::over(OwnedFd::from(control).into())
}

fn connect_wire(name: &str) -> io::Result<File> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let wire = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(wire.as_raw_fd(), &UnixAddr::new(format!("{name}.net").as_str())?)?;
    Ok(wire.into())
}

/// An Ethernet interface whose frames are read and written, without offloads: the kernel computes
/// every checksum, and the capture shows true packets.
fn make_tap() -> io::Result<File> {
    let tap = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    let mut request = InterfaceRequest {
        name: [0; IFNAMSIZ],
        flags: (IFF_TAP | IFF_NO_PI) as c_short,
        rest: [0; 22],
    };
    request.name[..INTERFACE.len()].copy_from_slice(INTERFACE.as_bytes());
    // SAFETY: the request is a live struct ifreq (40 bytes), which TUNSETIFF reads and writes.
    unsafe { set_interface(tap.as_raw_fd(), &request) }?;
    Ok(tap)
}

/// Carries frames both ways for as long as there is a harness.
fn carry(tap: File, wire: File) -> io::Result<()> {
    let (tap_too, wire_too) = (tap.try_clone()?, wire.try_clone()?);
    thread::spawn(move || pump(tap, wire));
    thread::spawn(move || {
        pump(wire_too, tap_too);
        std::process::exit(0);
    });
    Ok(())
}

/// Until there is nothing more to read. What cannot be written is lost, as on any wire: an
/// interface that is down takes nothing.
fn pump(mut from: File, mut to: File) {
    let mut packet = vec![0; PACKET_MAX];
    loop {
        match from.read(&mut packet) {
            Ok(0) => return,
            Ok(length) => drop(to.write(&packet[..length])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return eprintln!("lockstorm-agent: the wire: {error}"),
        }
    }
}

/// The images are files here, and no disks: mount(8) makes loop devices of them.
fn mount_root() -> io::Result<()> {
    fs::create_dir_all("/image")?;
    run(&["mount", "-t", "erofs", "-o", "ro,loop", ROOT, "/image"])?;
    if Path::new(SECOND).exists() {
        let target = format!("/image{SECOND_MOUNTED}");
        run(&["mount", "-t", "erofs", "-o", "ro,loop", SECOND, &target])?;
    }
    mount_fs("devtmpfs", "/image/dev", MsFlags::empty(), "")?;
    enter_image()
}

/// The client's second image is there already: its file cannot be reached from within the first.
pub fn mount_supplement() -> io::Result<()> {
    fs::create_dir_all(SUPPLEMENT)?;
    crate::boot::bind_mount(SECOND_MOUNTED, SUPPLEMENT)
}

/// As soon as nothing on the mount is in use any more, or without its leave after two seconds.
pub fn unmount() -> io::Result<()> {
    for _ in 0..20 {
        match umount2(MOUNT_POINT, MntFlags::empty()) {
            Err(Errno::EBUSY) => thread::sleep(Duration::from_millis(100)),
            // Not mounted.
            Ok(()) | Err(Errno::EINVAL) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(umount2(MOUNT_POINT, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH)?)
}
