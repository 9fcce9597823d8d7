//! Virtio devices that the harness is the other end of: vhost-user messages, then rings in the
//! guest's memory.

pub mod device;
mod guard;
pub mod memory;
pub mod vhost_user;
