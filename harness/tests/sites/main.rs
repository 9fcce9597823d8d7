//! The tests that run sites, or the built command. One program: the sites of one file of tests run
//! while those of another wait, and it is linked once.
//!
//! They need what `ci/setup --tests` brings, and fail without it.

mod advise;
mod artefacts;
mod bisect;
mod book;
mod bundle;
mod ci_templates;
mod cli;
mod clocks;
mod common;
mod conformance;
#[cfg(feature = "docker")]
mod containers;
mod controls;
mod endings;
#[cfg(feature = "docker")]
mod engines;
mod example;
mod explore;
mod filing;
mod fuzz;
mod gate;
mod guest;
#[cfg(feature = "docker")]
mod host_kernel;
mod hostile;
mod kernel_tree;
mod kernels;
mod known_bugs;
mod manual;
mod matrix;
mod misbehaving;
mod own_locks;
mod pasted;
mod published;
mod replay;
mod scale;
mod scenarios;
mod servers;
mod shrink;
mod site;
mod slurm;
mod sweep;
mod wire;
