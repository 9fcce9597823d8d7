use super::{Effect, Fault, Named};
use crate::history::Consequence;
use crate::site::{NodeId, SERVER_NAME};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stop the NFS server, while its machine goes on. It forgets what clients have open and locked,
/// and what it has answered, and loses nothing that was written. At the end of `for` it is started
/// again, with a grace time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nfsd {}

impl Fault for Nfsd {
    fn target(&self) -> &str {
        SERVER_NAME
    }

    fn named(&self) -> Vec<Named<'_>> {
        Vec::new()
    }

    fn effects(&self, _: NodeId, _: u64) -> Vec<Effect> {
        vec![Effect::NoService]
    }

    /// To clients it is as if the server had no power.
    fn consequences(&self, node: &str) -> Vec<Consequence> {
        vec![Consequence::Power { node: node.to_owned() }]
    }

    fn describe(&self) -> String {
        "has its NFS server stopped".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_always_the_server_that_it_strikes() {
        assert_eq!(Nfsd {}.target(), SERVER_NAME);
        assert_eq!(Nfsd {}.named(), []);
        let expected = [Consequence::Power { node: "server".into() }];
        assert_eq!(Nfsd {}.consequences("server"), expected);
    }
}
