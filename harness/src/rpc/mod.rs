//! What the wire says: the calls and replies of NFS and its companions in the frames of a site.
//!
//! From the bottom up: a frame carries a piece of a [`Flow`]; pieces of a TCP stream are put into
//! their order, and cut into messages by record marking; a message has a head (RFC 5531) that says
//! which program it is for; and the operations of that program are read by tables of items. Handles
//! are told by the names that earlier calls gave them.
//!
//! What is broken or unknown is a value, and never a reason to panic; everything that is kept is
//! bounded.

pub mod capture;
mod decoder;
mod flow;
mod handles;
mod header;
mod item;
mod listener;
mod meaning;
mod message;
mod nfs3;
mod nfs4;
mod pending;
mod programs;
mod record;
mod side_programs;
mod status;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod xdr;

pub use capture::{Call, calls};
pub use decoder::Decoder;
pub use flow::{Flow, Protocol};
pub use listener::Listener;
pub use meaning::{delegates, reclaims};
pub use message::{Kind, Message, Operation, Status, rank};
pub use programs::{nfs4_status, operations, operations_of_nfs3, operations_of_nfs4, status_names};
pub use record::Place;
pub use status::{NFS4ERR_DELAY, NFS4ERR_OP_ILLEGAL};
