//! The scenario: what a user writes. One YAML file, one story.
//!
//! The types here are the file's format and nothing else: [`load`] reads them, [`validate`]
//! holds them against each other, and the plan makes them explicit. Field comments become the
//! JSON Schema (`lockstorm schema`).

pub mod known_bug;
pub mod load;

pub mod overrides;
pub mod random;
pub mod schema;
pub mod script;
pub mod shipped;
pub mod validate;

use crate::fault::FaultSpec;
use crate::lock::profile::Profile;
use crate::site::blueprint::Implementation;
use crate::site::blueprint::WireBlueprint;
use crate::site::clock::Clock;
use crate::site::settings::NodeSettings;
use crate::site::{ClientId, NodeId};
use crate::units::{Bytes, Nanos, NanosRange, Rate};
use known_bug::KnownBug;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most clients that a site can have.
pub const CLIENTS_MAX: u8 = 16;

/// A scenario: site, lock, workload, faults, expectations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name in reports, under which results are filed; the file's stem when left out. Letters,
    /// digits, `-`, `_` and `.`, at most 64, the first a letter or a digit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub name: String,
    /// What the story is, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    #[serde(default)]
    pub site: SiteSpec,
    pub lock: LockSpec,
    #[serde(with = "serde_yaml::with::singleton_map")]
    #[schemars(with = "WorkloadSpec")]
    pub workload: WorkloadSpec,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultSpec>,
    /// Another seed from some time on: a neighbour of the run that is the same until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseed: Option<Reseed>,
    #[serde(default)]
    pub expect: Expect,
    /// The reported bug that it shows, if it is the proof of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_bug: Option<KnownBug>,
}

/// What is drawn from `at` on (stays, pauses, latencies, and what faults draw that strike from then
/// on) is drawn from another seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reseed {
    /// Since the workload began, as a fault's `at`.
    pub at: Nanos,
    pub seed: u64,
}

/// The simulated place: one NFS server and its clients, `c1` to `cN`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSpec {
    /// `virtual`: the same seed gives the same run, and waiting costs nothing. `real`: the nodes
    /// run side by side on the host's cores and clock, and no run is like another.
    pub clock: Clock,
    /// How many clients: 1 to 16.
    #[schemars(range(min = 1, max = 16))]
    pub clients: u8,
    pub nfs: NfsSpec,
    pub server: ServerSpec,
    pub wire: WireSpec,
    pub disk: DiskSpec,
    /// What sets single nodes apart, by their names: `server`, `c1` ...
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, NodeSettings>,
}

impl SiteSpec {
    /// The server, then the clients.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> {
        NodeId::all(1 + usize::from(self.clients))
    }

    pub fn client_ids(&self) -> impl Iterator<Item = ClientId> {
        ClientId::all(usize::from(self.clients))
    }
}

impl Default for SiteSpec {
    fn default() -> Self {
        SiteSpec {
            clock: Clock::default(),
            clients: 3,
            nfs: NfsSpec::default(),
            server: ServerSpec::default(),
            wire: WireSpec::default(),
            disk: DiskSpec::default(),
            nodes: BTreeMap::new(),
        }
    }
}

/// How the clients mount the export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NfsSpec {
    /// Protocol version: "4.0", "4.1" or "4.2".
    #[serde(deserialize_with = "version_text")]
    pub version: String,
    /// Mount options beside the version, as in nfs(5): `hard`, `actimeo=3`, `lookupcache=none` ...
    pub options: Vec<String>,
    /// Parameters of the clients' kernel module nfs, as in /sys/module/nfs/parameters:
    /// `recover_lost_locks: Y`, `delay_retrans: "3"` ...
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// `version: 4.1` is a number to YAML, and a version to everybody else.
fn version_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Version;
    impl serde::de::Visitor<'_> for Version {
        type Value = String;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a version such as 4.2")
        }
        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
        fn visit_u64<E>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_f64<E>(self, number: f64) -> Result<String, E> {
            Ok(format!("{number:.1}"))
        }
    }
    deserializer.deserialize_any(Version)
}

impl Default for NfsSpec {
    fn default() -> Self {
        NfsSpec { version: "4.2".into(), options: Vec::new(), parameters: BTreeMap::new() }
    }
}

/// The server's times, as in /proc/fs/nfsd. Short ones by default, so that recovery after a
/// restart fits a story; Linux ships 90 s for both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSpec {
    /// NFSv4 lease time: 10 s to 3600 s, whole seconds.
    pub lease: Nanos,
    /// NFSv4 grace time after a restart: 10 s to 3600 s, whole seconds.
    pub grace: Nanos,
    /// Number of knfsd threads: 1 to 64.
    pub threads: u8,
    /// Whether it delegates files to clients; not if fs.leases-enable is 0 (proc(5)).
    #[serde(skip_serializing_if = "Clone::clone")]
    pub delegations: bool,
    /// It answers before its disk has what it was told to keep: the option `async` of exports(5).
    #[serde(rename = "async", skip_serializing_if = "std::ops::Not::not")]
    pub is_async: bool,
    /// `knfsd`, Linux's own, or `ganesha`.
    #[serde(skip_serializing_if = "Implementation::is_default")]
    pub implementation: Implementation,
}

impl Default for ServerSpec {
    fn default() -> Self {
        ServerSpec {
            lease: Nanos::from_secs(30),
            grace: Nanos::from_secs(30),
            threads: 4,
            delegations: true,
            is_async: false,
            implementation: Implementation::default(),
        }
    }
}

/// The network between the nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WireSpec {
    /// One-way delay of a frame, at least 20us. A range is drawn from anew for every frame
    /// (frames between two nodes keep their order).
    pub latency: NanosRange,
    /// How fast each node's way to the switch is: at least 64kbit. Without it, a frame takes no
    /// time beyond its latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Rate>,
    /// The most that can be under way from one node, waiting or in flight: 16KiB to 1GiB. What
    /// comes on top of that is lost.
    pub queue: Bytes,
}

impl Default for WireSpec {
    fn default() -> Self {
        let latency = Nanos(100_000);
        WireSpec {
            latency: NanosRange { least: latency, most: latency },
            bandwidth: None,
            queue: WireBlueprint::queue(),
        }
    }
}

/// The server's disk, which has a volatile write cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DiskSpec {
    /// Size in MiB: 16 to 4096.
    #[schemars(range(min = 16, max = 4096))]
    pub size_mib: u32,
    /// Time for a read or a write into the cache, at least 20us.
    pub latency: Nanos,
    /// Time to flush the cache, at least 20us.
    pub flush: Nanos,
}

impl Default for DiskSpec {
    fn default() -> Self {
        DiskSpec { size_mib: 64, latency: Nanos(50_000), flush: Nanos(250_000) }
    }
}

/// The lock under test: the name of a profile in containers/locks/ and its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockSpec {
    pub name: String,
    /// The lock's lifetime; the profile's default when left out. Refused for a lock without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Nanos>,
    /// Passed on to the adapter as it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, serde_json::Value>,
}

impl LockSpec {
    /// Fills in what the lock's profile says, where the scenario says nothing.
    pub fn fill_in(&mut self, profile: &Profile) {
        if let Some(known) = profile.lifetime {
            self.lifetime.get_or_insert(known.default);
        }
        for (option, value) in &profile.options {
            let slot = self.options.entry(option.clone());
            slot.or_insert_with(|| value.clone());
        }
    }
}

/// What the clients do with the lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadSpec {
    /// Every client acquires, works, releases, thinks, and begins again.
    Cycles(CyclesSpec),
    /// Ordered steps over several clients, with the answer expected of each.
    Script(Vec<script::Step>),
}

/// A closed loop on every client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CyclesSpec {
    /// How many critical sections each client runs; without it, as many as fit into `time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u32>,
    /// How long clients begin new rounds; a round that runs is finished.
    pub time: Nanos,
    /// How long a client stays in its critical section.
    pub hold: NanosRange,
    /// How long a client waits after a release before it asks again.
    pub think: NanosRange,
    /// Give up an acquire after this long (and ask again after `think`); without it, wait for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Nanos>,
    /// Some acquires give up sooner; without it, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impatient: Option<Impatient>,
    /// Refresh the lock this often while it is held; without it, never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Nanos>,
    /// Ask the lock this often, while it is held, whether it still is, and leave at once when it
    /// is not; without it, never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_held: Option<Nanos>,
    /// When `time` is over, end all faults and wait until every client has come to an end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recover: bool,
}

/// Acquires that give up soon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impatient {
    /// Which share of all acquires they are, 0 to 1; the seed decides which.
    #[schemars(range(min = 0, max = 1))]
    pub share: f64,
    /// How long they wait: 0s is to ask once.
    pub timeout: Nanos,
}

impl Default for CyclesSpec {
    fn default() -> Self {
        let range = |least, most| NanosRange {
            least: Nanos::from_millis(least),
            most: Nanos::from_millis(most),
        };
        CyclesSpec {
            rounds: None,
            time: Nanos::from_secs(60),
            hold: range(50, 200),
            think: range(0, 500),
            timeout: None,
            impatient: None,
            refresh: None,
            is_held: None,
            recover: false,
        }
    }
}

/// What the story is expected to end in; `lockstorm scenario` says when it did not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    pub verdict: ExpectedVerdict,
    /// At least this many critical sections in the whole run, else the run proves little.
    pub critical_sections: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedVerdict {
    /// Every promise that was tried held.
    #[default]
    Valid,
    /// The lock breaks a promise within its own assumptions.
    BrokenPromise,
    /// A violation that only shows outside what the lock assumes.
    BeyondAssumptions,
}
