//! What a site is built from: plain data, a part of the plan.

use super::NodeId;
use super::clock::Clock;
use super::settings::NodeSettings;
use crate::units::{Bytes, Nanos, NanosRange, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blueprint {
    #[serde(default)]
    pub clock: Clock,
    /// What the nodes' wall clocks say at the begin, in seconds since 1970. On the real clock this
    /// is the host's time, whatever stands here.
    pub wall_start_s: u64,
    pub wire: WireBlueprint,
    pub disk: DiskBlueprint,
    pub server: ServerBlueprint,
    pub mount: MountBlueprint,
    /// The server first, then the clients in order.
    pub nodes: Vec<NodeBlueprint>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireBlueprint {
    /// One-way delay of a frame.
    pub latency: NanosRange,
    /// Of each node's way to the switch; without it, frames take no time beyond the latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Rate>,
    /// The most that can be under way from one node.
    #[serde(default = "WireBlueprint::queue")]
    pub queue: Bytes,
    /// Seed of everything the wire draws: delays, losses.
    pub seed: u64,
}

impl Blueprint {
    pub fn node(&self, node: NodeId) -> &NodeBlueprint {
        &self.nodes[node.index()]
    }

    /// The nodes whose clocks are off by themselves, and by how much (ns).
    pub fn clocks_off(&self) -> impl Iterator<Item = (NodeId, i64)> {
        let off = self.nodes.iter().enumerate();
        let off = off.map(|(index, node)| (NodeId::at(index), node.settings.clock.0));
        off.filter(|(_, off)| *off != 0)
    }

    /// All nodes but the server.
    pub fn clients(&self) -> &[NodeBlueprint] {
        self.nodes.get(1..).unwrap_or_default()
    }
}

impl WireBlueprint {
    /// A wire on which every frame takes as long.
    pub fn even(latency: Nanos, seed: u64) -> WireBlueprint {
        let latency = NanosRange { least: latency, most: latency };
        WireBlueprint { latency, bandwidth: None, queue: WireBlueprint::queue(), seed }
    }

    /// Of a site that does not say: no NFS client has so much in flight.
    pub const fn queue() -> Bytes {
        Bytes(4 << 20)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskBlueprint {
    pub size_mib: u32,
    pub latency: Nanos,
    pub flush: Nanos,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerBlueprint {
    pub lease_s: u32,
    pub grace_s: u32,
    pub threads: u8,
    /// Whether it delegates files.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub delegations: bool,
    /// Whether it answers before its disk has it: `async` of exports(5).
    #[serde(default, rename = "async", skip_serializing_if = "std::ops::Not::not")]
    pub is_async: bool,
    #[serde(default, skip_serializing_if = "Implementation::is_default")]
    pub implementation: Implementation,
}

/// What serves NFS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Implementation {
    /// Linux's own, in the server's kernel.
    #[default]
    Knfsd,
    /// nfs-ganesha, a program on the server, over the same disk.
    Ganesha,
}

impl Implementation {
    pub fn is_default(&self) -> bool {
        *self == Implementation::default()
    }

    /// As the agent has it.
    pub fn of_agent(self) -> lockstorm_agent::Implementation {
        match self {
            Implementation::Knfsd => lockstorm_agent::Implementation::Knfsd,
            Implementation::Ganesha => lockstorm_agent::Implementation::Ganesha,
        }
    }
}

impl ServerBlueprint {
    /// A server that delegates, and answers when its disk has it.
    pub const fn new(lease_s: u32, grace_s: u32, threads: u8) -> ServerBlueprint {
        let implementation = Implementation::Knfsd;
        let (delegations, is_async) = (true, false);
        ServerBlueprint { lease_s, grace_s, threads, delegations, is_async, implementation }
    }
}

fn yes() -> bool {
    true
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MountBlueprint {
    pub version: String,
    pub options: Vec<String>,
    /// Of the kernel module nfs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

impl MountBlueprint {
    /// A mount as a kernel makes it that is told nothing but the version.
    pub fn plain(version: &str) -> MountBlueprint {
        let (options, parameters) = (Vec::new(), BTreeMap::new());
        MountBlueprint { version: version.into(), options, parameters }
    }

    /// NFSv3, whose locks are the lock manager's.
    pub fn is_nfs3(&self) -> bool {
        self.version == "3"
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Server,
    Client,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeBlueprint {
    /// `server`, `c1` ...; the node's host name too.
    pub name: String,
    pub role: Role,
    /// Ethernet address, as `02:00:00:00:00:01`.
    pub mac: String,
    pub ip: Ipv4Addr,
    /// Seed of the kernel's random pool.
    pub seed: u64,
    pub memory_mib: u32,
    /// When it is switched on. No two machines count the same time since boot.
    pub power_on: Nanos,
    /// How many process ids are used up before its own work begins. Two machines that boot the
    /// same image have the same processes otherwise, and NFSv4 clients tell their exclusive
    /// creates apart by time since boot and process id alone (nfs4_opendata_alloc in
    /// fs/nfs/nfs4proc.c).
    pub pids_used: u32,
    #[serde(default, skip_serializing_if = "NodeSettings::are_default")]
    pub settings: NodeSettings,
}
