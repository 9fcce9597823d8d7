//! Clients that run on the host's own kernel, each in a container with privileges.
//!
//! The container has a network of its own with nothing in it. Its agent makes an interface there
//! (a tap) whose frames go through the harness's switch like those of any other node, and mounts
//! the node image as its root; from there on it is the agent of every node. It is the host's NFS
//! client that mounts the export.
//!
//! Mounting takes CAP_SYS_ADMIN, and an interface CAP_NET_ADMIN: what runs in these containers
//! could do whatever root can on this host. `docker run --privileged` would give more, and needs an
//! engine that has it to give.

use super::engine::SITE_LABEL;
use super::{CONSOLES, IMAGE, NODE_LABEL, SITE};
use crate::assets::CONTAINER_KEY;
use crate::site::blueprint::NodeBlueprint;
use crate::site::launch::Images;
use crate::site::launch::directory::SiteDirectory;
use crate::site::launch::initrd::AGENT;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use testcontainers::core::{AccessMode, Mount};
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

/// The agent, in the site's directory.
const AGENT_FILE: &str = "agent";
/// Where the images are in the container; the agent looks there (harness/agent/src/host.rs).
const ROOT: &str = "/run/lockstorm/root.erofs";
const SUPPLEMENT: &str = "/run/lockstorm/supplement.erofs";
/// /dev/net/tun, /dev/loop-control, and the loop devices (Documentation/admin-guide/devices.txt).
const DEVICES: [&str; 3] = ["c 10:200 rw", "c 10:237 rw", "b 7:* rw"];
/// Ends a container that is left behind, like that of any other node.
const ENTRY: &str = "/usr/lib/lockstorm/host-entry";

/// The container of one such client.
pub fn request(
    node: &NodeBlueprint,
    images: &Images,
    directory: &SiteDirectory,
) -> io::Result<ContainerRequest<GenericImage>> {
    put_agent(&directory.path().join(AGENT_FILE))?;
    let bind = |host: &Path, inside: &str| Mount::bind_mount(host.display().to_string(), inside);
    let read =
        |host: &Path, inside: &str| bind(host, inside).with_access_mode(AccessMode::ReadOnly);
    let supplement = images.supplement.as_deref().map(|image| read(image, SUPPLEMENT));
    let request = GenericImage::new(IMAGE, CONTAINER_KEY)
        .with_entrypoint(ENTRY)
        .with_cmd([&node.name, &node.mac])
        .with_mount(bind(directory.path(), SITE))
        .with_mount(bind(directory.consoles(), CONSOLES))
        .with_mount(read(&images.root, ROOT));
    let request = supplement.into_iter().fold(request, ImageExt::with_mount);
    Ok(request
        .with_label(NODE_LABEL, &node.name)
        .with_label(SITE_LABEL, directory.path().display().to_string())
        .with_cap_add("SYS_ADMIN")
        .with_cap_add("NET_ADMIN")
        // Where there is AppArmor, the engine's profile for containers forbids to mount.
        .with_security_opt("apparmor=unconfined")
        .with_host_config_modifier(|config| {
            config.auto_remove = Some(true);
            config.network_mode = Some("none".into());
            config.device_cgroup_rules = Some(DEVICES.map(str::to_owned).to_vec());
        }))
}

/// Where nodes have a kernel of their own, their ramdisk has it.
fn put_agent(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o755).open(path) {
        Ok(mut file) => file.write_all(AGENT),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
