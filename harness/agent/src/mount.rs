//! The client's mount: the kernel's own NFS client, asked directly.

use crate::boot::{mount_fs_from, write};
use lockstorm_agent::{MOUNT_POINT, Outcome, SUPPLEMENT};
use nix::mount::MsFlags;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

const SOURCE: &str = "server:/";
const PARAMETERS: &str = "/sys/module/nfs/parameters";

/// Mounts the client's second image.
pub fn mount_supplement() -> io::Result<()> {
    fs::create_dir_all(SUPPLEMENT)?;
    mount_fs_from("/dev/vdb", SUPPLEMENT, "erofs", MsFlags::MS_RDONLY, "")
}

/// Mounts the export and tells the options in force.
pub fn mount(options: &str, parameters: &BTreeMap<String, String>) -> io::Result<Outcome> {
    for (name, value) in parameters {
        let file = Path::new(PARAMETERS).join(name);
        if !file.exists() {
            let message = format!("this kernel's module nfs has no parameter {name}");
            return Err(io::Error::other(message));
        }
        write(file, value)?;
    }
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
