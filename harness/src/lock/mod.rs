//! The lock under test: its profile (what it is and promises) and its adapter's protocol.

pub mod adapter;
pub mod bring;
pub mod catalogue;
pub mod choice;
pub mod layer;
pub mod profile;
pub mod start;
