//! From a scenario and a seed to a plan.

use super::{FORMAT, LockImage, Plan, repeated};
use crate::assets::{KERNEL_KEY, NODE_KEY};
use crate::kernel::Kernels;
use crate::lock::profile::Profile;
use crate::scenario::{Scenario, SiteSpec};
use crate::seeds::{WIRE, derive, of_workload};
use crate::site::NodeId;
use crate::site::blueprint::{
    Blueprint, DiskBlueprint, Implementation, MountBlueprint, NodeBlueprint, Role, ServerBlueprint,
    WireBlueprint,
};
use crate::units::{MILLISECOND, Nanos, SECOND};
use std::net::Ipv4Addr;

/// What the clocks say at power-on: 2026-01-01 00:00:00 UTC. Some date must stand here, and
/// today's would make every run another.
pub const WALL_START_S: u64 = 1_767_225_600;
/// Machines are not switched on at the same moment, nor do they have the same processes.
const BOOTS_APART_NS: u64 = 170 * MILLISECOND;
const PIDS_APART: u32 = 30;
/// What is there is used in the end, for caches; an adapter in Python and all that it runs on come
/// to some 30 MiB.
pub const NODE_MEMORY_MIB: u32 = 44;

/// The lock that a plan is made for.
pub struct Lock<'a> {
    pub profile: &'a Profile,
    /// Where it is, if not in the node image.
    pub image: Option<LockImage>,
}

impl<'a> From<&'a Profile> for Lock<'a> {
    fn from(profile: &'a Profile) -> Lock<'a> {
        Lock { profile, image: None }
    }
}

/// What the nodes are made of.
pub struct Parts<'a> {
    pub kernel_key: &'a str,
    pub image_key: &'a str,
    pub kernels: Kernels,
}

impl Parts<'_> {
    /// What this lockstorm was built for.
    pub fn ours(kernels: Kernels) -> Parts<'static> {
        Parts { kernel_key: KERNEL_KEY, image_key: NODE_KEY, kernels }
    }
}

/// Makes a scenario explicit that is complete (see `Loaded::complete`): the same arguments, the
/// same plan.
pub fn expand(scenario: &Scenario, seed: u64, lock: Lock, parts: Parts) -> Plan {
    let workload_seeds = scenario.site.client_ids().map(|client| {
        let seed = derive(seed, &of_workload(&client.to_string()));
        (client.to_string(), seed)
    });
    // What a run proves is no part of it.
    let mut spelled_out = Scenario { known_bug: None, ..scenario.clone() };
    repeated::spelled_out(&mut spelled_out, seed);
    Plan {
        format: FORMAT,
        seed,
        kernel_key: parts.kernel_key.into(),
        image_key: parts.image_key.into(),
        kernels: parts.kernels,
        scenario: spelled_out,
        profile: lock.profile.clone(),
        lock_image: lock.image,
        blueprint: blueprint(scenario, seed, lock.profile),
        workload_seeds: workload_seeds.collect(),
    }
}

/// The site that a sound scenario describes.
pub fn blueprint(scenario: &Scenario, seed: u64, profile: &Profile) -> Blueprint {
    let site = &scenario.site;
    let client_memory_mib = profile.memory.map_or(NODE_MEMORY_MIB, |memory| memory.0);
    Blueprint {
        clock: site.clock,
        wall_start_s: WALL_START_S,
        wire: WireBlueprint {
            latency: site.wire.latency,
            bandwidth: site.wire.bandwidth,
            queue: site.wire.queue,
            seed: derive(seed, WIRE),
        },
        disk: DiskBlueprint {
            size_mib: site.disk.size_mib,
            latency: site.disk.latency,
            flush: site.disk.flush,
        },
        server: ServerBlueprint {
            lease_s: whole_seconds(site.server.lease.0),
            grace_s: whole_seconds(site.server.grace.0),
            threads: site.server.threads,
            delegations: site.server.delegations,
            is_async: site.server.is_async,
            implementation: site.server.implementation,
        },
        mount: MountBlueprint {
            version: site.nfs.version.clone(),
            options: site.nfs.options.clone(),
            parameters: site.nfs.parameters.clone(),
        },
        nodes: site.node_ids().map(|id| node(site, id, seed, client_memory_mib)).collect(),
    }
}

/// A server that is a program needs more, and has hundreds of threads.
fn server_memory_mib(implementation: Implementation) -> u32 {
    match implementation {
        Implementation::Knfsd => NODE_MEMORY_MIB,
        Implementation::Ganesha => 256,
    }
}

fn node(site: &SiteSpec, id: NodeId, seed: u64, client_memory_mib: u32) -> NodeBlueprint {
    // The last octet of its addresses.
    let number = u8::try_from(id.index() + 1).unwrap_or(u8::MAX);
    let (role, memory_mib) = match id {
        NodeId::SERVER => (Role::Server, server_memory_mib(site.server.implementation)),
        _ => (Role::Client, client_memory_mib),
    };
    // Each node has a range of its own.
    let draw = |what: &str, most: u64| derive(seed, &format!("{what}/{id}")) % most;
    let pids_used = u32::from(number) * PIDS_APART + draw("pids", PIDS_APART.into()) as u32;
    let power_on = match id {
        NodeId::SERVER => 0,
        _ => u64::from(number) * BOOTS_APART_NS + draw("boot", BOOTS_APART_NS),
    };
    NodeBlueprint {
        role,
        memory_mib,
        power_on: Nanos(power_on),
        pids_used,
        mac: format!("02:00:00:00:00:{number:02x}"),
        ip: Ipv4Addr::new(10, 0, 0, number),
        seed: derive(seed, &format!("node/{id}")),
        settings: site.nodes.get(&id.to_string()).cloned().unwrap_or_default(),
        name: id.to_string(),
    }
}

/// Validation has seen to it that they are whole and few.
fn whole_seconds(nanos: u64) -> u32 {
    u32::try_from(nanos / SECOND).unwrap_or(u32::MAX)
}
