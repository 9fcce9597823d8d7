//! Rules about faults that wait for a state.

use super::{Findings, clients};
use crate::fault::{Exists, NodeState, Reaches};
use crate::scenario::Scenario;
use crate::site::blueprint::Implementation;
use crate::source::KeyPath;
use crate::units::Nanos;

pub fn check(scenario: &Scenario, reaches: &Reaches, path: &KeyPath, findings: &mut Findings) {
    findings.number(path.key("nth"), reaches.nth.into(), 1, 1_000_000);
    findings.span(path.key("after"), reaches.after, Nanos::ZERO);
    if let Some(client) = &reaches.client {
        findings.node(path.key("client"), client, &clients(scenario));
        if reaches.is == NodeState::InGrace {
            let message = "the grace time is the server's; expected no `client`";
            findings.add_key(path.key("client"), message);
        }
    }
    let needed = match reaches.is {
        NodeState::Delegated | NodeState::Recalled => "delegations",
        NodeState::LeaseExpired => "leases",
        _ => return,
    };
    let server = &scenario.site.server;
    let message = match () {
        () if scenario.site.nfs.version == "3" => {
            format!("NFSv3 has no {needed}; expected a mount of NFSv4")
        }
        () if needed == "leases" => return,
        () if server.implementation == Implementation::Ganesha => {
            "nfs-ganesha delegates nothing as it is set up here; expected `knfsd`".into()
        }
        () if !server.delegations => {
            "this server delegates nothing; expected no `site.server.delegations: false`".into()
        }
        () => return,
    };
    findings.add(path.key("is"), message);
}

pub fn check_exists(exists: &Exists, path: &KeyPath, findings: &mut Findings) {
    findings.number(path.key("nth"), exists.nth.into(), 1, 1_000_000);
    findings.span(path.key("after"), exists.after, Nanos::ZERO);
    if exists.path.is_empty() {
        findings.add(path.key("path"), "no path is empty; expected a pattern like '*.lck'");
    }
}
