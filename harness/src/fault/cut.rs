use super::{Effect, Fault};
use crate::history::Consequence;
use crate::history::consequence::Pass;
use crate::rpc::Flow;
use crate::site::NodeId;
use crate::site::wire::{Fate, Passing, Rule};
use lockstorm_agent::ports;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cut a node off the network: every frame to and from it is lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    pub node: String,
    /// Only the frames of one of the programs that NFSv3 is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// A program of NFSv3, or one that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    Nfs,
    /// The lock manager, lockd.
    Nlm,
    /// The status monitor, statd.
    Nsm,
    Mount,
    Portmapper,
}

impl Service {
    /// Where it listens.
    fn port(self) -> u16 {
        match self {
            Service::Nfs => ports::NFS,
            Service::Nlm => ports::NLM,
            Service::Nsm => ports::NSM,
            Service::Mount => ports::MOUNT,
            Service::Portmapper => ports::PORTMAPPER,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Service::Nfs => "NFS",
            Service::Nlm => "the lock manager",
            Service::Nsm => "the status monitor",
            Service::Mount => "MOUNT",
            Service::Portmapper => "the port mapper",
        }
    }
}

impl Cut {
    /// A cut of this node, with all that it has.
    pub fn of(node: String) -> Cut {
        Cut { node, service: None }
    }
}

impl Fault for Cut {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, node: NodeId, _: u64) -> Vec<Effect> {
        let port = self.service.map(Service::port);
        vec![Effect::Wire(Box::new(LoseAll { node, port }))]
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let pass = if self.service.is_some() { Pass::Some } else { Pass::None };
        Consequence::of_link(node, pass, 0)
    }

    fn describe(&self) -> String {
        match self.service {
            None => "is cut off the network".into(),
            Some(service) => format!("is cut off from {}", service.name()),
        }
    }
}

struct LoseAll {
    node: NodeId,
    /// Of one program alone.
    port: Option<u16>,
}

impl Rule for LoseAll {
    fn on_frame(&mut self, passing: &Passing) -> Fate {
        let is_meant = |port: u16| {
            let flow = Flow::of(&passing.frame.bytes);
            flow.is_some_and(|flow| flow.from.1 == port || flow.to.1 == port)
        };
        match passing.frame.concerns(self.node) && self.port.is_none_or(is_meant) {
            true => Fate::lost(),
            false => Fate::pass(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_of_one_program_is_not_surely_all() {
        let cut = |yaml: &str| serde_yaml::from_str::<Cut>(yaml).unwrap();
        let one = cut("{node: c1, service: nlm}");
        assert_eq!(one.describe(), "is cut off from the lock manager");
        assert_eq!(one.consequences("c1"), Consequence::of_link("c1", Pass::Some, 0));
        assert_eq!(cut("{node: c1}"), Cut::of("c1".into()));
    }
}
