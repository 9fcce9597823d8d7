//! Where the programs of NFSv3 listen: those that have no port of their own are told one, as sites
//! with a firewall do.

pub const NFS: u16 = 2049;
pub const PORTMAPPER: u16 = 111;
/// lockd, over TCP and UDP.
pub const NLM: u16 = 32803;
/// rpc.statd.
pub const NSM: u16 = 662;
/// rpc.mountd.
pub const MOUNT: u16 = 892;
