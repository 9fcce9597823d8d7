//! The site: the simulated place. Clock, wire, disks and nodes; nothing here knows what a lock is.

pub mod blueprint;
