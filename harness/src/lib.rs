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
//! Beside it stand `conformance`, probes of the file system itself, on the same sites and without a
//! lock; `search`, which makes scenarios that nobody has written; and `advise`, which makes those
//! of a site that somebody describes.
//!
//! Below, each module names only modules that stand above it.

pub mod assets;

pub mod suggest;

pub mod source;

pub mod units;

pub mod seeds;

pub mod name;

pub mod lock;

pub mod history;

pub mod rpc;

pub mod site;

pub mod kernel;

pub mod fault;

pub mod scenario;

pub mod plan;

pub mod run;

pub mod adapter_check;

pub mod conformance;

pub mod check;

pub mod verdict;

pub mod bundle;

pub mod search;

pub mod advise;

#[cfg(test)]
mod sim;

pub mod cli;
