//! Faults: what the harness does to the site, and when.
//!
//! A fault is one file here and one line in the registry of [`Strike`]. It says as data what it
//! does, a list of [`Effect`]s, and what may come of that, a list of [`Consequence`]s for the
//! checkers. The nemesis of the run puts the effects into force, lifts them, and looks whether they
//! acted at all.

pub mod clock;
pub mod crash;
pub mod cut;
pub mod disk;
pub mod errno;
pub mod hold;
pub mod impair;
pub mod kill;
pub mod lose;
pub mod nfsd;
pub mod partition;
pub mod passes;
pub mod pause;
pub mod refuse;
pub mod reset;
pub mod slow;
pub mod state;
pub mod stop;
pub mod trigger;

use crate::history::Consequence;
use crate::rpc::Message;
use crate::site::disk::trouble::Trouble;
use crate::site::wire::{Frame, Rule};
use crate::site::{ClientId, NodeId, SERVER_NAME};
use crate::units::Nanos;
use lockstorm_agent::SystemCall;
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::net::Ipv4Addr;

/// The target that stands for whoever is in its critical section when a fault strikes.
pub const OWNER: &str = "owner";

pub use crate::history::FaultId;
pub use passes::{Nearness, Passes, Phase};
pub use state::{Exists, NodeState, Reaches};
pub use trigger::{Asked, Calls, Every, Other, Section, Situation, Trigger};

/// The kinds that strike a message of NFS, and so cannot be a script's step.
pub const OF_MESSAGES: &[&str] = &["lose", "hold", "refuse"];

/// The kinds after which a client has no process: its call is never answered.
pub const ENDS_PROCESSES: &[&str] = &["crash", "kill"];

/// The target that stands for the client whose call, or whose reply, a fault waited for.
pub const CALLER: &str = "caller";

/// One fault of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// When it strikes.
    #[serde(with = "serde_yaml::with::singleton_map")]
    #[schemars(with = "Trigger")]
    pub when: Trigger,
    /// What it does, and to whom.
    #[serde(with = "serde_yaml::with::singleton_map")]
    #[schemars(with = "Strike")]
    pub strike: Strike,
    /// How long it lasts; without it, until the run ends.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Nanos>,
    /// It ends as soon as clients are in a situation, and after `for` at the latest: a holder that
    /// stands still until `other` has entered comes back while the other is inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Situation>,
    /// That it never strikes, or meets nobody, is no reason to doubt the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_miss: bool,
}

/// The registry of faults: a line each. From it come [`Strike`] and all that is asked of its kinds.
macro_rules! strikes {
    ($($(#[doc = $about:literal])+ $kind:literal => $variant:ident($fault:ty),)+) => {
        /// What a fault does: one variant a file.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Strike {
            $($(#[doc = $about])+ $variant($fault),)+
        }

        impl Strike {
            /// The names of all faults, as in YAML.
            pub const KINDS: &[&str] = &[$($kind),+];

            /// The fault's name in YAML and in the history.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Strike::$variant(_) => $kind,)+
                }
            }

            pub fn fault(&self) -> &dyn Fault {
                match self {
                    $(Strike::$variant(fault) => fault,)+
                }
            }

            /// Reads what stands behind the name of a fault.
            pub fn of_kind<'de, D: Deserializer<'de>>(
                kind: &str,
                deserializer: D,
            ) -> Result<Strike, D::Error> {
                match kind {
                    $($kind => <$fault>::deserialize(deserializer).map(Strike::$variant),)+
                    _ => Err(de::Error::unknown_variant(kind, Strike::KINDS)),
                }
            }

            /// Writes what stands behind the name of the fault.
            pub fn serialize_entry<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                match self {
                    $(Strike::$variant(fault) => map.serialize_entry($kind, fault),)+
                }
            }
        }
    };
}

strikes! {
    /// Cut a node off the network.
    "cut" => Cut(cut::Cut),
    /// Cut a node's power; at the end of `for` it is switched on again.
    "crash" => Crash(crash::Crash),
    /// Step a node's wall clock, or let it drift.
    "clock" => Clock(clock::Clock),
    /// Lose, duplicate or delay a share of a node's frames.
    "impair" => Impair(impair::Impair),
    /// Part two groups of nodes.
    "partition" => Partition(partition::Partition),
    /// Suspend a node.
    "pause" => Pause(pause::Pause),
    /// Reset a node's connections.
    "reset" => Reset(reset::Reset),
    /// Trouble the server's disk.
    "disk" => Disk(disk::Disk),
    /// Stop the NFS server, and not its machine.
    "nfsd" => Nfsd(nfsd::Nfsd),
    /// Kill a client's process.
    "kill" => Kill(kill::Kill),
    /// Stop a client's process.
    "stop" => Stop(stop::Stop),
    /// Slow a client's process down.
    "slow" => Slow(slow::Slow),
    /// Lose the call or the reply that passes, for good, and then its connection.
    "lose" => Lose(lose::Lose),
    /// Hold the call or the reply that passes.
    "hold" => Hold(hold::Hold),
    /// Answer the call that passes with an error, in the server's place.
    "refuse" => Refuse(refuse::Refuse),
    /// Let system calls of a client's process fail.
    "errno" => Errno(errno::Errno),
}

/// The message that a fault waited for, with the frame that brings it (or the last part of it) and
/// is not delivered yet.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Whose conversation it is.
    pub client: ClientId,
    /// The operation that was waited for.
    pub op: String,
    pub message: Message,
    pub frame: Frame,
}

impl Caught {
    /// The message, in words.
    pub fn describe(&self) -> String {
        let reply = matches!(self.message.kind, crate::rpc::Kind::Reply);
        let found = self.message.operations.iter().find(|operation| operation.name == self.op);
        let path = found.and_then(|operation| operation.path.as_deref()).unwrap_or("");
        let status = found.and_then(|operation| operation.status).filter(|_| reply);
        let mut words = format!("{} {path}", self.op).trim_end().to_owned();
        if reply {
            words = format!("reply to {words}");
        }
        status.map_or(words.clone(), |status| format!("{words}: {status}"))
    }
}

/// One thing that a fault does to the node that it hits, for as long as the fault is in force. What
/// several faults do adds up, and lifting one leaves what the others do.
pub enum Effect {
    /// A rule lies over the wire.
    Wire(Box<dyn Rule>),
    /// The node has no power. Of a server's unflushed sectors this share lasts, drawn block by
    /// block. It is switched on again when no fault keeps it off any more.
    NoPower { keep: f64 },
    /// The node has another host name from its next boot on.
    HostName { host_name: String },
    /// The node has another network address from its next boot on.
    Address { address: Ipv4Addr },
    /// The wall clock is stepped, and drifts from then on.
    WallClock { step_ns: i64, drift_ppm: i64 },
    /// Nothing in the node runs, and its clocks stand still.
    Pause { after: pause::AfterPause },
    /// Requests of the server's disk fail, or take longer.
    Disk { trouble: Trouble, seed: u64 },
    /// The server's file system has no room left.
    FullDisk,
    /// The server does not serve. It serves again when no fault keeps it from that any more.
    NoService,
    /// The client's process is killed. Another is started when no fault keeps it away any more.
    NoProcess,
    /// The client's process does not run; or it runs for the first time, and stands for the second,
    /// in turns.
    ProcessStands { runs: Option<(Nanos, Nanos)> },
    /// System calls of the client's process fail, on paths of the mount that fit: `times` from the
    /// `nth` on.
    CallsFail { call: SystemCall, errno: i32, path: Option<String>, nth: u32, times: u32 },
}

/// A node that a fault names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// Where: the key, and the place in its list.
    pub key: &'static str,
    pub index: Option<usize>,
    pub node: &'a str,
}

/// What is wrong with a fault of a client's process that is aimed at the server.
fn on_client(node: &str, what: &str) -> Option<(Option<&'static str>, String)> {
    (node == SERVER_NAME).then(|| {
        let message = format!(
            "no lock's process runs on the server that could {what}; expected a client, or `{OWNER}`"
        );
        (Some("node"), message)
    })
}

/// What every fault tells of itself.
pub trait Fault {
    /// The node it is aimed at: `server`, `c1` ..., or [`OWNER`].
    fn target(&self) -> &str;
    /// Every node that it names.
    fn named(&self) -> Vec<Named<'_>> {
        vec![Named { key: "node", index: None, node: self.target() }]
    }
    /// What it does while it is in force. What is drawn at random comes from `seed`.
    fn effects(&self, node: NodeId, seed: u64) -> Vec<Effect>;
    /// What it does to the message that it waited for, beside its other effects.
    fn effects_on(&self, _caught: &Caught) -> Vec<Effect> {
        Vec::new()
    }
    /// The system calls of a client's process that it needs to be asked about.
    fn watches(&self) -> Option<SystemCall> {
        None
    }
    /// It can strike nothing but a message that was waited for.
    fn needs_message(&self) -> bool {
        false
    }
    /// How long it lasts by itself; without it, as long as the scenario says.
    fn lasts(&self) -> Option<Nanos> {
        None
    }
    /// What it may do to the site while it is in force, where `node` is the one that it hits.
    fn consequences(&self, node: &str) -> Vec<Consequence>;
    /// What it does, in words that follow the node's name.
    fn describe(&self) -> String;
    /// What of it makes no sense, each with the key that is to blame; none for the fault as a
    /// whole.
    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        Vec::new()
    }
}

impl Strike {
    /// The node it is aimed at: `server`, `c1` ..., or [`OWNER`].
    pub fn target(&self) -> &str {
        self.fault().target()
    }

    /// How much later than otherwise a frame may arrive because of it (ns).
    pub fn late_ns(&self) -> u64 {
        let consequences = self.fault().consequences(self.target());
        let late = consequences.iter().filter_map(Consequence::frames).map(|frames| frames.late_ns);
        late.max().unwrap_or(0)
    }
}
