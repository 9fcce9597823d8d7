//! Who is who at a site: the server, and the clients by their numbers.

use std::fmt;

/// What scenarios, plans and histories call the server.
pub const SERVER_NAME: &str = "server";

/// A node, by its place in the blueprint: the server stands first, and then the clients in order.
/// It names the node's port of the switch, too: every node has one, and nothing else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// A client, by its place among the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(usize);

impl NodeId {
    /// The server's place in every plan. (A bench that has one client and no server has it there.)
    pub const SERVER: NodeId = NodeId(0);

    /// The node at a place of the blueprint.
    pub const fn at(index: usize) -> NodeId {
        NodeId(index)
    }

    /// Its place in lists of all nodes.
    pub const fn index(self) -> usize {
        self.0
    }

    /// The nodes of a site that has so many.
    pub fn all(count: usize) -> impl Iterator<Item = NodeId> {
        (0..count).map(NodeId)
    }

    /// Whether it is the server's place.
    pub fn is_server(self) -> bool {
        self == NodeId::SERVER
    }

    /// The client that runs on it; none runs on the server.
    pub fn client(self) -> Option<ClientId> {
        self.0.checked_sub(1).map(ClientId)
    }

    /// The node of a name, which is the same in every site, whether this one has it or not.
    pub fn named(name: &str) -> Option<NodeId> {
        match name.strip_prefix('c') {
            Some(number) => number.parse().ok().filter(|number| *number > 0).map(NodeId),
            None => (name == SERVER_NAME).then_some(NodeId::SERVER),
        }
    }
}

impl ClientId {
    /// The client at a place of a list of all clients.
    pub const fn at(index: usize) -> ClientId {
        ClientId(index)
    }

    /// Its place in lists of all clients.
    pub const fn index(self) -> usize {
        self.0
    }

    /// The clients of a site that has so many.
    pub fn all(count: usize) -> impl Iterator<Item = ClientId> {
        (0..count).map(ClientId)
    }

    /// The node that it runs on.
    pub const fn node(self) -> NodeId {
        NodeId(self.0 + 1)
    }
}

/// The node's name: `server`, `c1`, `c2` ...
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str(SERVER_NAME),
            number => write!(f, "c{number}"),
        }
    }
}

/// The client's name, which is its node's.
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_runs_on_a_node_of_its_own_and_none_runs_on_the_server() {
        assert_eq!(NodeId::SERVER.client(), None);
        for client in ClientId::all(3) {
            assert_eq!(client.node().client(), Some(client));
            assert_eq!(client.to_string(), client.node().to_string());
        }
    }

    #[test]
    fn nodes_are_known_by_their_names() {
        let names: Vec<String> = NodeId::all(3).map(|node| node.to_string()).collect();
        assert_eq!(names, ["server", "c1", "c2"]);
        for node in NodeId::all(3) {
            assert_eq!(NodeId::named(&node.to_string()), Some(node));
        }
        for nobody in ["", "c", "c0", "c-1", "cserver", "s", "owner"] {
            assert_eq!(NodeId::named(nobody), None, "{nobody}");
        }
    }
}
