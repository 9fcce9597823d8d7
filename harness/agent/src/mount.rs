//! The client's mount: the kernel's own NFS client, asked directly.

use crate::boot::{mount_fs_from, write};
use crate::nsm;
use lockstorm_agent::{EXPORT, MOUNT_POINT, Outcome, SUPPLEMENT};
use nix::mount::MsFlags;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

const PARAMETERS: &str = "/sys/module/nfs/parameters";

fn is_nfs3(options: &str) -> bool {
    options.split(',').any(|option| option == "vers=3")
}

/// Over NFSv3, whose locks are another protocol's.
fn mount_nfs3(client: &Client, options: &str) -> io::Result<()> {
    let server = options.split(',').find_map(|option| option.strip_prefix("addr="));
    let server = server.ok_or_else(|| io::Error::other("no address of a server"))?;
    nsm::start(client.restarts, client.statd)?;
    if client.restarts > 0 {
        nsm::remember(server, &client.name)?;
        nsm::notify()?;
    }
    let source = format!("server:{EXPORT}");
    mount_fs_from(&source, MOUNT_POINT, "nfs", MsFlags::empty(), options)
}

/// Mounts the client's second image.
pub fn mount_supplement() -> io::Result<()> {
    fs::create_dir_all(SUPPLEMENT)?;
    mount_fs_from("/dev/vdb", SUPPLEMENT, "erofs", MsFlags::MS_RDONLY, "")
}

/// The machine that mounts.
pub struct Client {
    pub name: String,
    /// How many times it was switched on before.
    pub restarts: u32,
    /// Whether rpc.statd runs.
    pub statd: bool,
}

/// Mounts the export and tells the options in force.
pub fn mount(
    client: &Client,
    options: &str,
    parameters: &BTreeMap<String, String>,
) -> io::Result<Outcome> {
    for (name, value) in parameters {
        let file = Path::new(PARAMETERS).join(name);
        if !file.exists() {
            let message = format!("this kernel's module nfs has no parameter {name}");
            return Err(io::Error::other(message));
        }
        write(file, value)?;
    }
    match is_nfs3(options) {
        true => mount_nfs3(client, options)?,
        false => mount_fs_from("server:/", MOUNT_POINT, "nfs4", MsFlags::empty(), options)?,
    }
    let mounts = fs::read_to_string("/proc/mounts")?;
    let options = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(1) == Some(&MOUNT_POINT))
        .and_then(|fields| fields.get(3).map(|options| (*options).to_owned()))
        .unwrap_or_default();
    Ok(Outcome::Mounted { options })
}
