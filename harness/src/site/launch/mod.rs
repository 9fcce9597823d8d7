//! Launch: starts a node's kernel. Nothing else knows how.

pub mod core;
mod guardian;
pub mod initrd;
pub mod process;
mod program;

pub use process::{Kernel, Launcher, Listeners};
pub use program::{Program, Programs};
