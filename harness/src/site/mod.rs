//! The site: the simulated place. Nothing here knows what a lock is.
//!
//! [`Site`] owns the clock, the wire, the disk and the machines, and lets one thing happen at a
//! time: either an event of the calendar, or one node's slice of time. Whoever runs the site asks
//! it for the next [`Happening`].

pub mod blueprint;
pub mod clock;
pub mod disk;
pub mod launch;
pub mod node;
pub mod virtio;
pub mod wire;

mod engine;
mod error;
mod traffic;

pub use engine::{Happening, NodeId, Provisions, Site, Statistics};
pub use error::SiteError;
