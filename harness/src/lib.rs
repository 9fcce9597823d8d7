//! lockstorm: a chaos and conformance harness for file locking over NFS.
//!
//! The way of the data through the modules:
//!
//! ```text
//! scenarios/*.yaml -> scenario -> plan -> run -> history -> check -> verdict -> report
//!                                          |
//!                      site (clock, wire, disk, nodes) and the faults that act on it
//!                                          |
//!       agent -> adapter -> lock library -> kernel NFS client -> wire -> server
//! ```
//!
//! Below, each module names only modules that stand above it.

pub mod assets;
pub mod check;
pub mod cli;
pub mod fault;
pub mod history;
pub mod lock;
pub mod plan;
pub mod run;
pub mod scenario;
pub mod site;
pub mod source;
pub mod suggest;
pub mod units;
pub mod verdict;
