//! What a machine has.

/// The devices of a machine, by the order in which its kernel names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// /dev/vda: the node image.
    Root = 0,
    /// The NIC.
    Net = 1,
    /// The control channel.
    Control = 2,
    /// /dev/vdb of the server: its disk.
    Disk = 3,
    /// /dev/vdb of a client: what it has beside the node image.
    Supplement = 4,
}
