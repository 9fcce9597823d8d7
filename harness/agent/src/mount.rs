//! The client's mount: the kernel's own NFS client, asked directly.

use crate::boot::mount_fs_from;
use lockstorm_agent::{MOUNT_POINT, Outcome, SUPPLEMENT};
use nix::mount::MsFlags;
use std::fs;
use std::io;

const SOURCE: &str = "server:/";

/// Mounts the client's second image.
pub fn mount_supplement() -> io::Result<()> {
    fs::create_dir_all(SUPPLEMENT)?;
    mount_fs_from("/dev/vdb", SUPPLEMENT, "erofs", MsFlags::MS_RDONLY, "")
}

/// Mounts the export and tells the options in force.
pub fn mount(options: &str) -> io::Result<Outcome> {
    mount_fs_from(SOURCE, MOUNT_POINT, "nfs4", MsFlags::empty(), options)?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let options = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(1) == Some(&MOUNT_POINT))
        .and_then(|fields| fields.get(3).map(|options| (*options).to_owned()))
        .unwrap_or_default();
    Ok(Outcome::Mounted { options })
}
