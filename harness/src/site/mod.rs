//! The site: the simulated place. Nothing here knows what a lock is.
//!
//! [`Site`] owns the clock, the wire, the disk and the machines, and lets one thing happen at a
//! time: either an event of the calendar, or one node's slice of time. On the real clock the nodes
//! run by themselves, and there are the calendar's events alone. Whoever runs the site asks it for
//! the next [`Happening`], and need not know which clock it is.

pub mod blueprint;
pub mod clock;
pub mod disk;
pub mod exchange;
pub mod launch;
pub mod node;
pub mod virtio;
pub mod wire;

mod engine;
mod error;
mod real_time;
mod traffic;

pub use engine::{Happening, NodeId, Provisions, Site, Statistics};
pub use error::SiteError;
