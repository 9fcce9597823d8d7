use super::{Effect, Fault};
use crate::history::Consequence;
use crate::site::settings::is_host_name;
use crate::site::{NodeId, SERVER_NAME};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cut a node's power. A server keeps the sectors that were flushed; at the end of `for` the node
/// is switched on again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    pub node: String,
    /// Share of the server's unflushed sectors that last all the same, drawn block by block:
    /// 0 to 1.
    #[serde(default)]
    pub keep: f64,
    /// The host name that a client comes back with; default: its own. To the NFS server it is
    /// somebody new then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
}

impl Crash {
    /// A power cut of this node, and nothing else.
    pub fn of(node: String) -> Crash {
        Crash { node, keep: 0.0, host_name: None }
    }
}

impl Fault for Crash {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        let renamed = self.host_name.clone().map(|host_name| Effect::HostName { host_name });
        renamed.into_iter().chain([Effect::NoPower { keep: self.keep }]).collect()
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let node = node.to_owned();
        let renamed = self.host_name.clone();
        let renamed =
            renamed.map(|host_name| Consequence::HostName { node: node.clone(), host_name });
        [Consequence::Power { node }].into_iter().chain(renamed).collect()
    }

    fn describe(&self) -> String {
        match &self.host_name {
            None => "loses power".into(),
            Some(host_name) => format!("loses power, and comes back as {host_name}"),
        }
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let Some(host_name) = &self.host_name else {
            return Vec::new();
        };
        let message = match (self.node == SERVER_NAME, is_host_name(host_name)) {
            (true, _) => "clients go by the server's address; expected a client, or no `host_name`",
            (_, false) => "this is no host name; expected letters, digits, `-` and `.`, at most 64",
            _ => return Vec::new(),
        };
        vec![(Some("host_name"), message.into())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash(yaml: &str) -> Crash {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn a_client_may_come_back_with_another_name_and_a_server_may_not() {
        let renamed = crash("{node: c1, host_name: c2}");
        assert_eq!(renamed.problems(), []);
        let (node, host_name) = ("c1".into(), "c2".into());
        assert_eq!(renamed.consequences("c1")[1], Consequence::HostName { node, host_name });
        assert_eq!(crash("{node: c1}").consequences("c1").len(), 1);
        for bad in ["{node: server, host_name: c2}", "{node: c1, host_name: 'a b'}"] {
            assert_eq!(crash(bad).problems()[0].0, Some("host_name"), "{bad}");
        }
    }
}
