//! What NFSv3 needs beside the kernel: names that can be looked up, rpcbind, and rpc.statd, by
//! which a machine tells others that it has restarted (NSM: X/Open, Protocols for Interworking:
//! XNFS, chapter 11).

use crate::boot::{bind_mount, run, write};
use lockstorm_agent::{Nsm, ports};
use std::fs;
use std::io;

/// Where rpc.statd and sm-notify keep what they know (rpc.statd(8)).
const STATE: &str = "/var/lib/nfs/state";
const MONITORED: &str = "/var/lib/nfs/sm";
const NOTIFIED: &str = "/var/lib/nfs/sm.bak";
/// rpc.statd runs as who owns this.
const STATD: (u32, u32) = (102, 65534);
/// An RPC program of the kernel that is to be told of a restart (NLM, version 3, procedure 16), on
/// this very machine, and the kernel's cookie, which means nothing after a restart. A file of
/// [`MONITORED`] has these before the two names (nsm_insert_monitored_host in nfs-utils).
const RECORD: &str = "0100007f 000186b5 00000003 00000010 00000000000000000000000000000000";

/// Looks names up among these.
pub fn names(nsm: &Nsm) -> io::Result<()> {
    let hosts = nsm.hosts.iter().map(|(name, address)| format!("{address}\t{name}\n"));
    let hosts: String = std::iter::once("127.0.0.1\tlocalhost\n".into()).chain(hosts).collect();
    write("/run/hosts", &hosts)?;
    bind_mount("/run/hosts", "/etc/hosts")
}

/// Starts rpcbind, and rpc.statd if it is to run here. A machine that was restarted has another
/// number than before.
pub fn start(restarts: u32, statd: bool) -> io::Result<()> {
    for dir in [MONITORED, NOTIFIED] {
        fs::create_dir_all(dir)?;
        std::os::unix::fs::chown(dir, Some(STATD.0), Some(STATD.1))?;
    }
    // Odd while the machine is up. It lasts through a restart, as on a disk of the machine's own.
    fs::write(STATE, (2 * restarts + 1).to_ne_bytes())?;
    for kind in ["tcp", "udp"] {
        write(format!("/proc/sys/fs/nfs/nlm_{kind}port"), &ports::NLM.to_string())?;
    }
    run(&["rpcbind"])?;
    match statd {
        true => run(&["rpc.statd", "--no-notify", "--port", &ports::NSM.to_string()]),
        false => Ok(()),
    }
}

/// Writes down that this machine had locks on another before it was restarted, as its rpc.statd did
/// before the first of them was granted.
pub fn remember(peer: &str, own: &str) -> io::Result<()> {
    write(format!("{MONITORED}/{peer}"), &format!("{RECORD} {peer} {own}\n"))
}

/// Tells all machines that are written down of this one's restart.
pub fn notify() -> io::Result<()> {
    run(&["sm-notify"])
}
