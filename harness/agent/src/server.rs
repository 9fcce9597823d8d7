//! The NFS server: ext4 on the simulated disk, exported by knfsd or nfs-ganesha.

use crate::boot::{annotate, bind_mount, mount_fs, mount_fs_from, run, write};
use crate::{ganesha, nsm};
use lockstorm_agent::{EXPORT, Implementation, ports};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::mount::MsFlags;
use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const DISK: &str = "/dev/vdb";
/// What takes the room of a full disk.
const FILLER: &str = "/disk/filler";
/// Whether all is there but the threads that serve.
static PREPARED: AtomicBool = AtomicBool::new(false);
/// What serves.
static IMPLEMENTATION: OnceLock<Implementation> = OnceLock::new();
/// Whether the disk is to be full.
static FULL: AtomicBool = AtomicBool::new(false);
/// What others give back is taken so soon.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(20);
/// How much of it is taken at a time, from the most to a block (bytes).
const FILL_FIRST: i64 = 1 << 30;
const FILL_LAST: i64 = 1 << 12;
/// Fixed, so that the file system is the same bytes in every run.
const UUID: &str = "00000000-0000-0000-0000-000000000002";
const HASH_SEED: &str = "hash_seed=00000000-0000-0000-0000-000000000001";

/// How the server serves.
pub struct Manner {
    pub lease_s: u32,
    pub grace_s: u32,
    pub threads: u8,
    pub no_delegations: bool,
    pub is_async: bool,
    pub implementation: Implementation,
    /// Over NFSv3 as well.
    pub nfs3: bool,
    /// How many times the machine was switched on before.
    pub restarts: u32,
    /// Whether rpc.statd runs.
    pub statd: bool,
}

/// Exports [`EXPORT`]. After a restart the disk still has its file system: mounting
/// it replays the journal, and the clients known from before may reclaim their locks in grace.
pub fn serve(manner: &Manner) -> io::Result<()> {
    IMPLEMENTATION.get_or_init(|| manner.implementation);
    if PREPARED.swap(true, Ordering::SeqCst) {
        return match manner.implementation {
            Implementation::Knfsd => start_knfsd(manner),
            Implementation::Ganesha => ganesha::start(manner, false),
        };
    }
    let is_new = mount_disk()?;
    // The server keeps the names of its clients here; they must survive a power cut.
    bind_mount("/disk/nfs", "/var/lib/nfs")?;
    if manner.nfs3 {
        nsm::start(manner.restarts, manner.statd)?;
    }
    let notify = || if manner.nfs3 && !is_new { nsm::notify() } else { Ok(()) };
    match manner.implementation {
        Implementation::Knfsd => serve_from_kernel(manner, is_new).and_then(|()| notify()),
        // As it starts it has rpc.statd forget all (SM_UNMON_ALL): whoever is to be told of the
        // restart must have been read before.
        Implementation::Ganesha => notify().and_then(|()| ganesha::start(manner, is_new)),
    }
}

fn serve_from_kernel(manner: &Manner, is_new: bool) -> io::Result<()> {
    mount_fs("nfsd", "/proc/fs/nfsd", MsFlags::empty(), "")?;
    fs::create_dir_all("/run/rpc_pipefs")?;
    mount_fs("rpc_pipefs", "/run/rpc_pipefs", MsFlags::empty(), "")?;
    write("/proc/fs/nfsd/nfsv4leasetime", &manner.lease_s.to_string())?;
    write("/proc/fs/nfsd/nfsv4gracetime", &manner.grace_s.to_string())?;
    if manner.nfs3 {
        write("/proc/sys/fs/nfs/nlm_grace_period", &manner.grace_s.to_string())?;
    }
    if manner.no_delegations {
        write("/proc/sys/fs/leases-enable", "0")?;
    }
    let export = format!("*:{EXPORT}");
    let options = match manner.is_async {
        true => "async,rw,no_root_squash,fsid=0,insecure,no_subtree_check",
        false => "rw,no_root_squash,fsid=0,insecure,no_subtree_check",
    };
    run(&["exportfs", "-i", "-o", options, &export])?;
    start_mountd(manner.nfs3)?;
    start_knfsd(manner)?;
    if is_new {
        // Nobody has anything to reclaim. Clients of NFSv4.1 would tell so themselves
        // (RECLAIM_COMPLETE, RFC 8881, section 18.51), those of NFSv4.0 cannot.
        write("/proc/fs/nfsd/v4_end_grace", "Y")?;
        if manner.nfs3 {
            write("/proc/fs/lockd/nlm_end_grace", "Y")?;
        }
    }
    Ok(())
}

fn start_knfsd(manner: &Manner) -> io::Result<()> {
    let nfs3 = if manner.nfs3 { "-V" } else { "-N" };
    run(&["rpc.nfsd", nfs3, "3", "-V", "4.2", &manner.threads.to_string()])
}

/// Ends the server. With the last of the kernel's threads goes all state of clients
/// (nfsd_shutdown_net in fs/nfsd/nfssvc.c).
pub fn stop() -> io::Result<()> {
    match *IMPLEMENTATION.get_or_init(Implementation::default) {
        Implementation::Knfsd => run(&["rpc.nfsd", "0"]),
        Implementation::Ganesha => ganesha::stop(),
    }
}

/// Mounts the disk; true when it had no file system, and was given one.
fn mount_disk() -> io::Result<bool> {
    match mount_fs_from(DISK, "/disk", "ext4", MsFlags::empty(), "") {
        Ok(()) => return Ok(false),
        // No file system yet.
        Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => {}
        Err(error) => return Err(error),
    }
    run(&["mke2fs", "-q", "-t", "ext4", "-U", UUID, "-E", HASH_SEED, DISK])?;
    mount_fs_from(DISK, "/disk", "ext4", MsFlags::empty(), "")?;
    fs::create_dir_all(EXPORT)?;
    for dir in ["nfs/v4recovery", "nfs/nfsdcltrack", "nfs/rpc_pipefs"] {
        fs::create_dir_all(format!("/disk/{dir}"))?;
    }
    for file in ["nfs/etab", "nfs/rmtab"] {
        write(format!("/disk/{file}"), "")?;
    }
    // They have been there for long when a server's power is cut.
    nix::unistd::sync();
    Ok(true)
}

/// Takes all the room that is left on the disk, and all that becomes free; or gives it back.
pub fn fill(full: bool) -> io::Result<()> {
    let was_full = FULL.swap(full, Ordering::SeqCst);
    if full {
        take_room()?;
        if !was_full {
            thread::spawn(|| {
                while FULL.load(Ordering::SeqCst) {
                    thread::sleep(LOOK_FOR_ROOM);
                    let _ = take_room();
                }
                let _ = fs::remove_file(FILLER);
            });
        }
        return Ok(());
    }
    match fs::remove_file(FILLER) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn take_room() -> io::Result<()> {
    let file = fs::OpenOptions::new().create(true).append(true).open(FILLER)?;
    let mut at = i64::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut step = FILL_FIRST;
    while step >= FILL_LAST {
        match fallocate(&file, FallocateFlags::empty(), at, step) {
            Ok(()) => at += step,
            Err(Errno::ENOSPC | Errno::EFBIG) => step /= 2,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(annotate(errno.into(), FILLER)),
        }
    }
    Ok(())
}

/// rpc.mountd answers the kernel's questions about exports, for NFSv4 too, and MOUNT for NFSv3.
fn start_mountd(nfs3: bool) -> io::Result<()> {
    let port = ports::MOUNT.to_string();
    let with: &[&str] = if nfs3 { &["-p", &port] } else { &["-N", "3"] };
    Command::new("/usr/sbin/rpc.mountd")
        .arg("-F")
        .args(with)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| annotate(error, "rpc.mountd"))
}
