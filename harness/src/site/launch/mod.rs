//! Launch: starts a node's kernel. Nothing else knows how.

pub mod core;
mod guardian;
pub mod initrd;
pub mod process;

pub use process::{Kernel, Launcher, Listeners};
