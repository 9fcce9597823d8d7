//! The lock under test: its profile (what it is and promises) and its adapter's protocol.

pub mod adapter;
pub mod catalogue;
pub mod layer;
pub mod profile;
