use super::{Effect, Fault};
use crate::history::Consequence;
use crate::site::settings::is_host_name;
use crate::site::{NodeId, SERVER_NAME};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// Of the site's network, those that no node has: there are at most 16 clients.
const FREE: RangeInclusive<Ipv4Addr> = Ipv4Addr::new(10, 0, 0, 18)..=Ipv4Addr::new(10, 0, 0, 254);
const SERVERS_OWN: &str =
    "clients go by the server's address, and by no name; expected a client here";

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
    /// The network address that a client comes back with, as a DHCP server may give it another;
    /// default: its own. Its card and its host name are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
}

impl Crash {
    /// A power cut of this node, and nothing else.
    pub fn of(node: String) -> Crash {
        Crash { node, keep: 0.0, host_name: None, address: None }
    }
}

impl Fault for Crash {
    fn target(&self) -> &str {
        &self.node
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        let renamed = self.host_name.clone().map(|host_name| Effect::HostName { host_name });
        let moved = self.address.map(|address| Effect::Address { address });
        renamed.into_iter().chain(moved).chain([Effect::NoPower { keep: self.keep }]).collect()
    }

    fn consequences(&self, node: &str) -> Vec<Consequence> {
        let node = node.to_owned();
        let renamed = self.host_name.clone();
        let renamed =
            renamed.map(|host_name| Consequence::HostName { node: node.clone(), host_name });
        [Consequence::Power { node }].into_iter().chain(renamed).collect()
    }

    fn describe(&self) -> String {
        let host_name = self.host_name.as_ref().map(|host_name| format!("as {host_name}"));
        let address = self.address.map(|address| format!("with the address {address}"));
        let other: Vec<String> = host_name.into_iter().chain(address).collect();
        match other.is_empty() {
            true => "loses power".into(),
            false => format!("loses power, and comes back {}", other.join(" ")),
        }
    }

    fn problems(&self) -> Vec<(Option<&'static str>, String)> {
        let is_server = self.node == SERVER_NAME;
        let host_name =
            self.host_name.as_ref().and_then(|host_name| match is_host_name(host_name) {
                _ if is_server => Some(SERVERS_OWN),
                true => None,
                false => {
                    Some("this is no host name; expected letters, digits, `-` and `.`, at most 64")
                }
            });
        let address = self.address.and_then(|address| match FREE.contains(&address) {
            _ if is_server => Some(SERVERS_OWN),
            true => None,
            false => Some("expected an address that no node has: 10.0.0.18 to 10.0.0.254"),
        });
        let told = |key, message: Option<&str>| message.map(|told| (Some(key), told.to_owned()));
        told("host_name", host_name).into_iter().chain(told("address", address)).collect()
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

    #[test]
    fn a_client_may_come_back_with_an_address_that_nobody_has() {
        let moved = crash("{node: c1, address: 10.0.0.18}");
        assert_eq!(moved.problems(), []);
        assert_eq!(moved.describe(), "loses power, and comes back with the address 10.0.0.18");
        let bad = ["server, address: 10.0.0.18", "c1, address: 10.0.0.3", "c1, address: 10.0.1.20"];
        for bad in bad {
            assert_eq!(
                crash(&format!("{{node: {bad}}}")).problems()[0].0,
                Some("address"),
                "{bad}"
            );
        }
    }
}
