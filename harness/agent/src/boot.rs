//! From the initial ramdisk to the node image, and the machine's name and network.

use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, umask};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The commands of ip(8) that bring the network up.
const NETWORK: &str = "/run/network.batch";

/// Mounts the node image and makes it the root. The image is read-only: what a run writes goes
/// to memory, or to the simulated disk.
pub fn mount_root() -> io::Result<()> {
    umask(Mode::empty());
    for dir in ["/dev", "/image"] {
        fs::create_dir_all(dir)?;
    }
    mount_fs("devtmpfs", "/dev", MsFlags::empty(), "")?;
    mount_fs_from("/dev/vda", "/image", "erofs", MsFlags::MS_RDONLY, "")?;
    move_mount("/dev", "/image/dev")?;
    enter_image()
}

/// Makes what is mounted on /image the root, and mounts on it what every machine has.
pub fn enter_image() -> io::Result<()> {
    std::env::set_current_dir("/image")?;
    move_mount(".", "/")?;
    nix::unistd::chroot(".")?;
    std::env::set_current_dir("/")?;

    mount_fs("proc", "/proc", MsFlags::empty(), "")?;
    mount_fs("sysfs", "/sys", MsFlags::empty(), "")?;
    for dir in ["/run", "/tmp", "/mnt", "/var/lib/nfs"] {
        mount_fs("tmpfs", dir, MsFlags::empty(), "mode=755")?;
    }
    fs::create_dir_all("/dev/shm")?;
    mount_fs("tmpfs", "/dev/shm", MsFlags::empty(), "mode=1777")?;
    fs::create_dir_all(lockstorm_agent::MOUNT_POINT)
}

/// Uses up process ids, so that the machine's later ones are not those of every other machine.
pub fn use_pids(count: u32) {
    for _ in 0..count {
        // A thread takes one like a process. One that is not to be had is used up as well.
        let _ = thread::Builder::new().spawn(|| {}).map(thread::JoinHandle::join);
    }
}

/// Makes a client one of its own to servers that know others of the same host name: what is here
/// stands beside that (nfs4_init_uniform_client_string in fs/nfs/nfs4proc.c).
const IDENTITY: &str = "/sys/module/nfs/parameters/nfs4_unique_id";

/// Names the machine (NFSv4 clients are told apart by it) and brings its network up.
pub fn configure(hostname: &str, address: &str, identity: Option<&str>) -> io::Result<()> {
    nix::unistd::sethostname(hostname)?;
    if let Some(identity) = identity {
        write(IDENTITY, identity)?;
    }
    // One program for all three: starting one is the dearest thing that a node does at boot.
    let batch = format!("link set lo up\naddr add {address} dev eth0\nlink set eth0 up\n");
    write(NETWORK, &batch)?;
    run(&["ip", "-batch", NETWORK])
}

pub fn mount_fs(kind: &str, target: &str, flags: MsFlags, options: &str) -> io::Result<()> {
    mount_fs_from(kind, target, kind, flags, options)
}

pub fn mount_fs_from(
    source: &str,
    target: &str,
    kind: &str,
    flags: MsFlags,
    options: &str,
) -> io::Result<()> {
    mount(Some(source), target, Some(kind), flags, Some(options))
        .map_err(|errno| annotate(errno.into(), &format!("mounting {kind} on {target}")))
}

pub fn bind_mount(source: &str, target: &str) -> io::Result<()> {
    mount_fs_from(source, target, "none", MsFlags::MS_BIND, "")
}

fn move_mount(source: &str, target: &str) -> io::Result<()> {
    mount_fs_from(source, target, "none", MsFlags::MS_MOVE, "")
}

/// Runs a program of the image; its failure is an error that quotes what it said.
pub fn run(argv: &[&str]) -> io::Result<()> {
    let output = Command::new(argv[0])
        .args(&argv[1..])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .map_err(|error| annotate(error, argv[0]))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{}: {}: {}", argv.join(" "), output.status, said.trim())))
}

/// Keeps the error's number and says what was being done.
pub fn annotate(error: io::Error, doing: &str) -> io::Error {
    match error.raw_os_error() {
        Some(code) => {
            eprintln!("lockstorm-agent: {doing}: {error}");
            io::Error::from_raw_os_error(code)
        }
        None => io::Error::other(format!("{doing}: {error}")),
    }
}

pub fn write(path: impl AsRef<Path>, text: &str) -> io::Result<()> {
    let path = path.as_ref();
    fs::write(path, text).map_err(|error| annotate(error, &path.display().to_string()))
}
