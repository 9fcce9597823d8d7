//! A node: one machine with its own kernel, and the harness's end of everything it has.

pub mod console;
pub mod link;
pub mod log;
pub mod machine;
pub mod slot;
pub mod travel;

pub use machine::{Machine, Slice};
